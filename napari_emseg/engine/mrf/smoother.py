"""How the labels of a fitted model are smoothed, on any part of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.mrf.cell_refiner import CellRefiner
from napari_emseg.engine.mrf.class_logits import ClassLogits
from napari_emseg.engine.mrf.extremes import nearer
from napari_emseg.engine.mrf.fixed_field import (
    RAMP,
    Strength,
    largest_class,
    solve_pyramid,
)
from napari_emseg.engine.mrf.fixed_point import Scratch, Unit
from napari_emseg.engine.mrf.flat_grid import FlatGrid
from napari_emseg.engine.mrf.texture_model import see
from napari_emseg.engine.mrf.tile_picture import TilePicture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.image.value_range import Core
    from napari_emseg.engine.mrf.fixed_field import Votes
    from napari_emseg.engine.mrf.fixed_point import Planes
    from napari_emseg.engine.mrf.texture_model import TextureModel

    Mask = NDArray[np.bool_]

# Bond between side neighbors at smoothing 1, in nats: best on photographs.
BOND = 2.0
# Sweeps at the levels that have a coarser one below, finest first.
_SWEEPS, _HALF_SWEEPS = (3,), (1, 2)
# Powers of the posteriors in a volume, which has one level.
_VOLUME = (*RAMP, 1.0, 1.0)
# Pixels along a side of the coarsest cell, at multiples of which tiles begin.
CELL = 8
# Pixels around a tile that labels depend on: those of texture, and of the sweeps, the
# bonds and the cells of each level.
_HALO, _HALF_HALO, _VOLUME_HALO = 48, 128, 32


@dataclass(frozen=True, slots=True)
class Smoother:
    """A Potts model for the labels, without the image.

    Attributes
    ----------
    strength : float
        Bond between side neighbors, in nats, above 0.
    scale : float or None
        Squared contrast that counts as an edge; None smooths across edges too.
    texture_model : TextureModel or None
        Classes of the filtered image; None takes the model as it is.
    halved : bool
        Whether labels of pictures are found at half the resolution, and refined.
    color : (str, float) or None
        Color space and the value that is white, if labels are found from channels and
        not from features.
    core : Core or None
        Range of nearly all pixels, to which the others are brought nearer.
    step : int
        Pixels of the image along a side of those that are labeled, of a preview, and
        are means.
    """

    strength: float
    scale: float | None
    texture_model: TextureModel | None = None
    halved: bool = False
    color: tuple[str, float] | None = None
    core: Core | None = None
    step: int = 1

    @property
    def reads_values(self) -> bool:
        """Whether `labels` and `posteriors` take channels instead of features."""
        return self.color is not None

    @property
    def zoom(self) -> int:
        """How many pixels a cell is long, and how much longer tiles may be."""
        return 2 if self.halved else 1

    def halo(self, n_axes: int) -> int:
        """Pixels around a tile of 2 or 3 axes that its labels depend on."""
        picture = _HALF_HALO if self.halved else _HALO
        if self.step > 1:
            picture = _HALF_HALO // 2
        # A volume of one slice is a picture.
        return picture if n_axes == 2 else max(picture, _VOLUME_HALO)

    def labels(
        self, model: Model, values: NDArray[Any], usable: Mask | None
    ) -> NDArray[np.uint8]:
        """Return smoothed labels.

        Parameters
        ----------
        model : Model
            K classes.
        values : (*S, D) ndarray
            Features, float32; channels if `reads_values`. Space is the last three axes
            of S, or both of two; those before, such as time, are independent.
        usable : (*S) ndarray of bool or None
            Pixels that take part.

        Returns
        -------
        (*S) ndarray of uint8
            1..K; any where not usable. A part that begins at multiples of 8 gives the
            whole's labels, `halo` pixels inside its borders.
        """
        out = np.empty(values.shape[:-1], np.uint8)
        for at, part, valid in spaces(values, usable):
            found = self._solve(model, part, valid)
            if isinstance(found, CellRefiner):
                labels = found.labels()
            else:
                labels = largest_class(found)
            out[at] = labels.reshape(out[at].shape)
        return out

    def posteriors(
        self, model: Model, values: NDArray[Any], usable: Mask | None
    ) -> Planes:
        """Return smoothed class probabilities, in steps of about 1/255.

        Parameters
        ----------
        model, values, usable
            As for `labels`.

        Returns
        -------
        (K, *S) ndarray of float32
            0 where not usable.
        """
        out = np.empty((model.n_classes, *values.shape[:-1]), np.float32)
        for at, part, valid in spaces(values, usable):
            found = self._solve(model, part, valid)
            votes = found.posteriors() if isinstance(found, CellRefiner) else found
            for plane, found_share in zip(out, as_shares(votes), strict=True):
                plane[at] = found_share.reshape(plane[at].shape)
        return out

    def _solve(
        self, model: Model, values: NDArray[Any], valid: Mask | None
    ) -> Votes | CellRefiner:
        """Return posteriors (K, *S) of pixels, or cells that know those of theirs."""
        if self.core is not None:
            model, values = nearer(model, self.core), self.core.clip(values)
        halved = self.halved and values.ndim == 3
        size = self.step * (2 if halved else 1)
        picture = TilePicture(values, valid, self.color, halved=halved)
        inside = picture.valid_cells
        texture = self.texture_model
        classes, power, edge_filter, line = model, 1.0, None, None
        if texture is not None:
            edge_filter, power = texture.edge_filter, texture.power
            classes = edge_filter.widen(model)
            if texture.classes is not None:
                classes = texture.classes
                line = texture.line if size > 1 else (0.0, 1.0)
        unit = Unit.of(model, None if edge_filter is None else edge_filter.scale)
        edges = unit if self.scale is None else Unit.of(model, self.scale)
        seen, guide = picture.encode((unit, edges))
        shape = seen.shape[1:]
        strength = Strength(self.strength, len(shape))
        grid = FlatGrid(shape)
        planes = see(seen, inside, edge_filter, unit, line=line, size=size)
        # A cell of four pixels has their likelihoods, and a border twice as long.
        likelihood = power * strength.nat
        logits = grid.full((model.n_classes,), np.int16, 0)
        own = ClassLogits(classes, unit, likelihood * size)
        pixels = slice(grid.start, grid.stop)
        own(planes[:, pixels], logits[:, pixels])
        grain = planes[len(seen) :].copy()
        del planes
        if self.scale is None:
            guide = np.zeros_like(seen[:1])
        sweeps = () if len(shape) == 3 else _HALF_SWEEPS if size > 1 else _SWEEPS
        guide, posteriors = solve_pyramid(
            guide,
            inside,
            edges.steepness,
            logits,
            strength,
            Scratch(),
            sweeps=sweeps,
            ramp=RAMP if sweeps else _VOLUME,
        )
        if not halved:
            return grid.view(posteriors)
        deviation = np.sqrt(self.scale or 0.0)
        if edge_filter is not None:
            deviation = np.sqrt(edge_filter.scale)
        return CellRefiner(
            picture,
            grid,
            guide,
            posteriors,
            None if self.scale is None else edges,
            strength,
            ClassLogits(classes, unit, likelihood),
            unit,
            grain,
            picture.detail(unit, deviation),
        )


def as_shares(votes: Votes) -> Planes:
    """Return posteriors (K, …) of a field as probabilities that sum to 1, or 0."""
    share = votes.astype(np.float32)
    share /= np.maximum(share.sum(axis=0), 1)
    return share


def spaces(
    values: NDArray[Any], usable: Mask | None
) -> Iterator[tuple[tuple[int, ...], NDArray[Any], Mask | None]]:
    """Yield pictures and volumes, with where they are; one slice is a picture."""
    shape = values.shape[:-1]
    for at in np.ndindex(shape[: max(0, len(shape) - 3)]):
        part = values[at]
        valid = None if usable is None else usable[at]
        if part.ndim == 4 and 1 in part.shape[:3]:
            axis = part.shape.index(1)
            part = part.squeeze(axis)
            valid = None if valid is None else valid.squeeze(axis)
        yield at, part, valid
