"""An hour's work in a minute: every tool and button, all of it undone and redone."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_emseg import regions, select
from napari_emseg.layers import find_selection
from napari_emseg.layers.manual_edits import ManualEdits
from napari_emseg.widgets.edit import buttons
from napari_emseg.widgets.edit.actions import Actions

LEFT = Qt.MouseButton.LeftButton
SHAPE = (40, 60)
COLORS = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]], np.uint8)
PLACES = {
    "plain": {},
    "scaled and rotated": {"scale": (2.0, 0.5), "rotate": 30, "translate": (100, -7)},
    "slice 7": {
        "scale": (4.0, 2.0, 1.0),
        "rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
    },
}


class Desk:
    """Picture and labels in a viewer, the panel, and what has happened so far."""

    def __init__(self, qtbot, viewer, hand, place, rng):
        self.qtbot, self.viewer, self.hand = qtbot, viewer, hand
        truth = np.ones(SHAPE, np.uint8)
        truth[8:20, 10:30] = 2
        truth[26:36, 6:16] = 3
        truth[26:36, 40:54] = 3
        noise = rng.integers(0, 4, (*SHAPE, 1)).astype(np.uint8)
        picture, labels = COLORS[truth - 1] + noise, truth
        self.at = (7,) if place == "slice 7" else ()
        if self.at:
            picture = np.stack([picture] * 9)
            labels = np.stack([truth] * 9)
        self.truth = truth
        window = viewer.window
        panel = window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]
        self.panel = panel
        self.image = viewer.add_image(picture, rgb=True, name="p", **PLACES[place])
        self.layer = viewer.add_labels(labels, **PLACES[place])
        if self.at:
            viewer.dims.set_current_step(0, 7)
        viewer.reset_view()
        hand.layer, hand.at = self.layer, self.at
        self.wait()
        self.states = [self.state]

    def wait(self):
        self.qtbot.waitUntil(lambda: self.panel.background.idle, timeout=60_000)

    @property
    def selected(self):
        layer = find_selection(self.viewer, self.layer)
        return np.zeros(SHAPE, bool) if layer is None else layer.data[self.at] == 255

    @property
    def labels(self):
        return self.layer.data[self.at]

    @property
    def state(self):
        """All bytes that an action may change."""
        chosen = find_selection(self.viewer, self.layer)
        nothing = np.zeros(self.layer.data.shape, np.uint8)
        chosen = nothing if chosen is None else chosen.data
        strokes = [x.data.tobytes() for x in self.viewer.layers if x.name == "strokes"]
        return (
            self.layer.data.tobytes(),
            chosen.tobytes(),
            strokes or [nothing.tobytes()],
            [x.name for x in self.viewer.layers if x.name.startswith("p ")],
        )

    def done(self):
        """Wait for an action, and remember what came of it."""
        self.wait()
        assert self.state != self.states[-1]
        self.states.append(self.state)

    def press(self, title):
        QTest.mouseClick(self.panel.commands.buttons[title], LEFT)

    def choose(self, *labels):
        self.wait()
        self.panel.classes.clearSelection()
        for label in reversed(labels):
            self.panel.classes._select(label, add=True)

    def menu(self, button, title):
        menu = self.panel.commands.buttons[button].menu()
        menu.aboutToShow.emit()
        next(x for x in menu.actions() if x.text() == title).trigger()


@pytest.fixture(params=PLACES)
def desk(qtbot, viewer, hand, rng, request):
    return Desk(qtbot, viewer, hand, request.param, rng)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def test_everything(desk, hand, viewer, told, monkeypatch):
    truth, panel = desk.truth, desk.panel
    red, bright = truth == 2, truth == 3
    left = bright & (np.arange(SHAPE[1]) < 30)

    QTest.mouseClick(panel.toolbar.buttons["wand"], LEFT)
    hand.click((12, 15))
    desk.done()
    same(desk.selected, red)
    hand.click((30, 10), ["shift"])
    desk.done()
    same(desk.selected, red | left)
    hand.click((12, 15), ["alt"])
    desk.done()
    same(desk.selected, left)
    hand.press((12, 15))
    hand.move((12, 15), by=(600, 300), buttons=True)
    hand.release()
    desk.done()
    assert desk.selected.all()
    panel.tool_options.rows["tolerance"].setValue(12)
    hand.click((30, 45))
    desk.done()
    desk.choose(2)
    desk.press("Fill")
    desk.done()
    same(desk.labels, np.where(bright & ~left, 2, truth))

    hand.key("N")
    lasso = [(10.5, 10.5), (10.5, 40.5), (30.5, 40.5), (30.5, 10.5)]
    hand.drag(lasso)
    desk.done()
    before = desk.labels.copy()
    desk.press("New class")
    desk.done()
    same(desk.labels, np.where(select.lasso(SHAPE, lasso), 4, before))

    hand.key("S", "shift")
    points = [(26, 40), (26, 53), (35, 53), (35, 40)]
    for point in points:
        hand.click(point)
    hand.key("Return")
    desk.done()
    assert (desk.selected & bright & ~left).sum() > 100
    desk.choose(3)
    desk.press("Fill")
    desk.done()

    hand.key("D", "shift")
    panel.tool_options.rows["classes"].setChecked(True)
    panel.tool_options.rows["brush"].setValue(3)
    desk.press("None")
    desk.done()
    for label, line in [(1, [(3, 3), (3, 50)]), (2, [(10, 12), (10, 28)])]:
        desk.layer.selected_label = label
        hand.drag(line)
        desk.done()
    same(np.unique(desk.labels), [1, 2])
    assert desk.labels[15, 15] == 2

    desk.press("All")
    desk.done()
    desk.press("Invert")
    desk.done()
    desk.choose(1)
    desk.menu("Split", "Into connected pieces")
    desk.wait()
    desk.choose(2)
    desk.menu("Split", "By color, into two")
    desk.done()
    desk.choose(1, 2)
    desk.press("Merge")
    desk.done()
    monkeypatch.setattr(buttons, "ask", lambda *_: {"amount": 1.0})
    desk.menu("Adjust", "Desaturate…")
    desk.done()
    assert viewer.layers["p desaturate"].rgb
    same(viewer.layers["p desaturate"].scale, desk.layer.scale)
    desk.press("Refit")
    desk.done()

    assert [severity for severity, _ in told] == ["info", "info"]
    assert "Invert left nothing selected" in told[0][1]
    assert "the class is a single piece" in told[1][1]
    if desk.at:
        others = np.delete(np.array(find_selection(viewer, desk.layer).data), 7, axis=0)
        assert not others.any()
    for state in desk.states[-2::-1]:
        hand.undo()
        assert desk.state == state
    same(desk.labels, truth)
    for state in desk.states[1:]:
        hand.redo()
        assert desk.state == state


@pytest.mark.parametrize("begun", ["before the job", "while it is worked out"])
@pytest.mark.parametrize("desk", ["plain"], indirect=True)
def test_a_job_that_ends_within_a_stroke_waits_for_it(desk, hand, monkeypatch, begun):
    layer, gate, calls = desk.layer, threading.Event(), []
    merge, start = regions.merge, layer.data.copy()

    def slowly(*args, **kwargs):
        found = merge(*args, **kwargs)
        calls.append(found)
        assert gate.wait(60)
        return found

    monkeypatch.setattr(regions, "merge", slowly)
    merging = partial(Actions(desk.panel.session, ManualEdits()).merge, [2, 1])
    desk.viewer.layers.selection.active = layer
    layer.mode, layer.selected_label, layer.brush_size = "paint", 3, 3
    path = [(4, column) for column in range(4, 50, 6)]
    if begun == "before the job":
        hand.press(path[0])
        merging()
        gate.set()
    else:
        merging()
        desk.qtbot.waitUntil(lambda: bool(calls))
        hand.press(path[0])
        gate.set()
        queue = desk.panel.background
        # It is asked for again, and waits in the thread.
        job = queue._jobs[0]
        desk.qtbot.waitUntil(lambda: bool(queue._jobs) and queue._jobs[0] is not job)
    for point in path[1:]:
        hand.move(point, buttons=True)
    painted = layer.data.copy()
    assert (painted != start).sum() > 50
    assert (painted[painted != start] == 3).all()
    assert len(calls) == (begun != "before the job")
    hand.release()
    desk.wait()
    np.testing.assert_array_equal(layer.data, np.where(painted == 1, 2, painted))
    hand.undo()
    np.testing.assert_array_equal(layer.data, painted)
    hand.undo()
    np.testing.assert_array_equal(layer.data, start)
    hand.redo()
    hand.redo()
    np.testing.assert_array_equal(layer.data, np.where(painted == 1, 2, painted))
