"""The accelerated iteration of EM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import upper
from napari_emseg.engine.cluster.em import (
    DF_RANGE,
    CovarianceSpec,
    m_step,
    shape_covariances,
)
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.cluster.truncation import e_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cluster.mixture import MixtureModel

# Leaps are no longer than this many steps at first; the bound grows by this factor when
# a leap of full length succeeds, and shrinks when one fails, as in [2]_ of `iter_em`.
_FIRST_BOUND, _GROWTH = 64.0, 4.0


def iter_em(
    cells: Cells,
    model: MixtureModel,
    rules: CovarianceSpec,
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
    rules : CovarianceSpec
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
    center = cells.center()
    e_step = e_steps(cells, center, rules.order, model)
    unit = _spread(model, rules)
    stats = e_step(model)
    place = _vector(model, unit)
    iteration, bound = 0, _FIRST_BOUND

    def state(done: bool) -> FitState:
        return FitState(
            iteration, stats.objective, model, done, level, exact=cells.exact
        )

    yield state(False)
    while iteration < max_iter:
        before, path = stats.objective, [place]
        model = m_step(stats, model, center, rules)
        stats = e_step(model)
        iteration += 1
        after = m_step(stats, model, center, rules)
        path += [_vector(model, unit), _vector(after, unit)]
        leap, rate, alpha = _squarem(path, after, unit, center, rules, bound)
        gain = stats.objective - before
        done = max(gain, gain * rate**2 / (1 - rate**2)) < tol
        yield state(done)
        if done or iteration == max_iter:
            return
        trial = None if leap is None else e_step(leap)
        iteration += 1
        if leap is not None and trial and trial.objective >= stats.objective:
            model, stats, place = leap, trial, _vector(leap, unit)
            bound *= _GROWTH if alpha == bound else 1.0
        else:
            bound = max(bound / _GROWTH, _GROWTH) if leap is not None else bound
            model, stats, place = after, e_step(after), path[2]
        yield state(False)


def _spread(model: MixtureModel, rules: CovarianceSpec) -> Float64Array:
    """Standard deviation of the whole mixture along each feature, (D,)."""
    away = model.means - model.weights @ model.means
    inside = np.einsum("kii->ki", model.covariances)
    return np.sqrt(np.maximum(model.weights @ (inside + away**2), rules.floor))


def _vector(model: MixtureModel, unit: Float64Array) -> Float64Array:
    """Return the classes that have pixels as numbers without bounds.

    In units of the data's spread.
    """
    alive = model.weights > 0
    lower = np.linalg.cholesky(model.covariances[alive] / (unit[:, np.newaxis] * unit))
    i, j = upper(len(unit))[::-1]
    entries = lower[:, i, j]
    entries[:, i == j] = np.log(entries[:, i == j])
    means = model.means[alive] / unit
    parts = [np.log(model.weights[alive]), means.ravel(), entries.ravel()]
    if model.df is not None:
        parts.append(np.log(model.df[alive]))
    return np.concatenate(parts)


def _squarem(
    path: list[Float64Array],
    model: MixtureModel,
    unit: Float64Array,
    center: Float64Array,
    rules: CovarianceSpec,
    bound: float,
) -> tuple[MixtureModel | None, float, float]:
    """Extrapolate three steps of EM.

    Returns
    -------
    model : MixtureModel or None
        Where the steps lead, if farther than they went.
    rate : float
        By which steps shrink.
    alpha : float
        Length of the leap in steps, at most `bound`.
    """
    a, b, c = path
    if a.size != c.size or not c.size:
        # A class has lost its last pixel.
        return None, 0.9, 0.0
    first, second = b - a, c - b
    bend = second - first
    length, curve = float(np.linalg.norm(first)), float(np.linalg.norm(bend))
    rate = min(float(np.linalg.norm(second)) / max(length, 1e-300), 0.999)
    if curve == 0 or length / curve <= 1:
        return None, rate, 0.0
    alpha = min(length / curve, bound)
    target = a + 2 * alpha * first + alpha**2 * bend
    return _model(target, model, unit, center, rules), rate, alpha


def _model(
    vector: Float64Array,
    like: MixtureModel,
    unit: Float64Array,
    center: Float64Array,
    rules: CovarianceSpec,
) -> MixtureModel:
    alive = like.weights > 0
    k, dims = int(alive.sum()), like.means.shape[1]
    weights = np.exp(vector[:k] - vector[:k].max())
    weights /= weights.sum()
    means = vector[k : k + k * dims].reshape(k, dims) * unit
    i, j = upper(dims)[::-1]
    stop = k + k * dims + k * len(i)
    entries = vector[k + k * dims : stop].reshape(k, -1).copy()
    entries[:, i == j] = np.exp(np.clip(entries[:, i == j], -50, 50))
    lower = np.zeros((k, dims, dims))
    lower[:, i, j] = entries
    covariances = lower @ lower.transpose(0, 2, 1) * (unit[:, np.newaxis] * unit)
    covariances = shape_covariances(
        covariances,
        weights,
        replace(rules, shrinkage=0.0),
        floors=rules.floors(means, center),
    )
    found = replace(
        like,
        weights=np.zeros(len(alive)),
        means=like.means.copy(),
        covariances=like.covariances.copy(),
    )
    found.weights[alive], found.means[alive] = weights, means
    found.covariances[alive] = covariances
    if like.df is None or rules.df is not None:
        return found
    df = like.df.copy()
    df[alive] = np.clip(np.exp(vector[stop:]), *DF_RANGE)
    return replace(found, df=df)
