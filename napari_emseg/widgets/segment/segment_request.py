"""What the panel "Segment" asks for, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_emseg.layers import alike, plan_edit, prepare_style
from napari_emseg.layers.edits import plan_over
from napari_emseg.layers.pictures.picture_layers import labels_in
from napari_emseg.pipeline.segment import iter_segment, read_input
from napari_emseg.regions import Edit
from napari_emseg.widgets.common.qt import pluralize

if TYPE_CHECKING:
    from collections.abc import Container, Generator

    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_emseg.layers import LayerStyle, PictureLayers, SliceIndex
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.params import Params
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput
    from napari_emseg.widgets.segment.axes_rows import AxesRows

    # The segmentation, how it looks, how it is written, and how many classes it has, in
    # words. Of labels in a store, there is no look, and no plan.
    Result: TypeAlias = tuple[Segmentation, LayerStyle | None, PlannedEdit | None, str]

# Labels of a lazy picture that go to memory at most, and pixels that are fitted first.
MOST_LABELS, FITTED = 2**26, 2**22
CHUNK = 2**20  # pixels that are counted at once
HINT = "Open an image, or a sample from the File menu."
LARGE = "A preview; press Segment to write the labels of all pixels to a store."
READY = "Press Segment to find the classes."
PAUSED = (
    "Live is paused: “{name}” has edits, which stay. Press Segment for a new result."
)


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest:
    """A picture that is to be segmented, or previewed.

    Attributes
    ----------
    image : PictureLayers
        An image layer, or several.
    at : tuple of int or None
        Which part of it; None is all.
    params : Params
        The parameters.
    replace : napari.layers.Labels or None
        An earlier result that is to be updated; None for a new layer.
    data : tuple of array-like
        Those of the layers when this was made.
    over : (*S) ndarray of int or None
        The labels of the latest result, if it is overwritten.
    out : str or None
        Where labels go that are too many for memory.
    """

    image: PictureLayers
    at: SliceIndex | None
    params: Params
    replace: Labels | None
    data: tuple[Any, ...]
    over: Any = None
    out: str | None = None

    @property
    def large(self) -> bool:
        """Whether labels are too many for memory, so that they go to a store."""
        lead = self.image.lead
        lazy = lead.multiscale or not isinstance(lead.data, np.ndarray)
        size = int(np.prod(self.image.labels_shape(self.at)))
        return lazy and size > MOST_LABELS and not self.image.several

    def seen(self) -> Any:
        """Return what previews are made of: of levels, one that has few pixels."""
        if not (self.large and self.image.lead.multiscale):
            return self.image.data(self.at)
        return self._level()

    def _level(self) -> Any:
        """Return the finest level that is fitted at once; else the coarsest."""
        levels, ndim = self.image.lead.data, self.image.lead.ndim
        sizes = [int(np.prod(one.shape[:ndim])) for one in levels]
        level = next((n for n, s in enumerate(sizes) if s <= FITTED), len(sizes) - 1)
        at = self.at or (None,) * ndim
        steps = np.divide(levels[level].shape[:ndim], levels[0].shape[:ndim])
        # A plane of the finest level lies at another place in a coarse one.
        index = tuple(
            slice(None) if one is None else int(one * step)
            for one, step in zip(at, steps, strict=True)
        )
        return levels[level][index]

    def reason_to_stop(self, layers: Container[Layer]) -> str:
        """Return what became of the image; empty if it is there, as it was.

        Parameters
        ----------
        layers : container of napari.layers.Layer
            Those of the viewer.
        """
        for layer, data in zip(self.image.layers, self.data, strict=True):
            if layer not in layers:
                return f"“{layer.name}” was removed"
            if data is not layer.data:
                return f"“{layer.name}” has other pixels now"
        return ""

    def read(self) -> SegmentationInput:
        """Return the input of the segmentation."""
        data, reading = self.image.data(self.at), self.image.reading(self.at)
        return read_input(data, self.params, **reading)

    def iter_segment(self) -> Generator[Progress, None, Result]:
        """Yield the progress of the segmentation, and return its result."""
        data, reading = self.image.data(self.at), self.image.reading(self.at)
        if self.out is not None:
            return (yield from self._iter_stored(data, reading))
        seg = yield from iter_segment(data, self.params, **reading)
        words = words_of_classes(seg.labels, seg.n_classes)
        return seg, prepare_style(seg), self._plan(seg), words

    def _iter_stored(
        self, data: Any, reading: dict[str, Any]
    ) -> Generator[Progress, None, Result]:
        """Fit a coarse level if there is one, and write the labels of the finest.

        A run to the same place that was interrupted is gone on with.
        """
        model = None
        # Texture and place look different at other sizes.
        same = self.params.texture == 0 and self.params.position == 0
        if same and self.image.lead.multiscale and self.image.channel_axis is None:
            plain = self.params.replace(smoothing=0.0)
            fit = yield from iter_segment(self._level(), plain, **reading)
            model = fit.model
        seg = yield from iter_segment(
            data, self.params, model=model, out=self.out, resume=True, **reading
        )
        return seg, None, None, pluralize(seg.n_classes, "class", "es")

    def _plan(self, seg: Segmentation) -> PlannedEdit | None:
        """Return how the earlier result is updated, if it can take the labels."""
        layer, labels = self.replace, labels_in(self.image, seg.labels, self.at)
        if layer is None:
            same = self.over is not None and self.over.shape == labels.shape
            return plan_over(self.over, labels) if same else None
        if not layer.editable or not alike(layer, labels):
            return None
        return plan_edit(layer, Edit.whole(labels))


def words_of_classes(labels: NDArray[Any], n_classes: int) -> str:
    """Return how many classes there are, and how many of them have no pixel.

    Parameters
    ----------
    labels : (*S) ndarray of int
    n_classes : int
        Classes that were fitted.

    Examples
    --------
    >>> words_of_classes(np.array([[0, 1], [3, 3]]), 4)
    '4 classes, 2 of them empty'
    """
    flat, seen = labels.ravel(), np.zeros(n_classes + 1, bool)
    # NumPy counts in int64, for which all pixels of a volume at once are many.
    for start in range(0, flat.size, CHUNK):
        part = np.bincount(flat[start : start + CHUNK], minlength=n_classes + 1)
        seen |= part[: n_classes + 1] > 0
    empty = n_classes - np.count_nonzero(seen[1:])
    words = pluralize(n_classes, "class", "es")
    return f"{words}, {empty} of them empty" if empty else words


def requests_of(
    axes: AxesRows, params: Params, replace: Labels | None, over: Any
) -> list[SegmentRequest]:
    """Return what is asked for: one request, or one for each layer.

    Parameters
    ----------
    axes : AxesRows
        Which pictures, and which parts of them.
    params : Params
        How.
    replace, over
        As of `SegmentRequest`.

    Raises
    ------
    ValueError
        If there is no image, or the choices do not go together.
    """
    pictures = axes.pictures
    if not pictures:
        raise ValueError(f"there is no image layer to segment. {HINT}")
    if len(pictures) > 1:
        params, replace = params.replace(channels="together"), None
    return [
        SegmentRequest(
            picture,
            axes.part(picture),
            params,
            replace,
            tuple(layer.data for layer in picture.layers),
            over,
        )
        for picture in pictures
    ]
