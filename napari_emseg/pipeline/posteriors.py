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
    from napari_emseg.pipeline.axes.working_input import WorkingInput
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
    working : WorkingInput or None
        How the axes of the image stand in `source`, if not as in the image.
    parts : tuple of PosteriorsPart
        Those of planes that were fitted by themselves, instead.
    """

    source: SegmentationInput
    labeler: Labeler
    bias: FloatArray | None = None
    working: WorkingInput | None = None
    parts: tuple[PosteriorsPart, ...] = ()

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        if self.parts:
            return max(int(part.numbers.max()) for part in self.parts)
        return self.labeler.model.n_classes

    def slim(self) -> Posteriors:
        """Return the same without what only labels need."""
        parts = tuple(replace(one, found=one.found.slim()) for one in self.parts)
        return replace(self, labeler=replace(self.labeler, table=None), parts=parts)

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
        if self.parts:
            return (yield from self._of_parts(wanted))
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
        if self.parts:
            out = np.zeros(self.source.picture.shape, np.float32)
            for part in self.parts:
                out[part.where] = yield from part.found.iter_uncertainty()
            return out
        out = np.zeros(self.source.picture.shape, np.float32)
        if self.n_classes == 1:
            return self._restored(out)

        def entropy(posteriors: FloatArray) -> FloatArray:
            each = posteriors * np.log(np.maximum(posteriors, 1e-30))
            return np.clip(each.sum(axis=0) / -np.log(self.n_classes), 0, 1)

        return (yield from self._fill(out, entropy))

    def _of_parts(self, wanted: Sequence[int]) -> Steps:
        """Return the probabilities (N, …) of planes that were fitted by themselves."""
        out = np.zeros((len(wanted), *self.source.picture.shape), np.float32)
        for part in self.parts:
            own = [np.flatnonzero(part.numbers == label) for label in wanted]
            there = [row for row, found in enumerate(own) if found.size]
            classes = [int(own[row][0]) for row in there]
            found = yield from part.found.iter_probabilities(classes)
            for row, values in zip(there, found, strict=True):
                out[(row, *part.where)] = values
        return out

    def _restored(self, out: FloatArray) -> FloatArray:
        """Return an array (…, *S) with the axes of the image."""
        if self.working is None:
            return out
        return self.working.restore(out, out.ndim - len(self.source.picture.shape))

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
        return self._restored(out)

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


@dataclass(frozen=True, slots=True, eq=False)
class PosteriorsPart:
    """What is known of a plane that was fitted by itself.

    Attributes
    ----------
    where : tuple of slice or int
        The plane in the image.
    found : Posteriors
        Of the plane.
    numbers : (K + 1,) ndarray of uint8
        For each of its classes the number in the image; 0 for 0.
    """

    where: tuple[Any, ...]
    found: Posteriors
    numbers: NDArray[np.uint8]
