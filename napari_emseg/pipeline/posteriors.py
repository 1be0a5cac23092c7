"""How sure the classes are: probabilities and their entropy, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.pipeline.parallel import iter_filling

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.labels.labeler import Labeler
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.pipeline.tiles import Tile

    Steps = Generator[Progress, None, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """All that the probabilities of the classes need: the image and the fit.

    Far smaller than a `Segmentation`, as it has neither labels nor look-up tables.

    Attributes
    ----------
    source : SegmentationInput
        The image, its mask, and what the user fixed.
    labeler : Labeler
        The fit and how it is smoothed.
    bias : (…) ndarray of float32 or None
        Illumination that the pixels are divided by.
    """

    source: SegmentationInput
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
        out = np.zeros((len(wanted), *self.source.picture.shape), np.float32)

        def pick(posteriors: FloatArray) -> FloatArray:
            return posteriors[picked]

        return (yield from self._fill(out, pick))

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

        def entropy(posteriors: FloatArray) -> FloatArray:
            each = posteriors * np.log(np.maximum(posteriors, 1e-30))
            return np.clip(each.sum(axis=0) / -np.log(self.n_classes), 0, 1)

        return (yield from self._fill(out, entropy))

    def _fill(
        self, out: FloatArray, reduce: Callable[[FloatArray], FloatArray]
    ) -> Steps:
        """Fill an array (…, *S) tile by tile with what becomes of the posteriors."""
        yield from iter_filling(
            out,
            self.source.tiles(
                self.labeler.halo(len(self.source.picture.shape)), self.n_classes
            ),
            self._read,
            lambda *parts: reduce(self._of_tile(*parts)),
            stage="posteriors",
            planes=self.n_classes,
        )
        return out

    def _read(self, tile: Tile) -> tuple[Any, ...]:
        seed_labels = (
            None
            if self.source.seed_labels is None
            else self.source.seed_labels[tile.read]
        )
        light = None if self.bias is None else self.bias[tile.read]
        raw = self.labeler.reads_values(labels=False)
        return *self.source.pixels(tile.read, raw=raw), seed_labels, light

    def _of_tile(
        self,
        values: NDArray[Any],
        usable: BoolArray | None,
        seed_labels: NDArray[np.integer[Any]] | None,
        light: FloatArray | None,
    ) -> FloatArray:
        """Posteriors of a tile; where the user fixed the class, it is certain."""
        found = self.labeler.posteriors(values, usable, light)
        if seed_labels is None:
            return found
        seeded = (seed_labels > 0) & found.any(axis=0)
        certain = np.eye(self.n_classes, dtype=np.float32)
        found[:, seeded] = certain[:, seed_labels[seeded] - 1]
        return found
