"""The selection as a layer of its own, which napari's brush edits too."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_emseg.layers.outline import SelectionLayer, line_width
from napari_emseg.layers.results import MARK, placement, spatial_shape
from napari_emseg.select import from_bytes
from napari_emseg.select.labels import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.components import LayerList, ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_emseg.layers.plane import Plane

NAME = "selection"
# What our entry in their metadata says of the selection and of saved ones.
CURRENT, SAVED = "current", "saved"
COLOR = (0.0, 0.9, 1.0)
# Napari's switch for whether a layer that is added becomes active.
_ACTIVATE = "_activate_on_insert"


def warm_up_selection() -> None:
    """Let napari compile what a first selection needs; any thread may do it.

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


def add_selection(
    viewer: ViewerModel, like: Image | Labels, *, name: str = NAME, kind: str = CURRENT
) -> Labels:
    """Add an empty selection that lies on a layer; the active layer stays active.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer goes.
    like : napari.layers.Image or napari.layers.Labels
        Gives shape and place.
    name : str, optional
        Of the new layer.
    kind : {"current", "saved"}, optional
        Whether it is the selection, or one that is kept for later.

    Returns
    -------
    napari.layers.Labels
        Of type uint8: label 255 is selected, 0 is not, and labels between are
        coverage in 255ths, as of feathered selections.
    """
    shape = spatial_shape(like)
    layer = SelectionLayer(
        np.zeros(shape, np.uint8),
        name=name,
        colormap=_colormap(),
        metadata={MARK: kind},
        opacity=1.0,
        **placement(like, (None,) * len(shape)),
    )
    layer.selected_label = FULL
    # As `dress` has it, which would draw all again otherwise.
    layer.contour = line_width(viewer, layer)
    add_quietly(viewer, layer)
    return layer


def add_quietly(viewer: ViewerModel, layer: Image | Labels) -> None:
    """Add a layer on top; what is active and selected stays so."""
    layers = viewer.layers
    chosen, active = set(layers.selection), layers.selection.active
    with _left_selected(layers):
        viewer.add_layer(layer)
    if layers.selection.active is not active or set(layers.selection) != chosen:
        layers.selection.clear()
        layers.selection.update(chosen)
        layers.selection.active = active


def saved_selections(viewer: ViewerModel, like: Image | Labels) -> list[Labels]:
    """Return the selections kept for later that lie on a layer."""
    return [
        layer for layer in viewer.layers if _kind(layer) == SAVED and fits(layer, like)
    ]


def is_selection(layer: object) -> bool:
    """Tell whether a layer is a selection, and not labels of classes."""
    return _kind(layer) is not None


def fits(layer: Labels, like: Image | Labels) -> bool:
    """Tell whether a layer has the shape and place of another, pixel by pixel."""
    shape = spatial_shape(like)
    if layer.data.shape != shape:
        return False
    corners = np.vstack([np.zeros(len(shape)), np.diag(np.array(shape, float))])
    return all(
        np.allclose(layer.data_to_world(corner), like.data_to_world(corner))
        for corner in corners
    )


def coverage(plane: Plane) -> NDArray[Any]:
    """Read the plane of a selection layer.

    Returns
    -------
    (Y, X) ndarray of bool, or of float32 if some of it is soft
        An own copy.
    """
    return from_bytes(np.asarray(plane.data()))


def dress(layer: Labels, *, soft: bool, tinted: bool = False, width: int = 1) -> None:
    """Draw a selection as an outline; as a tint if it is soft.

    Parameters
    ----------
    layer : napari.layers.Labels
        A selection.
    soft, tinted : bool
        Whether it has coverage between 0 and 1, and whether a tint is asked for.
    width : int, optional
        Of the outline in pixels.
    """
    tint = tinted or soft
    opacity, contour = (0.5, 0) if tint else (1.0, width)
    if layer.contour != contour:
        layer.contour = contour
    if layer.opacity != opacity:
        layer.opacity = opacity


@contextmanager
def _left_selected(layers: LayerList) -> Iterator[None]:
    """Add layers without making them active, which builds their controls.

    That takes a third of the time, and is seen. The switch is private, so it is looked
    for before it is used.
    """
    known = hasattr(layers, _ACTIVATE)
    if known:
        setattr(layers, _ACTIVATE, False)
    try:
        yield
    finally:
        if known:
            setattr(layers, _ACTIVATE, True)


def _kind(layer: object) -> str | None:
    return layer.metadata.get(MARK) if isinstance(layer, Labels) else None


def _colormap() -> DirectLabelColormap:
    colors: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    for label in range(1, FULL + 1):
        colors[label] = np.array([*COLOR, label / FULL], np.float32)
    return DirectLabelColormap(color_dict=colors)
