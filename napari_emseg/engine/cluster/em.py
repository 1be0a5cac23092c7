"""EM on cells: E step, M step, and the accelerated iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import digamma

from napari_emseg.engine.cells.cells import Blocks, feature_rows, unpack
from napari_emseg.engine.cluster.mixture import (
    MixtureModel,
    component_log_joint,
    exponentiate,
    quadratics,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Block

# Student-t classes: 1 has the tails of a Cauchy density, 200 is Gaussian in effect.
DF_RANGE = (1.0, 200.0)
DF_START = 10.0
_FULL = ("full", "tied")
# From so many classes on, cells are shared out in parts of so many numbers.
_MANY, _NUMBERS = 16, 2**16
# Least width of a class, as a share of how far it is from where squares lose nothing.
_ROUNDING = 2.0**-18
# Variances of a class that are a smaller share of its largest one are rounding.
_NARROWEST = 1e-13
# Classes with a smaller share of the pixels have none: the rest is rounding.
_ALIVE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the M step needs to know of the data.

    Attributes
    ----------
    objectives : (R,) ndarray of float64
        Mean log-likelihood per pixel under the model of the E step, in nats, of each
        of the R mixtures that it holds.
    mass : (K,) ndarray of float64
        Pixels in each class, Σ w r.
    sums : (K, F) ndarray of float64
        Σ w r u φ, φ centered; u = 1 for Gaussian classes.
    log_scale : (K,) ndarray of float64
        Σ w r (ln u - u), for degrees of freedom.
    """

    objectives: Float64Array
    mass: Float64Array
    sums: Float64Array
    log_scale: Float64Array

    @property
    def objective(self) -> float:
        """That of the only mixture."""
        return float(self.objectives[0])


@dataclass(frozen=True, slots=True)
class CovarianceSpec:
    """How the M step may shape the classes.

    Attributes
    ----------
    covariance : {"full", "tied", "diag", "spherical"}
        Kind of covariance.
    floor : (D,) ndarray of float64
        Least variance along each feature; no covariance is narrower in any direction,
        measured in these units.
    shrinkage : float
        Share of the pooled covariance in each class's; 0 is maximum likelihood.
    df : float or None
        Degrees of freedom of Student-t classes if fixed.
    """

    covariance: str
    floor: Float64Array
    shrinkage: float = 0.0
    df: float | None = None

    def floors(self, means: Float64Array, center: Float64Array) -> Float64Array:
        """Return the least variances (K, D) of classes; those far away are rounded."""
        return np.maximum(self.floor, (_ROUNDING * (means - center)) ** 2)

    @property
    def order(self) -> str:
        """Products of features that the M step needs, as `Blocks` names them."""
        return "full" if self.covariance in _FULL else "squares"


def e_step(model: MixtureModel, data: Blocks, runs: int = 1) -> Statistics:
    """Return the sums over cells, each shared out among the classes.

    Parameters
    ----------
    model : MixtureModel
        K classes; or those of R mixtures, all first classes before all second ones.
    data : Blocks
        The cells, in full order, or by squares if the covariances are diagonal; those
        with a fixed class belong to it alone.
    runs : int, optional
        Number R of mixtures, each of which shares out all cells.

    Returns
    -------
    Statistics
        Centered as the data.
    """
    dims, k = data.cells.dims, model.n_classes
    evaluate = component_log_joint(model, data.center, order=data.order)
    form = None if model.df is None else quadratics(model, data.center, data.order)
    totals, log_scale = np.zeros(runs), np.zeros(k)
    mass = np.zeros(k)
    sums = np.zeros((k, feature_rows(dims, data.order)))
    for weights, phi, seed_labels in _narrow(data, k // runs):
        # The mixtures lie side by side, as if each had cells of its own.
        log = evaluate(phi).reshape(k // runs, -1)
        own = weights if runs == 1 else np.tile(weights, runs)
        given = None
        if seed_labels is not None:
            seed_labels = np.tile(seed_labels, runs)
            given = _own(log, seed_labels)
        if model.outliers > 0:
            uniform = np.log(model.outliers) + model.log_uniform
            log = np.vstack([log, np.full((1, log.shape[1]), uniform)])
        share, column, likelihood = exponentiate(log)
        share = share[: k // runs]
        share *= own / column
        if seed_labels is not None and given is not None:
            likelihood[seed_labels > 0] = given
            share[:, seed_labels > 0] = 0
            share[seed_labels[seed_labels > 0] - 1, seed_labels > 0] = own[
                seed_labels > 0
            ]
        totals += likelihood.reshape(runs, -1) @ weights
        share = share.reshape(k, -1)
        if form is not None and model.df is not None:
            mass += share.sum(axis=1)
            distance = np.maximum(form.matrix @ phi, 0)
            df = model.df[:, np.newaxis]
            scale = (df + dims) / (df + distance)
            log_scale += (share * (np.log(scale) - scale)).sum(axis=1)
            share *= scale
        sums += share @ phi.T
    if model.df is None:
        mass = sums[:, 0].copy()
    return Statistics(totals / data.cells.total, mass, sums, log_scale)


def _narrow(data: Blocks, n_classes: int) -> Iterator[Block]:
    """Yield the blocks, in parts of which many classes fit into the cache, too."""
    if n_classes < _MANY:
        yield from data
        return
    size = _NUMBERS // n_classes
    for weights, phi, seed_labels in data:
        for start in range(0, len(weights), size):
            part = slice(start, start + size)
            own = None if seed_labels is None else seed_labels[part]
            yield weights[part], phi[:, part], own


def _own(log: Float64Array, seed_labels: NDArray[np.int64]) -> Float64Array:
    """Log-joint of each fixed cell with its own class."""
    columns = np.flatnonzero(seed_labels)
    return log[seed_labels[columns] - 1, columns]


def m_step(
    stats: Statistics, model: MixtureModel, center: Float64Array, rules: CovarianceSpec
) -> MixtureModel:
    """Return the most likely parameters for these statistics, within the rules.

    The floor is kept by lifting eigenvalues, which is the exact constrained maximum
    for Gaussian classes, so the likelihood still never falls. Classes without any
    pixel keep their place with weight 0.
    """
    dims, runs = len(center), len(stats.objectives)
    total = stats.mass.reshape(-1, runs).sum(axis=0)
    share = (stats.mass.reshape(-1, runs) / total).ravel()
    alive = share > _ALIVE
    scale = stats.sums[:, :1]
    mass = stats.mass
    if not alive.all():
        share = np.where(alive, share, 0).reshape(-1, runs)
        share = (share / share.sum(axis=0)).ravel()
        scale = np.where(alive[:, np.newaxis], scale, 1)
        mass = np.where(alive, mass, 1)
    shift = stats.sums[:, 1 : 1 + dims] / scale
    scatter = unpack(stats.sums[:, 1 + dims :] / scale, dims)
    scatter -= shift[:, :, np.newaxis] * shift[:, np.newaxis, :]
    if model.df is not None:
        # Per unit of mass, as EM has it; for Gaussian classes both weights are one.
        scatter *= (scale[:, 0] / mass)[:, np.newaxis, np.newaxis]
    means = shift + center
    floors = rules.floors(means, center)
    scatter = shape_covariances(scatter, share, rules, runs, floors=floors)
    if not alive.all():
        means = np.where(alive[:, np.newaxis], means, model.means)
        dead = ~alive[:, np.newaxis, np.newaxis]
        scatter = np.where(dead, model.covariances, scatter)
    return MixtureModel(
        share,
        means,
        scatter,
        _update_df(stats, model, rules, dims, alive),
        model.outliers,
        model.log_uniform,
    )


def shape_covariances(
    scatter: Float64Array,
    weights: Float64Array,
    rules: CovarianceSpec,
    runs: int = 1,
    *,
    floors: Float64Array | None = None,
) -> Float64Array:
    """Return covariances of the wanted kind, not narrower than the floor.

    That of the rules, if none is given for each class (K, D).
    """
    dims = scatter.shape[-1]
    floor = rules.floor if floors is None else floors
    share = 1.0 if rules.covariance == "tied" else rules.shrinkage
    if share > 0:
        each = scatter.reshape(-1, runs, dims, dims)
        pooled = np.einsum("kr,krij->rij", weights.reshape(-1, runs), each)
        scatter = ((1 - share) * each + share * pooled).reshape(-1, dims, dims)
    if rules.covariance in _FULL:
        return lift(scatter, floor)
    variance = np.einsum("kii->ki", scatter)
    if rules.covariance == "spherical":
        variance = np.repeat(variance.mean(axis=1, keepdims=True), dims, axis=1)
        variance = np.maximum(variance, floor.max(axis=-1, keepdims=True))
    else:
        variance = np.maximum(variance, floor)
    return variance[:, :, np.newaxis] * np.eye(dims)


def lift(matrices: Float64Array, floor: Float64Array) -> Float64Array:
    """Raise eigenvalues of (K, D, D) matrices to 1 in units of the (…, D) floor."""
    unit = np.sqrt(floor[..., np.newaxis] * floor[..., np.newaxis, :])
    values, vectors = np.linalg.eigh(matrices / unit)
    least = np.maximum(1, _NARROWEST * values.max(axis=1, keepdims=True))
    if (values >= least).all():
        return matrices
    values = np.maximum(values, least)
    return np.einsum("kij,kj,klj->kil", vectors, values, vectors) * unit


def _update_df(
    stats: Statistics,
    model: MixtureModel,
    rules: CovarianceSpec,
    dims: int,
    alive: NDArray[np.bool_],
) -> Float64Array | None:
    """Solve for the degrees of freedom of Student-t classes [1]_.

    References
    ----------
    .. [1] D. Peel, G. J. McLachlan, "Robust mixture modelling using the t
       distribution", Statistics and Computing 10, 339-348, 2000.
    """
    if model.df is None or rules.df is not None:
        return model.df
    from scipy.optimize import brentq  # takes a while, which no other model needs

    df = model.df.copy()
    half = (df + dims) / 2
    known = stats.log_scale / np.maximum(stats.mass, 1e-300)
    known += 1 + digamma(half) - np.log(half)
    for k in np.flatnonzero(alive):

        def slope(nu: float, gain: float = known[k]) -> float:
            return float(np.log(nu / 2) - digamma(nu / 2) + gain)

        low, high = DF_RANGE
        if slope(high) >= 0:
            df[k] = high
        elif slope(low) <= 0:
            df[k] = low
        else:
            df[k] = brentq(slope, low, high, xtol=1e-6)
    return df
