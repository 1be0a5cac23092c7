"""Files of labels: what they say of their picture and of the fit."""

from __future__ import annotations

import json
import shutil
import warnings

import npe2
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

import napari_emseg as emseg
from napari_emseg.batch import Picture, Treatment, iter_apply, plan_outputs
from napari_emseg.batch.description import is_label_file
from napari_emseg.io import files
from napari_emseg.layers import add_to, recipe_of
from napari_emseg.layers.classes import class_color, class_name
from napari_emseg.layers.history import opened_from
from napari_emseg.layers.label_files import (
    find_picture,
    read_layers,
    write_with_recipe,
)
from napari_emseg.pipeline.progress import finish


@pytest.fixture
def saved(tmp_path, stripes):
    """Save labels beside the folder of their picture; return both files."""
    picture = tmp_path / "pictures" / "stripes.png"
    picture.parent.mkdir()
    files.write_picture(picture, stripes)
    viewer = ViewerModel()
    with opened_from(picture):
        image = viewer.add_image(stripes, name="my stripes")
    assert image.source.path == str(picture)
    layer = add_to(viewer, emseg.segment(stripes, n_classes=3), image)
    path = tmp_path / "labels" / "a.emseg.tif"
    path.parent.mkdir()
    data, look, _ = layer.as_layer_data_tuple()
    recipe = recipe_of(viewer, layer)
    write_with_recipe(path, data, look, recipe, image=image, force=False)
    return path, picture, layer


def test_the_fit_comes_back(saved, stripes):
    path, _, layer = saved
    [(data, attributes, kind)] = read_layers(path)
    assert kind == "labels"
    old, new = layer.metadata["emseg"], attributes["metadata"]["emseg"]
    assert new["image"] == "my stripes"
    for name in ("params", "model", "recipe"):
        assert json.dumps(new[name]) == json.dumps(old[name])
    viewer = ViewerModel()
    again = viewer.add_labels(data, **attributes)
    with pytest.raises(ValueError, match="the image 'my stripes'"):
        emseg.result(again, viewer)
    viewer.add_image(stripes)
    before, after = emseg.result(layer), emseg.result(again, viewer)
    np.testing.assert_array_equal(after.labels, before.labels)
    np.testing.assert_array_equal(after.model.means, before.model.means)
    assert after.objective == before.objective
    assert after.recipe == emseg.Recipe.load(path)


def test_the_picture_is_found_where_both_have_moved(saved, tmp_path):
    path, picture, _ = saved
    found, note = find_picture(path)
    assert found == picture
    assert note == {
        "name": "my stripes",
        "path": "../pictures/stripes.png",
        "as_stored": False,
    }
    moved = shutil.move(tmp_path / "labels", tmp_path / "x" / "labels")
    path = moved / path.name
    assert find_picture(path)[0] is None
    shutil.copy(picture, moved)
    assert find_picture(path)[0] == moved / picture.name
    shutil.move(tmp_path / "pictures", tmp_path / "x" / "pictures")
    assert find_picture(path)[0] == tmp_path / "x" / "pictures" / "stripes.png"


@pytest.mark.parametrize(
    "note",
    [
        5,
        [],
        {"path": 5},
        {"path": "a\0b"},
        {"path": "../labels/a.emseg.json"},
        {"path": "{outside}"},
        {"path": "\\\\server\\share\\a.png"},
    ],
    ids=str,
)
def test_places_that_cannot_be_right(note, tmp_path):
    """Nor do they lead to another machine, or anywhere that is no picture."""
    outside = tmp_path / "elsewhere" / "a.png"
    outside.parent.mkdir()
    files.write_picture(outside, np.zeros((3, 4, 3), np.uint8))
    if isinstance(note, dict) and note["path"] == "{outside}":
        note = {"path": outside.as_posix()}
    (tmp_path / "labels").mkdir()
    path = tmp_path / "labels" / "a.emseg.tif"
    (path.parent / "a.emseg.json").write_text("{}")
    files.write_labels(path, np.eye(4, dtype=np.uint8), metadata={"image": note})
    assert find_picture(path)[0] is None


@pytest.mark.parametrize("key", ["model", "image"])
@pytest.mark.parametrize("value", [5, None, [], {"weights": [1], "means": [[1e400]]}])
def test_what_cannot_be_right_is_left_out(key, value, saved):
    path, _, _ = saved
    [(data, attributes, _)] = read_layers(path)
    about = {"recipe": attributes["metadata"]["emseg"]["recipe"], key: value}
    files.write_labels(path, data, metadata=about, force=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        [(_, attributes, _)] = read_layers(path)
    assert f"{key} in the description" in str(told[0].message)
    assert key not in attributes["metadata"]["emseg"]
    assert "recipe" in attributes["metadata"]["emseg"]


def test_files_of_labels_are_told_from_pictures(saved, tmp_path):
    path, picture, layer = saved
    assert is_label_file(path)
    assert not is_label_file(picture)
    other = tmp_path / "other.emseg.tif"
    files.write_labels(other, Labels(layer.data).data)
    assert not is_label_file(other)


def test_labels_of_the_command_open_as_such(tmp_path, stripes):
    """With colors and names; those of other programs without."""
    npe2.PluginManager.instance().discover()
    picture = tmp_path / "stripes.png"
    files.write_picture(picture, stripes)
    treatment = Treatment(emseg.Params(n_classes=3, smoothing=0), names={2: "sky"})
    pictures, plans = plan_outputs([Picture("stripes.png", picture)], tmp_path / "out")
    (outcome,) = finish(iter_apply(pictures, treatment, plans=plans))
    path = outcome.plan.labels
    assert is_label_file(path)
    assert find_picture(path)[0] == picture
    files.write_labels(tmp_path / "other_labels.tif", np.eye(9, dtype=int))
    viewer = ViewerModel()
    for place in (path, tmp_path / "other_labels.tif"):
        viewer.open(place, plugin="napari-emseg")
    ours, other = viewer.layers
    assert isinstance(ours, Labels)
    assert isinstance(other, Labels)
    seg = emseg.segment(stripes, n_classes=3, smoothing=0)
    np.testing.assert_array_equal(ours.data, seg.labels)
    assert ours.name == "stripes_labels"
    assert class_name(ours, 2) == "sky"
    for label, color in outcome.colors.items():
        np.testing.assert_allclose(class_color(ours, label), color, atol=1e-4)
