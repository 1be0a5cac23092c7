"""K-means on cells: seeding, Lloyd's iteration, the fitted model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.spatial.distance import pdist

from napari_emseg.engine.cells.cells import largest, products, upper
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.cluster.kmeans_bounds import ActiveSet, score_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Blocks, Cells
    from napari_emseg.engine.image.value_range import Core

_CHUNK = 8192
# Distance in units of the gap between centers at which squares lose too many digits.
_FAR = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class KMeansModel:
    """Centers of K classes; a feature belongs to the nearest.

    What K-means clustering finds: the centers are its centroids.

    Attributes
    ----------
    centers : (K, D) ndarray of float64
        In the units of the features.
    weights : (K,) ndarray of float64
        Share of the pixels in each class; sums to 1.
    variance : float
        Mean squared distance to the own center, per feature; scales the
        probabilities of `predict_proba`. Extremes count as if they were nearer.
    units : (D,) ndarray of float64 or None
        What features are multiplied by before distances are taken, where channels
        have unlike units; None for 1.
    """

    has_likelihood: ClassVar[bool] = False
    objective_name: ClassVar[str] = "inertia"
    objective_unit: ClassVar[str] = "per pixel"
    # The classes are round Gaussians of one size, where a density is asked for.
    df: ClassVar[None] = None
    outliers: ClassVar[float] = 0.0
    log_uniform: ClassVar[float] = 0.0

    centers: Float64Array
    weights: Float64Array
    variance: float
    units: Float64Array | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return len(self.centers)

    @property
    def means(self) -> Float64Array:
        """The centers, under the name that mixtures use."""
        return self.centers

    @property
    def covariances(self) -> Float64Array:
        """The common variance within classes, as balls (K, D, D)."""
        k, dims = self.centers.shape
        scale = np.ones(dims) if self.units is None else self.units**-2
        return np.broadcast_to(np.diag(scale * self.variance), (k, dims, dims))

    @property
    def within_variance(self) -> float:
        """Mean variance within classes, summed over the features."""
        if self.units is not None:
            return float(self.variance * (self.units**-2).sum())
        return float(self.variance * self.centers.shape[1])

    @property
    def log_prior(self) -> Float64Array:
        """What `log_joint` knows of the classes before it sees a pixel: nothing."""
        return np.zeros(self.n_classes)

    def reorder(self, order: NDArray[np.intp]) -> KMeansModel:
        """Renumber or drop classes: the new class k is the old ``order[k - 1] + 1``."""
        weights = self.weights[order]
        return replace(
            self, centers=self.centers[order], weights=weights / weights.sum()
        )

    def _measured(self, features: ArrayLike) -> tuple[Float64Array, NDArray[Any]]:
        """Return centers and features in the units in which distances are taken."""
        x = np.asarray(features)
        if self.units is None:
            return self.centers, x
        return self.centers * self.units, x * self.units

    def log_joint(self, features: ArrayLike) -> Float64Array:
        """Return -d²/(2σ²) for each class, (K, …): log-joints up to a constant."""
        centers, x = self._measured(np.asarray(features, np.float64))
        distance = squared_distances(centers, x.reshape(-1, x.shape[-1]).T).reshape(
            self.n_classes, *x.shape[:-1]
        )
        # Where each class is a single color, the ratio is huge but must stay finite.
        least = max(1e-12 * float(np.abs(centers).max()) ** 2, 1e-300)
        return distance / (-2 * max(self.variance, least))

    def predict(self, features: ArrayLike) -> NDArray[np.uint8]:
        """Label (…, D) features 1..K by the nearest center, (…)."""
        centers, x = self._measured(features)
        flat = x.reshape(-1, x.shape[-1])
        middle = _middle(centers)
        weigh = score_matrix(centers - middle)
        labels = np.empty(len(flat), np.uint8)
        for start in range(0, len(flat), _CHUNK):
            part = slice(start, start + _CHUNK)
            phi = products(flat[part].T - middle[:, np.newaxis], "linear")
            labels[part] = largest(weigh @ phi) + 1
        return labels.reshape(x.shape[:-1])

    def predict_proba(self, features: ArrayLike) -> Float64Array:
        """Return soft memberships (…, K): those of round classes of equal size."""
        log = self.log_joint(features)
        log -= log.max(axis=0)
        np.exp(log, out=log)
        log /= log.sum(axis=0)
        return np.moveaxis(log, 0, -1)

    def score(self, features: ArrayLike) -> float:
        """Return minus the inertia per pixel: minus the mean squared distance."""
        centers, x = self._measured(features)
        flat = x.reshape(-1, x.shape[-1])
        total = sum(
            nearest(centers, flat[start : start + _CHUNK].T)[1].sum()
            for start in range(0, len(flat), _CHUNK)
        )
        return -float(total) / len(flat)


def _middle(centers: Float64Array) -> Float64Array:
    """Return the origin (D,) from which squared distances are exact enough."""
    mean: Float64Array = centers.mean(axis=0)
    away = np.linalg.norm(centers - mean, axis=1)
    if away.max() <= _FAR * pdist(centers).min(initial=np.inf):
        return mean
    # Far from all but some of extreme values.
    middle: Float64Array = np.median(centers, axis=0)
    return middle


def squared_distances(centers: Float64Array, points: NDArray[Any]) -> Float64Array:
    """Squared Euclidean distances (K, M) of (K, D) centers to (D, M) points."""
    middle = _middle(centers)
    x = points - middle[:, np.newaxis]
    c = centers - middle
    distance = c @ x
    distance *= -2
    distance += np.einsum("kd,kd->k", c, c)[:, np.newaxis]
    distance += np.einsum("dm,dm->m", x, x)
    return np.maximum(distance, 0, out=distance)


def nearest(
    centers: Float64Array, points: NDArray[Any]
) -> tuple[NDArray[np.intp], Float64Array]:
    """Index of the nearest center for each of (D, M) points, and its squared distance.

    Ties go to the lower number.
    """
    distance = squared_distances(centers, points)
    best = distance.argmin(axis=0)
    return best, np.take_along_axis(distance, best[np.newaxis], axis=0)[0]


def iter_kmeans(
    cells: Cells, centers: Float64Array, *, tol: float, max_iter: int, level: str = ""
) -> Iterator[FitState]:
    """Run Lloyd's algorithm [1]_ on weighted cells, one state an iteration.

    A class that loses all its cells restarts at the cell which is farthest from its
    center. Cells with a fixed class stay in it.

    Parameters
    ----------
    cells : Cells
        M weighted points; the spread inside bins counts in the inertia.
    centers : (K, D) ndarray
        Where to start.
    tol : float
        Stop when the norms of the centers' moves sum to at most this, in units of the
        features [2]_; 0 stops only when nothing moves, which is after finitely many
        iterations.
    max_iter : int
        Most iterations.
    level : str, optional
        Name of the level of detail, passed on to the states.

    Yields
    ------
    FitState
        Its objective is the inertia per pixel of its model's centers; it never rises.

    References
    ----------
    .. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Information
       Theory 28(2), 129-137, 1982.
    .. [2] R. C. Gonzalez, R. E. Woods, "Digital Image Processing", 4th ed., 10.5.
    """
    middle, total = cells.center(), cells.total
    data = cells.blocks(middle, order="linear")
    whole = _inertia(data)
    active = ActiveSet(data, centers - middle)
    for iteration in range(max_iter + 1):
        sums, gain = active.layer(centers - middle).assign(centers - middle)
        counts = sums[:, 0]
        inertia = max(whole - gain, 0) / total
        variance = inertia / cells.dims
        if cells.core is not None:
            # Beside the squares of extremes the others would be rounding.
            inertia, variance = _inertias(cells, cells.core, centers)
        moved = centers.copy()
        full = counts > 0
        moved[full] = sums[full, 1:] / counts[full, np.newaxis] + middle
        if not full.all():
            moved = _refill(cells, centers, moved, np.flatnonzero(~full))
        move = float(np.linalg.norm(moved - centers, axis=1).sum())
        done = move <= tol
        yield FitState(
            iteration=iteration,
            objective=inertia,
            model=KMeansModel(centers, counts / total, variance),
            converged=done,
            level=level,
            exact=cells.exact,
        )
        if done:
            return
        centers = moved


def _inertia(data: Blocks) -> float:
    """Sum of the squared distances of all pixels to the middle of the data."""
    found = 0.0
    for weights, phi, _ in data:
        found += float(np.einsum("dm,dm->m", phi[1:], phi[1:]) @ weights)
    return found + _inside(data.cells)


def _inside(cells: Cells) -> float:
    """Sum of the squared distances of all pixels to the means of their cells."""
    if cells.spread is None:
        return 0.0
    i, j = upper(cells.dims)
    variances = cells.spread if len(cells.spread) == 1 else cells.spread[i == j]
    return float((variances @ cells.weights).sum())


def _inertias(cells: Cells, core: Core, centers: Float64Array) -> tuple[float, float]:
    """Return the inertia per pixel, and per feature that with the extremes nearer."""
    inertia = variance = 0.0
    for start in range(0, cells.count, _CHUNK):
        part = slice(start, start + _CHUNK)
        label, distance = _own(cells, centers, part)
        away = core.clip(cells.points[:, part].T) - core.clip(centers)[label]
        inertia += float(distance @ cells.weights[part])
        variance += float((away**2).sum(axis=1) @ cells.weights[part])
    inside, total = _inside(cells), cells.total
    return (inertia + inside) / total, (variance + inside) / total / cells.dims


def _own(
    cells: Cells, centers: Float64Array, part: slice
) -> tuple[NDArray[np.intp], Float64Array]:
    """Index of each cell's center, and the squared distance to it."""
    points = cells.points[:, part]
    label, distance = nearest(centers, points)
    if cells.seed_labels is None:
        return label, distance
    seed_labels = cells.seed_labels[part]
    label = np.where(seed_labels > 0, seed_labels - 1, label)
    return label, ((points - centers[label].T) ** 2).sum(axis=0)


def _refill(
    cells: Cells, centers: Float64Array, moved: Float64Array, empty: NDArray[np.intp]
) -> Float64Array:
    """Put the centers that lost all cells onto the farthest cells."""
    distance = np.concatenate(
        [
            _own(cells, centers, slice(start, start + _CHUNK))[1]
            for start in range(0, cells.count, _CHUNK)
        ]
    )
    if cells.seed_labels is not None:
        distance[cells.seed_labels > 0] = 0
    far = np.argsort(-distance, kind="stable")[: len(empty)]
    # A cell at distance 0 is a center already: then there are too few colors.
    far = far[distance[far] > 0]
    moved[empty[: len(far)]] = cells.points[:, far].T
    return moved
