"""How sure the classes are: probabilities and their entropy, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_emseg.engine.features import FloatArray
    from napari_emseg.engine.labeling import Labeler
    from napari_emseg.source import Source
    from napari_emseg.tiles import Tile

    Steps = Generator[Progress, None, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """All that the probabilities of the classes need: the image and the fit.

    Far smaller than a `Segmentation`, as it has neither labels nor look-up tables.

    Attributes
    ----------
    source : Source
        The image, its mask, and what the user fixed.
    labeler : Labeler
        The fit and how it is smoothed.
    bias : (…) ndarray of float32 or None
        Illumination that the pixels are divided by.
    """

    source: Source
    labeler: Labeler
    bias: FloatArray | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return self.labeler.model.n_classes

    def slim(self) -> Posteriors:
        """Return the same without what only labels need."""
        return replace(self, labeler=replace(self.labeler, table=None))

    def iter_probabilities(self, classes: Sequence[int] | None = None) -> Steps:
        """Work the probabilities of some classes out, part by part.

        Parameters
        ----------
        classes : sequence of int, optional
            Labels of the classes, 1..K; all by default.

        Yields
        ------
        Progress
            After each part; to cancel, stop iterating.

        Returns
        -------
        (N, …) ndarray of float32
            Of the N classes, in the order given; 0 where there is no label.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        wanted = list(range(1, self.n_classes + 1) if classes is None else classes)
        for label in wanted:
            if not 1 <= label <= self.n_classes:
                raise ValueError(
                    f"class {label} is none of the fit, which has the classes 1 to "
                    f"{self.n_classes}; choose some of these"
                )
        picked = np.array(wanted, int) - 1
        out = np.empty((len(wanted), *self.source.picture.shape), np.float32)
        tiles = self._tiles()
        for done, tile in enumerate(tiles, start=1):
            out[:, *tile.write] = self._of_tile(tile)[picked]
            yield Progress("posteriors", done, len(tiles))
        return out

    def iter_uncertainty(self) -> Steps:
        """Work the uncertainty out, part by part.

        Yields
        ------
        Progress
            After each part; to cancel, stop iterating.

        Returns
        -------
        (…) ndarray of float32
            Entropy as a share of the largest possible, 0 to 1; 0 where no label is.
        """
        out = np.zeros(self.source.picture.shape, np.float32)
        if self.n_classes == 1:
            return out
        tiles = self._tiles()
        for done, tile in enumerate(tiles, start=1):
            p = self._of_tile(tile)
            entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(axis=0)
            out[tile.write] = entropy / np.log(self.n_classes)
            yield Progress("posteriors", done, len(tiles))
        return np.clip(out, 0, 1, out=out)

    def _tiles(self) -> list[Tile]:
        return self.source.tiles(self.labeler.halo(len(self.source.picture.shape)))

    def _of_tile(self, tile: Tile) -> FloatArray:
        """Posteriors of a tile; where the user fixed the class, it is certain."""
        light = None if self.bias is None else self.bias[tile.read]
        found = self.labeler.posteriors(*self.source.features(tile.read), light)
        found = found[:, *tile.inner]
        if self.source.seeds is None:
            return found
        seeds = self.source.seeds[tile.write]
        fixed = (seeds > 0) & found.any(axis=0)
        certain = np.eye(self.n_classes, dtype=np.float32)
        found[:, fixed] = certain[:, seeds[fixed] - 1]
        return found


def last(steps: Steps) -> FloatArray:
    """Take all steps; give what the generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: FloatArray = stop.value
            return found
