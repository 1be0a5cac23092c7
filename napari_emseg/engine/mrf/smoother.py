"""How posteriors of a fitted model are smoothed, on any part of an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.mrf.hmrf import CONSENSUS, HiddenField
from napari_emseg.engine.mrf.mean_field import halo, mean_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.value_range import Core
    from napari_emseg.engine.mrf.texture_model import TextureModel

    Planes = NDArray[np.float32]
    M = TypeVar("M", bound=Model)

# Bond between side neighbors at smoothing 1, in nats: best on photographs, and where
# noise dominates but no bond is estimated.
BOND, NOISE_BOND = 2.0, 1.5
# Sweeps, and those of them that leave more open, on noise and elsewhere: both reach
# 95 % of what alpha-expansion gains in energy.
SWEEPS, RAMP = 12, 8
NOISE_SWEEPS, NOISE_RAMP = 12, 10


@dataclass(frozen=True, slots=True)
class Smoother:
    """A Potts model for the labels, without the image.

    Attributes
    ----------
    strength : float
        Bond between side neighbors, in nats.
    scale : float or None
        Squared contrast that counts as an edge; None smooths across edges too.
    sweeps : int
        Sweeps of mean field.
    ramp : int
        How many of these leave more open.
    consensus : float
        Weight of the neighbors' evidence in the start.
    speckled : bool
        Whether impulses are no edges.
    even : bool
        Whether the field alone is the prior, and the shares of the classes are not.
    texture_model : TextureModel or None
        Classes of the filtered image; None takes the model as it is.
    core : Core or None
        Range of nearly all pixels, to which the others are brought nearer.
    """

    strength: float
    scale: float | None
    sweeps: int = SWEEPS
    ramp: int = RAMP
    consensus: float = 0.0
    speckled: bool = False
    even: bool = False
    texture_model: TextureModel | None = None
    core: Core | None = None

    def halo(self, n_axes: int) -> int:
        """Pixels around a tile of 2 or 3 axes that its posteriors depend on, even."""
        reach = 0 if self.texture_model is None else self.texture_model.reach
        return halo(self.sweeps, n_axes) + reach

    def posteriors(
        self, model: Model, features: Planes, usable: NDArray[np.bool_] | None
    ) -> Planes:
        """Return smoothed class probabilities.

        Parameters
        ----------
        model : Model
            K classes.
        features : (*S, D) ndarray of float32
            Space is the last three axes of S, or both of two; those before, such as
            time, are independent.
        usable : (*S) ndarray of bool or None
            Pixels that take part.

        Returns
        -------
        (K, *S) ndarray of float32
            0 where not usable.
        """
        if self.core is not None:
            model, features = nearer(model, self.core), self.core.clip(features)
        shape = features.shape[:-1]
        lead = shape[: max(0, len(shape) - 3)]
        out = np.empty((model.n_classes, *shape), np.float32)
        prior = model.log_prior if self.even else None
        for at in np.ndindex(lead):
            mask = None if usable is None else usable[at]
            log = (
                model.log_joint(features[at])
                if self.texture_model is None
                else self.texture_model.log_joint(model, features[at], mask)
            )
            if prior is not None:
                log -= prior.reshape(-1, *(1,) * (log.ndim - 1))
            out[:, *at] = mean_field(
                log,
                guide=None if self.scale is None else features[at],
                scale=self.scale,
                strength=self.strength,
                sweeps=self.sweeps,
                valid=mask,
                consensus=self.consensus,
                speckled=self.speckled,
                # With 26 neighbors there is nothing to gain from that.
                ramp=self.ramp if 1 in log.shape[1:] or log.ndim == 3 else 0,
            )
        return out


def nearer(model: M, core: Core | None) -> M:
    """Return a model of features of which the extremes were brought nearer.

    What tells distances from each other, such as an edge from noise, is measured there.
    """
    if core is None:
        return model
    if not isinstance(model, MixtureModel):
        return replace(model, centers=core.clip(model.means))
    variance = np.einsum("kii->ki", model.covariances)
    shrink = np.sqrt(np.minimum(1, (core.high - core.low) ** 2 / 12 / variance))
    covariances = model.covariances * shrink[:, :, np.newaxis] * shrink[:, np.newaxis]
    return replace(model, means=core.clip(model.means), covariances=covariances)


def hidden_smoother(field: HiddenField, smoothing: float) -> Smoother:
    """Return the smoother that belongs to a fitted hidden field."""
    found = noise_smoother(field.scale, smoothing * field.bond)
    return replace(found, speckled=field.speckled)


def noise_smoother(scale: float | None, strength: float) -> Smoother:
    """Return the smoother of an image that noise dominates.

    Parameters
    ----------
    scale : float or None
        As `noise_scale` gives it, or None to smooth across edges too.
    strength : float
        Bond between side neighbors, in nats.
    """
    return Smoother(
        strength, scale, NOISE_SWEEPS, NOISE_RAMP, consensus=CONSENSUS, even=True
    )
