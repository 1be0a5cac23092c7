"""The layers of the picture of a folder that is open: found, added, and taken away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.layers import is_result
from napari_emseg.layers.history import opened_from
from napari_emseg.layers.metadata import EDITED, KEY, entry_of, image_of
from napari_emseg.layers.selection import add_result, find_selection
from napari_emseg.widgets.common.docks import find_panel, open_panel
from napari_emseg.widgets.segment.panel import SegmentWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel


def open_already(viewer: ViewerModel, path: Path) -> Image | None:
    """Return the layer of a picture that is open, as from before the panel."""
    for layer in viewer.layers:
        source = layer.source.path
        if isinstance(layer, Image) and source and Path(source) == path:
            return layer
    return None


def segment_panel(viewer: ViewerModel) -> SegmentWidget:
    """Return the panel "Segment"; it is opened if it is not there."""
    panel = find_panel(viewer, SegmentWidget)
    if panel is None:
        panel = open_panel(viewer, SegmentWidget, "Segment")
    assert isinstance(panel, SegmentWidget)
    return panel


def result_on(viewer: ViewerModel, image: Image | None) -> Labels | None:
    """Return the uppermost result on a picture; None without one."""
    if image not in viewer.layers:
        return None
    for layer in reversed(viewer.layers):
        ours = is_result(layer) or (
            isinstance(layer, Labels) and EDITED in layer.metadata
        )
        if ours and image_of(viewer, layer) is image:
            return layer
    return None


def alike(layer: Labels | None, found: Any) -> bool:
    """Return whether a layer shows the labels of a file, as `read_layers` reads it."""
    if layer is None or found is None:
        return False
    return np.array_equal(np.asarray(layer.data), found[0])


def add_labels(
    viewer: ViewerModel, found: Any, image: Image, path: Path | None
) -> None:
    """Show labels that were saved on their picture.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    found : tuple
        Data, attributes and kind of their layer.
    image : napari.layers.Image
        The picture.
    path : Path or None
        Of the labels.
    """
    labels, attributes, _ = found
    # As when they were made; the file has the name of the picture, which is taken.
    attributes["name"] = f"{image.name} classes"
    for key in (KEY, EDITED):
        if key in attributes["metadata"]:
            entry = attributes["metadata"][key]
            # Napari may have given the layer another name than it had.
            named = entry | {"image": image.name}
            attributes["metadata"] = attributes["metadata"] | {key: named}
    with opened_from(path):
        layer = Labels(labels, **attributes)
    add_result(viewer, layer)


def clear_picture(
    viewer: ViewerModel, image: Image | None, *, keep: Image | None
) -> None:
    """Remove a picture, its results, and what is selected on it, unless it is kept."""
    if image is None or image is keep or image not in viewer.layers:
        return
    gone = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels)
        and entry_of(layer)
        and image_of(viewer, layer) is image
    ]
    marks = [find_selection(viewer, image)]
    for layer in (*filter(None, marks), *gone, image):
        if layer in viewer.layers:
            viewer.layers.remove(layer)
