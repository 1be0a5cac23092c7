"""Buttons and tools while the panel "Select and edit" works: each waits its turn."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

import napari_emseg as emseg
from napari_emseg.layers import find_selection

LEFT = Qt.MouseButton.LeftButton


class Desk:
    """The panel over an image and its labels, and a thread that can be held."""

    def __init__(self, qtbot, viewer, hand, data):
        add = viewer.window.add_plugin_dock_widget
        self.panel = add("napari-emseg", "Select and edit")[1]
        self.queue = self.panel.background
        self.qtbot, self.viewer, self.hand = qtbot, viewer, hand
        image = viewer.add_image(data)
        self.layer = emseg.add_to(viewer, emseg.segment(data, n_classes=3), image)
        viewer.reset_view()
        hand.layer = self.layer
        self.gate = threading.Event()
        self.wait()

    def wait(self):
        self.gate.set()
        self.qtbot.waitUntil(lambda: self.queue.idle, timeout=60_000)

    def hold(self):
        """Let the thread do nothing until `wait`, as if it had much to do."""
        self.gate = threading.Event()
        self.queue.preview(lambda: self.gate.wait(60), lambda _: None, "held")

    def tool(self, name):
        QTest.mouseClick(self.panel.toolbar.buttons[name], LEFT)

    def press(self, title):
        QTest.mouseClick(self.panel.commands.buttons[title], LEFT)

    @property
    def selected(self):
        layer = find_selection(self.viewer, self.layer)
        return np.zeros(self.layer.data.shape) if layer is None else layer.data.copy()


@pytest.fixture
def desk(qtbot, viewer, hand, stripes):
    desk = Desk(qtbot, viewer, hand, stripes)
    yield desk
    desk.gate.set()


@pytest.fixture
def load():
    """Keep the interpreter busy with another thread."""
    stop = threading.Event()

    def burn():
        while not stop.wait(0.002):
            sum(range(100_000))

    thread = threading.Thread(target=burn)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.parametrize("held", [False, True])
def test_feather_at_once_after_a_drag(desk, hand, told, load, held):
    corners = [(9.5, 9.5), (20, 30), (39.5, 49.5)]
    desk.tool("box")
    hand.drag(corners)
    desk.wait()
    box = desk.selected
    desk.press("Feather")
    desk.wait()
    soft = desk.selected
    assert len(np.unique(soft)) > 3
    for _ in range(2):
        hand.undo()
    assert not desk.selected.any()

    if held:
        desk.hold()
    hand.drag(corners)
    desk.press("Feather")
    desk.press("Fill")
    if held:
        assert desk.queue.waiting == 2
        assert "2 actions waiting" in desk.panel._status.text()
    start = desk.layer.data.copy()
    desk.wait()
    np.testing.assert_array_equal(desk.selected, soft)
    filled = np.where(soft > 127, desk.layer.selected_label, start)
    np.testing.assert_array_equal(desk.layer.data, filled)
    hand.undo()
    np.testing.assert_array_equal(desk.layer.data, start)
    hand.undo()
    np.testing.assert_array_equal(desk.selected, box)
    hand.undo()
    assert not desk.selected.any()
    assert told == []


def test_escape_empties_the_queue_and_leaves_no_trace(desk, hand, told):
    start = desk.layer.data.copy()
    desk.tool("rectangle")
    desk.hold()
    hand.drag([(9.5, 9.5), (20, 30), (39.5, 49.5)])
    desk.press("Feather")
    desk.press("Fill")
    assert desk.queue.waiting == 2
    hand.key("Escape")
    assert not desk.queue.running
    assert "Working" not in desk.panel._status.text()
    desk.wait()
    hand.undo()
    hand.redo()
    desk.wait()
    assert not desk.selected.any()
    np.testing.assert_array_equal(desk.layer.data, start)
    assert told == []


def test_undo_cancels_the_latest_of_what_waits(desk, hand, told):
    desk.tool("rectangle")
    desk.hold()
    hand.drag([(9.5, 9.5), (20, 30), (39.5, 49.5)])
    desk.press("Feather")
    hand.undo()
    assert desk.queue.waiting == 0
    desk.wait()
    assert set(np.unique(desk.selected)) == {0, 255}
    desk.hold()
    desk.press("Feather")
    hand.undo()
    desk.wait()
    assert set(np.unique(desk.selected)) == {0, 255}
    assert told == []


def test_another_slice_is_not_edited_instead(qtbot, viewer, hand, stripes, told):
    desk = Desk(qtbot, viewer, hand, np.stack([stripes[..., 0]] * 3))
    viewer.dims.set_current_step(0, 1)
    desk.press("All")
    desk.wait()
    start = desk.layer.data.copy()
    desk.hold()
    desk.press("Feather")
    desk.press("Fill")
    viewer.dims.set_current_step(0, 2)
    desk.wait()
    ((severity, message),) = told
    assert severity == "error"
    assert "another slice" in message
    np.testing.assert_array_equal(desk.layer.data, start)
