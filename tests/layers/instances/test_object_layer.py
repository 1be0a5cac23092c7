"""Objects as a layer: what it shows, what it knows, and what it is measured in."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

import napari_emseg as emseg
from napari_emseg import files
from napari_emseg.layers import (
    is_objects,
    is_result,
    objects_of,
    place_scale,
    remember_objects,
)
from napari_emseg.layers.label_files import labels_reader, write_labels


@pytest.fixture
def found():
    labels = np.zeros((6, 8), int)
    labels[1:3, 1:3], labels[1:3, 5:7], labels[5, 5] = 1, 2, 4
    return emseg.Objects.of(labels, {1: 2, 2: 3, 4: 3}, class_names={3: "nuclei"})


@pytest.fixture
def viewer():
    return ViewerModel()


def test_layer_knows_the_class_of_each_object(viewer, found):
    image = viewer.add_image(np.zeros((6, 8)), name="a", scale=(2, 3), rotate=30)
    layer = emseg.add_to(viewer, found, image)
    assert viewer.layers[-1] is layer
    assert (is_objects(layer), is_result(layer), layer.name) == (
        True,
        False,
        "a objects",
    )
    np.testing.assert_allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
    np.testing.assert_allclose(layer.rotate, image.rotate)
    assert layer.features["class"].tolist() == [
        "no object", "class 2", "nuclei", "nuclei"
    ]  # fmt: skip
    colors = {tuple(layer.get_color(number)) for number in (1, 2, 4)}
    assert len(colors) == 3
    again = objects_of(layer)
    np.testing.assert_array_equal(again.labels, found.labels)
    assert again.counts() == found.counts()
    assert again.class_names == found.class_names
    layer.data[0, 0] = 9
    assert found.labels[0, 0] == 0
    # What is painted by hand is of the usual class.
    assert objects_of(layer).classes[9] == 3
    only = emseg.add_to(viewer, found.keep([2]), image)
    assert only.name == "a nuclei"
    with pytest.raises(ValueError, match="cannot replace"):
        emseg.add_to(viewer, found, image, replace=layer)
    with pytest.raises(ValueError, match="do not fit"):
        emseg.add_to(viewer, emseg.Objects.of(np.ones((3, 3), int)), image)


def test_classes_of_objects_that_are_gone_stay_known(viewer, found):
    layer = emseg.add_to(viewer, found)
    cut = found.without([1]).split_by_line([[1, -1], [1, 9]])
    layer.data = cut.labels
    remember_objects(layer, cut)
    assert objects_of(layer).counts() == cut.counts()
    layer.data = found.labels
    assert objects_of(layer).counts() == found.counts()


def test_file_keeps_classes(viewer, found, tmp_path):
    layer = emseg.add_to(viewer, found)
    path = str(tmp_path / "a.emseg.tif")
    write_labels(path, *layer.as_layer_data_tuple()[:2])
    [(data, attributes, kind)] = labels_reader(path)(path)
    assert kind == "labels"
    again = Labels(data, **attributes)
    assert is_objects(again)
    assert objects_of(again).counts() == found.counts()
    assert objects_of(again).class_names == found.class_names
    assert again.features["class"].tolist() == layer.features["class"].tolist()
    files.write_labels(path, data, force=True, metadata={"objects": {"classes": "x"}})
    with pytest.warns(UserWarning, match="opened without"):
        [(_, attributes, _)] = labels_reader(path)(path)
    assert attributes["metadata"] == {}
    long = {"classes": [[1, 2**62], [2, 2**62]], "names": {}, "per_plane": False}
    files.write_labels(path, data, force=True, metadata={"objects": long})
    [(_, attributes, _)] = labels_reader(path)(path)
    assert objects_of(Labels(data, **attributes)).counts() == {1: 3}


def test_other_layers_are_objects_of_one_class():
    layer = Labels(np.array([[0, 3]]))
    assert not is_objects(layer)
    assert objects_of(layer).counts() == {1: 1}
    layer.metadata = {"emseg objects": {"classes": "wrong", "names": 3}}
    assert objects_of(layer).counts() == {1: 1}


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_scaled_and_rotated_volume_is_measured_in_its_units():
    data = np.zeros((4, 5, 6), int)
    data[1:3, 1:4, 2:5] = 1
    whole = Labels(data, scale=(2, 0.5, 0.25), units=("um", "um", "um"))
    size = emseg.measure(data, **place_scale(whole, 3))
    assert size["volume"].tolist() == [18 * 0.25]
    assert size.units["volume"] == "µm³"
    turn = np.eye(4)
    turn[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turned = Labels(
        data, scale=(2000, 500, 0.25), units=("nm", "nm", "um"), affine=turn,
        rotate=(0, 0, 40),
    )  # fmt: skip
    np.testing.assert_allclose(place_scale(turned, 3)["scale"], (2, 0.5, 0.25))
    assert place_scale(turned, 2)["scale"] == (0.5, 0.25)
    assert place_scale(Labels(data), 3) == {"scale": (1, 1, 1), "units": "pixel"}
    series = Labels(data, scale=(10, 2, 3), units=("s", "um", "um"))
    assert place_scale(series, 2) == {"scale": (2, 3), "units": "µm"}
    with pytest.raises(ValueError, match="no lengths of one kind"):
        place_scale(series, 3)
    with pytest.raises(ValueError, match="sheared"):
        place_scale(Labels(data, shear=(1, 0, 0)), 3)
