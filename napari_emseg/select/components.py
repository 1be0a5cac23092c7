"""Connected pieces of masks, and what they enclose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

    Mask = BoolArray | FloatArray

__all__ = ["fill_holes", "largest", "remove_small"]


def check_connectivity(connectivity: int) -> None:
    """Reject what is neither 4 nor 8."""
    if connectivity not in (4, 8):
        raise ValueError(
            f"connectivity={connectivity}, but pixels are joined by their sides (4) or "
            "by their corners too (8); pass one of these"
        )


def as_selection(selection: ArrayLike, shape: tuple[int, ...] | None = None) -> Mask:
    """Return a selection as bool or as float32 coverage, or reject it.

    Parameters
    ----------
    selection : (…) array_like of bool, float in [0, 1], or integer (0 is outside)
    shape : tuple of int, optional
        The shape that it must have.

    Raises
    ------
    TypeError
        If its values are of another type.
    ValueError
        If its shape or its values are wrong.
    """
    mask = np.asarray(selection)
    if shape is not None and mask.shape != tuple(shape):
        raise ValueError(
            f"selection has shape {mask.shape}, but {tuple(shape)} is needed; make it "
            "on this image, without channels"
        )
    if mask.ndim < 2:
        raise ValueError(
            f"selection has shape {mask.shape}, but at least Y and X are needed"
        )
    if mask.dtype.kind == "b":
        return mask
    if mask.dtype.kind in "ui":
        return mask != 0
    if mask.dtype.kind != "f":
        raise TypeError(
            f"selection has values of type {mask.dtype}; pass bool, or coverage as "
            "float in 0..1"
        )
    # NaN fails the comparison.
    if mask.size > 0 and not (mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(
            f"selection has values from {mask.min()} to {mask.max()}, but coverage is "
            "0 to 1"
        )
    return np.asarray(mask, np.float32)


def hard_mask(
    selection: ArrayLike, shape: tuple[int, ...] | None = None, threshold: float = 0.5
) -> BoolArray:
    """Return a selection as bool: where its coverage is at least `threshold`."""
    mask = as_selection(selection, shape)
    if mask.dtype == bool:
        return np.asarray(mask, bool)
    return mask >= np.float32(threshold)


def neighborhood(ndim: int, connectivity: int = 4) -> BoolArray:
    """Return which of the 3 x 3 (x 3) surrounding pixels a pixel is joined to.

    Parameters
    ----------
    ndim : int
        Number of axes, 2 or more. Points of axes before the last three are apart, as
        points in time are.
    connectivity : {4, 8}
        In a plane; 4 means faces only and 8 edges and corners too in a volume.

    Raises
    ------
    ValueError
        If the connectivity is another one.
    """
    check_connectivity(connectivity)
    last = min(ndim, 3)
    core = ndi.generate_binary_structure(last, 1 if connectivity == 4 else last)
    out = np.zeros((3,) * ndim, bool)
    out[(1,) * (ndim - last)] = core
    return out


def pieces(mask: BoolArray, connectivity: int = 4) -> tuple[NDArray[np.int32], int]:
    """Return the connected pieces of a mask as labels 1..N, and N."""
    structure = neighborhood(mask.ndim, connectivity)
    if mask.size == 0:  # which OpenCV does not survive
        return np.zeros(mask.shape, np.int32), 0
    if mask.ndim == 2:
        image = np.ascontiguousarray(mask).view(np.uint8)
        count, found = cv2.connectedComponents(
            image, connectivity=connectivity, ltype=cv2.CV_32S
        )
        return np.asarray(found, np.int32), count - 1
    labeled, count = ndi.label(mask, structure)
    return np.asarray(labeled, np.int32), int(count)


def connected_to(mask: BoolArray, seeds: BoolArray, connectivity: int = 4) -> BoolArray:
    """Return the pieces of a mask that hold a seed."""
    found, count = pieces(mask, connectivity)
    wanted = np.zeros(count + 1, bool)
    wanted[found[seeds]] = True
    wanted[0] = False
    return wanted[found]


def fill_holes(
    selection: ArrayLike, max_size: int | None = None, *, connectivity: int = 4
) -> Mask:
    """Select what is enclosed.

    Fills holes.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    max_size : int, optional
        Larger holes stay, in pixels.
    connectivity : {4, 8}, optional
        How pixels of holes are joined. The last three axes count.

    Returns
    -------
    (…) ndarray of bool or float32

    Examples
    --------
    >>> fill_holes([[1, 1, 1], [1, 0, 1], [1, 1, 1]]).all()
    np.True_
    """
    mask = as_selection(selection)
    found, count = pieces(~hard_mask(mask), connectivity)
    fills = np.ones(count + 1, bool)
    for axis in range(max(mask.ndim - 3, 0), mask.ndim):
        fills[found[(slice(None),) * axis + (slice(1),)]] = False
        fills[found[(slice(None),) * axis + (slice(-1, None),)]] = False
    if max_size is not None:
        fills &= np.bincount(found.ravel(), minlength=count + 1) <= max_size
    fills[0] = False
    return np.where(fills[found], mask.dtype.type(1), mask)


def remove_small(selection: ArrayLike, min_size: int, *, connectivity: int = 4) -> Mask:
    """Drop the connected pieces of fewer pixels; any coverage counts as a pixel.

    Removes small objects.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    min_size : int
        Pixels of the smallest piece that stays.
    connectivity : {4, 8}, optional
        How pixels are joined. The last three axes count.

    Returns
    -------
    (…) ndarray of bool or float32

    Examples
    --------
    >>> remove_small([[1, 0, 1, 1]], 2).astype(int)
    array([[0, 0, 1, 1]])
    """
    mask = as_selection(selection)
    found, size = _sizes(mask, connectivity)
    return np.where((size >= min_size)[found], mask, mask.dtype.type(0))


def largest(selection: ArrayLike, *, connectivity: int = 4) -> Mask:
    """Keep the largest connected piece; of equal ones the first.

    The largest connected component.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    connectivity : {4, 8}, optional
        How pixels are joined. The last three axes count.

    Returns
    -------
    (…) ndarray of bool or float32

    Examples
    --------
    >>> largest([[1, 0, 1, 1]]).astype(int)
    array([[0, 0, 1, 1]])
    """
    mask = as_selection(selection)
    found, size = _sizes(mask, connectivity)
    size[0] = 0
    return np.where(found == size.argmax(), mask, mask.dtype.type(0))


def _sizes(mask: Mask, connectivity: int) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    found, count = pieces(mask > 0, connectivity)
    return found, np.bincount(found.ravel(), minlength=count + 1)
