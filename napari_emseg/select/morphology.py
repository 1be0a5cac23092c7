"""The shape of selections: combine, grow, shrink, smooth, feather.

All work on planes and volumes of any number of axes, and on bool masks as well as on
float32 coverage. What lies outside the image never counts: a selection that ends at
its side is not eaten away from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage as ndi

from napari_emseg.engine.image.opencv_limits import check_blur
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.select.components import as_selection, hard_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

    Mask = BoolArray | FloatArray

__all__ = [
    "border",
    "combine",
    "feather",
    "grow",
    "harden",
    "invert",
    "shrink",
    "smooth",
]

# Gaussians are cut off at this multiple of their standard deviation.
TRUNCATE = 4.0
# Coverage is grown by small disks one after another: their sum is a large disk. That
# of radius 5 has the most even outline: (5, 0), (4, 3), (3, 4), (0, 5) are on it.
_DISK = 5


def distance_to(
    mask: BoolArray, sides: tuple[float, ...] | None = None
) -> NDArray[np.floating[Any]]:
    """Return the distance of each pixel to the nearest of a mask, in pixels.

    Or in units of `sides`, the lengths of a pixel along the axes.
    """
    if sides is not None:
        return np.asarray(ndi.distance_transform_edt(~mask, sampling=sides))
    if mask.ndim != 2:
        return np.asarray(ndi.distance_transform_edt(~mask))
    outside = (~mask).view(np.uint8)
    found = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Square roots in float32: a distance of 5 must not come out as 5 + ε.
    return np.sqrt(np.rint(found * found))


def dilate(
    coverage: FloatArray, pixels: float, sides: tuple[float, ...] | None = None
) -> FloatArray:
    """Return the largest coverage (…) within a distance of 1 pixel or more."""
    along = np.ones(coverage.ndim) if sides is None else np.array(sides)
    # Each disk has a neighbor along the longest side, too.
    size = _DISK * int(np.ceil(along.max() / _DISK))
    steps = max(int(pixels / size) - 1, 0)
    out = coverage
    for radius in [size] * steps + [pixels - size * steps]:
        reach = (radius / along).astype(int)
        ball = np.indices(tuple((2 * reach + 1).tolist())).T - reach
        disk = (((ball * along) ** 2).sum(axis=-1) <= radius**2).T
        if out.ndim == 2:
            out = np.asarray(cv2.dilate(out, disk.astype(np.uint8)), np.float32)
        else:
            found = ndi.grey_dilation(out, footprint=disk, mode="constant")
            out = np.asarray(found, np.float32)
    return out


def blurred(values: FloatArray, sigma: float) -> FloatArray:
    """Return (…) float32 filtered with a Gaussian; border values are repeated."""
    check_blur(sigma)
    if values.ndim != 2:
        found = ndi.gaussian_filter(values, sigma, mode="nearest", truncate=TRUNCATE)
        return np.clip(np.asarray(found, np.float32), 0, 1)
    side = 2 * int(np.ceil(TRUNCATE * sigma)) + 1
    smooth = cv2.GaussianBlur(
        values, (side, side), sigma, borderType=cv2.BORDER_REPLICATE
    )
    return np.clip(np.asarray(smooth, np.float32), 0, 1)


MODES = ("new", "add", "subtract", "intersect", "xor")


def combine(a: ArrayLike, b: ArrayLike, mode: str = "new") -> Mask:
    """Combine an old selection with a new one.

    Union, difference (subtract) or intersection.

    Parameters
    ----------
    a, b : (…) array_like of bool or float
        The old and the new selection.
    mode : {"new", "add", "subtract", "intersect", "xor"}
        What to do. Soft selections follow the rules of fuzzy sets [1]_: maximum,
        minimum, and 1 - x.

    Returns
    -------
    (…) ndarray of bool, or float32 if one of them is soft

    Raises
    ------
    ValueError
        If the shapes differ or there is no such mode.

    References
    ----------
    .. [1] L. A. Zadeh, "Fuzzy sets", Information and Control 8(3), 338-353, 1965.

    Examples
    --------
    >>> a, b = np.array([[True, True, False]]), np.array([[False, True, True]])
    >>> combine(a, b, "xor")
    array([[ True, False,  True]])
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} is unknown; pass one of {', '.join(MODES)}")
    one = as_selection(a)
    two = as_selection(b, one.shape)
    if mode == "new":
        return two.copy()
    if mode == "add":
        return np.maximum(one, two)
    if mode == "subtract":
        return np.minimum(one, invert(two))
    if mode == "intersect":
        return np.minimum(one, two)
    return np.maximum(np.minimum(one, invert(two)), np.minimum(invert(one), two))


def invert(selection: ArrayLike) -> Mask:
    """Select what is not selected.

    The complement.

    Parameters
    ----------
    selection : (…) array_like of bool or float

    Returns
    -------
    (…) ndarray of bool or float32
        Of coverage, what is missing to 1.

    Examples
    --------
    >>> invert([[True, False]])
    array([[False,  True]])
    >>> invert([[1.0, 0.25]])
    array([[0.  , 0.75]], dtype=float32)
    """
    mask = as_selection(selection)
    return np.logical_not(mask) if mask.dtype == bool else np.float32(1) - mask


def grow(
    selection: ArrayLike, pixels: float, *, spacing: Sequence[float] | None = None
) -> Mask:
    """Add the pixels within a distance of the selection, in all directions alike.

    Also known as dilation, or expanding.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    pixels : float
        Distance between pixel centers.
    spacing : sequence of float, optional
        Lengths of a pixel along the axes, in any unit, as of a volume of thick slices:
        the distance is then in pixels of the shortest side.

    Returns
    -------
    (…) ndarray of bool or float32
        Coverage becomes the largest within the distance; of coverage, distances from
        10 pixels on end up to 5 % early between the axes and the diagonals.

    Raises
    ------
    ValueError
        If the distance is negative, or there is not a length for each axis.

    Examples
    --------
    >>> mask = np.zeros((5, 5), bool)
    >>> mask[2, 2] = True
    >>> grow(mask, 1).sum(), grow(mask, 2).sum()
    (np.int64(5), np.int64(13))
    >>> grow(mask, 2, spacing=(3, 1)).astype(int)[1:4]
    array([[0, 0, 0, 0, 0],
           [1, 1, 1, 1, 1],
           [0, 0, 0, 0, 0]])
    """
    mask = as_selection(selection)
    _check_pixels("pixels", pixels)
    sides = _sides(spacing, mask.ndim)
    out = mask.copy()
    box = bounding_box(mask, int(np.ceil(pixels)))
    inner = mask[box]
    if pixels < 1 or inner.size == 0:
        return out
    if mask.dtype == bool:
        out[box] = distance_to(np.asarray(inner, bool), sides) <= pixels
    else:
        out[box] = dilate(np.asarray(inner, np.float32), pixels, sides)
    return out


def _sides(spacing: Sequence[float] | None, ndim: int) -> tuple[float, ...] | None:
    """Return the lengths of a pixel in those of the shortest side; None if all are."""
    if spacing is None:
        return None
    sides = np.asarray(spacing, float)
    if sides.shape != (ndim,) or not (np.isfinite(sides) & (sides > 0)).all():
        raise ValueError(
            f"spacing={spacing!r}, but the selection has {ndim} axes; pass a positive "
            "length of a pixel for each"
        )
    found = tuple((sides / sides.min()).tolist())
    return found if max(found) > 1 else None


def shrink(
    selection: ArrayLike, pixels: float, *, spacing: Sequence[float] | None = None
) -> Mask:
    """Take away the pixels within a distance of what is not selected.

    Also known as erosion.

    Parameters
    ----------
    selection, pixels, spacing
        As for `grow`.

    Returns
    -------
    (…) ndarray of bool or float32
        Nothing is lost along the sides of the image.

    Raises
    ------
    ValueError
        As `grow`.

    Examples
    --------
    >>> shrink([[False, True, True, True]], 1)
    array([[False, False,  True,  True]])
    """
    mask = as_selection(selection)
    out = mask.copy()
    # What is not selected begins one pixel beyond the box.
    box = bounding_box(mask, 1)
    out[box] = invert(grow(invert(mask[box]), pixels, spacing=spacing))
    return out


def border(
    selection: ArrayLike, width: float, *, spacing: Sequence[float] | None = None
) -> Mask:
    """Select a band along the outline.

    The contour, with a width.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    width : float
        Of the band in pixels; half of it lies inside, and of an odd one the larger
        half.
    spacing : sequence of float, optional
        As for `grow`.

    Returns
    -------
    (…) ndarray of bool or float32

    Raises
    ------
    ValueError
        If the width is below 1.

    Examples
    --------
    >>> border([[0, 0, 0, 1, 1, 1]], 2).astype(int)
    array([[0, 0, 1, 1, 0, 0]])
    """
    if not 1 <= width < np.inf:
        raise ValueError(f"width={width}, but a band has one pixel or more; pass these")
    inside = np.ceil(width / 2)
    return combine(
        grow(selection, width - inside, spacing=spacing),
        shrink(selection, inside, spacing=spacing),
        "subtract",
    )


def smooth(selection: ArrayLike, radius: float) -> Mask:
    """Round the outline off: details smaller than the radius vanish.

    Instead of opening and closing.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    radius : float
        Standard deviation in pixels of the Gaussian that weighs the surroundings.

    Returns
    -------
    (…) ndarray of bool or float32
        Of a mask the majority, of coverage the mean of the surroundings.

    Raises
    ------
    ValueError
        If the radius is negative.

    Examples
    --------
    >>> mask = np.zeros((9, 9), bool)
    >>> mask[:, 5:] = mask[4, 2] = True
    >>> smooth(mask, 1)[4]
    array([False, False, False, False, False,  True,  True,  True,  True])
    """
    soft = feather(selection, radius)
    return soft if as_selection(selection).dtype != bool else soft >= np.float32(0.5)


def feather(selection: ArrayLike, radius: float) -> FloatArray:
    """Make the outline soft.

    The mask is blurred.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    radius : float
        Standard deviation of the Gaussian in pixels.

    Returns
    -------
    (…) ndarray of float32
        Coverage 0..1; a straight outline keeps its place at 0.5.

    Raises
    ------
    ValueError
        If the radius is negative, or above 10,000.

    Examples
    --------
    >>> feather([[0, 0, 1, 1]], 0.5).round(2)
    array([[0.  , 0.11, 0.89, 1.  ]], dtype=float32)
    """
    mask: FloatArray = as_selection(selection).astype(np.float32)
    _check_pixels("radius", radius)
    if radius == 0:
        return mask
    box = bounding_box(mask, int(np.ceil(TRUNCATE * radius)))
    if mask[box].size > 0:
        mask[box] = blurred(mask[box], radius)
    return mask


def harden(selection: ArrayLike, threshold: float = 0.5) -> BoolArray:
    """Make a soft selection hard: where its coverage is at least the threshold.

    Also known as binarizing.

    Parameters
    ----------
    selection : (…) array_like of bool or float
    threshold : float, optional
        Coverage 0..1.

    Returns
    -------
    (…) ndarray of bool

    Raises
    ------
    ValueError
        If the threshold is not in 0..1.

    Examples
    --------
    >>> harden([[0.2, 0.5, 0.9]])
    array([[False,  True,  True]])
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold}, but coverage is 0 to 1")
    return hard_mask(selection, threshold=threshold).copy()


def _check_pixels(name: str, value: float) -> None:
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name}={value}, but a number of pixels from 0 is needed")
