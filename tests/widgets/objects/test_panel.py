"""The panel "Objects" in a real viewer, with real clicks."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QPushButton
from skimage.io import imsave

import napari_emseg as emseg
from napari_emseg.io.samples import tissue
from napari_emseg.layers import add_selection, add_to, is_objects, objects_of
from napari_emseg.layers.classes import rename_class
from napari_emseg.layers.history import LayerState
from napari_emseg.regions.instances import ObjectTable
from napari_emseg.widgets.common.docks import find_panel
from napari_emseg.widgets.common.navigation import sees_all
from napari_emseg.widgets.manifest_commands import open_objects
from napari_emseg.widgets.objects import object_marks
from napari_emseg.widgets.objects.object_rows import ObjectRows
from napari_emseg.widgets.objects.panel import ObjectsWidget

LEFT = Qt.MouseButton.LeftButton
# Middles and radii of discs; the last two touch.
DISCS = [(15, 15, 9), (15, 50, 4), (45, 15, 6), (40, 50, 9), (40, 65, 9)]


def drawn(depth=None):
    """Return a picture of discs on dark ground, and its classes: 1, and discs of 2."""
    y, x = np.mgrid[:60, :90]
    classes = np.ones((60, 90), np.uint8)
    for cy, cx, radius in DISCS:
        classes[np.hypot(y - cy, x - cx) < radius] = 2
    if depth is not None:
        classes = np.repeat(classes[np.newaxis], depth, axis=0)
    return np.where(classes == 2, 200, 30).astype(np.uint8), classes


def settled(panel):
    """Return whether nothing is found or measured any more."""
    return panel.background.idle and not panel._rest.isActive()


@pytest.fixture
def opened(viewer, qtbot, hand):
    """Return a function that opens the panel on a drawn picture."""

    def open_on(*, depth=None, make=True, scale=(1, 1)):
        image, classes = drawn(depth)
        place = {"scale": (1,) * (classes.ndim - 2) + scale, "units": "um"}
        picture = viewer.add_image(image, name="cells", **place)
        labels = viewer.add_labels(classes, name="classes", **place)
        rename_class(labels, 2, "nuclei")
        open_objects(viewer)
        panel = find_panel(viewer, ObjectsWidget)

        def wait():
            for _ in range(2):
                QTest.qWait(5)
                qtbot.waitUntil(lambda: settled(panel), timeout=20_000)

        wait()
        if make:
            click_class(panel, 2)
            wait()
            QTest.mouseClick(panel.finding.make, LEFT)
            wait()
        hand.layer = panel.session.layer
        viewer.reset_view()
        return SimpleNamespace(
            panel=panel,
            wait=wait,
            picture=picture,
            labels=labels,
            hand=hand,
            layer=panel.session.layer,
            session=panel.session,
            viewer=viewer,
            until=qtbot.waitUntil,
        )

    return open_on


def click_class(panel, number, keys=Qt.KeyboardModifier.NoModifier):
    view = panel.finding.classes
    for row in range(view.count()):
        item = view.item(row)
        if item.data(Qt.ItemDataRole.UserRole) == number:
            spot = view.visualItemRect(item).center()
            QTest.mouseClick(view.viewport(), LEFT, keys, spot)


def press(button):
    assert button.isEnabled(), button.text()
    QTest.mouseClick(button, LEFT)


def at(layer, point):
    return int(layer.data[point])


@pytest.mark.whole_window
def test_tissue_to_a_table_of_nuclei_in_eight_clicks(
    viewer, qtbot, tmp_path, monkeypatch
):
    [(picture, attributes, _)] = tissue()
    viewer.add_image(picture, **attributes)
    _, segment = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    viewer.window._qt_window.resize(1280, 800)
    path, clicks = tmp_path / "nuclei.csv", []

    def click(widget, spot=None):
        qtbot.waitUntil(widget.isVisible)
        clicks.append(widget)
        QTest.mouseClick(widget, LEFT, pos=spot or widget.rect().center())

    def button(parent, title):
        found = parent.findChildren(QPushButton)
        return next(one for one in found if one.text() == title)

    def save(*_):
        clicks.append("Save")
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    live = next(
        one
        for one in segment.native.findChildren(QPushButton)
        if one.text() == "Segment"
    )
    click(live)
    qtbot.waitUntil(
        lambda: not segment.running and len(viewer.layers) == 2, timeout=60_000
    )
    [labels] = [one for one in viewer.layers if isinstance(one, Labels)]

    click(button(segment.native, "Result ▾"))
    qtbot.waitUntil(lambda: QApplication.activePopupWidget() is not None)
    menu = QApplication.activePopupWidget()
    [action] = [one for one in menu.actions() if one.text() == "Objects…"]
    spot = menu.actionGeometry(action).center()
    for step in range(8):  # a menu takes no click of a mouse that never moved
        QTest.mouseMove(menu, spot + QPoint(step, 0))
    click(menu, spot)
    panel = find_panel(viewer, ObjectsWidget)
    qtbot.waitUntil(lambda: panel.finding.classes.count() == 4, timeout=20_000)
    classes = panel.finding.classes
    blue = classes.item(2)
    clicks.append(classes)
    QTest.mouseClick(
        classes.viewport(), LEFT, pos=classes.visualItemRect(blue).center()
    )
    assert panel.finding.classes.classes == (3,)
    click(panel.finding.make)
    qtbot.waitUntil(lambda: panel.session.table is not None, timeout=60_000)
    click(panel.buttons.csv)
    qtbot.waitUntil(path.exists, timeout=20_000)
    qtbot.waitUntil(lambda: settled(panel), timeout=20_000)
    assert len(clicks) <= 8
    expected = emseg.measure(emseg.objects(labels.data, 3), picture)
    with path.open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == len(expected) > 50
    assert [float(row["area"]) for row in rows] == expected["area"].tolist()
    assert panel.finding.count.text().startswith(f"{len(rows)} objects of class 3")


def test_the_number_of_objects_is_seen_before_they_are_made(opened):
    seen = opened(make=False)
    assert seen.panel.status.text().startswith("Click a class")
    click_class(seen.panel, 2)
    seen.wait()
    assert seen.panel.status.text().startswith("Press Make objects")
    assert seen.panel.finding.count.text() == "5 objects of class nuclei"
    assert seen.panel.marks.overlay.shown.any()
    assert not any(map(is_objects, seen.viewer.layers))
    seen.panel.finding.split.setCurrentText("Not at all")
    seen.wait()
    assert seen.panel.finding.count.text() == "4 objects of class nuclei"
    press(seen.panel.finding.make)
    seen.wait()
    layer = seen.session.layer
    assert layer.name == "cells nuclei"
    assert objects_of(layer).n_objects == 4
    assert objects_of(layer).counts() == {2: 4}
    assert seen.panel.status.text() == "4 objects of class nuclei"
    # Objects are no classes to edit, nor to find objects in.
    assert seen.panel.labels.findText(layer.name) < 0
    seen.hand.undo()
    assert layer not in seen.viewer.layers
    seen.hand.redo()
    assert layer in seen.viewer.layers
    seen.viewer.layers.remove(layer)
    assert seen.panel.status.text().startswith("Press Make objects")


def test_a_click_on_an_object_shows_its_row_and_a_row_its_object(opened):
    seen = opened()
    panel, table = seen.panel, seen.panel.measures.table
    press(panel.buttons.show_table)
    seen.wait()
    small = at(seen.layer, (15, 50))
    seen.hand.click((15, 50))
    seen.wait()
    assert seen.session.chosen.tolist() == [small]
    assert table.currentIndex().row() == table.rows.ids(np.arange(5)).tolist().index(
        small
    )
    drawn_now = panel.marks.overlay.shown > 0
    assert drawn_now.any()
    assert (seen.layer.data[drawn_now] == small).all()
    seen.hand.click((45, 15), keys=["ctrl"])
    assert len(seen.session.chosen) == 2
    seen.hand.click((58, 88))
    assert not len(seen.session.chosen)
    wanted = at(seen.layer, (40, 65))
    row = table.rows.ids(np.arange(5)).tolist().index(wanted)
    spot = table.visualRect(table.rows.index(row, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=spot)
    seen.wait()
    assert seen.session.chosen.tolist() == [wanted]
    center = getattr(seen.viewer, "scene", seen.viewer).camera.center
    assert np.abs(np.subtract(center[-2:], (40, 65))).max() < 3


def test_table_is_sorted_and_filtered_and_so_is_its_file(opened, tmp_path, monkeypatch):
    seen = opened(scale=(2, 2))
    panel, view = seen.panel, seen.panel.measures.table
    press(panel.buttons.show_table)
    area = [*view.rows.table].index("area") - 1  # the class is told by its name
    view.sortByColumn(area, Qt.SortOrder.DescendingOrder)
    areas = seen.session.table["area"]
    shown = [float(view.rows.index(r, area).data()) for r in range(5)]
    assert shown == sorted(areas.tolist(), reverse=True)
    assert view.rows.headerData(area, Qt.Orientation.Horizontal) == "area (µm²)"
    # Drag the low end of the histogram of areas to its middle.
    slider = panel.filters.sliders[0]
    y = slider.height() - 6
    QTest.mousePress(slider, LEFT, pos=QPoint(7, y))
    QTest.mouseMove(slider, QPoint(slider.width() // 2, y))
    QTest.mouseRelease(slider, LEFT, pos=QPoint(slider.width() // 2, y))
    seen.wait()
    left = areas >= slider.low
    assert 0 < left.sum() < 5
    assert view.rows.rowCount() == left.sum()
    path = tmp_path / "cells.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    press(panel.measures.csv)
    seen.wait()
    with path.open(encoding="utf-8") as file:
        found = [float(row["area (µm²)"]) for row in csv.DictReader(file)]
    assert found == sorted(areas[left].tolist(), reverse=True)
    assert panel.measures.summary.summary["count"].tolist() == [left.sum()]
    before = seen.layer.data.copy()
    press(panel.buttons.remove_filtered)
    seen.wait()
    assert seen.session.table["area"].tolist() == areas[left].tolist()
    assert (seen.layer.data > 0).sum() * 4 == areas[left].sum()
    seen.hand.undo()
    seen.wait()
    assert np.array_equal(seen.layer.data, before)
    assert len(seen.session.table) == 5


def test_merge_by_click_split_by_line_and_undo_to_the_first_byte(opened):
    seen = opened()
    first = seen.layer.data.copy()
    press(seen.panel.buttons.merge)
    seen.hand.click((40, 50))
    seen.hand.click((40, 65))
    seen.wait()
    assert at(seen.layer, (40, 50)) == at(seen.layer, (40, 65)) > 0
    assert objects_of(seen.layer).n_objects == 4
    press(seen.panel.buttons.merge)
    assert seen.panel.pointer.mode == "choose"
    merged = seen.layer.data.copy()
    press(seen.panel.buttons.line)
    seen.hand.drag([(5, 15), (10, 15), (20, 15), (27, 15)])
    seen.wait()
    assert at(seen.layer, (15, 10)) != at(seen.layer, (15, 20))
    assert objects_of(seen.layer).counts() == {2: 5}
    assert (seen.layer.data > 0).sum() == (first > 0).sum()
    seen.hand.undo()
    assert np.array_equal(seen.layer.data, merged)
    seen.hand.undo()
    assert np.array_equal(seen.layer.data, first)
    assert seen.layer.data.dtype == first.dtype
    seen.hand.redo()
    assert np.array_equal(seen.layer.data, merged)


def test_delete_keep_and_what_is_inside_of_the_selection(opened):
    seen = opened()
    mask = np.zeros((60, 90), np.uint8)
    mask[:30] = 255
    add_selection(seen.viewer, seen.layer, data=mask)
    press(seen.panel.buttons.keep_selected)
    seen.wait()
    assert not seen.layer.data[30:].any()
    assert objects_of(seen.layer).n_objects == 2
    seen.hand.undo()
    seen.wait()
    press(seen.panel.buttons.delete_selected)
    seen.wait()
    assert not seen.layer.data[:25].any()
    assert objects_of(seen.layer).n_objects == 3
    seen.hand.click((45, 15))
    press(seen.panel.buttons.keep)
    seen.wait()
    assert objects_of(seen.layer).n_objects == 1
    seen.hand.click((45, 15))
    press(seen.panel.buttons.delete)
    seen.wait()
    assert not seen.layer.data.any()


@pytest.mark.whole_window
def test_a_lasso_and_a_span_in_the_plot_choose_objects(opened):
    seen = opened()
    press(seen.panel.buttons.show_table)
    seen.wait()
    plot, table = seen.panel.measures.plot, seen.session.table
    canvas = plot.canvas
    seen.until(lambda: bool(canvas.figure.axes))
    canvas.draw()
    ax = canvas.figure.axes[0]

    def spot(x, y):
        across, up = ax.transData.transform((x, y)) / canvas.device_pixel_ratio
        return QPoint(round(across), round(canvas.height() - up))

    def drag(points):
        QTest.mousePress(canvas, LEFT, pos=points[0])
        for point in points[1:]:
            QTest.mouseMove(canvas, point)
            QTest.qWait(1)
        QTest.mouseRelease(canvas, LEFT, pos=points[-1])

    large = table["area"] > 200
    (low, high), (down, top) = ax.get_xlim(), ax.get_ylim()
    ring = [(200, down), (200, top), (high, top), (high, down), (200, down)]
    drag([spot(*corner) for corner in ring])
    assert seen.session.chosen.tolist() == table["label"][large].tolist()
    seen.until(lambda: len(plot._dots.get_xdata()) == large.sum())
    plot.up.setCurrentIndex(0)
    canvas.draw()
    ax = canvas.figure.axes[0]
    drag([spot(low, 0.5), spot(150, 0.5), spot(200, 0.5)])
    assert seen.session.chosen.tolist() == table["label"][~large].tolist()


def test_values_that_differ_by_rounding_have_bars(opened):
    seen = opened()
    [slider, *_] = seen.panel.filters.sliders
    slider.load(np.array([0.8738931297709916, 0.8738931297709921]))
    assert slider._counts.sum() == 2
    assert slider.ends[0] < slider.ends[1]


@pytest.mark.parametrize("end", ["take", "close"])
def test_the_plot_of_a_table_that_is_gone_marks_nothing(opened, end):
    seen = opened()
    press(seen.panel.buttons.show_table)
    seen.wait()
    plot = seen.panel.measures.plot
    seen.until(lambda: plot._dots is not None)
    seen.session.choose(seen.session.ids()[:2])  # is marked in a moment
    assert plot._marking.isActive()
    if end == "take":  # which no plot that is hidden draws
        plot.hide()
        seen.session.take(None)
    else:
        seen.session.close()
    seen.until(lambda: not plot._marking.isActive())
    assert seen.session.table is None


def test_summary_is_of_the_tissue_and_counts_positives(opened):
    seen = opened()
    page = seen.panel.measures.summary
    press(seen.panel.buttons.show_table)
    seen.wait()
    area = float(seen.session.table["area"].sum())
    assert page.summary["fraction"][0] == pytest.approx(area / 5400)
    assert [page.tissue.itemText(i) for i in range(3)] == [
        "whole image",
        "class 1",
        "nuclei",
    ]
    page.tissue.setCurrentText("nuclei")
    seen.wait()
    assert page.summary["fraction"][0] == pytest.approx(1, abs=0.02)
    page.measure.setCurrentText("area")
    page.least.setValue(200)
    seen.wait()
    positive = (seen.session.table["area"] >= 200).mean() * 100
    assert page.summary["positive_percent"][0] == positive


@pytest.mark.parametrize("scale", [(1, 1), (3, 0.5)])
def test_the_script_makes_the_same_table(opened, tmp_path, monkeypatch, scale):
    seen = opened(make=False, scale=scale)
    monkeypatch.chdir(tmp_path)
    seg = emseg.segment(seen.picture.data, n_classes=2)
    result = add_to(seen.viewer, seg, seen.picture)
    seen.viewer.layers.selection.active = result
    seen.wait()
    click_class(seen.panel, 2)
    seen.wait()
    press(seen.panel.finding.make)
    seen.wait()
    seen.hand.layer = seen.session.layer
    pair = {int(seen.session.layer.data[p]) for p in ((40, 50), (40, 65))}
    # Of long pixels, it is one object without a neck.
    assert len(pair) == (2 if scale == (1, 1) else 1)
    if len(pair) == 2:
        seen.session.merge(sorted(pair))
    seen.session.split([[5.0, 15.0], [27.0, 15.0]])
    seen.wait()
    gone = int(seen.session.layer.data[15, 50])
    seen.session.without([gone])
    seen.wait()
    press(seen.panel.buttons.python)
    seen.wait()
    text = QApplication.clipboard().text()
    imsave("cells.png", seen.picture.data, check_contrast=False)
    made = {}
    exec(compile(text, "script", "exec"), made)
    np.testing.assert_array_equal(made["objects"].labels, seen.session.layer.data)
    with Path("cells_objects.csv").open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    table = seen.session.table
    assert [int(row["label"]) for row in rows] == table["label"].tolist()
    assert [float(row["area (µm²)"]) for row in rows] == table["area"].tolist()
    assert [float(row["mean"]) for row in rows] == table["mean"].tolist()
    # What the brush did is no line of a script.
    seen.session.layer.paint((3, 80), 77)
    press(seen.panel.buttons.python)
    assert "painted by hand" in seen.panel.status.text()


def test_what_cannot_be_done_is_said_in_one_line_of_the_panel(opened, monkeypatch):
    seen = opened(make=False)
    panel = seen.panel
    press(panel.finding.make)
    assert panel.status.text().startswith("No class is chosen")
    click_class(panel, 2)
    seen.labels.data[seen.labels.data == 2] = 1  # an empty class, meanwhile
    press(panel.finding.make)
    seen.wait()
    assert "no object of nuclei" in panel.status.text()
    assert not any(map(is_objects, seen.viewer.layers))
    seen.labels.data[:] = drawn()[1]
    press(panel.finding.make)
    seen.wait()
    layer = seen.session.layer
    before = layer.data.copy()
    press(panel.buttons.remove_filtered)
    assert "No object lies outside" in panel.status.text()
    press(panel.buttons.keep_selected)
    assert "Nothing is selected" in panel.status.text()
    # Somebody paints while an edit is worked out.
    seen.session.choose([1])
    stale = LayerState(layer)
    monkeypatch.setattr(
        "napari_emseg.widgets.objects.object_session.LayerState",
        lambda _, states=[stale]: states.pop() if states else LayerState(layer),
    )
    layer.paint((3, 80), 9)
    press(panel.buttons.delete)
    seen.wait()
    assert "were changed while this was worked out" in panel.status.text()
    monkeypatch.undo()
    layer.undo()
    assert np.array_equal(layer.data, before)
    other = seen.viewer.add_image(np.zeros((5, 5), np.uint8), name="other")
    panel.session.image = other
    panel.session.measure()
    seen.wait()
    assert "'other' of shape (5, 5) does not lie on" in panel.status.text()
    assert len(seen.session.table) == 5
    assert "mean" not in seen.session.table


def test_objects_of_a_volume_and_of_its_planes(opened):
    seen = opened(depth=3)
    assert "volume" in seen.session.table
    assert len(seen.session.table) == 5
    seen.panel.finding.planes.setChecked(True)
    seen.wait()
    assert seen.panel.finding.count.text() == "5 objects of class nuclei in this plane"
    press(seen.panel.finding.make)
    seen.wait()
    table = seen.session.table
    assert len(table) == 15
    assert np.bincount(table["plane"]).tolist() == [5, 5, 5]
    page = seen.panel.measures.summary
    page.by_plane.setChecked(True)
    seen.wait()
    number = int(table["label"][table["plane"] == 2][0])
    seen.panel.marks.go_to(number)
    assert seen.viewer.dims.current_step[0] == 2
    layer = seen.session.layer
    seen.hand.layer, seen.hand.at = layer, (2,)
    press(seen.panel.buttons.line)
    seen.hand.drag([(5, 15), (15, 15), (27, 15)])
    seen.wait()
    parts = objects_of(layer)
    assert parts.n_objects == 16
    assert layer.data[2, 15, 10] != layer.data[2, 15, 20]
    assert layer.data[1, 15, 10] == layer.data[1, 15, 20]


def test_the_panel_closes_and_opens_again(opened):
    seen = opened()
    dock = seen.panel.parent()
    press(seen.panel.buttons.show_table)
    seen.session.choose([1])
    seen.wait()
    seen.viewer.window.remove_dock_widget(seen.panel)
    assert not seen.panel.measures.isVisible()
    assert not any(layer.name == "preview" for layer in seen.viewer.layers)
    seen.hand.click((15, 15))
    assert not len(seen.session.chosen) or seen.session.chosen.tolist() == [1]
    del dock
    seen.viewer.window.add_dock_widget(seen.panel, name="Objects")
    seen.wait()
    assert len(seen.session.table) == 5


@pytest.mark.parametrize(("room", "beside"), [(100, True), (300, False)])
def test_the_table_makes_no_window_grow(opened, room, beside):
    seen = opened()
    main = seen.panel.window()
    before, height = main.size(), main.minimumSizeHint().height() + room
    main.resize(1024, height)
    QTest.qWait(50)
    # As high as the canvas, of which the table takes a part.
    seen.viewer.add_image(np.zeros((300, 20), np.uint8), units=("um", "um"))
    seen.viewer.reset_view()
    seen.panel.show_measures()
    QTest.qWait(300)
    assert sees_all(seen.viewer)
    assert (main.width(), main.height()) == (1024, height)
    dock = seen.panel.measures.parentWidget()
    assert seen.panel.measures.isVisible()
    assert dock.isFloating() == beside
    screen = main.screen().availableGeometry()
    assert not beside or screen.contains(dock.geometry())
    main.resize(before)


@pytest.mark.styled
def test_the_depth_of_a_neck_is_read_whole_in_the_narrowest_panel(opened):
    panel = opened(make=False).panel
    main, dock = panel.window(), panel.parentWidget()
    main.resizeDocks([dock], [10], Qt.Orientation.Horizontal)
    box = panel.finding.depth
    box.setValue(box.maximum())
    QTest.qWait(20)
    line = box.lineEdit()
    text = line.fontMetrics().horizontalAdvance(line.text())
    assert line.width() > text


def test_the_edit_panel_leads_to_objects(viewer):
    viewer.add_labels(drawn()[1])
    _, edit = viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")
    menu = edit.commands.buttons["Split"].menu()
    menu.aboutToShow.emit()
    [action] = [one for one in menu.actions() if one.text() == "Into objects…"]
    action.trigger()
    assert find_panel(viewer, ObjectsWidget) is not None


def test_a_table_of_thousands_makes_no_text_before_it_is_seen(qapp):
    count = 20_000
    numbers = np.arange(1, count + 1)
    table = ObjectTable(
        {"label": numbers, "class": numbers % 3, "area": (numbers * 7919) % count}
    )
    rows = ObjectRows()
    rows.load(table, np.ones(count, bool))
    assert rows.rowCount() == count
    rows.sort(1, Qt.SortOrder.AscendingOrder)
    assert (np.diff(table["area"][rows.rows]) >= 0).all()
    rows.sort(1, Qt.SortOrder.DescendingOrder)
    assert (np.diff(table["area"][rows.rows]) <= 0).all()
    rows.filter(table["area"] < 100)
    assert rows.rowCount() == 100
    chosen = table["label"][table["area"] == 99]
    assert rows.highlight(chosen) == 0


def test_objects_by_seeds(opened):
    desk = opened(make=False, scale=(0.5, 0.5))
    finding = desk.panel.finding
    finding.split.setCurrentText("By seeds")
    click_class(desk.panel, 2)
    press(finding.make)
    desk.wait()
    assert "no seed in the labels; add points" in desk.panel.status.text()
    # Two in the pair that touches, one in a disc of its own, and one that is outside.
    world = np.array([(40, 45), (40, 70), (15, 12), (400, 2)]) * 0.5
    points = desk.viewer.add_points(world)
    assert finding.seeds.layer is points
    desk.wait()
    assert finding.count.text() == "5 objects of class nuclei"
    points.add((15 * 0.5, 18 * 0.5))
    desk.wait()
    assert finding.count.text() == "6 objects of class nuclei"
    press(finding.make)
    desk.wait()
    made = desk.session.layer
    seeds = [[15, 12], [15, 18], [40, 45], [40, 70]]
    alone = emseg.objects(desk.labels.data, 2, split="seeds", seeds=seeds)
    np.testing.assert_array_equal(made.data, alone.labels)
    assert desk.session.records[made].options["seeds"] == seeds
    # What is drawn lies over the objects that were made after it.
    desk.session.choose(made.data[15, [12, 18]].tolist())
    desk.wait()
    layers = list(desk.viewer.layers)
    assert layers.index(desk.panel.marks.overlay._layer) > layers.index(made)
    # Labels are seeds, too, such as nuclei of cells.
    desk.viewer.layers.remove(points)
    assert finding.seeds.layer is made
    desk.wait()
    assert finding.count.text() == "6 objects of class nuclei"


def test_what_is_left_out_of_a_large_picture_is_drawn_coarsely(opened, monkeypatch):
    desk = opened(scale=(2, 2))
    monkeypatch.setattr(object_marks, "_MOST", 60 * 90 // 3)
    sizes = desk.session.table["pixels"]
    desk.session.ranges = {"pixels": (100.0, float(sizes.max()))}
    desk.session.filter_changed.emit()
    desk.wait()
    left_out = np.isin(desk.layer.data, desk.session.table["label"][sizes < 100])
    shown = desk.panel.marks.overlay.shown
    np.testing.assert_array_equal(shown == object_marks.OUT, left_out[::2, ::2])
    # It lies where it belongs.
    drawn = desk.panel.marks.overlay._layer
    assert drawn.data_to_world((0, 0)) == desk.layer.data_to_world((0.5, 0.5))
    assert drawn.data_to_world((10, 7)) == desk.layer.data_to_world((20.5, 14.5))
