"""The panel "Compare" in a real viewer: what is compared, kept, and put back."""

from __future__ import annotations

import csv
import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_emseg as emseg
from napari_emseg.io.files import read_image
from napari_emseg.widgets.common.canvas_widget import find_canvas
from napari_emseg.widgets.compare import panel as compare
from napari_emseg.widgets.compare.gallery import largest_cells
from napari_emseg.widgets.compare.panel import CompareWidget, open_compare

PARAMS = emseg.Params(smoothing=0, seed=3)


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    colors = np.array([[190, 50, 40], [40, 80, 170], [230, 220, 90]])
    truth = np.repeat(np.arange(3), 12)[np.newaxis].repeat(24, axis=0)
    return (colors[truth] + rng.normal(0, 9, (24, 36, 3))).clip(0, 255).astype("uint8")


@pytest.fixture
def layer(viewer, image):
    return viewer.add_image(image, rgb=True, name="flag")


@pytest.fixture
def panel(viewer, layer, qtbot):
    panel = open_compare(viewer, layer, PARAMS)
    yield panel
    panel.cancel()
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def grid_of(viewer):
    return getattr(viewer, "canvas", viewer).grid


def compare_all(panel, qtbot, classes="2 3", **checked):
    """Choose settings, press the button, and wait for all results."""
    panel.page.choices.classes.setText(classes)
    for name, values in checked.items():
        for value, box in panel.page.choices.boxes[name].items():
            box.setChecked(value in values)
    click(panel.page.start)
    qtbot.waitUntil(lambda: bool(panel.rows), timeout=30_000)


@pytest.mark.styled
def test_the_canvas_keeps_its_room_on_a_small_screen(panel):
    assert panel.minimumSizeHint().width() <= 420


class TestResults:
    def test_what_was_magnified_is_seen_whole_from_the_start(self, viewer, panel):
        camera = getattr(viewer, "scene", viewer).camera
        whole = camera.zoom
        camera.zoom = 8 * whole
        click(panel.page.start)
        assert not panel.gallery.layers
        assert camera.zoom <= whole

    def test_there_are_cells_for_all_from_the_start(self, viewer, panel, qtbot):
        if not hasattr(viewer, "canvas"):
            pytest.skip("this napari has cells for what is hidden, too")
        panel.page.choices.classes.setText("2 3 4")
        click(panel.page.start)
        canvas = find_canvas(viewer)
        room = canvas.height(), canvas.width()
        best = largest_cells(4, room, (24, 36))
        assert grid_of(viewer).actual_shape(viewer.layers) == best
        qtbot.waitUntil(lambda: bool(panel.gallery.layers), timeout=20_000)
        click(panel.page.stop)
        # None are left for those that do not come.
        shown = 1 + len(panel.gallery.layers)
        expected = largest_cells(shown, room, (24, 36))
        assert grid_of(viewer).actual_shape(viewer.layers) == expected

    @pytest.mark.whole_window
    def test_one_is_adopted_and_all_else_is_as_before(self, viewer, panel, qtbot, told):
        layer = panel.image
        other = viewer.add_points(np.ones((2, 2)), name="mine")
        hidden = viewer.add_points(np.ones((2, 2)), name="hidden", visible=False)
        segment = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]
        camera = getattr(viewer, "scene", viewer).camera
        camera.zoom, before = 3.5, list(viewer.layers)
        compare_all(panel, qtbot, color=["lab", "gray"], method=["em", "kmeans"])
        assert panel.page.start.text() == "Compare 8 settings"
        qtbot.waitUntil(lambda: panel.page.bar.value() == 8)
        layers = panel.gallery.layers
        assert list(viewer.layers) == before + layers
        for row, shown in zip(panel.rows, layers, strict=True):
            alone = emseg.segment(layer.data, **row.params.model_dump())
            np.testing.assert_array_equal(shown.data, alone.labels)
            assert shown.name == row.title
            assert row.params.seed == PARAMS.seed
        assert grid_of(viewer).enabled
        assert grid_of(viewer).position(0, viewer.layers) == (0, 0)
        assert (other.visible, layer.visible) == (False, True)
        lines = panel.page.results
        assert [lines.topLevelItem(i).text(0) for i in range(8)] == [
            row.title for row in panel.rows
        ]
        assert lines.topLevelItem(2).text(2) == "–"  # K-means
        bold = [i for i in range(8) if lines.topLevelItem(i).font(2).bold()]
        assert len(bold) == 2  # one of each color space
        # A layer chooses its line, and a line its layer.
        viewer.layers.selection.active = layers[5]
        assert lines.chosen == 5
        lines.choose(1)
        assert viewer.layers.selection.active is layers[1]
        labels = layers[1].data.copy()
        click(panel.page.use)
        assert list(viewer.layers) == [*before, layers[1]]
        assert layers[1].name == "flag classes"
        assert segment.form.params == PARAMS.replace(color="lab", n_classes=3)
        assert (other.visible, hidden.visible) == (True, False)
        assert not grid_of(viewer).enabled
        assert camera.zoom == 3.5
        qtbot.wait(500)  # nothing is segmented again
        assert not segment.running
        assert list(viewer.layers) == [*before, layers[1]]
        np.testing.assert_array_equal(layers[1].data, labels)
        assert told == []

    def test_discard(self, viewer, panel, qtbot):
        before = list(viewer.layers)
        compare_all(panel, qtbot)
        viewer.layers.remove(panel.gallery.layers[0])  # by hand
        panel.page.results.choose(0)
        with pytest.raises(ValueError, match="was removed"):
            panel.adopt()
        click(panel.page.close_all)
        assert list(viewer.layers) == before
        assert not grid_of(viewer).enabled
        assert panel.page.results.isHidden()
        compare_all(panel, qtbot, "2")  # and again
        assert len(viewer.layers) == len(before) + 1

    @pytest.mark.parametrize("rearranged", [False, True])
    def test_closed_with_results(self, viewer, panel, qtbot, rearranged):
        """They stay, one of them is seen, and the grid goes unless the user has it."""
        layer, other = panel.image, viewer.add_points(np.ones((2, 2)), name="mine")
        camera = getattr(viewer, "scene", viewer).camera
        camera.zoom = 3.5
        compare_all(panel, qtbot)
        results = panel.gallery.layers
        panel.page.results.choose(0)
        if rearranged:
            grid_of(viewer).stride = 2
        viewer.window.remove_dock_widget(panel)
        assert list(viewer.layers) == [layer, other, *results]
        assert grid_of(viewer).enabled == rearranged
        assert other.visible != rearranged
        seen = [one.visible for one in results]
        assert seen == ([True, True] if rearranged else [True, False])
        assert (camera.zoom == 3.5) != rearranged

    def test_automatic_number_of_classes(self, panel, qtbot, told):
        compare_all(panel, qtbot, "auto")
        [shown] = panel.gallery.layers
        assert shown.data.max() == panel.rows[0].seg.n_classes == 3
        assert told == []

    def test_displayed_slice_of_a_stack(self, viewer, qtbot):
        rng = np.random.default_rng(0)
        stack = rng.integers(0, 4000, (5, 16, 20)).astype(np.uint16)
        layer = viewer.add_image(stack, scale=(4, 1, 1))
        viewer.dims.set_current_step(0, 3)
        panel = open_compare(viewer, layer, PARAMS)
        assert panel.page.choices.boxes["color"]["lab"].isHidden()
        compare_all(panel, qtbot, "3")
        [shown] = panel.gallery.layers
        alone = emseg.segment(stack[3], **PARAMS.replace(n_classes=3).model_dump())
        np.testing.assert_array_equal(shown.data[0], alone.labels)
        assert shown.data_to_world((0, 0, 0)) == (12, 0, 0)
        panel.discard()
        # Of channels, all are seen, and so does the panel Segment say.
        channels = viewer.add_image(stack[:2], name="channels")
        panel.choose(channels, PARAMS)
        compare_all(panel, qtbot, "3")
        [shown] = panel.gallery.layers
        known = PARAMS.replace(n_classes=3).model_dump()
        both = emseg.segment(stack[:2], axes="CYX", **known)
        np.testing.assert_array_equal(shown.data, both.labels)

    def test_sheet_and_table_are_saved(self, panel, qtbot, tmp_path, monkeypatch, told):
        compare_all(panel, qtbot)
        for name in ("sheet.png", "table.csv", "sheet.xyz"):
            monkeypatch.setattr(
                QFileDialog,
                "getSaveFileName",
                lambda *_, target=tmp_path / name: (str(target), ""),
            )
            click(panel.page.save)
            qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
        assert read_image(tmp_path / "sheet.png")[0].shape[2] == 3
        with (tmp_path / "table.csv").open(newline="") as file:
            table = [row["n_classes"] for row in csv.DictReader(file)]
        assert table == ["2", "3"]
        [(severity, message)] = told
        assert severity == "error"
        assert "sheet.xyz has no ending" in message


class TestRuns:
    @pytest.fixture
    def gate(self, monkeypatch):
        """Hold each run after its second result, until this is set."""
        gate, sweep = threading.Event(), compare.iter_sweep

        def held(*args, **options):
            steps = sweep(*args, **options)
            while True:
                try:
                    trial = next(steps)
                except StopIteration as stop:
                    return stop.value
                yield trial
                if trial.seg is not None and trial.place == 1:
                    gate.wait(20)

        monkeypatch.setattr(compare, "iter_sweep", held)
        return gate

    def test_cancel_keeps_what_is_there(self, viewer, panel, qtbot, gate):
        panel.page.choices.classes.setText("2 3 4 5")
        click(panel.page.start)
        qtbot.waitUntil(lambda: len(panel.gallery.layers) == 2, timeout=20_000)
        assert panel.page.stop.isEnabled()
        assert not panel.page.start.isEnabled()
        click(panel.page.stop)
        gate.set()
        qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
        qtbot.wait(100)
        assert len(panel.gallery.layers) == 2
        assert panel.rows == ()
        assert panel.page.start.isEnabled()
        assert not panel.page.save.isEnabled()
        # One of those can be kept all the same.
        panel.page.results.choose(0)
        click(panel.page.use)
        assert [layer.name for layer in viewer.layers] == ["flag", "flag classes"]

    @pytest.mark.parametrize("how", ["clear", "remove", "replace"])
    def test_ends_with_its_image(self, viewer, layer, panel, qtbot, told, gate, how):
        panel.page.choices.classes.setText("2 3 4 5 6 7")
        click(panel.page.start)
        qtbot.waitUntil(lambda: len(panel.gallery.layers) > 0, timeout=20_000)
        if how == "clear":
            viewer.layers.clear()
        elif how == "remove":
            viewer.layers.remove(layer)
        else:
            layer.data = layer.data.copy()
        there = len(viewer.layers)
        gate.set()
        qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
        assert len(viewer.layers) == there
        assert not panel.rows
        assert "removed or replaced" in panel.page.status.text()
        assert not told

    def test_wrong_choices_are_told(self, viewer, panel, qtbot, told):
        before = list(viewer.layers)
        for text, reason in (
            ("3 x", "'x' is no number of classes"),
            ("70", "from 1 to 64"),
            ("", "no numbers of classes"),
            (" ".join(map(str, range(1, 30))), "29 settings are too many"),
        ):
            panel.page.choices.classes.setText(text)
            click(panel.page.start)
            assert reason in told.pop()[1]
        panel.page.choices.classes.setText("3")
        panel.page.choices.boxes["method"]["em"].setChecked(False)
        click(panel.page.start)
        assert "no methods are chosen" in told.pop()[1]
        assert list(viewer.layers) == before
        assert not grid_of(viewer).enabled

    def test_failure_leaves_nothing_behind(
        self, viewer, panel, qtbot, told, monkeypatch
    ):
        def fail(*_, **__):
            raise ValueError("the image has no usable pixel")

        monkeypatch.setattr(compare, "iter_sweep", fail)
        click(panel.page.start)
        qtbot.waitUntil(lambda: bool(told), timeout=5000)
        assert told == [("error", "the image has no usable pixel")]
        assert panel.gallery is None
        assert not grid_of(viewer).enabled


def test_the_panel_is_opened_once(viewer, qtbot):
    panel = open_compare(viewer)
    assert not panel.page.start.isEnabled()
    layer = viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True)
    viewer.layers.selection.active = layer
    assert panel.image is layer
    assert panel.page.start.isEnabled()
    again = open_compare(viewer, layer, emseg.Params(method="kmeans", color="hsv"))
    assert again is panel
    boxes = panel.page.choices.boxes
    assert boxes["method"]["kmeans"].isChecked()
    assert not boxes["method"]["em"].isChecked()
    assert boxes["color"]["hsv"].isChecked()
    viewer.layers.remove(layer)
    assert panel.image is None
    assert not panel.page.start.isEnabled()
    assert isinstance(panel, CompareWidget)
