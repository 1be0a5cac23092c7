"""Channels, planes and time in a real viewer: open, choose, segment, edit, undo."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy.linalg import block_diag

import napari_emseg as emseg
from napari_emseg.cli.app import main
from napari_emseg.cli.window import picture_layers
from napari_emseg.io import files
from napari_emseg.layers import find_selection, recipe_of
from napari_emseg.layers.pictures.picture_layers import file_of_all
from napari_emseg.widgets.segment import axes_rows

SHAPE = (48, 64)
PARAMS = emseg.Params(n_classes=3)
TURNED = [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]


@pytest.fixture(scope="module")
def truth():
    """Return (48, 64): a ground 0, and two things 1 and 2."""
    found = np.zeros(SHAPE, int)
    found[8:24, 10:30] = 1
    found[26:44, 36:58] = 2
    return found


@pytest.fixture(scope="module")
def channels(truth):
    """Return (2, 48, 64) uint16: each channel shows one of the things."""
    rng = np.random.default_rng(4)
    clean = np.stack([np.where(truth == k, 900, 100) for k in (1, 2)])
    return (clean + rng.normal(0, 12, clean.shape)).astype(np.uint16)


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]


def run(qtbot, panel, params=PARAMS):
    """Segment, and return the new layer."""
    panel.form.update(params)
    panel._changes.stop()
    before = list(panel._viewer.layers)
    panel.run()
    qtbot.waitUntil(lambda: not panel.running, timeout=30_000)
    qtbot.waitUntil(lambda: panel.runner.idle, timeout=30_000)
    [layer] = [one for one in panel._viewer.layers if one not in before]
    return layer


def same_partition(labels, truth):
    pairs = set(zip(labels.ravel().tolist(), truth.ravel().tolist(), strict=True))
    return len(pairs) == len(np.unique(truth)) == len(np.unique(labels))


def pick(hand, qtbot, viewer, layer, at, point):
    """Click with the wand in a plane, and return what is selected there."""
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]
    qtbot.waitUntil(panel.isVisible)
    QTest.qWait(100)  # The docks take their places, and the canvas keeps its own.
    viewer.layers.selection.active = layer
    hand.layer, hand.at = layer, at
    viewer.reset_view()
    panel.session.options.tolerance = 20
    panel.toolbox.take("wand")
    hand.click(point)
    qtbot.waitUntil(lambda: panel.background.idle, timeout=30_000)
    return panel, find_selection(viewer, layer).data[at]


def fill_and_undo(qtbot, panel, viewer, layer):
    """Fill the selection with a new class; undo all; return what was filled."""
    before = layer.data.tobytes()
    QTest.mouseClick(panel.commands.buttons["New class"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: layer.data.tobytes() != before, timeout=30_000)
    edited = layer.data.copy()
    recipe = recipe_of(viewer, layer)
    for _ in range(2):
        panel.session.undo()
        qtbot.waitUntil(lambda: panel.background.idle, timeout=30_000)
    assert layer.data.tobytes() == before
    return edited, recipe


def test_channels_of_a_file(viewer, panel, qtbot, hand, channels, truth, tmp_path):
    path = tmp_path / "cells.ome.tif"
    three = np.concatenate([channels, channels[:1] // 3])
    tifffile.imwrite(path, three, metadata={"axes": "CYX"}, ome=True)
    content = files.read_with_spacing(path)
    assert content.axes == "YXC"
    for data, attributes, _ in picture_layers(content, "cells", path):
        viewer.add_image(data, **attributes)
    assert panel.form["channels"].visible
    assert not panel.form["axes"].visible
    layer = run(qtbot, panel)
    assert (layer.name, layer.data.shape) == ("cells classes", SHAPE)
    assert same_partition(layer.data, truth)
    # The console, the command and the recipe say the same, bit for bit.
    seg = emseg.segment(three, axes="CYX", n_classes=3)
    np.testing.assert_array_equal(layer.data, seg.labels)
    np.testing.assert_array_equal(emseg.result(layer, viewer).labels, seg.labels)
    out = tmp_path / "out.tif"
    assert main(["segment", str(path), "-o", str(out), "-n", "3"]) == 0
    np.testing.assert_array_equal(files.read_labels(out), seg.labels)
    recipe = recipe_of(viewer, layer)
    np.testing.assert_array_equal(recipe.replay(content.pixels).labels, seg.labels)
    recipe.save(tmp_path / "a.json")
    again = ["replay", str(tmp_path / "a.json"), str(path), "-o", str(out), "--force"]
    assert main(again) == 0
    np.testing.assert_array_equal(files.read_labels(out), seg.labels)
    picture = panel.axes_rows.picture
    assert file_of_all(viewer, picture) == str(path)
    # Tools see all channels: the thing of the second channel is no ground.
    edit, found = pick(hand, qtbot, viewer, layer, (), (34, 46))
    np.testing.assert_array_equal(found > 0, truth == 2)
    edited, recipe = fill_and_undo(qtbot, edit, viewer, layer)
    assert [step.op for step in recipe.steps] == ["segment", "wand", "new_class"]
    np.testing.assert_array_equal(recipe.replay(content.pixels).labels, edited)


def test_two_layers_are_channels_when_both_are_selected(
    viewer, panel, qtbot, channels, truth
):
    one, two = (
        viewer.add_image(plane, name=name, scale=(2, 3))
        for plane, name in zip(channels, ("dapi", "gfp"), strict=True)
    )
    assert panel.form["layers"].visible
    assert not panel.form["channels"].visible
    viewer.layers.selection = {one, two}
    assert panel.form["channels"].visible
    layer = run(qtbot, panel)
    assert layer.name == "dapi + gfp classes"
    assert same_partition(layer.data, truth)
    np.testing.assert_array_equal(layer.scale, (2, 3))
    assert layer.features["mean 2"].notna().any()
    seg = emseg.segment(channels, axes="CYX", n_classes=3)
    np.testing.assert_array_equal(layer.data, seg.labels)
    # In the other order, too.
    viewer.layers.move(0, 2)
    assert viewer.layers[0] is two
    again = run(qtbot, panel)
    np.testing.assert_array_equal(again.data, seg.labels)
    # Each by itself: one result for each layer.
    panel.form["channels"].value = "each"
    before = len(viewer.layers)
    panel.run()
    qtbot.waitUntil(lambda: len(viewer.layers) == before + 2, timeout=30_000)
    qtbot.waitUntil(lambda: not panel.running, timeout=30_000)
    for name, plane in zip(("dapi", "gfp"), channels, strict=True):
        alone = emseg.segment(plane, n_classes=3).labels
        np.testing.assert_array_equal(viewer.layers[f"{name} classes"].data, alone)


def test_layers_of_four_axes_are_channels(viewer, panel, qtbot, channels):
    stack = np.stack([np.stack([channels[0]] * 3), np.stack([channels[1]] * 3)])
    first = viewer.add_image(stack[:, :, ::-1], name="a")
    assert panel.axes_rows.axes.value == "CZYX"
    second = viewer.add_image(stack, name="b")
    viewer.layers.selection = {first, second}
    # The layers are the channels, so that no axis of theirs can be.
    assert panel.axes_rows.axes.value == "TZYX"
    assert not [axes for axes in panel.axes_rows.axes.choices if "C" in axes]
    panel.axes_rows.axes.value = "ZTYX"
    run(qtbot, panel)
    panel.form["image"].value = second
    viewer.layers.remove(first)
    assert "CZYX" in panel.axes_rows.axes.choices


def test_layers_of_other_shapes_are_told(viewer, panel, channels, told):
    one = viewer.add_image(channels[0], name="dapi")
    two = viewer.add_image(channels[1][:20], name="gfp")
    three = viewer.add_image(channels[1], name="moved", translate=(5, 0))
    for other, said in ((two, "shape (20, 64)"), (three, "pixel by pixel")):
        viewer.layers.selection = {one}
        viewer.layers.selection = {one, other}
        before = list(viewer.layers)
        panel.run()
        assert said in told[-1][1]
        assert not panel.running
        assert list(viewer.layers) == before


def test_a_stack_of_channels(viewer, panel, qtbot, channels, truth):
    image = viewer.add_image(channels, name="merged")
    assert panel.form["axes"].value == "CYX"
    assert "guessed" in panel.form["axes"].tooltip
    assert not panel.form["extent"].visible
    layer = run(qtbot, panel)
    assert layer.data.shape == SHAPE
    assert same_partition(layer.data, truth)
    fit = emseg.result(layer, viewer)
    assert fit.axes == "CYX"
    # As planes, if somebody knows better.
    viewer.layers.selection.active = image
    panel.form["axes"].value = "ZYX"
    assert panel.form["extent"].visible
    assert not panel.form["channels"].visible
    volume = run(qtbot, panel)
    assert volume.data.shape == (2, *SHAPE)
    np.testing.assert_array_equal(
        volume.data, emseg.segment(channels, n_classes=3).labels
    )
    # Each channel by itself.
    panel.form["axes"].value = "CYX"
    panel.form["channels"].value = "each"
    each = run(qtbot, panel, PARAMS.replace(channels="each"))
    for labels, plane in zip(each.data, channels, strict=True):
        alone = emseg.segment(plane, n_classes=3).labels
        np.testing.assert_array_equal(labels, alone)
    recipe = recipe_of(viewer, each)
    np.testing.assert_array_equal(recipe.replay(channels).labels, each.data)


def test_a_hyperstack(viewer, panel, qtbot, hand, channels, truth):
    rng = np.random.default_rng(1)
    clean = channels[np.newaxis, np.newaxis].repeat(9, axis=1).repeat(2, axis=0)
    image = (clean + rng.integers(0, 9, clean.shape)).astype(np.uint16)
    scale = (1, 4, 1, 0.5, 0.5)
    viewer.add_image(image, name="hyper", scale=scale, translate=(0, 3, 0, 1, 1))
    assert panel.form["axes"].value == "TZCYX"
    viewer.dims.set_current_step(1, 7)
    layer = run(qtbot, panel)
    assert layer.data.shape == (2, 9, 1, *SHAPE)
    # It lies under all channels.
    for channel in range(2):
        viewer.dims.set_current_step(2, channel)
        assert same_partition(np.asarray(layer._data_view), truth)
    edit, found = pick(hand, qtbot, viewer, layer, (0, 7, 0), (34, 46))
    np.testing.assert_array_equal(found > 0, truth == 2)
    edited, recipe = fill_and_undo(qtbot, edit, viewer, layer)
    changed = edited != layer.data
    assert changed[0, 7].any()
    assert not changed[:, :7].any()
    assert not changed[1].any()
    np.testing.assert_array_equal(recipe.replay(image).labels, edited[:, :, 0])
    # The displayed plane alone.
    panel.form["extent"].value = axes_rows.SLICE
    plane = run(qtbot, panel)
    assert plane.data.shape == (1, 1, 1, *SHAPE)
    seg = emseg.segment(image[0, 7], axes="CYX", n_classes=3)
    np.testing.assert_array_equal(plane.data[0, 0, 0], seg.labels)
    np.testing.assert_array_equal(
        recipe_of(viewer, plane).replay(image).labels, plane.data[:, :, 0]
    )


def test_a_stack_of_colors(viewer, panel, qtbot, hand, truth):
    colors = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]], np.uint8)
    image = np.stack([colors[truth]] * 9)
    viewer.add_image(image, rgb=True, name="rgb", rotate=TURNED, scale=(4, 2, 2))
    assert panel.form["axes"].value == "ZYX"
    assert not panel.form["channels"].visible
    layer = run(qtbot, panel)
    np.testing.assert_array_equal(layer.rotate, TURNED)
    np.testing.assert_array_equal(layer.data, emseg.segment(image, n_classes=3).labels)
    viewer.dims.set_current_step(0, 7)
    edit, found = pick(hand, qtbot, viewer, layer, (7,), (34, 46))
    np.testing.assert_array_equal(found > 0, truth == 2)
    edited, recipe = fill_and_undo(qtbot, edit, viewer, layer)
    np.testing.assert_array_equal(recipe.replay(image).labels, edited)


def test_volumes_keep_their_place(viewer, panel, qtbot, channels):
    image = np.stack([channels[0]] * 5)
    volume = np.stack([image, image[:, ::-1]])
    place = {
        "scale": (1, 4, 2, 1),
        "rotate": block_diag(1, TURNED),
        "shear": [0, 0, 0, 0, 0, 0.1],
        "translate": (0, 3, 5, 7),
        "units": ("pixel", "um", "um", "um"),
    }
    source = viewer.add_image(volume, name="volume", **place)
    assert panel.form["axes"].value == "CZYX"
    layer = run(qtbot, panel)
    assert layer.data.shape == (5, *SHAPE)
    for name in ("scale", "translate"):
        np.testing.assert_array_equal(getattr(layer, name), place[name][1:])
    np.testing.assert_allclose(layer.rotate, TURNED)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert any("volume (µm³)" in name for name in layer.features)
    for point in ((0, 0, 0), (3, 20, 41)):
        np.testing.assert_allclose(
            layer.data_to_world(point), source.data_to_world((0, *point))[1:]
        )


@pytest.mark.parametrize("planes", [axes_rows.EACH, axes_rows.TOGETHER])
def test_planes_of_a_series(viewer, panel, qtbot, channels, planes):
    image = np.stack([channels[0], channels[0] // 2, channels[0] // 3] * 2)
    labels = ("t", "y", "x")
    viewer.add_image(image, name="series", axis_labels=labels)
    assert panel.form["axes"].value == "TYX"
    assert "says so" in panel.form["axes"].tooltip
    assert axes_rows.WHOLE not in panel.form["extent"].choices
    panel.form["extent"].value = planes
    mode = axes_rows.PLANES[planes]
    layer = run(qtbot, panel, emseg.Params(n_classes=2, planes=mode))
    seg = emseg.segment(image, axes="TYX", planes=mode, n_classes=2)
    np.testing.assert_array_equal(layer.data, seg.labels)
    assert layer.metadata["emseg"]["params"]["planes"] == mode
    recipe = recipe_of(viewer, layer)
    np.testing.assert_array_equal(recipe.replay(image).labels, layer.data)
    assert layer.axis_labels == labels
    # Its form remembers, and the console repeats the fit in another session.
    panel.form["extent"].value = axes_rows.SLICE
    panel.adopt(emseg.Params(planes=mode))
    assert panel.form["extent"].value == planes


def test_preview_of_channels(viewer, panel, qtbot, channels):
    viewer.add_image(channels, name="merged")
    drawn = []
    draw = panel.current.draw
    panel.current.draw = lambda *args: drawn.append(draw(*args))
    panel.form["n_classes"].value = 3
    qtbot.waitUntil(lambda: bool(drawn) and not panel.running, timeout=30_000)
    seg = emseg.segment(channels, axes="CYX", n_classes=3)
    np.testing.assert_array_equal(drawn[-1].data, seg.labels)


def test_the_command_takes_axes(channels, tmp_path, capsys):
    path, out = tmp_path / "plain.tif", tmp_path / "out.tif"
    series = np.stack([channels[0]] * 5 + [channels[1]] * 2)
    tifffile.imwrite(path, series)
    run = ["segment", str(path), "-o", str(out), "-n", "2", "--force", "--axes"]
    assert main([*run, "TYX"]) == 0
    seg = emseg.segment(series, axes="TYX", n_classes=2)
    np.testing.assert_array_equal(files.read_labels(out), seg.labels)
    assert main([*run, "CYX"]) == 0
    seg = emseg.segment(series, axes="CYX", n_classes=2)
    np.testing.assert_array_equal(files.read_labels(out), seg.labels)
    assert main([*run, "TZYX"]) == 2
    assert "names 4 axes" in capsys.readouterr().err
    named = tmp_path / "named.tif"
    tifffile.imwrite(named, series, imagej=True, metadata={"axes": "TYX"})
    assert files.read_with_spacing(named).axes == "TYX"
    assert main([*run[:1], str(named), *run[2:-1]]) == 0
    seg = emseg.segment(series, axes="TYX", n_classes=2)
    np.testing.assert_array_equal(files.read_labels(out), seg.labels)


def test_a_series_waits_for_the_button(viewer):
    """That its times are no volume is known, and no choice that Live would follow."""
    viewer.add_image(np.zeros((4, 20, 24), np.uint8), axis_labels=("t", "y", "x"))
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")[1]
    assert panel.form.params.planes == "together"
    assert not panel.running
    assert panel.controls.segment.enabled
    assert panel.controls.status.value.startswith("Press Segment")
    panel.axes_rows.extent.value = axes_rows.EACH
    assert panel.running
    panel.cancel()
