"""Live: previews while a slider moves, the exact result when it rests."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import napari.settings
import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QEvent, QPointF, Qt, QThreadPool, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSlider, QStyle, QStyleOptionSlider
from skimage import data as pictures

import napari_emseg as emseg
from napari_emseg.layers.classes import (
    class_color,
    class_name,
    paint_class,
    rename_class,
)
from napari_emseg.layers.history import undo_steps
from napari_emseg.widgets.segment import segment_request

LEFT = Qt.MouseButton.LeftButton
MB = 2**20


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]


@pytest.fixture
def gate(monkeypatch):
    """Hold exact runs at their first step until it is set; count them."""
    opened = threading.Event()
    iter_segment = segment_request.iter_segment
    opened.runs = []

    def hold(data, params, **kwargs):
        opened.runs.append(params)
        steps = iter_segment(data, params, **kwargs)
        yield next(steps)
        assert opened.wait(300)
        return (yield from steps)

    monkeypatch.setattr(segment_request, "iter_segment", hold)
    yield opened
    opened.set()


def results(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


def rest(qtbot, panel):
    """Wait until the exact result is there and no thread is at work."""
    qtbot.waitUntil(lambda: not panel.running, timeout=60_000)
    qtbot.waitUntil(lambda: panel.runner.idle and panel.live.idle, timeout=30_000)


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
        self.timer.start(1)  # at 0, it takes a processor for itself
        yield
        self.timer.stop()


def resident():
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.whole_window
def test_drag_over_a_large_picture(qtbot, viewer, panel, rng, gate):
    """Drag "Classes" from 2 to 10 on 12 MP, back, and forth again."""
    large = cv2.resize(pictures.coffee(), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(0, 5, (300, 400, 3), dtype=np.uint8)
    picture = cv2.add(large, np.tile(noise, (10, 10, 1)))
    viewer.add_image(picture, name="coffee")
    gate.set()
    panel.form.update(n_classes=2, smoothing=0, method="kmeans")
    rest(qtbot, panel)
    gate.clear()
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
    for value in [7, 3, 2, 5, 10]:
        go_on_to(value)
    grown = (resident() - held) / MB
    gate.set()
    with heart.count():
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
        f"{np.median(heart.wall):.0f} ms on the clock; while the exact result comes: "
        f"{heart.cpu[-1]:.0f} and {heart.wall[-1]:.0f} ms; memory grew by "
        f"{grown:.0f} MB\n"
    )
    assert np.median(heart.cpu) < 50
    assert np.median(heart.wall) < 1000
    assert grown < 60


def test_preference(viewer):
    napari.settings.get_plugin_settings("napari-emseg").segment.live = False
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]
    assert not panel.controls.live.value


def test_opening_a_picture_does_not_segment_it(viewer, panel, stripes, gate):
    viewer.add_image(stripes)
    viewer.add_image(stripes[::-1])
    panel.form["image"].value = viewer.layers[0]
    QTest.qWait(500)
    assert not panel.running
    assert not gate.runs
    assert not results(viewer)


def test_off(viewer, panel, stripes, gate):
    viewer.add_image(stripes)
    QTest.mouseClick(panel["buttons"]["live"].native, LEFT)
    assert not panel.controls.live.value
    panel.form.update(n_classes=3)
    QTest.qWait(500)
    assert not gate.runs
    assert not results(viewer)


@pytest.mark.parametrize(
    "change_to",
    [
        {"n_classes": 3},
        {"color": "rgb"},
        {"method": "kmeans"},
        {"smoothing": 0},
        {"covariance": "diag"},
    ],
)
def test_any_parameter(qtbot, viewer, panel, stripes, change_to):
    viewer.add_image(stripes)
    panel.form.update(**change_to)
    rest(qtbot, panel)
    (layer,) = results(viewer)
    expected = emseg.segment(stripes, **change_to).labels
    np.testing.assert_array_equal(layer.data, expected)


def test_only_the_latest_change_is_run(qtbot, viewer, panel, stripes, gate):
    viewer.add_image(stripes)
    for n in (2, 5, 6):
        change(qtbot, panel, n_classes=n)
    qtbot.waitUntil(lambda: bool(gate.runs), timeout=30_000)
    panel.form.update(n_classes=3)
    qtbot.waitUntil(lambda: results(viewer)[0].data.max() == 3, timeout=30_000)
    gate.set()
    rest(qtbot, panel)
    # One was under way, and is the only one of those before that ever ran.
    assert len(gate.runs) == 2
    assert gate.runs[-1].n_classes == 3
    (layer,) = results(viewer)
    np.testing.assert_array_equal(
        layer.data, emseg.segment(stripes, n_classes=3).labels
    )
    assert layer.metadata["emseg"]["params"]["n_classes"] == 3


class TestCancel:
    def test_the_first_preview(self, qtbot, viewer, panel, stripes, gate):
        viewer.add_image(stripes)
        change(qtbot, panel, n_classes=3)
        QTest.mouseClick(panel["buttons"]["cancel"].native, LEFT)
        assert not results(viewer)
        gate.set()
        QTest.qWait(500)
        rest(qtbot, panel)
        assert not results(viewer)

    @pytest.mark.parametrize("wait_for_run", [False, True])
    def test_a_later_one(self, qtbot, viewer, panel, stripes, gate, wait_for_run):
        viewer.add_image(stripes)
        gate.set()
        panel.form.update(n_classes=3)
        rest(qtbot, panel)
        (layer,) = results(viewer)
        layer.mode = "paint"
        labels, color = layer.data.copy(), layer.get_color(2).copy()
        gate.clear()
        change(qtbot, panel, n_classes=5)
        assert layer.data.max() == 5
        if wait_for_run:
            qtbot.waitUntil(lambda: len(gate.runs) == 2, timeout=30_000)
        QTest.mouseClick(panel["buttons"]["cancel"].native, LEFT)
        gate.set()
        rest(qtbot, panel)
        np.testing.assert_array_equal(layer.data, labels)
        np.testing.assert_array_equal(layer.get_color(2), color)
        assert (layer.mode, layer.editable) == ("paint", True)
        layer.undo()
        np.testing.assert_array_equal(layer.data, labels)


class TestPause:
    """A result with edits is not touched, and the panel says so."""

    @pytest.fixture
    def mine(self, qtbot, viewer, panel, stripes, hand):
        """Return the result that Live follows."""
        viewer.add_image(stripes, name="stripes")
        panel.form.update(n_classes=3)
        rest(qtbot, panel)
        (layer,) = results(viewer)
        hand.layer = layer
        return layer

    def step_up(self, panel):
        """Drag "Classes" one step up."""
        slider = panel.form["n_classes"][0]["slider"].native.findChild(QSlider)
        value = slider.value()
        QTest.mousePress(slider, LEFT, pos=handle(slider, value))
        send_move(slider, handle(slider, value + 1))
        QTest.mouseRelease(slider, LEFT, pos=handle(slider, value + 1))
        assert panel.form.params.n_classes == value + 1

    def assert_paused(self, panel):
        status = panel.controls.status.value
        assert status == (
            "Live is paused: “stripes classes” has edits, which stay. Press Segment "
            "for a new result."
        )
        assert panel.controls.live.value
        assert panel.controls.segment.enabled

    def test_strokes_stay(self, qtbot, viewer, panel, stripes, hand, mine):
        mine.selected_label, mine.mode = 3, "paint"
        hand.drag([(5, 5), (20, 10)])
        painted = mine.data.copy()
        assert painted[5, 5] == 3
        self.step_up(panel)
        rest(qtbot, panel)
        self.assert_paused(panel)
        assert results(viewer) == [mine]
        np.testing.assert_array_equal(mine.data, painted)

        QTest.mouseClick(panel["buttons"]["run"].native, LEFT)
        rest(qtbot, panel)
        old, new = results(viewer)
        assert old is mine
        assert [old.visible, new.visible] == [False, True]  # else their colors mix
        np.testing.assert_array_equal(mine.data, painted)
        expected = emseg.segment(stripes, n_classes=4).labels
        np.testing.assert_array_equal(new.data, expected)
        self.step_up(panel)
        rest(qtbot, panel)
        assert results(viewer) == [mine, new]
        assert new.metadata["emseg"]["params"]["n_classes"] == 5
        np.testing.assert_array_equal(mine.data, painted)
        # The last thing first: what live did, the new result, and the stroke.
        hand.undo()
        assert new.metadata["emseg"]["params"]["n_classes"] == 4
        np.testing.assert_array_equal(new.data, expected)
        hand.undo()
        assert results(viewer) == [mine]
        assert mine.visible
        np.testing.assert_array_equal(mine.data, painted)
        hand.undo()
        assert mine.data[5, 5] == 1

    def test_it_goes_on_when_all_is_undone(self, qtbot, viewer, panel, hand, mine):
        mine.selected_label, mine.mode = 3, "paint"
        hand.drag([(5, 5), (20, 10)])
        hand.drag([(40, 5), (40, 10)])
        hand.undo()
        self.step_up(panel)
        rest(qtbot, panel)
        self.assert_paused(panel)
        hand.undo()
        self.step_up(panel)
        rest(qtbot, panel)
        assert results(viewer) == [mine]
        assert mine.metadata["emseg"]["params"]["n_classes"] == 5
        assert "paused" not in panel.controls.status.value

    def test_edits_that_can_no_longer_be_undone_stay_too(
        self, qtbot, viewer, panel, mine
    ):
        mine.paint((5, 5), 3)
        undo_steps(mine).clear()  # as a limit does
        self.step_up(panel)
        rest(qtbot, panel)
        self.assert_paused(panel)
        assert mine.data[5, 5] == 3

    @pytest.mark.parametrize(
        "edit",
        [
            lambda layer: rename_class(layer, 2, "sky"),
            lambda layer: paint_class(layer, 2, (0, 1, 0)),
        ],
        ids=["name", "color"],
    )
    def test_names_and_colors_are_edits(self, qtbot, viewer, panel, mine, edit):
        edit(mine)
        look = class_name(mine, 2), class_color(mine, 2).tolist()
        self.step_up(panel)
        rest(qtbot, panel)
        self.assert_paused(panel)
        assert results(viewer) == [mine]
        assert (class_name(mine, 2), class_color(mine, 2).tolist()) == look

    def test_a_hidden_class_is_none(self, qtbot, viewer, panel, mine):
        paint_class(mine, 2, shown=False)
        self.step_up(panel)
        rest(qtbot, panel)
        assert results(viewer) == [mine]
        assert mine.metadata["emseg"]["params"]["n_classes"] == 4

    def test_another_image_is_followed(self, qtbot, viewer, panel, stripes, mine):
        mine.paint((5, 5), 3)
        panel.form["image"].value = viewer.add_image(stripes[::-1], name="other")
        self.step_up(panel)
        rest(qtbot, panel)
        old, new = results(viewer)
        assert (old, new.name) == (mine, "other classes")
        assert mine.data[5, 5] == 3

    def test_it_goes_on_without_the_layer(self, qtbot, viewer, panel, mine):
        mine.paint((5, 5), 3)
        viewer.layers.remove(mine)
        self.step_up(panel)
        rest(qtbot, panel)
        (new,) = results(viewer)
        assert new is not mine

    def test_a_stroke_while_the_first_preview_is_made(
        self, qtbot, viewer, panel, mine, gate
    ):
        panel.live.forget()  # so that the preview takes a moment
        panel.form.update(n_classes=4)
        qtbot.waitUntil(lambda: panel.live.waiting, timeout=30_000)
        mine.paint((5, 5), 3)
        painted = mine.data.copy()
        gate.set()
        rest(qtbot, panel)
        self.assert_paused(panel)
        assert results(viewer) == [mine]
        np.testing.assert_array_equal(mine.data, painted)


class TestSegment:
    def test_finishes_a_preview(self, qtbot, viewer, panel, stripes, gate):
        viewer.add_image(stripes)
        change(qtbot, panel, n_classes=3)
        QTest.mouseClick(panel["buttons"]["run"].native, LEFT)
        gate.set()
        rest(qtbot, panel)
        (layer,) = results(viewer)
        expected = emseg.segment(stripes, n_classes=3).labels
        np.testing.assert_array_equal(layer.data, expected)

    def test_begins_a_new_result_that_changes_follow(
        self, qtbot, viewer, panel, stripes
    ):
        viewer.add_image(stripes)
        panel.form.update(n_classes=3)
        rest(qtbot, panel)
        QTest.mouseClick(panel["buttons"]["run"].native, LEFT)
        rest(qtbot, panel)
        old, new = results(viewer)
        panel.form.update(n_classes=2)
        rest(qtbot, panel)
        assert results(viewer) == [old, new]
        assert (old.data.max(), new.data.max()) == (3, 2)


class TestNoPreview:
    @pytest.mark.parametrize("params", [{"texture": 1.0}, {"n_classes": "auto"}])
    def test_the_run_follows(self, qtbot, viewer, panel, stripes, told, params):
        viewer.add_image(stripes)
        panel.form.update(**params)
        QTest.qWait(100)
        assert not panel.current.previewing
        rest(qtbot, panel)
        (layer,) = results(viewer)
        np.testing.assert_array_equal(
            layer.data, emseg.segment(stripes, **params).labels
        )
        assert not told

    def test_errors_are_told_once(self, qtbot, viewer, panel, told):
        viewer.add_image(np.arange(400, dtype=np.uint8).reshape(20, 20))
        panel.form.update(color="lab")
        rest(qtbot, panel)
        assert [severity for severity, _ in told] == ["error"]
        assert not results(viewer)


def test_removed_layers_take_their_previews_along(qtbot, viewer, panel, stripes, gate):
    image = viewer.add_image(stripes)
    change(qtbot, panel, n_classes=3)
    viewer.layers.remove(results(viewer)[0])
    assert not panel.running
    change(qtbot, panel, n_classes=4)
    viewer.layers.remove(image)
    assert not panel.running
    gate.set()
    rest(qtbot, panel)
    assert not viewer.layers


def test_displayed_slice(qtbot, viewer, panel, rng, gate):
    stack = rng.integers(0, 60, (5, 40, 50), dtype=np.uint8)
    stack[:, 10:30, 10:30] += 150
    viewer.add_image(stack, scale=(4, 2, 1))
    panel.form["extent"].value = "displayed slice"
    viewer.dims.set_current_step(0, 3)
    change(qtbot, panel, n_classes=2)
    (layer,) = results(viewer)
    assert layer.data.shape == (1, 40, 50)
    assert layer.data_to_world((0, 0, 0))[0] == 12
    gate.set()
    rest(qtbot, panel)
    expected = emseg.segment(stack[3], n_classes=2).labels
    np.testing.assert_array_equal(layer.data[0], expected)
    viewer.dims.set_current_step(0, 1)
    panel.form.update(n_classes=3)
    rest(qtbot, panel)
    assert len(results(viewer)) == 2
    np.testing.assert_array_equal(layer.data[0], expected)


@pytest.mark.parametrize("in_place", [False, True])
def test_other_pixels_in_the_same_layer_are_seen(
    qtbot, viewer, panel, stripes, gate, in_place
):
    image = viewer.add_image(stripes.copy())
    gate.set()
    panel.form.update(n_classes=3)
    rest(qtbot, panel)
    gate.clear()
    if in_place:
        image.data[:] = stripes[:, ::-1]
    else:
        image.data = stripes[:, ::-1].copy()
    change(qtbot, panel, n_classes=2)
    (layer,) = results(viewer)
    assert layer.data[0, 0] == 2


def test_closing_the_viewer_during_a_preview(qtbot, viewer, panel, stripes):
    viewer.add_image(stripes)
    panel.form.update(n_classes=3)
    QTest.qWait(5)
    viewer.close()
    QApplication.processEvents()
    assert not panel.live.waiting


def test_closing_the_viewer_takes_a_preview_back(qtbot, viewer, panel, stripes, gate):
    viewer.add_image(stripes)
    change(qtbot, panel, n_classes=3)
    viewer.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    gate.set()
    assert not panel.live.waiting
    assert not panel.current.previewing
