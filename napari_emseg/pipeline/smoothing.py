"""Which smoother an image needs: for noise, or for texture that edges bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_emseg.engine.image.color_space import native
from napari_emseg.engine.image.noise import salt_and_pepper
from napari_emseg.engine.mrf import noise_smoother
from napari_emseg.engine.mrf.edge_preserving import choose_filter
from napari_emseg.engine.mrf.extremes import nearer
from napari_emseg.engine.mrf.fixed_point import Unit
from napari_emseg.engine.mrf.hmrf import noise_scale
from napari_emseg.engine.mrf.mean_field import edge_scale
from napari_emseg.engine.mrf.noise_smoother import NoiseSmoother, hidden_smoother
from napari_emseg.engine.mrf.smoother import BOND, Smoother
from napari_emseg.engine.mrf.texture_model import (
    TextureModel,
    augment,
    find_line,
    fit_texture_model,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.mrf.hmrf import HiddenField
    from napari_emseg.params import Params
    from napari_emseg.pipeline.source import SegmentationInput

    Planes = NDArray[np.float32]
    T = TypeVar("T", bound=np.generic)

# Each class keeps this share of the pixels that it had, of so many, or an image is
# filtered less: by these shares of what was asked for. Covering of human regions is the
# same from .1 to .5; stained nuclei, as a class, need the latter.
_SURVIVES, _COUNTED = 0.5, 2**14
# Pixels of a picture from which on its labels are found at half the resolution.
_HALVED = 2**19
# And after smoothing, if it had to be helped to that, this share.
_REMAINS = 0.01
_SHARES = (1.0, 0.5, 0.25)


def choose_smoother(
    source: SegmentationInput,
    model: Model,
    params: Params,
    hidden: HiddenField | None,
    step: int = 1,
) -> Smoother | NoiseSmoother:
    """Choose how posteriors are smoothed: by a fitted field, for noise, or by edges.

    Parameters
    ----------
    source : SegmentationInput
        The image.
    model : Model
        Its classes.
    params : Params
        What was asked for; `smoothing` is above 0.
    hidden : HiddenField or None
        A hidden field, if one was fitted.
    step : int, optional
        Pixels of the image along a side of those that are smoothed; above 1, they are
        means, of a preview.
    """
    core = source.core
    if hidden is not None:
        noisy = replace(hidden_smoother(hidden, params.smoothing), core=core)
        return noisy.of_means(step)
    scale = noise_in(source, model)
    if scale is not None:
        edge = scale if params.edges else None
        bond = noise_smoother.BOND * params.smoothing
        return NoiseSmoother(bond, edge, core=core).of_means(step)
    smoother = Smoother(
        BOND * params.smoothing,
        None,
        # Means are what cells of an image are.
        halved=step == 1 and _is_halved(source),
        core=core,
        step=step,
    )
    if smoother.halved and _is_converted(source):
        color = source.space.color, source.picture.full_scale
        smoother = replace(smoother, color=color)
    if not params.edges:
        return smoother
    features, valid, _ = source.sample_core
    # Of a constant image, nothing is an edge.
    edge = edge_scale(features, valid=valid) or None
    smoother = replace(smoother, scale=edge)
    found = _texture_model(source, nearer(model, core), params, smoother)
    return replace(smoother, texture_model=found)


def _is_halved(source: SegmentationInput) -> bool:
    """Tell whether an image is large pictures."""
    shape = source.picture.shape
    space = shape[-3:] if len(shape) > 2 else (1, *shape)
    return space[0] == 1 and space[1] * space[2] >= _HALVED


def _is_converted(source: SegmentationInput) -> bool:
    """Tell whether features are the colors of integers."""
    picture = source.picture
    small = picture.dtype.kind == "u" and picture.dtype.itemsize <= 2
    plain = source.space.plain and source.core is None
    return picture.rgb and small and plain and not native(source.space.color)


def noise_in(
    source: SegmentationInput, model: Model, *, margin: float = 1.0
) -> float | None:
    """Return the squared contrast of noise if it dominates an image, else None.

    By a margin, if this is more than 1.
    """
    if not source.space.plain:
        # Texture and position are smooth by their making, however noisy the image is.
        return None
    within = nearer(model, source.core).within_variance
    return noise_scale(source.noise_power, margin * within)


def impulses_in(source: SegmentationInput) -> float:
    """Estimate the share of pixels that salt-and-pepper noise has changed."""
    if not source.space.plain:
        return 0.0
    features, valid, _ = source.sample_core
    return salt_and_pepper(np.moveaxis(features, -1, 0), valid)


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Some pixels, which show whether classes keep their pixels.

    Attributes
    ----------
    features : (*S, D) ndarray of float32
        Blocks of the image.
    valid : (*S) ndarray of bool
        Its pixels that take part.
    seed_labels : (*S) ndarray of int or None
        Classes that the user fixed.
    """

    features: Planes
    valid: NDArray[np.bool_]
    seed_labels: NDArray[np.integer] | None

    @classmethod
    def of(cls, source: SegmentationInput) -> _Sample:
        """Return the sample of an image; a volume of one slice is a picture."""
        features, valid, seed_labels = source.sample_core
        if valid.ndim == 3 and 1 in valid.shape:
            axis = valid.shape.index(1)
            features, valid = features.squeeze(axis), valid.squeeze(axis)
            seed_labels = None if seed_labels is None else seed_labels.squeeze(axis)
        return cls(features, valid, seed_labels)

    def points(self, planes: NDArray[T]) -> NDArray[T]:
        """Pick the pixels (N, …) that are counted out of planes (…, *S)."""
        inside = np.flatnonzero(self.valid)
        every = max(1, inside.size // _COUNTED)
        return planes.reshape(len(planes), -1)[:, inside[::every]].T


def _texture_model(
    source: SegmentationInput, model: Model, params: Params, smoother: Smoother
) -> TextureModel | None:
    """Fit classes to the image, filtered as far as none of them is lost."""
    sample = _Sample.of(source)
    if not sample.valid.any():
        return None
    planes = np.ascontiguousarray(np.moveaxis(sample.features, -1, 0))
    had = _won(model, sample.points(planes))
    for share in _SHARES:
        amount = share * min(params.smoothing, 1.0)
        soft = choose_filter(model, amount, percent=not native(source.space.color))
        if soft is None:
            return None
        unit = Unit.of(model, soft.scale)
        seen = augment(sample.features, soft, unit, sample.valid)
        line = partial(find_line, sample.features, seen[-1], soft, unit, sample.valid)
        if source.space.plain and _can_be_refitted(model):
            fitted = fit_texture_model(
                model,
                seen,
                soft,
                sample.valid,
                seed_labels=sample.seed_labels,
                covariance=params.covariance,
            )
            found = fitted.keep_small_classes(sample.points(seen), _SURVIVES * had)
            kept = found is fitted
            flat = sample.valid.ndim == 2
            if flat and (smoother.halved or not kept):
                found = replace(found, line=line(2))
            # What is kept does not depend on how it is shown.
            shown = found
            if flat and smoother.step > 1:
                shown = replace(found, line=line(smoother.step))
            if kept:
                return shown
            # Weight does not help a class whose pixels are scattered. At half the
            # resolution this is seen in a quarter of the time.
            trial = Smoother(smoother.strength, smoother.scale, found, halved=True)
            smoothed = trial.labels(model, sample.features, sample.valid)
            left = _count(sample.points(smoothed[np.newaxis])[:, 0] - 1, model)
            if (left >= _REMAINS * had).all():
                return shown
        widened = _won(soft.widen(model), sample.points(seen[:-1]))
        if (widened >= _SURVIVES * had).all():
            return TextureModel(soft)
    return None


def _can_be_refitted(model: Model) -> bool:
    """Return whether classes are Gaussians, and more than one."""
    return (
        model.has_likelihood
        and model.n_classes > 1
        and model.df is None
        and model.outliers == 0
    )


def _won(model: Model, points: NDArray[np.floating]) -> NDArray[np.intp]:
    """Count the points (N, D) of each class (K,)."""
    return _count(model.predict(points).ravel() - 1, model)


def _count(numbers: NDArray[np.integer], model: Model) -> NDArray[np.intp]:
    return np.bincount(numbers, minlength=model.n_classes)
