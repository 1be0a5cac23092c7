"""EM on cells: E step, M step, and the accelerated iteration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma

from napari_emseg.engine.cells import Cells, Float64Array, unpack
from napari_emseg.engine.mixture import (
    MixtureModel,
    component_log_joint,
    normalize,
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


def e_step(model: MixtureModel, cells: Cells, center: Float64Array) -> Statistics:
    """Share each cell out among the classes and sum up.

    Parameters
    ----------
    model : MixtureModel
        K classes.
    cells : Cells
        M cells; those with a fixed class belong to it alone.
    center : (D,) ndarray
        Origin of φ in the sums.

    Returns
    -------
    Statistics
    """
    # Squares are enough where no class has covariances off the diagonal.
    off = model.covariances - np.einsum("kii->ki", model.covariances)[..., None] * (
        np.eye(cells.dims)
    )
    full = bool(off.any()) or cells.dims == 1
    evaluate = component_log_joint(model, center, full=full)
    form = quadratics(model, center, full=full) if model.df is not None else None
    k, total = model.n_classes, 0.0
    mass, log_scale = np.zeros(k), np.zeros(k)
    sums: Float64Array | None = None
    outlier = np.log(model.outliers) + model.log_uniform if model.outliers > 0 else None
    start = 0
    for weights, phi in cells.blocks(center, full=full):
        log = evaluate(phi)
        own = log
        if outlier is not None:
            log = np.vstack([log, np.full((1, log.shape[1]), outlier)])
        fixed = None
        if cells.fixed is not None:
            fixed = cells.fixed[start : start + len(weights)]
            columns = np.flatnonzero(fixed)
            given = own[fixed[columns] - 1, columns].copy()
        likelihood = normalize(log)
        if fixed is not None:
            log[:, columns] = 0
            log[fixed[columns] - 1, columns] = 1
            likelihood[columns] = given
        total += float(weights @ likelihood)
        share = log[:k] * weights
        mass += share.sum(axis=1)
        if form is not None and model.df is not None:
            distance = np.maximum(form.matrix @ phi, 0)
            df = model.df[:, np.newaxis]
            scale = (df + cells.dims) / (df + distance)
            log_scale += (share * (np.log(scale) - scale)).sum(axis=1)
            share *= scale
        part = share @ phi.T
        sums = part if sums is None else sums + part
        start += len(weights)
    assert sums is not None
    return Statistics(total / cells.total, mass, sums, log_scale)


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
