"""What a layer was drawn with is deleted where it was made."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QOpenGLContext
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QListView

from napari_emseg.widgets.common.canvas_widget import find_canvas, prepare_removal


@pytest.mark.whole_window
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


def test_layers_of_tools_are_not_in_the_list(viewer, qtbot):
    """Nor when others come, go and move; selections are, as one may paint on them."""
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]
    image = viewer.add_image(np.zeros((20, 30)))
    find_list = viewer.window._qt_window.findChildren

    def listed():
        [view] = [v for v in find_list(QListView) if type(v).__name__ == "QtLayerList"]
        rows = range(view.model().rowCount())
        shown = [row for row in rows if not view.isRowHidden(row)]
        return [view.model().index(row, 0).data() for row in shown]

    plane = panel.session.plane()
    panel.session.preview.path(plane, [(2, 2), (9, 9)])
    panel.commands.press("All")
    qtbot.waitUntil(lambda: panel.background.idle)
    viewer.add_labels(np.ones((20, 30), int), name="above")
    names = {layer.name for layer in viewer.layers}
    assert names == {image.name, "preview", "selection", "above"}
    assert {*listed()} == names - {"preview"}
    viewer.layers.move(0, len(viewer.layers))
    assert {*listed()} == names - {"preview"}
    panel.session.preview.hide()
    assert len(listed()) == len(viewer.layers) == 3
