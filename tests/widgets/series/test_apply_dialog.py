"""Other pictures get what one got: in a real viewer, as layers and as files."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_emseg as emseg
from napari_emseg.io.files import read_labels, write_picture
from napari_emseg.layers import apply_edit, fit_record_of, recipe_of
from napari_emseg.layers.classes import (
    class_color,
    class_name,
    paint_class,
    rename_class,
)
from napari_emseg.layers.recipe_log import note_step
from napari_emseg.recipe.step import Step
from napari_emseg.regions import merge
from napari_emseg.widgets import batch_commands
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.series.apply_dialog import ApplyDialog

COLORS = np.uint8([[40, 30, 90], [190, 120, 160], [90, 180, 120], [240, 235, 240]])


def picture(seed):
    """Four bands of color in another order each, with a little noise."""
    rng = np.random.default_rng(seed)
    image = COLORS[rng.permutation(4)].repeat(6, axis=0)[:, None].repeat(20, axis=1)
    return (
        (image.astype(int) - rng.integers(0, 6, image.shape)).clip(0, 255).astype("u1")
    )


@pytest.fixture
def result(viewer):
    """A result: classes 1 and 2 are merged and named, and a brush was used."""
    inspector_of(viewer)
    image = viewer.add_image(picture(0), name="first", rgb=True)
    layer = emseg.add_to(viewer, emseg.segment(image.data, n_classes=4), image)
    apply_edit(layer, merge(layer.data, [1, 2], 2))
    note_step(viewer, layer, Step.of("merge", members=(1, 2), into=2))
    layer.paint((3, 3), 4)
    rename_class(layer, 2, "cells")
    paint_class(layer, 2, (1, 0, 0))
    viewer.layers.selection.active = layer
    return layer


def wait(qtbot, viewer, dialog=None):
    queue = inspector_of(viewer).background if dialog is None else dialog.background
    qtbot.waitUntil(lambda: queue.idle, timeout=20_000)


@pytest.fixture
def dialog(viewer, result, qtbot):
    batch_commands.apply_to(viewer)
    wait(qtbot, viewer)
    [found] = viewer.window._qt_window.findChildren(ApplyDialog)
    yield found
    found.close()


def texts(widget):
    return [widget.item(row).text() for row in range(widget.count())]


def test_five_layers_with_the_same_model(viewer, result, qtbot):
    images = [viewer.add_image(picture(n), rgb=True, name=f"p{n}") for n in range(1, 6)]
    viewer.layers.selection.active = result
    batch_commands.apply_to(viewer)
    wait(qtbot, viewer)
    [dialog] = viewer.window._qt_window.findChildren(ApplyDialog)
    assert texts(dialog.pictures) == [f"p{n} (layer)" for n in range(1, 6)]
    [kept, left] = texts(dialog.edits)
    assert kept == "merge: members 1, 2, into 2"
    assert "patch" in left
    assert "one picture" in left
    dialog.apply()
    wait(qtbot, viewer, dialog)
    model = fit_record_of(result).model
    for image in images:
        [layer] = [one for one in viewer.layers if one.name == f"{image.name} classes"]
        plain = emseg.segment(image.data, model=model, n_classes=4).labels
        np.testing.assert_array_equal(layer.data, np.where(plain == 1, 2, plain))
        assert class_name(layer, 2) == "cells"
        np.testing.assert_allclose(class_color(layer, 2), [1, 0, 0])
        replayed = recipe_of(viewer, layer).replay(image.data).labels
        np.testing.assert_array_equal(replayed, layer.data)
    assert viewer.layers.selection.active is result
    assert [one.status for one in dialog.outcomes] == ["done"] * 5
    dialog.close()


def test_files_and_what_is_wrong_with_some(
    dialog, viewer, qtbot, tmp_path, monkeypatch
):
    for name in ("a.png", "b.png", "c.png", "c.jpg"):
        write_picture(tmp_path / name, picture(len(name)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    tifffile.imwrite(tmp_path / "gray.tif", picture(1)[..., 0])
    other = np.zeros((2, 2), np.uint8)
    write_picture(tmp_path / "d.png", picture(3))
    tifffile.imwrite(tmp_path / "d_labels.tif", other)
    dialog.add_paths([tmp_path])
    dialog.beside.setChecked(True)
    dialog.force.setChecked(True)
    for row in range(dialog.pictures.count()):
        if "d_labels" in dialog.pictures.item(row).text():
            dialog.pictures.takeItem(row)
            break
    dialog.apply()
    wait(qtbot, viewer, dialog)
    said = {text.split()[1]: text for text in texts(dialog.pictures)}
    assert said["a.png"] == "✓ a.png"
    assert "b.png" in said["b.png"]
    assert said["b.png"].startswith("✗")
    assert "2 pictures would write" in said["c.png"]
    assert "2 pictures would write" in said["c.jpg"]
    assert "not written by this plugin" in said["d.png"]
    assert "RGB" in said["gray.tif"]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "d_labels.tif"), other)
    assert read_labels(tmp_path / "a_labels.tif").shape == (24, 20)
    assert not (tmp_path / "c_labels.tif").exists()
    target = tmp_path / "all.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    dialog.save_table()
    lines = target.read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["a.png"] * 4


def test_nothing_there_is_replaced_unless_asked(dialog, viewer, qtbot, tmp_path):
    write_picture(tmp_path / "a.png", picture(2))
    dialog.add_paths([tmp_path / "a.png"])
    dialog.set_folder(str(tmp_path))
    dialog.apply()
    wait(qtbot, viewer, dialog)
    before = (tmp_path / "a_labels.tif").read_bytes()
    dialog.models["anew"].setChecked(True)
    dialog.apply()
    wait(qtbot, viewer, dialog)
    assert "is there already" in texts(dialog.pictures)[-1]
    assert (tmp_path / "a_labels.tif").read_bytes() == before
    dialog.force.setChecked(True)
    dialog.apply()
    wait(qtbot, viewer, dialog)
    assert (tmp_path / "a_labels.tif").read_bytes() != before


def test_a_folder_that_cannot_be_written_to(dialog, viewer, qtbot, tmp_path):
    write_picture(tmp_path / "a.png", picture(2))
    (tmp_path / "file").write_text("no folder")
    dialog.add_paths([tmp_path / "a.png"])
    dialog.set_folder(str(tmp_path / "file"))
    dialog.apply()
    wait(qtbot, viewer, dialog)
    assert texts(dialog.pictures)[-1].startswith("✗ a.png — ")
    assert (tmp_path / "file").read_text() == "no folder"


def test_one_model_for_all_opens_files_as_layers(dialog, viewer, qtbot, tmp_path):
    images = [picture(n) for n in (4, 5)]
    for n, image in enumerate(images):
        write_picture(tmp_path / f"{n}.png", image)
    dialog.add_paths([tmp_path])
    dialog.models["joint"].setChecked(True)
    dialog.edits.item(0).setCheckState(dialog.edits.item(0).checkState().Unchecked)
    dialog.apply()
    wait(qtbot, viewer, dialog)
    params = dialog.outcomes[0].treated.seg.params.model_dump()
    joint = emseg.fit(images, **params)
    for n, image in enumerate(images):
        assert isinstance(viewer.layers[str(n)], Image)
        expected = joint.segment(image).labels
        np.testing.assert_array_equal(viewer.layers[f"{n} classes"].data, expected)


def test_cancel_keeps_what_is_done(dialog, viewer, qtbot, tmp_path):
    for n in range(3):
        write_picture(tmp_path / f"{n}.png", picture(n))
    dialog.add_paths([tmp_path])
    changed = dialog.pictures.itemChanged
    changed.connect(lambda item: item.text().startswith("✓") and dialog.cancel())
    dialog.apply()
    wait(qtbot, viewer, dialog)
    assert "stays" in dialog.status.text()
    made = [one.name for one in viewer.layers if isinstance(one, Labels)]
    assert made == ["first classes", "0 classes"]
    assert dialog.start.isEnabled()


@pytest.mark.parametrize("way", ["button", "Escape", "window"])
def test_it_closes_and_ends_what_is_under_way(viewer, result, qtbot, way):
    batch_commands.apply_to(viewer)
    wait(qtbot, viewer)
    [dialog] = viewer.window._qt_window.findChildren(ApplyDialog)
    assert dialog.isVisible()
    done = []
    if way == "button":
        QTest.mouseClick(dialog.stop, Qt.MouseButton.LeftButton)
    elif way == "Escape":
        dialog.background.run(lambda: time.sleep(0.05), done.append)
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    else:
        dialog.background.run(lambda: time.sleep(0.05), done.append)
        dialog.close()
    assert not dialog.isVisible()
    assert not dialog.background.running
    QTest.qWait(100)
    assert not done
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not viewer.window._qt_window.findChildren(ApplyDialog)


def test_a_recipe_that_is_opened_makes_its_labels_again(
    result, viewer, qtbot, tmp_path, monkeypatch, told
):
    recipe_of(viewer, result).save(tmp_path / "r.json")
    old = json.loads((tmp_path / "r.json").read_text()) | {"version": 0}
    (tmp_path / "old.json").write_text(json.dumps(old))
    wanted = result.data.copy()
    viewer.layers.remove(result)
    viewer.layers.selection.active = viewer.layers["first"]
    for name in ("old.json", "r.json"):
        path = str(tmp_path / name)
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, p=path: (p, ""))
        batch_commands.open_recipe(viewer)
        wait(qtbot, viewer)
    assert "version 0" in told[0][1]
    [dialog] = viewer.window._qt_window.findChildren(ApplyDialog)
    assert not dialog.models["model"].isEnabled()
    dialog.models["exact"].setChecked(True)
    dialog.apply()
    wait(qtbot, viewer, dialog)
    [made] = [one for one in viewer.layers if isinstance(one, Labels)]
    np.testing.assert_array_equal(made.data, wanted)
    dialog.close()
