"""The panel in a real viewer: opened through the manifest, used with mouse and keys."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.progress import progress
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_emseg as emseg
from napari_emseg.widgets.segment import axes_rows, layer_rows, segment_request
from napari_emseg.widgets.segment.panel import SegmentWidget

NO_BUTTON, LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]


def test_line_below_says_what_to_do_first(viewer, panel):
    status = panel.controls.status
    assert "sample" in status.value
    viewer.add_image(np.eye(8), name="eye")
    assert status.value == "Press Segment to find the classes."


class Gate:
    """Holds runs at their first iteration until it is opened."""

    def __init__(self, iter_segment):
        self.iter_segment = iter_segment
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.runs = self.ended = 0

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.steps(*args, **kwargs)

    def steps(self, *args, **kwargs):
        steps = self.iter_segment(*args, **kwargs)
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                self.ended += 1
                return stop.value
            yield step
            if step.stage == "fit":
                self.reached.set()
                assert self.opened.wait(30)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(segment_request.iter_segment)
    monkeypatch.setattr(segment_request, "iter_segment", gate)
    yield gate
    gate.opened.set()


def press(button):
    QTest.mouseClick(button.native, LEFT)


def wait(qtbot, panel):
    """Wait until the panel is idle and its thread has ended."""
    qtbot.waitUntil(lambda: not panel.running, timeout=30_000)
    qtbot.waitUntil(lambda: panel.runner.idle, timeout=30_000)


def run(qtbot, panel):
    press(panel["buttons"]["run"])
    assert panel.running
    wait(qtbot, panel)


def results(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


def on_canvas(viewer, world):
    """Return where a point of the 2-D world lies on the canvas, in its pixels."""
    canvas = viewer.window._qt_viewer.canvas.native
    center = np.array([canvas.height(), canvas.width()]) / 2
    camera = getattr(viewer, "scene", viewer).camera  # a scene since napari 0.9
    offset = (np.array(world) - camera.center[-2:]) * camera.zoom
    y, x = center + offset
    return QPointF(float(x), float(y))


def drag(viewer, points):
    """Press the left button at the first world point, and drag through the others."""
    canvas = viewer.window._qt_viewer.canvas.native
    spots = [on_canvas(viewer, point) for point in points]

    def send(kind, spot, button, buttons):
        modifiers = Qt.KeyboardModifier.NoModifier
        where = QPointF(canvas.mapToGlobal(spot.toPoint()))
        event = QMouseEvent(kind, spot, where, button, buttons, modifiers)
        QApplication.sendEvent(canvas, event)
        QApplication.processEvents()

    send(QEvent.Type.MouseMove, spots[0], NO_BUTTON, NO_BUTTON)
    send(QEvent.Type.MouseButtonPress, spots[0], LEFT, LEFT)
    for spot in spots[1:]:
        send(QEvent.Type.MouseMove, spot, NO_BUTTON, LEFT)
    send(QEvent.Type.MouseButtonRelease, spots[-1], LEFT, NO_BUTTON)


def key(viewer, *args):
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, *args)
    QApplication.processEvents()


@pytest.mark.whole_window
def test_a_session(qtbot, viewer, stripes, rng, gate):
    """Open the panel, run, paint, undo, and cancel a second run halfway."""
    viewer.add_image(rng.random((50, 50)), name="other")
    viewer.add_image(stripes, name="stripes")
    dock, panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    qtbot.waitUntil(dock.isVisible)
    panel.form["image"].value = viewer.layers["stripes"]
    panel.form.update(n_classes=3)
    gate.opened.set()
    run(qtbot, panel)
    (layer,) = results(viewer)
    seg = emseg.segment(stripes, n_classes=3)
    assert layer.name == "stripes classes"
    np.testing.assert_array_equal(layer.data, seg.labels)

    viewer.reset_view()
    viewer.layers.selection.active = layer
    layer.mode = "paint"
    layer.selected_label = 3
    layer.brush_size = 5
    drag(viewer, [(10, 5), (15, 8), (25, 12)])
    changed = layer.data != seg.labels
    assert changed[10, 5]
    assert changed[25, 12]
    assert set(layer.data[changed]) == {3}
    key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(layer.data, seg.labels)

    drag(viewer, [(10, 5), (25, 12)])
    painted = layer.data.copy()
    before = list(viewer.layers)
    panel.form["result"].value = layer
    panel.form.update(n_classes=2)
    gate.opened.clear()
    gate.reached.clear()
    press(panel["buttons"]["run"])
    qtbot.waitUntil(gate.reached.is_set, timeout=30_000)
    press(panel["buttons"]["cancel"])
    assert not panel.running
    gate.opened.set()
    wait(qtbot, panel)
    assert (gate.runs, gate.ended) == (2, 1)
    assert list(viewer.layers) == before
    np.testing.assert_array_equal(layer.data, painted)
    key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(layer.data, seg.labels)


@pytest.mark.whole_window
def test_napari_tools_work_on_the_result(qtbot, viewer, stripes, panel):
    viewer.add_image(stripes, scale=(2, 2))
    panel.form.update(n_classes=3)
    run(qtbot, panel)
    (layer,) = results(viewer)
    viewer.reset_view()
    viewer.layers.selection.active = layer
    start = layer.data.copy()
    layer.mode = "fill"
    layer.selected_label = 2
    drag(viewer, [(20, 20)])
    assert layer.data[10, 10] == 2
    layer.mode = "erase"
    drag(viewer, [(60, 130)])
    assert layer.data[30, 65] == 0
    layer.mode = "pick"
    drag(viewer, [(60, 150)])
    assert layer.selected_label == 3
    layer.mode = "polygon"
    layer.selected_label = 1
    for corner in [(90, 130), (110, 130), (110, 150), (90, 150)]:
        drag(viewer, [corner])
    key(viewer, Qt.Key.Key_Return)
    assert layer.data[50, 70] == 1
    for _ in range(3):
        key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(layer.data, start)


def test_update_of_a_result_is_one_undo_step(qtbot, viewer, stripes, panel):
    viewer.add_image(stripes)
    panel.form.update(n_classes=3)
    run(qtbot, panel)
    (layer,) = results(viewer)
    layer.paint((5, 5), 3)
    painted, color = layer.data.copy(), layer.get_color(3)
    panel.form["result"].value = layer
    panel.form.update(n_classes=2)
    run(qtbot, panel)
    assert results(viewer) == [layer]
    labels = emseg.segment(stripes, n_classes=2).labels
    np.testing.assert_array_equal(layer.data, labels)
    viewer.layers.selection.active = layer
    key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(layer.data, painted)
    np.testing.assert_array_equal(layer.get_color(3), color)
    key(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert layer.data[5, 5] == 1


def test_update_of_a_layer_that_was_edited_during_the_run(
    qtbot, viewer, stripes, panel, gate
):
    viewer.add_image(stripes)
    layer = emseg.add_to(viewer, emseg.segment(stripes, n_classes=2))
    panel.form["result"].value = layer
    panel.form.update(n_classes=3)
    press(panel["buttons"]["run"])
    qtbot.waitUntil(gate.reached.is_set, timeout=30_000)
    layer.paint((5, 5), 2)
    painted = layer.data.copy()
    gate.opened.set()
    wait(qtbot, panel)
    labels = emseg.segment(stripes, n_classes=3).labels
    np.testing.assert_array_equal(layer.data, labels)
    layer.undo()
    np.testing.assert_array_equal(layer.data, painted)


def test_result_of_another_shape_is_left_alone(qtbot, viewer, stripes, panel):
    viewer.add_image(stripes[:40])
    other = emseg.add_to(viewer, emseg.segment(stripes, n_classes=2))
    before = other.data.copy()
    panel.form["result"].value = other
    run(qtbot, panel)
    assert len(results(viewer)) == 2
    np.testing.assert_array_equal(other.data, before)


def test_result_to_update_that_was_removed(qtbot, viewer, stripes, panel, gate):
    viewer.add_image(stripes, name="stripes")
    layer = emseg.add_to(viewer, emseg.segment(stripes, n_classes=2))
    panel.form["result"].value = layer
    press(panel["buttons"]["run"])
    viewer.layers.remove(layer)
    gate.opened.set()
    wait(qtbot, panel)
    assert [found.name for found in results(viewer)] == ["stripes classes"]


class TestEndsWithItsImage:
    """A run ends with what it was for: no layer appears afterwards, and no error."""

    def clear(self, viewer, image):
        viewer.layers.clear()

    def remove(self, viewer, image):
        viewer.layers.remove(image)

    def replace(self, viewer, image):
        image.data = image.data[:40].copy()

    @pytest.fixture
    def image(self, viewer, stripes):
        return viewer.add_image(stripes, name="stripes")

    @pytest.mark.parametrize("how", ["clear", "remove", "replace"])
    def test_run(self, qtbot, viewer, image, panel, gate, told, how):
        panel.run()
        qtbot.waitUntil(gate.reached.is_set)
        getattr(self, how)(viewer, image)
        gate.opened.set()
        wait(qtbot, panel)
        assert not results(viewer)
        assert not told
        assert panel.controls.status.value.startswith("Canceled: “stripes” ")
        assert not panel.controls.cancel.enabled

    @pytest.mark.parametrize("at_rest", [False, True])
    @pytest.mark.parametrize("how", ["clear", "remove", "replace"])
    def test_live_preview(self, qtbot, viewer, image, panel, gate, told, how, at_rest):
        panel.controls.live.value = True
        panel.form.update(emseg.Params(n_classes=6))
        if at_rest:
            qtbot.waitUntil(gate.reached.is_set)
        else:
            qtbot.waitUntil(lambda: panel.live.waiting)
        getattr(self, how)(viewer, image)
        gate.opened.set()
        wait(qtbot, panel)
        qtbot.waitUntil(lambda: panel.live.idle, timeout=20_000)
        assert not results(viewer)
        assert not told

    @pytest.mark.parametrize("above", [False, True])
    def test_preview_that_is_shown(self, qtbot, viewer, image, panel, gate, above):
        """Wherever its layer lies."""
        viewer.add_labels(np.ones((60, 80), np.uint8), name="other")
        panel.controls.live.value = True
        panel.form.update(emseg.Params(n_classes=6))
        qtbot.waitUntil(lambda: panel.current.previewing, timeout=20_000)
        layer = panel.current.layer
        if not above:
            viewer.layers.move(viewer.layers.index(layer), 0)
        viewer.layers.clear()
        gate.opened.set()
        wait(qtbot, panel)
        assert not viewer.layers

    def test_a_run_of_another_image_goes_on(self, qtbot, viewer, image, panel, gate):
        points = viewer.add_points(np.zeros((1, 2)))
        panel.run()
        qtbot.waitUntil(gate.reached.is_set)
        viewer.layers.remove(points)
        gate.opened.set()
        wait(qtbot, panel)
        assert [layer.name for layer in results(viewer)] == ["stripes classes"]


def test_canceled_and_started_at_once(qtbot, viewer, stripes, panel, gate):
    """The second run has the parameters of then, and is the only one with a result."""
    viewer.add_image(stripes, name="stripes")
    panel.controls.live.value = False
    panel.run()
    qtbot.waitUntil(gate.reached.is_set)
    panel.form.update(emseg.Params(n_classes=2))
    press(panel.controls.cancel)
    press(panel.controls.segment)
    panel.form.update(emseg.Params(n_classes=5))
    gate.opened.set()
    wait(qtbot, panel)
    (layer,) = results(viewer)
    assert layer.data.max() == 2


def test_every_new_run_adds_a_layer(qtbot, viewer, stripes, panel):
    viewer.add_image(stripes, name="stripes")
    run(qtbot, panel)
    run(qtbot, panel)
    assert len(results(viewer)) == 2


class TestStack:
    @pytest.fixture
    def stack(self, viewer, rng):
        data = rng.integers(0, 60, (5, 40, 50), dtype=np.uint8)
        data[:, 10:30, 10:30] += 150
        return viewer.add_image(data, name="stack", scale=(4, 2, 1))

    def test_whole_volume(self, qtbot, viewer, stack, panel):
        panel.form.update(n_classes=2)
        run(qtbot, panel)
        (layer,) = results(viewer)
        expected = emseg.segment(stack.data, n_classes=2).labels
        np.testing.assert_array_equal(layer.data, expected)
        np.testing.assert_array_equal(layer.scale, stack.scale)

    def test_displayed_slice(self, qtbot, viewer, stack, panel):
        panel.form["extent"].value = axes_rows.SLICE
        panel.form.update(n_classes=2)
        viewer.dims.set_current_step(0, 3)
        press(panel["buttons"]["run"])
        viewer.dims.set_current_step(0, 0)
        wait(qtbot, panel)
        (layer,) = results(viewer)
        expected = emseg.segment(stack.data[3], n_classes=2).labels
        np.testing.assert_array_equal(layer.data, expected[np.newaxis])
        assert layer.data_to_world((0, 0, 0))[0] == 12
        viewer.dims.set_current_step(0, 3)
        assert layer.get_value((12, 40, 20), world=True) == 2

    def test_extent_is_asked_for_stacks_only(self, viewer, stripes, stack, panel):
        assert panel.form["extent"].visible
        flat = viewer.add_image(stripes)
        assert panel.form["image"].value is flat
        assert not panel.form["extent"].visible

    def test_slice_outside_the_image(self, viewer, stack, panel, told):
        viewer.add_labels(np.zeros((9, 4, 4), np.uint8), scale=(4, 2, 1))
        panel.form["extent"].value = axes_rows.SLICE
        viewer.dims.set_current_step(0, 8)
        press(panel["buttons"]["run"])
        assert not panel.running
        ((severity, message),) = told
        assert severity == "error"
        assert "the displayed slice lies outside 'stack'" in message


def test_rgb_is_what_the_layer_says(qtbot, viewer, rng, panel):
    data = rng.integers(0, 256, (8, 30, 3), dtype=np.uint8)
    viewer.add_image(data, rgb=False)
    panel.form.update(n_classes=2)
    run(qtbot, panel)
    (layer,) = results(viewer)
    assert layer.data.shape == (8, 30, 3)


def test_finest_of_several_scales(qtbot, viewer, stripes, panel):
    viewer.add_image([stripes, stripes[::2, ::2]])
    run(qtbot, panel)
    assert results(viewer)[0].data.shape == stripes.shape[:2]


class TestChoices:
    def test_follow_the_layers(self, viewer, stripes, panel):
        choices = panel.form["image"]
        assert choices.choices == ()
        first = viewer.add_image(stripes, name="first")
        viewer.add_points()
        viewer.add_labels(np.zeros((4, 4), np.uint8))
        second = viewer.add_image(stripes, name="second")
        assert choices.choices == (first, second)
        second.name = "renamed"
        box = choices.native
        assert {box.itemText(i) for i in range(box.count())} == {"first", "renamed"}
        assert choices.value is second
        viewer.layers.remove(second)
        assert choices.value is first

    def test_the_active_image_is_chosen(self, viewer, stripes, panel):
        first = viewer.add_image(stripes)
        second = viewer.add_image(stripes)
        assert panel.form["image"].value is second
        viewer.layers.selection.active = first
        assert panel.form["image"].value is first
        viewer.layers.selection.active = viewer.add_points()
        assert panel.form["image"].value is first

    def test_results_can_be_updated_and_other_labels_not(self, viewer, stripes, panel):
        viewer.add_labels(np.zeros((4, 4), np.uint8))
        assert panel.form["result"].choices == (layer_rows.NEW,)
        layer = emseg.add_to(viewer, emseg.segment(stripes, n_classes=2))
        assert panel.form["result"].choices == (layer_rows.NEW, layer)

    def test_run_waits_for_an_image(self, viewer, stripes, panel):
        button = panel["buttons"]["run"]
        assert not button.enabled
        viewer.add_image(stripes)
        assert button.enabled


class TestProgress:
    def test_is_in_the_panel_and_in_the_activity_dock(
        self, qtbot, viewer, stripes, panel, gate
    ):
        viewer.add_image(stripes, name="stripes")
        press(panel["buttons"]["run"])
        qtbot.waitUntil(gate.reached.is_set, timeout=30_000)
        qtbot.waitUntil(lambda: "Fitting" in panel.controls.status.value)
        assert panel.controls.bar.visible
        qtbot.waitUntil(lambda: len(progress._all_instances) == 1)
        (bar,) = progress._all_instances
        assert bar.desc.startswith("Segment stripes")
        gate.opened.set()
        wait(qtbot, panel)
        assert not panel.controls.bar.visible
        assert not progress._all_instances

    def test_can_be_canceled_in_the_activity_dock(
        self, qtbot, viewer, stripes, panel, gate
    ):
        viewer.add_image(stripes)
        press(panel["buttons"]["run"])
        qtbot.waitUntil(gate.reached.is_set, timeout=30_000)
        qtbot.waitUntil(lambda: len(progress._all_instances) == 1)
        (bar,) = progress._all_instances
        bar.cancel()
        gate.opened.set()
        wait(qtbot, panel)
        assert not results(viewer)

    def test_reaches_the_panel_in_its_own_thread(
        self, qtbot, viewer, stripes, panel, monkeypatch
    ):
        threads = set()
        update = SegmentWidget._on_progress

        def note(*args):
            threads.add(threading.current_thread())
            update(*args)

        monkeypatch.setattr(SegmentWidget, "_on_progress", note)
        viewer.add_image(stripes)
        run(qtbot, panel)
        assert threads == {threading.main_thread()}


def test_a_new_run_drops_the_old_one(qtbot, viewer, stripes, panel, gate):
    viewer.add_image(stripes)
    panel.form.update(n_classes=2)
    press(panel["buttons"]["run"])
    qtbot.waitUntil(gate.reached.is_set, timeout=30_000)
    panel.form.update(n_classes=3)
    panel.run()
    panel.form.update(n_classes=4)
    panel.run()
    gate.opened.set()
    wait(qtbot, panel)
    (layer,) = results(viewer)
    assert layer.metadata["emseg"]["params"]["n_classes"] == 4
    assert gate.runs == 2


class TestTold:
    def test_errors_in_their_own_words(self, qtbot, viewer, panel, told):
        viewer.add_image(np.zeros((20, 20), np.uint8))
        panel.form.update(color="lab")
        run(qtbot, panel)
        ((severity, message),) = told
        with pytest.raises(ValueError, match="lab") as caught:
            emseg.segment(np.zeros((20, 20), np.uint8), color="lab")
        assert (severity, message) == ("error", str(caught.value))
        assert not results(viewer)
        assert panel["buttons"]["run"].enabled

    @pytest.mark.parametrize("kind", [RuntimeError, MemoryError])
    def test_errors_that_nobody_expects(
        self, qtbot, viewer, stripes, panel, told, monkeypatch, caplog, kind
    ):
        def fail(*args, **kwargs):
            raise kind("out of luck")

        monkeypatch.setattr(segment_request, "iter_segment", fail)
        viewer.add_image(stripes)
        run(qtbot, panel)
        assert told == [("error", f"{kind.__name__}: out of luck")]
        assert "Traceback" in caplog.text

    def test_fewer_classes_than_asked_for(self, qtbot, viewer, panel, told):
        data = np.zeros((20, 20), np.uint8)
        data[5:] = 200
        viewer.add_image(data)
        panel.form.update(n_classes=5)
        run(qtbot, panel)
        said = panel.controls.status.value
        assert "2 classes, " in said
        assert "2 classes found where 5 were asked for" in said
        assert told == []
        assert len(results(viewer)) == 1

    def test_one_class(self, qtbot, viewer, panel):
        viewer.add_image(np.zeros((20, 20), np.uint8), name="dark")
        panel.form.update(n_classes=1)
        run(qtbot, panel)
        assert panel.controls.status.value.startswith("dark classes: 1 class, ")

    def test_run_without_an_image(self, panel, told):
        panel.run()
        ((severity, message),) = told
        assert severity == "error"
        assert "no image layer" in message
        assert message[1:] in panel.controls.status.value


@pytest.mark.parametrize("key", ["coffee", "astronaut", "cat", "tissue", "scene"])
def test_samples_open_ready_to_run(viewer, panel, key):
    image, *rest = viewer.open_sample("napari-emseg", key)
    assert image.rgb
    assert panel.form["image"].value is image
    assert not any(layer.visible for layer in rest)


@pytest.mark.styled
def test_panel_fits_on_a_small_screen(qtbot, viewer, panel):
    """All rows have their full height where there is room, and scroll elsewhere."""
    viewer.window.resize(1100, 600)
    panel.form.expand(True)
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: panel.form["seed"].visible)
    QTest.qWait(100)
    assert window.height() == 600
    assert panel.native.minimumSizeHint().height() < 300
    rows = panel.form.native
    assert panel.native.sizeHint().height() > rows.sizeHint().height() > 400
    assert panel["buttons"]["run"].native.visibleRegion().boundingRect().height() > 30


def test_closing_the_viewer_during_a_run(qtbot, viewer, stripes, panel, gate):
    viewer.add_image(stripes)
    press(panel["buttons"]["run"])
    qtbot.waitUntil(gate.reached.is_set, timeout=30_000)
    threading.Timer(0.2, gate.opened.set).start()
    viewer.close()
    QApplication.processEvents()
    assert not progress._all_instances
