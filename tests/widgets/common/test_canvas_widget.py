"""What a layer was drawn with is deleted where it was made."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QOpenGLContext
from qtpy.QtTest import QTest

from napari_emseg.widgets.common.canvas_widget import find_canvas, prepare_removal


@pytest.mark.parametrize("title", ["Segment", "Select and edit", "Model"])
def test_layers_go_in_the_context_of_the_canvas(viewer, title):
    """Napari alone deletes in another one, and then often crashes here."""
    viewer.window.add_plugin_dock_widget("napari-emseg", title)
    for _ in range(3):
        viewer.add_labels(np.eye(20, dtype=int))
    QTest.qWait(50)
    contexts = []

    def look(_):
        contexts.append(QOpenGLContext.currentContext())

    viewer.layers.events.removing.connect(look, position="last")
    for layer in list(viewer.layers):
        find_canvas(viewer).doneCurrent()
        viewer.layers.remove(layer)
        QTest.qWait(50)
    viewer.layers.events.removing.disconnect(look)
    assert contexts == [find_canvas(viewer).context()] * 3


def test_a_viewer_without_a_window():
    assert find_canvas(ViewerModel()) is None
    prepare_removal(ViewerModel())
