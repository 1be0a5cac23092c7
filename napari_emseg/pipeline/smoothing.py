"""Which smoother an image needs: for noise, or for texture that edges bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.image.noise import salt_and_pepper
from napari_emseg.engine.mrf.edge_preserving import choose_filter
from napari_emseg.engine.mrf.hmrf import noise_scale
from napari_emseg.engine.mrf.smoother import (
    BOND,
    NOISE_BOND,
    Smoother,
    hidden_smoother,
    nearer,
    noise_smoother,
)
from napari_emseg.engine.mrf.texture_model import (
    TextureModel,
    augment,
    fit_texture_model,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.mrf.hmrf import HiddenField
    from napari_emseg.params import Params
    from napari_emseg.pipeline.source import SegmentationInput

    Planes = NDArray[np.float32]

# Each class keeps this share of the pixels that it had, of so many, or an image is
# filtered less: by these shares of what was asked for. Covering of human regions is the
# same from .1 to .5; stained nuclei, as a class, need the latter.
_SURVIVES, _COUNTED = 0.5, 2**14
# And after smoothing, if it had to be helped to that, this share.
_REMAINS = 0.01
_SHARES = (1.0, 0.5, 0.25)


def choose_smoother(
    source: SegmentationInput, model: Model, params: Params, hidden: HiddenField | None
) -> Smoother:
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
    """
    core = source.core
    if hidden is not None:
        return replace(hidden_smoother(hidden, params.smoothing), core=core)
    scale = noise_in(source, model)
    if scale is not None:
        edge = scale if params.edges else None
        return replace(noise_smoother(edge, NOISE_BOND * params.smoothing), core=core)
    strength = BOND * params.smoothing
    if not params.edges:
        return Smoother(strength, None, core=core)
    smoother = Smoother(strength, source.edge_scale())
    found = _texture_model(source, nearer(model, core), params, smoother)
    return replace(smoother, texture_model=found, core=core)


def _sample(
    source: SegmentationInput,
) -> tuple[Planes, NDArray[np.bool_], NDArray[np.uint8] | None]:
    """Return the sample of an image, extremes nearer."""
    features, valid, seed_labels = source.sample
    if source.core is not None:
        features = source.core.clip(features)
    return features, valid, seed_labels


def noise_in(source: SegmentationInput, model: Model) -> float | None:
    """Return the squared contrast of noise if it dominates an image, else None."""
    if not source.space.plain:
        # Texture and position are smooth by their making, however noisy the image is.
        return None
    features, valid, _ = _sample(source)
    within = nearer(model, source.core).within_variance
    return noise_scale(features, within, valid=valid)


def impulses_in(source: SegmentationInput) -> float:
    """Estimate the share of pixels that salt-and-pepper noise has changed."""
    if not source.space.plain:
        return 0.0
    features, valid, _ = _sample(source)
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

    def points(self, planes: Planes) -> Planes:
        """Pick the pixels (N, …) that are counted out of planes (…, *S)."""
        every = max(1, int(self.valid.sum()) // _COUNTED)
        return planes[:, self.valid][:, ::every].T


def _texture_model(
    source: SegmentationInput, model: Model, params: Params, smoother: Smoother
) -> TextureModel | None:
    """Fit classes to the image, filtered as far as none of them is lost."""
    sample = _Sample(*_sample(source))
    if not sample.valid.any():
        return None
    planes = np.ascontiguousarray(np.moveaxis(sample.features, -1, 0))
    had = _won(model, sample.points(planes))
    for share in _SHARES:
        amount = share * min(params.smoothing, 1.0)
        soft = choose_filter(model, amount, percent=source.space.color != "none")
        if soft is None:
            return None
        seen = augment(planes, soft, sample.valid)
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
            if found is fitted:
                return found
            # Weight does not help a class whose pixels are scattered.
            trial = replace(smoother, texture_model=found)
            smoothed = trial.posteriors(model, sample.features, sample.valid)
            left = _count(sample.points(smoothed).argmax(axis=1), model)
            if (left >= _REMAINS * had).all():
                return found
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
