"""What the panel "Segment" asks for, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_emseg.layers import alike, image_data, plan_edit, prepare_style
from napari_emseg.layers.geometry import expand_slice
from napari_emseg.pipeline.segment import iter_segment, read_input
from napari_emseg.regions import Edit

if TYPE_CHECKING:
    from collections.abc import Container, Generator

    from napari.layers import Image, Labels, Layer

    from napari_emseg.layers import LayerStyle, SliceIndex
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.params import Params
    from napari_emseg.pipeline.progress import Progress
    from napari_emseg.pipeline.segmentation import Segmentation
    from napari_emseg.pipeline.source import SegmentationInput

    # The segmentation, how it looks, and how it is written.
    Result: TypeAlias = tuple[Segmentation, LayerStyle, PlannedEdit | None]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest:
    """An image layer that is to be segmented, or previewed.

    Attributes
    ----------
    image : napari.layers.Image
        The layer.
    at : tuple of int or None
        Which part of it; None is all.
    params : Params
        The parameters.
    replace : napari.layers.Labels or None
        An earlier result that is to be updated; None for a new layer.
    data : array-like
        Those of the image when this was made.
    """

    image: Image
    at: SliceIndex | None
    params: Params
    replace: Labels | None
    data: Any

    def reason_to_stop(self, layers: Container[Layer]) -> str:
        """Return what became of the image; empty if it is there, as it was.

        Parameters
        ----------
        layers : container of napari.layers.Layer
            Those of the viewer.
        """
        if self.image not in layers:
            return f"“{self.image.name}” was removed"
        if self.data is not self.image.data:
            return f"“{self.image.name}” has other pixels now"
        return ""

    def read(self) -> SegmentationInput:
        """Return the input of the segmentation."""
        data = image_data(self.image, self.at)
        return read_input(data, self.params, rgb=self.image.rgb)

    def iter_segment(self) -> Generator[Progress, None, Result]:
        """Yield the progress of the segmentation, and return its result."""
        data = image_data(self.image, self.at)
        seg = yield from iter_segment(data, self.params, rgb=self.image.rgb)
        return seg, prepare_style(seg), self._plan(seg)

    def _plan(self, seg: Segmentation) -> PlannedEdit | None:
        """Return how the earlier result is updated, if it can take the labels."""
        layer, labels = self.replace, expand_slice(seg.labels, self.at)
        if layer is None or not layer.editable or not alike(layer, labels):
            return None
        return plan_edit(layer, Edit.whole(labels))
