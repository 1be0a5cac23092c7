"""The range of an image's values, whatever a few of them say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

# Share of the values that may be brighter than white: hot pixels.
_HOT = 1e-3


def full_scale(parts: Iterable[NDArray[Any]], dtype: np.dtype[Any]) -> float:
    """Return the value that is white in an RGB image.

    Cameras and scanners of 10, 12 or 14 bit leave the upper bits of 16 empty.

    Parameters
    ----------
    parts : iterable of ndarray
        All values of the image, without alpha, in parts of any shape; read only if
        the type does not tell.
    dtype : numpy.dtype
        Their type: float, uint8 or uint16.

    Returns
    -------
    float
        1 for floats, 255 for 8 bit; for 16 bit the smallest 2ⁿ - 1, n from 8 on, that
        no more than one value in a thousand exceeds.

    Examples
    --------
    >>> full_scale([np.array([[0, 4000, 1000]], np.uint16)], np.dtype("uint16"))
    4095.0
    """
    if dtype.kind == "f":
        return 1.0
    if dtype.itemsize == 1:
        return 255.0
    counts = np.zeros(256)
    for part in parts:
        flat = np.ascontiguousarray(part, dtype).reshape(1, -1)
        # By their upper byte: bins end where powers of two do.
        counts += cv2.calcHist([flat], [0], None, [256], [0, 2**16]).ravel()
    above = counts[::-1].cumsum()[::-1]
    bits = range(8, 16)
    enough = (n for n in bits if above[2 ** (n - 8)] <= _HOT * above[0])
    return float(2 ** next(enough, 16) - 1)
