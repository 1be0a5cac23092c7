"""EM on cells: E step, M step, and the accelerated iteration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma

from napari_emseg.engine.cells import Cells, Float64Array, unpack
from napari_emseg.engine.mixture import (
    MixtureModel,
    component_log_joint,
    normalize,
    quadratics,
)
from napari_emseg.engine.state import FitState

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
    outlier = (
        np.log(model.outliers) + model.log_uniform if model.outliers > 0 else None
    )
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
    assert sums is not None  # noqa: S101
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
    scatter = _shape(scatter, weights, rules)
    alive_ = alive[:, np.newaxis]
    return replace(
        model,
        weights=weights,
        means=np.where(alive_, shift + center, model.means),
        covariances=np.where(alive_[..., np.newaxis], scatter, model.covariances),
        df=_update_df(stats, model, rules, dims, alive),
    )


def _shape(
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


def iter_em(
    cells: Cells,
    model: MixtureModel,
    rules: Rules,
    *,
    tol: float,
    max_iter: int,
    level: str = "exact",
) -> Iterator[FitState]:
    """Run EM [1]_ from a model, with SQUAREM steps [2]_, one state an evaluation.

    Parameters
    ----------
    cells : Cells
        The data.
    model : MixtureModel
        Where to start.
    rules : Rules
        Kind of covariance, floor, shrinkage.
    tol : float
        Stop when less than this, in nats per pixel, is to be gained: the gain of a
        step, extrapolated as a geometric series with the rate at which the
        parameters settle [3]_.
    max_iter : int
        Most evaluations after the first.
    level : str, optional
        Name of the level of detail, passed on to the states.

    Yields
    ------
    FitState
        The objective belongs to the state's own model. It never falls (but for
        `shrinkage`, which is not a maximum of the likelihood).

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from
       incomplete data via the EM algorithm", J. R. Stat. Soc. B 39(1), 1-38, 1977.
    .. [2] R. Varadhan, C. Roland, "Simple and globally convergent methods for
       accelerating the convergence of any EM algorithm", Scand. J. Statistics 35(2),
       335-353, 2008.
    .. [3] D. Böhning et al., "The distribution of the likelihood ratio for mixtures
       of densities from the one-parameter exponential family", Ann. Inst. Stat.
       Math. 46(2), 373-388, 1994.
    """
    center = cells.mean()
    unit = np.sqrt(np.maximum(np.diag(cells.covariance()), rules.floor))
    stats = e_step(model, cells, center)
    iteration = 0

    def state(done: bool) -> FitState:
        return FitState(
            iteration, stats.objective, model, done, level, exact=cells.exact
        )

    yield state(False)
    while iteration < max_iter:
        start = model
        before = stats.objective
        model = m_step(stats, start, center, rules)
        stats = e_step(model, cells, center)
        iteration += 1
        gain = stats.objective - before
        after = m_step(stats, model, center, rules)
        path = [_vector(m, unit) for m in (start, model, after)]
        if any(vector is None for vector in path):
            leap, rate = None, 0.9
        else:
            leap, rate = _squarem(path, after, unit, rules)
        done = gain * rate**2 / (1 - rate**2) < tol and gain < tol
        yield state(done)
        if done or iteration >= max_iter:
            return
        trial = None if leap is None else e_step(leap, cells, center)
        if leap is not None and trial is not None and (
            trial.objective >= stats.objective
        ):
            model, stats = leap, trial
        else:
            model = after
            stats = e_step(model, cells, center)
        iteration += 1
        yield state(False)


def _vector(model: MixtureModel, unit: Float64Array) -> Float64Array | None:
    """Lay a model out as numbers without bounds, in units of the data's spread."""
    if not model.weights.all():
        return None
    lower = np.linalg.cholesky(model.covariances / (unit[:, np.newaxis] * unit))
    i, j = np.tril_indices(len(unit))
    entries = lower[:, i, j]
    entries[:, i == j] = np.log(entries[:, i == j])
    parts = [np.log(model.weights), (model.means / unit).ravel(), entries.ravel()]
    if model.df is not None:
        parts.append(np.log(model.df))
    return np.concatenate(parts)


def _squarem(
    path: list[Float64Array | None],
    model: MixtureModel,
    unit: Float64Array,
    rules: Rules,
) -> tuple[MixtureModel | None, float]:
    """Extrapolate three steps of EM; also give the rate at which steps shrink."""
    a, b, c = (vector for vector in path if vector is not None)
    first, second = b - a, c - b
    bend = second - first
    length, curve = float(np.linalg.norm(first)), float(np.linalg.norm(bend))
    rate = min(float(np.linalg.norm(second)) / max(length, 1e-300), 0.999)
    if curve == 0 or length / curve <= 1:
        return None, rate
    alpha = length / curve
    return _model(a + 2 * alpha * first + alpha**2 * bend, model, unit, rules), rate


def _model(
    vector: Float64Array, like: MixtureModel, unit: Float64Array, rules: Rules
) -> MixtureModel:
    k, dims = like.means.shape
    weights = np.exp(vector[:k] - vector[:k].max())
    means = vector[k : k + k * dims].reshape(k, dims) * unit
    i, j = np.tril_indices(dims)
    stop = k + k * dims + k * len(i)
    entries = vector[k + k * dims : stop].reshape(k, -1).copy()
    entries[:, i == j] = np.exp(np.clip(entries[:, i == j], -50, 50))
    lower = np.zeros((k, dims, dims))
    lower[:, i, j] = entries
    covariances = lower @ lower.transpose(0, 2, 1) * (unit[:, np.newaxis] * unit)
    covariances = _shape(covariances, weights / weights.sum(), replace(rules, shrinkage=0.0))
    df = None if like.df is None else np.clip(np.exp(vector[stop:]), *DF_RANGE)
    if rules.df is not None:
        df = like.df
    return replace(
        like,
        weights=weights / weights.sum(),
        means=means,
        covariances=covariances,
        df=df,
    )
