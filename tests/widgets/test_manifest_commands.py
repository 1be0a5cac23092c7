"""What one does with a result: commands and the menu, in a real viewer."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from napari._app_model import get_app_model
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu, QPushButton
from skimage import data
from tifffile import TiffFile, imwrite

import napari_emseg as emseg
from napari_emseg.layers import add_to, recipe_of
from napari_emseg.layers.classes import class_name, paint_class, rename_class
from napari_emseg.layers.fit_records import fit_request_of
from napari_emseg.layers.history import undo_steps
from napari_emseg.layers.label_files import labels_reader
from napari_emseg.layers.uncertainty import uncertainty_layer
from napari_emseg.widgets.common.docks import find_panel
from napari_emseg.widgets.compare.panel import CompareWidget
from napari_emseg.widgets.edit.panel import EditWidget
from napari_emseg.widgets.manifest_commands import save_labels
from napari_emseg.widgets.model.panel import ModelWidget
from napari_emseg.widgets.results import inspector as module
from napari_emseg.widgets.results.class_listing import ClassListing
from napari_emseg.widgets.results.dialogs import ClassesDialog, ThresholdDialog
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.results.menu import ROWS, fill
from napari_emseg.widgets.segment.panel import SegmentWidget

RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
PHOTO = np.ascontiguousarray(data.coffee()[::5, ::5])


def camera(viewer):
    return getattr(viewer, "scene", viewer).camera


def run(name):
    """Run a command as napari's menus and its palette do."""
    get_app_model().commands.execute_command(f"napari-emseg.{name}")


def choose(panel, title):
    """Take a row of the menu of a panel."""
    buttons = panel.native.findChildren(QPushButton)
    [button] = [one for one in buttons if one.text() == "Result ▾"]
    menu = button.menu()
    menu.aboutToShow.emit()
    [action] = [one for one in menu.actions() if one.text() == title]
    action.trigger()


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)


def open_dialog(qtbot, kind):
    def found():
        for window in QApplication.topLevelWidgets():
            if isinstance(window, kind) and window.isVisible():
                return window
        raise AssertionError("no such dialog is open")

    qtbot.waitUntil(lambda: found() is not None, timeout=20_000)
    return found()


def rows_of(menu):
    """Return the rows of a menu, and of those in it."""
    found = []
    for action in menu.actions():
        inner = action.menu()
        found += [action] if inner is None else rows_of(inner)
    return [one for one in found if not one.isSeparator()]


@pytest.fixture
def image(viewer):
    return viewer.add_image(PHOTO, name="coffee", scale=(0.5, 0.5), units="um")


@pytest.fixture
def seg():
    return emseg.segment(PHOTO, n_classes=3)


@pytest.fixture
def layer(viewer, image, seg):
    inspector_of(viewer)
    return add_to(viewer, seg, image)


@pytest.fixture
def saving(monkeypatch, tmp_path):
    """Answer file dialogs with a name in a folder of its own."""

    def answer(name):
        path = tmp_path / name
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        return path

    return answer


def test_uncertainty_is_shown_beside_the_window(qtbot, viewer, layer, seg):
    run("show_uncertainty")
    wait(qtbot, viewer)
    shown = uncertainty_layer(viewer, layer)
    np.testing.assert_array_equal(shown.data, seg.uncertainty())
    assert viewer.layers.selection.active is layer


def test_uncertainty_of_a_copy_is_that_of_its_parameters(qtbot, viewer, layer, seg):
    data, attributes, _ = layer.as_layer_data_tuple()
    copy = viewer.add_labels(data, **attributes)
    viewer.layers.selection.active = copy
    run("show_uncertainty")
    wait(qtbot, viewer)
    found = uncertainty_layer(viewer, copy).data
    np.testing.assert_array_equal(found, seg.uncertainty())


def test_places_come_one_after_another(qtbot, viewer, layer, seg):
    places = emseg.uncertain_places(seg.uncertainty(), seg.labels)
    assert len(places) > 3
    for place in [*places[:3]]:
        run("next_uncertain_place")
        wait(qtbot, viewer)
        middle = camera(viewer).center[-2:]
        np.testing.assert_allclose(middle, np.multiply(place.point, 0.5))
        assert camera(viewer).zoom >= 1
    assert viewer.status.startswith(f"Uncertain place 3 of {len(places)}")
    # What has lost its label is no place any more.
    layer.data[:] = 0
    y, x = (round(value) for value in places[5].point)
    layer.data[y, x] = 1
    run("next_uncertain_place")
    np.testing.assert_allclose(camera(viewer).center[-2:], (y * 0.5, x * 0.5), atol=0.5)


def test_places_of_a_stack_move_its_slider(qtbot, viewer):
    stack = np.stack([PHOTO[::-1, :, 0] // 2, PHOTO[..., 0], PHOTO[..., 1]])
    image = viewer.add_image(stack, scale=(4, 1, 1))
    seg = emseg.segment(stack, n_classes=3, smoothing=0)
    add_to(viewer, seg, image)
    places = emseg.uncertain_places(seg.uncertainty(), seg.labels)[:6]
    assert len({place.point[0] for place in places}) > 1
    for place in places:
        run("next_uncertain_place")
        wait(qtbot, viewer)
        assert viewer.dims.current_step[0] == place.point[0]
        np.testing.assert_allclose(camera(viewer).center[-2:], place.point[1:])


def test_without_doubt_there_is_no_place(qtbot, viewer, told):
    image = viewer.add_image(np.repeat(np.uint8([[0, 255]]), 30, axis=0).repeat(30, 1))
    add_to(viewer, emseg.segment(image.data, n_classes=2), image)
    run("next_uncertain_place")
    wait(qtbot, viewer)
    assert "no uncertain place" in told[-1][1]


def test_uncertainty_is_worked_out_once(qtbot, viewer, layer, image, monkeypatch):
    asked = []
    work = module.iter_posteriors
    monkeypatch.setattr(
        module, "iter_posteriors", lambda *a: asked.append(a) or work(*a)
    )
    for name in ("next_uncertain_place", "show_uncertainty", "next_uncertain_place"):
        run(name)
        wait(qtbot, viewer)
    assert len(asked) == 1
    # A new segmentation has another one.
    seg = emseg.segment(PHOTO, n_classes=4)
    add_to(viewer, seg, image, replace=layer)
    for name in ("next_uncertain_place", "show_uncertainty"):
        run(name)
        wait(qtbot, viewer)
    assert len(asked) == 2
    shown = uncertainty_layer(viewer, layer).data
    np.testing.assert_array_equal(shown, seg.uncertainty())


def test_probabilities_of_chosen_classes_only(qtbot, viewer, layer, seg):
    rename_class(layer, 2, "cup")
    run("probability_maps")
    dialog = open_dialog(qtbot, ClassesDialog)
    names = [dialog.list.item(i).text() for i in range(dialog.list.count())]
    assert names == ["class 1", "cup", "class 3"]
    ok = dialog.buttons.buttons()[0]
    assert not ok.isEnabled()
    dialog.list.item(1).setCheckState(Qt.CheckState.Checked)
    QTest.mouseClick(ok, Qt.MouseButton.LeftButton)
    wait(qtbot, viewer)
    assert [shown.name for shown in viewer.layers][2:] == [
        "coffee classes: probability of cup"
    ]
    np.testing.assert_array_equal(viewer.layers[-1].data, seg.probabilities()[1])


@pytest.mark.parametrize("panel", [False, True])
def test_uncertain_pixels_lose_their_label(qtbot, viewer, layer, seg, panel):
    if panel:
        editor = EditWidget(viewer)
        viewer.window.add_dock_widget(editor)
    run("drop_uncertain")
    dialog = open_dialog(qtbot, ThresholdDialog)
    dialog.threshold.setValue(0.2)
    gone = seg.uncertainty() > 0.2
    assert dialog.news.text().startswith(f"{gone.sum():,} pixels")
    QTest.mouseClick(dialog.buttons.buttons()[0], Qt.MouseButton.LeftButton)
    wait(qtbot, viewer)
    expected = np.where(gone, 0, seg.labels)
    np.testing.assert_array_equal(layer.data, expected)
    # It is a step of the recipe, and no patch.
    recipe = recipe_of(viewer, layer)
    assert [step.op for step in recipe.steps] == ["segment", "drop_uncertain"]
    np.testing.assert_array_equal(recipe.replay(PHOTO).labels, expected)
    run("undo_last_action")
    np.testing.assert_array_equal(layer.data, seg.labels)
    assert [step.op for step in recipe_of(viewer, layer).steps] == ["segment"]
    if not panel:
        layer.redo()
        assert recipe_of(viewer, layer) == recipe
        layer.undo()
        layer.paint((10, 10), 7)
        steps = recipe_of(viewer, layer).steps
        assert [step.op for step in steps] == ["segment", "patch"]


def test_locked_classes_keep_uncertain_pixels(qtbot, viewer, layer, seg):
    editor = EditWidget(viewer)
    viewer.window.add_dock_widget(editor)
    editor.session.locked = {2}
    run("drop_uncertain")
    dialog = open_dialog(qtbot, ThresholdDialog)
    dialog.threshold.setValue(0.2)
    dialog.accept()
    wait(qtbot, viewer)
    gone = (seg.uncertainty() > 0.2) & (seg.labels != 2)
    np.testing.assert_array_equal(layer.data, np.where(gone, 0, seg.labels))


def test_uncertain_pixels_of_a_slice(qtbot, viewer):
    stack = viewer.add_image(np.stack([PHOTO, PHOTO // 2]), rgb=True)
    viewer.dims.set_current_step(0, 1)
    seg = emseg.segment(PHOTO // 2, n_classes=3)
    layer = add_to(viewer, seg, stack, at=(1, None, None))
    run("drop_uncertain")
    dialog = open_dialog(qtbot, ThresholdDialog)
    dialog.threshold.setValue(0.2)
    dialog.accept()
    wait(qtbot, viewer)
    expected = np.where(seg.uncertainty() > 0.2, 0, seg.labels)
    np.testing.assert_array_equal(layer.data[0], expected)
    recipe = recipe_of(viewer, layer)
    assert [step.op for step in recipe.steps] == ["segment", "drop_uncertain"]


class TestTable:
    def rows(self, layer):
        return layer.features.set_index("index")["pixels"].to_dict()

    def counts(self, layer):
        labels, pixels = np.unique(layer.data, return_counts=True)
        return dict(zip(labels.tolist(), pixels.tolist(), strict=True))

    def test_follows_strokes_and_undo(self, qtbot, viewer, layer, monkeypatch):
        threads = set()
        read = module.reading

        def noted(*args, **options):
            work = read(*args, **options)

            def call():
                threads.add(threading.current_thread())
                return work()

            return call

        monkeypatch.setattr(module, "reading", noted)
        layer.selected_label = 9
        layer.brush_size = 20
        layer.paint((30, 40), 9)
        assert 9 not in self.rows(layer)
        wait(qtbot, viewer)
        found = self.rows(layer)
        assert found.pop(0) == 0
        assert found == self.counts(layer)
        assert found[9] > 100
        layer.undo()
        wait(qtbot, viewer)
        assert 9 not in self.rows(layer)
        assert threads
        assert threading.main_thread() not in threads

    def test_is_made_once_for_many_edits(
        self, qtbot, viewer, layer, image, monkeypatch
    ):
        made = []
        write = module.write_features
        monkeypatch.setattr(
            module, "write_features", lambda *a, **o: made.append(write(*a, **o))
        )
        for place in range(10):
            layer.paint((10 + place, 40), 2)
        wait(qtbot, viewer)
        assert len(made) == 1
        # A new fit brings its own; that of the old one comes back by undo.
        add_to(viewer, emseg.segment(PHOTO, n_classes=5), image, replace=layer)
        wait(qtbot, viewer)
        assert len(made) == 1
        assert self.rows(layer).keys() == {0, 1, 2, 3, 4, 5}
        layer.undo()
        wait(qtbot, viewer)
        assert len(made) == 2
        assert self.rows(layer).keys() == {0, 1, 2, 3}

    def test_follows_edits_when_the_history_is_full(self, qtbot, viewer, layer):
        """As many steps as before are not the same steps."""
        for _ in range(undo_steps(layer).maxlen):
            layer.paint((10, 40), 2)
        wait(qtbot, viewer)
        layer.paint((20, 40), 7)
        wait(qtbot, viewer)
        assert 7 in self.rows(layer)

    def test_is_a_tab_beside_the_panels(self, qtbot, viewer, layer, image):
        viewer.layers.selection.active = image
        rename_class(layer, 2, "cup")
        for _ in range(2):
            run("class_table")
        assert viewer.layers.selection.active is layer
        listing = find_panel(viewer, ClassListing)
        qtbot.waitUntil(lambda: bool(listing.visibleRegion()), timeout=5_000)
        assert viewer.window._qt_window.dockWidgetArea(listing.parent()) == RIGHT
        table = listing.table
        heads = [
            table.horizontalHeaderItem(n).text() for n in range(table.columnCount())
        ]
        assert heads[:5] == ["label", "name", "pixels", "area (µm²)", "fraction"]
        assert {"mean R", "std B", "regions"} < {*heads}

        def column(head):
            place = heads.index(head)
            return [table.item(row, place).text() for row in range(table.rowCount())]

        assert column("name") == ["class 1", "cup", "class 3"]
        assert column("pixels") == [str(n) for n in self.counts(layer).values()]
        # By number, as 1,000 is more than 999.
        table.sortItems(heads.index("pixels"), Qt.SortOrder.DescendingOrder)
        assert [*map(int, column("pixels"))] == sorted(
            self.counts(layer).values(), reverse=True
        )
        table.selectRow(0)
        assert str(layer.selected_label) == column("label")[0]
        # Objects are no classes, though their layer has features, too.
        objects = emseg.objects(layer.data, classes=1)
        viewer.layers.selection.active = add_to(viewer, objects, image)
        assert listing.layer is layer
        viewer.layers.remove(layer)
        assert table.rowCount() == 0

    def test_is_written_as_csv(self, qtbot, viewer, layer, seg, saving, told):
        rename_class(layer, 2, 'the "cup"')
        path = saving("classes.csv")
        run("export_class_table")
        wait(qtbot, viewer)
        with path.open(encoding="utf-8", newline="") as file:
            rows = [*csv.DictReader(file)]
        assert [row["name"] for row in rows] == ["class 1", 'the "cup"', "class 3"]
        table = seg.table(spacing=(0.5, 0.5))
        assert [int(row["regions"]) for row in rows] == table["n_regions"].tolist()
        areas = [float(row["area (µm²)"]) for row in rows]
        np.testing.assert_allclose(areas, table["area"])
        assert [float(row["mean G"]) for row in rows] == table["mean"][:, 1].tolist()

    def test_of_labels_from_elsewhere(self, qtbot, viewer, image, saving, told):
        """They lie on the image, so the colors are measured there."""
        labels = np.ones(PHOTO.shape[:2], np.uint8)
        viewer.add_labels(labels, name="mine")
        path = saving("mine.csv")
        run("export_class_table")
        wait(qtbot, viewer)
        [row] = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        assert float(row["mean G"]) == pytest.approx(PHOTO[..., 1].mean())
        assert told[-1][1] == "Saved mine.csv, 1 class."

    def test_never_replaces_a_file_by_itself(self, qtbot, viewer, layer, saving, told):
        path = saving("classes")
        path.with_suffix(".csv").write_text("mine")
        run("export_class_table")
        wait(qtbot, viewer)
        assert path.with_suffix(".csv").read_text() == "mine"
        assert "exists" in told[-1][1]
        saving("classes.png")
        run("export_class_table")
        wait(qtbot, viewer)
        assert ".csv" in told[-1][1]


def test_python_in_the_clipboard_makes_the_labels(qtbot, viewer, tmp_path, seg):
    imwrite(tmp_path / "photo.tif", PHOTO)
    [image] = viewer.open(tmp_path / "photo.tif", plugin="napari", rgb=True)
    layer = add_to(viewer, seg, image)
    layer.paint((10, 10), 7)
    run("copy_as_python")
    wait(qtbot, viewer)
    text = QApplication.clipboard().text()
    subprocess.run([sys.executable, "-c", text], check=True, timeout=100)
    found = emseg.files.read_image(tmp_path / "photo_classes.tif")[0]
    np.testing.assert_array_equal(found, layer.data)


def test_python_of_an_image_without_a_file_says_so(qtbot, viewer, layer, told):
    run("copy_as_python")
    wait(qtbot, viewer)
    first = QApplication.clipboard().text().splitlines()[0]
    assert first == "# Save the image as coffee.png first: it has no file yet."
    assert told[-1][1] == "Copied. Save the image as coffee.png first."


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a\nraise SystemExit(7)\n", "a_raise SystemExit(7)_.png"),
        ("a\u2028raise SystemExit(7)", r'"a\u2028raise SystemExit(7).png"'),
        ("/etc/../a", "_etc_.._a.png"),
        ('C:\\a"b', "C__a_b.png"),
        ("coding: utf-7", r'"\x63oding_ utf-7.png"'),
        ("x" * 400, "x" * 60 + ".png"),
    ],
)
def test_names_of_layers_are_no_code(qtbot, viewer, layer, name, file):
    """Nor do they leave the folder, or make a name that no file can have."""
    viewer.layers["coffee"].name = name
    run("copy_as_python")
    wait(qtbot, viewer)
    text = QApplication.clipboard().text()
    assert (
        text.splitlines()[0] == f"# Save the image as {file} first: it has no file yet."
    )
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert found.returncode == 1
    assert "FileNotFoundError" in found.stderr


def test_labels_are_written_with_their_recipe(qtbot, viewer, layer, saving, told):
    layer.paint((10, 10), 7)
    path = saving("labels.emseg.tif")
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel)
    choose(panel, "Save labels…")
    wait(qtbot, viewer)
    # Whole, in the line of the panel, and no notification.
    assert panel.controls.status.value == f"Saved {path.name} with the recipe."
    assert told == []
    with TiffFile(path) as file:
        np.testing.assert_array_equal(file.asarray(), layer.data)
        about = file.shaped_metadata[0]
    recipe = emseg.Recipe.model_validate(about["recipe"])
    np.testing.assert_array_equal(recipe.replay(PHOTO).labels, layer.data)


def test_written_labels_are_opened_as_they_were(qtbot, viewer, layer, saving):
    """Numbers, place, colors, names, recipe, and the fit behind them."""
    layer.paint((10, 10), 7)
    rename_class(layer, 2, "cup")
    paint_class(layer, 3, (1, 0, 0), shown=False)
    path = saving("labels.emseg.tif")
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel)
    choose(panel, "Save labels…")
    qtbot.waitUntil(path.exists, timeout=20_000)
    wait(qtbot, viewer)
    viewer.layers.remove(layer)
    [again] = viewer.open(path, plugin="napari-emseg")
    assert (again.name, again._type_string) == ("labels", "labels")
    np.testing.assert_array_equal(again.data, layer.data)
    np.testing.assert_array_equal(again.scale, layer.scale)
    assert again.units == layer.units
    for label in (1, 2, 3, 7):
        expected = layer.colormap.map(label)
        np.testing.assert_allclose(again.colormap.map(label), expected, atol=1e-3)
        assert class_name(again, label) == class_name(layer, label)
    assert recipe_of(viewer, again) == recipe_of(viewer, layer)
    assert (
        fit_request_of(viewer, again).args.params
        == fit_request_of(viewer, layer).args.params
    )


def test_labels_without_anything_else_are_opened(viewer, tmp_path):
    imwrite(tmp_path / "plain.emseg.tif", np.eye(4, dtype=np.uint8))
    path = tmp_path / "plain.emseg.tif"
    [layer] = viewer.open(path, plugin="napari-emseg")
    np.testing.assert_array_equal(layer.data, np.eye(4))
    assert layer._type_string == "labels"
    assert labels_reader([str(path)] * 2) is None


def test_menu_leads_to_the_panel_that_edits(qtbot, viewer, layer):
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel)
    choose(panel, "Select and edit…")
    editor = find_panel(viewer, EditWidget)
    assert editor.session.labels is layer
    qtbot.waitUntil(lambda: editor.background.idle, timeout=20_000)


def test_recipe_is_written(qtbot, viewer, layer, saving, told):
    path = saving("recipe.json")
    run("save_recipe")
    wait(qtbot, viewer)
    assert json.loads(path.read_text())["steps"][0]["op"] == "segment"
    labels = emseg.Recipe.load(path).replay(PHOTO).labels
    np.testing.assert_array_equal(labels, layer.data)


def test_panels_open_and_segment_as_preferred(qtbot, viewer, image):
    viewer.add_image(PHOTO[::-1], name="other")
    viewer.layers.selection.active = image
    run("segment_active")
    panel = find_panel(viewer, SegmentWidget)
    qtbot.waitUntil(lambda: not panel.running, timeout=30_000)
    [layer] = [one for one in viewer.layers if one.name == "coffee classes"]
    np.testing.assert_array_equal(layer.data, emseg.segment(PHOTO).labels)
    run("segment_active")
    assert find_panel(viewer, SegmentWidget) is panel
    qtbot.waitUntil(lambda: not panel.running, timeout=30_000)
    for name, kind in (("compare", CompareWidget), ("model", ModelWidget)):
        run(name)
        assert isinstance(find_panel(viewer, kind), kind)


def test_empty_viewer_says_what_is_missing(viewer, told):
    menu = QMenu()
    fill(menu, viewer)
    open_empty = {"open_edit", "open_model", "open_objects"}
    for row in [row for group in ROWS for row in group]:
        [action] = [one for one in rows_of(menu) if one.text() == row.title]
        assert action.isEnabled() == row.always
        if row.always:
            continue
        assert "open" in action.toolTip()
        if row.command not in open_empty:
            told.clear()
            action.setEnabled(True)
            action.trigger()
            assert "there is no" in told[-1][1]
    menu.deleteLater()


def test_menu_of_the_panel_does_what_it_says(qtbot, viewer, layer):
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel)
    buttons = panel.native.findChildren(QPushButton)
    [button] = [one for one in buttons if one.text() == "Result ▾"]
    menu = button.menu()
    menu.aboutToShow.emit()
    shown = rows_of(menu)
    assert [one.text() for one in shown] == [
        row.title for group in ROWS for row in group
    ]
    assert all(one.isEnabled() for one in shown)
    editor = EditWidget(viewer)
    viewer.window.add_dock_widget(editor)
    chosen = panel.form.image.value
    assert editor.session.image is chosen
    [action] = [one for one in shown if one.text() == "Show uncertainty"]
    action.trigger()
    wait(qtbot, viewer)
    assert uncertainty_layer(viewer, layer) is not None
    # The new layer is no image that the panel would take.
    assert panel.form.image.value is chosen
    assert editor.session.image is chosen
    run("compare")
    assert find_panel(viewer, CompareWidget).image is chosen


def test_commands_are_in_the_palette(viewer):
    known = {command.title for _, command in get_app_model().commands}
    for title in ("Show uncertainty", "Export class table…", "Copy as Python"):
        assert f"{title} (EM color segmentation)" in known


def test_files_hold_the_edits_that_were_asked_for_before(qtbot, viewer, layer, saving):
    """They wait for those that are still under way."""
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
    gate = threading.Event()
    panel.background.preview(lambda: gate.wait(20), lambda _: None, "held")
    layer.selected_label = 9
    for title in ("All", "Fill"):
        QTest.mouseClick(panel.commands.buttons[title], Qt.MouseButton.LeftButton)
    path = saving("labels.emseg.tif")
    save_labels(viewer)
    gate.set()
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
    qtbot.waitUntil(path.exists, timeout=20_000)
    wait(qtbot, viewer)
    with TiffFile(path) as file:
        assert np.unique(file.asarray()).tolist() == [9]
