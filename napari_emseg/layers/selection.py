"""The selection: a Labels layer, which napari's brush can edit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import cv2
import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_emseg.layers.classes import class_colormap
from napari_emseg.layers.geometry import placement, spatial_shape
from napari_emseg.layers.history import insert_layer, inserting_inactive
from napari_emseg.layers.metadata import MARK
from napari_emseg.select import from_bytes
from napari_emseg.select.label_masks import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray
    from napari_emseg.layers.geometry import Part

THICKEST = 16  # pixels


# napari is untyped here, so a class of it is Any to mypy.
class SelectionLayer(Labels):  # type: ignore[misc]
    """A Labels layer that finds its contour thirty times as fast as napari.

    That takes half a second in 12 megapixels, for each change. To napari, and in
    files, the layer is a Labels layer as any.
    """

    @property
    def _type_string(self) -> str:
        return "labels"

    def _calculate_contour(
        self, labels: NDArray[np.uint8], data_slice: tuple[slice, ...]
    ) -> NDArray[np.uint8] | None:
        if self.contour < 1 or labels.ndim != 2:
            return None
        around = tuple(
            slice(max(part.start - self.contour, 0), part.stop + self.contour)
            for part in data_slice
        )
        inside = tuple(
            slice(part.start - wide.start, part.stop - wide.start)
            for part, wide in zip(data_slice, around, strict=True)
        )
        # Around what is selected by half, or each degree of a soft edge had its line.
        wide_part = np.ascontiguousarray(labels[around])
        half = np.empty_like(wide_part)
        cv2.threshold(wide_part, FULL // 2, FULL, cv2.THRESH_BINARY, dst=half)
        return outline(half, self.contour)[inside]


def outline(labels: NDArray[np.uint8], width: int = 1) -> NDArray[np.uint8]:
    """Return only the labels of pixels close to another label, or to the image's sides.

    Parameters
    ----------
    labels : (Y, X) ndarray of uint8
    width : int, optional
        How close in pixels: along rows and columns for 1, as napari has it; for more,
        also diagonally.

    Returns
    -------
    (Y, X) ndarray of uint8
        0 for all other pixels.

    Examples
    --------
    >>> outline(np.full((3, 5), 255, np.uint8))[1].tolist()
    [255, 0, 0, 0, 255]
    """
    if labels.size == 0:  # of a layer that is not displayed
        return labels
    side = 2 * width + 1
    shape = cv2.MORPH_CROSS if width == 1 else cv2.MORPH_RECT
    kernel = cv2.getStructuringElement(shape, (side, side))
    labels = np.ascontiguousarray(labels)
    if not labels.any():  # as of each new selection
        return np.zeros_like(labels)
    # Outside nothing is selected.
    low = cv2.erode(labels, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    differs = cv2.compare(low, cv2.dilate(labels, kernel), cv2.CMP_NE)
    return np.asarray(cv2.bitwise_and(labels, differs))


def line_width(viewer: ViewerModel, layer: Labels) -> int:
    """Return the width in pixels of a contour that is visible at the present zoom.

    A power of two, so that it changes seldom.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> layer = viewer.add_labels(np.zeros((9, 9), int))
    >>> viewer.scene.camera.zoom = 0.3
    >>> line_width(viewer, layer)
    4
    """
    camera = getattr(viewer, "scene", viewer).camera
    size = float(np.abs(np.asarray(layer.scale)).max())
    width = 1
    while width * size * camera.zoom < 1 and width < THICKEST:
        width *= 2
    return width


NAME = "selection"
# What our entry in their metadata says of the selection and of saved ones.
CURRENT, SAVED = "current", "saved"
COLOR = (0.0, 0.9, 1.0)


def warm_up_selection() -> None:
    """Let napari compile what a first selection needs; any thread may call it.

    Only colors: layers must not be made in two threads at once.
    """
    few = DirectLabelColormap(color_dict={None: "magenta", 0: "transparent", 1: COLOR})
    # Napari keeps many colors in another type than few, and compiles for each.
    for colormap in (few, _colormap()):
        colormap.map(np.zeros((1, 1), np.uint8))


def find_selection(viewer: ViewerModel, like: Image | Labels) -> Labels | None:
    """Return the selection that lies on a layer, None if there is none."""
    for layer in viewer.layers:
        if _kind(layer) == CURRENT and fits(layer, like):
            return layer
    return None


def add_result(viewer: ViewerModel, layer: Labels) -> None:
    """Add a layer on top, but below the selection, which it would hide."""
    place = len(viewer.layers)
    while place > 0 and MARK in viewer.layers[place - 1].metadata:
        place -= 1
    insert_layer(viewer.layers, place, layer)


def add_first_class(viewer: ViewerModel, place: Part, mask: BoolArray) -> Labels:
    """Add labels of an image, of which a part is the first class.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer goes.
    place : Part
        Of the image.
    mask : ([Z,] Y, X) ndarray of bool
        What of that part is the class.

    Returns
    -------
    napari.layers.Labels
    """
    image, shape = place.layer, spatial_shape(place.layer)
    labels = np.zeros(shape, np.uint8)
    labels[place.where] = mask
    layer = Labels(
        labels,
        name=f"{image.name} classes",
        colormap=class_colormap(np.zeros((0, 3))),
        **placement(image, (None,) * len(shape)),
    )
    add_result(viewer, layer)
    return layer


def add_selection(
    viewer: ViewerModel,
    like: Image | Labels,
    *,
    name: str = NAME,
    kind: str = CURRENT,
    data: NDArray[np.uint8] | None = None,
) -> Labels:
    """Add a selection that lies on a layer; the active layer stays active.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer goes.
    like : napari.layers.Image or napari.layers.Labels
        Gives shape and place.
    name : str, optional
        Of the new layer.
    kind : {"current", "saved"}, optional
        Whether it is the selection, or one that is kept for later, which is hidden.
    data : ndarray of uint8, optional
        What is selected, in the shape of the layer; nothing by default.

    Returns
    -------
    napari.layers.Labels
        Of type uint8: label 255 is selected, 0 is not, and labels between are
        coverage in 255ths, as of feathered selections.
    """
    layer = new_selection(viewer, like, name=name, kind=kind, data=data)
    add_quietly(viewer, layer)
    return layer


def new_selection(
    viewer: ViewerModel,
    like: Image | Labels,
    *,
    name: str = NAME,
    kind: str = CURRENT,
    data: NDArray[np.uint8] | None = None,
) -> Labels:
    """Return what `add_selection` adds, which is not in the viewer yet."""
    shape = spatial_shape(like)
    layer = SelectionLayer(
        np.zeros(shape, np.uint8) if data is None else data,
        name=name,
        colormap=_colormap(),
        metadata={MARK: kind},
        opacity=1.0,
        # Hiding it later would have it drawn before.
        visible=kind != SAVED,
        **placement(like, (None,) * len(shape)),
    )
    layer.selected_label = FULL
    if kind in (CURRENT, SAVED):  # strokes, also of this shape, are drawn whole
        # As `style_selection` has it, which would draw all again otherwise.
        layer.contour = line_width(viewer, layer)
    return layer


def add_quietly(
    viewer: ViewerModel, layer: Image | Labels, place: int | None = None
) -> None:
    """Add a layer at a place, or on top; the active and the selected ones stay so."""
    layers = viewer.layers
    chosen, active = set(layers.selection), layers.selection.active
    with inserting_inactive(layers):
        insert_layer(layers, len(layers) if place is None else place, layer)
    if layers.selection.active is not active or set(layers.selection) != chosen:
        layers.selection.clear()
        layers.selection.update(chosen)
        layers.selection.active = active


class NewSelections:
    """Finds selections, and makes those that become layers when something is selected.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where they are.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._new: WeakSet[Labels] = WeakSet()

    def find(self, like: Image | Labels) -> Labels | None:
        """Return the selection that lies on a layer; None if nobody asked for one."""
        new = (one for one in self._new if fits(one, like))
        return find_selection(self._viewer, like) or next(new, None)

    def of(self, like: Image | Labels) -> Labels:
        """Return the selection that lies on a layer; an empty one if there is none."""
        found = self.find(like)
        if found is None:
            found = new_selection(self._viewer, like)
            self._new.add(found)
        return found

    def known(self, layer: Labels) -> bool:
        """Return whether a layer is in the viewer, or comes with what is selected."""
        return layer in self._viewer.layers or layer in self._new

    @contextmanager
    def added(self, layers: Iterable[Labels]) -> Iterator[Labels | None]:
        """Add a new selection among layers for what is written into it inside.

        It gives that selection, which is removed again if it stays empty.
        """
        found = next((layer for layer in layers if layer in self._new), None)
        if found is not None:
            add_quietly(self._viewer, found)
        try:
            yield found
        finally:
            if found is not None:
                self._new.discard(found)
                if found in self._viewer.layers and not found.data.any():
                    self._viewer.layers.remove(found)


def saved_selections(viewer: ViewerModel, like: Image | Labels) -> list[Labels]:
    """Return the selections kept for later that lie on a layer."""
    return [
        layer for layer in viewer.layers if _kind(layer) == SAVED and fits(layer, like)
    ]


def is_selection(layer: object) -> bool:
    """Return whether a layer is a selection, and not labels of classes."""
    return _kind(layer) is not None


def fits(layer: Labels, like: Image | Labels) -> bool:
    """Return whether a layer has the shape and place of another, pixel by pixel."""
    shape = spatial_shape(like)
    if layer.data.shape != shape:
        return False
    corners = np.vstack([np.zeros(len(shape)), np.diag(np.array(shape, float))])
    return all(
        np.allclose(layer.data_to_world(corner), like.data_to_world(corner))
        for corner in corners
    )


def coverage(part: Part) -> NDArray[Any]:
    """Return the mask or coverage in a part of a selection layer.

    Returns
    -------
    ([Z,] Y, X) ndarray of bool, or of float32 if some of it is soft
        An own copy.
    """
    return from_bytes(np.asarray(part.data()))


def selects(part: Part, least: int = 1) -> bool:
    """Return whether a part of a selection layer selects a pixel, by so many 255ths.

    Examples
    --------
    >>> from napari_emseg.layers.geometry import Part
    >>> layer = Labels(np.full((3, 4, 5), 127, np.uint8))
    >>> volume = Part(layer, (None, None, None))
    >>> selects(volume), selects(volume, 128)
    (True, False)
    """
    data = part.data()
    # Plane by plane, of which the first that has something will do.
    planes = (data[index] for index in np.ndindex(data.shape[:-2]))
    return any(plane.max(initial=0) >= least for plane in planes)


def style_selection(
    layer: Labels, *, faint: bool, tinted: bool = False, width: int = 1
) -> None:
    """Draw a selection as an outline; as a tint if it has none.

    Parameters
    ----------
    layer : napari.layers.Labels
        A selection.
    faint, tinted : bool
        Whether something is selected but nothing by half, and whether a tint is asked
        for.
    width : int, optional
        Of the outline in pixels.
    """
    tint = tinted or faint
    opacity, contour = (0.5, 0) if tint else (1.0, width)
    if layer.contour != contour:
        layer.contour = contour
    if layer.opacity != opacity:
        layer.opacity = opacity


def _kind(layer: object) -> str | None:
    return layer.metadata.get(MARK) if isinstance(layer, Labels) else None


def _colormap() -> DirectLabelColormap:
    colors: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    for label in range(1, FULL + 1):
        colors[label] = np.array([*COLOR, label / FULL], np.float32)
    return DirectLabelColormap(color_dict=colors)
