"""The current result: a layer that is written again and again while nobody edits it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_emseg.layers.classes import recolored
from napari_emseg.layers.geometry import placement
from napari_emseg.layers.history import undo_steps
from napari_emseg.layers.layer_features import columns_of, named
from napari_emseg.layers.results import add_result, add_to, alike

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.layers.results import LayerStyle
    from napari_emseg.pipeline.segmentation import Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """What a layer was before a preview was drawn into it; None: it was not there."""

    labels: NDArray[Any] | None
    colormap: Any
    editable: bool
    mode: str


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What a run wrote into the layer: a checksum of its labels, and its colors."""

    mark: int
    colormap: Any


class CurrentResult:
    """The latest result of one panel, which previews and runs are drawn into.

    While it has edits, a stroke of a brush or a name or color of a class, it is left
    alone, and the next result is another layer. While it shows a preview it cannot be
    edited.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer is.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> from napari_emseg.layers import class_colormap
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.zeros((2, 3), np.uint8), name="night")
    >>> current = CurrentResult(viewer)
    >>> colors = class_colormap(np.ones((1, 3)))
    >>> layer = current.draw(image, None, np.ones((2, 3), np.uint8), colors)
    >>> layer.name, layer.editable, current.cancel(), len(viewer.layers)
    ('night classes', False, None, 1)
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None
        self._of: tuple[Image, SliceIndex | None] | None = None
        self._before: _Before | None = None
        self._written: _Written | None = None
        self._touched = False
        self._busy = False

    @property
    def layer(self) -> Labels | None:
        """The layer; None if there is none."""
        if self._layer is not None and self._layer not in self._viewer.layers:
            self.release()
        return self._layer

    @property
    def lost(self) -> bool:
        """Whether the layer, or the image under a preview, was removed."""
        layers = self._viewer.layers
        if self._layer is None or self._of is None:
            return False
        bare = self._before is not None and self._of[0] not in layers
        return bare or self._layer not in layers

    @property
    def previewing(self) -> bool:
        """Whether the layer shows a preview."""
        return self.layer is not None and self._before is not None

    @property
    def edited(self) -> bool:
        """Whether the layer has edits that were not undone."""
        layer, written = self.layer, self._written
        if layer is None or written is None or self._before is not None:
            return False
        if self._touched and not undo_steps(layer):
            # All was undone, unless the history was too short for that.
            self._touched = _checksum(layer) != written.mark
        shown = recolored(layer, written.colormap)
        return self._touched or shown or bool(named(columns_of(layer)))

    def draw(
        self,
        image: Image,
        at: SliceIndex | None,
        labels: NDArray[np.uint8],
        colormap: DirectLabelColormap,
    ) -> Labels:
        """Show a preview, in the layer that is there if it can be.

        Parameters
        ----------
        image : napari.layers.Image
            What was segmented.
        at : tuple of int or None
            Which part of it; None is all.
        labels : (*S) ndarray of uint8
            Of that part.
        colormap : napari.utils.colormaps.DirectLabelColormap
            Colors of the classes.

        Returns
        -------
        napari.layers.Labels
        """
        whole = at or (None,) * labels.ndim
        across = [axis for axis, index in enumerate(whole) if index is not None]
        labels = np.expand_dims(labels, across)
        layer = self.fitting(image, at)
        if layer is None or not alike(layer, labels):
            self.settle()
            place = placement(image, whole)
            layer = Labels(
                labels, name=f"{image.name} classes", colormap=colormap, **place
            )
            self._before = _Before(None, None, layer.editable, str(layer.mode))
            add_result(self._viewer, layer)
            self.follow(layer, image, at)
            layer.editable = False
            return layer
        if self._before is None:
            self._before = _Before(
                layer.data.copy(), layer.colormap, layer.editable, str(layer.mode)
            )
            layer.editable = False
        np.copyto(layer.data, labels)
        # This draws the layer anew, labels included.
        layer.colormap = colormap
        return layer

    def keep(
        self, seg: Segmentation, image: Image, at: SliceIndex | None, look: LayerStyle
    ) -> Labels:
        """Put the result of a run into the layer, or into a new one.

        Raises
        ------
        ValueError
            If the labels do not fit the image any more.
        """
        layer = self.fitting(image, at)
        self._unlock()
        self._busy = True
        try:
            layer = add_to(
                self._viewer, seg, image, replace=layer, at=at, look=look, undo=False
            )
        finally:
            self._busy = False
        self.follow(layer, image, at)
        self._written, self._touched = _Written(_checksum(layer), layer.colormap), False
        return layer

    def cancel(self) -> None:
        """Remove the preview; the layer is as it was before."""
        layer, before = self.layer, self._before
        if layer is None or before is None:
            return
        self._unlock()
        if before.labels is None:
            self.release()
            self._viewer.layers.remove(layer)
            return
        np.copyto(layer.data, before.labels)
        layer.colormap = before.colormap

    def fitting(self, image: Image, at: SliceIndex | None) -> Labels | None:
        """Return the layer if it is of this part of this image, and has no edits."""
        return None if self.edited else self._at(image, at)

    def edits(self, image: Image, at: SliceIndex | None) -> Labels | None:
        """Return the layer if it is of this part of this image, and has edits."""
        return self._at(image, at) if self.edited else None

    def follow(self, layer: Labels, image: Image, at: SliceIndex | None) -> None:
        """Take a layer as the current result."""
        if layer is not self._layer:
            self.release()
            self._layer = layer
            layer.events.paint.connect(self._on_edit)
            layer.events.data.connect(self._on_edit)
        self._of = image, at

    def settle(self) -> None:
        """Remove a preview, and leave the layer to the user."""
        self.cancel()
        self.release()

    def release(self) -> None:
        """Leave the layer to the user."""
        layer, self._layer, self._of = self._layer, None, None
        if layer is not None:
            layer.events.paint.disconnect(self._on_edit)
            layer.events.data.disconnect(self._on_edit)
            self._before = None
        self._written, self._touched = None, False

    def _at(self, image: Image, at: SliceIndex | None) -> Labels | None:
        layer = self.layer
        if layer is None or self._of is None:
            return None
        return layer if self._of[0] is image and self._of[1] == at else None

    def _unlock(self) -> None:
        layer, before = self.layer, self._before
        if layer is not None and before is not None:
            layer.editable, layer.mode = before.editable, before.mode
        self._before = None

    def _on_edit(self, event: object) -> None:
        if not self._busy:
            self._touched = True


def _checksum(layer: Labels) -> int:
    return zlib.crc32(np.ascontiguousarray(layer.data).data)
