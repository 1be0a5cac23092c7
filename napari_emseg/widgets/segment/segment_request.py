"""What the panel "Segment" asks for, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_emseg.layers import alike, plan_edit, prepare_style
from napari_emseg.layers.edits import plan_over
from napari_emseg.layers.pictures.picture_layers import labels_in
from napari_emseg.pipeline.segment import iter_segment, read_input
from napari_emseg.regions import Edit

if TYPE_CHECKING:
    from collections.abc import Container, Generator

    from napari.layers import Labels, Layer

    from napari_emseg.layers import LayerStyle, PictureLayers, SliceIndex
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.params import Params
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput

    # The segmentation, how it looks, and how it is written.
    Result: TypeAlias = tuple[Segmentation, LayerStyle, PlannedEdit | None]


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
    """

    image: PictureLayers
    at: SliceIndex | None
    params: Params
    replace: Labels | None
    data: tuple[Any, ...]
    over: Any = None

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
        seg = yield from iter_segment(data, self.params, **reading)
        return seg, prepare_style(seg), self._plan(seg)

    def _plan(self, seg: Segmentation) -> PlannedEdit | None:
        """Return how the earlier result is updated, if it can take the labels."""
        layer, labels = self.replace, labels_in(self.image, seg.labels, self.at)
        if layer is None:
            same = self.over is not None and self.over.shape == labels.shape
            return plan_over(self.over, labels) if same else None
        if not layer.editable or not alike(layer, labels):
            return None
        return plan_edit(layer, Edit.whole(labels))
