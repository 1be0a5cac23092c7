"""The list of classes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QLineEdit

from napari_emseg.layers.classes import (
    class_color,
    class_keys,
    class_name,
    class_shown,
    rename_class,
)
from napari_emseg.widgets.common.navigation import find_middle
from napari_emseg.widgets.edit import class_list

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]


@pytest.fixture
def layer(qtbot, viewer, panel):
    data = np.zeros((5, 30, 40), np.int32)
    data[:, :10] = 1
    data[3, 15:20, 10:20] = 4
    data[:, 25:] = 300
    layer = viewer.add_labels(data)
    qtbot.waitUntil(lambda: panel.classes.rowCount() == 3)
    return layer


@pytest.fixture
def rows(panel, layer):
    return panel.classes


def texts(rows, column):
    return [rows.item(row, column).text() for row in range(rows.rowCount())]


def test_lists_classes_and_their_pixels(rows, layer):
    assert texts(rows, class_list.NAME) == ["class 1", "class 4", "class 300"]
    assert texts(rows, class_list.PIXELS) == ["2,000", "50", "1,000"]


def is_html(text):
    return "<i" in text and Qt.mightBeRichText(text)


def test_names_are_no_html(qtbot, viewer, panel, rows):
    """A tag would vanish, or load a file."""
    rows.item(0, class_list.NAME).setText(name := '<img src="file:///x">cell')
    qtbot.waitUntil(lambda: name in panel.history_button.toolTip().replace("&lt;", "<")
                    .replace("&gt;", ">"))  # fmt: skip
    panel.say(name)
    labels = [one for one in QApplication.allWidgets() if isinstance(one, QLabel)]
    shown = [
        one.text()
        for one in labels
        if one.textFormat() != Qt.TextFormat.PlainText and is_html(one.text())
    ]
    tips = [one.toolTip() for one in QApplication.allWidgets()]
    assert any(name in one.text() for one in labels)
    assert not [*shown, *filter(is_html, tips)]


def test_follows_edits_of_any_kind(qtbot, viewer, rows, layer, hand):
    layer.fill((0, 0, 0), 7)
    qtbot.waitUntil(lambda: "class 7" in texts(rows, class_list.NAME))
    viewer.layers.selection.active = layer
    hand.undo()
    qtbot.waitUntil(lambda: "class 7" not in texts(rows, class_list.NAME))


def test_counts_what_napari_writes_after_it_tells_of_it(qtbot, viewer, rows, layer):
    # Whoever else listens gives the count the time to be early.
    layer.events.paint.connect(lambda event: time.sleep(0.2), position="last")
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    qtbot.waitUntil(lambda: "class 2" in texts(rows, class_list.NAME))
    assert texts(rows, class_list.PIXELS)[1] == "1"


def test_rename(rows, layer):
    rows.item(1, class_list.NAME).setText("cell")
    assert class_name(layer, 4) == "cell"
    assert layer.features.set_index("index")["name"][4] == "cell"


@pytest.mark.parametrize(
    ("name", "said"),
    [("cell", "class 1 is named 'cell' already"), ("n" * 300, "at most 200"),
     (" cell ", "named 'cell' already"), ("class 300", "named 'class 300' already")],
)  # fmt: skip
def test_names_are_those_of_one_class(rows, layer, monkeypatch, name, said):
    told = []
    monkeypatch.setattr(class_list, "tell_error", told.append)
    rows.item(0, class_list.NAME).setText("cell")
    rows.item(1, class_list.NAME).setText(name)
    assert said in told[0]
    assert class_name(layer, 4) == "class 4" == rows.item(1, class_list.NAME).text()
    rows.item(1, class_list.NAME).setText("  ")  # no name of its own
    assert class_name(layer, 4) == "class 4"
    assert len(told) == 1


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_a_name_that_is_typed_while_labels_change(qtbot, rows, layer, panel, key):
    """What was typed stays, and the rows follow when that is done."""
    rows.editItem(rows.item(1, class_list.NAME))
    editor = rows.findChild(QLineEdit)
    QTest.keyClicks(editor, "ce")
    layer.fill((0, 0, 0), 2)
    qtbot.waitUntil(lambda: panel.background.idle)
    assert rows.findChild(QLineEdit) is editor
    QTest.keyClicks(editor, "ll")
    QTest.keyClick(editor, key)
    name = "cell" if key == Qt.Key.Key_Return else "class 4"
    qtbot.waitUntil(lambda: class_name(layer, 4) == name)
    qtbot.waitUntil(lambda: "class 2" in texts(rows, class_list.NAME))


def test_rows_of_other_labels_are_gone_at_once(qtbot, viewer, rows, layer, panel):
    """What is done in them would be done to the labels that were chosen since."""
    other = viewer.add_labels(np.full((5, 30, 40), 9, np.int32), name="other")
    assert panel.session.labels is other
    assert rows.rowCount() == 0
    assert rows.labels == []
    qtbot.waitUntil(lambda: texts(rows, class_list.NAME) == ["class 9"])
    viewer.layers.selection.active = layer
    assert rows.rowCount() == 0
    qtbot.waitUntil(lambda: rows.rowCount() == 3)


def test_color_that_is_chosen_while_classes_vanish(
    qtbot, rows, layer, panel, monkeypatch
):
    def choose(*_):
        layer.data[3] = np.where(layer.data[3] == 4, 1, layer.data[3])
        rows.reload()
        qtbot.waitUntil(lambda: rows.rowCount() == 2)
        return QColor("red")

    monkeypatch.setattr(class_list.QColorDialog, "getColor", choose)
    rows.setCurrentCell(1, class_list.NAME)
    rows.recolor()
    np.testing.assert_allclose(class_color(layer, 4)[:3], (1, 0, 0), atol=0.01)


def test_hide_and_show(rows, layer):
    color = layer.get_color(4).copy()
    rows.item(1, class_list.SHOWN).setCheckState(Qt.CheckState.Unchecked)
    assert not class_shown(layer, 4)
    assert layer.get_color(4)[3] == 0
    np.testing.assert_allclose(layer.get_color(1)[3], 1)
    rows.item(1, class_list.SHOWN).setCheckState(Qt.CheckState.Checked)
    np.testing.assert_allclose(layer.get_color(4), color)


def test_lock(rows, panel):
    rows.item(2, class_list.LOCKED).setCheckState(Qt.CheckState.Checked)
    assert panel.session.locked == {300}
    rows.item(2, class_list.LOCKED).setCheckState(Qt.CheckState.Unchecked)
    assert panel.session.locked == set()


def test_recolor(rows, panel, layer, monkeypatch):
    monkeypatch.setattr(
        class_list.QColorDialog, "getColor", lambda *_: QColor.fromRgbF(1, 0.5, 0)
    )
    rows.selectRow(1)
    QTest.mouseClick(panel.commands.buttons["Color"], LEFT)
    np.testing.assert_allclose(class_color(layer, 4), (1, 0.5, 0), atol=0.01)
    np.testing.assert_allclose(layer.get_color(4), (1, 0.5, 0, 1), atol=0.01)


def test_chosen_row_is_the_label_of_the_brush(rows, layer):
    rows.selectRow(2)
    assert layer.selected_label == 300
    assert rows.labels == [300]


def test_jump_to(viewer, rows, panel, layer):
    rows.selectRow(1)
    QTest.mouseClick(panel.commands.buttons["Jump to"], LEFT)
    assert viewer.dims.current_step[0] == 3
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (17, 14.5), atol=0.6)


def test_middle_is_the_nearest_pixel_to_the_mean(rng):
    for ndim in (2, 3):
        for share in (0.02, 0.3, 1.0):
            mask = rng.random(rng.integers(1, 20, ndim)) < share
            mask.flat[rng.integers(mask.size)] = True
            pixels = np.argwhere(mask)
            away = np.abs(pixels - pixels.mean(axis=0)).sum(axis=1)
            found = find_middle(mask)
            assert mask[tuple(found)]
            distance = np.abs(found - pixels.mean(axis=0)).sum()
            np.testing.assert_allclose(distance, away.min())


def test_thousands_of_labels(qtbot, viewer, rows, panel):
    """The list of them is cut, and says so; the last row is no class."""
    cells = viewer.add_labels(np.arange(1500, dtype=np.int32).reshape(30, 50))
    qtbot.waitUntil(lambda: panel.background.idle)
    assert rows.rowCount() == class_list.MAX_ROWS + 1
    assert rows.item(class_list.MAX_ROWS, class_list.NAME).text() == "and 1,099 more"
    rows.selectRow(class_list.MAX_ROWS)
    assert rows.labels == []
    cells.selected_label = 1200
    assert rows.labels == []
    rows._select(7, add=False)
    assert cells.selected_label == 7


def test_merge_of_several_rows(qtbot, rows, panel, layer, hand):
    start = layer.data.copy()
    rows.clearSelection()
    for label in (1, 300):
        rows._select(label, add=True)
    QTest.mouseClick(panel.commands.buttons["Merge"], LEFT)
    qtbot.waitUntil(lambda: panel.background.idle)
    np.testing.assert_array_equal(layer.data, np.where(start == 1, 300, start))
    hand.undo()
    np.testing.assert_array_equal(layer.data, start)


def test_names_of_layers_with_other_features():
    layer = Labels(np.eye(3, dtype=int), features={"size": [1.0, 2.0]})
    rename_class(layer, 2, "two")
    assert class_name(layer, 2) == "two"
    assert class_name(layer, 1) == "class 1"
    assert layer.features["size"].tolist()[:2] == [1.0, 2.0]


def drag(rows, start, stop):
    """Drag a row onto another with the mouse; Qt's own loop runs meanwhile."""
    window = rows.window().windowHandle()
    begin, end = (
        rows.viewport().mapTo(
            rows.window(),
            rows.visualItemRect(rows.item(row, class_list.NAME)).center(),
        )
        for row in (start, stop)
    )
    none = Qt.KeyboardModifier.NoModifier

    def move_on():
        for part in range(1, 6):
            QTest.mouseMove(window, begin + (end - begin) * part / 5)
            QTest.qWait(10)
        QTest.mouseRelease(window, LEFT, none, end)

    QTest.mousePress(window, LEFT, none, begin)
    QTimer.singleShot(100, move_on)
    for away in (6, 14):
        QTest.mouseMove(window, begin + QPoint(0, away))
    QTest.qWait(300)


class TestDrag:
    def test_onto_another_class_merges(self, qtbot, rows, panel, layer, hand):
        start = layer.data.copy()
        drag(rows, 0, 2)
        qtbot.waitUntil(lambda: panel.background.idle)
        np.testing.assert_array_equal(layer.data, np.where(start == 1, 300, start))
        qtbot.waitUntil(
            lambda: texts(rows, class_list.NAME) == ["class 4", "class 300"]
        )
        assert rows.labels == [300]
        hand.undo()
        np.testing.assert_array_equal(layer.data, start)

    def test_several_classes(self, qtbot, rows, panel, layer):
        rows.clearSelection()
        for label in (4, 1):
            rows._select(label, add=True)
        drag(rows, 1, 2)
        qtbot.waitUntil(lambda: panel.background.idle)
        assert set(np.unique(layer.data)) == {0, 300}

    def test_onto_itself_does_nothing(self, rows, panel, layer):
        start = layer.data.copy()
        drag(rows, 1, 1)
        assert panel.background.idle
        np.testing.assert_array_equal(layer.data, start)
        assert rows.rowCount() == 3

    def test_locked_class_stays(self, qtbot, rows, panel, layer, told):
        start = layer.data.copy()
        rows.item(0, class_list.LOCKED).setCheckState(Qt.CheckState.Checked)
        drag(rows, 0, 2)
        qtbot.waitUntil(lambda: panel.background.idle)
        np.testing.assert_array_equal(layer.data, start)
        assert "locked" in told[-1][1]


class TestMouse:
    """What the list is for, with mouse and keyboard alone."""

    @pytest.fixture
    def spot(self, rows):
        def find(row, column):
            return rows.visualItemRect(rows.item(row, column))

        return find

    def test_boxes(self, rows, spot, panel, layer):
        for column in (class_list.SHOWN, class_list.LOCKED):
            area = spot(1, column)
            box = QPoint(area.left() + 10, area.center().y())
            QTest.mouseClick(rows.viewport(), LEFT, pos=box)
        assert panel.session.locked == {4}
        assert not class_shown(layer, 4)
        assert class_shown(layer, 1)

    def test_double_click_on_the_name_renames(self, qtbot, rows, spot, layer):
        at = spot(1, class_list.NAME).center()
        QTest.mouseClick(rows.viewport(), LEFT, pos=at)
        QTest.mouseDClick(rows.viewport(), LEFT, pos=at)
        (editor,) = rows.viewport().findChildren(QLineEdit)
        QTest.keyClicks(editor, "cell")
        QTest.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: class_name(layer, 4) == "cell")

    def test_double_click_on_the_pixels_recolors(self, rows, spot, layer, monkeypatch):
        green = QColor(0, 255, 0)
        monkeypatch.setattr(class_list.QColorDialog, "getColor", lambda *_: green)
        at = spot(2, class_list.PIXELS).center()
        QTest.mouseClick(rows.viewport(), LEFT, pos=at)
        QTest.mouseDClick(rows.viewport(), LEFT, pos=at)
        np.testing.assert_allclose(class_color(layer, 300), (0, 1, 0))

    def test_control_click_chooses_several(self, rows, spot):
        control = Qt.KeyboardModifier.ControlModifier
        QTest.mouseClick(rows.viewport(), LEFT, pos=spot(0, class_list.NAME).center())
        QTest.mouseClick(
            rows.viewport(), LEFT, control, spot(2, class_list.NAME).center()
        )
        assert rows.labels == [300, 1]


def test_chosen_row_follows_the_brush(qtbot, viewer, rows, panel, layer):
    layer.selected_label = 300
    assert rows.labels == [300]
    layer.selected_label = 9  # has no pixels yet
    assert rows.labels == []
    QTest.mouseClick(panel.commands.buttons["All"], LEFT)
    qtbot.waitUntil(lambda: panel.background.idle)
    assert panel._status.text().endswith("Fill makes them class 9.")
    QTest.mouseClick(panel.commands.buttons["Fill"], LEFT)
    qtbot.waitUntil(lambda: 9 in rows.labels)
    assert set(np.unique(layer.data[viewer.dims.current_step[0]])) == {9}


def test_each_layer_has_its_own_chosen_row(qtbot, viewer, rows, panel, layer):
    rows.selectRow(2)
    other = viewer.add_labels(np.repeat([[1, 300]], 9, axis=0).repeat(9, axis=1))
    qtbot.waitUntil(lambda: rows.rowCount() == 2)
    assert (other.selected_label, rows.labels) == (1, [1])
    viewer.layers.selection.active = layer
    qtbot.waitUntil(lambda: rows.rowCount() == 3)
    assert (layer.selected_label, rows.labels) == (300, [300])


def test_row_clicked_with_ctrl_is_the_label_of_the_brush(rows, layer):
    for row, keys in (
        (2, Qt.KeyboardModifier.NoModifier),
        (1, Qt.KeyboardModifier.ControlModifier),
    ):
        place = rows.visualItemRect(rows.item(row, class_list.NAME)).center()
        QTest.mouseClick(rows.viewport(), LEFT, keys, place)
    assert rows.labels == [4, 300]
    assert layer.selected_label == 4


def test_a_class_gets_a_key(qtbot, panel, rows, layer):
    def press(text):
        menu = rows.key_menu(layer, 300)
        assert [one.isChecked() for one in menu.actions()].count(True) == 1
        [one] = [one for one in menu.actions() if one.text().startswith(text)]
        one.trigger()
        qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)

    press("&4")
    assert class_keys(layer) == {k: k for k in (1, 2, 3, 5, 6, 7, 8, 9)} | {4: 300}
    panel.commands._actions.everything()
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
    panel.commands.fill_by_key(4)
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
    assert (panel.session.plane().data() == 300).all()
    press("None")
    assert 300 not in class_keys(layer).values()
    for _ in range(4):
        panel.session.undo()
    assert class_keys(layer)[4] == 4
