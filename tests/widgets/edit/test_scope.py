"""Editing volumes in the panel, with the mouse in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QIcon
from qtpy.QtTest import QTest
from scipy import ndimage as ndi

from napari_emseg import select
from napari_emseg.layers import find_selection, recipe_of
from napari_emseg.layers.classes import class_shown
from napari_emseg.widgets.edit.tools import TOOLS

LEFT = Qt.MouseButton.LeftButton
SHAPE = (9, 64, 64)


def balls(shape=SHAPE):
    """Return a noisy stack with two balls that are apart in space."""
    z, y, x = np.indices(shape)
    near = ((z - 4) / 3.5) ** 2 + ((y - 20) / 12) ** 2 + ((x - 20) / 12) ** 2 <= 1
    far = ((z - 4) / 2.5) ** 2 + ((y - 46) / 9) ** 2 + ((x - 48) / 9) ** 2 <= 1
    noise = np.random.default_rng(2).integers(0, 12, shape)
    return (40 + 120 * (near | far) + noise).astype(np.uint8), near, far


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]


@pytest.fixture
def desk(qtbot, viewer, hand, panel):
    """Return what opens a picture with empty labels, and shows a plane of it."""

    def lay(data, labels, at):
        image = viewer.add_image(data, name="image")
        layer = viewer.add_labels(labels, name="labels")
        for axis, index in enumerate(at):
            viewer.dims.set_current_step(axis, index)
        viewer.reset_view()
        hand.layer, hand.at = layer, at
        wait(qtbot, panel)
        return image, layer

    return lay


def wait(qtbot, panel):
    qtbot.waitUntil(lambda: panel.background.idle, timeout=60_000)


def press(qtbot, panel, title):
    QTest.mouseClick(panel.commands.buttons[title], LEFT)
    wait(qtbot, panel)


def scope(panel, name):
    QTest.mouseClick(panel.scope.buttons[name], LEFT)


def take(panel, name):
    QTest.mouseClick(panel.toolbar.buttons[name], LEFT)
    assert panel.toolbox.name == name


def between(qtbot, panel, number):
    """Choose an entry of the menu Interpolate."""
    menu = panel.commands.between.menu()
    menu.aboutToShow.emit()
    menu.actions()[number].trigger()
    wait(qtbot, panel)


def strength(icon, mode=QIcon.Mode.Normal):
    """Return how opaque an icon is at most."""
    picture = icon.pixmap(20, 20, mode).toImage()
    every = [(x, y) for x in range(picture.width()) for y in range(picture.height())]
    return max(picture.pixelColor(x, y).alpha() for x, y in every)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def test_a_session_in_a_volume(qtbot, viewer, hand, panel, desk, told, tmp_path):
    """Wand, grow, fill, interpolate, prism; undone to the first byte, and redone.

    Recipe and script give the same labels.
    """
    data, near, _ = balls()
    _, layer = desk(data, np.zeros(SHAPE, np.uint8), (4,))
    states = [layer.data.copy()]

    def changed():
        assert not np.array_equal(layer.data, states[-1])
        states.append(layer.data.copy())

    def selected():
        return find_selection(viewer, layer).data > 127

    assert panel.scope.isVisible()
    assert [one.text() for one in panel.scope.buttons.values()] == [
        "Plane 4",
        "Volume of 9 planes",
    ]
    scope(panel, "volume")
    take(panel, "wand")
    hand.click((20, 20))
    wait(qtbot, panel)
    numbered, _ = ndi.label(data > 100)
    same(selected(), numbered == numbered[4, 20, 20])
    same(selected(), near)
    assert panel._status.text().startswith(f"{near.sum():,} px selected in the volume")
    panel.commands.pixels.setValue(2)
    press(qtbot, panel, "Grow")
    same(selected(), ndi.distance_transform_edt(~near) <= 2)
    layer.selected_label = 3
    press(qtbot, panel, "Fill")
    same(layer.data == 3, selected())
    changed()

    # A class that is drawn in planes 2 and 6.
    press(qtbot, panel, "None")
    scope(panel, "plane")
    layer.selected_label = 5
    for z, low, high in ((2, 42, 52), (6, 36, 58)):
        viewer.dims.set_current_step(0, z)
        hand.at = (z,)
        take(panel, "rectangle")
        hand.drag([(low, low), (high, high)])
        wait(qtbot, panel)
        press(qtbot, panel, "Fill")
        panel.toolbox.take("")
        changed()
    wait(qtbot, panel)
    drawn = layer.data.copy()
    between(qtbot, panel, 0)
    changed()
    expected = select.interpolate(drawn == 5) & (drawn == 0)
    same(layer.data, np.where(expected, 5, drawn))
    assert (layer.data == 5)[2:7].any(axis=(1, 2)).all()

    # The same of selections, in planes of one volume.
    chosen = selected()
    assert chosen[[2, 6]].any(axis=(1, 2)).all()
    between(qtbot, panel, 1)
    same(selected(), select.interpolate(chosen))

    # A prism through all planes.
    scope(panel, "volume")
    take(panel, "lasso")
    corner = [(1, 40), (1, 62), (14, 62), (14, 40)]
    hand.drag(corner)
    wait(qtbot, panel)
    inside = selected()
    assert inside.any()
    same(inside, np.broadcast_to(inside[6], SHAPE))
    layer.selected_label = 7
    press(qtbot, panel, "Fill")
    changed()
    assert not told

    recipe = recipe_of(viewer, layer)
    assert [step.op for step in recipe.steps[-2:]] == ["lasso", "fill"]
    assert "patch" not in {step.op for step in recipe.steps}
    assert {step.at for step in recipe.steps} == {
        None,
        (2, None, None),
        (6, None, None),
    }
    same(recipe.replay(data).labels, layer.data)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
    names: dict = {}
    exec(recipe.to_python(tmp_path / "a.tif", tmp_path / "b.tif"), names)
    same(names["labels"], layer.data)

    count = 0
    for state in reversed(states[:-1]):
        while not np.array_equal(layer.data, state):
            hand.undo()
            count += 1
            assert count < 30
    while find_selection(viewer, layer) is not None:
        hand.undo()
        count += 1
        assert count < 30
    assert layer.data.dtype == np.uint8
    assert layer.data.tobytes() == bytes(layer.data.size)
    for _ in range(count):
        hand.redo()
    same(layer.data, states[-1])
    same(selected(), inside)


def test_the_volume_of_a_series_is_that_of_the_displayed_time(
    qtbot, viewer, hand, panel, desk
):
    data, near, _ = balls()
    series = np.stack([data, data, data])
    _, layer = desk(series, np.ones(series.shape, np.uint8), (1, 4))
    scope(panel, "volume")
    assert panel.scope.buttons["plane"].text() == "Plane 4"
    take(panel, "wand")
    layer.selected_label = 2
    hand.click((20, 20))
    wait(qtbot, panel)
    # What is displayed when it is asked for counts, though it has to wait.
    QTest.mouseClick(panel.commands.buttons["Grow"], LEFT)
    QTest.mouseClick(panel.commands.buttons["Fill"], LEFT)
    assert panel.background.waiting
    viewer.dims.set_current_step(0, 2)
    wait(qtbot, panel)
    same(layer.data[1] == 2, ndi.distance_transform_edt(~near) <= 3)
    assert (layer.data[[0, 2]] == 1).all()
    recipe = recipe_of(viewer, layer)
    assert [step.at for step in recipe.steps[-3:]] == [(1, None, None, None)] * 3
    same(recipe.replay(series).labels, layer.data)


def test_a_plane_across_the_slices_has_the_same_volume(
    qtbot, viewer, hand, panel, desk
):
    data, near, _ = balls()
    _, layer = desk(data, np.zeros(SHAPE, np.uint8), (4,))
    viewer.dims.order = (1, 0, 2)  # X over Z
    viewer.dims.set_current_step(1, 20)
    viewer.reset_view()
    scope(panel, "volume")
    assert [one.text() for one in panel.scope.buttons.values()] == [
        "Plane 20",
        "Volume of 64 planes",
    ]
    buttons = panel.toolbar.buttons
    assert buttons["wand"].isEnabled()
    assert not buttons["lasso"].isEnabled()
    assert "planes of Y and X" in buttons["lasso"].toolTip()
    take(panel, "wand")
    hand.click((20, 20))
    wait(qtbot, panel)
    same(find_selection(viewer, layer).data > 127, near)
    viewer.dims.order = (0, 1, 2)


def test_tools_in_the_three_dimensional_view(qtbot, viewer, hand, panel, desk, told):
    """They are gray, with the reason; nothing happens at a click."""
    data, near, far = balls()
    _, layer = desk(data, (1 + near + 2 * far).astype(np.uint8), (4,))
    before = layer.data.copy()
    take(panel, "lasso")
    viewer.dims.ndisplay = 3
    assert panel.toolbox.name == ""
    for tool in TOOLS:
        button = panel.toolbar.buttons[tool.name]
        assert not button.isEnabled()
        assert "2D view" in button.toolTip()
        assert (
            strength(button.icon(), QIcon.Mode.Disabled) < strength(button.icon()) / 2
        )
        hand.key(tool.key[-1], *["shift"] * tool.key.startswith("Shift"))
        assert panel.toolbox.name == ""
    assert "2D view" in panel.toolbar._help.text()
    hand.spot = QPointF(200, 200)
    hand.send(QEvent.Type.MouseButtonPress, buttons=True)
    hand.release()
    told.clear()
    commands = panel.commands.buttons
    for title in ("All", "Grow", "Fill", "Adjust"):
        assert not commands[title].isEnabled()
        assert "3D view" in commands[title].toolTip()
    # What surrounds the balls is clear, so that they are seen.
    wait(qtbot, panel)
    assert not class_shown(layer, 1)
    assert class_shown(layer, 2)
    # In the volume, buttons work here, too.
    scope(panel, "volume")
    assert commands["Fill"].isEnabled()
    assert not commands["Adjust"].isEnabled()
    press(qtbot, panel, "All")
    assert find_selection(viewer, layer).data.all()
    same(layer.data, before)
    viewer.dims.ndisplay = 2
    assert class_shown(layer, 1)
    assert panel.toolbar.buttons["lasso"].isEnabled()
    assert not panel.toolbar.buttons["scribbles"].isEnabled()
    assert "works in a plane" in panel.toolbar.buttons["scribbles"].toolTip()
    scope(panel, "plane")
    assert panel.toolbar.buttons["scribbles"].isEnabled()
    assert not told


def test_what_is_cleared_comes_back_when_the_panel_closes(viewer, panel, desk):
    _, near, _ = balls()
    _, layer = desk(near.astype(np.uint8), (1 + near).astype(np.uint8), (4,))
    viewer.dims.ndisplay = 3
    assert not class_shown(layer, 1)
    viewer.window.remove_dock_widget("all")
    assert class_shown(layer, 1)


def test_pictures_of_one_plane_have_no_volume(qtbot, viewer, panel, desk):
    desk(np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8), ())
    assert not panel.scope.isVisible()
    assert not panel.commands.between.isVisible()
    # A stack has, until it is gone.
    viewer.layers.clear()
    desk(np.zeros((5, 20, 30), np.uint8), np.zeros((5, 20, 30), np.uint8), (2,))
    assert panel.scope.isVisible()
    scope(panel, "volume")
    viewer.layers.clear()
    desk(np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8), ())
    assert not panel.scope.isVisible()
    assert panel.session.options.scope == "plane"


def test_planes_that_are_missing_are_told_of(qtbot, viewer, panel, desk, told):
    data, near, _ = balls()
    labels = np.zeros(SHAPE, np.uint8)
    labels[4][near[4]] = 3
    _, layer = desk(data, labels, (4,))
    wait(qtbot, panel)
    panel.classes._select(3, add=False)
    for planes, message in (
        ([], "in 1 plane of 9"),
        ([5], "none between"),
        ([5, 8], "other labels, which stay"),
    ):
        for z in planes:
            layer.data[z] = layer.data[4]
        if 8 in planes:
            layer.data[6:8] = 1
        before = layer.data.copy()
        between(qtbot, panel, 0)
        said = told.pop()[1] if told else panel._status.text()
        assert message in said
        same(layer.data, before)
    between(qtbot, panel, 1)
    assert "nothing is selected" in told.pop()[1]


def test_the_other_tools_and_buttons_in_a_volume(qtbot, viewer, hand, panel, desk):
    """Each gives what its function gives of the volume."""
    data, near, far = balls()
    labels = (1 + near + 2 * far).astype(np.uint8)
    _, layer = desk(data, labels, (4,))
    ready = select.prepare(data)
    scope(panel, "volume")

    def selected():
        return find_selection(viewer, layer).data > 127

    take(panel, "class")
    hand.click((46, 48))
    wait(qtbot, panel)
    same(selected(), far)
    press(qtbot, panel, "Similar")
    same(selected(), select.similar(ready, far))
    take(panel, "color_range")
    hand.click((20, 20))
    wait(qtbot, panel)
    same(selected(), near | far)
    press(qtbot, panel, "Invert")
    press(qtbot, panel, "Shrink")
    hollow = select.shrink(~(near | far), 3)
    same(selected(), hollow)
    press(qtbot, panel, "Fill holes")
    same(selected(), ndi.binary_fill_holes(hollow))

    corners = [(30, 32), (30, 62), (61, 62), (61, 32)]
    take(panel, "scissors")
    for corner in corners:
        hand.click(corner)
    hand.key("Return")
    wait(qtbot, panel)
    same(selected(), select.scissors(data, [(4, *corner) for corner in corners]))
    take(panel, "box")
    hand.drag([corners[0], corners[2]])
    wait(qtbot, panel)
    found = selected()
    assert (found & far).sum() > 0.9 * (found | far).sum()

    before = layer.data.copy()
    press(qtbot, panel, "New class")
    same(layer.data, np.where(found, 4, before))
    recipe = recipe_of(viewer, layer)
    assert {step.at for step in recipe.steps} == {None}
    same(recipe.replay(data).labels, layer.data)
    # The hierarchy and strokes are of planes, whatever key is pressed.
    for key in ("H", "D"):
        hand.key(key, *["shift"] * (key == "D"))
        assert panel.toolbox.name == "box"


def test_recipes_hold_what_was_painted_between(qtbot, viewer, hand, panel, desk):
    """A volume, planes of both kinds and napari's brush have one selection."""
    data, near, _ = balls()
    _, layer = desk(data, np.zeros(SHAPE, np.uint8), (4,))
    scope(panel, "volume")
    take(panel, "wand")
    hand.click((20, 20))
    wait(qtbot, panel)
    panel.toolbox.take("")

    def steps():
        recipe = recipe_of(viewer, layer)
        same(recipe.replay(data).labels, layer.data)
        return [step.op for step in recipe.steps]

    layer.selected_label = 1
    scope(panel, "plane")
    press(qtbot, panel, "Fill")
    same(layer.data, np.where(near & (np.indices(SHAPE)[0] == 4), 1, 0))
    assert steps() == ["blank", "wand", "fill"]
    find_selection(viewer, layer).paint((4, 50, 50), 255)
    layer.selected_label = 2
    press(qtbot, panel, "Fill")
    assert steps()[-2:] == ["selection", "fill"]
    scope(panel, "volume")
    layer.selected_label = 3
    press(qtbot, panel, "Fill")
    assert layer.data[4, 50, 50] == 3
    assert steps()[-1] == "fill"
    scope(panel, "plane")
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 20)
    before = find_selection(viewer, layer).data[4, 20].copy()
    press(qtbot, panel, "Invert")
    viewer.dims.order = (0, 1, 2)
    row = np.arange(SHAPE[2])
    index = np.full_like(row, 4), np.full_like(row, 20), row
    find_selection(viewer, layer).data_setitem(index, before)
    layer.selected_label = 4
    press(qtbot, panel, "Fill")
    same(layer.data[4, 20] == 4, before > 0)
    assert "patch" not in steps()


def test_what_works_in_planes_alone_says_so_in_a_volume(panel, desk):
    data, near, _ = balls()
    desk(data, near.astype(np.uint8), (4,))
    refine, hint = panel.commands.buttons["Refine edge"], panel.toolbar._help
    assert refine.isEnabled()
    assert "Gray" not in hint.text()
    scope(panel, "volume")
    assert not refine.isEnabled()
    assert "set Edit in to Plane" in refine.toolTip()
    assert "Gray tools work in a plane" in hint.text()
    scope(panel, "plane")
    assert refine.isEnabled()
    assert "Gray" not in hint.text()
