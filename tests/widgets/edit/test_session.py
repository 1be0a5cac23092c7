"""An hour's work in a minute: every tool and button, all of it undone and redone."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_emseg import regions, select
from napari_emseg.layers import find_selection
from napari_emseg.layers.history import drawing
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.edit.actions import Actions
from napari_emseg.widgets.edit.adjust import picture_forms
from napari_emseg.widgets.edit.session import Session

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


# Whatever holds where a layer is scaled and rotated holds in a plain one.
@pytest.fixture(params=["scaled and rotated", "slice 7"])
def desk(qtbot, viewer, hand, rng, request):
    return Desk(qtbot, viewer, hand, request.param, rng)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def test_everything(desk, hand, viewer, told, monkeypatch):
    truth, panel = desk.truth, desk.panel
    red, bright = truth == 2, truth == 3
    left = bright & (np.arange(SHAPE[1]) < 30)
    said: list[str] = []
    panel.session.noted.connect(said.append)

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
    timer = panel.session.last_pick._timer
    desk.qtbot.waitUntil(lambda: not timer.isActive())
    desk.states.pop()  # the last selection is another one now, in its own step
    desk.done()
    same(desk.selected, red)
    hand.click((30, 45))
    desk.done()
    desk.choose(2)
    desk.press("Fill")
    desk.done()
    same(desk.labels, np.where(bright & ~left, 2, truth))

    hand.key("L")
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
    desk.choose(2)
    desk.menu("Split", "By color, into two")
    desk.done()
    desk.choose(1, 2)
    desk.press("Merge")
    desk.done()
    monkeypatch.setattr(picture_forms, "ask", lambda *asked: asked[-1]({"amount": 1.0}))
    desk.menu("Adjust", "Desaturate…")
    desk.done()
    assert viewer.layers["p desaturate"].rgb
    same(viewer.layers["p desaturate"].scale, desk.layer.scale)
    desk.press("Refit")
    desk.done()

    assert told == []
    empty, fitted = said
    assert empty == "Invert left nothing selected"
    assert fitted.startswith("Refit gave ")
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
    merging = partial(Actions(desk.panel.session).merge, [2, 1])
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


class Plain:
    """What layers hold, and what undo and redo make of it, as plain arrays and lists.

    An entry is the number of a layer and what that holds before and after; one without
    these says that the history of a layer has ended.
    """

    def __init__(self, states):
        self.states = states
        self.done, self.undone, self.forgotten = [], [], []

    def act(self, layer, after):
        before = self.states[layer]
        if np.array_equal(before, after):
            return
        self.record((layer, before, after))
        self.forgotten = [one for one in self.forgotten if one[0] != layer]

    def record(self, entry):
        self.done.append(entry)
        self.states[entry[0]] = entry[2]
        # Napari's own redo still knows them.
        self.forgotten += [one for one in self.undone if len(one) == 3]
        self.undone = []

    def turn(self, source, target, side, layer=None):
        """Undo or redo the last entry, or the last one of a layer."""
        found = [
            one
            for one in source
            if layer is None or (one[0] == layer and len(one) == 3)
        ]
        if not found:
            return
        entry = found[-1]
        source[:] = [one for one in source if one is not entry]
        if len(entry) == 3:
            self.states[entry[0]] = entry[side]
            target.append(entry)

    def undo(self, layer=None):
        self.turn(self.done, self.undone, 1, layer)

    def redo(self, layer=None):
        known = any(one[0] == layer and len(one) == 3 for one in self.undone)
        if layer is None or known:
            self.turn(self.undone, self.done, 2, layer)
            return
        found = [one for one in self.forgotten if one[0] == layer]
        if found:
            self.forgotten = [one for one in self.forgotten if one is not found[-1]]
            self.record(found[-1])

    def replace(self, layer, labels):
        self.states[layer] = labels
        for entries in (self.done, self.undone):
            had = any(one[0] == layer and len(one) == 3 for one in entries)
            entries[:] = [one for one in entries if one[0] != layer or len(one) < 3]
            entries += [(layer,)] * had
        self.forgotten = [one for one in self.forgotten if one[0] != layer]


class Machine:
    """A session without a window, and random actions on it and on the plain model."""

    def __init__(self, qtbot, seed):
        self.rng = np.random.default_rng(seed)
        self.qtbot, self.errors = qtbot, []
        viewer = ViewerModel()
        self.queue = BackgroundQueue(self.errors.append)
        self.session = Session(viewer, self.queue)
        self.actions = Actions(self.session)
        start = self.rng.integers(0, 4, (16, 20), dtype=np.uint8)
        self.layers = [viewer.add_labels(start.copy(), name=name) for name in "ab"]
        self.plain = Plain([start.copy() for _ in self.layers])

    def stroke(self):
        """Paint with napari's brush, in several movements, between which jobs end."""
        place = int(self.rng.integers(2))
        layer, label = self.layers[place], int(self.rng.integers(6))
        with layer.block_history():
            for _ in range(int(self.rng.integers(1, 4))):
                layer.paint(self.rng.integers(0, (16, 20)), label)
                if drawing(layer) and self.rng.random() < 0.3:
                    during = [one.data.copy() for one in self.layers]
                    self.qtbot.wait(15)
                    for one, state in zip(self.layers, during, strict=True):
                        np.testing.assert_array_equal(one.data, state)
        self.plain.act(place, layer.data.copy())

    def job(self):
        """Start an action, do others, and wait for its result."""
        place = int(self.rng.integers(2))
        self.session.labels = self.layers[place]
        members = self.rng.choice(6, 2, replace=False).tolist()
        merging = self.rng.random() < 0.5
        if merging:
            self.actions.merge(members)
        else:
            self.actions.split(members[0], "components")
        for _ in range(int(self.rng.integers(3))):
            self.do(("stroke", "native_undo", "native_redo", "replace"))
        self.qtbot.waitUntil(lambda: self.queue.idle, timeout=60_000)
        now = self.plain.states[place]
        if merging:
            edit = regions.merge(now, members)
        else:
            edit = regions.split(now, members[0])
        self.plain.act(place, edit.apply(now))

    def undo(self):
        self.session.action_history.undo()
        self.plain.undo()

    def redo(self):
        self.session.action_history.redo()
        self.plain.redo()

    def native_undo(self):
        place = int(self.rng.integers(2))
        self.layers[place].undo()
        self.session.action_history._sync()
        self.plain.undo(place)

    def native_redo(self):
        place = int(self.rng.integers(2))
        self.layers[place].redo()
        self.session.action_history._sync()
        self.plain.redo(place)

    def replace(self):
        if self.rng.random() < 0.3:
            place = int(self.rng.integers(2))
            labels = self.rng.integers(0, 5, (16, 20), dtype=np.uint8)
            self.layers[place].data = labels
            self.plain.replace(place, labels.copy())

    def do(self, names):
        getattr(self, self.rng.choice(names))()

    def check(self):
        for layer, state in zip(self.layers, self.plain.states, strict=True):
            np.testing.assert_array_equal(layer.data, state)
        assert self.errors == []


@pytest.mark.parametrize("seed", range(5))
def test_late_results_equal_a_plain_model(qtbot, seed):
    machine = Machine(qtbot, seed)
    names = ("stroke", "job", "undo", "redo", "native_undo", "native_redo", "replace")
    for _ in range(80):
        machine.do(names)
        machine.check()
    machine.session.close()
