"""The value of white, where a file declares another than the largest of its type.

Cameras of 10 to 14 bits write 16; a picture of theirs is dark unless that is known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

_WHITE_LEVEL, _S_MAX, _MAX = 50717, 341, 281


def full_scale_of(
    tiff: tifffile.TiffFile, page: tifffile.TiffPage, pixels: NDArray[Any]
) -> float | None:
    """Return the value of white that a TIFF file declares.

    Parameters
    ----------
    tiff : tifffile.TiffFile
    page : tifffile.TiffPage
    pixels : ndarray
        As stored.

    Returns
    -------
    float or None
        By bits of a sample, by "SMaxSampleValue" or "WhiteLevel"; by "MaxSampleValue",
        the bits of OME, or the range in which ImageJ shows an image if they are 1 below
        a power of 2, as otherwise they tell of the values that are there. None where
        that is the largest value of the type, and where pixels are brighter.
    """
    if pixels.dtype.kind not in "uif" or not pixels.size:
        return None
    bits = page.bitspersample
    usual = bits_of(pixels.dtype)
    if isinstance(bits, int) and pixels.dtype.kind == "u" and 1 < bits < usual:
        return float(2**bits - 1)
    declared = [_largest(page.tags.valueof(tag)) for tag in (_S_MAX, _WHITE_LEVEL)]
    about = tiff.imagej_metadata or {}
    likely = [_largest(page.tags.valueof(_MAX)), _largest(about.get("max"))]
    if tiff.ome_metadata is not None and (
        found := re.search(r'SignificantBits="(\d{1,2})"', tiff.ome_metadata)
    ):
        likely.append(2.0 ** int(found[1]) - 1)
    declared += [one for one in likely if one and np.log2(one + 1) % 1 == 0]
    return next((one for one in declared if _fits(one, pixels)), None)


def bits_of(dtype: np.dtype[Any]) -> int:
    """Return the bits of a value."""
    return 8 * dtype.itemsize


def _largest(value: Any) -> float:
    try:
        return float(np.max(value)) if value is not None else 0.0
    except (TypeError, ValueError):  # a text, where numbers stand
        return 0.0


def _fits(white: float, pixels: NDArray[Any]) -> bool:
    """Tell whether white is one, and no pixel is brighter."""
    if not 1 <= white < np.inf:
        return False
    if pixels.dtype.kind != "f" and white >= np.iinfo(pixels.dtype).max:
        return False
    return bool(np.nanmax(pixels) <= white)


def full_scale_of_bits(significant: int, pixels: NDArray[Any]) -> float | None:
    """Return the value of white of a PNG file whose chunk "sBIT" tells its bits.

    Parameters
    ----------
    significant : int
        Bits that the picture had before it was stored.
    pixels : ndarray of uint8 or uint16

    Returns
    -------
    float or None
        None if values are spread over the whole range, as the standard has it, and
        some programs do not.

    Examples
    --------
    >>> full_scale_of_bits(12, np.uint16([1, 4095]))
    4095.0
    >>> full_scale_of_bits(12, np.uint16([16, 65535]))
    """
    usual = bits_of(pixels.dtype)
    if pixels.dtype.kind != "u" or not 1 < significant < usual:
        return None
    spread = not (pixels & (2 ** (usual - significant) - 1)).any()
    white = float(2**significant - 1)
    return None if spread or pixels.max() > white else white
