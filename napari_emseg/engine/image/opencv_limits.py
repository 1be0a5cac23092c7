"""OpenCV where it does not work, or dies, on images of some shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray

# The bilateral filter cuts more than 2^14 pixels into stripes for its threads, and
# writes beyond its memory where stripes are narrower than its radius.
_DIAMETER, _NARROW, _ROWS = 9, 4, 2**12
# cv2.floodFill keeps rows in 16 bits: it does not go beyond, and says nothing.
FLOOD_SIDE = 2**16 - 2
# Pixels of the widest blur: it fails where the size of its window is too large.
_WIDEST = 10_000


def check_blur(radius: float) -> None:
    """Raise a ValueError if a standard deviation, in pixels, is too wide a blur."""
    if radius > _WIDEST:
        raise ValueError(
            f"radius={radius:g} pixels, but {_WIDEST} are the most; take less"
        )


def bilateral(image: FloatArray) -> FloatArray:
    """Smooth an image, but not across its edges.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3) ndarray of float32
        In units where 100 is the whole range.

    Returns
    -------
    ndarray of float32
        Of the same shape.
    """
    image = np.ascontiguousarray(image, np.float32)
    if image.shape[1] >= _NARROW or len(image) <= _ROWS:
        return _bilateral(image)
    out = np.empty_like(image)
    halo = _DIAMETER // 2
    for start in range(0, len(image), _ROWS):
        first = max(start - halo, 0)
        part = _bilateral(image[first : start + _ROWS + halo])
        out[start : start + _ROWS] = part[start - first :][:_ROWS]
    return out


def _bilateral(image: FloatArray) -> FloatArray:
    found = cv2.bilateralFilter(image, _DIAMETER, 8, 4)
    return np.asarray(found, np.float32).reshape(image.shape)


def inpaint(
    plane: FloatArray, holes: NDArray[np.uint8], radius: float, method: int
) -> FloatArray:
    """Replace the pixels under a mask by what is around them.

    Parameters
    ----------
    plane : (Y, X) ndarray of float32
    holes : (Y, X) ndarray of uint8
        Above 0 what is replaced.
    radius : float
        How far around each pixel to look, in pixels.
    method : int
        OpenCV's number of a method.

    Returns
    -------
    (Y, X) ndarray of float32
    """
    # Of a single line of pixels it reads what is beside it in memory.
    sides = [(1, 1) if n == 1 else (0, 0) for n in plane.shape]
    wide, mask = np.pad(plane, sides, "edge"), np.pad(holes, sides, "edge")
    found = np.asarray(cv2.inpaint(wide, mask, radius, method), np.float32)
    (top, _), (left, _) = sides
    return found[top:, left:][: plane.shape[0], : plane.shape[1]]
