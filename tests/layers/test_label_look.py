"""Labels in files whose description another program wrote: the pixels are read."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_emseg as emseg
from napari_emseg.io import files
from napari_emseg.layers import add_to, class_colormap, recipe_of
from napari_emseg.layers.classes import class_color, class_name
from napari_emseg.layers.label_files import labels_reader, write_labels
from napari_emseg.layers.label_look import attributes_of
from napari_emseg.layers.metadata import entry_of, steps_of

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)
ODD = [None, True, 5, -1.5, "text", [], {}, [None, None], ["a", {}], {"a": 1}, [[]]]
WRONG = {
    "scale": [[1], [0, 1], [1, 2, 3], ["1", "2"], [1e400, 1], [[1, 1], [1, 1]]],
    "translate": [[1], [1, 2, 3], [float("nan"), 1]],
    "rotate": [[[1, 1], [1, 1]], [[0, 0], [0, 0]], [1, 2], [[1, 0], [0]]],
    "shear": [[1, 2, 3], ["x"], [float("inf")]],
    "affine": [[[1, 2], [2, 4]], np.zeros((3, 3)).tolist(), [[[1]]]],
    "units": [
        ["9**9**9*um", "um"],
        ["um" * 50_000, "um"],
        ["um", "parrots"],
        ["um"],
        "um",
        ["um", "um", "um"],
        ["__import__('os')", "um"],
        ["1e9999999 um", "um"],
        ["um\n", "um"],
        ["um/" * 20, "um"],
    ],
    "axis_labels": [["a"], ["a", 5], "ab", ["a" * 100_000, "b"]],
    "colors": [
        {"1": [2, 0, 0]},
        {"1": "red" * 9},
        {"x": [1, 0, 0]},
        {"1": [[1, 0, 0]]},
        {"1": [float("nan"), 0, 0]},
        {"9" * 5000: [1, 0, 0]},
        {str(2**64): [1, 0, 0]},
    ],
    "names": [{"x": "sky"}, {"1": 5}, {"1": "a" * 10_000}, {"9" * 5000: "sky"}],
}
RECIPES = [
    {"steps": 5},
    {"steps": [5]},
    {"steps": [{"op": "segment", "at": True}]},
    {"steps": [{"op": "segment", "at": [True, None]}]},
    {"steps": [{"op": "segment", "at": [0, None, None, None, None]}]},
    {"steps": [{"op": "no such step"}]},
    {"steps": [{"args": {}}]},
    {"version": {}, "steps": [{"op": []}]},
]


def opened(path):
    """Return a layer of a file as napari makes it, and what was warned of."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ((data, attributes, kind),) = labels_reader(str(path))(str(path))
    assert kind == "labels"
    viewer = ViewerModel()
    layer = viewer.add_labels(data, **attributes)
    assert np.isfinite(layer.data_to_world((1, 1))).all()
    assert len(class_color(layer, 2)) == 3
    assert class_name(layer, 2)
    assert recipe_of(viewer, layer).replay(data).labels.shape == data.shape
    return layer, [str(one.message) for one in seen]


class TestForeign:
    @pytest.mark.parametrize(
        ("name", "value"),
        [(name, value) for name in WRONG for value in [*WRONG[name], *ODD]],
        ids=lambda value: str(value)[:20],
    )
    def test_what_is_wrong_is_left_out(self, tmp_path, name, value):
        path = tmp_path / "a.emseg.tif"
        # A rotation by degrees and empty tables are right.
        right = {"rotate": [5, -1.5], "colors": [{}], "names": [{}]}.get(name, [])
        good = {"translate": [7, 8], "names": {"2": "sky"}}
        about = {"layer": {**good, name: value}}
        files.write_labels(path, LABELS, metadata=about)
        layer, told = opened(path)
        np.testing.assert_array_equal(layer.data, LABELS)
        if type(value) is not bool and value in right:
            assert told == []
        else:
            assert len(told) == 1
            assert told[0].startswith(f"a.emseg.tif: {name} in the description")
        if name != "translate":
            assert layer.translate.tolist() == [7, 8]
        if name != "names":
            assert class_name(layer, 2) == "sky"

    @pytest.mark.parametrize("look", [5, "text", [1], True])
    def test_no_look_at_all(self, tmp_path, look):
        path = tmp_path / "a.emseg.tif"
        files.write_labels(path, LABELS, metadata={"layer": look})
        layer, told = opened(path)
        np.testing.assert_array_equal(layer.data, LABELS)
        assert len(told) == 1

    @pytest.mark.parametrize("recipe", [*RECIPES, *ODD[1:]], ids=str)
    def test_recipes(self, tmp_path, recipe):
        path = tmp_path / "a.emseg.tif"
        about = {"layer": {"translate": [7, 8]}, "recipe": recipe}
        files.write_labels(path, LABELS, metadata=about)
        layer, told = opened(path)
        np.testing.assert_array_equal(layer.data, LABELS)
        assert layer.translate.tolist() == [7, 8]
        assert (recipe == {} and not told) or "recipe in the description" in told[0]

    @pytest.mark.parametrize("entry", [*ODD, {"at": True}, {"recipe": {"steps": 1}}])
    @pytest.mark.parametrize("key", ["emseg", "emseg edits"])
    def test_metadata_of_a_layer(self, key, entry):
        """Other plugins and files write there, too."""
        viewer = ViewerModel()
        viewer.add_image(LABELS)
        layer = viewer.add_labels(LABELS.copy(), metadata={key: entry})
        assert steps_of(layer) is None
        assert isinstance(entry_of(layer), dict)
        replayed = recipe_of(viewer, layer).replay(LABELS)
        np.testing.assert_array_equal(replayed.labels, LABELS)


def test_all_that_is_right_comes_back(tmp_path, stripes):
    viewer = ViewerModel()
    place = {
        "scale": (2.0, 0.5),
        "translate": (10.0, -3.0),
        "rotate": 30,
        "shear": (0.2,),
        "affine": [[1, 0.1, 5], [0, 1.5, 6], [0, 0, 1]],
        "units": ("mm", "um"),
        "axis_labels": ("height", "width"),
    }
    image = viewer.add_image(stripes, **place)
    layer = add_to(viewer, emseg.segment(stripes, n_classes=3), image)
    data, attributes, _ = layer.as_layer_data_tuple()
    path = str(tmp_path / "a.emseg.tif")
    write_labels(path, data, attributes)
    again, told = opened(path)
    assert told == []
    np.testing.assert_array_equal(again.data, layer.data)
    for point in ((0, 0), (5, 7)):
        expected = layer.data_to_world(point)
        np.testing.assert_allclose(again.data_to_world(point), expected)
    assert (again.units, again.axis_labels) == (layer.units, layer.axis_labels)
    for label in (1, 2, 3, 4, 60, 1000, 70_000):
        color = class_color(layer, label)
        np.testing.assert_allclose(class_color(again, label), color, atol=1e-4)


def test_colors_of_older_files_come_again():
    look = {"colors": {"0": [0, 0, 0, 0], "1": [1, 0, 0, 1]}}
    colormap = attributes_of({"layer": look}, 2, "a")["colormap"]
    expected = class_colormap(np.array([[1, 0, 0]]))
    for label in (1, 60, 5000):
        np.testing.assert_allclose(colormap.map(label), expected.map(label), atol=1e-6)
