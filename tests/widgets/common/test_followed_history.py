"""One history for all panels: each thing that is done is one step of Ctrl+Z."""

from __future__ import annotations

import numpy as np
import pytest
from history_walk import HistoryWalk
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_emseg.layers.classes import class_color, class_name
from napari_emseg.widgets.edit import class_list

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def walk(viewer):
    return HistoryWalk(viewer, 1)


def said(walk):
    return [action.text for action in walk.history.done]


def test_a_random_walk_and_back(walk):
    walk.walk(14)
    assert len(walk.history.done) > 3
    assert walk.check() == []


def test_the_last_thing_that_happened_goes_first(walk, monkeypatch):
    walk.segment.form.rows["n_classes"].value = 3
    walk.segment.run()
    walk.settle()
    layer = walk.edit.session.labels
    walk.edit.classes.dropped.emit([1, 2])
    walk.settle()
    merged, color = layer.data.copy(), class_color(layer, 1)
    QTest.qWait(20)
    row = next(
        row
        for row in range(walk.edit.classes.rowCount())
        if walk.edit.classes.item(row, class_list.NAME).text() == "class 1"
    )
    walk.edit.classes.item(row, class_list.NAME).setText("saucer")
    monkeypatch.setattr(class_list.QColorDialog, "getColor", lambda *_: QColor("green"))
    walk.edit.classes.setCurrentCell(row, class_list.NAME)
    walk.edit.classes.recolor()
    walk.edit.classes.item(row, class_list.LOCKED).setCheckState(Qt.CheckState.Checked)
    assert said(walk)[1:] == [
        "merged class 2 into class 1",
        "renamed class 1 to saucer",
        "recolored saucer",
        "locked saucer",
    ]
    assert "Locked saucer" in walk.edit.history_button.toolTip()
    assert walk.viewer.status == "Locked saucer."
    walk.press("Z", CTRL)
    assert walk.edit.session.locked == set()
    assert class_color(layer, 1)[1] == pytest.approx(0.5, abs=0.01)
    walk.press("Z", CTRL)
    np.testing.assert_allclose(class_color(layer, 1), color)
    assert class_name(layer, 1) == "saucer"
    walk.press("Z", CTRL)
    assert class_name(layer, 1) == "class 1"
    np.testing.assert_array_equal(layer.data, merged)
    walk.press("Z", CTRL)
    assert (layer.data == 2).any()
    walk.press("Z", CTRL)
    assert layer not in walk.viewer.layers


def test_rests_of_live_are_steps_and_the_form_follows(walk):
    panel = walk.segment
    panel.controls.live.value = True
    labels = []
    for count in (3, 2, 4):
        panel.form.rows["n_classes"].value = count
        QTest.qWait(1)
        walk.settle()
        labels.append(walk.edit.session.labels.data.copy())
    (layer,) = {walk.edit.session.labels}
    colors = layer.colormap
    for count, old in ((2, labels[1]), (3, labels[0])):
        walk.press("Z", CTRL)
        assert panel.form.params.n_classes == count
        np.testing.assert_array_equal(layer.data, old)
    for _ in range(2):
        walk.press("Z", CTRL | SHIFT)
    assert panel.form.params.n_classes == 4
    np.testing.assert_array_equal(layer.data, labels[2])
    assert layer.colormap is colors
    # What came of undo and redo has no edits, so Live goes on in it.
    panel.form.rows["n_classes"].value = 2
    QTest.qWait(1)
    walk.settle()
    assert walk.edit.session.labels is layer
    np.testing.assert_array_equal(layer.data, labels[1])


def test_the_list_goes_to_any_action(walk):
    for title in ("All", "Invert", "All"):
        walk.click(title)
        walk.settle()
    button = walk.edit.history_button
    button.open_list()
    rows = button.list.rows
    texts = [rows.item(row).text() for row in range(rows.count())]
    assert texts == [
        "As it was at first",
        "Selected all",
        "Inverted the selection",
        "Selected all",
    ]
    rows.setCurrentRow(1)
    QTest.keyClick(rows, Qt.Key.Key_Return)
    walk.settle()
    assert said(walk) == ["selected all"]
    button.open_list()
    item = button.list.rows.item(3)
    assert item.font().italic()
    place = button.list.rows.visualItemRect(item).center()
    QTest.mouseClick(button.list.rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    walk.settle()
    assert len(said(walk)) == 3


class TestKeys:
    def test_letters_take_tools_while_the_panel_is_in_sight(self, walk):
        walk.show_panel(walk.edit)
        QTest.qWait(20)
        for letter, name in (("W", "wand"), ("M", "rectangle"), ("L", "lasso")):
            walk.press(letter)
            assert walk.edit.toolbox.name == name
        walk.show_panel(walk.segment)
        QTest.qWait(20)
        assert walk.edit.toolbox.name == ""
        walk.press("W")
        assert walk.edit.toolbox.name == ""

    def test_a_name_that_is_typed_takes_no_tool(self, walk):
        walk.fit()
        walk.settle()
        walk.show_panel(walk.edit)
        QTest.qWait(20)
        rows = walk.edit.classes
        rows.editItem(rows.item(0, class_list.NAME))
        editor = rows.findChild(QLineEdit)
        QTest.keyClicks(editor, "wml")
        assert walk.edit.toolbox.name == ""
        assert editor.text().endswith("wml")
        QTest.keyClick(editor, Qt.Key.Key_Escape)
        QTest.keyClicks(rows, "w")
        assert walk.edit.toolbox.name == "wand"

    def test_commands(self, walk):
        walk.fit()
        walk.settle()
        walk.show_panel(walk.edit)
        QTest.qWait(20)
        layer = walk.edit.session.labels
        walk.press("A", CTRL)
        walk.press("I", CTRL | SHIFT)
        walk.press("I", CTRL | SHIFT)
        walk.press("Delete")
        assert not layer.data.any()
        walk.press("N")
        assert len(np.unique(layer.data)) == 1
        walk.press("D", CTRL)
        assert said(walk)[1:] == [
            "selected all",
            "inverted the selection",
            "inverted the selection",
            "filled with no class",
            "made a new class",
            "selected nothing",
        ]
        walk.press("B")
        assert layer.mode == "paint"
        size = layer.brush_size
        walk.press("BracketRight")
        assert layer.brush_size == size + 1

    def test_keys_of_others_come_back(self, walk, viewer):
        def theirs(owner):
            called.append(owner)

        called = []
        for panel in (walk.edit, walk.segment):
            viewer.window.remove_dock_widget(getattr(panel, "native", panel))
        QApplication.processEvents()
        assert not {"W", "M", "L", "Ctrl+Z"} & {str(key) for key in viewer.keymap}
        viewer.bind_key("W", theirs, overwrite=True)
        edit = viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")
        QTest.qWait(20)
        viewer.window.remove_dock_widget(edit[1])
        QApplication.processEvents()
        QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_W)
        assert called == [viewer]
        viewer.bind_key("W", None, overwrite=True)


def test_a_preview_of_a_click_goes_with_the_mouse(walk, viewer):
    walk.show_panel(walk.edit)
    QTest.qWait(20)
    viewer.mouse_over_canvas = True
    walk.edit.toolbox.take("wand")
    assert viewer.cursor.style == "crosshair"
    plane = walk.edit.session.plane()
    walk.edit.session.preview.area(plane, np.ones(plane.shape, bool))
    assert walk.edit.session.preview.shown.any()
    viewer.mouse_over_canvas = False
    assert not walk.edit.session.preview.shown.any()
    walk.edit.toolbox.take("")
    assert viewer.cursor.style == "standard"
