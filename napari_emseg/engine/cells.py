"""Cells: weighted points of feature space that stand for many pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Float64Array = NDArray[np.float64]
# Columns of one block: long enough to hide Python, short enough for the cache.
_BLOCK_BYTES = 2**20
_BLOCK_MIN, _BLOCK_MAX = 256, 8192


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
        Covariance of the features inside each cell, upper triangle by rows; None if
        all cells are points.
    fixed : (M,) ndarray of int64 or None
        Class 1..K that the user fixed for the cell, 0 for free ones.

    References
    ----------
    .. [1] J. J. Verbeek, J. R. J. Nunnink, N. Vlassis, "Accelerated EM-based
       clustering of large data sets", Data Mining and Knowledge Discovery 13(3),
       291-307, 2006.
    """

    weights: Float64Array
    points: NDArray[np.floating]
    spread: Float64Array | None = None
    fixed: NDArray[np.int64] | None = None

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

    def mean(self) -> Float64Array:
        """Mean feature of all pixels, (D,)."""
        return (self.points @ self.weights) / self.total

    def covariance(self) -> Float64Array:
        """Covariance of all pixels, (D, D)."""
        mean = self.mean()
        total = np.zeros((self.dims, self.dims))
        for weights, phi in self.blocks(mean):
            moments = phi[1 + self.dims :] @ weights
            total += unpack(moments[np.newaxis], self.dims)[0]
        return total / self.total

    def take(self, index: NDArray[np.intp]) -> Cells:
        """Keep some of the cells, in the order of `index`."""
        return replace(
            self,
            weights=self.weights[index],
            points=self.points[:, index],
            spread=None if self.spread is None else self.spread[:, index],
            fixed=None if self.fixed is None else self.fixed[index],
        )

    def sample(self, count: int) -> Cells:
        """Keep `count` cells at even distances, of equal weights.

        For cells that are single pixels: their order is that of the image, so an
        even stride with a golden-ratio shift covers it without a grid's beat.
        """
        if count >= self.count:
            return self
        stride = self.count / count
        jitter = (np.arange(count) * 0.6180339887498949) % 1.0
        index = ((np.arange(count) + jitter) * stride).astype(np.intp)
        return self.take(index)

    def blocks(
        self, center: Float64Array, *, full: bool = True
    ) -> Iterator[tuple[Float64Array, Float64Array]]:
        """Yield weights (B,) and φ (F, B) of successive cells, centered.

        Rows of φ are 1, the D features less `center`, and their products: those of
        the upper triangle by rows, or only the D squares if not `full`. Blocks depend
        on D alone, never on threads or memory, so sums over them are reproducible.
        """
        rows = feature_rows(self.dims, full=full)
        size = int(np.clip(_BLOCK_BYTES // (8 * rows), _BLOCK_MIN, _BLOCK_MAX))
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            phi = products(
                self.points[:, start:stop] - center[:, np.newaxis], full=full
            )
            if self.spread is not None:
                spread = self.spread[:, start:stop]
                if not full:
                    spread = spread[_diagonal(self.dims)]
                phi[1 + self.dims :] += spread
            yield self.weights[start:stop], phi


def feature_rows(dims: int, *, full: bool) -> int:
    """Count the rows of φ."""
    return 1 + dims + (dims * (dims + 1) // 2 if full else dims)


def products(x: NDArray[np.floating], *, full: bool = True) -> Float64Array:
    """Make φ (F, B) of points (D, B)."""
    dims, count = x.shape
    phi = np.empty((feature_rows(dims, full=full), count))
    phi[0] = 1
    phi[1 : 1 + dims] = x
    row = 1 + dims
    x = phi[1 : 1 + dims]
    if not full:
        np.multiply(x, x, out=phi[row:])
        return phi
    for i in range(dims):
        np.multiply(x[i], x[i:], out=phi[row : row + dims - i])
        row += dims - i
    return phi


def pack(matrices: Float64Array) -> Float64Array:
    """Lay the upper triangles of (K, D, D) symmetric matrices out as rows."""
    i, j = np.triu_indices(matrices.shape[-1])
    return matrices[:, i, j]


def unpack(rows: Float64Array, dims: int) -> Float64Array:
    """Make (K, D, D) symmetric matrices of rows of upper triangles, or of squares."""
    out = np.zeros((len(rows), dims, dims))
    if rows.shape[1] == dims:
        i = j = np.arange(dims)
    else:
        i, j = np.triu_indices(dims)
    out[:, i, j] = rows
    out[:, j, i] = rows
    return out


def _diagonal(dims: int) -> NDArray[np.intp]:
    i, j = np.triu_indices(dims)
    return np.flatnonzero(i == j)


def coarsen(cells: Cells, bits: int) -> Cells:
    """Join cells in the same box of a grid over feature space, moments exact.

    Parameters
    ----------
    cells : Cells
        Of few features: the grid has 2^(bits·D) boxes.
    bits : int
        Each feature's range is cut into 2^bits parts.

    Returns
    -------
    Cells
        At most one cell a box (and a fixed class), with the mean and the covariance
        of all pixels in it.
    """
    key = _boxes(cells.points, bits)
    if cells.fixed is not None:
        key = key + (cells.fixed << (bits * cells.dims))
    boxes, group = _group(key)
    total = np.bincount(group, cells.weights, boxes).astype(np.float64)
    center = cells.mean()[:, np.newaxis]
    first = np.stack(
        [
            np.bincount(group, cells.weights * row, boxes)
            for row in cells.points - center
        ]
    )
    mean = first / total
    i, j = np.triu_indices(cells.dims)
    spread = np.empty((len(i), boxes))
    x = cells.points - center
    for row, (a, b) in enumerate(zip(i, j, strict=True)):
        second = x[a] * x[b]
        if cells.spread is not None:
            second += cells.spread[row]
        spread[row] = np.bincount(group, cells.weights * second, boxes) / total
    spread -= mean[i] * mean[j]
    # Rounding may leave a variance of -1e-17 in a box of one color.
    np.maximum(spread, 0, where=(i == j)[:, np.newaxis], out=spread)
    fixed = None
    if cells.fixed is not None:
        fixed = np.zeros(boxes, np.int64)
        fixed[group] = cells.fixed
    return Cells(total, mean + center, spread, fixed)


def _boxes(points: NDArray[np.floating], bits: int) -> NDArray[np.int64]:
    key = np.zeros(points.shape[1], np.int64)
    for x in points:
        low, high = float(x.min()), float(x.max())
        scale = 2**bits * (1 - 1e-6) / (high - low) if high > low else 0.0
        key <<= bits
        key |= ((x - low) * scale).astype(np.int64)
    return key


def _group(key: NDArray[np.int64]) -> tuple[int, NDArray[np.intp]]:
    """Number the distinct keys; a table beats a sort while it fits the cache."""
    seen = np.zeros(int(key.max()) + 1, bool)
    seen[key] = True
    number = np.cumsum(seen) - 1
    return int(number[-1]) + 1, number[key]
