"""Fits from coarse to fine: starts on few cells, converges, finishes on all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_emseg.engine.cells.cells import coarsen, feature_rows
from napari_emseg.engine.cluster.em import (
    DF_START,
    CovarianceSpec,
    Statistics,
    e_step,
    m_step,
    shape_covariances,
)
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.cluster.kmeans import KMeansModel, iter_kmeans, nearest
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.seeding import start_centers
from napari_emseg.engine.cluster.squarem import iter_em

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Cells


M = TypeVar("M", KMeansModel, MixtureModel)

# Bits that the boxes of a level spend on all features together, fine to coarse.
_BOX_BITS = (18, 15, 12)
# Boxes need few features: with more, most of them would hold a single cell.
_BOX_DIMS = 4
# A level must be this much smaller than the next to be worth its making.
_SHRINK = 3
# Cells of which pixels, if there are twice as many of them, are drawn to converge on,
# fine to coarse: of a million, likelihood is known as well as it is fitted to.
_SAMPLES = (2**20, 2**17)
# Where boxes are no use, starts are tried on fewer still.
_START = 2**15
# A start gets so many iterations of K-means, then of EM; the best of them, with so many
# evaluations of accelerated EM, go on to the final. Fewer lose likelihood with eight
# classes and more, more gain none.
_SEED_ITERATIONS = 8
_RACE_STEPS = 12
_FINALISTS = 2
_FINAL_ITERATIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """What decides a fit, apart from the data.

    Attributes
    ----------
    n_classes : int
        Number of classes K.
    rules : CovarianceSpec
        Kind of covariance, floor, shrinkage.
    student : bool
        Whether classes are Student-t.
    outliers, init, n_init, tol, max_iter, seed
        As in `Params`.
    """

    n_classes: int
    rules: CovarianceSpec
    student: bool = False
    outliers: float = 0.0
    init: str = "kmeans"
    n_init: int = 1
    tol: float = 1e-4
    max_iter: int = 200
    seed: int = 0


def levels(cells: Cells, *, order: str = "full") -> list[tuple[str, Cells]]:
    """Return coarser versions of cells, coarsest first, the cells themselves last.

    K-means needs them in linear order only, as `coarsen` names it.
    """
    out = [("exact", cells)]
    if (cells.weights == 1).all():
        sizes = _SAMPLES if cells.dims <= _BOX_DIMS else (*_SAMPLES, _START)
        for size in sizes:
            if cells.count > 2 * size:
                cells = cells.sample(size)
                out.append(("sample", cells))
    if cells.dims <= _BOX_DIMS:
        for total in _BOX_BITS:
            bits = min(total // cells.dims, 10)
            if cells.count < _SHRINK * 2**10:
                break
            coarse = coarsen(cells, bits, order=order)
            if coarse.count * _SHRINK <= cells.count:
                out.append((f"{bits} bit", coarse))
                cells = coarse
    return out[::-1]


def iter_fit_kmeans(
    cells: Cells, options: FitOptions, start: KMeansModel | None = None
) -> Iterator[FitState]:
    """Run K-means from coarse to fine; the last state is that of all pixels.

    Parameters
    ----------
    cells : Cells
        The data.
    options : FitOptions
        Number of classes, starts, tolerance, iterations and seed.
    start : KMeansModel, optional
        Where to start instead of seeding.

    Yields
    ------
    FitState
        Of the best start; levels from coarse to "exact".
    """
    steps = levels(cells, order="linear")
    if start is None:
        (name, coarse), *steps = steps
        n_classes = max(options.n_classes, cells.highest_seed)
        rng = np.random.default_rng(options.seed)
        starts = [
            start_centers(view, n_classes, init=options.init, rng=rng)
            for view in _views(coarse)
            for _ in range(options.n_init)
        ]
        if coarse.core is not None:
            starts[options.n_init :] = [
                _unclipped(coarse, _views(coarse)[1], centers)
                for centers in starts[options.n_init :]
            ]
        tried = [
            list(
                iter_kmeans(
                    coarse,
                    centers,
                    tol=options.tol,
                    max_iter=options.max_iter,
                    level=name,
                )
            )
            for centers in starts
        ]
        best = min(tried, key=lambda states: _misfit(coarse, states[-1]))
        yield from best
        start = best[-1].model
    yield from _refine(steps, start, options, continue_kmeans)


def iter_fit_mixture(
    cells: Cells, options: FitOptions, start: MixtureModel | None = None
) -> Iterator[FitState]:
    """Run EM from coarse to fine; the last state is that of all pixels.

    Parameters
    ----------
    cells : Cells
        The data.
    options : FitOptions
        All of them count.
    start : MixtureModel, optional
        Where to start instead of seeding.

    Yields
    ------
    FitState
        Of the best start; levels from coarse to "exact", which is a single state if a
        sample of the pixels told all that counts.
    """
    steps, rules = levels(cells), options.rules
    log_uniform = -_log_volume(cells, rules.floor)

    def tails(model: MixtureModel) -> MixtureModel:
        df = None
        if options.student:
            df = np.full(model.n_classes, rules.df or DF_START)
            df = df if model.df is None else model.df
        return replace(model, df=df, outliers=options.outliers, log_uniform=log_uniform)

    if start is None:
        name, coarse = steps[0]
        n_classes = max(options.n_classes, cells.highest_seed)
        rng = np.random.default_rng(options.seed)
        first = [
            tails(
                _start_mixture(
                    coarse, view, n_classes, rules, init=options.init, rng=rng
                )
            )
            for view in _views(coarse)
            for _ in range(options.n_init)
        ]
        most = max(model.n_classes for model in first)
        first = [model for model in first if model.n_classes == most]
        best = _best(coarse, first, options, name)
        yield from best
        model = best[-1].model
        if best[-1].converged or options.max_iter <= best[-1].iteration:
            steps = steps[1:]
    else:
        model = tails(start)
    if len(steps) > 1 and _is_enough(steps[-2][1], model, options):
        *steps, last = steps
        for state in _refine(steps, model, options, continue_mixture):
            yield state
        model = state.model
        if state.converged:
            yield _seen(last[1], model, last[0])
            return
        steps = [last]
    yield from _refine(steps, model, options, continue_mixture)


def _is_enough(cells: Cells, model: MixtureModel, options: FitOptions) -> bool:
    """Tell whether what a fit to a sample of the pixels lacks is below the tolerance.

    Of all pixels' likelihood, each parameter loses half a pixel of the sample [1]_.

    References
    ----------
    .. [1] H. Akaike, "A new look at the statistical model identification", IEEE Trans.
       Automatic Control 19(6), 716-723, 1974.
    """
    parameters = model.n_classes * feature_rows(cells.dims, "full")
    return cells.exact and parameters / (2 * cells.count) < options.tol


def _seen(cells: Cells, model: MixtureModel, level: str) -> FitState:
    """Return the state of a fit that ends with a model, by its likelihood on cells."""
    stats = e_step(model, cells.blocks(cells.center()))
    return FitState(0, stats.objective, model, True, level, exact=cells.exact)


def continue_kmeans(
    cells: Cells, model: KMeansModel, options: FitOptions, level: str = "exact"
) -> Iterator[FitState]:
    """Run K-means on cells from the centers of a model, as `iter_kmeans`."""
    return iter_kmeans(
        cells, model.centers, tol=options.tol, max_iter=options.max_iter, level=level
    )


def continue_mixture(
    cells: Cells, model: MixtureModel, options: FitOptions, level: str = "exact"
) -> Iterator[FitState]:
    """Run EM on cells from a model, as `iter_em`."""
    return iter_em(
        cells,
        model,
        options.rules,
        tol=options.tol,
        max_iter=options.max_iter,
        level=level,
    )


def _refine(
    steps: list[tuple[str, Cells]],
    model: M,
    options: FitOptions,
    iterate: Callable[[Cells, M, FitOptions, str], Iterator[FitState]],
) -> Iterator[FitState]:
    """Iterate on level after level, each from where the last one ended."""
    for name, cells in steps:
        for state in iterate(cells, model, options, name):
            yield state
            model = state.model


def _best(
    cells: Cells, first: list[MixtureModel], options: FitOptions, level: str
) -> list[FitState]:
    """Run all starts, then the best of them alone; return the best one's states."""
    steps = min(options.max_iter, _RACE_STEPS)
    finals = replace(options, max_iter=min(options.max_iter - steps, _FINAL_ITERATIONS))
    ranking = run_restarts(cells, first, options.rules, steps=steps, level=level)
    tried = [
        [*states[:-1], *continue_mixture(cells, states[-1].model, finals, level)]
        for states in ranking[:_FINALISTS]
    ]
    best = max(tried, key=lambda states: states[-1].objective)
    return [replace(state, iteration=i) for i, state in enumerate(best)]


def run_restarts(
    cells: Cells,
    models: Sequence[MixtureModel],
    rules: CovarianceSpec,
    *,
    steps: int,
    level: str,
) -> list[list[FitState]]:
    """Run some steps of plain EM from each model.

    On few cells a step costs the calls, not the arithmetic, so that R mixtures side by
    side take little longer than one.

    Parameters
    ----------
    cells : Cells
        Few of them.
    models : sequence of R MixtureModel
        Where to start, with as many classes each, and the same outliers.
    rules : CovarianceSpec
        Kind of covariance, floor, shrinkage.
    steps : int
        M steps of each.
    level : str
        Name of the level of detail.

    Returns
    -------
    list of list of FitState
        For each model ``steps + 1`` states; the largest likelihood at the end first.
    """
    runs = len(models)
    center = cells.center()
    data = cells.blocks(center, order=rules.order)
    joined = _join(models)
    stats = e_step(joined, data, runs)
    path = [(stats.objectives, joined)]
    for _ in range(steps):
        joined = m_step(stats, joined, center, rules)
        stats = e_step(joined, data, runs)
        path.append((stats.objectives, joined))
    return [
        [
            FitState(
                iteration,
                float(objectives[run]),
                _part(joined, run, runs),
                converged=False,
                level=level,
                exact=cells.exact,
            )
            for iteration, (objectives, joined) in enumerate(path)
        ]
        for run in np.argsort(-stats.objectives, kind="stable")
    ]


def _join(models: Sequence[MixtureModel]) -> MixtureModel:
    """Return models side by side: all first classes before all second ones."""
    first = models[0]
    dims = first.means.shape[1]
    df = None
    if first.df is not None:
        each = [model.df for model in models if model.df is not None]
        df = np.stack(each, axis=1).ravel()
    return MixtureModel(
        np.stack([model.weights for model in models], axis=1).ravel(),
        np.stack([model.means for model in models], axis=1).reshape(-1, dims),
        np.stack([model.covariances for model in models], axis=1).reshape(
            -1, dims, dims
        ),
        df,
        first.outliers,
        first.log_uniform,
    )


def _part(joined: MixtureModel, run: int, runs: int) -> MixtureModel:
    """Return one of the joined models."""
    return MixtureModel(
        joined.weights[run::runs],
        joined.means[run::runs],
        joined.covariances[run::runs],
        None if joined.df is None else joined.df[run::runs],
        joined.outliers,
        joined.log_uniform,
    )


def _log_volume(cells: Cells, floor: Float64Array) -> float:
    """Log of the volume of the box that holds all cells."""
    side = cells.points.max(axis=1) - cells.points.min(axis=1)
    return float(np.log(np.maximum(side, np.sqrt(floor))).sum())


def _views(cells: Cells) -> list[Cells]:
    """Return what starts are looked for in: the cells, and with extremes nearer."""
    return [cells] if cells.core is None else [cells, cells.clipped(cells.core)]


def _nearest(cells: Cells, view: Cells, centers: Float64Array) -> NDArray[np.intp]:
    """Return the index of the center that each cell is nearest to in a view of it."""
    label = nearest(centers, view.points)[0]
    if cells.seed_labels is not None:
        label = np.where(cells.seed_labels > 0, cells.seed_labels - 1, label)
    return label


def _unclipped(cells: Cells, view: Cells, centers: Float64Array) -> Float64Array:
    """Return the means of the cells that are nearest to centers in a view of them."""
    for state in iter_kmeans(view, centers, tol=0, max_iter=_SEED_ITERATIONS):
        centers = state.model.centers
    label = _nearest(cells, view, centers)
    mass = np.bincount(label, cells.weights, len(centers))
    sums = [np.bincount(label, cells.weights * x, len(centers)) for x in cells.points]
    means = np.stack(sums, axis=1) / np.maximum(mass, 1e-300)[:, np.newaxis]
    return np.where(mass[:, np.newaxis] > 0, means, centers)


def _misfit(cells: Cells, state: FitState) -> float:
    """Return the inertia of a fit, to which extremes add no more than others could."""
    if cells.core is None:
        return state.objective
    model = state.model
    label = _nearest(cells, cells, model.centers)
    view = cells.clipped(cells.core)
    away = view.points - cells.core.clip(model.centers)[label].T
    return float(np.einsum("dm,dm->m", away, away) @ cells.weights)


def _start_mixture(
    cells: Cells,
    view: Cells,
    n_classes: int,
    rules: CovarianceSpec,
    *,
    init: str,
    rng: np.random.Generator,
) -> MixtureModel:
    """Start EM from K-means, or from random centers with the data's own shape."""
    centers = start_centers(view, n_classes, init=init, rng=rng)
    k = len(centers)
    wide = np.diag(np.maximum(np.diag(view.covariance()), rules.floor))
    weights = np.full(k, 1 / k)
    # Of the wanted kind, or a first step could lose likelihood.
    shape = shape_covariances(np.repeat(wide[np.newaxis], k, axis=0), weights, rules)
    model = MixtureModel(weights, centers, shape)
    if init == "random":
        return model
    for state in iter_kmeans(view, centers, tol=0, max_iter=_SEED_ITERATIONS):
        centers = state.model.centers
    label = _nearest(cells, view, centers)
    center = cells.center()
    stats = label_statistics(cells, label, k, center)
    return m_step(stats, model, center, rules)


def label_statistics(
    cells: Cells, label: NDArray[np.intp], n_classes: int, center: Float64Array
) -> Statistics:
    """Sum up cells whose class index 0..K-1 is known, for an M step."""
    sums = np.zeros((n_classes, feature_rows(cells.dims, "full")))
    start = 0
    for weights, phi, _ in cells.blocks(center):
        share = np.zeros((n_classes, len(weights)))
        part = label[start : start + len(weights)]
        share[part, np.arange(len(weights))] = weights
        sums += share @ phi.T
        start += len(weights)
    return Statistics(np.full(1, np.nan), sums[:, 0].copy(), sums, np.zeros(n_classes))
