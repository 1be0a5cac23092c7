"""Mixtures: the fitted model, Gaussian or Student-t, with or without outliers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
from scipy.special import gammaln

from napari_emseg.engine.cells.cells import feature_rows, largest, pack, products, upper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cluster.model import Model

_CHUNK_BYTES = 2**20
_NO_WEIGHT = 1e-300
# Squared distance in units of the variance at which a density loses its sixth digit.
_FAR = 1e10
# Sums of exponentials within these bounds have lost nothing to under- or overflow.
_SMALLEST, _LARGEST = 1e-250, 1e250
_LEAST = -700.0


@dataclass(frozen=True, slots=True, eq=False)
class MixtureModel:
    """A mixture of K Gaussian or Student-t classes, and perhaps of outliers.

    Attributes
    ----------
    weights : (K,) ndarray of float64
        Share of each class; sums to 1.
    means : (K, D) ndarray of float64
        In the units of the features.
    covariances : (K, D, D) ndarray of float64
        Of Student-t classes the scale matrix.
    df : (K,) ndarray of float64 or None
        Degrees of freedom of Student-t classes; None for Gaussian ones.
    outliers : float
        Share ε of the uniform component.
    log_uniform : float
        Its log-density: minus the log of the volume of the features' range.
    """

    has_likelihood: ClassVar[bool] = True
    objective_name: ClassVar[str] = "log-likelihood"
    objective_unit: ClassVar[str] = "nats per pixel"

    weights: Float64Array
    means: Float64Array
    covariances: Float64Array
    df: Float64Array | None = None
    outliers: float = 0.0
    log_uniform: float = 0.0

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return len(self.weights)

    @property
    def within_variance(self) -> float:
        """Mean variance within classes, summed over the features."""
        return float(self.weights @ np.einsum("kii->k", self.covariances))

    @property
    def log_prior(self) -> Float64Array:
        """Logs of the weights (K,), finite also for classes without any."""
        return np.log(np.maximum(self.weights, _NO_WEIGHT))

    def reorder(self, order: NDArray[np.intp]) -> MixtureModel:
        """Renumber or drop classes: the new class k is the old ``order[k - 1] + 1``."""
        weights = self.weights[order]
        return replace(
            self,
            weights=weights / weights.sum(),
            means=self.means[order],
            covariances=self.covariances[order],
            df=None if self.df is None else self.df[order],
        )

    def log_joint(self, features: ArrayLike) -> Float64Array:
        """Log of weight times density of each class at the features.

        Parameters
        ----------
        features : (…, D) array_like
            What `napari_emseg.features` gives.

        Returns
        -------
        (K, …) ndarray of float64
            Natural logs. Each class carries its part of the outliers: where only they
            explain a pixel, classes differ by their weights alone.
        """
        x = np.asarray(features)
        flat = x.reshape(-1, x.shape[-1])
        out = np.empty((self.n_classes, len(flat)))
        for part, log in self._chunks(flat):
            out[:, part] = log
        return out.reshape(self.n_classes, *x.shape[:-1])

    def predict(self, features: ArrayLike) -> NDArray[np.uint8]:
        """Label (…, D) features 1..K by the most probable class, (…)."""
        x = np.asarray(features)
        flat = x.reshape(-1, x.shape[-1])
        out = np.empty(len(flat), np.uint8)
        for part, log in self._chunks(flat):
            out[part] = largest(log) + 1
        return out.reshape(x.shape[:-1])

    def predict_proba(self, features: ArrayLike) -> Float64Array:
        """Return the posterior probabilities (…, K) of the classes, which sum to 1."""
        log = self.log_joint(features)
        share = normalize(log.reshape(self.n_classes, -1))[0]
        return np.moveaxis(share.reshape(log.shape), 0, -1)

    def score_samples(self, features: ArrayLike) -> Float64Array:
        """Return the log-likelihood (…) of each of the (…, D) features, in nats."""
        x = np.asarray(features)
        flat = x.reshape(-1, x.shape[-1])
        out = np.empty(len(flat))
        for part, log in self._chunks(flat):
            out[part] = normalize(log)[1]
        return out.reshape(x.shape[:-1])

    def score(self, features: ArrayLike) -> float:
        """Return the mean log-likelihood per pixel, in nats; larger is better."""
        return float(self.score_samples(features).mean())

    def _chunks(self, flat: NDArray[Any]) -> Iterator[tuple[slice, Float64Array]]:
        center = best_center(self)
        evaluate = class_log_joint(self, center)
        rows = feature_rows(self.means.shape[1], "full")
        size = max(256, min(8192, _CHUNK_BYTES // (8 * rows)))
        for start in range(0, len(flat), size):
            part = slice(start, min(start + size, len(flat)))
            yield part, evaluate(products(flat[part].T - center[:, np.newaxis]))


def best_center(model: Model) -> Float64Array:
    """Return the origin (D,) from which densities of all classes are exact enough.

    The mean, or if a class is too far from there for its width, as a class of extreme
    values makes of others, one of the classes.
    """
    mean: Float64Array = model.weights @ model.means
    variance = np.einsum("kii->ki", model.covariances)
    if (((model.means - mean) ** 2) < _FAR * variance).all():
        return mean
    away = (model.means[:, np.newaxis] - model.means) ** 2 / variance
    best: Float64Array = model.means[away.max(axis=(1, 2)).argmin()]
    return best


def normalize(log: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return posteriors (K, M) of log-weights (K, M), and their log-sum-exp (M,)."""
    share, total, likelihood = exponentiate(log)
    share /= total
    return share, likelihood


def exponentiate(log: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return exponentials (K, M) up to a factor for each column.

    Returns
    -------
    weights : (K, M) ndarray of float64
        Exponentials, to be divided by their totals.
    total : (M,) ndarray of float64
        Sum of each column of weights.
    likelihood : (M,) ndarray of float64
        Log of the sum of the true exponentials of each column.
    """
    # Below e^-708 are denormal numbers, which take fifteen times as long.
    bounded = np.maximum(log, _LEAST) if log.min() < _LEAST else log
    weights = np.asarray(cv2.exp(bounded), np.float64)
    total = weights.sum(axis=0)
    # Far from all classes every exponential vanishes, very near to one it overflows.
    if total.min() > _SMALLEST and total.max() < _LARGEST:
        return weights, total, np.log(total)
    top = log.max(axis=0)
    weights = np.asarray(cv2.exp(np.maximum(log - top, _LEAST)), np.float64)
    total = weights.sum(axis=0)
    return weights, total, top + np.log(total)


@dataclass(frozen=True, slots=True, eq=False)
class Quadratics:
    """The squared Mahalanobis distances of all classes, as one matrix over φ.

    Attributes
    ----------
    matrix : (K, F) ndarray of float64
        ``matrix @ phi`` gives δ_k = (x - μ_k)ᵀ Σ_k⁻¹ (x - μ_k).
    log_det : (K,) ndarray of float64
        ln |Σ_k|.
    """

    matrix: Float64Array
    log_det: Float64Array


def quadratics(model: Model, center: Float64Array, order: str = "full") -> Quadratics:
    """Return a model as a matrix for products with φ, centered at `center`."""
    k, dims = model.means.shape
    # By its root: the inverse of a narrow covariance itself loses what is along it.
    lower = np.linalg.cholesky(model.covariances)
    root = np.linalg.inv(lower)
    precision = np.asarray(root.transpose(0, 2, 1) @ root, np.float64)
    means = model.means - center
    linear = (precision @ means[:, :, np.newaxis])[:, :, 0]
    matrix = np.empty((k, feature_rows(dims, order)))
    matrix[:, 0] = (means * linear).sum(axis=1)
    np.multiply(linear, -2, out=matrix[:, 1 : 1 + dims])
    if order == "full":
        matrix[:, 1 + dims :] = pack(precision) * _times(dims)
    else:
        matrix[:, 1 + dims :] = np.einsum("kii->ki", precision)
    log_det = 2 * np.log(np.einsum("kii->ki", lower)).sum(axis=1)
    return Quadratics(matrix, log_det)


@cache
def _times(dims: int) -> Float64Array:
    """How often each entry of an upper triangle stands in the whole matrix."""
    i, j = upper(dims)
    return np.where(i == j, 1.0, 2.0)


def log_norm(model: Model, log_det: Float64Array) -> Float64Array:
    """Log of the weighted class densities at their peaks, (K,)."""
    dims = model.means.shape[1]
    out = model.log_prior + (np.log1p(-model.outliers) - log_det / 2)
    if model.df is None:
        return out - dims / 2 * np.log(2 * np.pi)
    return (
        out
        + gammaln((model.df + dims) / 2)
        - gammaln(model.df / 2)
        - dims / 2 * np.log(np.pi * model.df)
    )


def class_log_joint(
    model: Model, center: Float64Array
) -> Callable[[Float64Array], Float64Array]:
    """Return a function from φ (F, B) to log-joints (K, B), outliers shared out."""
    evaluate = component_log_joint(model, center)

    def with_outliers(phi: Float64Array) -> Float64Array:
        log = evaluate(phi)
        if model.outliers > 0:
            log_share = np.log(model.outliers) + model.log_uniform + model.log_prior
            np.logaddexp(log, log_share[:, np.newaxis], out=log)
        return log

    return with_outliers


def component_log_joint(
    model: Model, center: Float64Array, *, order: str = "full"
) -> Callable[[Float64Array], Float64Array]:
    """Return a function from φ (F, B) to log-joints (K, B) without outliers."""
    form = quadratics(model, center, order)
    peak = log_norm(model, form.log_det)
    if model.df is None:
        matrix = form.matrix / -2
        matrix[:, 0] += peak
        return lambda phi: matrix @ phi
    df = model.df[:, np.newaxis]
    power = -(df + model.means.shape[1]) / 2

    def student(phi: Float64Array) -> Float64Array:
        distance = form.matrix @ phi
        np.maximum(distance, 0, out=distance)
        log: Float64Array = power * np.log1p(distance / df)
        log += peak[:, np.newaxis]
        return log

    return student
