"""Cells: weighted points of feature space that stand for many pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.image.value_range import Core
# Weights, φ and fixed classes of some cells.
Block = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64] | None]
# Columns of one block: long enough to hide Python, short enough for the cache.
_BLOCK_BYTES = 2**20
_BLOCK_MIN, _BLOCK_MAX = 256, 8192
# Cells that are joined at once.
_PART = 2**16
# φ of fewer bytes than this is kept between passes; more memory takes longer to get
# than φ to be made some ten times.
_KEEP_BYTES = 2**23
_LARGE = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Weighted points, each with the mean of φ(x) = [1, x, x xᵀ] over its pixels.

    A Gaussian log-density is linear in φ, so the same code runs EM on pixels, on the
    exact palette of an image (same likelihood as on all its pixels), and on bins,
    where sharing the responsibilities in a cell makes the likelihood a lower
    bound [1]_.

    Attributes
    ----------
    weights : (M,) ndarray of float64
        Number of pixels in each cell.
    points : (D, M) ndarray of float32 or float64
        Mean of the features over the cell.
    spread : (D (D + 1) / 2, M) ndarray of float64 or None
        Covariance of the features inside each cell, upper triangle by rows; or (1, M)
        its trace, which is enough for K-means; None if all cells are points.
    seed_labels : (M,) ndarray of int64 or None
        Class 1..K that the user fixed for the cell, 0 for free ones.
    core : Core or None
        Range of nearly all pixels, if some are far outside.

    References
    ----------
    .. [1] J. J. Verbeek, J. R. J. Nunnink, N. Vlassis, "Accelerated EM-based
       clustering of large data sets", Data Mining and Knowledge Discovery 13(3),
       291-307, 2006.
    """

    weights: Float64Array
    points: NDArray[np.floating]
    spread: Float64Array | None = None
    seed_labels: NDArray[np.int64] | None = None
    core: Core | None = None

    @property
    def total(self) -> float:
        """Number of pixels that all cells stand for."""
        return float(self.weights.sum())

    @property
    def dims(self) -> int:
        """Number of features D."""
        return self.points.shape[0]

    @property
    def count(self) -> int:
        """Number of cells M."""
        return self.points.shape[1]

    @property
    def exact(self) -> bool:
        """Whether cells are points, so that likelihoods are true and not bounds."""
        return self.spread is None

    @property
    def highest_seed(self) -> int:
        """Highest class that is fixed for a cell; 0 if none is."""
        return 0 if self.seed_labels is None else int(self.seed_labels.max())

    def mean(self) -> Float64Array:
        """Mean feature of all pixels, (D,)."""
        found = np.zeros(self.dims)
        for start in range(0, self.count, _PART):
            part = slice(start, start + _PART)
            found += self.points[:, part] @ self.weights[part]
        return found / self.total

    def center(self) -> Float64Array:
        """Where squares of the features lose least: the mean but for extremes, (D,)."""
        return self.mean() if self.core is None else self.clipped(self.core).mean()

    @property
    def usual(self) -> NDArray[np.bool_]:
        """Which cells (M,) are not extreme."""
        if self.core is None:
            return np.ones(self.count, bool)
        return self.core.holds(self.points.T)

    def clipped(self, core: Core) -> Cells:
        """Return these cells as points with the extremes nearer."""
        return replace(self, points=core.clip(self.points.T).T, spread=None, core=None)

    def covariance(self) -> Float64Array:
        """Covariance of all pixels, (D, D)."""
        mean = self.mean()
        moments = np.zeros(feature_rows(self.dims, "full"))
        for weights, phi, _ in self.blocks(mean):
            moments += phi @ weights
        return unpack(moments[np.newaxis, 1 + self.dims :], self.dims)[0] / self.total

    def take(self, index: NDArray[np.intp]) -> Cells:
        """Keep some of the cells, in the order of `index`."""
        return replace(
            self,
            weights=self.weights[index],
            points=self.points[:, index],
            spread=None if self.spread is None else self.spread[:, index],
            seed_labels=None if self.seed_labels is None else self.seed_labels[index],
        )

    def sample(self, count: int) -> Cells:
        """Keep about `count` cells at even distances, which stand for all the others.

        For cells that are single pixels: their order is that of the image, so an
        even stride with a golden-ratio shift covers it without a grid's beat. Cells
        with a fixed class are few and matter: they are sampled apart, up to half.
        """
        if count >= self.count:
            return self
        if self.seed_labels is None:
            return self._stride(np.arange(self.count), count)
        seeded = np.flatnonzero(self.seed_labels)
        some = self._stride(seeded, min(seeded.size, count // 2))
        rest = self._stride(np.flatnonzero(self.seed_labels == 0), count - some.count)
        return Cells(
            np.concatenate([some.weights, rest.weights]),
            np.concatenate([some.points, rest.points], axis=1),
            seed_labels=np.concatenate([some.seed_labels, rest.seed_labels]),
            core=self.core,
        )

    def _stride(self, index: NDArray[np.intp], count: int) -> Cells:
        if count >= index.size:
            return self.take(index)
        step = index.size / count
        jitter = (np.arange(count) * 0.6180339887498949) % 1.0
        found = self.take(index[((np.arange(count) + jitter) * step).astype(np.intp)])
        return replace(found, weights=found.weights * step)

    def blocks(self, center: Float64Array, *, order: str = "full") -> Blocks:
        """Return the cells in blocks of products φ, centered at `center`."""
        return Blocks(self, center, order)


@dataclass(slots=True, eq=False)
class Blocks:
    """Successive cells as weights (B,), φ (F, B), and fixed classes (B,) or None.

    Small data are laid out once and kept; large data are laid out anew at each pass.
    Where blocks begin depends on D alone, never on threads or memory, so that sums
    over them are reproducible.

    Attributes
    ----------
    cells : Cells
        The data.
    center : (D,) ndarray of float64
        Origin of φ.
    order : {"full", "squares", "linear"}
        Rows of φ after 1 and the D features: their products, upper triangle by rows;
        only the D squares; none.
    """

    cells: Cells
    center: Float64Array
    order: str
    _kept: list[Block] | None = None

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks in order."""
        if self._kept is not None:
            return iter(self._kept)
        rows = feature_rows(self.cells.dims, self.order)
        if rows * self.cells.count * 8 > _KEEP_BYTES:
            return self._make(rows)
        self._kept = list(self._make(rows))
        return iter(self._kept)

    def _make(self, rows: int) -> Iterator[Block]:
        size = int(np.clip(_BLOCK_BYTES // (8 * rows), _BLOCK_MIN, _BLOCK_MAX))
        cells, dims = self.cells, self.cells.dims
        middle = self.center[:, np.newaxis]
        for start in range(0, cells.count, size):
            part = slice(start, start + size)
            phi = products(cells.points[:, part] - middle, self.order)
            if cells.spread is not None and self.order != "linear":
                spread = cells.spread[:, part]
                if self.order == "squares":
                    i, j = upper(dims)
                    spread = spread[i == j]
                phi[1 + dims :] += spread
            seed_labels = None if cells.seed_labels is None else cells.seed_labels[part]
            yield cells.weights[part], phi, seed_labels


def feature_rows(dims: int, order: str) -> int:
    """Return the number of rows of φ."""
    return 1 + dims + {"full": dims * (dims + 1) // 2, "squares": dims}.get(order, 0)


@cache
def upper(dims: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the upper triangle of a (D, D) matrix, by rows."""
    return np.triu_indices(dims)


def products(
    x: NDArray[np.number[Any]], order: str = "full", out: Float64Array | None = None
) -> Float64Array:
    """Return φ (F, B) of points (D, B), written to `out` if there is one."""
    dims, count = x.shape
    phi = np.empty((feature_rows(dims, order), count)) if out is None else out
    phi[0] = 1
    phi[1 : 1 + dims] = x
    first = phi[1 : 1 + dims]
    row = 1 + dims
    if order == "squares":
        np.multiply(first, first, out=phi[row:])
    elif order == "full":
        for i in range(dims):
            np.multiply(first[i], first[i:], out=phi[row : row + dims - i])
            row += dims - i
    return phi


def largest(rows: NDArray[np.floating]) -> NDArray[np.intp]:
    """Index of the largest entry of each column (K, M), the first of equal ones."""
    # Down the columns OpenCV is two to three times as fast as numpy.
    return np.asarray(cv2.reduceArgMax(rows, 0), np.intp).ravel()


def pack(matrices: Float64Array) -> Float64Array:
    """Return the upper triangles of (K, D, D) symmetric matrices as rows."""
    i, j = upper(matrices.shape[-1])
    return matrices[:, i, j]


def unpack(rows: Float64Array, dims: int) -> Float64Array:
    """Return (K, D, D) symmetric matrices of rows of upper triangles, or of squares."""
    out = np.zeros((len(rows), dims, dims))
    if rows.shape[1] == dims:
        i = j = np.arange(dims)
    else:
        i, j = upper(dims)
    out[:, i, j] = rows
    out[:, j, i] = rows
    return out


def coarsen(cells: Cells, bits: int, *, order: str = "full") -> Cells:
    """Join cells in the same box of a grid over feature space, moments exact.

    Extremes have a grid of their own, so that the others are told apart.

    Parameters
    ----------
    cells : Cells
        Of few features: the grid has 2^(bits·D) boxes.
    bits : int
        Each feature's range is cut into 2^bits parts.
    order : {"full", "linear"}
        Second moments to be kept, as `Blocks` names them; of linear ones the trace.

    Returns
    -------
    Cells
        At most one cell a box (and a fixed class), with the mean and the covariance
        of all pixels in it.
    """
    key = _boxes(cells.points, bits, cells.core)
    if cells.seed_labels is not None:
        key = key + cells.seed_labels * (int(key.max()) + 1)
    boxes, group = group_keys(key)
    dims, center = cells.dims, cells.center()[:, np.newaxis]
    i, j = upper(dims)
    sums = np.zeros((1 + dims + (len(i) if order == "full" else 1), boxes))
    # Fresh memory costs more than arithmetic: a part at a time stays in the cache.
    for start in range(0, cells.count, _PART):
        part = slice(start, start + _PART)
        weights = cells.weights[part]
        x = cells.points[:, part] - center
        heavy = weights * x
        if order == "full":
            second = [heavy[a] * x[b] for a, b in zip(i, j, strict=True)]
        else:
            second = [np.einsum("dm,dm->m", heavy, x)]
        if cells.spread is not None:
            for row, inside in zip(second, cells.spread[:, part], strict=True):
                row += weights * inside
        for into, row in zip(sums, [weights, *heavy, *second], strict=True):
            into += np.bincount(group[part], row, boxes)
    total = sums[0]
    mean, spread = np.split(sums[1:] / total, [dims])
    if order == "full":
        spread -= mean[i] * mean[j]
        # Rounding may leave a variance of -1e-17 in a box of one color.
        np.maximum(spread, 0, where=(i == j)[:, np.newaxis], out=spread)
    else:
        spread -= np.einsum("dm,dm->m", mean, mean)
        np.maximum(spread, 0, out=spread)
    seed_labels = None
    if cells.seed_labels is not None:
        seed_labels = np.zeros(boxes, np.int64)
        seed_labels[group] = cells.seed_labels
    return Cells(total, mean + center, spread, seed_labels, cells.core)


def _boxes(
    points: NDArray[np.floating], bits: int, core: Core | None
) -> NDArray[np.int64]:
    key = np.zeros(points.shape[1], np.int64)
    for d, x in enumerate(points):
        key <<= bits
        if core is None or not np.isfinite(core.low[d]):
            key |= _parts(x, bits)
            continue
        outside = (x < core.low[d]) | (x > core.high[d])
        parts = _parts(np.clip(x, core.low[d], core.high[d]), bits)
        parts[outside] = _parts(x[outside], bits) + 2**bits
        # Few of so many numbers occur.
        key = np.unique((key << 1) + parts, return_inverse=True)[1]
    return key


def _parts(x: NDArray[np.floating], bits: int) -> NDArray[np.int32]:
    """Return the number of the part of the range that each value lies in."""
    low, high = float(x.min(initial=np.inf)), float(x.max(initial=-np.inf))
    # Of values next to the smallest there are, float32 cannot hold the inverse.
    scale = min(2**bits * (1 - 1e-6) / (high - low), _LARGE) if high > low else 0.0
    return ((x - low) * scale).astype(np.int32)


def group_keys(key: NDArray[np.integer[Any]]) -> tuple[int, NDArray[np.intp]]:
    """Return the number of distinct keys, and the rank of each key among them."""
    # A table beats a sort while it fits the cache.
    seen = np.zeros(int(key.max()) + 1, bool)
    seen[key] = True
    number = np.cumsum(seen) - 1
    return int(number[-1]) + 1, number[key]
