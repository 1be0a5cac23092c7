"""A random walk over all that the panels offer, then all of it undone and redone.

What is checked: after undoing all, the labels, names, colors, locks, selections, layers
and the form are those of the start; after redoing all, those of the end; and the Python
script of each result makes its labels.

    xvfb-run -a python tests/attack/history_walk.py --actions 300 --seeds 1 2 3 4 5
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if __name__ == "__main__":
    os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(), "settings.yaml"))

import numpy as np
import tifffile
from imageio.v3 import imwrite
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QInputDialog

from napari_emseg.layers import is_result, is_selection
from napari_emseg.layers.classes import class_color, class_name, class_shown
from napari_emseg.layers.metadata import image_of
from napari_emseg.layers.recipe_log import recipe_of
from napari_emseg.layers.undo.class_changes import locks_of
from napari_emseg.widgets.edit import class_list
from napari_emseg.widgets.edit.adjust import picture_forms
from napari_emseg.widgets.edit.adjust.dialog import ADJUSTMENTS, EDGE
from napari_emseg.widgets.edit.adjust.fields import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_emseg.widgets.edit.adjust.dialog import Dialog

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
PLAIN = Qt.KeyboardModifier.NoModifier
SHAPE = (36, 48)
COLORS = ("tomato", "teal", "gold", "orchid")
TOOLS = (
    ("W", PLAIN),
    ("W", SHIFT),  # the brush
    ("Q", PLAIN),
    ("J", PLAIN),
    ("K", PLAIN),
    ("L", PLAIN),
    ("M", PLAIN),
)
COMMANDS = (
    "All",
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
    "Refine edge",
    "Fill",
    "New class",
    "Refit",
    "Cut out",
)


class HistoryWalk:
    """A viewer with both panels, and hands that walk through them.

    Parameters
    ----------
    viewer : napari.Viewer
        Empty.
    seed : int
        Of the picture and the walk.
    """

    def __init__(self, viewer: Any, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.viewer = viewer
        truth = np.zeros(SHAPE, int)
        truth[8:20, 6:24], truth[22:32, 28:44] = 1, 2
        colors = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]])
        noise = self.rng.integers(0, 9, (*SHAPE, 1))
        self.picture = (colors[truth] + noise).astype(np.uint8)
        self.image = viewer.add_image(self.picture, name="p")
        dock = viewer.window.add_plugin_dock_widget
        self.edit = dock("napari-emseg", "Select and edit")[1]
        self.segment = dock("napari-emseg", "Segment")[1]
        self.segment.controls.live.value = False
        self.done: Counter[str] = Counter()
        self.settle()
        self.start = self.state()

    @property
    def history(self) -> Any:
        """All that was done."""
        return self.edit.session.action_history

    def walk(self, actions: int) -> None:
        """Do so many things, one after the other."""
        hands = [
            self.use_tool,
            self.use_tool,
            self.command,
            self.command,
            self.key,
            self.rename,
            self.recolor,
            self.show_or_lock,
            self.merge,
            self.split,
            self.paint,
            self.adjust,
            self.change,
            self.export,
            self.keep,
            self.fit,
            self.live,
            self.back_and_forth,
        ]
        # Labels that are begun by hand, and others of a fit.
        self.show_panel(self.edit)
        self.press("M")
        self.drag()
        self.click("New class")
        self.settle()
        self.fit()
        self.settle()
        for _ in range(actions):
            hand = hands[int(self.rng.integers(len(hands)))]
            self.done[hand.__name__] += 1
            with self.dialogs():
                hand()
                self.settle()

    def check(self) -> list[str]:
        """Undo all, redo all, and run the scripts; return what is wrong."""
        end, count = self.state(), len(self.history.done)
        said = [action.text for action in self.history.done]
        self.turn(count, CTRL)
        wrong = differences("undone", self.state(), self.start)
        if self.history.done:
            wrong.append(f"{len(self.history.done)} actions cannot be undone")
        self.turn(count, CTRL | SHIFT)
        wrong += differences("redone", self.state(), end)
        if [action.text for action in self.history.done] != said:
            wrong.append("the list is another one after all was redone")
        return wrong + [
            f"the script of {layer.name} makes other labels"
            for layer in self.viewer.layers
            if isinstance(layer, Labels)
            and is_result(layer)
            and not self.scripted(layer)
        ]

    def scripted(self, layer: Labels) -> bool:
        """Run the script of a layer; return whether it makes the labels."""
        with tempfile.TemporaryDirectory() as folder:
            picture, labels = Path(folder, "p.png"), Path(folder, "p_classes.tif")
            # It may be one that was adjusted or cut out.
            image = image_of(self.viewer, layer)
            assert image is not None, layer.name
            imwrite(picture, image.data)
            text = recipe_of(self.viewer, layer).to_python(picture, labels)
            exec(compile(text, "script", "exec"), {"__name__": "__main__"})
            return bool(np.array_equal(tifffile.imread(labels), layer.data))

    def state(self) -> dict[str, Any]:
        """Return all that a person sees of what was done."""
        found: dict[str, Any] = {
            "layers": [layer.name for layer in self.viewer.layers],
            "form": self.segment.form.params,
        }
        for layer in self.viewer.layers:
            if isinstance(layer, Image):
                found[f"pixels of {layer.name}"] = np.array(layer.data)
            if not isinstance(layer, Labels):
                continue
            found[f"labels of {layer.name}"] = np.array(layer.data, np.int64)
            if is_selection(layer):
                continue
            numbers = range(1, 12)
            found[f"names of {layer.name}"] = [class_name(layer, n) for n in numbers]
            found[f"colors of {layer.name}"] = np.array(
                [[*class_color(layer, n), class_shown(layer, n)] for n in numbers]
            )
            locks = locks_of(layer)
            found[f"locks of {layer.name}"] = sorted(locks)
        return found

    def turn(self, count: int, keys: Any) -> None:
        """Press Ctrl+Z, or with Shift, so many times."""
        for _ in range(count):
            self.press("Z", keys)

    def settle(self, seconds: float = 120) -> None:
        """Wait until nothing runs and nothing waits."""
        begin = time.monotonic()
        while not (self.edit.background.idle and not self.segment.running):
            QApplication.processEvents()
            time.sleep(0.001)
            if time.monotonic() - begin > seconds:
                raise TimeoutError(f"not at rest after {seconds:.0f} s")
        QApplication.processEvents()

    # What hands do.

    def press(self, name: str, keys: Any = PLAIN) -> None:
        """Press a key over the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        QTest.keyClick(canvas, getattr(Qt.Key, f"Key_{name}"), keys)
        self.settle()

    def use_tool(self) -> None:
        """Take a tool by its letter, and drag it over the picture."""
        self.show_panel(self.edit)
        self.press(*TOOLS[int(self.rng.integers(len(TOOLS)))])
        if self.rng.random() < 0.3:
            rows = self.edit.tool_options.rows
            rows["brush"].setValue(int(self.rng.integers(1, 14)))
            rows["regions"].setChecked(bool(self.rng.random() < 0.5))
        self.drag()
        if self.edit.toolbox.name:
            self.edit.toolbox.take("")

    def drag(self) -> None:
        """Press, move, release."""
        places = [self.place() for _ in range(4)]
        self.mouse(QEvent.Type.MouseMove, places[0], NONE, NONE)
        self.mouse(QEvent.Type.MouseButtonPress, places[0], LEFT, LEFT)
        for place in places[1:]:
            self.mouse(QEvent.Type.MouseMove, place, NONE, LEFT)
        self.mouse(QEvent.Type.MouseButtonRelease, places[-1], LEFT, NONE)
        self.settle()

    def mouse(self, kind: Any, at: QPointF, button: Any, held: Any) -> None:
        """Send an event of the mouse to the canvas."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        where = QPointF(canvas.mapToGlobal(at.toPoint()))
        keys = SHIFT if self.rng.random() < 0.2 else PLAIN
        QApplication.sendEvent(canvas, QMouseEvent(kind, at, where, button, held, keys))
        QTest.qWait(6)  # napari looks at the mouse every 5 ms

    def place(self) -> QPointF:
        """Return a place on the canvas, where the picture is."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        camera = getattr(self.viewer, "scene", self.viewer).camera
        point = self.rng.uniform(0, SHAPE)
        middle = np.array([canvas.height(), canvas.width()]) / 2
        y, x = middle + (point - np.array(camera.center[-2:])) * camera.zoom
        return QPointF(float(x), float(y))

    def show_panel(self, panel: Any) -> None:
        """Bring the tab of a panel to the front."""
        dock = getattr(panel, "native", panel).parent()
        if dock is not None and hasattr(dock, "raise_"):
            dock.raise_()
        QApplication.processEvents()

    def command(self) -> None:
        """Click a button of the panel."""
        self.click(str(self.rng.choice(COMMANDS)))

    def click(self, title: str) -> None:
        """Click a button by its title."""
        QTest.mouseClick(self.edit.commands.buttons[title], LEFT)

    def key(self) -> None:
        """Press a key of a command."""
        self.show_panel(self.edit)
        keys = [("A", CTRL), ("D", CTRL), ("I", CTRL | SHIFT), ("G", PLAIN)]
        keys += [("N", PLAIN), ("Delete", PLAIN), ("BracketRight", PLAIN)]
        self.press(*keys[int(self.rng.integers(len(keys)))])

    def row(self) -> int:
        """Return a row of the list of classes; -1 if there is none."""
        QTest.qWait(10)
        count = self.edit.classes.rowCount()
        return int(self.rng.integers(count)) if count else -1

    def rename(self) -> None:
        """Give a class another name."""
        if (row := self.row()) >= 0:
            name = "".join(self.rng.choice([*"abcdefgh"], 4))
            self.edit.classes.item(row, class_list.NAME).setText(name)

    def recolor(self) -> None:
        """Give a class another color, through the dialog."""
        if (row := self.row()) >= 0:
            self.edit.classes.setCurrentCell(row, class_list.NAME)
            self.click("Color")

    def show_or_lock(self) -> None:
        """Tick a box of a class, or untick it."""
        if (row := self.row()) >= 0:
            item = self.edit.classes.item(row, int(self.rng.integers(2)))
            on = item.checkState() == Qt.CheckState.Checked
            states = Qt.CheckState
            item.setCheckState(states.Unchecked if on else states.Checked)

    def merge(self) -> None:
        """Drop a class onto another one."""
        labels = [self.edit.classes.item(r, class_list.NAME) for r in range(2)]
        if self.row() >= 0 and all(labels):
            role = Qt.ItemDataRole.UserRole
            self.edit.classes.dropped.emit([int(one.data(role)) for one in labels])

    def split(self) -> None:
        """Split the class that is chosen, through the menu."""
        if (row := self.row()) >= 0:
            self.edit.classes.setCurrentCell(row, class_list.NAME)
            self.choose("Split")

    def choose(self, title: str, start: str = "") -> None:
        """Take a row of a menu, of those that start so."""
        menu = self.edit.commands.buttons[title].menu()
        menu.aboutToShow.emit()
        # "Into objects" opens a panel of its own.
        rows = [
            row
            for row in menu.actions()
            if not row.isSeparator() and "objects" not in row.text()
            if row.text().startswith(start)
        ]
        if not rows:
            return
        rows[int(self.rng.integers(len(rows)))].trigger()

    def adjust(self) -> None:
        """Adjust the picture."""
        if sum(isinstance(one, Image) for one in self.viewer.layers) < 5:
            self.choose("Adjust")

    def change(self) -> None:
        """Change an adjustment of the picture, if it has one."""
        pictures = [one for one in self.viewer.layers if isinstance(one, Image)]
        active = pictures[int(self.rng.integers(len(pictures)))]
        self.viewer.layers.selection.active = active
        self.choose("Adjust", "Change")

    def export(self) -> None:
        """Write what is selected as a picture."""
        self.choose("Export")

    def keep(self) -> None:
        """Save the selection, or take a saved one."""
        self.choose("Saved")

    def paint(self) -> None:
        """Paint with napari's own brush."""
        layer = self.edit.session.labels
        if layer is None or not layer.editable:
            return
        self.show_panel(self.edit)
        self.press("B")
        layer.selected_label = int(self.rng.integers(0, 5))
        layer.brush_size = int(self.rng.integers(2, 8))
        self.drag()
        layer.mode = "pan_zoom"

    def fit(self) -> None:
        """Press Segment: for a new layer, or for an earlier one."""
        panel, row = self.segment, self.segment.form.rows["n_classes"]
        count, before = len(self.history.done), row.value
        row.value = int(self.rng.integers(2, 5))
        results = [one for one in self.viewer.layers if is_result(one)]
        output = panel._boxes.output
        output.value = output.choices[0]
        if results and (len(results) > 2 or self.rng.random() < 0.5):
            output.value = results[int(self.rng.integers(len(results)))]
        panel.run()
        self.settle()
        if len(self.history.done) == count:  # it failed, and a form alone is no step
            row.value = before

    def live(self) -> None:
        """Change a number while Live is ticked, and wait for the result."""
        row, count = self.segment.form.rows["n_classes"], len(self.history.done)
        before = row.value
        self.segment.controls.live.value = True
        row.value = int(self.rng.integers(2, 5))
        QTest.qWait(1)
        self.settle()
        self.segment.controls.live.value = False
        if len(self.history.done) == count:
            row.value = before

    def back_and_forth(self) -> None:
        """Undo some, and redo some of that."""
        count = int(self.rng.integers(1, 4))
        self.turn(count, CTRL)
        self.turn(int(self.rng.integers(0, count + 1)), CTRL | SHIFT)

    @contextmanager
    def dialogs(self) -> Iterator[None]:
        """Answer the dialogs that ask for colors, names and numbers."""
        color = QColor(str(self.rng.choice(COLORS)))
        name = f"kept {int(self.rng.integers(3))}"
        fields = {title: row.fields for title, row in ADJUSTMENTS.items()}
        fields["Refine edge"] = EDGE
        target = Path(tempfile.mkdtemp(), "exported.png"), True

        def answer(dialog: Dialog, panel: Any, preview: Any, then: Any) -> None:
            share = 0.4 * self.rng.random()
            for field in fields[dialog.windowTitle()].values():
                if isinstance(field, Number):
                    value = field.start + share * (field.most - field.start)
                    dialog.put({field.name: value})
            then(dialog.options())
            dialog.reject()

        with (
            patch.object(class_list.QColorDialog, "getColor", lambda *_: color),
            patch.object(QInputDialog, "getText", lambda *_: (name, True)),
            patch.object(picture_forms, "ask", answer),
            patch.object(picture_forms, "ask_path", lambda *_: target),
        ):
            yield


def differences(when: str, found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return in what two states differ."""
    lines = [f"{when}: {key} is missing" for key in wanted.keys() - found.keys()]
    lines += [f"{when}: {key} is left over" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        if not np.array_equal(found[key], wanted[key]):
            lines.append(
                f"{when}: {key}: {found[key]!s:.90} is not {wanted[key]!s:.90}"
            )
    return lines


def main(actions: int, seeds: list[int]) -> int:
    """Walk with each seed; print what was seen; return the number of faults."""
    import napari

    faults = 0
    for seed in seeds:
        viewer = napari.Viewer()
        walk = HistoryWalk(viewer, seed)
        canvas = viewer.window._qt_viewer.canvas.native
        while not (canvas.width() and canvas.height()):
            QTest.qWait(10)
        viewer.reset_view()
        begin = time.monotonic()
        walk.walk(actions)
        count = len(walk.history.done)
        wrong = walk.check()
        seconds = time.monotonic() - begin
        print(f"seed {seed}: {count} actions in the list, {dict(walk.done)}")
        print(f"  {len(wrong)} faults, {seconds:.0f} s", *wrong, sep="\n  ", flush=True)
        faults += len(wrong)
        viewer.close()
    return faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4, 5])
    chosen = parser.parse_args()
    try:
        failed = main(chosen.actions, chosen.seeds)
    except BaseException:  # the window's own hook would take it
        traceback.print_exc()
        failed = 1
    sys.stdout.flush()
    os._exit(bool(failed))  # threads of a viewer have nothing to say any more
