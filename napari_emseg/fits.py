"""Fits of an image with the parameters of a segmentation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells import Cells
from napari_emseg.engine.census import find_coding, take_census
from napari_emseg.engine.em import Rules
from napari_emseg.engine.features import black
from napari_emseg.engine.fit import iter_fit_kmeans, iter_fit_mixture
from napari_emseg.engine.hmrf import HiddenField, iter_hmrf, noise_scale
from napari_emseg.engine.kmeans import KMeansModel
from napari_emseg.engine.mixture import MixtureModel
from napari_emseg.engine.order import MOST, iter_orders
from napari_emseg.engine.smoother import (
    BOND,
    NOISE_BOND,
    Smoother,
    hidden_smoother,
    noise_smoother,
)
from napari_emseg.engine.softening import Softness, soften, softness
from napari_emseg.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine.census import Census
    from napari_emseg.engine.labeling import Model
    from napari_emseg.engine.state import FitState
    from napari_emseg.params import Params
    from napari_emseg.source import Source

# Pixels that tell whether noise dominates, and those that a hidden field is fitted to.
_GLANCE, _ENOUGH = 2**18, 2**20
# Pixels of the softened image that a mixture is fitted to.
_SOFT = 2**14
# Each class keeps this share of the pixels that it had, of so many, or the fit stops.
_SURVIVES, _JURY = 0.1, 2**12
_MAX_ITER = 15


def count_source(source: Source) -> Census:
    """Count the pixels of an image into the cells that fits work on.

    Raises
    ------
    ValueError
        If no pixel is usable.
    """
    coding = find_coding(source.picture) if source.space.plain else None
    parts = source.parts(raw=coding is not None)
    return take_census(source.picture, parts, color=source.space.color, coding=coding)


def fit_em(
    census: Census, n_classes: int, params: Params, start: Model | None
) -> Iterator[FitState]:
    """Fit a mixture to cells, level by level."""
    return iter_fit_mixture(
        census.cells,
        n_classes=n_classes,
        rules=Rules(params.covariance, census.floor),
        student=params.distribution == "student",
        outliers=params.outliers,
        init=params.init,
        n_init=params.n_init,
        tol=params.tol,
        max_iter=params.max_iter,
        rng=np.random.default_rng(params.seed),
        start=start if isinstance(start, MixtureModel) else None,
    )


def fit_kmeans(
    census: Census, n_classes: int, params: Params, start: Model | None
) -> Iterator[FitState]:
    """Fit K-means to cells, level by level."""
    return iter_fit_kmeans(
        census.cells,
        n_classes=n_classes,
        init=params.init,
        n_init=params.n_init,
        tol=params.tol,
        max_iter=params.max_iter,
        rng=np.random.default_rng(params.seed),
        start=start if isinstance(start, KMeansModel) else None,
    )


METHODS = {"em": fit_em, "kmeans": fit_kmeans}
MODELS = {"em": MixtureModel, "kmeans": KMeansModel}


def check_start(start: Model, params: Params) -> None:
    """Refuse a model that a fit with these parameters cannot start from.

    Raises
    ------
    ValueError
        If method or number of classes differ.
    """
    if not isinstance(start, MODELS[params.method]):
        raise ValueError(
            f"start is a {type(start).__name__}, but method={params.method!r} starts "
            f"from a {MODELS[params.method].__name__}; pass one, or change the method"
        )
    if params.n_classes not in ("auto", start.n_classes):
        raise ValueError(
            f"start has {start.n_classes} classes, but n_classes={params.n_classes}; "
            "make them equal, or leave start out"
        )


def choose_order(
    source: Source, census: Census, params: Params, start: Model | None
) -> Generator[Progress, None, int]:
    """Find the number of classes that the integrated likelihood supports."""
    if params.n_classes != "auto":
        return params.n_classes
    if start is not None:
        return start.n_classes
    tried = []
    for fit in iter_orders(
        census.cells, rules=Rules("full", census.floor), seed=params.seed
    ):
        tried.append(fit)
        yield Progress("order", len(tried), MOST)
    n = source.effective_size(tried[-1][1])
    return max((order for order, _ in tried), key=lambda o: o.icl(n)).n_classes


def fit_hidden(
    source: Source, model: Model, params: Params, rules: Rules
) -> Generator[FitState, None, HiddenField | None]:
    """Fit again with the eyes of the smoothing, after a fit of pixels one by one.

    A hidden Markov random field if noise demands it, or the user; otherwise a mixture
    of the softened image, whose classes are no narrower than what people tell apart.

    Parameters
    ----------
    source : Source
        The image.
    model : MixtureModel or KMeansModel
        What was fitted without a field.
    params : Params
        What was asked for.
    rules : Rules
        Kind of covariance, and floor.

    Returns
    -------
    HiddenField or None
        None where the model will do.
    """
    if params.smoothing == 0 or not isinstance(model, MixtureModel):
        return None
    asked = source.space.plain and (params.outliers > 0 or params.bias)
    if not asked and _noise_scale(source, model) is None:
        yield from _fit_soft(source, model, params, rules)
        return None
    # Uneven light has to be seen as a whole.
    limit = source.picture.size if params.bias else _ENOUGH
    features, valid, fixed = source.excerpt(limit)
    if not valid.any():
        return None
    return (
        yield from iter_hmrf(
            features,
            n_classes=model.n_classes,
            rules=rules,
            student=params.distribution == "student",
            outliers=params.outliers,
            smoothing=params.smoothing,
            edges=params.edges,
            bias=params.bias,
            n_init=params.n_init,
            max_iter=min(params.max_iter, _MAX_ITER),
            rng=np.random.default_rng(params.seed),
            valid=valid,
            fixed=fixed,
            black=np.broadcast_to(black(source.space.color), features.shape[-1:]),
        )
    )


def _fit_soft(
    source: Source, model: MixtureModel, params: Params, rules: Rules
) -> Iterator[FitState]:
    """Go on with a fit on the softened image, until it ends or a class would die."""
    soft = _softness(source, model, params)
    if soft is None:
        return
    features, valid, fixed = source.excerpt(_GLANCE)
    planes = np.ascontiguousarray(np.moveaxis(features, -1, 0))
    points = soften(planes, soft.scale, valid)[:, valid]
    if points.size == 0:
        return
    given = None if fixed is None else fixed[valid].astype(np.int64)
    cells = Cells(np.ones(points.shape[1]), points, fixed=given)
    cells = cells.sample(_SOFT)
    some = cells.sample(_JURY).points.T

    def won(by: MixtureModel) -> NDArray[np.intp]:
        return np.bincount(by.predict(some), minlength=by.n_classes + 1)[1:]

    least = _SURVIVES * won(model)
    floor = np.maximum(rules.floor, soft.floor)
    for state in iter_fit_mixture(
        cells,
        n_classes=model.n_classes,
        rules=replace(rules, floor=floor, shrinkage=soft.shrinkage),
        student=params.distribution == "student",
        outliers=params.outliers,
        init=params.init,
        n_init=1,
        tol=params.tol,
        max_iter=params.max_iter,
        rng=np.random.default_rng(params.seed),
        start=model,
    ):
        if (won(state.model) < least).any():
            return
        yield replace(state, level="soft")


def _softness(source: Source, model: Model, params: Params) -> Softness | None:
    """Tell how softly to look at an image that noise does not dominate."""
    if not params.edges:
        return None
    percent = source.space.color != "none"
    return softness(model, min(params.smoothing, 1.0), percent=percent)


def choose_smoother(
    source: Source,
    model: Model,
    params: Params,
    hidden: HiddenField | None,
) -> Smoother:
    """Choose how posteriors are smoothed: by a fitted field, for noise, or by edges."""
    if hidden is not None:
        return hidden_smoother(hidden, params.smoothing)
    scale = _noise_scale(source, model)
    if scale is not None:
        edge = scale if params.edges else None
        return noise_smoother(edge, NOISE_BOND * params.smoothing)
    edge = source.edge_scale() if params.edges else None
    soft = _softness(source, model, params)
    scale = None if soft is None else soft.scale
    return Smoother(BOND * params.smoothing, edge, softening=scale)


def _noise_scale(source: Source, model: Model) -> float | None:
    if not source.space.plain:
        # Texture and position are smooth by their making, however noisy the image is.
        return None
    features, valid, _ = source.excerpt(_GLANCE)
    if isinstance(model, MixtureModel):
        within = model.weights @ np.einsum("kii->k", model.covariances)
    else:
        within = model.variance * features.shape[-1]
    return noise_scale(features, float(within), valid=valid)
