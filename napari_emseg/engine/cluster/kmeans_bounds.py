"""Bounds that skip the distances of cells which cannot change their class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import pdist

from napari_emseg.engine.cells.cells import Cells

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Blocks

# Fewer cells than this are not worth being parted.
_MANY = 2**12
# Centers are expected to move so many times as far as in the last step.
_AHEAD = 8.0
# Parting pays where centers stay within this share of the gap between them, or of
# the room that cells were parted for before.
_FINER = 0.25
# Shares of the gap that centers are given at first, and at least.
_FIRST, _LEAST = 0.05, 1e-3
# Relative error of a squared distance.
_NOISE = 64 * np.finfo(np.float64).eps


@dataclass(slots=True, eq=False)
class ActiveCells:
    """Cells that act like all others too, while the centers stay near.

    Attributes
    ----------
    anchor : (K, D) ndarray of float64
        Where the centers were when the cells were parted, centered as the data.
    slack : float
        No center may get as far as this from there.
    settled : (K, 1 + D) ndarray of float64
        Weight of the cells that keep their class, and the sum of their features.
    data : Blocks
        All others, in linear order.
    """

    anchor: Float64Array
    slack: float
    settled: Float64Array
    data: Blocks

    def room(self, centers: Float64Array) -> float:
        """Return how far each center may still go."""
        away = np.linalg.norm(centers - self.anchor, axis=1).max()
        return self.slack - float(away)

    def assign(self, centers: Float64Array) -> tuple[Float64Array, float]:
        """Assign each cell to its nearest center; ties go to the lower number.

        Returns
        -------
        sums : (K, 1 + D) ndarray of float64
            Pixels of each center, and the sum of their features.
        gain : float
            How much less the inertia is than with a single center at the origin.
        """
        weigh = score_matrix(centers)
        sums, gain = self.settled.copy(), float((weigh * self.settled).sum())
        for weights, phi, seed_labels in self.data:
            score = weigh @ phi
            top = score.max(axis=0)
            own = score == top
            if seed_labels is not None:
                columns = np.flatnonzero(seed_labels)
                top[columns] = score[seed_labels[columns] - 1, columns]
                own[:, columns] = False
                own[seed_labels[columns] - 1, columns] = True
            if np.count_nonzero(own) > own.shape[1]:
                own &= own.cumsum(axis=0) == 1
            sums += (own * weights) @ phi.T
            gain += float(weights @ top)
        return sums, gain

    def part(self, centers: Float64Array, slack: float) -> ActiveCells:
        """Leave only the cells that may change their class before others do.

        While no center moves by `slack`, a cell changes its class only if its
        distances to the nearest two centers differ by less than twice that (the
        triangle inequality, as Hamerly uses it [1]_ for each point).

        References
        ----------
        .. [1] G. Hamerly, "Making k-means even faster", SIAM Data Mining 2010,
           130-140.
        """
        weigh = score_matrix(centers)
        settled, start = self.settled.copy(), 0
        moving = [np.empty(0, np.intp)]
        for weights, phi, seed_labels in self.data:
            score = weigh @ phi
            top, second = _best_two(score)
            own = score == top
            square = np.einsum("dm,dm->m", phi[1:], phi[1:])
            # b² - a² > 2s (a + b) makes sure of b - a > 2s for distances a and b, and
            # (a + b)² is at most 2 (a² + b²): no square root is needed. What rounding
            # may have added is taken off.
            noise = _NOISE * float(square.max())
            lead = np.maximum(top - second - noise, 0)
            both = 2 * square - top - second + noise
            keep = lead * lead > 8 * slack**2 * both
            if seed_labels is not None:
                columns = np.flatnonzero(seed_labels)
                own[:, columns] = False
                own[seed_labels[columns] - 1, columns] = True
                keep[columns] = True
            moving.append(start + np.flatnonzero(~keep))
            settled += (own * (weights * keep)) @ phi.T
            start += len(weights)
        cells, rest = self.data.cells, np.concatenate(moving)
        left = Cells(cells.weights[rest], cells.points[:, rest])
        data = left.blocks(self.data.center, order="linear")
        return ActiveCells(centers, slack, settled, data)


class ActiveSet:
    """Layers of fewer and fewer cells, as the centers come to rest.

    Parameters
    ----------
    data : Blocks
        All cells, in linear order.
    centers : (K, D) ndarray of float64
        Where they start, centered as the data.
    """

    def __init__(self, data: Blocks, centers: Float64Array) -> None:
        nothing = np.zeros((len(centers), 1 + centers.shape[1]))
        self._layers = [ActiveCells(centers, np.inf, nothing, data)]
        self._last: Float64Array | None = None

    def layer(self, centers: Float64Array) -> ActiveCells:
        """Return the fewest cells that act like all of them at these centers."""
        layers = self._layers
        while layers[-1].room(centers) <= 0:
            layers.pop()
        top = layers[-1]
        if top.data.cells.count > _MANY:
            gap = _gap(centers)
            slack = _FIRST * gap
            if self._last is not None:
                move = np.linalg.norm(centers - self._last, axis=1).max()
                slack = max(_AHEAD * float(move), _LEAST * gap)
            if slack < _FINER * min(top.slack, gap) and slack <= top.room(centers):
                layers.append(top.part(centers, slack))
        self._last = centers
        return layers[-1]


def score_matrix(centers: Float64Array) -> Float64Array:
    """Rows whose products with φ are largest for the nearest center."""
    square = np.einsum("kd,kd->k", centers, centers)
    return np.column_stack([-square, 2 * centers])


def _best_two(score: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Largest and second largest entry of each column (K, B) with K > 1."""
    top, second = np.maximum(score[0], score[1]), np.minimum(score[0], score[1])
    for row in score[2:]:
        np.maximum(second, np.minimum(top, row), out=second)
        np.maximum(top, row, out=top)
    return top, second


def _gap(centers: Float64Array) -> float:
    """Return the distance of the nearest two centers."""
    return float(pdist(centers).min(initial=np.inf))
