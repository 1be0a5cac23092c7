"""How labels are smoothed where noise dominates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.image.noise import despeckle
from napari_emseg.engine.mrf.class_logits import ClassLogits
from napari_emseg.engine.mrf.extremes import nearer
from napari_emseg.engine.mrf.fixed_field import (
    Strength,
    largest_class,
    solve_in_turns,
    start_from_neighbors,
)
from napari_emseg.engine.mrf.fixed_point import FAR, Scratch, Unit, find_bonds
from napari_emseg.engine.mrf.flat_grid import FlatGrid
from napari_emseg.engine.mrf.smoother import as_shares, spaces
from napari_emseg.engine.mrf.tile_picture import TilePicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.value_range import Core
    from napari_emseg.engine.mrf.fixed_field import Votes
    from napari_emseg.engine.mrf.hmrf import HiddenField

    Planes = NDArray[np.float32]

# Bond between side neighbors at smoothing 1, in nats, where none is estimated.
BOND = 1.5
# Powers of the posteriors in the sweeps over a picture: what is left open at first
# finds a lower energy. With 26 neighbors there is nothing to gain from that.
_POWERS = (*np.linspace(0.25, 1.0, 7).tolist(), 1.0, 1.0)
_VOLUME = (1.0,) * 4


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
        del n_axes
        # The start, and the despeckled guide.
        return 2 * len(_POWERS) + 4

    def labels(
        self, model: Model, values: Planes, usable: NDArray[np.bool_] | None
    ) -> NDArray[np.uint8]:
        """Return smoothed labels (*S), 1..K; any where not usable."""
        out = np.empty(values.shape[:-1], np.uint8)
        for at, part, valid in spaces(values, usable):
            labels = largest_class(self._solve(model, part, valid))
            out[at] = labels.reshape(out[at].shape)
        return out

    def posteriors(
        self, model: Model, values: Planes, usable: NDArray[np.bool_] | None
    ) -> Planes:
        """Return smoothed class probabilities, in steps of about 1/255.

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
            0 where not usable. A part that begins at even numbers gives the whole's
            posteriors, bit for bit, `halo` pixels inside its borders.
        """
        out = np.empty((model.n_classes, *values.shape[:-1]), np.float32)
        for at, part, valid in spaces(values, usable):
            shares = as_shares(self._solve(model, part, valid))
            for plane, share in zip(out, shares, strict=True):
                plane[at] = share.reshape(plane[at].shape)
        return out

    def _solve(
        self, model: Model, values: Planes, valid: NDArray[np.bool_] | None
    ) -> Votes:
        """Return posteriors (K, *S) of a picture or a volume."""
        if self.core is not None:
            model, values = nearer(model, self.core), self.core.clip(values)
        shape = values.shape[:-1]
        grid, scratch = FlatGrid(shape), Scratch()
        strength = Strength(self.strength, len(shape))
        unit, edges = Unit.finest_of(model), Unit.of(model, self.scale)
        picture = TilePicture(values, valid, None, halved=False)
        codes, guide = picture.encode((unit, edges))
        if self.scale is None:
            guide = np.zeros_like(guide[:1])
        elif self.speckled:
            clean = despeckle(np.moveaxis(values, -1, 0).astype(np.float32))
            guide = edges.encode(np.moveaxis(clean, 0, -1))
        bonds = find_bonds(
            grid,
            grid.lay(guide, valid, FAR),
            edges.steepness,
            strength.bond,
            scratch,
        )
        logits = grid.full((model.n_classes,), np.int16, 0)
        part = slice(grid.start, grid.stop)
        classes = ClassLogits(model, unit, strength.nat, even=True)
        classes(grid.lay(codes, None, 0)[:, part], logits[:, part])
        # So that nothing is said from between the rows.
        grid.clear(logits, valid)
        start = start_from_neighbors(grid, logits, strength, scratch)
        powers = _POWERS if len(shape) == 2 else _VOLUME
        found = solve_in_turns(
            grid, bonds, logits, strength, scratch, powers=powers, start=start
        )
        grid.clear(found, valid)
        return np.asarray(grid.view(found))


def hidden_smoother(field: HiddenField, smoothing: float) -> NoiseSmoother:
    """Return the smoother that belongs to a fitted hidden field."""
    return NoiseSmoother(smoothing * field.bond, field.scale, field.speckled)
