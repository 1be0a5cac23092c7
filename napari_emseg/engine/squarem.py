"""The accelerated iteration of EM."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.em import (
    DF_RANGE,
    Rules,
    e_step,
    m_step,
    shape_covariances,
)
from napari_emseg.engine.state import FitState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_emseg.engine.cells import Cells, Float64Array
    from napari_emseg.engine.mixture import MixtureModel


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
        if (
            leap is not None
            and trial is not None
            and (trial.objective >= stats.objective)
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
    covariances = shape_covariances(
        covariances, weights / weights.sum(), replace(rules, shrinkage=0.0)
    )
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
