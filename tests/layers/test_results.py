"""Segmentations as napari layers, without a window."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

import napari_emseg as emseg
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.layers import (
    add_selection,
    add_to,
    class_colormap,
    displayed,
    fit_record_of,
    image_data,
    is_result,
    recipe_of,
    results,
)
from napari_emseg.layers.classes import rename_class

PLACE = {
    "scale": (2.0, 0.5),
    "translate": (10.0, -3.0),
    "rotate": 30,
    "shear": (0.2,),
    "affine": [[1, 0.1, 5], [0, 1.5, 6], [0, 0, 1]],
    "units": ("mm", "um"),
    "axis_labels": ("height", "width"),
}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def seg(stripes):
    return emseg.segment(stripes, n_classes=3, smoothing=0)


@pytest.fixture
def layer(viewer, stripes, seg):
    return add_to(viewer, seg, viewer.add_image(stripes, name="stripes"))


def corners(layer):
    """Return the world coordinates of the outer corners of a layer's data."""
    shape = np.array(image_data(layer).shape[: layer.ndim])
    low, high = np.zeros(len(shape)), shape - 1.0
    return np.array([layer.data_to_world(low), layer.data_to_world(high)])


def test_adds_labels_named_after_the_image(viewer, layer, seg):
    assert viewer.layers[-1] is layer
    assert layer.name == "stripes classes"
    np.testing.assert_array_equal(layer.data, seg.labels)
    assert not np.shares_memory(layer.data, seg.labels)
    assert add_to(viewer, seg).name == "classes"


def test_results_are_added_below_the_selection(viewer, layer, seg):
    """An outline that a later result covers would be seen no more."""
    image = viewer.layers["stripes"]
    selection = add_selection(viewer, image)
    second = add_to(viewer, seg, image)
    assert list(viewer.layers) == [image, layer, second, selection]
    assert viewer.layers.selection.active is second
    other = viewer.add_image(np.zeros((4, 4)))
    assert list(viewer.layers)[3:] == [selection, other]
    assert add_to(viewer, seg, image) is viewer.layers[-1]


def test_classes_have_their_mean_colors(layer, stripes, seg):
    for label in (1, 2, 3):
        mean = stripes[seg.labels == label].mean(axis=0) / 255
        np.testing.assert_allclose(layer.get_color(label)[:3], mean, atol=0.02)
        assert layer.get_color(label)[3] == 1
    assert layer.get_color(0) is None


def test_labels_painted_by_hand_are_seen(layer):
    colors = {tuple(layer.get_color(label)) for label in (4, 5, 6, 200)}
    assert len(colors) == 4
    assert all(color[3] == 1 for color in colors)


def test_pointer_shows_the_class(layer, stripes, seg):
    pixels = np.count_nonzero(seg.labels == 1)
    text = layer.get_status((5, 5), world=True)["value"]
    assert text.startswith("1; name: class 1")
    assert f"pixels: {pixels}" in text
    mean = stripes[seg.labels == 1].mean(axis=0)
    for name, value in zip("RGB", mean, strict=True):
        assert f"mean {name}: {value:.3g}" in text


def test_features_have_one_row_for_each_label(layer, stripes, seg):
    features = layer.features
    assert list(features["index"]) == [0, 1, 2, 3]
    assert features["pixels"].sum() == seg.labels.size
    assert features["fraction"].sum() == pytest.approx(1)
    own = stripes[seg.labels == 2]
    for kind, values in (("mean", own.mean(axis=0)), ("std", own.std(axis=0))):
        shown = [features[f"{kind} {name}"][2] for name in "RGB"]
        np.testing.assert_allclose(shown, values, rtol=1e-3)


def test_pixels_without_a_class_are_counted(viewer, stripes):
    mask = np.ones(stripes.shape[:2], bool)
    mask[:10] = False
    layer = add_to(viewer, emseg.segment(stripes, n_classes=3, mask=mask))
    assert layer.features["pixels"][0] == 800
    assert layer.features["fraction"][1:].sum() == pytest.approx(1)
    assert "fraction" not in layer.get_status((5, 5), world=True)["value"]


def test_metadata_make_the_result_again(layer, stripes, seg):
    note = json.loads(json.dumps(layer.metadata["emseg"]))
    assert note["version"] == emseg.__version__
    assert note["image"] == "stripes"
    again = emseg.segment(stripes, **note["params"])
    np.testing.assert_array_equal(again.labels, seg.labels)
    assert is_result(layer)
    assert not is_result(Labels(layer.data))


@pytest.mark.parametrize("attribute", PLACE)
def test_result_lies_on_its_image(viewer, stripes, seg, attribute):
    image = viewer.add_image(stripes, **{attribute: PLACE[attribute]})
    layer = add_to(viewer, seg, image)
    np.testing.assert_allclose(corners(layer), corners(image))
    assert layer.units == image.units
    assert layer.axis_labels == image.axis_labels


def test_result_keeps_every_kind_of_place_at_once(viewer, stripes, seg):
    image = viewer.add_image(stripes, **PLACE)
    layer = add_to(viewer, seg, image)
    np.testing.assert_allclose(corners(layer), corners(image))
    for attribute in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_allclose(
            getattr(layer, attribute), getattr(image, attribute), atol=1e-12
        )
    np.testing.assert_allclose(layer.affine, image.affine)


def test_layers_do_not_move_together(viewer, stripes, seg):
    image = viewer.add_image(stripes, affine=PLACE["affine"])
    layer = add_to(viewer, seg, image)
    before = np.array(layer.affine)
    image.affine.affine_matrix = np.diag([3.0, 3.0, 1.0])
    np.testing.assert_array_equal(layer.affine, before)


def test_slice_lies_where_it_was_cut(viewer, rng):
    stack = rng.integers(0, 256, (6, 20, 30), dtype=np.uint8)
    image = viewer.add_image(
        stack,
        scale=(5, 2, 0.5),
        translate=(1, 2, 3),
        rotate=[[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
        shear=(0, 0, 0.3),
    )
    layer = add_to(
        viewer, emseg.segment(stack[4], n_classes=2), image, at=(4, None, None)
    )
    assert layer.data.shape == (1, 20, 30)
    for pixel in ((0, 0), (19, 29), (7, 3)):
        np.testing.assert_allclose(
            layer.data_to_world((0, *pixel)), image.data_to_world((4, *pixel))
        )


def test_slice_along_another_axis(viewer, rng):
    stack = rng.integers(0, 256, (6, 20, 30), dtype=np.uint8)
    image = viewer.add_image(stack, scale=(5, 2, 0.5))
    seg = emseg.segment(stack[:, 9], n_classes=2)
    layer = add_to(viewer, seg, image, at=(None, 9, None))
    assert layer.data.shape == (6, 1, 30)
    np.testing.assert_allclose(
        layer.data_to_world((5, 0, 7)), image.data_to_world((5, 9, 7))
    )


def test_without_at_a_slice_is_the_displayed_one(viewer, rng):
    stack = rng.integers(0, 256, (6, 20, 30), dtype=np.uint8)
    image = viewer.add_image(stack, scale=(5, 2, 0.5), translate=(100, 0, 0))
    viewer.dims.set_current_step(0, 3)
    assert displayed(viewer, image) == (3, None, None)
    layer = add_to(viewer, emseg.segment(stack[3], n_classes=2), image)
    assert layer.data_to_world((0, 0, 0))[0] == 115
    whole = add_to(viewer, emseg.segment(stack, n_classes=2), image)
    assert whole.data.shape == stack.shape


def test_displayed_part_follows_the_order_of_axes(viewer):
    image = viewer.add_image(np.zeros((6, 20, 30)))
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 11)
    assert displayed(viewer, image) == (None, 11, None)
    viewer.dims.ndisplay = 3
    assert displayed(viewer, image) == (None, None, None)


def test_displayed_part_of_a_layer_with_fewer_axes(viewer):
    viewer.add_image(np.zeros((5, 6, 20, 30)))
    image = viewer.add_image(np.zeros((6, 20, 30)))
    viewer.dims.current_step = (4, 2, 0, 0)
    assert displayed(viewer, image) == (2, None, None)


def test_displayed_part_outside_the_layer(viewer):
    viewer.add_image(np.zeros((9, 20, 30)))
    image = viewer.add_image(np.zeros((3, 20, 30)), name="short")
    viewer.dims.set_current_step(0, 7)
    with pytest.raises(ValueError, match="slice lies outside 'short'"):
        displayed(viewer, image)


def test_finest_of_several_scales(viewer, stripes):
    image = viewer.add_image([stripes, stripes[::2, ::2]], scale=(3, 3))
    assert image_data(image).shape == stripes.shape
    layer = add_to(viewer, emseg.segment(stripes, n_classes=3), image)
    assert layer.data.shape == stripes.shape[:2]
    np.testing.assert_array_equal(layer.scale, (3, 3))


def test_labels_that_do_not_fit(viewer, stripes, seg):
    image = viewer.add_image(stripes[:50], name="cut")
    with pytest.raises(ValueError, match=r"\(60, 80\) do not fit image 'cut'"):
        add_to(viewer, seg, image)
    assert len(viewer.layers) == 1


def test_hand_edits_work_and_undo(layer):
    start = layer.data.copy()
    layer.brush_size = 6
    layer.paint((30, 40), 3)
    layer.fill((5, 5), 2)
    layer.paint((10, 10), 0)
    layer.paint_polygon([[40, 5], [50, 5], [50, 20], [40, 20]], 4)
    assert layer.data[30, 40] == 3
    assert layer.data[55, 10] == 2
    assert layer.data[10, 10] == 0
    assert layer.data[45, 10] == 4
    for _ in range(4):
        layer.undo()
    np.testing.assert_array_equal(layer.data, start)


class TestReplace:
    def test_takes_labels_colors_features_and_note(self, viewer, stripes, layer):
        layer.name = "mine"
        layer.metadata["kept"] = 1
        seg = emseg.segment(stripes[:, ::-1], n_classes=2, smoothing=0)
        image = viewer.add_image(stripes[:, ::-1], name="turned", scale=(2, 3))
        assert add_to(viewer, seg, image, replace=layer) is layer
        assert len(viewer.layers) == 3
        np.testing.assert_array_equal(layer.data, seg.labels)
        assert layer.name == "mine"
        assert len(layer.features) == 3
        np.testing.assert_allclose(layer.get_color(2)[:3], seg.class_colors[1])
        np.testing.assert_array_equal(layer.scale, (2, 3))
        assert layer.metadata["emseg"]["params"]["n_classes"] == 2
        assert layer.metadata["emseg"]["image"] == "turned"
        assert layer.metadata["kept"] == 1

    def test_is_one_undo_step(self, viewer, stripes, layer):
        layer.paint((5, 5), 3)
        mine, array = layer.data.copy(), layer.data
        seg = emseg.segment(stripes, n_classes=2)
        add_to(viewer, seg, replace=layer)
        assert layer.data is array
        np.testing.assert_array_equal(layer.data, seg.labels)
        layer.undo()
        np.testing.assert_array_equal(layer.data, mine)
        layer.redo()
        np.testing.assert_array_equal(layer.data, seg.labels)

    def test_undo_brings_back_all_that_it_changed(self, viewer, stripes, layer):
        """Colors, table, place, recipe and fit belong to the labels."""
        image = viewer.add_image(stripes, name="wide", scale=(1, 2))
        seg = emseg.segment(stripes, n_classes=2)

        def state():
            colors = [layer.get_color(label) for label in (1, 2, 3)]
            note = dict(layer.metadata)
            return colors, layer.features, layer.scale, note, fit_record_of(layer)

        before = state()
        add_to(viewer, seg, image, replace=layer)
        after = state()
        for turn, expected in [(layer.undo, before), (layer.redo, after)] * 2:
            turn()
            colors, features, scale, metadata, run = state()
            np.testing.assert_array_equal(colors, expected[0])
            assert features.equals(expected[1])
            np.testing.assert_array_equal(scale, expected[2])
            assert (metadata, run) == expected[3:]
        layer.undo()
        layer.paint((5, 5), 3)
        layer.colormap = other = class_colormap(np.eye(3))
        layer.undo()
        layer.undo()
        assert layer.colormap is other

    def test_without_undo(self, viewer, stripes, layer):
        layer.paint((5, 5), 3)
        array, told = layer.data, []
        layer.events.data.connect(lambda event: told.append(event))
        seg = emseg.segment(stripes, n_classes=2)
        add_to(viewer, seg, replace=layer, undo=False)
        assert layer.data is array
        assert len(told) == 1
        layer.undo()
        np.testing.assert_array_equal(layer.data, seg.labels)

    def test_leaves_no_stale_undo(self, viewer, stripes, layer):
        layer.paint((5, 5), 3)
        layer.paint((9, 9), 3)
        layer.undo()
        seg = emseg.segment(stripes, n_classes=2)
        add_to(viewer, seg, replace=layer)
        layer.undo()
        layer.redo()
        np.testing.assert_array_equal(layer.data, seg.labels)
        layer.paint((5, 5), 2)
        layer.undo()
        np.testing.assert_array_equal(layer.data, seg.labels)

    def test_other_shape_and_other_number_of_axes(self, viewer, rng, layer):
        layer.paint((5, 5), 3)
        stack = rng.integers(0, 256, (4, 20, 30), dtype=np.uint8)
        image = viewer.add_image(stack, scale=(3, 2, 1), translate=(7, 8, 9))
        seg = emseg.segment(stack, n_classes=2)
        add_to(viewer, seg, image, replace=layer)
        layer.undo()
        np.testing.assert_array_equal(layer.data, seg.labels)
        np.testing.assert_allclose(corners(layer), corners(image))
        flat = viewer.add_image(stack[0], translate=(1, 2))
        add_to(viewer, emseg.segment(stack[0], n_classes=2), flat, replace=layer)
        np.testing.assert_allclose(corners(layer), corners(flat))

    @pytest.mark.parametrize("editable", [True, False])
    def test_keeps_tool_and_editability(self, viewer, seg, layer, editable):
        layer.mode = "fill"
        layer.editable = editable
        mode = layer.mode
        add_to(viewer, seg, replace=layer)
        assert (layer.mode, layer.editable) == (mode, editable)

    def test_layer_of_another_viewer(self, layer, seg):
        with pytest.raises(ValueError, match="'stripes classes' is not in this viewer"):
            add_to(ViewerModel(), seg, replace=layer)


class TestRecipe:
    """What is known of the fit saves another one; what is not known does not."""

    @pytest.fixture
    def fits(self, monkeypatch):
        """Count the fits of replays."""
        done = []

        def count(*args, **kwargs):
            done.append(kwargs)
            return emseg.segment(*args, **kwargs)

        monkeypatch.setattr("napari_emseg.recipe.execute.segment", count)
        return done

    def check(self, viewer, layer, image):
        recipe = recipe_of(viewer, layer)
        found = recipe.replay(image_data(image))
        np.testing.assert_array_equal(found, layer.data)
        return [step.op for step in recipe.steps]

    def test_a_fit_that_is_known(self, viewer, layer, stripes, fits):
        layer.paint((3, 4), 3)
        recipe = recipe_of(viewer, layer)
        assert not fits
        assert [step.op for step in recipe.steps] == ["segment", "patch"]
        np.testing.assert_array_equal(recipe.replay(stripes), layer.data)

    def test_a_slice(self, viewer, rng, fits):
        stack = rng.integers(0, 256, (4, 9, 9), np.uint8)
        image = viewer.add_image(stack)
        seg = emseg.segment(stack[2], n_classes=2)
        layer = add_to(viewer, seg, image, at=(2, None, None))
        layer.paint((0, 3, 4), 2)
        assert self.check(viewer, layer, image) == ["segment", "patch"]
        assert len(fits) == 1  # which is the check's

    def test_a_fit_of_another_session(self, viewer, layer, stripes, fits):
        data = layer.data.copy()
        data[0, 0] = 3
        again = viewer.add_labels(data, metadata=dict(layer.metadata))
        assert self.check(viewer, again, viewer.layers["stripes"])[0] == "segment"
        assert len(fits) == 2

    def test_another_image(self, viewer, layer, stripes, fits):
        viewer.layers["stripes"].data = stripes[:, ::-1].copy()
        image = viewer.layers["stripes"]
        assert self.check(viewer, layer, image) == ["segment", "patch"]
        assert len(fits) == 2

    def test_a_fit_that_was_undone(self, viewer, layer, stripes, fits):
        before = layer.data.copy()
        other = emseg.segment(stripes, n_classes=2, smoothing=0)
        image = viewer.layers["stripes"]
        add_to(viewer, other, image, replace=layer)
        assert self.check(viewer, layer, image) == ["segment"]
        assert len(fits) == 1
        layer.undo()
        np.testing.assert_array_equal(layer.data, before)
        assert self.check(viewer, layer, image) == ["segment"]
        assert len(fits) == 2


class TestResultOfALayer:
    """A layer is a segmentation again: the fit, and the labels as they are now."""

    def test_of_this_session_with_its_edits(self, viewer, layer, seg, stripes):
        layer.paint((0, 0), 4)
        rename_class(layer, 2, "sky")
        found = emseg.result(layer, viewer)
        np.testing.assert_array_equal(found.labels, layer.data)
        assert found.model is seg.model
        assert (found.objective, found.states) == (seg.objective, seg.states)
        assert (found.levels, found.converged) == (seg.levels, seg.converged)
        np.testing.assert_array_equal(found.probabilities(), seg.probabilities())
        table, expected = found.table(), emseg.class_table(layer.data, stripes)
        np.testing.assert_array_equal(table["label"], [1, 2, 3, 4])
        np.testing.assert_allclose(table["mean"], expected["mean"])
        np.testing.assert_allclose(found.fractions, expected["fraction"])
        np.testing.assert_array_equal(found.mask("sky"), layer.data == 2)
        np.testing.assert_array_equal(found.mask(4), layer.data == 4)
        with pytest.raises(ValueError, match="no class 5"):
            found.mask(5)
        replayed = found.recipe.replay(stripes)
        np.testing.assert_array_equal(replayed.labels, layer.data)
        # What is read is a copy: later edits do not change it.
        layer.paint((9, 9), 4)
        assert (found.labels != layer.data).any()

    def test_what_is_added_again_has_a_true_recipe(self, viewer, layer, stripes):
        layer.paint((0, 0), 4)
        again = add_to(viewer, emseg.result(layer, viewer), viewer.layers["stripes"])
        replayed = recipe_of(viewer, again).replay(stripes)
        np.testing.assert_array_equal(replayed.labels, layer.data)

    def test_of_a_slice(self, viewer, stripes):
        stack = np.stack([stripes[..., 0], 255 - stripes[..., 0]])
        image = viewer.add_image(stack, name="stack")
        seg = emseg.segment(stack[1], n_classes=2, smoothing=0)
        layer = add_to(viewer, seg, image, at=(1, None, None))
        found = emseg.result(layer, viewer)
        np.testing.assert_array_equal(found.labels, seg.labels)
        assert found.table()["pixels"].sum() == seg.labels.size

    def test_of_another_session_is_fitted_once(self, viewer, layer, seg, monkeypatch):
        again = viewer.add_labels(layer.data.copy(), metadata=dict(layer.metadata))
        found = emseg.result(again, viewer)
        np.testing.assert_array_equal(found.model.means, seg.model.means)
        assert found.objective == seg.objective
        monkeypatch.setattr(results, "fit_request_of", None)
        assert emseg.result(again, viewer).model is found.model

    def test_in_which_viewer(self, layer, monkeypatch):
        """Only what needs the image or the recipe asks for it."""
        monkeypatch.setattr(results, "current_viewer", lambda: None)
        found = emseg.result(layer)
        assert found.n_classes == 3
        with pytest.raises(ValueError, match="pass the viewer"):
            _ = found.recipe
        other = Labels(layer.data, metadata=dict(layer.metadata))
        with pytest.raises(ValueError, match="pass the viewer"):
            emseg.result(other)

    def test_without_its_image(self, viewer, layer):
        again = viewer.add_labels(layer.data.copy(), metadata=dict(layer.metadata))
        viewer.layers.remove("stripes")
        with pytest.raises(ValueError, match="the image 'stripes' that"):
            emseg.result(again, viewer)
        with pytest.raises(ValueError, match="was not made by this plugin"):
            emseg.result(viewer.add_labels(np.eye(4, dtype=np.uint8)), viewer)

    def test_the_current_one(self, viewer, layer, seg, monkeypatch):
        last = add_to(viewer, seg, viewer.layers["stripes"])
        viewer.layers.selection.active = viewer.layers["stripes"]
        assert emseg.current(viewer).layer is last
        assert repr(emseg.current(viewer)).endswith(f", of {last.name!r})")
        viewer.layers.selection.active = layer
        assert emseg.current(viewer).layer is layer
        with pytest.raises(ValueError, match="no result in this viewer"):
            emseg.current(ViewerModel())
        monkeypatch.setattr(results, "current_viewer", lambda: viewer)
        assert emseg.current().layer is layer
        monkeypatch.setattr(results, "current_viewer", lambda: None)
        with pytest.raises(ValueError, match="no viewer"):
            emseg.current()

    def test_metadata_hold_the_model(self, layer, seg):
        kept = FittedModel.model_validate(layer.metadata["emseg"]["model"]).model()
        np.testing.assert_array_equal(kept.means, seg.model.means)
        np.testing.assert_array_equal(kept.covariances, seg.model.covariances)
