"""The choice of the number of classes: how well each number explains an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy.spatial.distance import pdist

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.criteria import (
    MOST,
    Criteria,
    coherence,
    effective_size,
    iter_criteria,
)
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_mixture
from napari_emseg.engine.image.color_space import native
from napari_emseg.engine.image.noise import blur, blur_radius, noise_level
from napari_emseg.engine.mrf.edge_preserving import OF_PHOTOS
from napari_emseg.pipeline.progress import Progress, finish
from napari_emseg.pipeline.smoothing import noise_in
from napari_emseg.pipeline.source import count_source
from napari_emseg.pipeline.tiles import bounding_box

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array, FloatArray
    from napari_emseg.engine.cells.counting import CellCounts
    from napari_emseg.engine.cluster.mixture import MixtureModel
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.pipeline.source import SegmentationInput

    Fit = tuple[Criteria, MixtureModel]

# Pixels along the longer side of the part whose correlation is measured.
_SIDE = 256


def independent_pixels(source: SegmentationInput, model: Model, total: float) -> float:
    """Return the number of independent pixels of an image.

    How far pixels depend on each other is read off a thumbnail of one plane, cut to
    where it is usable: what is outside of a mask does not matter.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    model : Model
        Fitted to it: what the classes leave unexplained is what correlates.
    total : float
        Number of usable pixels.

    Returns
    -------
    float
        As `effective_size`.
    """
    at, values, within = _plane(source)
    if source.core is not None and native(source.space.color):
        values = source.core.clip(values)
    box = bounding_box(within)
    plane, within = values[box], within[box]
    shrink = max(1.0, max(within.shape) / _SIDE)
    # An axis of one pixel cannot shrink. The other axes shrink with these, so that
    # places keep their proportions.
    size = tuple(max(1, round(n / shrink)) for n in within.shape)
    whole = tuple(max(1, round(n / shrink)) for n in source.picture.shape)
    thumbnail = shrunk(plane, size, None if within.all() else within)
    white = source.picture.full_scale
    small = replace(source.picture, source=thumbnail, shape=whole, given_scale=white)
    origin = tuple(round(n / shrink) for n in (*at, *(part.start for part in box)))
    part = thumbnail.reshape(*(1,) * len(at), *thumbnail.shape)
    found = source.space.features(part, origin, small).reshape(*size, -1)
    residual = found - model.predict_proba(found) @ model.means
    planes = np.moveaxis(residual.astype(np.float32), -1, 0)
    share = cv2.resize(
        within.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA
    ).reshape(size)
    # Where a mask is thin, no pixel of the thumbnail is usable by half.
    valid = share >= min(0.5, float(share.max()))
    kept = size[0] * size[1] / within.size
    return effective_size(planes, total * kept, valid)


def _plane(
    source: SegmentationInput,
) -> tuple[tuple[int, ...], NDArray[Any], BoolArray]:
    """Read the plane next to the middle, or of those where a mask has most.

    Returns
    -------
    at : tuple of int
        Which one.
    values : (Y, X, C) ndarray
        Its channels.
    inside : (Y, X) ndarray of bool
        Which of its pixels are usable; some are, if any are.
    """
    *lead, height, width = source.picture.shape

    def rank(at: tuple[int, ...]) -> tuple[int, int]:
        most = 0 if source.mask is None else int(np.count_nonzero(source.mask[at]))
        return -most, sum(abs(i - n // 2) for i, n in zip(at, lead, strict=True))

    for at in sorted(np.ndindex(*lead), key=rank):
        values, found = source.read(tuple(slice(i, i + 1) for i in at))
        inside = np.ones((height, width), bool)
        if found is not None:
            inside = found.reshape(height, width)
        if inside.any():
            break
    return at, values.reshape(height, width, -1), inside


def shrunk(
    plane: NDArray[Any], shape: tuple[int, ...], within: BoolArray | None = None
) -> NDArray[Any]:
    """Shrink a plane, each pixel to the mean of those that it stands for.

    Parameters
    ----------
    plane : (Y, X, C) ndarray
        Finite where it counts.
    shape : (int, int)
        Pixels along both axes.
    within : (Y, X) ndarray of bool, optional
        Pixels that count. The others become average, and correlate with nothing.

    Returns
    -------
    (*shape, C) ndarray
        Of the type of the plane; integers are rounded.

    Examples
    --------
    >>> shrunk(np.array([[[1], [2]], [[4], [4]]]), (1, 1)).tolist()
    [[[3]]]
    """
    channels = []
    # One after another: large planes of floats take room.
    for values in np.moveaxis(plane, -1, 0):
        channel = values.astype(np.result_type(values, np.float32))
        if within is not None:
            channel[~within] = channel[within].mean(dtype=np.float64)
        found = cv2.resize(channel, shape[::-1], interpolation=cv2.INTER_AREA)
        channels.append(found if values.dtype.kind == "f" else np.rint(found))
    return np.stack(channels, axis=-1).astype(plane.dtype)


# Where noise is averaged away, as many classes are taken to be told apart.
_APART = 4
# Outlines are up to so many pixels wide: colors mix there, and JPEG leaves its marks.
# Moran's I of a line w pixels wide is 1 - .5 / w. Covering of human regions on 100
# photographs is the same from 1.1 to 2, and less above.
_OUTLINE = 1.8
# With one channel, what is hardly wider than a line of one pixel may be a class.
_OUTLINE_OF_ONE = 1.15
# Where classes are less than this, they are thinner than lines of one pixel.
_LINE = 0.45
# Colors nearer to each other than this look the same, in Lab. Where all colors of an
# image are, classes are told apart by its own contrast.
_NOTICED = 2.3
# Extremes are no class if they are such a share of the pixels, or have so few values.
_STRAY, _VALUES = 1e-3, 2
# Starts of a fit as that of a segmentation.
_STARTS = 5
# Classes of pixels that are strewn at random are so many steps of values apart.
_STEPS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """What tells how many classes there are.

    Attributes
    ----------
    orders : tuple of Criteria
        Fits of 1, 2, … classes; where noise dominates, to pixels that are averaged.
    n : float
        Number of independent pixels.
    best : int
        The number that was chosen by them: see `iter_choice`.
    """

    orders: tuple[Criteria, ...]
    n: float
    best: int


def iter_choice(
    source: SegmentationInput, census: CellCounts, *, seed: int = 0, most: int = MOST
) -> Generator[Progress, None, Choice]:
    """Fit mixtures of 1 to `most` classes and choose one.

    The one with the largest Bayesian information criterion whose classes all are wider
    than outlines: pixels on the edges between two classes mix their colors, and are no
    class. Nor are shades of a color that nobody can tell apart [1]_, so that no class
    of these mixtures is narrower; the classes of a segmentation may be, and have to be
    wider than outlines, too. Where noise dominates, its overlap would hide the classes;
    so the mixtures are fitted to pixels that are averaged as far as the noise demands,
    and the integrated completed likelihood decides.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    census : CellCounts
        Its pixels, counted.
    seed : int, optional
        As in `Params`.
    most : int, optional
        Most classes that are tried.

    Yields
    ------
    Progress
        After each fit.

    Returns
    -------
    Choice

    References
    ----------
    .. [1] M. Mahy, L. Van Eycken, A. Oosterlinck, "Evaluation of uniform color spaces
       developed after the adoption of CIELAB and CIELUV", Color Research and
       Application 19(2), 105-121, 1994.
    """
    rules = CovarianceSpec("full", _least_variances(source, census))
    cells, core = census.cells, census.cells.core
    if marks(cells):
        cells = cells.take(np.flatnonzero(cells.usual))
    tried: list[Fit] = []
    for fit in iter_criteria(cells, rules=rules, seed=seed, most=most):
        tried.append(fit)
        yield Progress("order", len(tried), most)
    orders = _orders(tried)
    n = independent_pixels(source, tried[-1][1], cells.total)
    features, valid, seed_labels = source.sample
    near = features
    if core is not None:
        near = core.clip(features)
        valid = valid & core.holds(features) if marks(census.cells) else valid
    models = _ranked(tried, Criteria.bic, n)
    outline = _OUTLINE_OF_ONE if cells.dims == 1 else _OUTLINE
    wide = _widest(models, features, valid, outline)
    if wide is not None and (rules.floor > census.floor).any():
        # Classes that may be narrower are others.
        for model in models:
            if _widest([model], features, valid, outline) is None:
                continue
            # So that canceling comes through before each fit.
            yield Progress("order", most, most)
            again = _fitted(cells, census.floor, seed, model.n_classes)
            if _widest([again], features, valid, outline) is not None:
                wide = model.n_classes
                break
    if noise_in(source, tried[-1][1]) is None:
        # Who asks for classes wants two that overlap rather than one.
        single = models[0].n_classes == 1
        best = 1 if single else wide or _thickest(models, features, valid)
        return Choice(orders, n, best)
    radius, quiet = _quiet(near, valid)
    seeded = None if seed_labels is None else seed_labels[valid].astype(np.int64)
    points = np.ascontiguousarray(quiet[valid].T)
    cells = Cells(np.ones(points.shape[1]), points, seed_labels=seeded)
    loud, tried = tried, []
    for fit in iter_criteria(cells, rules=rules, seed=seed, most=most):
        tried.append(fit)
        yield Progress("order", most + len(tried), 2 * most)
    calm = _ranked(tried, Criteria.icl, n)
    if calm[0].n_classes == 1:
        apart = _ranked(loud, Criteria.icl, n)[0]
        if _scattered(apart, census):
            return Choice(orders, n, apart.n_classes)
        return Choice(_orders(tried), n, 1)
    found = _widest(calm, quiet, valid, _OUTLINE + 2 * radius)
    if found is None and wide is not None:
        # What is small is no wider than an outline, once it is averaged.
        return Choice(orders, n, wide)
    return Choice(_orders(tried), n, found or _thickest(calm, quiet, valid))


def criteria_by_n_classes(
    source: SegmentationInput, *, seed: int = 0, most: int = MOST
) -> Choice:
    """Choose a number of classes, as ``n_classes="auto"`` does.

    Parameters
    ----------
    source : SegmentationInput
        As `Segmentation.source`.
    seed : int, optional
        As in `Params`.
    most : int, optional
        Most classes that are tried.

    Returns
    -------
    Choice

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> rng = np.random.default_rng(0)
    >>> truth = np.repeat([0, 1], 20) * np.ones((40, 1))
    >>> image = (60 + 120 * truth + rng.normal(0, 9, truth.shape)).astype(np.uint8)
    >>> seg = emseg.segment(image, n_classes="auto", smoothing=0)
    >>> criteria_by_n_classes(seg.source).best == seg.n_classes == 2
    True
    """
    return finish(iter_choice(source, count_source(source), seed=seed, most=most))


def marks(cells: Cells) -> int:
    """Return how many classes extremes need that are no class of the image.

    They are hot pixels or marks of missing data, and thinner than any class: one if
    they are above all others or below, two if both.
    """
    if cells.core is None:
        return 0
    far = ~cells.usual
    points, low, high = cells.points[:, far].T, cells.core.low, cells.core.high
    few = float(cells.weights[far].sum()) <= _STRAY * cells.total
    if not few and len(np.unique(points, axis=0)) > _VALUES:
        return 0
    return int((points < low).any()) + int((points > high).any())


def _orders(tried: list[Fit]) -> tuple[Criteria, ...]:
    return tuple(order for order, _ in tried)


def _ranked(
    tried: list[Fit], criterion: Callable[[Criteria, float], float], n: float
) -> list[MixtureModel]:
    """Return the models, that of the largest criterion first."""
    best_first = sorted(tried, key=lambda fit: criterion(fit[0], n), reverse=True)
    return [model for _, model in best_first]


def _least_variances(source: SegmentationInput, census: CellCounts) -> Float64Array:
    """Return the least variances of a class that can be distinguished, (D,)."""
    if native(source.space.color):
        return census.floor
    cells = census.cells
    if cells.core is not None:
        cells = cells.clipped(cells.core)
    contrast = float(np.trace(cells.covariance()))
    return np.maximum(census.floor, _NOTICED**2 * min(1, contrast / OF_PHOTOS))


def _widest(
    models: list[MixtureModel],
    features: FloatArray,
    valid: BoolArray,
    outline: float,
) -> int | None:
    """Return the first number of classes, above 1, that are all wider than outlines.

    Features that were averaged over a radius have outlines twice that wider.
    """
    least = 1 - 0.5 / outline
    for model in models:
        if model.n_classes > 1 and _width(model, features, valid) >= least:
            return model.n_classes
    return None


def _fitted(
    cells: Cells, floor: Float64Array, seed: int, n_classes: int
) -> MixtureModel:
    """Fit classes that are as narrow as those of a segmentation may be."""
    rules = CovarianceSpec("full", floor)
    options = FitOptions(n_classes=n_classes, rules=rules, n_init=_STARTS, seed=seed)
    *_, last = iter_fit_mixture(cells, options)
    return last.model


def _thickest(
    models: list[MixtureModel], features: FloatArray, valid: BoolArray
) -> int:
    """Return the number of classes, above 1, of which the thinnest is least thin.

    Where some are thinner than lines, pixels are strewn: then the first number will do.
    """
    several = [model for model in models if model.n_classes > 1]
    if not several:
        return 1
    widths = [_width(model, features, valid) for model in several]
    best = int(np.argmax(widths))
    return several[best if widths[best] >= _LINE else 0].n_classes


def _width(model: MixtureModel, features: FloatArray, valid: BoolArray) -> float:
    """Return the coherence of the thinnest class, as `coherence` does."""
    labels = model.predict(features) * valid
    return float(coherence(labels, model.n_classes).min())


def _quiet(features: FloatArray, valid: BoolArray) -> tuple[float, FloatArray]:
    """Average features (*S, D) so far that noise hides no classes; tell how far."""
    planes = np.ascontiguousarray(np.moveaxis(features, -1, 0))
    noise = noise_level(planes, valid)
    spread = planes[:, valid].var(axis=1, dtype=np.float64)
    radius = blur_radius(noise, spread, _APART)
    return radius, np.moveaxis(blur(planes, valid, radius), 0, -1)


def _scattered(model: MixtureModel, census: CellCounts) -> bool:
    """Return whether clearly different colors make classes, wherever they are.

    Single levels of noise that was rounded are not clearly different.
    """
    if model.n_classes in (1, census.cells.count):
        return model.n_classes > 1
    gap = _STEPS * np.sqrt(12 * census.floor.max())
    return bool(pdist(model.means).min() > gap)
