"""Selections by outline: drawn, snapped to edges, or picked from a hierarchy.

What is drawn on a plane of a volume cuts a prism: all planes have its outline.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.select.checks import check_points
from napari_emseg.select.livewire import refine_sides, snap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.hierarchy.region_tree import RegionTree
    from napari_emseg.engine.image.lazy_image import LazyImage

    Shape = tuple[int, ...]
    from napari_emseg.engine._types import Float64Array

__all__ = [
    "ellipse",
    "lasso",
    "polygon",
    "rectangle",
    "region_at",
    "scissors",
    "scissors_path",
]


def rectangle(shape: Shape, corner: ArrayLike, opposite: ArrayLike) -> BoolArray:
    """Select a rectangle, as the rectangular marquee does, or a cuboid.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape of the image.
    corner, opposite : (ndim,) or (2,) array_like
        Two opposite corners in pixels, in any order. Those of a rectangle (y, x) in a
        volume select it in all planes.

    Returns
    -------
    (…) ndarray of bool
        True for pixels whose centers are inside or on the outline.

    Raises
    ------
    ValueError
        If a corner has not one number for each axis.

    Examples
    --------
    >>> rectangle((3, 5), (1, 3), (9, 1)).astype(int)
    array([[0, 0, 0, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 1, 1, 1, 0]])
    """
    drawn = _drawn_on(shape, corner)
    out = np.zeros(drawn, bool)
    out[pixel_box(drawn, *check_corners(drawn, corner, opposite))] = True
    return _prism(out, shape)


def ellipse(
    shape: Shape, corner: ArrayLike, opposite: ArrayLike, *, soft: bool = False
) -> BoolArray | FloatArray:
    """Select the ellipse, such as a circle, or the ellipsoid, that fills a rectangle.

    Parameters
    ----------
    shape, corner, opposite
        As for `rectangle`.
    soft : bool, optional
        Give the share of each pixel that is inside.

    Returns
    -------
    (…) ndarray of bool, or float32 if soft

    Raises
    ------
    ValueError
        If a corner has not one number for each axis.

    Examples
    --------
    >>> ellipse((5, 5), (0, 0), (4, 4)).sum()
    np.int64(13)
    """
    drawn = _drawn_on(shape, corner)
    low, high = check_corners(drawn, corner, opposite)
    center, radius = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    out = np.zeros(drawn, np.float32 if soft else bool)
    where = pixel_box(drawn, low - soft, high + soft)
    axes = np.ogrid[where]

    def inside(shift: Float64Array) -> BoolArray:
        parts = zip(axes, center - shift, radius, strict=True)
        # Rounding must not lose the pixels that are exactly on the outline.
        return sum(((axis - c) / r) ** 2 for axis, c, r in parts) <= 1 + 1e-12

    if soft:
        fine = shifts(len(drawn))
        for shift in fine:
            out[where] += inside(shift) * np.float32(1 / len(fine))
    else:
        out[where] = inside(np.zeros(len(drawn)))
    return _prism(out, shape)


def polygon(
    shape: Shape, points: ArrayLike, *, soft: bool = False
) -> BoolArray | FloatArray:
    """Select the inside of a polygon; what its sides enclose twice is outside.

    Parameters
    ----------
    shape : (…, Y, X)
        Shape of the plane; of a volume, of which the polygon cuts a prism.
    points : (N, 2) array_like
        Corners (y, x) in pixels; the last is joined to the first.
    soft : bool, optional
        Give the share of each pixel that is inside.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 if soft
        True for pixels whose centers are inside.

    Raises
    ------
    ValueError
        If there are fewer than three points, or the shape has fewer than two axes.

    Examples
    --------
    >>> polygon((4, 5), [(-1, -1), (-1, 3.5), (3.5, -1)]).astype(int)
    array([[1, 1, 1, 0, 0],
           [1, 1, 0, 0, 0],
           [1, 0, 0, 0, 0],
           [0, 0, 0, 0, 0]])
    """
    return draw(shape, points, soft=soft, even_odd=True)


def lasso(
    shape: Shape, path: ArrayLike, *, soft: bool = False
) -> BoolArray | FloatArray:
    """Select what a path drawn freehand goes around, once or more.

    Parameters
    ----------
    shape, soft
        As for `polygon`.
    path : (N, 2) array_like
        Where the pointer was (y, x); the last is joined to the first.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 if soft
        A loop in the path leaves no hole, other than in a `polygon`.

    Raises
    ------
    ValueError
        As `polygon`.

    Examples
    --------
    >>> twice = [(0, 0), (0, 4), (4, 4), (4, 0)] * 2
    >>> lasso((5, 5), twice).sum(), polygon((5, 5), twice).sum()
    (np.int64(16), np.int64(0))
    """
    return draw(shape, path, soft=soft, even_odd=False)


def scissors(
    image: ArrayLike,
    points: ArrayLike,
    *,
    soft: bool = False,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray | FloatArray:
    """Select what a path along edges goes around ("intelligent scissors" [1]_).

    Also known as live-wire or magnetic lasso.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like
        As for `napari_emseg.segment`.
    points : (N, ndim) array_like
        Points (…, y, x) on the outline, in order; the last is joined to the first. In
        a volume all lie in one plane (z, y, x), whose edges the path follows.
    soft : bool, optional
        Give the share of each pixel that is inside the path. Without, pixels on the
        path go to the side that has their color.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 if soft
        Alike in all planes of a volume.

    Raises
    ------
    ValueError
        If there are fewer than two points, or one is outside, or in another plane.

    See Also
    --------
    scissors_path : the path, to show it.

    References
    ----------
    .. [1] E. N. Mortensen, W. A. Barrett, "Intelligent scissors for image
       composition", SIGGRAPH 1995, 191-198.

    Examples
    --------
    >>> image = np.zeros((60, 60), np.uint8)
    >>> image[20:40, 20:40] = 200
    >>> found = scissors(image, [(20, 20), (20, 39), (39, 39), (39, 20)])
    >>> bool((found == (image > 0)).all())
    True
    """
    volume = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb)
    picture, at = _plane_of(volume, points)
    path = _snapped(picture, at, closed=True)
    if len(path) < 3:  # of points next to each other, which enclose nothing
        return np.zeros(volume.shape, np.float32 if soft else bool)
    found = lasso(picture.shape, path, soft=soft)
    if not soft:
        found = refine_sides(picture, found.astype(bool), path)
    return _prism(found, volume.shape)


def scissors_path(
    image: ArrayLike,
    points: ArrayLike,
    *,
    closed: bool = False,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[np.intp]:
    """Return the live-wire through points: the shortest path, if edges are short ways.

    Parameters
    ----------
    image, points, channel_axis, rgb
        As for `scissors`.
    closed : bool, optional
        Join the last point to the first.

    Returns
    -------
    (M, 2) ndarray of int
        Pixels (y, x) of the path in its plane, each touching the next one.

    Raises
    ------
    ValueError
        As `scissors`.

    Examples
    --------
    >>> image = np.zeros((9, 40), np.uint8)
    >>> image[5:] = 200
    >>> path = scissors_path(image, [(5, 3), (5, 36)])
    >>> path.shape, np.unique(path[:, 0]).tolist()
    ((34, 2), [4, 5])
    """
    volume = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb)
    return _snapped(*_plane_of(volume, points), closed=closed)


def _plane_of(
    volume: LazyImage, points: ArrayLike
) -> tuple[LazyImage, NDArray[np.intp]]:
    """Return the plane that points (N, ndim) lie in, and the points (N, 2) in it."""
    at = check_points(points, volume.shape)
    if len(at) < 2:
        raise ValueError(f"scissors got {len(at)} point; pass two or more")
    ahead = at[:, :-2]
    if (ahead != ahead[:1]).any():
        raise ValueError(
            f"points lie in the planes {np.unique(ahead, axis=0).tolist()}, but "
            "scissors follow the edges of one; pass points of one plane"
        )
    if ahead.size == 0:
        return volume, at
    values = volume.read(tuple(slice(i, i + 1) for i in ahead[0].tolist()))
    plane = values.reshape(*volume.shape[-2:], values.shape[-1])
    how: dict[str, Any] = {"rgb": True} if volume.rgb else {"channel_axis": -1}
    return as_lazy_image(plane, full_scale=volume.full_scale, **how), at[:, -2:]


def _snapped(
    picture: LazyImage, points: NDArray[np.intp], *, closed: bool
) -> NDArray[np.intp]:
    stops = np.concatenate([points, points[:1]]) if closed else points
    path = points[:1]
    for start, stop in pairwise(stops):
        path = np.concatenate([path, snap(picture, start, stop)[1:]])
    return path[:-1] if closed else path


def region_at(
    tree: RegionTree, point: ArrayLike, level: float | None = None
) -> BoolArray:
    """Select the region, or superpixel, of a hierarchy that holds a point.

    Parameters
    ----------
    tree : RegionTree
        What `napari_emseg.hierarchy` gives.
    point : (y, x)
        In pixels.
    level : float, optional
        0 for the fine region, 1 for everything; .5, the tree's own choice, by default.
        A larger level gives a region that holds the smaller ones.

    Returns
    -------
    (Y, X) ndarray of bool
        Empty if the pixel takes no part in the hierarchy.

    Raises
    ------
    ValueError
        If the point is outside or the level is not in 0..1.

    Examples
    --------
    >>> from napari_emseg.engine.hierarchy.region_tree import RegionTree, grow
    >>> fine = np.array([[1, 2, 3], [1, 2, 3]], np.int32)
    >>> tree = RegionTree(fine, *grow(3, [(0, 1, -2.0), (2, 3, 1.0)]))
    >>> region_at(tree, (0, 0), 0.5)[0]
    array([ True,  True, False])
    """
    level = 0.5 if level is None else float(level)
    if not 0 <= level <= 1:
        raise ValueError(
            f"level={level} is not in 0..1; pass 0 for the fine regions, 1 for a "
            "single one, or something between"
        )
    y, x = check_points(point, tree.labels.shape)[0]
    node = int(tree.labels[y, x]) - 1
    if node < 0:
        return np.zeros(tree.labels.shape, bool)
    while tree.parent[node] != node and tree.height[tree.parent[node]] <= level:
        node = int(tree.parent[node])
    member = np.zeros(len(tree.parent), bool)
    member[node] = True
    # A parent has a higher number than its parts.
    for part in range(node - 1, -1, -1):
        member[part] = member[tree.parent[part]]
    table = np.concatenate([[False], member[: tree.n_fine]])
    return table[tree.labels]


# Soft outlines are the mean of so many shifted ones along each axis.
_FINE = 4


def shifts(ndim: int) -> Float64Array:
    """Return points (n, ndim) that lie evenly in a pixel, relative to its center."""
    steps = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    grid = np.meshgrid(*[steps] * ndim, indexing="ij")
    return np.stack(grid, axis=-1).reshape(-1, ndim)


def pixel_box(
    shape: tuple[int, ...], low: Float64Array, high: Float64Array
) -> tuple[slice, ...]:
    """Return the box of pixels whose centers are between two corners of an image."""
    first = np.clip(np.ceil(low), 0, shape).astype(int)
    last = np.clip(np.floor(high) + 1, first, np.maximum(shape, first)).astype(int)
    return tuple(
        slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True)
    )


def check_corners(
    shape: tuple[int, ...], corner: ArrayLike, opposite: ArrayLike
) -> tuple[Float64Array, Float64Array]:
    """Return the lowest and the highest corner (ndim,) of a box.

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
    """Return the coverage of a closed path.

    Parameters
    ----------
    shape : (…, Y, X)
    points : (N, 2) array_like
        Corners (y, x).
    soft : bool
        Give the share of each pixel that is inside.
    even_odd : bool
        Whether what the path goes around twice is outside.

    Raises
    ------
    ValueError
        If the shape has no plane, or there are fewer than three points.
    """
    if len(shape) < 2:
        raise ValueError(
            f"shape={tuple(shape)}, but outlines are drawn on a plane; pass (Y, X), or "
            "(Z, Y, X) for a prism"
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
    drawn = tuple(shape[-2:])
    if not soft:
        out = np.zeros(drawn, bool)
        where = pixel_box(drawn, low, high)
        out[where] = _inside(path, where, even_odd)
        return _prism(out, shape)
    coverage = np.zeros(drawn, np.float32)
    where = pixel_box(drawn, low - 1, high + 1)
    fine = shifts(2)
    for shift in fine:
        coverage[where] += _inside(path - shift, where, even_odd)
    coverage[where] /= len(fine)
    return _prism(coverage, shape)


def _drawn_on(shape: Shape, corner: ArrayLike) -> Shape:
    """Return the shape of what is drawn on: of the last plane if (y, x) is given."""
    return tuple(shape[-2:]) if np.shape(corner) == (2,) else tuple(shape)


def _prism(mask: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return a mask of a plane in all planes of a shape."""
    return mask if mask.shape == tuple(shape) else np.broadcast_to(mask, shape).copy()


def _numbers(points: ArrayLike) -> Float64Array:
    return np.asarray(points, np.float64)


def _inside(path: Float64Array, where: tuple[slice, ...], even_odd: bool) -> BoolArray:
    """Return which pixel centers of a box a path goes around.

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
