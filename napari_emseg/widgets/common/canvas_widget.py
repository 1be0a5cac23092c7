"""The canvas of a viewer and its list of layers, which napari has no public way to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QListView

from napari_emseg.layers.metadata import MARK

if TYPE_CHECKING:
    from collections.abc import Container

    import napari.components


def find_canvas(viewer: napari.components.ViewerModel) -> QOpenGLWidget | None:
    """Return the widget that layers are drawn on; None without a window."""
    # Private, so it is looked for before it is used.
    window = getattr(getattr(viewer, "window", None), "_qt_window", None)
    # The middle has a hundredth of the parts of the whole, which takes milliseconds.
    middle = None if window is None else window.centralWidget()
    return None if middle is None else middle.findChild(QOpenGLWidget)


def prepare_removal(viewer: napari.components.ViewerModel) -> None:
    """Let what draws a layer be deleted where it was made.

    Napari deletes textures and buffers as soon as their layer is removed, in the OpenGL
    context that is current by chance: often that of the whole window, with which the
    canvas shares them. The next drawing reads them again then, and may crash.
    """
    canvas = find_canvas(viewer)
    if canvas is not None and canvas.isValid():
        canvas.makeCurrent()


def hide_helpers(viewer: napari.components.ViewerModel, kinds: Container[str]) -> None:
    """Hide layers that belong to tools from the list of layers, in which they confuse.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Without a window there is no list.
    kinds : container of str
        What their metadata say that they are.
    """
    window = getattr(getattr(viewer, "window", None), "_qt_window", None)
    for view in [] if window is None else window.findChildren(QListView):
        model = view.model()
        for row in range(model.rowCount() if model is not None else 0):
            layer = model.index(row, 0).data(Qt.ItemDataRole.UserRole)
            if isinstance(layer, Layer) and layer.metadata.get(MARK) in kinds:
                view.setRowHidden(row, True)
