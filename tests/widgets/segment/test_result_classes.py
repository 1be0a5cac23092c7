"""The list of classes of the panel "Segment"."""

from __future__ import annotations

from qtpy.QtCore import Qt

import napari_emseg as emseg
from napari_emseg.layers.class_views import view_of
from napari_emseg.layers.classes import class_color, class_name
from napari_emseg.layers.undo.class_changes import locks_of
from napari_emseg.widgets.edit.class_list import LOCKED, NAME, PIXELS
from napari_emseg.widgets.segment.panel import SegmentWidget


def test_a_session(qtbot, viewer, stripes, hand):
    """Run, rename, lock, vivid colors, another run, own colors, undo, remove."""
    viewer.add_image(stripes, name="stripes")
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]
    assert isinstance(panel, SegmentWidget)
    classes, rows = panel.classes, panel.classes.list
    panel.controls.live.value = False
    panel.form.update(emseg.Params(n_classes="auto"))
    assert not classes.isVisible()

    def run():
        panel.run()
        qtbot.waitUntil(lambda: panel.runner.idle, timeout=60_000)
        return panel.current.layer

    layer = run()
    assert classes.isVisible()
    assert panel.form["n_classes"][0].value == 3  # what auto found
    qtbot.waitUntil(lambda: rows.rowCount() == 3)
    shares = [rows.item(row, PIXELS).text() for row in range(3)]
    assert shares == ["37.5 %", "31.2 %", "31.2 %"]
    own = class_color(layer, 2)

    classes.view.setCurrentIndex(classes.view.findData("vivid"))
    assert view_of(layer) == "vivid"
    assert abs(class_color(layer, 2) - own).max() > 0.2
    panel.controls.live.value = True
    panel.form.update(n_classes=2)
    qtbot.waitUntil(lambda: rows.rowCount() == 2 and not panel.running, timeout=60_000)
    assert panel.current.layer is layer  # which counts as unedited
    assert view_of(layer) == "vivid"
    assert rows.isEnabled()
    hand.undo()
    qtbot.waitUntil(lambda: rows.rowCount() == 3)
    panel.controls.live.value = False

    rows.item(1, NAME).setText("clay")
    assert class_name(layer, 2) == "clay"
    rows.item(1, LOCKED).setCheckState(Qt.CheckState.Checked)
    assert locks_of(layer) == {2}
    rows.selectRow(1)
    classes.solo.setChecked(True)
    assert layer.show_selected_label
    assert layer.selected_label == 2
    classes.solo.setChecked(False)
    for _ in range(2):
        hand.undo()
    qtbot.waitUntil(lambda: rows.item(1, NAME).text() == "class 2")
    assert not locks_of(layer)
    classes.view.setCurrentIndex(classes.view.findData("own"))
    assert abs(class_color(layer, 2) - own).max() < 1e-6
    viewer.layers.remove(layer)
    assert not classes.isVisible()
