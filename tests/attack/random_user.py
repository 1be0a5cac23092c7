"""A random user in the real window: real events, while other things run.

What is checked: nothing raises; undo brings back, byte for byte, what was there before
a burst of actions, and redo what was there after; memory stays flat. The longest wait
of the queue and the longest time that the window did not answer are printed.

    xvfb-run -a python tests/attack/random_user.py --minutes 30 --seed 0
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(), "settings.yaml"))

import napari
import numpy as np
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_emseg.layers import find_selection

if TYPE_CHECKING:
    from collections.abc import Callable

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
SHAPE = (90, 120)
TOOLS = ("wand", "color_range", "lasso", "polygon", "rectangle", "ellipse", "box")
BUTTONS = (
    "All",
    "None",
    "Invert",
    "Reselect",
    "Grow",
    "Shrink",
    "Smooth",
    "Feather",
    "Border",
    "Fill holes",
    "Similar",
    "Grow similar",
    "Fill",
    "New class",
    "Refit",
    "Cut out",
    "Merge",
)
KEYS = ("Escape", "Return", "N", "W")


class RandomUser:
    """A viewer with the panels, and hands that do anything in it."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.viewer = napari.Viewer(show=True)
        truth = np.ones(SHAPE, np.uint8)
        truth[20:50, 15:60], truth[55:80, 70:110] = 2, 3
        colors = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]])
        picture = colors[truth - 1] + rng.integers(0, 9, (*SHAPE, 1))
        self.image = self.viewer.add_image(picture.astype(np.uint8), rgb=True, name="p")
        self.layer = self.viewer.add_labels(truth, name="L")
        dock = self.viewer.window.add_plugin_dock_widget
        self.edit = dock("napari-emseg", "Select and edit")[1]
        self.segment = dock("napari-emseg", "Segment")[1]
        self.viewer.reset_view()
        self.errors: list[str] = []
        self.told: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.longest_wait = 0.0
        self.turned = False
        notification_manager.notification_ready.connect(self._note)
        sys.excepthook = self._broke
        # How long the window does not answer: a timer that should come every 10 ms.
        self.blocked: list[tuple[float, str]] = []
        self.last, self.now_doing = time.monotonic(), ""
        self.beat = QTimer()
        self.beat.timeout.connect(self._beat)
        self.beat.start(10)

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self.last > 0.1:
            self.blocked.append((now - self.last, self.now_doing))
        self.last = now

    def _note(self, note: Any) -> None:
        error = getattr(note, "exception", None)
        self.told[note.message[:60]] += 1
        if error is not None and not isinstance(
            error, (ValueError, TypeError, OSError)
        ):
            self.errors.append("".join(traceback.format_exception(error)))

    def _broke(self, *about: Any) -> None:
        self.errors.append("".join(traceback.format_exception(*about)))

    # What hands do.

    def _mouse(self, kind: QEvent.Type, at: QPointF, button: Any, held: Any) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        where = QPointF(canvas.mapToGlobal(at.toPoint()))
        keys = Qt.KeyboardModifier.NoModifier
        if self.rng.random() < 0.2:
            keys = Qt.KeyboardModifier.ShiftModifier
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, where, button, held, keys))
        QTest.qWait(6)

    def _place(self) -> QPointF:
        canvas = self.viewer.window._qt_viewer.canvas.native
        camera = getattr(self.viewer, "scene", self.viewer).camera
        point = self.rng.uniform(-4, np.add(SHAPE, 4))
        y, x = np.array([canvas.height(), canvas.width()]) / 2
        y, x = np.array([y, x]) + (point - np.array(camera.center[-2:])) * camera.zoom
        return QPointF(float(x), float(y))

    def drag(self) -> None:
        """Press, move some times or not at all, release."""
        at = self._place()
        self._mouse(QEvent.Type.MouseMove, at, NONE, NONE)
        self._mouse(QEvent.Type.MouseButtonPress, at, LEFT, LEFT)
        for _ in range(int(self.rng.choice([0, 1, 4, 9]))):
            at = self._place()
            self._mouse(QEvent.Type.MouseMove, at, NONE, LEFT)
        self._mouse(QEvent.Type.MouseButtonRelease, at, LEFT, NONE)

    def key(self, name: str, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key over the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.keyClick(canvas, getattr(Qt.Key, f"Key_{name}"), keys)

    def any_key(self) -> None:
        """Press one of the keys that tools know."""
        self.key(str(self.rng.choice(KEYS)))

    def undo(self) -> None:
        """Press Ctrl+Z."""
        self.turned = True
        self.key("Z", Qt.KeyboardModifier.ControlModifier)

    def redo(self) -> None:
        """Press Ctrl+Shift+Z."""
        self.turned = True
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        self.key("Z", both)

    def tool(self) -> None:
        """Take a tool, and use it."""
        buttons = self.edit.toolbar.buttons
        name = str(
            self.rng.choice([name for name in buttons if name in TOOLS] or [*buttons])
        )
        if not buttons[name].isChecked():
            QTest.mouseClick(buttons[name], LEFT)
        self.drag()
        if name == "polygon":
            self.key("Return")

    def button(self) -> None:
        """Click a button of the panel."""
        title = str(
            self.rng.choice([t for t in BUTTONS if t in self.edit.commands.buttons])
        )
        QTest.mouseClick(self.edit.commands.buttons[title], LEFT)

    def class_in_list(self) -> None:
        """Choose one or two classes."""
        shown = self.edit.classes
        for _ in range(int(self.rng.integers(1, 3))):
            if shown.rowCount():
                item = shown.item(int(self.rng.integers(shown.rowCount())), 3)
                place = shown.visualItemRect(item).center()
                QTest.mouseClick(shown.viewport(), LEFT, pos=place)

    def paint(self) -> None:
        """Paint with napari's own brush."""
        if self.edit.toolbar.buttons and any(
            b.isChecked() for b in self.edit.toolbar.buttons.values()
        ):
            self.key("Escape")
        self.viewer.layers.selection.active = self.layer
        self.layer.mode = str(self.rng.choice(["paint", "fill", "erase"]))
        self.layer.selected_label = int(self.rng.integers(0, 6))
        self.layer.brush_size = int(self.rng.integers(1, 20))
        self.drag()
        self.layer.mode = "pan_zoom"

    def run_segment(self) -> None:
        """Click Segment, with other numbers than before."""
        self.segment.run()

    def settle(self, seconds: float = 60) -> None:
        """Wait until nothing runs and nothing waits."""
        begin = time.monotonic()
        while not (self.edit.background.idle and not self.segment.runner.running):
            QApplication.processEvents()
            time.sleep(0.002)
            if time.monotonic() - begin > seconds:
                raise TimeoutError(f"the queue is not empty after {seconds:.0f} s")
        self.longest_wait = max(self.longest_wait, time.monotonic() - begin)
        QTest.qWait(20)

    @property
    def state(self) -> dict[str, str]:
        """A hash of each Labels layer that an edit may change."""
        chosen = find_selection(self.viewer, self.layer)
        nothing = np.zeros(self.layer.data.shape, np.uint8)
        found = {
            "L": self.layer.data,
            "selection": nothing if chosen is None else chosen.data,
        }
        return {
            k: hashlib.sha1(np.asarray(v).astype(np.int64).tobytes()).hexdigest()
            for k, v in found.items()
        }

    @property
    def depth(self) -> int:
        """How many actions can be undone."""
        return len(self.edit.session.action_history._record.done)

    def burst(self) -> None:
        """Do some things without waiting, then look whether undo is true."""
        before, depth = self.state, self.depth
        self.turned = False
        actions: list[Callable[[], None]] = [
            self.tool,
            self.tool,
            self.button,
            self.button,
            self.button,
            self.paint,
            self.class_in_list,
            self.any_key,
            self.undo,
            self.redo,
        ]
        if self.rng.random() < 0.08:
            actions = [self.run_segment]
        names = []
        for _ in range(int(self.rng.integers(1, 5))):
            action = actions[int(self.rng.integers(len(actions)))]
            self.now_doing = action.__name__
            names.append(action.__name__)
            self.done[action.__name__] += 1
            action()
            QTest.qWait(int(self.rng.choice([0, 0, 5, 60])))
        self.now_doing = "settle"
        self.settle()
        after, steps = self.state, self.depth - depth
        if self.turned or steps <= 0 or self.rng.random() < 0.5:
            return
        for _ in range(steps):
            self.undo()
            self.settle()
        if self.state != before:
            self.errors.append(
                f"undo of {names} ({steps}) does not bring back what was there"
            )
        for _ in range(steps):
            self.redo()
            self.settle()
        if self.state != after:
            self.errors.append(
                f"redo of {names} ({steps}) does not bring back what came of it"
            )

    def tidy(self) -> None:
        """Take away the layers that pile up, as a person would."""
        for layer in [*self.viewer.layers]:
            if layer not in (self.image, self.layer) and layer is not find_selection(
                self.viewer, self.layer
            ):
                self.viewer.layers.remove(layer)


def memory() -> float:
    """Return the resident memory in MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(minutes: float, seed: int) -> int:
    """Work for some minutes; print what was seen; return the number of faults."""
    user = RandomUser(seed)
    end, bursts, sizes = time.monotonic() + 60 * minutes, 0, []
    while time.monotonic() < end and len(user.errors) < 20:
        user.burst()
        bursts += 1
        if bursts % 20 == 0:
            user.tidy()
        if bursts % 100 == 0:
            sizes.append(memory())
    print(f"{bursts} bursts, {sum(user.done.values())} actions: {dict(user.done)}")
    print(f"longest wait {user.longest_wait:.2f} s; memory in MiB:")
    print([round(size) for size in sizes])
    user.blocked.sort(reverse=True)
    print(
        "longest without an answer:",
        [(f"{s:.2f} s", what) for s, what in user.blocked[:8]],
    )
    for message, number in user.told.most_common(40):
        print(f"  {number:5} {message}")
    for error in user.errors:
        print("FAULT", error)
    print(f"{len(user.errors)} faults", flush=True)
    return len(user.errors)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        faults = main(chosen.minutes, chosen.seed)
    except BaseException:  # the window's own hook would take it
        traceback.print_exc()
        faults = 1
    sys.stdout.flush()
    os._exit(bool(faults))  # threads of a viewer have nothing to say any more
