"""How unlike two neighboring regions are: the order in which regions merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.ensemble import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.graph import RegionGraph

    Float64Array = NDArray[np.float64]

MIXTURES = tuple(f"{name}_{k}" for name, ks in CLASSES.items() for k in ks)
WEIGHTS = {
    "disagree_color": -0.919,
    "disagree_place": -1.139,
    "discs_color": 1.66,
    "discs_place": 2.217,
    "discs_grain": -0.299,
    "lightness": 1.935,
    "color_fine": 4.524,
    "color_coarse": -3.798,
    "texture": 1.545,
    "color_8": -1.533,
    "color_20": 2.592,
    "place_5": 0.702,
    "place_12": -0.458,
    "place_20": 2.343,
    "grain_8": 0.068,
    "grain_16": 0.596,
    "lightness_step": -0.404,
    "spectral": 0.219,
    "size": 0.297,
    "border": -0.162,
    "frame": -0.7,
    "busy": -0.427,
    "busier": -0.178,
    "leak": -0.878,
}
BIAS = -7.856
# Columns of `Regions.sums` before colors and embedding.
_AREA, _PERIMETER, _FRAME, _EDGE = range(4)


@dataclass(slots=True, eq=False)
class Regions:
    """Statistics of the fine regions and of all that are merged from them.

    Attributes
    ----------
    sums : (2 n - 1, P) ndarray of float64
        Area, perimeter, frame, evidence inside, color and its square, embedding.
    votes : (2 n - 1, H) ndarray of float64
        Sums of posteriors.
    roots : (2 n - 1, H) ndarray of float64
        Square roots of the mean posteriors: their products are Bhattacharyya's
        coefficients.
    starts : (mixtures,) ndarray of intp
        First column of each mixture.
    colors : int
        Number of color channels.
    """

    sums: Float64Array
    votes: Float64Array
    roots: Float64Array
    starts: NDArray[np.intp]
    colors: int

    @classmethod
    def of(cls, graph: RegionGraph) -> Regions:
        """Start with the fine regions of a graph."""
        n = len(graph.area)
        sums = np.column_stack(
            [
                graph.area,
                graph.perimeter,
                graph.frame,
                graph.edge,
                graph.color,
                graph.place,
            ]
        )
        room = ((0, n - 1), (0, 0))
        roots = np.sqrt(graph.votes / graph.area[:, np.newaxis])
        return cls(
            np.pad(sums, room),
            np.pad(graph.votes, room),
            np.pad(roots, room),
            graph.starts,
            graph.color.shape[1] // 2,
        )

    def merge(self, one: int, two: int, new: int, border: float) -> None:
        """Make region `new` of two that share a border of this length."""
        self.sums[new] = self.sums[one] + self.sums[two]
        self.sums[new, _PERIMETER] -= 2 * border
        self.votes[new] = self.votes[one] + self.votes[two]
        self.roots[new] = np.sqrt(self.votes[new] / self.sums[new, _AREA])

    def compare(
        self, one: int, others: NDArray[np.intp], borders: Float64Array
    ) -> Float64Array:
        """Measure how a region differs from each of its neighbors.

        Parameters
        ----------
        one : int
            The region.
        others : (m,) ndarray of intp
            Its neighbors.
        borders : (m, 2 + Q) ndarray of float64
            Length, weak part and sums of the cues of each border.

        Returns
        -------
        (m, W) ndarray of float64
            Columns in the order of `WEIGHTS`.
        """
        mine, theirs = self.sums[one], self.sums[others]
        area, areas = mine[_AREA], theirs[:, _AREA]
        length = borders[:, 0]
        cues = borders[:, 2:] / length[:, np.newaxis]
        alike = np.add.reduceat(
            self.roots[one] * self.roots[others], self.starts, axis=1
        )
        unlike = np.sqrt(np.maximum(1 - alike, 0))
        c = 4 + self.colors
        mean, means = mine[4:] / area, theirs[:, 4:] / areas[:, np.newaxis]
        variance = mean[self.colors] - mean[0] ** 2
        variance = variance + means[:, self.colors] - means[:, 0] ** 2
        step = np.abs(mean[0] - means[:, 0]) / np.sqrt(1 + np.maximum(variance, 0) / 50)
        away = mean[c + self.colors - 4 :] - means[:, c + self.colors - 4 :]
        busy = mine[_EDGE] / area, theirs[:, _EDGE] / areas
        out = np.empty((len(others), len(WEIGHTS)))
        q = cues.shape[1]
        m = q + unlike.shape[1]
        out[:, :q] = cues
        out[:, q:m] = unlike
        out[:, m] = step / 10
        out[:, m + 1] = np.sqrt((away * away).sum(axis=1))
        out[:, m + 2] = np.log(np.minimum(area, areas) + 1e-4)
        out[:, m + 3] = np.log(length + 0.01)
        out[:, m + 4] = np.minimum(mine[_FRAME], theirs[:, _FRAME])
        out[:, m + 5] = np.log(np.minimum(*busy) + 0.005)
        out[:, m + 6] = np.log(np.maximum(*busy) + 0.005)
        out[:, m + 7] = borders[:, 1] / length
        return out
