"""What is done in the panel, done again from its recipe and by its script."""

from __future__ import annotations

import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

import napari_emseg as emseg
from napari_emseg import files
from napari_emseg.layers import (
    KEY,
    apply_edit,
    find_selection,
    is_result,
    note_step,
    recipe_of,
)
from napari_emseg.layers.label_files import write_labels
from napari_emseg.layers.metadata import RECIPE
from napari_emseg.widgets.results.inspector import inspector_of

LEFT = Qt.MouseButton.LeftButton


class Work:
    """A viewer with the panel, an image from a file, and its segmentation."""

    def __init__(self, qtbot, viewer, hand, path, at=None):
        self.qtbot, self.viewer, self.hand = qtbot, viewer, hand
        self.panel = viewer.window.add_plugin_dock_widget(
            "napari-emseg", "Select and edit"
        )[1]
        self.image = viewer.add_image(files.read_image(path)[0], name="picture")
        if at is not None:
            viewer.dims.set_current_step(0, at)
        seg = emseg.segment(self.image.data, n_classes=3, smoothing=0, rgb=True)
        self.labels = emseg.add_to(viewer, seg, self.image)
        viewer.reset_view()
        hand.layer = self.labels
        hand.at = () if at is None else (at,)
        self.wait()

    def wait(self):
        self.qtbot.waitUntil(lambda: self.panel.background.idle, timeout=60_000)

    def take(self, name):
        QTest.mouseClick(self.panel.toolbar.buttons[name], LEFT)

    def press(self, title):
        QTest.mouseClick(self.panel.commands.buttons[title], LEFT)
        self.wait()

    def choose(self, *labels):
        self.panel.classes.clearSelection()
        for label in reversed(labels):
            self.panel.classes._select(label, add=True)

    def look_at(self, image):
        self.panel.image.setCurrentIndex(self.panel.image.findData(image))

    def drag(self, *points):
        self.hand.drag([*points])
        self.wait()

    def paint(self, *points):
        """Paint a stroke of class 3 with napari's own brush."""
        self.panel.toolbox.take("")
        self.viewer.layers.selection.active = self.labels
        self.labels.selected_label = 3
        self.labels.brush_size = 5
        self.labels.mode = "paint"
        self.hand.drag([*points])
        self.labels.mode = "pan_zoom"

    @property
    def noted(self):
        """The operations in the layer's metadata."""
        return [step["op"] for step in self.labels.metadata[KEY][RECIPE]["steps"]]

    def check(self):
        """Check that the recipe gives the labels; return its operations."""
        recipe = recipe_of(self.viewer, self.labels)
        again = emseg.Recipe.model_validate_json(recipe.model_dump_json())
        result = again.replay(self.image.data)
        assert result.labels.dtype == self.labels.data.dtype
        np.testing.assert_array_equal(result, self.labels.data)
        return [step.op for step in recipe.steps]


@pytest.fixture
def work(qtbot, viewer, hand, stripes, tmp_path):
    path = tmp_path / "stripes.png"
    iio.imwrite(path, stripes)
    return Work(qtbot, viewer, hand, path)


def run(script, folder):
    """Run a script in a process of its own."""
    path = folder / "again.py"
    path.write_text(script, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_session_as_code(work, tmp_path):
    """Segment, wand, fill, merge and paint; the script writes the same labels."""
    work.take("wand")
    work.hand.click((20, 10))
    work.wait()
    work.choose(2)
    work.press("Fill")
    work.choose(2, 3)
    work.press("Merge")
    work.paint((40, 5), (45, 60))
    ops = work.check()
    assert ops == ["segment", "wand", "fill", "merge", "patch"]
    assert (work.labels.data == 3).any()
    recipe = recipe_of(work.viewer, work.labels)
    run(recipe.to_python("stripes.png", "labels.tif"), tmp_path)
    written = files.read_labels(tmp_path / "labels.tif")
    np.testing.assert_array_equal(written, work.labels.data)


def test_undo_and_redo(work):
    """Undo takes steps out of the recipe, redo puts them back, a new action ends it."""
    work.take("rectangle")
    seen = [work.noted]
    for title in (None, "Invert", "New class", "Grow"):
        if title is None:
            work.drag((5, 5), (20, 30))
        else:
            work.press(title)
        seen.append(work.noted)
        work.check()
    assert seen[-1] == ["segment", "rectangle", "invert", "new_class", "grow"]
    for expected in reversed(seen[:-1]):
        work.hand.undo()
        assert work.noted == expected
        work.check()
    for expected in seen[1:]:
        work.hand.redo()
        assert work.noted == expected
    work.hand.undo()
    work.press("None")
    assert work.noted == [*seen[-2], "none"]
    work.check()


def test_segmenting_anew(work):
    """The recipe of a layer begins anew with its labels; undo brings the old back."""
    work.take("rectangle")
    work.drag((5, 5), (20, 30))
    work.press("New class")
    before = work.noted
    seg = emseg.segment(work.image.data, n_classes=2)
    emseg.add_to(work.viewer, seg, work.image, replace=work.labels)
    assert work.noted == ["segment"]
    assert work.check() == ["segment"]
    work.press("New class")
    # The selection is older than these labels, so it is stored as it is.
    assert work.check() == ["segment", "selection", "new_class"]
    for _ in range(2):
        work.hand.undo()
    assert work.noted == before
    assert work.check() == before
    work.hand.redo()
    assert work.noted == ["segment"]
    assert work.check() == ["segment"]


def test_selection_painted_by_hand(work):
    """What no tool selected is stored in the step before it is needed."""
    work.take("rectangle")
    work.drag((5, 5), (20, 30))
    selection = find_selection(work.viewer, work.labels)
    selection.data_setitem((np.array([40, 41]), np.array([50, 50])), 255)
    work.press("Grow")
    work.press("New class")
    ops = ["segment", "rectangle", "selection", "grow", "new_class"]
    assert work.noted == ops
    assert work.check() == [op for op in ops if op != "rectangle"]
    for _ in range(3):
        work.hand.undo()
    assert work.noted == ["segment", "rectangle"]
    # Nothing was done with it.
    assert work.check() == ["segment"]


def test_another_image(work, stripes):
    """A step that looked at another image is told by what it found."""
    other = work.viewer.add_image(stripes[::-1, ::-1].copy(), name="other")
    work.look_at(other)
    work.viewer.layers.selection.active = work.labels
    work.panel.labels.setCurrentIndex(work.panel.labels.findData(work.labels))
    assert work.panel.session.image is other
    work.take("wand")
    work.hand.click((20, 10))
    work.wait()
    work.press("New class")
    assert work.check() == ["segment", "selection", "new_class"]


def test_kept_selections(work, monkeypatch):
    """Selections that are kept and taken again are steps."""
    from napari_emseg.widgets.edit import buttons

    monkeypatch.setattr(buttons.QInputDialog, "getText", lambda *_: ("box", True))
    work.take("rectangle")
    work.drag((5, 5), (20, 30))
    work.panel.commands._save()
    work.press("None")
    work.panel.commands._actions.load("box")
    work.wait()
    work.press("New class")
    ops = ["segment", "rectangle", "save", "load", "new_class"]
    assert work.check() == ops
    kept = work.viewer.layers["box"]
    kept.data_setitem((np.array([50]), np.array([50])), 255)
    work.panel.commands._actions.load("box")
    work.wait()
    work.press("New class")
    assert work.check() == [*ops, "selection", "new_class"]


def test_everything_else(work):
    """Soft selections, scribbles, refit, pictures: all of it comes again."""
    session = work.panel.session
    session.options.feather = 2.0
    work.take("lasso")
    work.drag((5, 5), (8, 30), (30, 32), (32, 8))
    session.options.feather = 0.0
    session.options.mode = "add"
    work.take("ellipse")
    work.drag((35, 20), (55, 60))
    session.options.mode = "new"
    work.press("Smooth")
    work.press("New class")
    work.take("class")
    work.hand.click((50, 75))
    work.wait()
    work.press("Grow similar")
    work.panel.commands._actions.adjust("Blur", {"radius": 2.0})
    work.wait()
    work.look_at(work.image)
    work.panel.commands._actions.cut_out()
    work.wait()
    work.look_at(work.image)
    work.paint((40, 5), (45, 20))
    work.press("Refit")
    work.panel.commands._actions.split(1, "classes")
    work.wait()
    session.options.classes = True
    work.take("scribbles")
    work.labels.selected_label = 1
    work.drag((10, 10), (20, 10))
    work.labels.selected_label = 2
    work.drag((10, 80), (20, 80))
    ops = work.check()
    for op in (
        *("lasso", "ellipse", "smooth", "by_label", "grow_similar"),
        *("blur", "cut_out", "refit", "split", "draw"),
    ):
        assert op in ops
    picture = recipe_of(work.viewer, work.labels).replay(work.image.data).picture
    cut = next(one for one in work.viewer.layers if one.name.endswith("cut out"))
    np.testing.assert_array_equal(picture, cut.data)


def test_slice_7(qtbot, viewer, hand, stripes, tmp_path):
    """In slice 7 of a stack, steps say so; other slices stay."""
    path = tmp_path / "stack.tif"
    stack = np.repeat((stripes // 2)[np.newaxis], 9, axis=0)
    stack[7] = stripes
    tifffile.imwrite(path, stack, photometric="rgb")
    work = Work(qtbot, viewer, hand, path, at=7)
    start = work.labels.data.copy()
    work.take("wand")
    work.hand.click((20, 10))
    work.wait()
    work.press("New class")
    work.paint((40, 5), (45, 60))
    assert work.check() == ["segment", "wand", "new_class", "patch"]
    changed = (work.labels.data != start).any(axis=(1, 2))
    assert np.flatnonzero(changed).tolist() == [7]
    recipe = recipe_of(viewer, work.labels)
    assert recipe.steps[1].at == (7, None, None)
    run(recipe.to_python(path.name, "labels.tif"), tmp_path)
    written = files.read_labels(tmp_path / "labels.tif")
    np.testing.assert_array_equal(written, work.labels.data)


def test_only_a_slice(qtbot, viewer, hand, stripes, tmp_path):
    """Labels of one slice alone are made from the whole stack."""
    path = tmp_path / "stack.tif"
    stack = np.repeat((stripes // 2)[np.newaxis], 4, axis=0)
    stack[2] = stripes
    tifffile.imwrite(path, stack, photometric="rgb")
    work = Work(qtbot, viewer, hand, path, at=2)
    seg = emseg.segment(stack[2], n_classes=3)
    viewer.layers.remove(work.labels)
    work.labels = emseg.add_to(viewer, seg, work.image, at=(2, None, None))
    hand.layer, hand.at = work.labels, (0,)
    work.panel.labels.setCurrentIndex(work.panel.labels.findData(work.labels))
    work.take("wand")
    work.hand.click((20, 10))
    work.wait()
    work.press("New class")
    assert work.check() == ["segment", "wand", "new_class"]
    recipe = recipe_of(viewer, work.labels)
    assert recipe.steps[1].at == (2, None, None)
    run(recipe.to_python(path.name, "labels.tif"), tmp_path)
    written = files.read_labels(tmp_path / "labels.tif")
    np.testing.assert_array_equal(written, work.labels.data)


def test_image_is_gone(work):
    """Without its image, a layer is one patch."""
    work.viewer.layers.remove(work.image)
    recipe = recipe_of(work.viewer, work.labels)
    assert [step.op for step in recipe.steps] == ["blank", "patch"]
    found = recipe.replay(work.image.data)
    np.testing.assert_array_equal(found, work.labels.data)


def test_a_copy_of_the_layer(work):
    """A copy of a layer keeps the recipe, and goes its own way."""
    work.take("rectangle")
    work.drag((5, 5), (20, 30))
    work.press("New class")
    before = work.noted
    work.viewer.layers.selection.active = work.labels
    data, attributes, kind = work.labels.as_layer_data_tuple()
    first = work.labels
    work.labels = work.viewer._add_layer_from_data(data.copy(), attributes, kind)[0]
    work.panel.labels.setCurrentIndex(work.panel.labels.findData(work.labels))
    assert work.check() == before
    work.press("New class")
    assert work.check() == [*before, "new_class"]
    work.labels = first
    assert work.noted == before


def test_an_edit_from_elsewhere(work):
    """A menu can tell the recipe what it did; undo takes it back."""
    edit = emseg.regions.swap(work.labels.data, 1, 3)
    apply_edit(work.labels, edit)
    note_step(work.viewer, work.labels, emseg.Step.of("swap", a=1, b=3))
    assert work.check() == ["segment", "swap"]
    work.paint((40, 5), (45, 60))
    assert work.check() == ["segment", "swap", "patch"]
    for expected in (["segment", "swap"], ["segment"]):
        work.hand.undo()
        assert work.check() == expected
    work.hand.redo()
    assert work.check() == ["segment", "swap"]


@pytest.mark.parametrize("drawn", [False, True])
def test_labels_from_elsewhere(work, drawn):
    """Labels that were not made here are what their recipe begins with."""
    viewer, first = work.viewer, work.labels
    data = np.zeros(first.data.shape, np.uint16)
    if drawn:
        data[30:40, 30:50] = 300
    work.labels = work.hand.layer = viewer.add_labels(data.copy(), name="mine")
    viewer.layers.remove(first)
    work.panel.labels.setCurrentIndex(work.panel.labels.findData(work.labels))
    assert work.check() == ["blank", "patch"][: 1 + drawn]
    before = dict(work.labels.metadata)
    work.take("wand")
    work.hand.click((20, 10))
    work.wait()
    work.press("New class")
    ops = ["blank", "patch", "wand", "new_class"]
    if not drawn:
        ops.remove("patch")
    assert work.check() == ops
    for _ in range(2):
        work.hand.undo()
    assert work.labels.metadata == before
    np.testing.assert_array_equal(work.labels.data, data)
    for _ in range(2):
        work.hand.redo()
    assert work.check() == ops
    work.hand.undo()
    work.paint((40, 5), (45, 60))
    assert work.check() == [*(op for op in ops[:-1] if op != "wand"), "patch"]
    assert not is_result(work.labels)


def test_image_has_another_name(work):
    work.image.name = "something else"
    assert work.check() == ["segment"]


def test_saved_by_napari(work, tmp_path):
    """A file that napari writes carries the recipe, hand painting included."""
    work.take("rectangle")
    work.drag((5, 5), (20, 30))
    work.press("New class")
    work.paint((40, 5), (45, 60))
    path = tmp_path / "mine.emseg.tif"
    assert work.labels.save(str(path)) == [str(path)]
    np.testing.assert_array_equal(files.read_labels(path), work.labels.data)
    recipe = emseg.Recipe.load(path)
    assert [step.op for step in recipe.steps] == work.check()
    plain = tmp_path / "plain.tif"
    assert work.labels.save(str(plain)) == [str(plain)]
    with pytest.raises(ValueError, match="holds no recipe"):
        emseg.Recipe.load(plain)


def test_written_without_a_viewer(work, tmp_path):
    """Without the image, what the steps leave open is known all the same."""
    data, attributes, _ = work.labels.as_layer_data_tuple()
    changed = data.copy()
    changed[3:5] = 0
    path = tmp_path / "mine.emseg.tif"
    assert write_labels(str(path), changed, attributes) == [str(path)]
    recipe = emseg.Recipe.load(path)
    np.testing.assert_array_equal(recipe.replay(work.image.data), changed)


@pytest.mark.parametrize("what", ["uncertainty", "probabilities", "next_place"])
def test_nothing_comes_of_a_result_that_was_removed(qtbot, viewer, stripes, told, what):
    image = viewer.add_image(stripes)
    layer = emseg.add_to(viewer, emseg.segment(stripes, n_classes=3), image)
    inspector = inspector_of(viewer)
    arguments = ([1, 2],) if what == "probabilities" else ()
    getattr(inspector, f"show_{what}")(layer, *arguments)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: inspector.idle, timeout=20_000)
    assert not viewer.layers
    assert told == []
