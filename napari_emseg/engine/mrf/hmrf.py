"""EM with a Markov random field inside, for images that noise dominates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.em import DF_START
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.cluster.kmeans import nearest
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_kmeans
from napari_emseg.engine.image.noise import blur, blur_radius, despeckle, noise_level
from napari_emseg.engine.mrf.bias_field import RANGE
from napari_emseg.engine.mrf.fixed_field import (
    Strength,
    solve,
    start_from_neighbors,
)
from napari_emseg.engine.mrf.fixed_point import FAR, Scratch, Unit, find_bonds
from napari_emseg.engine.mrf.hmrf_steps import HMRFData, correct_bias

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.image.value_range import Core

    Planes = NDArray[np.float32]

# An edge is a contrast whose square exceeds this many times that of the noise.
_EDGE = 12.0
# Bounds of the estimated bond between side neighbors at smoothing 1, in nats.
_BONDS = (0.5, 2.0)
# Share of the pooled covariance in each class's: noise is the same for all.
_SHRINKAGE = 0.5
# Least variance of a class, as a share of the image's.
_NARROW = 1e-3
# Noise below this share of the image's variance is rounding.
_FAINT = 1e-8
# Share of the variance within classes from which on noise dominates them.
_DOMINANT = 0.15
_SWEEPS_INSIDE = 3
# A start in light that was found is taken if the image becomes likelier by so many nats
# a pixel, and followed by others, up to so many. Of 36 pictures of two classes in a
# ramp of light, each that was taken had fewer errors than the one before; in light that
# is found at once, none gains .002.
_GAIN, _STARTS = 0.01, 8
_FIRST_CHECK = 4
# Classes stand still when their centers move by less than this share of their width,
# and the bond by less than that many nats.
_STILL, _STILL_BOND = 3e-3, 0.02
_SAMPLE = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class HiddenField:
    """A fitted hidden Markov random field.

    Attributes
    ----------
    model : MixtureModel
        The classes.
    bond : float
        Estimated bond between side neighbors at smoothing 1, in nats.
    scale : float or None
        Squared contrast that counts as an edge; None: bonds do not depend on it.
    speckled : bool
        Whether impulses are no edges.
    bias : (*S) ndarray of float32 or None
        The illumination, of mean 1.
    lit : bool
        Whether all classes are multiplied by that.
    """

    model: MixtureModel
    bond: float
    scale: float | None
    speckled: bool
    bias: Planes | None
    lit: bool = False


def iter_hmrf(
    features: ArrayLike,
    options: FitOptions,
    *,
    edges: bool,
    bias: bool = False,
    valid: ArrayLike | None = None,
    seed_labels: ArrayLike | None = None,
    black: ArrayLike | None = None,
    core: Core | None = None,
    light: Planes | None = None,
) -> Generator[FitState, None, HiddenField]:
    """Fit a hidden Markov random field by EM with mean field [1]_ [2]_.

    Starts from K-means on a copy that is blurred as far as the noise demands. Each
    iteration updates the posteriors by sweeps of mean field, the classes from the
    posteriors, the bond from the pseudo-likelihood, and the illumination.

    Parameters
    ----------
    features : (*S, D) array_like of float
        S is (Y, X) or (Z, Y, X).
    options : FitOptions
        All but `init` and `tol` count.
    edges, bias
        As in `Params`.
    valid : (*S) array_like of bool, optional
        Pixels that count.
    seed_labels : (*S) array_like of int, optional
        Classes 1..K that the user fixed; 0 where free.
    black : (D,) array_like, optional
        What illumination multiplies is the difference from this; default 0.
    core : Core, optional
        Range of nearly all pixels, to which the others are brought nearer, but for the
        means of classes outside.
    light : (*S) ndarray of float32, optional
        An illumination to start in.

    Yields
    ------
    FitState
        Level "field". The objective is the mean of ln Σ_k π_k(p) f_k(x_p) over some
        pixels, in nats, where π(p) is what the neighbors of p let expect; of the image
        in its light, so that all kinds of light compare.

    Returns
    -------
    HiddenField

    Raises
    ------
    ValueError
        If no pixel is valid.

    References
    ----------
    .. [1] Y. Zhang, M. Brady, S. Smith, "Segmentation of brain MR images through a
       hidden Markov random field model and the expectation-maximization algorithm",
       IEEE Trans. Medical Imaging 20(1), 45-57, 2001.
    .. [2] G. Celeux, F. Forbes, N. Peyrard, "EM procedures using mean field-like
       approximations for Markov model-based image segmentation", Pattern Recognition
       36(1), 131-144, 2003.
    """
    array = np.asarray(features, np.float32)
    inside = np.ones(array.shape[:-1], bool) if valid is None else np.array(valid, bool)
    if not inside.any():
        raise ValueError("no pixel is valid: a field needs at least one")
    given = None
    if seed_labels is not None:
        given = (np.asarray(seed_labels) * inside).astype(np.uint8)
    # A volume of one slice is a picture.
    thin = array.shape.index(1) if array.ndim == 4 and 1 in array.shape[:3] else None
    if thin is not None:
        array, inside = array.squeeze(thin), inside.squeeze(thin)
        given = None if given is None else given.squeeze(thin)
        light = None if light is None else light.squeeze(thin)
    planes = np.ascontiguousarray(np.moveaxis(array, -1, 0))
    if not inside.all():
        # Pixels that do not count are overwritten, in a copy.
        planes = planes.copy() if np.may_share_memory(planes, array) else planes
        planes[:, ~inside] = 0
    del features, array
    shape, dims = planes.shape[1:], len(planes)
    far = planes
    if core is not None:
        planes = np.moveaxis(core.clip(np.moveaxis(planes, 0, -1)), -1, 0).copy()
    origin = np.zeros(dims) if black is None else np.asarray(black, np.float64)
    spread = planes[:, inside].var(axis=1, dtype=np.float64)
    noise = noise_level(planes, inside)
    noise[noise**2 < _FAINT * spread] = 0
    outliers = options.outliers
    speckled = outliers > 0 or options.student
    clean = despeckle(planes, inside) if speckled else planes
    scale = _EDGE * 2 * float(noise @ noise) if edges and noise.any() else None
    rules = replace(
        options.rules,
        shrinkage=max(options.rules.shrinkage, _SHRINKAGE),
        floor=np.maximum(options.rules.floor, _NARROW * spread),
    )
    values = planes[:, inside]
    low, high = (f(axis=1).astype(np.float64) for f in (values.min, values.max))
    del values
    ends = np.stack([low, high])
    if bias:
        # What illumination may lead to.
        ends = np.concatenate([ends, *(origin + (ends - origin) / f for f in RANGE)])
    unit = Unit.finest(ends.min(axis=0), ends.max(axis=0))
    data = HMRFData(planes, inside, unit, origin, given)
    grid, scratch = data.grid, Scratch()
    first = clean if light is None else correct_bias(clean, light, origin)
    smooth = blur(first, inside, blur_radius(noise, spread, options.n_classes))
    centers, label = _first_labels(smooth.reshape(dims, -1), inside, given, options)
    del smooth
    k = len(centers)
    posteriors = grid.full((k,), np.uint16, 0)
    for number, share in enumerate(grid.view(posteriors)):
        share[...] = np.where(label == number, 230 + 25 // k, 25 // k).reshape(shape)
    model = MixtureModel(
        np.full(k, 1 / k),
        centers,
        np.repeat(np.diag(rules.floor)[np.newaxis], k, axis=0),
    )
    model = data.update(model, data.codes(first), posteriors, rules)
    del label, first
    unit = Unit.between(low, high, scale)
    edge = np.zeros((1, *shape), np.int16)
    if scale is not None:
        edge = unit.encode(np.moveaxis(clean, 0, -1))
    # Impulses look like detail, and detail like a weak bond: then it is not estimated.
    bounds = (_BONDS[1] if outliers > 0 else _BONDS[0], _BONDS[1])
    bond = _BONDS[1] if outliers > 0 else 1.0
    strength = Strength(bond, len(shape))
    bonds = find_bonds(
        grid, grid.lay(edge, inside, FAR), unit.steepness, strength.bond, scratch
    )
    del clean, edge
    if outliers > 0:
        side = np.ptp(planes[:, inside], axis=1).astype(np.float64)
        volume = float(np.log(np.maximum(side, np.sqrt(rules.floor))).sum())
        model = replace(model, outliers=outliers, log_uniform=-volume)
    if options.student:
        model = replace(model, df=np.full(k, rules.df or DF_START))
    illumination, brightness = light, _mean_log(light, inside)
    codes = data.codes(planes, illumination)
    logits = grid.full((k,), np.int16, 0)
    data.logits(model, codes, strength, logits)
    posteriors = start_from_neighbors(grid, logits, strength, scratch)
    for iteration in range(options.max_iter):
        if iteration > 0:
            # It is found anew, and would stand beside two states of the field.
            illumination = None
        posteriors = solve(
            grid,
            bonds,
            logits,
            strength,
            scratch,
            powers=(1.0,) * _SWEEPS_INSIDE,
            start=posteriors,
        )
        before = model, bond
        model = data.update(model, codes, posteriors, rules)
        if bias and iteration > 0:
            # What is made anew would stand beside what was.
            del codes
            illumination = data.illumination(model, posteriors)
            codes = data.codes(planes, illumination)
            brightness = _mean_log(illumination, inside)
        bond, objective = data.estimate_bond(model, codes, posteriors, bond, bounds)
        # Densities of what was divided are those of the image times what divided it.
        objective -= dims * brightness
        done = iteration >= _FIRST_CHECK and _settled(before, (model, bond))
        shown = model
        if core is not None:
            outside = (model.means < core.low) | (model.means > core.high)
            if outside.any():
                means = data.means(far, posteriors)
                shown = replace(model, means=np.where(outside, means, model.means))
        yield FitState(iteration, objective, shown, done, "field")
        if done:
            break
        strength = Strength(bond, len(shape))
        data.logits(model, codes, strength, logits)
    del codes, logits, bonds
    lit = illumination is not None and data.follows(illumination, posteriors)
    if illumination is not None and thin is not None:
        illumination = np.expand_dims(illumination, thin)
    return HiddenField(shown, bond, scale, speckled, illumination, lit)


def iter_hmrf_in_light(
    features: ArrayLike, options: FitOptions, **rest: Any
) -> Generator[FitState, None, HiddenField]:
    """Fit a hidden field in uneven light, again from the light that was found.

    The first classes are those of the image as it is, and where light changes more than
    classes differ, they are bright and dark places. In light that is partly taken out
    they are nearer to the truth, so that another fit starts there, as long as that
    makes the image likelier.

    Parameters
    ----------
    features, options, **rest
        As of `iter_hmrf`; there is a bias field.

    Yields
    ------
    FitState
        Of one fit after the other; the last is that which the result ended with.

    Returns
    -------
    HiddenField
        The likeliest.
    """
    fit = partial(iter_hmrf, features, options, bias=True, **rest)
    best, end = yield from _iter_with_end(fit())
    # Where it explains what the image shows there is no light to start in.
    for _ in range(_STARTS - 1 if best.lit else 0):
        found, last = yield from _iter_with_end(fit(light=best.bias))
        if not last.objective > end.objective + _GAIN:
            yield end
            break
        best, end = found, last
    return best


def _iter_with_end(
    steps: Generator[FitState, None, HiddenField],
) -> Generator[FitState, None, tuple[HiddenField, FitState]]:
    """Pass the states of a fit on; return its field and the last of them."""
    state = next(steps)
    while True:
        yield state
        try:
            state = next(steps)
        except StopIteration as stop:
            return stop.value, state


def _mean_log(light: Planes | None, inside: NDArray[np.bool_]) -> float:
    """Return the mean logarithm of some light where pixels count; 0 without any."""
    if light is None:
        return 0.0
    found = light[inside]
    return float(np.log(found, out=found).mean(dtype=np.float64))


def _first_labels(
    points: Planes,
    inside: NDArray[np.bool_],
    seed_labels: NDArray[np.uint8] | None,
    options: FitOptions,
) -> tuple[Float64Array, NDArray[np.uint8]]:
    """Find centers (K, D) by K-means, and the nearest for each of (D, N) points.

    Pixels are those points that count; of these, some are enough for the centers.
    """
    pixels = np.flatnonzero(inside)
    cells = Cells(np.broadcast_to(np.float64(1), pixels.shape), points[:, pixels])
    if seed_labels is not None:
        seeds = seed_labels.reshape(-1)
        cells = replace(cells, seed_labels=seeds[pixels].astype(np.int64))
    brief = replace(options, init="kmeans", tol=1e-3, max_iter=50)
    *_, last = iter_fit_kmeans(cells.sample(_SAMPLE), brief)
    centers: Float64Array = last.model.centers
    label = np.empty(points.shape[1], np.uint8)
    for start in range(0, len(label), _SAMPLE):
        part = slice(start, start + _SAMPLE)
        label[part] = nearest(centers, points[:, part])[0]
    if seed_labels is not None:
        label = np.where(seeds > 0, seeds - 1, label)
    return centers, label


def noise_scale(power: float, within: float) -> float | None:
    """Return the squared contrast of an edge if noise dominates within classes.

    Parameters
    ----------
    power : float
        Variance of the noise, as `noise_level` finds it, summed over the features.
    within : float
        Variance within the classes of a fitted model, summed over the features.

    Returns
    -------
    float or None
        Squared contrast that counts as an edge, if noise has more than 15 % of the
        variance; otherwise None. Photographs stay below 9 %, their texture is no
        noise; flat classes with noise are near 100 %.

    Examples
    --------
    >>> noise_scale(1.0, 9.0) is None, noise_scale(1.0, 2.0)
    (True, 24.0)
    """
    return _EDGE * 2 * power if power > _DOMINANT * within else None


def _settled(
    before: tuple[MixtureModel, float], after: tuple[MixtureModel, float]
) -> bool:
    one, two = before[0], after[0]
    unit = np.sqrt(np.einsum("kii->ki", two.covariances))
    moved = float((np.abs(two.means - one.means) / unit).max())
    if one.df is not None and two.df is not None:
        moved = max(moved, 0.1 * float(np.abs(np.log(two.df / one.df)).max()))
    return moved < _STILL and abs(after[1] - before[1]) < _STILL_BOND
