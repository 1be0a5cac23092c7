"""Live: previews while a slider moves, the exact result when it rests."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QEvent, QPointF, Qt, QThreadPool, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSlider, QStyle, QStyleOptionSlider
from skimage import data as pictures

import napari_emseg as emseg
from napari_emseg.widgets import runner

LEFT = Qt.MouseButton.LeftButton
MB = 2**20


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]


@pytest.fixture
def gate(monkeypatch):
    """Hold exact runs at their first step until it is set; count them."""
    opened = threading.Event()
    iter_segment = runner.iter_segment
    opened.runs = []

    def hold(data, params, **kwargs):
        opened.runs.append(params)
        steps = iter_segment(data, params, **kwargs)
        yield next(steps)
        assert opened.wait(30)
        return (yield from steps)

    monkeypatch.setattr(runner, "iter_segment", hold)
    yield opened
    opened.set()


def results(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


def rest(qtbot, panel):
    """Wait until the exact result is there and no thread is at work."""
    qtbot.waitUntil(lambda: not panel.running, timeout=60_000)
    qtbot.waitUntil(lambda: panel.runner.ended and panel.live.idle, timeout=30_000)


def change(qtbot, panel, **params):
    """Change parameters as a user does, and wait for the preview."""
    panel.form.update(**params)
    qtbot.waitUntil(lambda: panel.current.previewing, timeout=30_000)


def handle(slider, value):
    """Return the middle of a slider's handle when it stands at a value."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    option.sliderPosition = option.sliderValue = value
    box = slider.style().subControlRect(
        QStyle.ComplexControl.CC_Slider,
        option,
        QStyle.SubControl.SC_SliderHandle,
        slider,
    )
    return box.center()


def send_move(slider, spot):
    """Move the mouse with its left button held."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(spot),
        QPointF(slider.mapToGlobal(spot)),
        Qt.MouseButton.NoButton,
        LEFT,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(slider, event)


class Heart:
    """Beats while Qt's loop is free; the longest pauses are its blocks, in ms."""

    def __init__(self):
        self.timer = QTimer()
        self.timer.timeout.connect(self.beat)
        self.last = None
        self.wall, self.cpu = [], []

    def beat(self):
        now = time.perf_counter(), time.thread_time()
        if self.last is not None:
            self.wall[-1] = max(self.wall[-1], 1e3 * (now[0] - self.last[0]))
            self.cpu[-1] = max(self.cpu[-1], 1e3 * (now[1] - self.last[1]))
        self.last = now

    @contextmanager
    def count(self):
        """Find the longest block inside."""
        self.last = None
        self.wall.append(0.0)
        self.cpu.append(0.0)
        self.timer.start(0)
        yield
        self.timer.stop()


def resident():
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_drag_over_a_large_picture(qtbot, viewer, panel, rng):
    """Drag "Classes" from 2 to 10 on 12 MP, back, and forth again."""
    large = cv2.resize(pictures.coffee(), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-2, 3, large.shape, dtype=np.int16)
    picture = np.clip(large + noise, 0, 255).astype(np.uint8)
    viewer.add_image(picture, name="coffee")
    panel.form.update(n_classes=2, smoothing=0, method="kmeans")
    rest(qtbot, panel)
    (layer,) = results(viewer)
    array = layer.data
    slider = panel.form["n_classes"][0]["slider"].native.findChild(QSlider)
    heart, shown = Heart(), []

    def go_on_to(value):
        with heart.count():
            send_move(slider, handle(slider, value))
            qtbot.waitUntil(lambda: layer.data.max() == value, timeout=30_000)
            QTest.qWait(30)

    QTest.mousePress(slider, LEFT, pos=handle(slider, 2))
    for value in range(3, 11):
        go_on_to(value)
        assert not layer.editable
        shown.append(layer.data[::50, ::50].copy())
    held = resident()
    for value in [*range(9, 1, -1), *range(3, 11)]:
        go_on_to(value)
    grown = (resident() - held) / MB
    QTest.mouseRelease(slider, LEFT, pos=handle(slider, 10))
    rest(qtbot, panel)

    assert [int(part.max()) for part in shown] == list(range(3, 11))
    assert results(viewer) == [layer]
    assert layer.data is array
    assert layer.editable
    assert panel.form.params.n_classes == 10
    exact = emseg.segment(picture, n_classes=10, smoothing=0, method="kmeans")
    np.testing.assert_array_equal(layer.data, exact.labels)
    assert np.mean(shown[-1] == exact.labels[::50, ::50]) > 0.9
    assert not QThreadPool.globalInstance().activeThreadCount()
    sys.stdout.write(
        f"\nlongest block per stop: median {np.median(heart.cpu):.0f} ms of CPU time, "
        f"{np.median(heart.wall):.0f} ms on the clock; "
        f"memory grew by {grown:.0f} MB in {len(heart.wall) - 8} stops\n"
    )
    assert np.median(heart.cpu) < 50
    assert np.median(heart.wall) < 1000
    assert grown < 60
