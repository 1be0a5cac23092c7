"""The live result: a layer that every run overwrites until it is edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_emseg.layers.classes import checksum_of, recolored
from napari_emseg.layers.history import (
    HISTORY_BYTES,
    StepMark,
    drawing,
    latest_step,
    lock,
    step_keys,
    undo_steps,
)
from napari_emseg.layers.layer_features import columns_of, named
from napari_emseg.layers.pictures.picture_layers import (
    PictureLayers,
    labels_in,
    picture_of,
)
from napari_emseg.layers.results import add_to, alike
from napari_emseg.layers.selection import add_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.layers.classes import LayerStyle
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.pipeline.segmentation import Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """State of a layer before a preview; no labels if there was no layer."""

    labels: NDArray[Any] | None
    colormap: Any
    editable: bool
    mode: str


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """Checksum and type of the labels that a run wrote, and their colors."""

    checksum: int
    dtype: np.dtype[Any]
    colormap: Any

    def there(self, labels: NDArray[Any]) -> bool:
        """Return whether labels are those that were written, in whichever type."""
        found = labels.astype(self.dtype, copy=False)
        # An edit that was undone may have widened the layer.
        return checksum_of(found) == self.checksum and np.array_equal(found, labels)


@dataclass(frozen=True, slots=True, eq=False)
class LiveState:
    """Which layer is overwritten, and what tells whether it has edits.

    Attributes
    ----------
    layer : napari.layers.Labels or None
    of : tuple or None
        The picture, and the part of it.
    written : object or None
        The labels and colors that a run wrote; None if there was none yet.
    top : StepMark or None
        The latest step of the layer then.
    """

    layer: Labels | None
    of: tuple[PictureLayers, SliceIndex | None] | None
    written: _Written | None
    top: StepMark | None


class LiveResult:
    """The layer of the latest result of a panel, which previews and runs overwrite.

    While it has edits (strokes, or names or colors of classes), it is not overwritten,
    and the next result is another layer. While it shows a preview it cannot be edited.

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
    >>> current = LiveResult(viewer)
    >>> colors = class_colormap(np.ones((1, 3)))
    >>> layer = current.draw(image, None, np.ones((2, 3), np.uint8), colors)
    >>> layer.name, layer.editable, current.cancel(), len(viewer.layers)
    ('night classes', False, None, 1)
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None
        self._of: tuple[PictureLayers, SliceIndex | None] | None = None
        self._before: _Before | None = None
        self._written: _Written | None = None
        self._top: StepMark | None = None
        self._touched = False
        self._writing = False

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
        bare = self._before is not None and not all(
            layer in layers for layer in self._of[0].layers
        )
        return bare or self._layer not in layers

    @property
    def previewing(self) -> bool:
        """Whether the layer shows a preview."""
        return self.layer is not None and self._before is not None

    @property
    def edited(self) -> bool:
        """Whether the layer has edits that were not undone, or a stroke under way."""
        layer, written = self.layer, self._written
        if layer is None or written is None or self._before is not None:
            return False
        if drawing(layer):
            return True
        if self._touched and self._at_top(layer):
            # All was undone, unless the history was too short for that.
            self._touched = not written.there(layer.data)
        shown = recolored(layer, written.colormap)
        return self._touched or shown or bool(named(columns_of(layer)))

    def draw(
        self,
        image: Image | PictureLayers,
        at: SliceIndex | None,
        labels: NDArray[np.uint8],
        colormap: DirectLabelColormap,
    ) -> Labels:
        """Show a preview, in the layer that is there if it can be.

        Parameters
        ----------
        image : napari.layers.Image or PictureLayers
            What was segmented.
        at : tuple of int or None
            Which part of it; None is all.
        labels : (*S) ndarray of uint8
            Of that part, or of a coarser level of it.
        colormap : napari.utils.colormaps.DirectLabelColormap
            Colors of the classes.

        Returns
        -------
        napari.layers.Labels
        """
        picture = picture_of(image)
        full = picture.labels_shape(at)
        coarse = labels.size != np.prod(full)
        if not coarse:
            labels = labels_in(picture, labels, at)
        layer = self.fitting(image, at)
        if layer is None or not alike(layer, labels):
            self.settle()
            name, place = f"{picture.name} classes", picture.place(at)
            if coarse:
                # Levels begin at the same pixel, as napari shows them.
                place["scale"] = np.multiply(place["scale"], full) / labels.shape
            layer = Labels(labels, name=name, colormap=colormap, **place)
            self._before = _Before(None, None, layer.editable, str(layer.mode))
            add_result(self._viewer, layer)
            self.follow(layer, image, at)
            lock(layer)
            return layer
        if self._before is None:
            self._before = _Before(
                layer.data.copy(), layer.colormap, layer.editable, str(layer.mode)
            )
            lock(layer)
        np.copyto(layer.data, labels)
        # This draws the layer anew, labels included.
        layer.colormap = colormap
        return layer

    def keep(
        self,
        seg: Segmentation,
        image: Image | PictureLayers,
        at: SliceIndex | None,
        look: LayerStyle,
        *,
        replace: Labels | None = None,
        plan: PlannedEdit | None = None,
        max_bytes: int = HISTORY_BYTES,
    ) -> Labels:
        """Put the result of a run into an earlier result, the layer, or a new one.

        Parameters
        ----------
        seg, image, at, look
            As for `add_to`.
        replace, plan, max_bytes
            An earlier result, which is updated as by `add_to` if it is in the viewer,
            can take the labels, and no stroke is being drawn on it. Otherwise they go
            into the layer, as one step of its undo history, or into a new layer if
            that has edits.

        Raises
        ------
        ValueError
            If the labels do not fit the image any more.
        """
        viewer, labels = self._viewer, labels_in(picture_of(image), seg.labels, at)
        there = replace is not None and replace in viewer.layers
        if there and alike(replace, labels) and not drawing(replace):
            return add_to(
                viewer,
                seg,
                image,
                replace=replace,
                at=at,
                look=look,
                plan=plan,
                max_bytes=max_bytes,
            )
        layer = self.fitting(image, at)
        # A layer that only previews were in has nothing to go back to.
        undo = layer is not None and self._written is not None
        self._writing = True
        try:
            if undo:
                self._restore_quietly()
            self._unlock()
            layer = add_to(
                viewer,
                seg,
                image,
                replace=layer,
                at=at,
                look=look,
                undo=undo,
                plan=plan,
                max_bytes=max_bytes,
            )
        finally:
            self._writing = False
        self.follow(layer, image, at)
        self._top = latest_step(layer)
        kind = seg.labels.dtype
        self._written = _Written(look.checksum, kind, layer.colormap)
        self._touched = False
        return layer

    @property
    def state(self) -> LiveState:
        """Which layer is overwritten; `restore` brings it back."""
        return LiveState(self._layer, self._of, self._written, self._top)

    @property
    def settled(self) -> NDArray[Any] | None:
        """The labels of the layer without the preview; None if there are none."""
        layer, before = self.layer, self._before
        if layer is None or self._written is None:
            return None
        return layer.data if before is None else before.labels

    def restore(self, state: LiveState) -> None:
        """Overwrite again what was overwritten then."""
        self.settle()
        if state.layer is not None and state.of is not None:
            self.follow(state.layer, *state.of)
            self._written, self._top = state.written, state.top

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

    def fitting(
        self, image: Image | PictureLayers, at: SliceIndex | None
    ) -> Labels | None:
        """Return the layer if it is of this part of this image, and may be overwritten.

        With edits, or locked by the user (``layer.editable``), it may not.
        """
        layer = None if self.edited else self._at(image, at)
        locked = layer is not None and not (layer.editable or self.previewing)
        return None if locked else layer

    def edits(
        self, image: Image | PictureLayers, at: SliceIndex | None
    ) -> Labels | None:
        """Return the layer if it is of this part of this image, and has edits."""
        return self._at(image, at) if self.edited else None

    def follow(
        self, layer: Labels, image: Image | PictureLayers, at: SliceIndex | None
    ) -> None:
        """Overwrite this layer from now on."""
        if layer is not self._layer:
            self.release()
            self._layer = layer
            layer.events.paint.connect(self._on_edit)
            layer.events.data.connect(self._on_edit)
        self._of = picture_of(image), at

    def settle(self) -> None:
        """Remove a preview, and leave the layer to the user."""
        self.cancel()
        self.release()

    def release(self) -> None:
        """Stop overwriting the layer."""
        layer, self._layer, self._of = self._layer, None, None
        if layer is not None:
            layer.events.paint.disconnect(self._on_edit)
            layer.events.data.disconnect(self._on_edit)
            self._before = None
        self._written, self._top, self._touched = None, None, False

    def _at(self, image: Image | PictureLayers, at: SliceIndex | None) -> Labels | None:
        layer = self.layer
        if layer is None or self._of is None:
            return None
        return layer if self._of == (picture_of(image), at) else None

    def _at_top(self, layer: Labels) -> bool:
        """Return whether no step came after those that were there after the run."""
        steps = undo_steps(layer)
        if not steps:
            return True
        return self._top is not None and self._top.key in step_keys([steps[-1]])

    def _restore_quietly(self) -> None:
        """Put back what the preview hides; what is written next draws it."""
        layer, before = self.layer, self._before
        if layer is None or before is None or before.labels is None:
            return
        np.copyto(layer.data, before.labels)
        with layer.events.blocker_all():
            layer.colormap = before.colormap

    def _unlock(self) -> None:
        layer, before = self.layer, self._before
        if layer is not None and before is not None:
            layer.editable, layer.mode = before.editable, before.mode
        self._before = None

    def _on_edit(self, event: object) -> None:
        if not self._writing:
            self._touched = True
