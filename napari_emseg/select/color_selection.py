"""Selections by color: wand, color range, similar colors, classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.select.checks import check_colors, check_points
from napari_emseg.select.color_distance import Anchors, NearestColors, check_tolerance
from napari_emseg.select.color_index import Prepared, as_scene
from napari_emseg.select.components import check_connectivity, connected_to, hard_mask
from napari_emseg.select.flood import as_coverage, flood

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.select.color_index import ColorIndex, Window

    Reader = Callable[[Window], NDArray[np.uint8]]

__all__ = ["by_class", "color_range", "grow_similar", "similar", "wand"]


def wand(
    image: ArrayLike | Prepared,
    point: tuple[float, ...],
    tolerance: float | None = None,
    contiguous: bool = True,
    *,
    sample_size: int = 1,
    connectivity: int = 4,
    gap: int = 0,
    soft: bool = False,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray | FloatArray:
    """Select the pixels whose color is like that at a point.

    The magic wand of picture editors: a flood fill from the point if contiguous, a
    threshold of the distance of colors if not. Also known as region growing.

    Parameters
    ----------
    image : (…, Y, X) or (…, Y, X, 3|4) array_like, or Prepared
        As for `napari_emseg.segment`; `prepare` it to try several tolerances.
    point : (…, y, x)
        Where to look, in pixels.
    tolerance : float, optional
        Largest difference of color: ΔE (distance in Lab, CIE76 [1]_) for RGB, and for
        other images the distance in the units of their values. By default 12 ΔE, or
        12 % of the `Prepared.span` of the values.
    contiguous : bool, optional
        Only the piece that holds the point; otherwise everywhere.
    sample_size : int, optional
        The mean color of a square of 1, 3, 5… pixels in the plane of the point.
    connectivity : {4, 8}, optional
        Whether pixels are joined by their sides, or by corners too.
    gap : int, optional
        Close gaps in what bounds a contiguous selection that are up to so many pixels
        wide, so that it does not leak through them. An odd number closes gaps that are
        one pixel wider, too.
    soft : bool, optional
        Give coverage: it falls from 1 at half the tolerance to 0 at one and a half; a
        contiguous selection is soft along its outline.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 if soft
        Never includes pixels that are not finite or fully transparent. The soft one
        is at least 0.5 exactly where the other is true.

    Raises
    ------
    ValueError
        If the point is outside, or a number is out of bounds.

    References
    ----------
    .. [1] CIE 15:2004, "Colorimetry", 3rd edition, section 8.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.array([[10, 12, 90, 11], [10, 13, 90, 10]], np.uint8)
    >>> select.wand(image, (0, 0), tolerance=5).sum()
    np.int64(4)
    >>> select.wand(image, (0, 0), tolerance=5, contiguous=False).sum()
    np.int64(6)

    A wall with a gap of two pixels:

    >>> image = np.zeros((20, 21), np.uint8)
    >>> image[:9, 10] = image[11:, 10] = 200
    >>> [int(select.wand(image, (0, 0), 5, gap=gap).sum()) for gap in (0, 2)]
    [402, 200]
    """
    scene = as_scene(image, channel_axis=channel_axis, rgb=rgb)
    check_connectivity(connectivity)
    if not (gap >= 0 and gap % 1 == 0):
        raise ValueError(
            f"gap={gap}, but the width of the widest gap to close is needed, in whole "
            "pixels; pass 0 to close none"
        )
    sample = _around(check_points([point], scene.shape)[0], sample_size)
    colors = scene.colors(sample)
    if len(colors) == 0:
        return _nothing(scene, soft)
    limit = check_tolerance(tolerance, scene)
    score = Anchors(colors.mean(axis=0, keepdims=True), limit, soft)
    read = scene.reader(score)
    if not contiguous:
        return as_coverage(read(_everything(scene)), soft)
    return flood(scene.shape, read, sample, connectivity, soft, int(gap))


def color_range(
    image: ArrayLike | Prepared,
    points: ArrayLike | None = None,
    tolerance: float | None = None,
    *,
    colors: ArrayLike | None = None,
    minus: ArrayLike | None = None,
    sample_size: int = 1,
    soft: bool = False,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray | FloatArray:
    """Select all pixels of the colors at some points, or of given colors.

    The color range of picture editors, a threshold on the distance of colors.

    Parameters
    ----------
    image, tolerance, sample_size, soft, channel_axis, rgb
        As for `wand`. The difference to the nearest of the colors counts.
    points : (N, ndim) or (ndim,) array_like, optional
        Samples: where to take colors, in pixels.
    colors : (N, C) or (C,) array_like, optional
        More colors, in the image's own units: 0..255 for RGB of 8 bit.
    minus : (N, ndim) or (ndim,) array_like, optional
        Samples of what is not wanted, in pixels. A pixel whose color is within the
        tolerance of one of them is left out, unless a wanted one is nearer.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 if soft

    Raises
    ------
    ValueError
        If there is neither point nor color, or a number is out of bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.array([[10, 12, 90, 11], [10, 13, 200, 10]], np.uint8)
    >>> select.color_range(image, [(0, 0), (0, 2)], 5).sum()
    np.int64(7)
    >>> select.color_range(image, colors=[[199]], tolerance=5).sum()
    np.int64(1)
    >>> select.color_range(image, (0, 0), 90, minus=(0, 2)).sum()
    np.int64(6)
    """
    scene = as_scene(image, channel_axis=channel_axis, rgb=rgb)
    anchors = _samples(scene, points, sample_size)
    unwanted = _samples(scene, minus, sample_size)
    if colors is not None:
        anchors.append(check_colors(colors, scene.picture))
    if not anchors:
        raise ValueError(
            "color_range got neither points nor colors; pass points=[(y, x), …], "
            "colors=[(r, g, b), …] or both"
        )
    every = np.concatenate(anchors)
    if len(every) == 0:
        return _nothing(scene, soft)
    limit = check_tolerance(tolerance, scene)
    others = np.concatenate(unwanted) if unwanted else every[:0]
    score = Anchors(every, limit, soft, others)
    return as_coverage(scene.reader(score)(_everything(scene)), soft)


def similar(
    image: ArrayLike | Prepared,
    selection: ArrayLike,
    tolerance: float | None = None,
    *,
    soft: bool = False,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray | FloatArray:
    """Select all pixels whose color is near to one inside a selection.

    Parameters
    ----------
    image, tolerance, soft, channel_axis, rgb
        As for `wand`. By default a tolerance of 3 ΔE, or 3 % of the span, since the
        selected colors have a range of their own.
    selection : (…, Y, X) array_like of bool or float
        Pixels with the colors; of a soft one those of at least half coverage.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 if soft
        Holds the selection, but for pixels that are not finite or transparent.

    Raises
    ------
    ValueError
        If the selection has another shape than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.array([[10, 20, 90, 21], [10, 13, 200, 30]], np.uint8)
    >>> start = image == 20
    >>> select.similar(image, start | (image == 10), 2).astype(int)
    array([[1, 1, 0, 1],
           [1, 0, 0, 0]])
    """
    scene = as_scene(image, channel_axis=channel_axis, rgb=rgb)
    return _similar(scene, hard_mask(selection, scene.shape), tolerance, soft)


def grow_similar(
    image: ArrayLike | Prepared,
    selection: ArrayLike,
    tolerance: float | None = None,
    *,
    connectivity: int = 4,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray:
    """Grow a selection into adjacent pixels whose color is near to a selected one.

    Region growing, from all of its outline.

    Parameters
    ----------
    image, selection, tolerance, channel_axis, rgb
        As for `similar`.
    connectivity : {4, 8}, optional
        As for `wand`.

    Returns
    -------
    (…, Y, X) ndarray of bool
        Holds the selection; each further piece touches it.

    Raises
    ------
    ValueError
        If the selection has another shape than the image.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.array([[10, 11, 90, 11]], np.uint8)
    >>> select.grow_similar(image, image == 10, 2)
    array([[ True,  True, False, False]])
    """
    scene = as_scene(image, channel_axis=channel_axis, rgb=rgb)
    start = hard_mask(selection, scene.shape)
    near = _similar(scene, start, tolerance, soft=False)
    return connected_to(np.logical_or(near, start), start, connectivity)


def by_class(
    seg: Segmentation, k: int, threshold: float | None = 0.5
) -> BoolArray | FloatArray:
    """Select a class of a segmentation by its posterior probability.

    A threshold on the confidence.

    Parameters
    ----------
    seg : Segmentation
        What `napari_emseg.segment` gave.
    k : int
        The class, 1..K.
    threshold : float or None, optional
        Pixels at least as probable are selected. None gives the probability itself
        as a soft selection.

    Returns
    -------
    (…, Y, X) ndarray of bool, or float32 without a threshold

    Raises
    ------
    ValueError
        If there is no such class, or the threshold is not in 0..1.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> image = np.repeat(np.array([[10, 12, 200, 203]], np.uint8), 4, axis=0)
    >>> by_class(emseg.segment(image, n_classes=2), 2)[0]
    array([False, False,  True,  True])
    """
    if k not in range(1, seg.n_classes + 1):
        raise ValueError(
            f"class {k} was asked for, but there are classes 1 to {seg.n_classes}"
        )
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold} is no probability; pass 0 to 1")
    found = seg.probabilities()[int(k) - 1]
    if threshold is None:
        return found
    # Of pixels without a label, all probabilities are 0.
    return (found >= threshold) & (seg.labels > 0)


def _similar(
    scene: ColorIndex, start: BoolArray, tolerance: float | None, soft: bool
) -> BoolArray | FloatArray:
    colors = scene.colors(start)
    if len(colors) == 0:
        return _nothing(scene, soft)
    limit = check_tolerance(tolerance, scene, default=3.0)
    read = scene.reader(NearestColors.of(colors, limit, soft))
    return as_coverage(read(_everything(scene)), soft)


def _around(point: NDArray[np.intp], size: int) -> Window:
    """Return the window of a sample: a square in the plane of a point.

    Raises
    ------
    ValueError
        If its side is no odd number.
    """
    if not (size >= 1 and size % 2 == 1):
        raise ValueError(
            f"sample_size={size}, but the sample is a square around a pixel; pass 1, "
            "3, 5, …"
        )
    width = int(size) // 2
    return tuple(slice(int(p), int(p) + 1) for p in point[:-2]) + tuple(
        slice(max(int(p) - width, 0), int(p) + width + 1) for p in point[-2:]
    )


def _samples(
    scene: ColorIndex, points: ArrayLike | None, size: int
) -> list[FloatArray]:
    """Return the mean color around each point, (1, D); without rows if none counts."""
    if points is None or np.size(points) == 0:
        return []
    found = [
        scene.colors(_around(point, size))
        for point in check_points(points, scene.shape)
    ]
    return [
        colors.mean(axis=0, keepdims=True) if len(colors) else colors
        for colors in found
    ]


def _everything(scene: ColorIndex) -> Window:
    return tuple(slice(0, length) for length in scene.shape)


def _nothing(scene: ColorIndex, soft: bool) -> BoolArray | FloatArray:
    return np.zeros(scene.shape, np.float32 if soft else bool)
