"""How labels are smoothed where noise dominates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.cells.cells import largest
from napari_emseg.engine.mrf.extremes import nearer
from napari_emseg.engine.mrf.hmrf import CONSENSUS, HiddenField
from napari_emseg.engine.mrf.mean_field import halo, mean_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.value_range import Core

    Planes = NDArray[np.float32]

# Bond between side neighbors at smoothing 1, in nats, where none is estimated.
BOND = 1.5
# Sweeps, and those of them that leave more open: they reach 95 % of what
# alpha-expansion gains in energy.
SWEEPS, RAMP = 12, 10


@dataclass(frozen=True, slots=True)
class NoiseSmoother:
    """A Potts model that is the prior alone: shares of classes do not count.

    Attributes
    ----------
    strength : float
        Bond between side neighbors, in nats.
    scale : float or None
        Squared contrast that counts as an edge; None smooths across edges too.
    speckled : bool
        Whether impulses are no edges.
    core : Core or None
        Range of nearly all pixels, to which the others are brought nearer.
    """

    strength: float
    scale: float | None
    speckled: bool = False
    core: Core | None = None

    @property
    def reads_values(self) -> bool:
        """Whether it takes channels instead of features: it does not."""
        return False

    @property
    def zoom(self) -> int:
        """How much longer than others tiles may be."""
        return 1

    def of_means(self, step: int) -> NoiseSmoother:
        """Return the smoother of means over `step` times `step` pixels, of a preview.

        They have the evidence of all of them, a border `step` times as long, and a
        `step`-th of the deviation of noise.
        """
        scale = None if self.scale is None else self.scale / step**2
        return replace(self, strength=self.strength / step, scale=scale)

    def halo(self, n_axes: int) -> int:
        """Pixels around a tile of 2 or 3 axes that its posteriors depend on, even."""
        return halo(SWEEPS, n_axes)

    def labels(
        self, model: Model, values: Planes, usable: NDArray[np.bool_] | None
    ) -> NDArray[np.uint8]:
        """Return smoothed labels (*S), 1..K; any where not usable."""
        found = self.posteriors(model, values, usable)
        best = largest(found.reshape(len(found), -1)).astype(np.uint8)
        best += 1
        return best.reshape(found.shape[1:])

    def posteriors(
        self, model: Model, values: Planes, usable: NDArray[np.bool_] | None
    ) -> Planes:
        """Return smoothed class probabilities.

        Parameters
        ----------
        model : Model
            K classes.
        values : (*S, D) ndarray of float32
            Features. Space is the last three axes of S, or both of two; those before,
            such as time, are independent.
        usable : (*S) ndarray of bool or None
            Pixels that take part.

        Returns
        -------
        (K, *S) ndarray of float32
            0 where not usable.
        """
        if self.core is not None:
            model, values = nearer(model, self.core), self.core.clip(values)
        shape = values.shape[:-1]
        out = np.empty((model.n_classes, *shape), np.float32)
        for at in np.ndindex(shape[: max(0, len(shape) - 3)]):
            part = values[at]
            out[:, *at] = mean_field(
                _evidence(model, part),
                guide=None if self.scale is None else part,
                scale=self.scale,
                strength=self.strength,
                sweeps=SWEEPS,
                valid=None if usable is None else usable[at],
                consensus=CONSENSUS,
                speckled=self.speckled,
                # With 26 neighbors there is nothing to gain from that.
                ramp=RAMP if 1 in part.shape[:-1] or part.ndim == 3 else 0,
            )
        return out


def _evidence(model: Model, values: Planes) -> Planes:
    """Return log-densities (K, *S) of features (*S, D)."""
    log = model.log_joint(values)
    log -= model.log_prior.reshape(-1, *(1,) * (log.ndim - 1))
    return log.astype(np.float32)


def hidden_smoother(field: HiddenField, smoothing: float) -> NoiseSmoother:
    """Return the smoother that belongs to a fitted hidden field."""
    return NoiseSmoother(smoothing * field.bond, field.scale, field.speckled)
