"""The census of an image: its pixels counted into cells, part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cells.palette import Coding, coding_for, count_values
from napari_emseg.engine.image.color_space import (
    LARGEST,
    PLANE,
    check_size,
    convert,
    native,
    variance_floor,
)
from napari_emseg.engine.image.lazy_image import LazyImage, slabs
from napari_emseg.engine.image.value_range import find_core

if TYPE_CHECKING:
    from collections.abc import Iterator

# How much less the variance of a class is than that of a gap between two values, where
# there are no more values than classes.
_NARROWER = 100

# Values of one part of an image: pixels (N, C), and the classes fixed by the user (N,).
Part = tuple[NDArray[Any], NDArray[np.integer[Any]] | None]


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts:
    """Cells of an image, and what is needed to find them again.

    Attributes
    ----------
    cells : Cells
        The usable pixels.
    coding : Coding or None
        How values become codes; None where pixels are their own cells.
    codes : (M,) ndarray of uint32
        Distinct codes of the palette, rising.
    floor : (D,) ndarray of float64
        Least variance that a class can have along each feature.
    """

    cells: Cells
    coding: Coding | None
    codes: NDArray[np.uint32]
    floor: NDArray[np.float64]

    @property
    def n_cells(self) -> int:
        """Number of the cells, which is that of values that differ."""
        return self.cells.weights.size

    def for_classes(self, n_classes: int) -> CellCounts:
        """Return the counts for a fit of so many classes.

        Where each value can be a class of its own, the gaps between values are those
        between classes, and no class is as wide.
        """
        if self.n_cells > n_classes:
            return self
        return replace(self, floor=self.floor / _NARROWER)


def count_cells(
    picture: LazyImage, parts: Iterator[Part], *, color: str, coding: Coding | None
) -> CellCounts:
    """Count the pixels of an image into cells.

    Parameters
    ----------
    picture : LazyImage
        The image that the parts come from.
    parts : iterator of (values, fixed)
        Usable pixels, N > 0: channels (N, C) if there is a coding, else features
        (N, D); and their fixed classes (N,), 0 where free, or None.
    color : str
        Color space of the features.
    coding : Coding or None
        As `find_coding` tells.

    Raises
    ------
    ValueError
        If no pixel is usable.
    """
    first = next(parts, None)
    if first is None:
        raise ValueError(
            "the image has no usable pixel: all are outside the mask, transparent, not "
            f"finite, or beyond ±{LARGEST:g}; pass another mask, or replace or divide "
            "the values"
        )
    parts = chain([first], parts)
    if coding is None:
        cells = _pixels(parts)
        codes = np.empty(0, np.uint32)
    else:
        cells, codes = _palette(picture, parts, color, coding)
    return _as_counts(picture, cells, codes, color, coding)


def cells_of_counts(
    picture: LazyImage,
    codes: NDArray[np.uint32],
    counts: NDArray[np.int64],
    *,
    color: str,
    coding: Coding,
) -> CellCounts:
    """Return the cells of an image whose pixels others have counted.

    Parameters
    ----------
    picture : LazyImage
        The image.
    codes : (M,) ndarray of uint32
        Distinct codes, rising.
    counts : (M,) ndarray of int64
        How many pixels have each.
    color, coding
        As for `count_cells`.

    Raises
    ------
    ValueError
        If no pixel is usable.
    """
    if codes.size == 0:
        return count_cells(picture, iter(()), color=color, coding=coding)
    points = convert(coding.decode(codes), color, picture.full_scale)
    cells = Cells(counts.astype(np.float64), np.ascontiguousarray(points.T))
    return _as_counts(picture, cells, codes, color, coding)


def _as_counts(
    picture: LazyImage,
    cells: Cells,
    codes: NDArray[np.uint32],
    color: str,
    coding: Coding | None,
) -> CellCounts:
    """Return cells with the range of nearly all, and the least width of a class."""
    if native(color):
        # Colors end at black and white, and what few pixels have is a color, too.
        cells = replace(cells, core=find_core(cells.points, cells.weights))
    return CellCounts(
        cells, coding, codes, least_variances(picture, cells, codes, color)
    )


def least_variances(
    picture: LazyImage, cells: Cells, codes: NDArray[np.uint32], color: str
) -> NDArray[np.float64]:
    """Return the least variance of a class along each feature, (D,).

    Parameters
    ----------
    picture : LazyImage
        Whose type tells the step between its values.
    cells : Cells
        All its usable pixels.
    codes : (M,) ndarray of uint32
        Distinct gray levels or colors; empty if they are not known.
    color : str
        Color space of the features.
    """
    # A camera of 12 bit may leave gaps of 16 between its levels.
    step = float(np.gcd.reduce(np.diff(codes))) if codes.size > 1 else 1.0
    least = variance_floor(picture.dtype, color, step)
    if least is not None and (not native(color) or picture.dtype.itemsize <= 2):
        return np.full(cells.dims, least)
    floor = np.empty(cells.dims)
    # A class of extremes, which are rounded more, is as wide as they are far away.
    if cells.core is not None:
        cells = cells.clipped(cells.core)
    for d, (x, mean) in enumerate(zip(cells.points, cells.mean(), strict=True)):
        away = np.asarray(x - mean, np.float64)
        # Features are float32, which rounds them; and what squares of the farthest
        # ones lose in float64 must stay little beside the narrowest class.
        rounding = float(np.spacing(np.float32(np.abs(x).max()))) ** 2 / 12
        lost = (float(np.finfo(np.float32).eps) * float(np.abs(away).max())) ** 2
        # Neither floats nor integers of a wide range tell a step that matters: a
        # thousandth of the spread is narrow enough.
        spread = 0.0 if codes.size else float(away**2 @ cells.weights) / cells.total
        floor[d] = max(least or 0.0, rounding, lost, 1e-6 * spread)
    # Features that are 0 everywhere have no step.
    told = np.array([x.any() for x in cells.points])
    if picture.dtype.kind == "f":
        check_size(float(max(cells.points.max(), -cells.points.min())))
    return np.where(told, floor, floor.min(where=told, initial=1.0))


def find_coding(picture: LazyImage, color: str) -> Coding | None:
    """Return how an image's values are coded, as a palette or gray levels.

    Parameters
    ----------
    picture : LazyImage
        The image.
    color : str
        Color space of its features; of `PLANE`, one channel is coded.
    """
    dtype = picture.dtype
    span = None
    channels = 1 if color == PLANE else picture.channels
    rgb = picture.rgb and color != PLANE
    if picture.channels == 1 and dtype.kind in "iu" and dtype.itemsize > 2:
        ends = [(int(v.min()), int(v.max())) for v in slabs(picture.source)]
        low, high = min(a for a, _ in ends), max(b for _, b in ends)
        # Levels are offset within 64 bits; few images are that far from 0.
        if max(abs(low), abs(high)) < 2**62:
            span = low, high
    return coding_for(dtype, channels=channels, rgb=rgb, span=span)


def _pixels(parts: Iterator[Part]) -> Cells:
    features, seed_labels = [], []
    for values, classes in parts:
        features.append(values)
        if classes is not None:
            seed_labels.append(classes.astype(np.int64))
    stop = sum(map(len, features))
    points = np.empty((features[0].shape[1], stop), features[0].dtype)
    # The last part first, and none is kept: memory is given back from its end.
    while features:
        values = features.pop()
        points[:, stop - len(values) : stop] = values.T
        stop -= len(values)
    # All weigh the same: one number is enough for millions of them.
    weights = np.broadcast_to(np.ones(1), points.shape[1])
    return Cells(
        weights,
        points,
        seed_labels=np.concatenate(seed_labels) if seed_labels else None,
    )


def _palette(
    picture: LazyImage, parts: Iterator[Part], color: str, coding: Coding
) -> tuple[Cells, NDArray[np.uint32]]:
    """Count the free pixels, and those of each fixed class apart."""
    by_class: dict[int, list[NDArray[Any]]] = {}

    def free() -> Iterator[NDArray[Any]]:
        for values, classes in parts:
            if classes is None:
                yield values
                continue
            for label in np.unique(classes[classes > 0]):
                by_class.setdefault(int(label), []).append(values[classes == label])
            if not classes.all():
                yield values[classes == 0]

    size = picture.size
    lists = [(0, *count_values(free(), coding, size=size))]
    for label, found in sorted(by_class.items()):
        lists.append((label, *count_values(found, coding, size=size)))
    codes = np.concatenate([codes for _, codes, _ in lists])
    weights = np.concatenate([counts for _, _, counts in lists]).astype(np.float64)
    points = np.ascontiguousarray(
        convert(coding.decode(codes), color, picture.full_scale).T
    )
    cells = Cells(weights, points)
    if by_class:
        labels = [np.full(len(codes), label) for label, codes, _ in lists]
        cells = replace(cells, seed_labels=np.concatenate(labels).astype(np.int64))
        codes = np.unique(codes)
    return cells, codes
