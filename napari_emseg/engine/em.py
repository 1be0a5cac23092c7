"""EM on cells: E step, M step, and the accelerated iteration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma

from napari_emseg.engine.cells import Blocks, Float64Array, feature_rows, unpack
from napari_emseg.engine.mixture import (
    MixtureModel,
    component_log_joint,
    exponentiate,
    quadratics,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Student-t classes: 1 has the tails of a Cauchy density, 200 is Gaussian in effect.
DF_RANGE = (1.0, 200.0)
DF_START = 10.0
_FULL = ("full", "tied")


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the M step needs to know of the data.

    Attributes
    ----------
    objective : float
        Mean log-likelihood per pixel under the model of the E step, in nats.
    mass : (K,) ndarray of float64
        Pixels in each class, Σ w r.
    sums : (K, F) ndarray of float64
        Σ w r u φ, φ centered; u = 1 for Gaussian classes.
    log_scale : (K,) ndarray of float64
        Σ w r (ln u - u), for degrees of freedom.
    """

    objective: float
    mass: Float64Array
    sums: Float64Array
    log_scale: Float64Array


@dataclass(frozen=True, slots=True)
class Rules:
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

    @property
    def order(self) -> str:
        """Products of features that the M step needs, as `Blocks` names them."""
        return "full" if self.covariance in _FULL else "squares"


def e_step(model: MixtureModel, data: Blocks) -> Statistics:
    """Share each cell out among the classes and sum up.

    Parameters
    ----------
    model : MixtureModel
        K classes.
    data : Blocks
        The cells, in full order, or by squares if the covariances are diagonal; those
        with a fixed class belong to it alone.

    Returns
    -------
    Statistics
        Centered as the data.
    """
    dims, k = data.cells.dims, model.n_classes
    evaluate = component_log_joint(model, data.center, order=data.order)
    form = None if model.df is None else quadratics(model, data.center, data.order)
    total, log_scale = 0.0, np.zeros(k)
    mass = np.zeros(k)
    sums = np.zeros((k, feature_rows(dims, data.order)))
    for weights, phi, fixed in data:
        log = evaluate(phi)
        given = None if fixed is None else _own(log, fixed)
        if model.outliers > 0:
            uniform = np.log(model.outliers) + model.log_uniform
            log = np.vstack([log, np.full((1, log.shape[1]), uniform)])
        share, column, likelihood = exponentiate(log)
        share = share[:k]
        share *= weights / column
        if fixed is not None and given is not None:
            likelihood[fixed > 0] = given
            share[:, fixed > 0] = 0
            share[fixed[fixed > 0] - 1, fixed > 0] = weights[fixed > 0]
        total += float(weights @ likelihood)
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
    return Statistics(total / data.cells.total, mass, sums, log_scale)


def _own(log: Float64Array, fixed: NDArray[np.int64]) -> Float64Array:
    """Log-joint of each fixed cell with its own class."""
    columns = np.flatnonzero(fixed)
    return log[fixed[columns] - 1, columns]


def m_step(
    stats: Statistics, model: MixtureModel, center: Float64Array, rules: Rules
) -> MixtureModel:
    """Give the most likely parameters for these statistics, within the rules.

    The floor is kept by lifting eigenvalues, which is the exact constrained maximum
    for Gaussian classes, so the likelihood still never falls. Classes without any
    pixel keep their place with weight 0.
    """
    dims = len(center)
    alive = stats.mass > 1e-9 * stats.mass.sum()
    scale = np.where(alive, stats.sums[:, 0], 1.0)[:, np.newaxis]
    shift = stats.sums[:, 1 : 1 + dims] / scale
    # Per unit of mass, as EM has it; for Gaussian classes both weights are one.
    mass = np.where(alive, stats.mass, 1.0)
    ratio = (scale[:, 0] / mass)[:, np.newaxis, np.newaxis]
    outer = shift[:, :, np.newaxis] * shift[:, np.newaxis, :]
    scatter = (unpack(stats.sums[:, 1 + dims :] / scale, dims) - outer) * ratio
    weights = np.where(alive, stats.mass, 0)
    weights = weights / weights.sum()
    scatter = shape_covariances(scatter, weights, rules)
    alive_ = alive[:, np.newaxis]
    return replace(
        model,
        weights=weights,
        means=np.where(alive_, shift + center, model.means),
        covariances=np.where(alive_[..., np.newaxis], scatter, model.covariances),
        df=_update_df(stats, model, rules, dims, alive),
    )


def shape_covariances(
    scatter: Float64Array, weights: Float64Array, rules: Rules
) -> Float64Array:
    """Bring covariances into the wanted kind, not narrower than the floor."""
    dims = scatter.shape[-1]
    pooled = np.einsum("k,kij->ij", weights, scatter)
    if rules.covariance == "tied":
        scatter = np.broadcast_to(pooled, scatter.shape)
    elif rules.shrinkage > 0:
        scatter = (1 - rules.shrinkage) * scatter + rules.shrinkage * pooled
    if rules.covariance in _FULL:
        if rules.covariance == "tied":
            return np.repeat(lift(scatter[:1], rules.floor), len(scatter), axis=0)
        return lift(scatter, rules.floor)
    variance = np.einsum("kii->ki", scatter)
    if rules.covariance == "spherical":
        variance = np.repeat(variance.mean(axis=1, keepdims=True), dims, axis=1)
        variance = np.maximum(variance, rules.floor.max())
    else:
        variance = np.maximum(variance, rules.floor)
    return variance[:, :, np.newaxis] * np.eye(dims)


def lift(matrices: Float64Array, floor: Float64Array) -> Float64Array:
    """Raise eigenvalues of (K, D, D) matrices to 1 in units of the (D,) floor."""
    unit = np.sqrt(floor[:, np.newaxis] * floor)
    values, vectors = np.linalg.eigh(matrices / unit)
    if values.min() >= 1:
        return matrices
    values = np.maximum(values, 1)
    return np.einsum("kij,kj,klj->kil", vectors, values, vectors) * unit


def _update_df(
    stats: Statistics,
    model: MixtureModel,
    rules: Rules,
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
