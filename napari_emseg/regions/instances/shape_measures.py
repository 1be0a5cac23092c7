"""Shapes of objects, all at once: sums over pixels by the number of their object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from napari_emseg.pipeline.progress import Progress
from napari_emseg.regions.instances.outlines import (
    add_perimeters,
    convex_sizes,
    row_ends,
    runs_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.regions.instances.outlines import Runs

    IntArray = NDArray[np.integer[Any]]
    Columns = dict[str, NDArray[Any]]

AXES = "zyx"
# Pixels that are looked at together.
_PART = 2**20


def shape_names(n_space: int) -> list[str]:
    """Return the names of the measures of shape, in the order of a table."""
    axes = AXES[-n_space:]
    plane = n_space == 2
    return [
        "pixels",
        "area" if plane else "volume",
        *["perimeter"] * plane,
        "equivalent_diameter",
        "axis_major",
        *["axis_middle"] * (not plane),
        "axis_minor",
        *["eccentricity"] * plane,
        "solidity",
        *["circularity"] * plane,
        *(f"centroid_{axis}" for axis in axes),
        *(f"{end}_{axis}" for end in ("first", "last") for axis in axes),
        "touches_border",
        "nearest",
    ]


SHAPES = tuple(dict.fromkeys(shape_names(2) + shape_names(3)))
# What each measure is made from; those that are not here take one pass over the pixels.
_OUTLINE, _HULL = {"perimeter", "circularity"}, {"solidity"}
_SECOND = {"axis_major", "axis_middle", "axis_minor", "eccentricity"}
_FIRST = {*_SECOND, "nearest", *(f"centroid_{axis}" for axis in AXES)}


def measure_shapes(
    labels: IntArray,
    ids: IntArray,
    names: Iterable[str],
    scale: Sequence[float] | None = None,
) -> Generator[Progress, None, Columns]:
    """Measure the shapes of objects of one plane, or of one volume.

    Parameters
    ----------
    labels : (Y, X) or (Z, Y, X) ndarray of unsigned int
    ids : (N,) ndarray of int
        Objects that are measured, rising; each has a pixel.
    names : iterable of str
        Some of `SHAPES`.
    scale : sequence of float, optional
        Lengths of a pixel; 1 by default.

    Yields
    ------
    Progress
        After each part.

    Returns
    -------
    dict of str to (N,) ndarray
    """
    wanted, ndim, count = {*names}, labels.ndim, len(ids)
    sides = np.ones(ndim) if scale is None else np.asarray(scale, float)
    number_of = numbering(labels, ids)
    sums = _Sums(count, ndim, 2 if wanted & _SECOND else int(bool(wanted & _FIRST)))
    outline = np.zeros(count + 1)
    ends: list[Runs] = []
    per = int(np.prod(labels.shape[1:-1]))  # lines of a place along the first axis
    step = max(1, _PART // max(1, per * labels.shape[-1]))
    for start in range(0, len(labels), step):
        stop = min(start + step, len(labels))
        rows = number_of(labels[start:stop])
        number, line, first, last = runs_of(rows.reshape(-1, labels.shape[-1]))
        runs = number, line + start * per, first, last
        sums.add(runs, labels.shape)
        if ndim == 2 and wanted & _OUTLINE:
            before, after = min(start, 2), min(len(labels) - stop, 2)
            wide = number_of(labels[start - before : stop + after])
            add_perimeters(outline, wide, before, before + stop - start)
        if wanted & _HULL:
            ends.append(row_ends(runs))
        yield Progress("shapes", stop, len(labels))
    found = _columns(sums, sides, labels.shape)
    if ndim == 2:
        even = np.ptp(sides) <= 1e-6 * sides[0]
        found["perimeter"] = outline[1:] * (sides[0] if even else np.nan)
        with np.errstate(divide="ignore"):
            round_ = 4 * np.pi * sums.pixels / outline[1:] ** 2
        found["circularity"] = np.where(even, np.minimum(round_, 1), np.nan)
    if wanted & _HULL and count == 0:
        found["solidity"] = np.zeros(0)
    elif wanted & _HULL:
        number, line, first, last = (
            np.concatenate(parts) for parts in zip(*ends, strict=True)
        )
        order = np.argsort(number, kind="stable")
        number, line, first, last = (x[order] for x in (number, line, first, last))
        if ndim == 2:
            hull = convex_sizes(number, line, first, last, count)[1:].astype(float)
        else:
            hull = yield from _hull_volumes(
                number, np.divmod(line, labels.shape[1]), first, last, sums
            )
        found["solidity"] = sums.pixels / hull
    ordered = shape_names(ndim)
    return {name: found[name] for name in ordered if name in found and name in wanted}


def numbering(labels: IntArray, ids: IntArray) -> Callable[[IntArray], IntArray]:
    """Return the function that numbers objects 1..N in parts of labels; 0 for others.

    Parameters
    ----------
    labels : (…) ndarray of unsigned int
    ids : (N,) ndarray of int
        Those that are numbered, rising.
    """
    most = int(labels.max(initial=0))
    if most == len(ids) and labels.dtype.itemsize <= np.dtype(np.int32).itemsize:
        return lambda part: part
    number_of = np.zeros(most + 1, np.int32)
    number_of[ids] = np.arange(1, len(ids) + 1)
    return lambda part: number_of[part]


class _Sums:
    """Sums over the pixels of each object, and its box."""

    def __init__(self, count: int, ndim: int, order: int) -> None:
        self.count = np.zeros(count + 1, np.int64)
        self.first = np.zeros((int(order > 0), ndim, count + 1))
        pairs = [(i, j) for i in range(ndim) for j in range(i, ndim)]
        self.second = {pair: np.zeros(count + 1) for pair in pairs if order > 1}
        self.low = np.full((ndim, count + 1), np.iinfo(np.int64).max)
        self.high = np.full((ndim, count + 1), -1)

    @property
    def pixels(self) -> NDArray[np.int64]:
        return self.count[1:]

    def add(self, runs: Runs, shape: tuple[int, ...]) -> None:
        """Add runs of pixels; lines count over all axes but the last."""
        number, line, first, last = runs
        if not len(number):
            return
        least, most = int(number.min()), int(number.max())
        near, size = number - least, most - least + 1
        part = slice(least, most + 1)
        length = last - first + 1
        # Sums over whole numbers, of which floats hold those up to 2^53.
        self.count[part] += np.bincount(near, length, size).astype(np.int64)
        ahead = np.unravel_index(line, shape[:-1])
        for axis, (low, high) in enumerate(
            [*((at, at) for at in ahead), (first, last)]
        ):
            np.minimum.at(self.low[axis], number, low)
            np.maximum.at(self.high[axis], number, high)
        if not len(self.first):
            return
        along = length * (first + last) // 2
        squares = (
            last * (last + 1) * (2 * last + 1) - (first - 1) * first * (2 * first - 1)
        ) // 6
        for axis, values in enumerate([*(length * place for place in ahead), along]):
            self.first[0, axis, part] += np.bincount(near, values, size)
        end = len(shape) - 1
        for (i, j), sums in self.second.items():
            if j < end:
                values = length * ahead[i] * ahead[j]
            else:
                values = squares if i == end else along * ahead[i]
            sums[part] += np.bincount(near, values, size)

    def mean(self) -> Float64Array:
        """Return the middle of each object, (ndim, N)."""
        return self.first[0][:, 1:] / self.pixels

    def covariance(self, sides: Float64Array) -> Float64Array:
        """Return the covariance of the places of each object's pixels, (N, n, n)."""
        ndim, mean = len(sides), self.mean()
        found = np.empty((len(self.pixels), ndim, ndim))
        for (i, j), sums in self.second.items():
            value = sums[1:] / self.pixels - mean[i] * mean[j]
            found[:, i, j] = found[:, j, i] = value * sides[i] * sides[j]
        return found


def _columns(sums: _Sums, sides: Float64Array, shape: tuple[int, ...]) -> Columns:
    """Return what the sums tell."""
    ndim, pixels = len(sides), sums.pixels
    size = pixels * sides.prod()
    found: Columns = {
        "pixels": pixels,
        "area" if ndim == 2 else "volume": size,
        "equivalent_diameter": (2 * ndim * size / np.pi) ** (1 / ndim),
    }
    if sums.second:
        found |= _axes(sums.covariance(sides))
    if len(sums.first):
        middle = sums.mean() * sides[:, np.newaxis]
        for axis, values in zip(AXES[-ndim:], middle, strict=True):
            found[f"centroid_{axis}"] = values
        found["nearest"] = np.full(len(pixels), np.nan)
        if len(pixels) > 1:
            away = cKDTree(middle.T).query(middle.T, k=2)[0]
            found["nearest"] = np.asarray(away)[:, 1]
    low, high = sums.low[:, 1:], sums.high[:, 1:]
    for axis, first, last in zip(AXES[-ndim:], low, high, strict=True):
        found[f"first_{axis}"], found[f"last_{axis}"] = first, last
    ends = np.array(shape)[:, np.newaxis] - 1
    found["touches_border"] = ((low == 0) | (high == ends)).any(axis=0)
    return {name: found[name] for name in shape_names(ndim) if name in found}


def _axes(covariance: Float64Array) -> Columns:
    """Return the axes of the ellipse, or ellipsoid, of the same second moments."""
    spread = np.maximum(np.linalg.eigvalsh(covariance)[:, ::-1], 0)
    if spread.shape[1] == 3:
        major, middle, minor = 2 * np.sqrt(5 * spread).T
        return {"axis_major": major, "axis_middle": middle, "axis_minor": minor}
    major, minor = 4 * np.sqrt(spread).T
    with np.errstate(invalid="ignore"):
        narrow = np.nan_to_num(minor / major, nan=1.0)
    return {
        "axis_major": major,
        "axis_minor": minor,
        "eccentricity": np.sqrt(np.maximum(1 - narrow**2, 0)),
    }


def _hull_volumes(
    number: IntArray,
    line: tuple[IntArray, IntArray],
    first: IntArray,
    last: IntArray,
    sums: _Sums,
) -> Generator[Progress, None, Float64Array]:
    """Return the volume of the convex hull of the voxels of each object, (N,)."""
    size = (sums.high - sums.low + 1)[:, 1:]
    volume = size.prod(axis=0).astype(float)
    bounds = np.searchsorted(number, np.arange(1, len(volume) + 2))
    corners = np.array(np.meshgrid([0, 1], [0, 1], indexing="ij")).reshape(2, -1).T
    # What fills its box is its own hull.
    open_ = np.flatnonzero(volume > sums.pixels)
    for done, one in enumerate(open_.tolist()):
        part = slice(bounds[one], bounds[one + 1])
        z, y = line[0][part], line[1][part]
        ends = [(z, y, first[part]), (z, y, last[part] + 1)]
        points = np.concatenate([np.stack(end, axis=1) for end in ends])
        grown = [points + np.append(corner, 0) for corner in corners]
        volume[one] = ConvexHull(np.concatenate(grown)).volume
        if done % 100 == 0:
            yield Progress("hulls", done, len(open_))
    return volume
