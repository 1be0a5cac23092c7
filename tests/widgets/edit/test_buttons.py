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
    QTest.qWait(100)  # Docks take their places, and the canvas keeps its own.
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


def test_what_was_asked_for_is_done_where_and_how_it_was(
    qtbot, viewer, hand, stripes, told
):
    """Whatever slice, layers, locks and options come meanwhile."""
    desk = Desk(qtbot, viewer, hand, np.stack([stripes[..., 0]] * 3))
    session = desk.panel.session
    viewer.dims.set_current_step(0, 1)
    desk.press("All")
    desk.wait()
    start = desk.layer.data.copy()
    said = []
    session.noted.connect(said.append)
    session.locked.add(1)
    desk.layer.selected_label = 2
    desk.hold()
    desk.press("Invert")
    desk.press("Invert")
    desk.press("Fill")
    assert desk.queue.waiting == 2
    session.locked.discard(1)
    session.locked.add(2)
    desk.layer.selected_label = 3
    viewer.dims.set_current_step(0, 2)
    viewer.add_labels(np.ones((3, 60, 80), np.uint8), name="other")
    assert session.labels is not desk.layer
    desk.wait()
    expected = start.copy()
    expected[1][start[1] != 1] = 2
    np.testing.assert_array_equal(desk.layer.data, expected)
    # The first Invert leaves nothing selected.
    assert said == ["Invert left nothing selected"]
    assert told == []  # It is no error.
    assert session.locked != {1}
    hand.undo()
    np.testing.assert_array_equal(desk.layer.data, start)


def test_softness_is_that_of_the_drawing(desk, hand):
    options = desk.panel.tool_options.rows["feather"]
    options.setValue(3)
    desk.tool("rectangle")
    desk.hold()
    desk.press("All")
    hand.drag([(9.5, 9.5), (20, 30), (39.5, 49.5)])
    options.setValue(0)
    desk.wait()
    assert len(np.unique(desk.selected)) > 2
    assert desk.panel.session.options.feather == 0


def test_escape_cancels_without_a_tool_too(desk, hand, viewer):
    desk.hold()
    before = dict(viewer.keymap)
    desk.press("All")
    desk.press("Invert")
    assert desk.queue.waiting == 1
    hand.key("Escape")
    assert not desk.queue.running
    assert dict(viewer.keymap) == before
    desk.wait()
    assert not desk.selected.any()


class TestWords:
    """An action that does nothing says so, and why."""

    def press(self, desk, told, *titles):
        """Return the errors of the last one; or what the line below says then."""
        for title in titles:
            told.clear()
            desk.press(title)
            desk.wait()
        return [message for _, message in told] or [desk.panel._status.text()]

    @pytest.mark.parametrize("title", ["All", "Grow", "Fill holes", "Smooth"])
    def test_selection_that_stays(self, desk, told, title):
        (said,) = self.press(desk, told, "All", title)
        assert "changed nothing: the selection is like that already" in said

    @pytest.mark.parametrize("title", ["Invert", "Border"])
    def test_selection_that_is_empty_then(self, desk, told, title):
        (said,) = self.press(desk, told, "All", title)
        assert "nothing" in said

    def test_labels_that_stay(self, desk, told):
        desk.layer.selected_label = 1
        (said,) = self.press(desk, told, "All", "Fill", "Fill")
        assert said.startswith("Fill changed nothing")
        desk.panel.session.locked.add(1)
        desk.layer.selected_label = 2
        (said,) = self.press(desk, told, "Fill")
        assert "are locked" in said

    @pytest.mark.parametrize("key", ["undo", "redo"])
    def test_nothing_to_undo(self, desk, hand, viewer, key):
        getattr(hand, key)()
        done = {"undo": "undone", "redo": "redone"}[key]
        assert desk.panel._status.text() == f"There is nothing that can be {done}."

    def test_none(self, desk, told):
        (said,) = self.press(desk, told, "None")
        assert said == "nothing is selected here, so there is nothing to give up"


@pytest.mark.parametrize("title", ["Color", "Jump to"])
def test_a_button_that_needs_a_class_says_so(desk, told, title):
    desk.panel.classes.clearSelection()
    desk.press(title)
    assert told == [
        ("error", "no class is chosen; click one in the list of classes"),
    ]
