"""A random user in the real window: real events, while other things run.

What is checked: nothing raises; undo brings back, byte for byte, what was there before
a burst of actions, and redo what was there after; memory stays flat. The longest wait
of the queue and the longest time that the window did not answer are printed.

Memory is told as it is, and after the allocator gave back what is free: each time that
the canvas is drawn, glibc may take fresh memory rather than what it has. With
MALLOC_MMAP_THRESHOLD_=131072 in the environment it does not.

    xvfb-run -a python tests/attack/random_user.py --minutes 30 --seed 0

With an odd seed the picture is a stack, and the slider moves.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import os
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(), "settings.yaml"))

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QInputDialog, QLineEdit

from napari_emseg.layers import find_selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_emseg.layers import ActionHistory
    from napari_emseg.layers.undo.action_history import Action

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
KEYS = ("Escape", "Return", "L", "W")


class RandomUser:
    """A viewer with the panels, and hands that do anything in it."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.viewer = napari.Viewer(show=True)
        truth = np.ones(SHAPE, np.uint8)
        truth[20:50, 15:60], truth[55:80, 70:110] = 2, 3
        if seed % 2:
            truth = np.stack([truth, truth[::-1], truth[:, ::-1]])
        colors = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]])
        picture = colors[truth - 1] + rng.integers(0, 9, (*truth.shape, 1))
        self.image = self.viewer.add_image(picture.astype(np.uint8), rgb=True, name="p")
        self.layer = self.viewer.add_labels(truth, name="L")
        self.docks: dict[str, Any] = {}
        self.open("Select and edit")
        self.open("Segment")
        self.viewer.reset_view()
        # A canvas without a size cannot be clicked on.
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.qWaitForWindowExposed(canvas.window().windowHandle())
        while not (canvas.width() and canvas.height()):
            QTest.qWait(10)
        self.errors: list[str] = []
        self.told: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.longest_wait = 0.0
        self.turned = False
        self.names: list[str] = []  # what was done in this burst
        notification_manager.notification_ready.connect(self._note)
        sys.excepthook = self._broke
        # How long the window does not answer: a timer that should come every 10 ms.
        self.blocked: list[tuple[float, float, str]] = []
        self.last, self.now_doing = (time.monotonic(), time.thread_time()), ""
        self.beat = QTimer()
        self.beat.timeout.connect(self._beat)
        self.beat.start(10)
        # Dialogs come when it is their turn, and wait for an answer.
        self.answers = QTimer()
        self.answers.timeout.connect(self._answer)
        self.answers.start(80)

    @property
    def edit(self) -> Any:
        """The panel "Select and edit"."""
        return self.docks["Select and edit"][1]

    @property
    def segment(self) -> Any:
        """The panel "Segment"."""
        return self.docks["Segment"][1]

    def open(self, title: str) -> None:
        """Open a panel."""
        dock = self.viewer.window.add_plugin_dock_widget
        self.docks[title] = dock("napari-emseg", title)

    def _answer(self) -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QInputDialog):
            dialog.setTextValue("kept")
        if isinstance(dialog, QDialog):
            (dialog.accept if self.rng.random() < 0.5 else dialog.reject)()

    def _beat(self) -> None:
        now = time.monotonic(), time.thread_time()
        if now[0] - self.last[0] > 0.1:
            # The rest of the time others had the processor.
            own = now[1] - self.last[1]
            self.blocked.append((now[0] - self.last[0], own, self.now_doing))
        self.last = now

    def _note(self, note: Any) -> None:
        error = getattr(note, "exception", None)
        self.told[note.message[:60]] += 1
        if error is not None and not isinstance(
            error, (ValueError, TypeError, OSError)
        ):
            self.errors.append("".join(traceback.format_exception(error)))
        # Work in the background tells what nobody has foreseen by its type.
        if re.match(r"\w*(Error|Exception|error): ", note.message) or (
            " at 0x" in note.message
        ):
            self.errors.append(f"not a sentence: {note.message}")

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
        # Two moves, of which vispy hears, end its chain of what the mouse did before.
        for _ in range(2):
            self._mouse(QEvent.Type.MouseMove, at, NONE, NONE)
            QTest.qWait(6)
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
        self.names[-1] = title
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

    def live(self) -> None:
        """Turn Live on or off, and change a number, which may start a preview."""
        self.segment.controls.live.value = bool(self.rng.random() < 0.7)
        self.segment.form.rows["n_classes"].value = int(self.rng.integers(2, 6))
        if self.rng.random() < 0.3:
            self.segment.run()
        if self.rng.random() < 0.3:
            self.segment.cancel()

    def row(self) -> None:
        """Rename, show, lock or merge by dragging in the list of classes."""
        shown = self.edit.classes
        if not shown.rowCount():
            return
        place = int(self.rng.integers(shown.rowCount()))
        column = int(self.rng.integers(5))
        if column == 2:
            shown.editItem(shown.item(place, 2))
            editor = shown.findChild(QLineEdit)
            if editor is not None:
                QTest.keyClicks(editor, "ab")
                ends = [Qt.Key.Key_Return, Qt.Key.Key_Escape, None]
                end = ends[int(self.rng.integers(3))]
                if end is not None:
                    QTest.keyClick(editor, end)
        elif column == 3:
            labels = [int(n) for n in self.rng.integers(1, 6, 2)]
            if labels[0] != labels[1]:
                shown.dropped.emit(labels)
        elif column == 4:
            QTest.mouseClick(self.edit.commands.buttons["Color"], LEFT)
        else:
            item = shown.item(place, column)
            checked = item.checkState() == Qt.CheckState.Checked
            checks = Qt.CheckState
            item.setCheckState(checks.Unchecked if checked else checks.Checked)

    def menu(self) -> None:
        """Take a row of a menu: Adjust, Saved, Split."""
        title = str(self.rng.choice(["Adjust", "Saved", "Split"]))
        menu = self.edit.commands.buttons[title].menu()
        menu.aboutToShow.emit()
        rows = [row for row in menu.actions() if not row.isSeparator()]
        rows[int(self.rng.integers(len(rows)))].trigger()

    def look(self) -> None:
        """Move the slider, hide a layer, turn the view, tick a box of the layer."""
        kind = int(self.rng.integers(6))
        layers = self.viewer.layers
        if kind < 2:
            self.viewer.dims.set_current_step(0, int(self.rng.integers(3)))
        elif kind == 2:
            layer = layers[int(self.rng.integers(len(layers)))]
            layer.visible = not layer.visible
        elif kind == 3:
            self.layer.preserve_labels = not self.layer.preserve_labels
        elif kind == 4:
            self.layer.contour = int(self.rng.integers(2))
        else:
            layers.selection.active = layers[int(self.rng.integers(len(layers)))]

    def upset(self) -> None:
        """Take layers or panels away while things run, and bring them back."""
        self.turned = True
        layers, kind = self.viewer.layers, int(self.rng.integers(8))
        if kind in (3, 4) and self.layer.ndim == 3:
            # The slider goes with the layers, and Mesa can fail when napari draws the
            # canvas while that gets another size.
            kind = 6
        if kind < 3:
            for layer in [*layers]:
                if layer not in (self.image, self.layer) and self.rng.random() < 0.5:
                    layers.remove(layer)
        elif kind == 3:
            chosen = self.image if self.rng.random() < 0.5 else self.layer
            layers.remove(chosen)
            QTest.qWait(int(self.rng.choice([0, 20])))
            layers.append(chosen)
        elif kind == 4:
            layers.clear()
            QTest.qWait(int(self.rng.choice([0, 20])))
            layers.extend([self.image, self.layer])
        elif kind == 5:
            self.viewer.dims.ndisplay = 3
            self.drag()
            self.viewer.dims.ndisplay = 2
        elif kind == 6:
            self.image.data = self.image.data[..., ::-1].copy()
        else:
            title = str(self.rng.choice([*self.docks]))
            dock, _ = self.docks[title]
            self.viewer.window.remove_dock_widget(dock)
            QTest.qWait(int(self.rng.choice([0, 20])))
            self.open(title)

    def settle(self, seconds: float = 60) -> None:
        """Wait until nothing runs and nothing waits."""
        begin = time.monotonic()
        while not (self.edit.background.idle and not self.segment.running):
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
    def actions(self) -> tuple[Action, ...]:
        """What can be undone. A full history of a layer drops its oldest step."""
        history: ActionHistory = self.edit.session.action_history
        history._sync()
        return history._record.done

    def burst(self) -> None:
        """Do some things without waiting, then look whether undo is true."""
        before, known = self.state, self.actions
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
            self.row,
            self.row,
            self.menu,
            self.look,
            self.undo,
            self.redo,
        ]
        chance = self.rng.random()
        if chance < 0.08:
            actions = [self.run_segment, self.live]
        elif chance < 0.16:
            actions += [self.upset] * 4 + [self.live] * 2
        names = self.names = list[str]()
        for _ in range(int(self.rng.integers(1, 5))):
            action = actions[int(self.rng.integers(len(actions)))]
            self.now_doing = action.__name__
            names.append(action.__name__)
            self.done[action.__name__] += 1
            action()
            QTest.qWait(int(self.rng.choice([0, 0, 5, 60])))
        self.now_doing = "settle"
        self.settle()
        after, steps = self.state, _count_new(self.actions, known)
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
        """Take away the layers and messages that pile up, as a person would."""
        # Of several at a time, napari takes the last away by itself, no other.
        for message in [*NapariQtNotification._instances]:
            message.close()
        for layer in [*self.viewer.layers]:
            if layer not in (self.image, self.layer) and layer is not find_selection(
                self.viewer, self.layer
            ):
                self.viewer.layers.remove(layer)


def _count_new(actions: tuple[Action, ...], known: tuple[Action, ...]) -> int:
    """Return how many actions are none of those that are known, nor a part of one."""
    keys = {mark.key for action in known for mark in action.marks}
    made = {id(action.made) for action in known if action.made is not None}
    # Names, locks and forms have no marks.
    same = {id(action) for action in known}
    return sum(
        keys.isdisjoint(mark.key for mark in action.marks)
        and id(action.made) not in made
        and id(action) not in same
        for action in actions
    )


def memory() -> tuple[int, int]:
    """Return the resident memory in MiB, and what of it is not free."""
    # As in a pause, in which the plugin collects what it had put off.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    resident = _resident()
    with suppress(OSError, AttributeError):  # of glibc alone
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return resident, _resident()


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def main(minutes: float, seed: int) -> int:
    """Work for some minutes; print what was seen; return the number of faults."""
    user = RandomUser(seed)
    end, bursts, sizes = time.monotonic() + 60 * minutes, 0, list[tuple[int, int]]()
    while time.monotonic() < end and len(user.errors) < 20:
        user.burst()
        bursts += 1
        if bursts % 20 == 0:
            user.tidy()
        if bursts % 100 == 0:
            sizes.append(memory())
    print(f"{bursts} bursts, {sum(user.done.values())} actions: {dict(user.done)}")
    print(f"longest wait {user.longest_wait:.2f} s; memory in MiB, and not free of it:")
    print(sizes)
    user.blocked.sort(reverse=True)
    print("longest without an answer, and what of it the window worked itself:")
    for seconds, own, what in user.blocked[:8]:
        print(f"  {seconds:.2f} s, {own:.2f} s in {what}")
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
