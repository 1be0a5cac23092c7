"""The canvas of a viewer, which napari has no public way to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtOpenGLWidgets import QOpenGLWidget

if TYPE_CHECKING:
    import napari.components


def find_canvas(viewer: napari.components.ViewerModel) -> QOpenGLWidget | None:
    """Return the widget that layers are drawn on; None without a window."""
    # Private, so it is looked for before it is used.
    window = getattr(getattr(viewer, "window", None), "_qt_window", None)
    return None if window is None else window.findChild(QOpenGLWidget)


def prepare_removal(viewer: napari.components.ViewerModel) -> None:
    """Let what draws a layer be deleted where it was made.

    Napari deletes textures and buffers as soon as their layer is removed, in the OpenGL
    context that is current by chance: often that of the whole window, with which the
    canvas shares them. The next drawing reads them again then, and may crash.
    """
    canvas = find_canvas(viewer)
    if canvas is not None and canvas.isValid():
        canvas.makeCurrent()
