"""The panel "Select and edit" in a real viewer, opened through the manifest."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from napari.layers import Image
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QLabel

import napari_emseg as emseg
from napari_emseg import adjust, select
from napari_emseg.layers import coverage, find_selection
from napari_emseg.widgets.common.qt import ScrollArea
from napari_emseg.widgets.edit import buttons, class_list
from napari_emseg.widgets.edit.adjust import picture_forms
from napari_emseg.widgets.edit.panel import EditWidget
from napari_emseg.widgets.edit.tools import TOOLS
from napari_emseg.widgets.guide.help_window import HelpWindow

LEFT = Qt.MouseButton.LeftButton


def in_sight(part):
    return part.visibleRegion().boundingRect().size() == part.size()


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]


@pytest.fixture
def image(viewer, stripes):
    return viewer.add_image(stripes, name="stripes")


@pytest.fixture
def layer(viewer, stripes, image, panel, hand):
    """Labels of three stripes, 1 to 3 from the left."""
    layer = emseg.add_to(viewer, emseg.segment(stripes, n_classes=3), image)
    viewer.reset_view()
    hand.layer = layer
    return layer


@pytest.fixture
def do(qtbot, panel, layer):
    """Return what presses a button of the panel, and waits until it is done."""

    def press(title):
        QTest.mouseClick(panel.commands.buttons[title], LEFT)
        wait(qtbot, panel)

    wait(qtbot, panel)
    return press


def wait(qtbot, panel):
    qtbot.waitUntil(lambda: panel.background.idle, timeout=60_000)


def selected(viewer, layer):
    plane = find_selection(viewer, layer)
    return np.zeros(layer.data.shape, bool) if plane is None else plane.data == 255


def choose(panel, labels):
    """Choose rows of the list of classes as Ctrl and a click do, the last one first."""
    panel.classes.clearSelection()
    for label in reversed(labels):
        panel.classes._select(label, add=True)


def act(panel, name, *args):
    """Choose an entry of a button's menu."""
    menu = panel.commands.buttons[name].menu()
    menu.aboutToShow.emit()
    (action,) = (action for action in menu.actions() if action.text() == args[0])
    action.trigger()


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def test_line_below_says_what_comes_next(qtbot, panel, layer, do):
    line = panel._status
    assert line.text().startswith("Drag a class")
    do("All")
    choose(panel, [2])
    assert line.text() == f"{layer.data.size:,} px selected; Fill makes them class 2."
    choose(panel, [3])
    assert line.text().endswith("Fill makes them class 3.")
    do("None")
    assert line.text().startswith("Drag a class")


def test_line_below_says_how_to_begin(viewer, panel, stripes):
    line = panel._status
    assert line.text().startswith("Open a picture")
    viewer.add_image(stripes)
    assert "New class makes labels" in line.text()
    viewer.add_labels(np.ones(stripes.shape[:2], np.uint8))
    assert line.text().startswith("Drag a class")


@pytest.mark.whole_window
def test_a_session(qtbot, viewer, hand, panel, layer, do, monkeypatch):
    """Select, fill, merge, split, adjust, refit; undo all of it, and redo all of it."""
    layer.data[45:55, 5:20] = 3  # wrong, and not by hand
    start = layer.data.copy()
    states = [start]

    def changed():
        wait(qtbot, panel)
        assert not np.array_equal(layer.data, states[-1])
        states.append(layer.data.copy())

    QTest.mouseClick(panel.toolbar.buttons["rectangle"], LEFT)
    hand.drag([(9.5, 4.5), (29.5, 24.5)])
    wait(qtbot, panel)
    choose(panel, [3])
    do("Fill")
    changed()
    box = select.rectangle(start.shape, (10, 5), (29, 24))
    same(layer.data, np.where(box, 3, start))
    do("Grow")
    do("New class")
    changed()
    assert set(np.unique(layer.data)) == {1, 2, 3, 4}
    assert (layer.data == 4).sum() > box.sum()
    choose(panel, [2, 4])
    do("Merge")
    changed()
    assert set(np.unique(layer.data)) == {1, 2, 3}
    choose(panel, [2])
    act(panel, "Split", "By color, into two")
    changed()
    assert set(np.unique(layer.data)) == {1, 2, 3, 4}
    monkeypatch.setattr(picture_forms, "ask", lambda *asked: asked[-1]({"amount": 1.0}))
    act(panel, "Adjust", "Desaturate…")
    wait(qtbot, panel)
    assert viewer.layers["stripes desaturate"].rgb
    do("Refit")
    changed()
    assert (layer.data[45:55, 5:20] == 1).all()
    end = layer.data.copy()
    for _ in range(20):
        hand.undo()
    same(layer.data, start)
    assert not selected(viewer, layer).any()
    for _ in range(20):
        hand.redo()
    same(layer.data, end)
    hand.undo()
    same(layer.data, states[-2])


class TestSelect:
    def test_all_none_reselect_invert(self, viewer, layer, hand, do):
        do("All")
        assert selected(viewer, layer).all()
        do("None")
        assert not selected(viewer, layer).any()
        do("Reselect")
        assert selected(viewer, layer).all()
        do("Invert")
        assert not selected(viewer, layer).any()
        hand.undo()
        assert selected(viewer, layer).all()

    @pytest.mark.parametrize("name", ["Grow", "Shrink", "Smooth", "Border", "Feather"])
    def test_modify(self, qtbot, viewer, panel, layer, do, name):
        mask = select.rectangle(layer.data.shape, (10, 10), (40, 40))
        panel.session.choose(panel.session.plane(), lambda: mask)
        wait(qtbot, panel)
        panel.commands.pixels.setValue(4)
        do(name)
        found = coverage(panel.session.on_selection(panel.session.plane()))
        expected = getattr(select, name.lower())(mask, 4)
        assert np.abs(found.astype(float) - expected).max() <= 0.51 / 255

    def test_by_color(self, qtbot, viewer, panel, layer, do):
        mask = select.rectangle(layer.data.shape, (10, 35), (20, 45))
        for name in ("Similar", "Grow similar"):
            panel.session.choose(panel.session.plane(), lambda: mask)
            wait(qtbot, panel)
            do(name)
            assert (selected(viewer, layer) == (layer.data == 2)).mean() > 0.95

    def test_fill_holes(self, qtbot, viewer, panel, layer, do):
        ring = np.zeros(layer.data.shape, bool)
        ring[10:20, 10:20] = True
        ring[12:18, 12:18] = False
        panel.session.choose(panel.session.plane(), lambda: ring)
        wait(qtbot, panel)
        do("Fill holes")
        assert selected(viewer, layer)[10:20, 10:20].all()

    def test_kept_for_later(self, qtbot, viewer, panel, layer, do, monkeypatch):
        do("All")
        dialog = buttons.QInputDialog
        monkeypatch.setattr(dialog, "getText", lambda *_: ("whole", True))
        act(panel, "Saved", "Save as…")
        assert not viewer.layers["whole"].visible
        do("None")
        act(panel, "Saved", "whole")
        wait(qtbot, panel)
        assert selected(viewer, layer).all()
        assert panel.labels.count() == 1

    def test_tint(self, viewer, panel, layer, do):
        do("All")
        assert find_selection(viewer, layer).contour == 1
        QTest.mouseClick(panel.toolbar.buttons["tint"], LEFT)
        assert find_selection(viewer, layer).contour == 0


class TestApply:
    def test_locked_classes_stay(self, viewer, panel, layer, hand, do, told):
        start = layer.data.copy()
        panel.classes.item(1, 1).setCheckState(Qt.CheckState.Checked)
        assert panel.session.locked == {2}
        do("All")
        choose(panel, [3])
        do("Fill")
        same(layer.data, np.where(start == 2, 2, 3))
        choose(panel, [2])
        do("Fill")
        assert told[-1][0] == "error"
        assert "locked" in told[-1][1]

    def test_a_first_class_of_an_image_alone(self, qtbot, viewer, panel, image):
        for title in ("All", "New class"):
            QTest.mouseClick(panel.commands.buttons[title], LEFT)
            wait(qtbot, panel)
        [made] = [one for one in viewer.layers if one.name == "stripes classes"]
        assert panel.labels.currentData() is panel.session.labels is made
        assert made.data.all()
        qtbot.waitUntil(lambda: panel.classes.rowCount() == 1)
        panel.session.undo()
        assert panel.session.labels is None

    def test_cut_out(self, qtbot, viewer, panel, layer, image, do):
        mask = layer.data == 2
        panel.session.choose(panel.session.plane(), lambda: mask)
        wait(qtbot, panel)
        do("Cut out")
        made = viewer.layers["stripes cut out"]
        same(made.data, adjust.cut_out(image.data, mask, rgb=True))
        assert image.visible
        assert layer.visible
        # It is seen: of all layers, the selection alone lies on it.
        assert viewer.layers.index(made) > viewer.layers.index(layer)
        assert viewer.layers[-2:] == [made, find_selection(viewer, layer)]
        assert panel._status.text().endswith("hide what is below to see it alone")
        # So is what is done to the labels next.
        do("Fill")
        assert viewer.layers.index(layer) > viewer.layers.index(made)
        assert panel.session.image is made

    def test_an_adjusted_picture_hides_the_labels_and_says_so(
        self, qtbot, viewer, panel, layer
    ):
        panel.commands._actions.adjust("Blur", {"radius": 3})
        wait(qtbot, panel)
        assert viewer.layers[-1] is viewer.layers["stripes blur"]
        assert panel._status.text().endswith(f"hide it to see {layer.name!r}")

    @pytest.mark.parametrize("active", ["image", "labels"])
    def test_adjustments_stack(self, qtbot, viewer, panel, layer, image, do, active):
        viewer.add_image(image.data.copy(), rgb=True, name="another")
        viewer.layers.selection.active = image
        wait(qtbot, panel)
        if active == "labels":
            viewer.layers.selection.active = layer
        mask = layer.data == 2
        panel.session.choose(panel.session.plane(), lambda: mask)
        wait(qtbot, panel)
        do("Cut out")
        first = viewer.layers["stripes cut out"]
        assert panel.session.image is first
        panel.commands._actions.adjust("Cut out with hair", {"radius": 3})
        wait(qtbot, panel)
        second = viewer.layers["stripes cut out cut out with hair"]
        assert panel.session.image is second
        same(
            second.data,
            adjust.cut_out(first.data, mask, edge="hair", radius=3, rgb=True),
        )
        pictures = [one for one in viewer.layers if isinstance(one, Image)]
        assert pictures[-2:] == [first, second]
        panel.session.undo()
        panel.session.undo()
        assert first not in viewer.layers

    def test_split_by_color(self, qtbot, panel, layer, hand, do):
        start = layer.data.copy()
        do("All")
        choose(panel, [1])
        do("Fill")
        act(panel, "Split", "By color, into two")
        wait(qtbot, panel)
        assert len(np.unique(layer.data)) == 2
        assert (len(np.unique(layer.data[start == k])) == 1 for k in (1, 2, 3))

    @pytest.mark.parametrize("title", ["Fill", "New class", "Cut out", "Grow", "Refit"])
    def test_without_anything_selected(self, layer, do, told, title):
        before = layer.data.copy()
        do(title)
        assert told[-1][0] == "error"
        same(layer.data, before)

    def test_without_layers(self, viewer, panel, told):
        for button in panel.commands.buttons.values():
            if button.menu() is None:
                QTest.mouseClick(button, LEFT)
        assert {severity for severity, _ in told} == {"error"}


class TestRefit:
    def test_edits_stay_and_the_rest_follows(self, qtbot, viewer, panel, layer, do):
        truth = layer.data.copy()
        do("All")
        choose(panel, [1])
        do("Fill")
        layer.brush_size = 6
        for label, x in ((1, 10), (2, 42), (3, 70)):
            layer.paint((20, x), label)
        # What was filled counts as edited too, so only strokes are to be left.
        fits = panel.session.action_history.manual_edits
        fits._atoms += [atom for step in list(layer._undo_history)[:1] for atom in step]
        edited = fits.edited(layer)
        assert 60 < edited.sum() < 120
        before = layer.data.copy()
        steps = len(layer._undo_history)
        do("Refit")
        same(layer.data[edited], before[edited])
        assert (layer.data == truth).mean() > 0.99
        # It is told what that did: all were of the first class.
        moved = layer.data != before
        gained = [np.count_nonzero(moved & (layer.data == n)) for n in (2, 3)]
        note = panel._status.text()
        assert note.startswith(f"Refit gave {moved.sum():,} px")
        for n, pixels in zip((2, 3), gained, strict=True):
            pixels -= np.count_nonzero(moved & (before == n))
            assert f"class {n} {pixels:+,}" in note
        assert len(layer._undo_history) == steps + 1
        same(fits.edited(layer), edited)
        layer.undo()
        same(layer.data, before)
        same(fits.edited(layer), edited)

    def test_locked_classes_stay(self, panel, layer, do):
        layer.data[:, :] = np.where(np.arange(80) < 55, 1, 3)
        panel.session.locked = {3}
        layer.paint((20, 42), 2)
        do("Refit")
        same(layer.data == 3, np.broadcast_to(np.arange(80) >= 55, (60, 80)))
        assert (layer.data[:, 30:55] == 2).mean() > 0.9

    def test_of_a_slice(self, qtbot, viewer, panel, stripes):
        stack = np.stack([stripes] * 3)
        image = viewer.add_image(stack, rgb=True)
        viewer.dims.set_current_step(0, 2)
        seg = emseg.segment(stripes, n_classes=3)
        layer = emseg.add_to(viewer, seg, image, at=(2, None, None))
        wait(qtbot, panel)
        layer.data[0, 10:30, 30:55] = 1
        layer.paint((0, 20, 42), 2)
        panel.commands._actions.refit()
        wait(qtbot, panel)
        assert (layer.data[0] == seg.labels).mean() > 0.95


class TestPanel:
    def test_choices_follow_the_layers(self, viewer, panel, layer, do):
        do("All")
        second = viewer.add_labels(np.zeros_like(layer.data), name="second")
        assert panel.session.labels is second
        viewer.layers.selection.active = layer
        assert panel.session.labels is layer
        viewer.layers.remove(layer)
        assert panel.session.labels is second
        names = [panel.labels.itemText(i) for i in range(panel.labels.count())]
        assert names == ["second"]
        second.name = "preview"  # As a layer of ours is called.
        assert panel.session.labels is second

    def test_choices_lie_on_each_other(
        self, qtbot, viewer, panel, layer, image, hand, do
    ):
        other = viewer.add_image(np.zeros((20, 30), np.uint8), name="other")
        assert (panel.session.image, panel.session.labels) == (other, None)
        assert panel.labels.placeholderText() == "none yet"
        panel.toolbox.take("wand")
        hand.layer = other
        hand.click((10, 10))
        wait(qtbot, panel)
        assert selected(viewer, other).all()
        viewer.layers.selection.active = layer
        assert (panel.session.image, panel.session.labels) == (image, layer)
        panel.image.setCurrentText("other")
        assert panel.session.labels is None
        own = viewer.add_labels(np.ones((20, 30), np.uint8))
        assert (panel.session.image, panel.session.labels) == (other, own)
        viewer.layers.remove(own)
        panel.labels.setCurrentText(layer.name)
        assert panel.session.image is image
        viewer.layers.remove(image)
        other.name = "another"
        assert (panel.session.image, panel.session.labels) == (None, layer)

    def test_outline_that_is_drawn_ends_with_the_layer(
        self, viewer, panel, layer, hand, do
    ):
        panel.toolbox.take("polygon")
        for corner in [(5, 5), (5, 40), (40, 40)]:
            hand.click(corner)
        second = viewer.add_labels(np.zeros((60, 90), np.uint8), scale=(2, 2))
        hand.key("Enter")
        assert find_selection(viewer, layer) is None
        assert find_selection(viewer, second) is None

    def test_tolerance_is_shown_while_it_is_dragged(self, panel, layer, hand):
        panel.toolbox.take("wand")
        hand.press((30, 10))
        hand.move((30, 10), by=(50, 0), buttons=True)
        shown = panel.tool_options.rows["tolerance"].value()
        assert shown == panel.session.options.tolerance > 12
        hand.release()

    @pytest.mark.parametrize(
        ("name", "value"),
        [("tolerance", 30.0), ("feather", 2.0), ("brush", 5), ("contiguous", False)],
    )
    def test_settings(self, panel, name, value):
        row = panel.tool_options.rows[name]
        (row.setChecked if name == "contiguous" else row.setValue)(value)
        assert getattr(panel.session.options, name) == value

    def test_sample_size_and_classes(self, panel):
        panel.tool_options.rows["sample_size"].setCurrentText("5 × 5")
        panel.tool_options.rows["classes"].setChecked(True)
        options = panel.session.options
        assert (options.sample_size, options.classes) == (5, True)

    def test_modes(self, qtbot, viewer, panel, layer, hand):
        QTest.mouseClick(panel.toolbar.buttons["add"], LEFT)
        panel.toolbox.take("class")
        for x in (10, 70):
            hand.click((30, x))
            wait(qtbot, panel)
        same(selected(viewer, layer), layer.data != 2)

    @pytest.mark.styled
    @pytest.mark.parametrize("theme", ["dark", "light"])
    @pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
    def test_no_text_is_clipped(self, qtbot, viewer, panel, layer, theme, size):
        viewer.theme = theme
        viewer.window.resize(*size)
        QTest.qWait(200)
        for part in (*panel.findChildren(QAbstractButton), *panel.findChildren(QLabel)):
            if (
                part.isVisible()
                and part.text()
                and not getattr(part, "wordWrap", bool)()
            ):
                width = part.fontMetrics().horizontalAdvance(part.text())
                assert part.width() >= width, part.text()
                assert part.height() >= part.fontMetrics().height(), part.text()
        assert panel.height() <= size[1]
        area = panel.findChild(ScrollArea)
        if size[1] > 1000:
            assert not area.verticalScrollBar().isVisible()

    @pytest.mark.styled
    def test_daily_use_is_in_sight_on_a_small_screen(self, qtbot, viewer, panel):
        """Nine classes, the panel in front of another one, at 1024 x 700."""
        window = viewer.window._qt_window
        window.resize(1024, 700)
        viewer.add_image(np.zeros((300, 400, 3), np.uint8))
        labels = np.arange(300 * 400).reshape(300, 400) % 9 + 1
        viewer.add_labels(labels.astype(np.uint8))
        viewer.reset_view()
        viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
        qtbot.waitUntil(lambda: panel.visibleRegion().isEmpty())  # another is in front
        panel.parent().raise_()
        qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
        wait(qtbot, panel)
        qtbot.waitUntil(lambda: panel.classes.rowCount() == 9)
        qtbot.waitUntil(lambda: (window.width(), window.height()) == (1024, 700))
        daily = ["Fill", "New class", "Merge", "Cut out", "Adjust", "Undo"]
        buttons = panel.commands.buttons | {"Undo": panel.commands.undo}
        often = ["All", "None", "Invert", "Reselect", "Saved", "Color", "Jump to"]
        assert all(in_sight(buttons[title]) for title in daily)
        shown = panel.classes.viewport().height() / panel.classes.rowHeight(0)
        assert shown >= 8
        rows, fold = panel.tool_options.rows, panel.commands.modify.fold
        assert not any(row.isVisible() for row in rows.values())
        for tool, options in {
            "wand": {"tolerance", "sample_size", "contiguous", "gap", "feather"},
            "scribbles": {"brush", "classes", "contiguous", "feather"},
            "lasso": {"feather"},
            "": set(),
        }.items():
            panel.toolbox.take(tool)
            seen = {name for name, row in rows.items() if row.isVisible()}
            assert seen == options
            parts = [*map(buttons.get, often), fold, *map(rows.get, options)]
            qtbot.waitUntil(lambda parts=parts: all(map(in_sight, parts)))
        assert not panel.commands.buttons["Grow"].isVisible()
        QTest.mouseClick(fold, LEFT)
        assert panel.commands.buttons["Grow"].isVisible()
        # Three classes leave room for all that is unfolded.
        qtbot.waitUntil(lambda: not in_sight(buttons["Refine edge"]))
        viewer.layers[-1].data = (labels % 3 + 1).astype(np.uint8)
        panel.classes.reload()
        qtbot.waitUntil(lambda: panel.classes.rowCount() == 3)
        qtbot.waitUntil(lambda: in_sight(buttons["Refine edge"]))

    def test_from_the_menu(self, qtbot, viewer, stripes, hand):
        """Napari passes a proxy of the viewer there."""
        viewer.add_image(stripes, name="stripes")
        labels = viewer.add_labels(np.ones(stripes.shape[:2], np.uint8))
        hand.layer = labels
        entries = viewer.window.plugins_menu.actions()
        (sub,) = (x for x in entries if x.text() == "EM color segmentation")
        sub.menu().aboutToShow.emit()
        (entry,) = (x for x in sub.menu().actions() if "Select and edit" in x.text())
        entry.trigger()
        panel = viewer.window._qt_window.findChild(EditWidget)
        QTest.qWait(100)
        viewer.reset_view()
        assert panel.session.image is viewer.layers["stripes"]
        QTest.mouseClick(panel.toolbar.buttons["wand"], LEFT)
        hand.click((30, 10))
        wait(qtbot, panel)
        mask = selected(viewer, labels)
        assert mask[30, 10]
        assert not mask[30, 42]
        panel.commands._actions.new_class()
        wait(qtbot, panel)
        same(labels.data == 2, mask)
        hand.undo()
        assert (labels.data == 1).all()
        hand.undo()
        assert not selected(viewer, labels).any()

    def test_outline_is_a_pixel_of_the_screen(self, qtbot, viewer, panel, layer, do):
        do("All")
        found = find_selection(viewer, layer)
        camera = viewer.scene.camera
        for zoom, width in ((1.5, 1), (0.3, 4), (0.9, 2)):
            camera.zoom = zoom
            assert found.contour == width
        panel.session.tinted = True
        panel.session.restyle()
        camera.zoom = 0.2
        assert found.contour == 0

    def test_help_has_all_keys(self, viewer, panel):
        QTest.mouseClick(panel.toolbar.buttons["keys"], LEFT)
        window = viewer.window._qt_window
        (help_window,) = window.findChildren(HelpWindow)
        lines = help_window.page.toPlainText().splitlines()
        rows = (*panel.toolbox.keys.rows, *panel.tool_keys.rows, *panel.keys.rows)
        assert len(rows) > len(TOOLS) + 15
        for row in rows:
            key = coerce_keybinding(row.key).to_text()
            titles = [b for a, b in pairwise(lines) if a == key]
            assert row.title in titles
        assert {"Count nuclei", "Cut out an animal"} <= {*lines}
        help_window.close()

    def test_keys_of_classes(self, qtbot, viewer, panel, layer, hand, do):
        """While a tool is active; those of a scheme, if the layer has one."""
        one = coerce_keybinding("1")
        assert one not in layer.keymap
        panel.toolbox.take("rectangle")
        hand.drag([(4.5, 4.5), (9.5, 9.5)])
        wait(qtbot, panel)
        before = layer.data.copy()
        for label in (2, 9):
            hand.key(str(label))
            wait(qtbot, panel)
            assert (layer.data[5:10, 5:10] == label).all()
            hand.undo()
            same(layer.data, before)
        layer.metadata = layer.metadata | {"emseg keys": {1: 3}}
        hand.key("1")
        wait(qtbot, panel)
        assert (layer.data[5:10, 5:10] == 3).all()
        hand.key("2")
        assert panel._status.text() == "No class has the key 2."
        panel.show_help()
        table = viewer.window._qt_window.findChildren(HelpWindow)[-1]
        shown = table.page.toPlainText().splitlines()
        assert shown[shown.index("1") + 1] == "class 3"
        table.close()
        panel.toolbox.take("")
        assert one not in layer.keymap
        assert one not in viewer.keymap

    def test_closed_with_an_active_tool(self, viewer, layer, panel, hand, do):
        """It may live on for long, as it does here."""
        panel.toolbox.take("wand")
        panel.parent().destroyOnClose()
        assert panel.toolbox.name == ""
        assert not viewer.mouse_move_callbacks
        assert not layer.keymap
        camera = getattr(viewer, "scene", viewer).camera
        assert camera.mouse_pan
        viewer.window.add_dock_widget(panel)
        layer.paint((3, 3), 2)
        hand.undo()
        assert layer.data[3, 3] == 1

    def test_hidden_with_an_active_tool(self, qtbot, viewer, panel, layer):
        dock, window = panel.parent(), viewer.window._qt_window
        other = viewer.window.add_dock_widget(QLabel("other"), area="right")
        window.tabifyDockWidget(dock, other)
        panel.toolbox.take("wand")
        QTest.qWait(100)  # Qt lays the tabs out, and the panel comes to the front.
        other.raise_()
        qtbot.waitUntil(lambda: panel.visibleRegion().isEmpty())
        assert panel.toolbox.name == ""  # What is not seen takes no clicks.
        dock.raise_()
        qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
        assert panel.toolbox.name == ""
        panel.toolbox.take("wand")
        dock.hide()
        assert panel.toolbox.name == ""

    def test_closing_it_gives_everything_back(self, qtbot, viewer, layer, panel, do):
        panel.toolbox.take("lasso")
        viewer.window.remove_dock_widget("all")
        panel.deleteLater()
        del panel
        QTest.qWait(50)
        assert not layer.keymap
        assert len(viewer.mouse_move_callbacks) == 0
        layer.paint((3, 3), 2)

    def test_closing_the_viewer_at_work(self, viewer, panel, layer):
        panel.session.choose(panel.session.plane(), lambda: layer.data == 1)
        viewer.close()


class TestStack:
    """Several slices, of which one is displayed."""

    @pytest.fixture
    def slices(self, qtbot, viewer, panel, hand):
        viewer.add_image(np.zeros((4, 20, 30), np.uint8), name="stack")
        layer = viewer.add_labels(np.ones((4, 20, 30), np.uint8))
        viewer.dims.set_current_step(0, 1)
        viewer.reset_view()
        wait(qtbot, panel)
        hand.layer, hand.at = layer, (1,)
        QTest.mouseClick(panel.commands.buttons["All"], LEFT)
        wait(qtbot, panel)
        return layer

    def test_line_below_counts_in_the_displayed_slice(self, viewer, panel, slices):
        assert panel._status.text().startswith("600 px")
        viewer.dims.set_current_step(0, 2)
        assert panel._status.text().startswith("Drag a class")
        viewer.dims.set_current_step(0, 1)
        assert panel._status.text().startswith("600 px")

    def test_undo_in_the_three_dimensional_view(
        self, qtbot, viewer, panel, hand, slices
    ):
        QTest.mouseClick(panel.commands.buttons["New class"], LEFT)
        wait(qtbot, panel)
        viewer.dims.ndisplay = 3
        hand.undo()
        assert (slices.data == 1).all()
        hand.undo()
        assert find_selection(viewer, slices) is None
        viewer.dims.ndisplay = 2
        assert panel._status.text().startswith("Drag a class")

    def test_selection_returns_where_it_was(self, qtbot, viewer, panel, slices):
        panel.commands.buttons["None"].click()
        # It is worked out by the time that another slice is displayed.
        viewer.dims.set_current_step(0, 3)
        wait(qtbot, panel)
        panel.commands.buttons["Reselect"].click()
        wait(qtbot, panel)
        found = find_selection(viewer, slices).data
        assert found[1].all()
        assert not np.delete(found, 1, axis=0).any()


def test_selection_that_went_with_its_layer(viewer, panel, layer, do, told):
    do("All")
    do("None")
    viewer.layers.remove(find_selection(viewer, layer))
    do("Reselect")
    assert "none can come back" in told[0][1]


def test_line_below_follows_the_selection_however_it_changes(
    qtbot, viewer, panel, layer, do, hand
):
    do("All")
    selection = find_selection(viewer, layer)

    def tells(count):
        return panel._status.text().startswith(f"{count:,} px")

    with selection.block_history():  # as napari does for a stroke
        selection.data_setitem((np.arange(5), np.arange(5)), 0)
    qtbot.waitUntil(lambda: tells(layer.data.size - 5))
    # Napari tells of this one before it writes it.
    selection.data_setitem((np.arange(7), np.arange(7)), 0)
    qtbot.waitUntil(lambda: tells(layer.data.size - 7))
    viewer.layers.remove(selection)
    assert panel._status.text().startswith("Drag a class")


def test_selection_that_is_too_soft_to_fill(viewer, panel, layer, do, hand, told):
    QTest.mouseClick(panel.toolbar.buttons["rectangle"], LEFT)
    hand.drag([(9.5, 9.5), (11.5, 29.5)])
    panel.commands.pixels.setValue(20)
    do("Feather")
    assert panel._status.text().startswith("Drag a class")
    before = layer.data.copy()
    for title in ("Fill", "New class", "Similar"):
        do(title)
        assert "too soft" in told[-1][1]
    assert len(told) == 3
    same(layer.data, before)


def test_locks_belong_to_a_layer(qtbot, viewer, panel, layer, do):
    panel.session.locked.add(2)
    other = viewer.add_labels(layer.data.copy())
    assert panel.session.labels is other
    assert panel.session.locked == set()
    viewer.layers.selection.active = layer
    assert panel.session.locked == {2}
    wait(qtbot, panel)
    item = panel.classes.item(1, class_list.LOCKED)
    assert item.checkState() == Qt.CheckState.Checked
