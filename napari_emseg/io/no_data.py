"""Pixels that are no data, as GDAL's tag tells them apart."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

_TAG = 42113
# The tag is text: floats may have lost their last digits in it, and the lowest number
# of a type, a common flag, many more.
_CLOSE, _HUGE, _ROUGHLY = 4, 1e30, 1e-5
_SLAB = 2**20  # values that are looked at once


def flag_of(page: tifffile.TiffPage, name: str) -> float | None:
    """Return the number that means "no data" on a page, if there is one.

    Parameters
    ----------
    page : tifffile.TiffPage
    name : str
        Of the file, for the warning.

    Warns
    -----
    UserWarning
        The tag is no number.
    """
    found = page.tags.valueof(_TAG)
    if found is None:
        return None
    text = str(found).strip("\0 ")
    try:
        # Floats do not tell all numbers of 64 bits apart.
        whole = re.fullmatch(r"[+-]?\d{1,20}", text)
        return int(text) if whole else float(text)
    except ValueError:
        warnings.warn(
            f"the no-data value of {name} is {text[:40]!r}, which is no number, and is "
            "left out",
            stacklevel=2,
        )
        return None


def find_flagged(pixels: NDArray[Any], flag: float) -> NDArray[np.bool_] | None:
    """Return where values are the flag.

    Parameters
    ----------
    pixels : ndarray
        As stored.
    flag : float
        As the file tells it.

    Returns
    -------
    ndarray of bool, or None
        None if no value is.

    Examples
    --------
    >>> find_flagged(np.float32([0.5, -9999]), -9999.0).tolist()
    [False, True]
    >>> find_flagged(np.uint8([0, 9]), -9999.0)
    """
    dtype = pixels.dtype
    if dtype.kind == "f":
        if not np.isfinite(flag):
            return None  # not a number already
        slack = _ROUGHLY if abs(flag) > _HUGE else _CLOSE * float(np.finfo(dtype).eps)
        with np.errstate(over="ignore"):
            near = (dtype.type(flag * (1 - slack)), dtype.type(flag * (1 + slack)))
        found = pixels >= min(near)
        found &= pixels <= max(near)
    elif dtype.kind in "ui":
        bounds = np.iinfo(dtype)
        if flag % 1 or not bounds.min <= flag <= bounds.max:
            return None
        found = pixels == dtype.type(flag)
    else:
        return None
    return found if found.any() else None


def leave_out(
    pixels: NDArray[Any], flagged: NDArray[np.bool_], *, rgb: bool
) -> NDArray[Any]:
    """Return pixels without those that are no data.

    Parameters
    ----------
    pixels : ndarray
        Channels last if there are any.
    flagged : ndarray of bool
        Of the shape of `pixels`, or without its colors.
    rgb : bool
        Whether the last axis is red, green, blue and perhaps alpha.

    Returns
    -------
    ndarray
        RGBA with alpha 0 of colors that are whole numbers. Else floats that are not a
        number there, as wide as whole numbers need to stay exact.
    """
    if rgb and pixels.dtype.kind in "ui":
        none = flagged if flagged.ndim < pixels.ndim else flagged.all(axis=-1)
        if not none.any():
            return pixels
        if pixels.shape[-1] == 4:
            pixels[none, 3] = 0
            return pixels
        result = np.full((*pixels.shape[:-1], 4), np.iinfo(pixels.dtype).max,
                         pixels.dtype)  # fmt: skip
        result[..., :3] = pixels
        result[none, 3] = 0
        return result
    if rgb and flagged.ndim < pixels.ndim:
        flagged = np.broadcast_to(flagged[..., None], pixels.shape)
    if pixels.dtype.kind != "f":
        # Half precision would do for 8 bits, but is drawn by few.
        pixels = pixels.astype(np.result_type(pixels.dtype, np.float32))
    pixels[flagged] = np.nan
    return pixels


def tell_left_out(
    flagged: NDArray[np.bool_], flag: float, name: str, what: str
) -> None:
    """Warn of how many values or pixels are left out."""
    number = int(np.count_nonzero(flagged))
    warnings.warn(
        f"{number} {what} of {name} ({number / flagged.size:.1%}) are {flag:g}, which "
        "the file declares as no data, and are left out",
        stacklevel=2,
    )


def make_quiet(values: NDArray[Any]) -> None:
    """Make each float that is no number one that arithmetic passes on without a word.

    A damaged or foreign file may have those that raise a flag ("signaling NaN").

    Parameters
    ----------
    values : ndarray
        Changed in place, if it is contiguous and of floats.
    """
    if values.dtype.kind != "f" or not values.flags.c_contiguous:
        return
    flat = values.reshape(-1)
    for start in range(0, flat.size, _SLAB):
        part = flat[start : start + _SLAB]
        missing = np.isnan(part)
        if missing.any():
            part[missing] = np.nan
