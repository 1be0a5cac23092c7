"""Fits of an image with the parameters of a segmentation."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cluster.criteria import few_cells
from napari_emseg.engine.cluster.em import CovarianceSpec, shape_covariances
from napari_emseg.engine.cluster.grouped_mixture import GroupedMixture
from napari_emseg.engine.cluster.methods import METHODS
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_mixture
from napari_emseg.engine.image.color_space import black, brightness
from napari_emseg.engine.mrf.hmrf import HiddenField, iter_hmrf, iter_hmrf_in_light
from napari_emseg.engine.user_warnings import warn_user
from napari_emseg.pipeline.model_selection import iter_choice, marks
from napari_emseg.pipeline.progress import Progress, map_steps
from napari_emseg.pipeline.seeded_classes import SeededClasses
from napari_emseg.pipeline.smoothing import impulses_in, noise_in

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Cells
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.fit_state import FitState
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.params import Params
    from napari_emseg.pipeline.source import SegmentationInput

# Pixels that a hidden field is fitted to, without and with seeds.
_ENOUGH, _SEEDED = 2**18, 2**20
_MAX_ITER = 15
# How many times as much noise as is asked for leaves no doubt, whatever the fit.
_DOUBT = 2.0
# Degrees of freedom of classes with tails that nobody asked for. Free ones fall to 1
# where a class is sharp, and it takes all that is mixed. Mean IoU of fluorescent nuclei
# is less from 4 on; that of rock sections and brain slices is the same for 3 and 4.
_TAILS = 3.0
# Of fewer values than these, as of a drawing or a mask, no class has tails.
_FEW = 32


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Fitted classes, and how they came about.

    Attributes
    ----------
    model : Model
        The classes.
    hidden : HiddenField or None
        The hidden field that they were fitted in at last, if noise demanded one.
    states : tuple of FitState
        All iterations, the darkest class first.
    """

    model: Model
    hidden: HiddenField | None = None
    states: tuple[FitState, ...] = ()


def fit_options(params: Params, n_classes: int, floor: Float64Array) -> FitOptions:
    """Return what decides a fit, from parameters and least variances (D,)."""
    names = {field.name for field in fields(FitOptions)}
    options = {name: value for name, value in params if name in names}
    return FitOptions(
        **options
        | {
            "n_classes": n_classes,
            "rules": CovarianceSpec(params.covariance, floor),
            "student": params.distribution == "student",
        }
    )


def chosen_options(
    asked: Params, params: Params, n_classes: int, floor: Float64Array
) -> FitOptions:
    """Return `fit_options` once the distribution is chosen that `asked` may leave open.

    Tails that nobody asked for are of fixed degrees of freedom.
    """
    options = fit_options(params, n_classes, floor)
    if params.distribution == asked.distribution or not options.student:
        return options
    return replace(options, rules=replace(options.rules, df=_TAILS))


def check_start(start: Model, params: Params) -> None:
    """Refuse a model that a fit with these parameters cannot start from.

    Raises
    ------
    ValueError
        If method or number of classes differ.
    """
    wanted = METHODS[params.method].model
    if isinstance(start, GroupedMixture):
        raise ValueError(
            "start is a GroupedMixture, which seeds make of components that are fitted "
            "without them; leave start out, or apply it as it is with model="
        )
    if not isinstance(start, wanted):
        raise ValueError(
            f"start is a {type(start).__name__}, but method={params.method!r} starts "
            f"from a {wanted.__name__}; pass one, or change the method"
        )
    if params.n_classes not in ("auto", start.n_classes):
        raise ValueError(
            f"start has {start.n_classes} classes, but n_classes={params.n_classes}; "
            "make them equal, or leave start out"
        )


def choose_n_classes(
    source: SegmentationInput, census: CellCounts, params: Params, start: Model | None
) -> Generator[Progress, None, int]:
    """Find the number of classes, unless it is given."""
    if params.n_classes != "auto":
        return params.n_classes
    if start is not None:
        return start.n_classes
    choice = yield from iter_choice(source, census, seed=params.seed)
    return choice.best + marks(census.cells)


def choose_distribution(
    source: SegmentationInput,
    census: CellCounts,
    params: Params,
    n_classes: int,
    start: Model | None,
) -> Params:
    """Decide which distribution classes have, if the user leaves it open.

    With several features they are Gaussian. Along a single one, a broad Gaussian wins
    on both sides of the others, and swallows the borders of what it does not hold:
    there, classes get tails [1]_, unless there are only few values. Noise that
    dominates is Gaussian, and a user's seeds tell where borders are.

    References
    ----------
    .. [1] K. L. Lange, R. J. A. Little, J. M. G. Taylor, "Robust statistical modeling
       using the t distribution", JASA 84(408), 881-896, 1989.
    """
    if params.distribution != "auto":
        return params
    if start is not None:
        tails = start.df is not None
    else:
        asked = source.space.plain and (params.outliers > 0 or params.bias)
        alone = census.cells.dims == 1 and source.seed_labels is None
        # Of few values, a class is as wide as a gap: with tails, it has its neighbors.
        alone = alone and census.n_cells >= _FEW
        tails = METHODS[params.method].model.has_likelihood and alone and not asked
    if tails and start is None:
        tails = not _is_noisy(source, census.cells, params, n_classes, census.floor)
    return params.replace(distribution="student" if tails else "gaussian")


def find_seeds(
    source: SegmentationInput, census: CellCounts, params: Params, n_classes: int
) -> SeededClasses | None:
    """Return what seeds tell, if they tell of all classes of a Gaussian mixture.

    Where noise dominates and is smoothed, colors under seeds tell little, and a hidden
    field that knows the places of seeds tells more.
    """
    plain = params.distribution != "student" and not (params.outliers or params.bias)
    if source.seed_labels is None or not plain or params.method != "em":
        return None
    found = SeededClasses.of(census.cells, census.floor, n_classes)
    if found is None or params.smoothing == 0:
        return found
    free = replace(census.cells, seed_labels=None)
    # A class of several colors is wide, and looks noisier than it is.
    noisy = _is_noisy(source, free, params, n_classes, census.floor, margin=_DOUBT)
    return None if noisy else found


def _is_noisy(
    source: SegmentationInput,
    cells: Cells,
    params: Params,
    n_classes: int,
    floor: Float64Array,
    *,
    margin: float = 1.0,
) -> bool:
    """Tell whether noise dominates by a margin, in a fit of few cells."""
    # A glance: noise that dominates does so whatever the start.
    options = replace(fit_options(params, n_classes, floor), n_init=1, tol=1e-3)
    *_, last = iter_fit_mixture(few_cells(cells), options)
    return noise_in(source, last.model, margin=margin) is not None


def fit_hidden(
    source: SegmentationInput, model: Model, params: Params, floor: Float64Array
) -> Generator[FitState, None, HiddenField | None]:
    """Fit a hidden Markov random field, if noise demands it, or the user.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    model : Model
        What was fitted without a field.
    params : Params
        What was asked for.
    floor : (D,) ndarray of float64
        Least variances of a class.

    Returns
    -------
    HiddenField or None
        None where the model will do.
    """
    if params.smoothing == 0 or not model.has_likelihood:
        return None
    outliers = params.outliers or impulses_in(source)
    asked = source.space.plain and (outliers > 0 or params.bias)
    if not asked and noise_in(source, model) is None:
        return None
    # Uneven light has to be seen as a whole, and seeds are in few places.
    seeded = source.seed_labels is not None
    limit = None if params.bias else _SEEDED if seeded else _ENOUGH
    features, valid, seed_labels = source.sample_blocks(limit, small=True, seeded=True)
    if not valid.any():
        return None
    options = replace(
        fit_options(params, model.n_classes, floor),
        outliers=outliers,
        max_iter=min(params.max_iter, _MAX_ITER),
    )
    fit = iter_hmrf_in_light if params.bias else iter_hmrf
    steps = fit(
        features,
        options,
        edges=params.edges,
        valid=valid,
        seed_labels=seed_labels,
        black=np.broadcast_to(black(source.space.color), features.shape[-1:]),
        core=source.core,
    )
    # The fit has a copy of its own.
    del features
    return (yield from steps)


def iter_fits(
    source: SegmentationInput,
    census: CellCounts,
    params: Params,
    start: Model | None = None,
) -> Generator[Progress, None, Fit]:
    """Fit the classes, then a hidden field if noise demands it.

    Uneven light that is asked for, but not there, is told of, and left out.
    """
    states: list[FitState] = []
    color, pinned = source.space.color, source.seed_labels is not None
    channels = 1 if source.picture.rgb else source.picture.channels

    def note(state: FitState) -> Progress:
        if seeds is not None:
            state = replace(state, model=seeds.group(state.model))
        states.append(darkest_first(state, color, pinned=pinned, channels=channels))
        return Progress("fit", len(states), 0, states[-1])

    n_classes = yield from choose_n_classes(source, census, params, start)
    asked, counts = params, census.for_classes(n_classes)
    params = choose_distribution(source, counts, params, n_classes, start)
    cells = counts.cells
    seeds = None if start else find_seeds(source, counts, params, n_classes)
    options = chosen_options(asked, params, n_classes, counts.floor)
    if seeds is not None:
        # A class of several colors is no Gaussian: the seeds say which are whose.
        source = replace(source, seed_labels=None)
        cells = replace(cells, seed_labels=None)
        options = replace(options, n_classes=seeds.n_components)
    for state in METHODS[params.method].fit(cells, options, start):
        last = states[-1].level if states else state.level
        yield note(state)
        # Only a fit that has settled tells noise from classes that are narrow.
        settled = state.converged or state.level != last
        if settled and _needs_field(source, state.model, params):
            break
    # Noise is Gaussian, unless the user says otherwise.
    steps = fit_hidden(source, state.model, asked, counts.floor)
    hidden = yield from map_steps(steps, note)
    if hidden is not None and hidden.bias is not None and not hidden.lit:
        warn_user(
            "bias=True finds no light that all classes share: what changes smoothly "
            "over the image is what it shows, so that the labels are those of "
            "bias=False"
        )
        plain = asked.replace(bias=False, n_classes=n_classes)
        return (yield from iter_fits(source, census, plain, start))
    model = states[-1].model
    if not pinned:
        model = model.reorder(np.flatnonzero(model.weights > 0))
    report_classes(model, n_classes)
    return Fit(model, hidden, tuple(states))


def _needs_field(source: SegmentationInput, model: Model, params: Params) -> bool:
    """Tell whether noise dominates beyond doubt, however the fit goes on.

    A hidden field starts anew: what is fitted better before is of no use to it.
    """
    if params.smoothing == 0 or not model.has_likelihood:
        return False
    return noise_in(source, model, margin=_DOUBT) is not None


def darkest_first(
    state: FitState, color: str, *, pinned: bool, channels: int = 1
) -> FitState:
    """Number the classes from dark to bright, unless the user's seeds number them.

    Of several channels that are no colors, their sum is how bright a class is.
    """
    if pinned:
        return state
    means = state.model.means
    order = np.lexsort([*means.T[::-1], brightness(means, color, channels)])
    return replace(state, model=state.model.reorder(order))


def report_classes(model: Model, n_classes: int) -> None:
    """Warn of classes that were asked for, but not found."""
    if model.n_classes < n_classes:
        found = "1 class" if model.n_classes == 1 else f"{model.n_classes} classes"
        warn_user(
            f"{found} found where {n_classes} were asked for: the image has no more "
            "values that differ, or too few pixels have them"
        )


def iterate_once(
    source: SegmentationInput, census: CellCounts, params: Params, model: Model
) -> tuple[FitState, FitState]:
    """Return what a model is worth, and the one that a single iteration makes of it.

    Parameters
    ----------
    source, census
        The image, and its cells.
    params : Params
        How it is fitted; the number of classes is that of the model.
    model : Model
        Where to start.

    Returns
    -------
    before, after : FitState
        Of a plain step of EM, or of Lloyd's K-means: no acceleration, on all cells.

    Raises
    ------
    ValueError
        If a fit with these parameters cannot start from the model.
    """
    options = replace(_options_from(source, census, params, model), max_iter=1, tol=0)
    states = list(METHODS[params.method].iterate(census.cells, model, options))
    return states[0], states[-1]


def start_at(
    source: SegmentationInput,
    census: CellCounts,
    params: Params,
    like: Model,
    centers: Float64Array,
) -> Model:
    """Return a model to start from whose centers (K, D) somebody has chosen.

    As after ``init="random"``: all shares are equal, and each class is as wide as the
    image along each feature.

    Parameters
    ----------
    source, census, params
        As for `iterate_once`.
    like : Model
        What else the model has, such as its method.
    centers : (K, D) ndarray of float64
        In the units of the features.
    """
    weights = np.full(len(centers), 1 / len(centers))
    if not like.has_likelihood:
        return replace(like, centers=centers, weights=weights)
    rules = _options_from(source, census, params, like).rules
    wide = np.diag(np.maximum(np.diag(census.cells.covariance()), census.floor))
    each = np.repeat(wide[np.newaxis], len(centers), axis=0)
    covariances = shape_covariances(each, weights, rules)
    return replace(like, weights=weights, means=centers, covariances=covariances)


def _options_from(
    source: SegmentationInput, census: CellCounts, params: Params, model: Model
) -> FitOptions:
    count = model.n_classes
    asked, census = params.replace(n_classes=count), census.for_classes(count)
    check_start(model, asked)
    decided = choose_distribution(source, census, asked, count, model)
    return chosen_options(asked, decided, count, census.floor)
