"""Measure how long the window stands still while one works on a large picture.

Run it in a virtual display, with one thread of linear algebra::

    OMP_NUM_THREADS=1 xvfb-run -a python tests/benchmarks/bench_window.py

In a real viewer with both panels, over a photograph ("coffee" of scikit-image,
enlarged, with noise), a timer beats whenever Qt's loop is free. The longest pause
between two beats is a block of the loop: in time of the processor that Qt's thread
used, which other programs do not lengthen, and on the clock. Each action is done
several times; the first time, which loads and compiles, is apart from the median of
the others. Napari draws with the processor here, without a graphics card: "draw", a
mere change of the opacity of the labels, is what that takes for one picture of this
size, and "napari" is what it takes without the plugin. While the user pauses, garbage
is collected, which is a row of its own.
"""

from __future__ import annotations

import argparse
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage import data

from napari_emseg.widgets.common.pause import collect_in_pauses
from napari_emseg.widgets.compare.panel import open_compare
from napari_emseg.widgets.edit.adjust.adjusted_picture import AdjustmentPreview
from napari_emseg.widgets.edit.adjust.dialog import ADJUSTMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

PLUGIN = "napari-emseg"
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
# What the loop is given after an action for what comes late, in ms.
AFTER = 150
PAUSE = "in a pause: garbage"


class Heart:
    """Beats while Qt's loop is free."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._last = (0.0, 0.0)
        self.longest = (0.0, 0.0)

    def _beat(self) -> None:
        now = time.thread_time(), time.perf_counter()
        spent = (now[0] - self._last[0], now[1] - self._last[1])
        self.longest = max(self.longest, spent)
        self._last = now

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Find the longest block inside: time of the processor, and on the clock."""
        self._last = time.thread_time(), time.perf_counter()
        self.longest = (0.0, 0.0)
        self._timer.start(0)
        yield
        self._beat()
        self._timer.stop()


class Window:
    """A viewer with a picture and the panels, and a mouse over its canvas."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.viewer = napari.Viewer()
        self.heart = Heart()
        self.found: dict[str, list[tuple[float, float]]] = {}
        self._without_us(image)
        dock = self.viewer.window.add_plugin_dock_widget
        self.segment = dock(PLUGIN, "Segment")[1]
        self.edit = dock(PLUGIN, "Select and edit")[1]
        self.image = self.viewer.add_image(image, name="coffee")
        self.garbage = collect_in_pauses(self.viewer, self.edit)
        self.garbage.hold()
        self.settle()

    def _without_us(self, image: NDArray[np.uint8]) -> None:
        """Add labels of the same size, and remove them: napari's own blocks."""
        layers = [self.viewer.add_image(image)]
        labels = np.ones(image.shape[:2], np.uint8)
        labels[::2] = 2

        def add() -> None:
            layers.append(self.viewer.add_labels(labels))
            QTest.qWait(AFTER)

        def remove() -> None:
            self.viewer.layers.remove(layers.pop())
            QTest.qWait(AFTER)

        for _ in range(4):
            for name, act in (("add labels", add), ("remove labels", remove)):
                with self.heart.beating():
                    act()
                self.found.setdefault(f"napari: {name}", []).append(self.heart.longest)
        self.viewer.layers.clear()

    def settle(self) -> None:
        """Wait until nothing is under way."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            QTest.qWait(5)
            segment, edit = self.segment, self.edit
            busy = segment.running or not (segment.runner.idle and segment.live.idle)
            if not busy and edit.background.idle:
                break
        QTest.qWait(AFTER)

    def do(self, name: str, act: Callable[[], object]) -> None:
        """Do something, wait for what follows, and note the longest block."""
        with self.heart.beating():
            act()
            self.settle()
        self.found.setdefault(name, []).append(self.heart.longest)
        self.pause()

    def pause(self) -> None:
        """Let garbage be collected, for which a pause of the user is awaited."""
        if not self.garbage.waiting:
            return
        with self.heart.beating():
            while self.garbage.waiting:
                QTest.qWait(5)
        self.found.setdefault(PAUSE, []).append(self.heart.longest)

    def press(self, title: str) -> None:
        """Press a button of the panel "Select and edit"."""
        QTest.mouseClick(self.edit.commands.buttons[title], LEFT)

    def move(self, place: Sequence[float], *, held: bool = False) -> None:
        """Move the mouse to a place (y, x) of the picture, each 0 to 1."""
        self._send(QEvent.Type.MouseMove, place, NONE, LEFT if held else NONE)

    def drag(self, places: Sequence[Sequence[float]]) -> None:
        """Drag the mouse along places."""
        self.move(places[0])
        self._send(QEvent.Type.MouseButtonPress, places[0], LEFT, LEFT)
        for place in places:
            self.move(place, held=True)
        self._send(QEvent.Type.MouseButtonRelease, places[-1], LEFT, NONE)

    def _send(
        self,
        kind: QEvent.Type,
        place: Sequence[float],
        button: Qt.MouseButton,
        held: Qt.MouseButton,
    ) -> None:
        canvas = self.viewer.window._qt_viewer.canvas.native
        shape = self.image.data.shape[:2]
        world = self.image.data_to_world(np.multiply(place, shape))[-2:]
        camera = getattr(self.viewer, "scene", self.viewer).camera
        middle = np.array([canvas.height(), canvas.width()]) / 2
        y, x = middle + (np.array(world) - camera.center[-2:]) * camera.zoom
        spot = QPointF(float(x), float(y))
        wide = QPointF(canvas.mapToGlobal(spot.toPoint()))
        none = Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(kind, spot, wide, button, held, none)
        QApplication.sendEvent(canvas, event)
        QTest.qWait(8)  # napari looks at the mouse every 5 ms

    @property
    def labels(self) -> napari.layers.Labels:
        """The labels that are edited."""
        return self.edit.session.labels


def photograph(megapixels: float) -> NDArray[np.uint8]:
    """Enlarge the photograph, and add noise of a standard deviation of 2."""
    small = data.coffee()
    scale = np.sqrt(megapixels * 1e6 / (small.shape[0] * small.shape[1]))
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, large.shape)
    return (large + noise).round().clip(0, 255).astype(np.uint8)


def segmenting(window: Window, turns: int) -> None:
    """Press "Segment", and move sliders with "Live" on."""
    run = window.segment["buttons"]["run"].native
    for _ in range(turns):
        window.do("Segment", lambda: QTest.mouseClick(run, LEFT))
    for k in [3, 4, 5, 6, 7][:turns]:
        window.do("Live: classes", lambda k=k: window.segment.form.update(n_classes=k))

    def slide() -> None:
        for k in (4, 5, 6, 7, 8):
            window.segment.form.update(n_classes=k)
            QTest.qWait(250)

    for _ in range(turns):
        window.do("Live: drag", slide)
    for strength in np.linspace(1.5, 3, turns):
        window.do(
            "Live: smoothing",
            lambda s=strength: window.segment.form.update(smoothing=float(s)),
        )
    # Of the results, one is enough for what follows.
    results = [one for one in window.viewer.layers if one is not window.image]
    for layer in results[:-1]:
        window.viewer.layers.remove(layer)
    window.settle()
    for value in np.linspace(0.3, 1, 2 * turns):
        window.do("draw", lambda v=value: setattr(window.labels, "opacity", float(v)))


def selecting(window: Window, turns: int) -> None:
    """Point with the wand, click, and edit what is selected."""
    spots = [(0.1 + 0.8 * i / turns, 0.15 + 0.7 * i / turns) for i in range(turns)]
    window.do("wand: first hover", lambda: window.edit.toolbox.take("wand"))
    window.do("wand: first hover", lambda: window.move((0.5, 0.5)))
    for spot in spots:
        window.do("wand: hover", lambda s=spot: window.move(s))
    for spot in spots:
        window.do("wand: click", lambda s=spot: window.drag([s]))
        window.do("Fill", lambda: window.press("Fill"))
        window.do("undo", window.edit.session.undo)
        window.do("redo", window.edit.session.redo)
        window.labels.selected_label = 1 + (window.labels.selected_label % 3)
        window.do("Invert", lambda: window.press("Invert"))
    for turn in range(turns):
        name = f"kept {turn}"
        window.do(
            "save selection",
            lambda n=name: window.edit.commands._actions.save(n),
        )
    for _ in range(turns):
        window.do("undo", window.edit.session.undo)
    for spot in spots:
        window.do("wand: click", lambda s=spot: window.drag([s]))
        window.do("New class", lambda: window.press("New class"))
        window.do("Refit", lambda: window.press("Refit"))
        window.do("undo: Refit", window.edit.session.undo)
    window.do("wand: put away", lambda: window.edit.toolbox.take(""))
    window.do("region: take", lambda: window.edit.toolbox.take("region"))
    for spot in [(0.5, 0.5), *spots]:
        window.do("region: hover", lambda s=spot: window.move(s))
    window.do("region: put away", lambda: window.edit.toolbox.take(""))


def scribbling(window: Window, turns: int) -> None:
    """Draw scribbles, and put the tool away."""
    for _ in range(turns):
        window.do("scribbles: take", lambda: window.edit.toolbox.take("scribbles"))
        stroke = [(0.3 + 0.02 * i, 0.4) for i in range(10)]
        window.do("scribbles: stroke", lambda s=stroke: window.drag(s))
        window.do("scribbles: put away", lambda: window.edit.toolbox.take("scribbles"))


def adjusting(window: Window, turns: int) -> None:
    """Move a slider of an adjustment with its preview, and apply it."""
    session, title = window.edit.session, "Hue and saturation"
    for _ in range(turns):
        plane = session.plane()
        picture, selected = session.picture(plane), session.selected(plane)
        preview = AdjustmentPreview(
            session, picture, selected, ADJUSTMENTS[title].change
        )
        options = {"hue": 0.0, "saturation": 0.0, "lightness": 0.0}
        window.do("Adjust: open", lambda p=preview, o=options: p.show(o))
        for hue in (20.0, 40.0):
            window.do(
                "Adjust: slider",
                lambda p=preview, o=options, h=hue: p.show(o | {"hue": h}),
            )
        window.do("Adjust: close", preview.hide)
        window.do(
            "Adjust: apply",
            lambda o=options: window.edit.commands._actions.adjust(title, o),
        )
        window.do("undo: Adjust", session.undo)


def comparing(window: Window, turns: int) -> None:
    """Compare three settings, and close them."""
    panel = open_compare(window.viewer, window.image)
    panel.page.choices.classes.setText("2 3 4")

    def compare() -> None:
        panel.compare()
        while not panel.background.idle:
            QTest.qWait(5)

    for _ in range(turns):
        window.do("Compare", compare)
        window.do("Compare: close", panel.discard)


PARTS = (segmenting, selecting, scribbling, adjusting, comparing)


def main() -> None:
    """Read the command line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--parts", nargs="+", default=[p.__name__ for p in PARTS])
    args = parser.parse_args()
    window = Window(photograph(args.megapixels))
    run = window.segment["buttons"]["run"].native
    if "segmenting" not in args.parts:
        QTest.mouseClick(run, LEFT)
        window.settle()
    for part in PARTS:
        if part.__name__ in args.parts:
            part(window, args.turns)
    print(f"{'longest block, ms':22s}  first  median    most  median on the clock")
    for name, blocks in window.found.items():
        first, *rest = 1e3 * np.array(blocks)
        rest = np.array(rest) if rest else first[np.newaxis]
        cpu, clock = np.median(rest, axis=0)
        most = rest[:, 0].max()
        print(f"{name:22s} {first[0]:6.0f} {cpu:7.0f} {most:7.0f} {clock:9.0f}")
    window.viewer.close()


if __name__ == "__main__":
    main()
