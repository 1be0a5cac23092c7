"""E steps of many classes: cells are shared out among those that are near."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.cells.cells import feature_rows, products, upper
from napari_emseg.engine.cluster.em import Statistics, e_step
from napari_emseg.engine.cluster.mixture import (
    exponentiate,
    log_norm,
    quadratics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.mixture import MixtureModel

# With fewer classes nearly all are near; fewer cells, or with more features, are not
# near each other; an order of more cells takes memory.
_CLASSES, _CELLS, _FEATURES = 24, (2**13, 2**21), 4
# Cells that share their classes.
_BLOCK = 1024
# Bits of a place on the curve that orders the cells: such keys sort in no time.
_KEY_BITS = 16
# Classes that are e^-37 of another, less than the last digit of its share, are far.
_FAR = 37.0
# Where the best class is within this, exponentials add up as they are.
_DEEP = 500.0


def e_steps(
    cells: Cells, center: Float64Array, order: str, model: MixtureModel
) -> Callable[[MixtureModel], Statistics]:
    """Return what makes E steps on cells, for models such as one.

    Parameters
    ----------
    cells : Cells
        The data.
    center : (D,) ndarray of float64
        Origin of the products φ.
    order : {"full", "squares"}
        Products that the M step needs, as `Blocks` names them.
    model : MixtureModel
        How many classes there are, and of what kind.

    Returns
    -------
    callable
        From a model to its `Statistics`: those of `e_step`, but for rounding.
    """
    gaussian = model.df is None and model.outliers == 0 and cells.seed_labels is None
    fewest, most = _CELLS
    if (
        gaussian
        and model.n_classes >= _CLASSES
        and cells.dims <= _FEATURES
        and fewest <= cells.count <= most
    ):
        return Truncation(cells, center, order)
    data = cells.blocks(center, order=order)
    return lambda model: e_step(model, data)


class Truncation:
    """E steps that leave out, of each block of cells, classes that nothing there feels.

    Cells that are near each other are in one block. From the box that holds them, and
    the precision of each class, follows how probable a class is there at most, and how
    probable the best one is at least; classes below the last digit of that are left out
    of the sums [1]_.

    Parameters
    ----------
    cells : Cells
        The data, without fixed classes.
    center : (D,) ndarray of float64
        Origin of the products φ.
    order : {"full", "squares"}
        Which of them, as `Blocks` names them.

    References
    ----------
    .. [1] J. Lücke, J. Eggert, "Expectation truncation and the benefits of preselection
       in training generative models", J. Machine Learning Research 11, 2855-2900, 2010.
    """

    def __init__(self, cells: Cells, center: Float64Array, order: str) -> None:
        self._cells = cells.take(_curve(cells.points))
        self._center, self._order = center, order
        starts = np.arange(0, cells.count, _BLOCK)
        low = np.minimum.reduceat(self._cells.points, starts, axis=1)
        high = np.maximum.reduceat(self._cells.points, starts, axis=1)
        self._middle = (low.astype(np.float64) + high) / 2 - center[:, np.newaxis]
        self._half = (high.astype(np.float64) - low) / 2
        # Standard deviation inside of cells, at most.
        self._inside: Float64Array | None = None
        if self._cells.spread is not None:
            i, j = upper(cells.dims)
            variance = self._cells.spread[i == j]
            self._inside = np.sqrt(np.maximum.reduceat(variance, starts, axis=1))

    def __call__(self, model: MixtureModel) -> Statistics:
        """Return the sums over all cells, each shared out among near classes."""
        form = quadratics(model, self._center, self._order)
        peak = log_norm(model, form.log_det)
        matrix = form.matrix / -2
        matrix[:, 0] += peak
        near, plain = self._near(model, peak)
        sums = np.zeros_like(matrix)
        total, ones = 0.0, np.ones(model.n_classes)
        for (weights, phi), classes, easy in zip(
            self._blocks(), near.T, plain, strict=True
        ):
            some = classes.nonzero()[0]
            log = matrix[some] @ phi
            if easy:
                share = np.asarray(cv2.exp(log, log), np.float64)
                column = ones[: len(some)] @ share
                likelihood = np.log(column)
            else:
                share, column, likelihood = exponentiate(log)
            total += float(likelihood @ weights)
            sums[some] += share @ (phi * (weights / column)).T
        objective = np.array([total / self._cells.total])
        return Statistics(objective, sums[:, 0].copy(), sums, np.zeros(len(sums)))

    def _near(
        self, model: MixtureModel, peak: Float64Array
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which classes are near each of B blocks, and where sums are plain.

        By the triangle inequality of the Mahalanobis distance: (K, B) and (B,).
        """
        root = np.linalg.inv(np.linalg.cholesky(model.covariances))
        away = (root @ (model.means - self._center)[:, :, np.newaxis])[:, :, 0]
        middle, reach, inside = np.zeros((3, len(peak), self._middle.shape[1]))
        for axis in range(self._cells.dims):
            row = root[:, axis]
            middle += (row @ self._middle - away[:, axis, np.newaxis]) ** 2
            reach += (np.abs(row) @ self._half) ** 2
            if self._inside is not None:
                inside += (np.abs(row) @ self._inside) ** 2
        middle, reach = np.sqrt(middle), np.sqrt(reach)
        nearest = peak[:, np.newaxis] - np.maximum(middle - reach, 0) ** 2 / 2
        farthest = peak[:, np.newaxis] - ((middle + reach) ** 2 + inside) / 2
        best = farthest.max(axis=0)
        return nearest > best - _FAR, (best > -_DEEP) & (peak.max() < _DEEP)

    def _blocks(self) -> Iterator[tuple[Float64Array, Float64Array]]:
        """Yield weights (B,) and φ (F, B) of blocks; the next is written over it."""
        cells, dims = self._cells, self._cells.dims
        kept = np.empty((feature_rows(dims, self._order), _BLOCK))
        spread = cells.spread
        if spread is not None and self._order == "squares":
            i, j = upper(dims)
            spread = spread[i == j]
        for start in range(0, cells.count, _BLOCK):
            part = slice(start, start + _BLOCK)
            x = cells.points[:, part] - self._center[:, np.newaxis]
            phi = products(x, self._order, out=kept[:, : x.shape[1]])
            if spread is not None:
                phi[1 + dims :] += spread[:, part]
            yield cells.weights[part], phi


def _curve(points: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return an order of points (D, M) in which neighbors are near: a Z-curve."""
    bits = _KEY_BITS // len(points)
    low = points.min(axis=1, keepdims=True)
    side = np.maximum(points.max(axis=1, keepdims=True) - low, np.float32(1e-30))
    number = ((points - low) / side * (2**bits - 0.5)).astype(np.uint16)
    key = np.zeros(points.shape[1], np.uint16)
    for bit in range(bits)[::-1]:
        for row in number:
            key <<= 1
            key |= (row >> bit) & 1
    return np.argsort(key, kind="stable")
