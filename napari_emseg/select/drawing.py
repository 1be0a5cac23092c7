"""Geometry of outlines: which pixels are inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine.features import BoolArray, FloatArray

    Float64Array = NDArray[np.float64]

# Soft outlines are the mean of so many shifted ones along each axis.
_FINE = 4


def shifts(ndim: int) -> Float64Array:
    """Points (n, ndim) that lie evenly in a pixel, relative to its center."""
    steps = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    grid = np.meshgrid(*[steps] * ndim, indexing="ij")
    return np.stack(grid, axis=-1).reshape(-1, ndim)


def pixel_box(
    shape: tuple[int, ...], low: Float64Array, high: Float64Array
) -> tuple[slice, ...]:
    """Pixels whose centers are between two corners, within an image."""
    first = np.clip(np.ceil(low), 0, shape).astype(int)
    last = np.clip(np.floor(high) + 1, first, np.maximum(shape, first)).astype(int)
    return tuple(
        slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True)
    )


def check_corners(
    shape: tuple[int, ...], corner: ArrayLike, opposite: ArrayLike
) -> tuple[Float64Array, Float64Array]:
    """Give the lowest and the highest corner (ndim,) of a box.

    Raises
    ------
    ValueError
        If one has not one finite number for each axis.
    """
    both = np.stack([_numbers(corner), _numbers(opposite)])
    if both.shape != (2, len(shape)) or not np.isfinite(both).all():
        raise ValueError(
            f"corners are {both.tolist()}, but an image of shape {tuple(shape)} needs "
            f"{len(shape)} finite numbers for each"
        )
    return both.min(axis=0), both.max(axis=0)


def draw(
    shape: tuple[int, ...], points: ArrayLike, *, soft: bool, even_odd: bool
) -> BoolArray | FloatArray:
    """Fill a closed path.

    Parameters
    ----------
    shape : (Y, X)
    points : (N, 2) array_like
        Corners (y, x).
    soft : bool
        Give the share of each pixel that is inside.
    even_odd : bool
        Whether what the path goes around twice is outside.

    Raises
    ------
    ValueError
        If the shape is not that of a plane, or there are fewer than three points.
    """
    if len(shape) != 2:
        raise ValueError(
            f"shape={tuple(shape)}, but outlines are drawn on one plane; pass (Y, X)"
        )
    path = _numbers(points)
    if path.ndim != 2 or path.shape[1] != 2 or len(path) < 3:
        raise ValueError(
            f"points have shape {path.shape}, but (N, 2) with three points (y, x) or "
            "more are needed"
        )
    if not np.isfinite(path).all():
        raise ValueError("points are not all finite; leave those out that are not")
    low, high = path.min(axis=0), path.max(axis=0)
    if not soft:
        out = np.zeros(shape, bool)
        where = pixel_box(shape, low, high)
        out[where] = _inside(path, where, even_odd)
        return out
    coverage = np.zeros(shape, np.float32)
    where = pixel_box(shape, low - 1, high + 1)
    fine = shifts(2)
    for shift in fine:
        coverage[where] += _inside(path - shift, where, even_odd)
    coverage[where] /= len(fine)
    return coverage


def _numbers(points: ArrayLike) -> Float64Array:
    return np.asarray(points, np.float64)


def _inside(path: Float64Array, where: tuple[slice, ...], even_odd: bool) -> BoolArray:
    """Tell which pixel centers of a box a path goes around.

    A side turns the winding number by one at the first pixel behind it in each row
    that it crosses; sums along the rows give it everywhere.
    """
    rows, columns = where
    height, width = rows.stop - rows.start, columns.stop - columns.start
    y0, x0 = path.T
    y1, x1 = np.roll(path, -1, axis=0).T
    first = np.clip(np.ceil(np.minimum(y0, y1)), rows.start, rows.stop).astype(int)
    stop = np.clip(np.ceil(np.maximum(y0, y1)), rows.start, rows.stop).astype(int)
    count = stop - first
    side = np.repeat(np.arange(len(path)), count)
    row = np.arange(len(side)) - np.repeat(np.cumsum(count) - count - first, count)
    rise = (y1 - y0)[side]
    crossing = x0[side] + (row - y0[side]) / rise * (x1 - x0)[side]
    column = np.clip(np.ceil(crossing), columns.start, columns.stop).astype(int)
    turns = np.zeros((height, width + 1), np.int32)
    turn = np.where(rise > 0, np.int32(1), np.int32(-1))
    np.add.at(turns, (row - rows.start, column - columns.start), turn)
    winding = np.cumsum(turns[:, :-1], axis=1, dtype=np.int32)
    return winding % 2 == 1 if even_odd else winding != 0
