"""Selection brush: what is under a brush and like its center, or whole regions."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from napari_emseg.select.color_distance import check_tolerance, near_colors
from napari_emseg.select.color_index import Prepared, as_scene
from napari_emseg.select.components import check_connectivity, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.hierarchy.region_tree import RegionTree

__all__ = ["brush", "brush_regions"]

# The brush is set down again after so much of its radius.
_SPACING = 0.25
# A region is meant if so much of it is under the brush, or the center crosses it.
_HALF = 0.5
# Pixels that are worked on at once: what is computed of them stays in the cache.
_AT_ONCE = 2**17


def brush(
    image: ArrayLike | Prepared,
    path: ArrayLike,
    radius: float,
    tolerance: float | None = None,
    *,
    sample_size: int = 1,
    connectivity: int = 4,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray:
    """Select what is under a brush and has the color at its center.

    A wand for each place that the brush comes by [1]_: the pixels under the brush
    that are joined to the center by pixels of like color. So a wide brush that
    keeps to one side of an edge does not select what is beyond. Also known as quick
    selection, or smart brush.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like, or Prepared
        As for `wand`; one plane.
    path : (N, 2) array_like
        Points (y, x) that the center is moved along, in pixels. What leaves the image
        does not count.
    radius : float
        Of the brush, in pixels.
    tolerance : float, optional
        As for `wand`.
    sample_size, connectivity
        As for `wand`.
    channel_axis, rgb
        As for `wand`.

    Returns
    -------
    (Y, X) ndarray of bool
        Never includes pixels that are not finite or fully transparent.

    Raises
    ------
    ValueError
        If the image is not one plane, or a number is out of bounds.

    See Also
    --------
    brush_regions : whole regions of a hierarchy instead.

    References
    ----------
    .. [1] J. Liu, J. Sun, H.-Y. Shum, "Paint selection", ACM Trans. Graphics 28(3), 69,
       2009.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.zeros((9, 12), np.uint8)
    >>> image[:, 8:] = 200
    >>> select.brush(image, [(4, 2), (4, 6)], radius=3, tolerance=10)[4].astype(int)
    array([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    """
    scene = as_scene(image, channel_axis=channel_axis, rgb=rgb)
    points = _check_path(path, radius, scene.shape)
    check_connectivity(connectivity)
    if not (sample_size >= 1 and sample_size % 2 == 1):
        raise ValueError(
            f"sample_size={sample_size}, but the sample is a square around a pixel; "
            "pass 1, 3, 5, …"
        )
    limit = check_tolerance(tolerance, scene)
    rows, columns = scene.shape
    half, reach = int(sample_size) // 2, int(radius)
    size = 2 * reach + 1
    _, tip = _tip((reach, reach), radius, (size, size))
    # With a margin, that brushes may reach over.
    wide = np.zeros((rows + 2 * reach, columns + 2 * reach), bool)
    centers = _centers(points, radius, scene.shape)
    for box, places in _grouped(centers, max(half, reach), scene.shape):
        features, inside = scene.features_in(box)
        corner = np.array([part.start for part in box])
        where = np.array(places) - corner
        colors = _means(features, inside, where, half)
        near = _windows(features, inside, where, reach, colors, limit)
        near &= tip
        joined = _joined(near, connectivity)
        for (y, x), piece in zip((where + corner).tolist(), joined, strict=True):
            wide[y : y + size, x : x + size] |= piece
    return wide[reach : reach + rows, reach : reach + columns].copy()


def _means(
    features: FloatArray, inside: BoolArray | None, where: NDArray[np.intp], half: int
) -> FloatArray:
    """Return the mean colors (B, D) around places; not a number where there are none.

    Parameters
    ----------
    features : (Y, X, D) ndarray of float32
    inside : (Y, X) ndarray of bool or None
        Pixels that count; None is all.
    where : (B, 2) ndarray of int
        The places (y, x).
    half : int
        How far around them, in pixels.
    """
    out = np.full((len(where), features.shape[-1]), np.nan, np.float32)
    for place, (y, x) in enumerate(where.tolist()):
        sample = _box((y, x), (y, x), half, features.shape)
        colors = features[sample].reshape(-1, features.shape[-1])
        if inside is not None:
            colors = colors[inside[sample].ravel()]
        if len(colors) > 0:
            out[place] = colors[0] if half == 0 else colors.mean(axis=0)
    return out


def _windows(
    features: FloatArray,
    inside: BoolArray | None,
    where: NDArray[np.intp],
    reach: int,
    colors: FloatArray,
    tolerance: float,
) -> BoolArray:
    """Return which pixels around places are like the color of each.

    Parameters
    ----------
    features, inside, where
        As for `_means`.
    reach : int
        How far around them, in pixels.
    colors : (B, D) ndarray of float32
    tolerance : float
        Largest distance that counts as like.

    Returns
    -------
    (B, 2 reach + 1, 2 reach + 1) ndarray of bool
        False outside the image.
    """
    rows, columns, channels = features.shape
    wide = (rows + 2 * reach, columns + 2 * reach)
    middle = (slice(reach, reach + rows), slice(reach, reach + columns))
    allowed = np.zeros(wide, bool)
    allowed[middle] = True if inside is None else inside
    planes = np.zeros((channels, *wide), np.float32)
    planes[:, *middle] = np.moveaxis(features, -1, 0)
    size = (2 * reach + 1,) * 2
    y, x = where.T
    near = sliding_window_view(allowed, size)[y, x]
    parts = sliding_window_view(planes, size, (1, 2))[:, y, x]
    return near & near_colors(parts, colors, tolerance)


def _joined(near: BoolArray, connectivity: int) -> BoolArray:
    """Return the piece of each mask (B, K, K) that holds its center."""
    count, size, _ = near.shape
    # All in one picture, with a line between them.
    sheet = np.zeros((count, size + 1, size), bool)
    sheet[:, :size] = near
    found, _ = pieces(sheet.reshape(-1, size), connectivity)
    labels = found.reshape(sheet.shape)[:, :size]
    center = labels[:, size // 2, size // 2, np.newaxis, np.newaxis]
    return (labels == center) & (center > 0)


def brush_regions(
    tree: RegionTree, path: ArrayLike, radius: float, level: float | None = None
) -> BoolArray:
    """Select the regions of a hierarchy that a brush is moved over.

    A region is meant if the center of the brush crosses it, or half of it is
    covered. A brush of superpixels.

    Parameters
    ----------
    tree : RegionTree
        What `napari_emseg.hierarchy` gives.
    path, radius
        As for `brush`.
    level : float, optional
        As for `region_at`.

    Returns
    -------
    (Y, X) ndarray of bool

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Examples
    --------
    >>> from napari_emseg.engine.hierarchy.region_tree import RegionTree, grow
    >>> fine = np.array([[1, 2, 3], [1, 2, 3]], np.int32)
    >>> tree = RegionTree(fine, *grow(3, [(0, 1, -2.0), (2, 3, 1.0)]))
    >>> brush_regions(tree, [(0, 0)], 0.5, level=0.5)[1]
    array([ True,  True, False])
    """
    regions = tree.cut(level=level)
    points = _check_path(path, radius, regions.shape)
    rows, columns = regions.shape
    # No farther than from one side of the image to the other.
    down, across = min(int(radius), rows), min(int(radius), columns)
    height, width = 2 * down + 1, 2 * across + 1
    _, tip = _tip((down, across), radius, (height, width))
    # With a margin, that brushes may reach over.
    wide = np.zeros((rows + 2 * down, columns + 2 * across), bool)
    for y, x in _centers(points, radius, regions.shape):
        wide[y : y + height, x : x + width] |= tip
    covered = wide[down : down + rows, across : across + columns]
    crossed: set[int] = set()
    for y, x in _centers(points, 0.0, regions.shape):
        crossed.add(int(regions[y, x]))
    size = np.bincount(regions.ravel())
    under = np.bincount(regions[covered], minlength=len(size))
    meant = under >= _HALF * np.maximum(size, 1)
    meant[[*crossed]] = True
    meant[0] = False
    return meant[regions]


def _check_path(path: ArrayLike, radius: float, shape: tuple[int, ...]) -> Float64Array:
    """Return a path as (N, 2) numbers.

    Raises
    ------
    ValueError
        If there is no path in a plane, or no radius.
    """
    if len(shape) != 2:
        raise ValueError(
            f"image has {len(shape)} spatial axes, but a brush is moved on one plane; "
            "pass one slice, or channel_axis for channels"
        )
    points = np.atleast_2d(np.asarray(path, np.float64))
    if (
        points.ndim != 2
        or points.shape[1:] != (2,)
        or not len(points)
        or not np.isfinite(points).all()
    ):
        raise ValueError(
            f"path has shape {points.shape}, but finite points (y, x) are needed; pass "
            "one row for each"
        )
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(
            f"radius={radius}, but that of the brush is needed; pass a number above 0"
        )
    return points


def _centers(
    points: Float64Array, radius: float, shape: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Yield the pixels (y, x) inside an image where a brush is set down on its way."""
    spacing = max(_SPACING * radius, 1.0)
    last = None
    for here in _places(points, spacing, shape):
        y, x = (int(value) for value in np.floor(here + 0.5))
        if (y, x) != last and 0 <= y < shape[0] and 0 <= x < shape[1]:
            yield y, x
        last = y, x


def _places(
    points: Float64Array, spacing: float, shape: tuple[int, ...]
) -> Iterator[NDArray[np.float64]]:
    """Yield points along a path, its corners among them, but few outside the image."""
    yield points[0]
    for start, stop in pairwise(points):
        way = stop - start
        count = max(int(np.ceil(np.linalg.norm(way) / spacing)), 1)
        # Where it is inside, as shares of its length.
        moves = way != 0
        ends = np.sort(
            (np.array([[-1.0, -1.0], shape]) - start)[:, moves] / way[moves], axis=0
        )
        first = max(ends[0].max(initial=0.0), 0.0) * count
        last = min(ends[1].min(initial=1.0), 1.0) * count
        for part in range(max(int(first), 1), min(int(np.ceil(last)), count) + 1):
            yield start + way * (part / count)


def _grouped(
    centers: Iterable[tuple[int, int]], margin: int, shape: tuple[int, ...]
) -> Iterator[tuple[tuple[slice, slice], list[tuple[int, int]]]]:
    """Yield boxes of an image, and the pixels in a row whose surroundings each holds.

    Neither box nor surroundings have many more pixels than are worked on at once.
    """
    around = (2 * margin + 1) ** 2
    group: list[tuple[int, int]] = []
    low = high = (0, 0)
    for y, x in centers:
        first = (min(low[0], y), min(low[1], x)) if group else (y, x)
        last = (max(high[0], y), max(high[1], x)) if group else (y, x)
        sides = (b - a + 2 * margin + 1 for a, b in zip(first, last, strict=True))
        most = max(prod(sides), around * (len(group) + 1))
        if group and most > max(_AT_ONCE, 2 * around):
            yield _box(low, high, margin, shape), group
            group, first, last = [], (y, x), (y, x)
        group.append((y, x))
        low, high = first, last
    if group:
        yield _box(low, high, margin, shape), group


def _box(
    low: tuple[int, int], high: tuple[int, int], margin: int, shape: tuple[int, ...]
) -> tuple[slice, slice]:
    """Return the part of an image from one pixel to another, and around them."""
    rows, columns = (
        slice(max(low[axis] - margin, 0), min(high[axis] + margin + 1, shape[axis]))
        for axis in range(2)
    )
    return rows, columns


def _tip(
    center: tuple[int, int], radius: float, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], BoolArray]:
    """Return the window of a brush at a pixel, and which pixels of it are under it."""
    y, x = center
    window = _box(center, center, int(radius), shape)
    down, across = np.ogrid[window]
    return window, (down - y) ** 2 + (across - x) ** 2 <= radius**2
