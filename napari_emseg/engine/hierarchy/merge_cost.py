"""How unlike two neighboring regions are: the order in which regions merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.hierarchy.region_graph import RegionGraph


# The coarsest parts only: with more, what is local outweighs them. Between 4 and 8 made
# no difference that 100 images could show.
_EIGENVECTORS = 6


def spectral(
    pairs: NDArray[np.intp], likeness: Float64Array, area: Float64Array
) -> Float64Array:
    """Embed regions so that those with many likenesses between them come close [1]_.

    Parameters
    ----------
    pairs : (m, 2) ndarray of intp
        Neighbors.
    likeness : (m,) ndarray of float64
        Weight of each pair; only ratios matter.
    area : (n,) ndarray of float64
        Mass of each region.

    Returns
    -------
    (n, E) ndarray of float64
        Generalised eigenvectors of the graph's Laplacian but for the constant one, of
        mean square 1, divided by the root of their eigenvalue relative to the first.

    References
    ----------
    .. [1] P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and
       hierarchical image segmentation", IEEE PAMI 33(5), 898-916, 2011.
    """
    n = len(area)
    if n < 2 or len(pairs) == 0:
        return np.zeros((n, 1))
    matrix = np.zeros((n, n))
    matrix[pairs[:, 0], pairs[:, 1]] = likeness
    matrix += matrix.T
    mass = 1 / np.sqrt(area / area.sum())
    laplacian = np.diag(matrix.sum(axis=1)) - matrix
    laplacian *= mass[:, np.newaxis] * mass
    last = min(_EIGENVECTORS, n - 1)
    values, vectors = eigh(laplacian, subset_by_index=[0, last])
    values = np.maximum(values[1:], 1e-9 * max(float(np.trace(laplacian)), 1e-300))
    return np.asarray(
        mass[:, np.newaxis] * vectors[:, 1:] * np.sqrt(values[0] / values)
    )


# Logistic regression, with a little ridge, of two things at once, which weigh the same,
# on all pairs met while merging the fine regions of 60 training images of BSDS500 (P.
# Arbeláez et al., IEEE PAMI 33(5), 898-916, 2011). "People keep the two apart" is one
# minus the cosine of the shares of their pixels in each person's segments, averaged
# over people; each pair weighs by the area of its smaller region to the power .8.
# "People drew this border" is the share of its pixels that have a partner of their own
# in a person's contours, within .0075 of the diagonal: half of it in anybody's, half
# averaged over people; each pair weighs by the border's length. Four rounds, each on
# the merges of the one before; the bias puts the level of the best covering at .5.
# Products were chosen one after the other by a score test, each of something along the
# border and something of the regions, or a square. Of images that were left out, in
# five folds, they tell better which regions people keep apart (average precision .896
# for .889) and which borders people drew (.819 for .813); what that gives in boundary
# F, .740 for .739, is no more than chance. Neither more products, nor other halves of
# what people drew, nor ten times the ridge were better, nor, before, more mixtures, a
# shift for each image, or more fine regions.
# First the cues along the border, then Hellinger distances of the posteriors of each
# mixture, then the rest, and products of these.
WEIGHTS = {
    "disagree_color": -2.161,
    "disagree_place": -0.269,
    "lightness": -0.145,
    "color_fine": 0.225,
    "color_coarse": -0.296,
    "texture": 0.651,
    "across_far": 0.131,
    "along_far": -0.129,
    "across_close": -0.231,
    "along_close": 0.937,
    "across_color": -1.301,
    "along_color": 0.757,
    "ridge": 0.348,
    "crowd": -0.578,
    "energy_close": 0.142,
    "energy_around": 0.056,
    "energy_coarse": -0.025,
    "aligned_close": 0.303,
    "aligned_coarse": 0.404,
    "color_8": 0.273,
    "color_20": 2.069,
    "place_5": -0.966,
    "place_12": -2.025,
    "place_20": -0.026,
    "grain_8": 0.231,
    "grain_16": 0.939,
    "lightness_step": -0.552,
    "color_step": 0.116,
    "spectral": 0.203,
    "size": 0.076,
    "border": -0.015,
    "frame": -0.133,
    "busy": 0.683,
    "busier": -0.16,
    "leak": -0.22,
    "evidence": 1.447,
    "color_fine*place_12": 1.957,
    "across_color*busy": -0.816,
    "texture*color_20": -1.295,
    "place_12*place_12": 1.213,
    "color_step*color_step": -0.086,
    "across_far*lightness_step": 0.497,
    "aligned_coarse*grain_16": -1.097,
    "disagree_color*place_5": 3.17,
    "busy*busy": 0.12,
}
BIAS = -0.346
# Columns whose products are the last columns.
_FACTORS = np.array(
    [
        [list(WEIGHTS).index(factor) for factor in name.split("*")]
        for name in WEIGHTS
        if "*" in name
    ],
    np.intp,
).T
# What the likeness of the spectral embedding leaves out, its range in log-odds, the
# power that sharpens the odds, and the distance in it below which two regions are one.
GLOBAL = frozenset({"spectral", "size", "border", "frame"})
_ODDS = (-4.0, 8.0)
_SHARPNESS = 2.0
_NEAR = 0.02
# Columns of `MergeStatistics.sums` before colors and embedding.
_AREA, _PERIMETER, _FRAME, _EDGE = range(4)


@dataclass(slots=True, eq=False)
class MergeStatistics:
    """Statistics of the fine regions and of all that are merged from them.

    Attributes
    ----------
    sums : (2 n - 1, P) ndarray of float64
        Area, perimeter, frame, evidence inside, color and its square, embedding.
    memberships : (2 n - 1, H) ndarray of float64
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
    memberships: Float64Array
    roots: Float64Array
    starts: NDArray[np.intp]
    colors: int

    @classmethod
    def of(cls, graph: RegionGraph) -> MergeStatistics:
        """Start with the fine regions of a graph."""
        n = len(graph.area)
        sums = np.column_stack(
            [graph.area, graph.perimeter, graph.frame, graph.edge, graph.color]
        )
        bare = cls(
            np.column_stack([sums, np.zeros(n)]),
            graph.memberships,
            np.sqrt(graph.memberships / graph.area[:, np.newaxis]),
            graph.starts,
            graph.color.shape[1] // 2,
        )
        place = spectral(graph.pairs, bare.likeness(graph), graph.area)
        room = ((0, n - 1), (0, 0))
        return cls(
            np.pad(np.column_stack([sums, place * graph.area[:, np.newaxis]]), room),
            np.pad(bare.memberships, room),
            np.pad(bare.roots, room),
            bare.starts,
            bare.colors,
        )

    def likeness(self, graph: RegionGraph) -> Float64Array:
        """Weight the neighbors of a graph by the odds that they are one, (m,).

        Odds without what only depends on size and place, relative to the median pair
        and sharpened, times the length of the border.
        """
        if len(graph.pairs) == 0:
            return np.zeros(0)
        local = np.array(
            [
                0.0 if GLOBAL.intersection(name.split("*")) else weight
                for name, weight in WEIGHTS.items()
            ]
        )
        one, two = graph.pairs.T
        cost = self.compare(one, two, graph.borders) @ local
        cost = _SHARPNESS * np.clip(cost - np.median(cost), *_ODDS)
        return np.asarray(graph.borders[:, 0] * np.exp(-cost))

    def merge(self, one: int, two: int, new: int, border: float) -> None:
        """Make region `new` of two that share a border of this length."""
        self.sums[new] = self.sums[one] + self.sums[two]
        self.sums[new, _PERIMETER] -= 2 * border
        self.memberships[new] = self.memberships[one] + self.memberships[two]
        self.roots[new] = np.sqrt(self.memberships[new] / self.sums[new, _AREA])

    def compare(
        self, one: NDArray[np.intp], others: NDArray[np.intp], borders: Float64Array
    ) -> Float64Array:
        """Measure how regions differ from neighbors.

        Parameters
        ----------
        one, others : (m,) ndarray of intp
            Regions and their neighbors.
        borders : (m, 3 + Q) ndarray of float64
            Length, weak part and sums of evidence and cues of each border.

        Returns
        -------
        (m, W) ndarray of float64
            Columns in the order of `WEIGHTS`.
        """
        mine, theirs = self.sums[one], self.sums[others]
        area, areas = mine[:, _AREA], theirs[:, _AREA]
        length = borders[:, 0]
        cues = borders[:, 3:] / length[:, np.newaxis]
        alike = np.add.reduceat(
            self.roots[one] * self.roots[others], self.starts, axis=1
        )
        unlike = np.sqrt(np.maximum(1 - alike, 0))
        c = 2 * self.colors
        mean = mine[:, 4:] / area[:, np.newaxis]
        means = theirs[:, 4:] / areas[:, np.newaxis]
        variance = mean[:, self.colors] - mean[:, 0] ** 2
        variance = variance + means[:, self.colors] - means[:, 0] ** 2
        step = np.abs(mean[:, 0] - means[:, 0]) / np.sqrt(
            1 + np.maximum(variance, 0) / 50
        )
        away = mean[:, c:] - means[:, c:]
        busy = mine[:, _EDGE] / area, theirs[:, _EDGE] / areas
        apart = mean[:, : self.colors] - means[:, : self.colors]
        out = np.empty((len(others), len(WEIGHTS)))
        q = cues.shape[1]
        m = q + unlike.shape[1]
        out[:, :q] = cues
        out[:, q:m] = unlike
        out[:, m] = step / 10
        out[:, m + 1] = np.log(np.sqrt((apart * apart).sum(axis=1)) + 1)
        out[:, m + 2] = np.log(np.sqrt((away * away).sum(axis=1)) + _NEAR)
        out[:, m + 3] = np.log(np.minimum(area, areas) + 1e-4)
        out[:, m + 4] = np.log(length + 0.01)
        out[:, m + 5] = np.minimum(mine[:, _FRAME], theirs[:, _FRAME])
        out[:, m + 6] = np.log(np.minimum(*busy) + 0.005)
        out[:, m + 7] = np.log(np.maximum(*busy) + 0.005)
        out[:, m + 8] = borders[:, 1] / length
        out[:, m + 9] = np.log(borders[:, 2] / length + 0.01)
        out[:, m + 10 :] = out[:, _FACTORS[0]] * out[:, _FACTORS[1]]
        return out
