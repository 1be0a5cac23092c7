"""Uncertainty and tables as layers, without a window."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

import napari_emseg as emseg
from napari_emseg.layers import add_to
from napari_emseg.layers.classes import rename_class
from napari_emseg.layers.fit_records import FitRecord, fit_record_of, remember_fit
from napari_emseg.layers.layer_features import pixel_size, reading, write_features
from napari_emseg.layers.uncertainty import (
    add_probability,
    add_uncertainty,
    iter_posteriors,
    uncertainty_layer,
)
from napari_emseg.pipeline.progress import finish


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer, stripes):
    return viewer.add_image(stripes, name="stripes", scale=(0.5, 0.25), units="um")


@pytest.fixture
def seg(stripes):
    return emseg.segment(stripes, n_classes=3, smoothing=0)


@pytest.fixture
def layer(viewer, seg, image):
    return add_to(viewer, seg, image)


def corner(layer):
    return layer.data_to_world(np.subtract(layer.data.shape[:2], 1))


def doubt(viewer, layer):
    return finish(finish(iter_posteriors(viewer, layer)).iter_uncertainty())


class TestPosteriors:
    def test_are_kept_with_the_layer(self, viewer, layer, seg):
        np.testing.assert_array_equal(doubt(viewer, layer), seg.uncertainty())
        assert [*iter_posteriors(viewer, layer)] == []

    def test_of_a_copy_come_from_its_parameters(self, viewer, layer, seg):
        copy = Labels(layer.data, metadata=layer.metadata)
        assert fit_record_of(copy) is None
        np.testing.assert_array_equal(doubt(viewer, copy), seg.uncertainty())

    def test_of_a_slice_come_from_that_slice(self, viewer, rng):
        stack = viewer.add_image(rng.integers(0, 255, (4, 30, 40), np.uint8))
        at = (2, None, None)
        seg = emseg.segment(stack.data[2], n_classes=3)
        layer = add_to(viewer, seg, stack, at=at)
        copy = Labels(layer.data, metadata=layer.metadata)
        np.testing.assert_array_equal(doubt(viewer, copy), seg.uncertainty())
        shown = add_uncertainty(viewer, layer, seg.uncertainty())
        assert shown.data.shape == (1, 30, 40)
        np.testing.assert_allclose(
            shown.data_to_world((0, 0, 0)), layer.data_to_world((0, 0, 0))
        )

    def test_remember_what_the_user_fixed(self, viewer, image, stripes):
        seeds = np.zeros(stripes.shape[:2], int)
        seeds[:5, :5] = 3
        seg = emseg.segment(stripes, n_classes=3, seed_labels=seeds)
        copy = Labels(seg.labels, metadata=add_to(viewer, seg, image).metadata)
        np.testing.assert_array_equal(doubt(viewer, copy), seg.uncertainty())

    def test_come_from_the_model_that_was_given(self, viewer, image, stripes):
        other = emseg.segment(stripes[:, ::-1] // 2 + 60, n_classes=3).model
        seg = emseg.segment(stripes, model=other)
        copy = Labels(seg.labels, metadata=add_to(viewer, seg, image).metadata)
        np.testing.assert_array_equal(doubt(viewer, copy), seg.uncertainty())

    def test_die_with_the_layer(self, stripes):
        # Not in a viewer, since napari holds on to layers that were removed.
        seg = emseg.segment(stripes, n_classes=3, smoothing=0)
        layer = Labels(seg.labels)
        remember_fit(layer, FitRecord.of(seg))
        kept = weakref.ref(layer)
        del layer
        gc.collect()
        assert kept() is None

    def test_are_not_there_for_other_labels(self, viewer):
        layer = viewer.add_labels(np.ones((3, 3), int), name="mine")
        with pytest.raises(ValueError, match="'mine' was not made by this plugin"):
            iter_posteriors(viewer, layer)

    def test_need_the_image(self, viewer, layer, image):
        copy = Labels(layer.data, metadata=layer.metadata)
        viewer.layers.remove(image)
        with pytest.raises(ValueError, match="'stripes'"):
            iter_posteriors(viewer, copy)


class TestLayers:
    def test_uncertainty_lies_on_the_labels(self, viewer, layer, seg):
        shown = add_uncertainty(viewer, layer, seg.uncertainty())
        assert viewer.layers[-1] is shown
        assert viewer.layers.selection.active is layer
        np.testing.assert_allclose(corner(shown), corner(layer))
        assert shown.units == layer.units
        assert tuple(shown.contrast_limits) == (0, 1)
        np.testing.assert_array_equal(shown.data, seg.uncertainty())
        np.testing.assert_allclose(shown.colormap.map(np.zeros(1))[0], [0, 0, 0, 1])

    def test_it_is_shown_once(self, viewer, layer, seg):
        shown = add_uncertainty(viewer, layer, seg.uncertainty())
        shown.visible = False
        again = add_uncertainty(viewer, layer, seg.uncertainty() / 2)
        assert again is shown is uncertainty_layer(viewer, layer)
        assert shown.visible
        assert shown.data.max() == seg.uncertainty().max() / 2
        viewer.layers.remove(shown)
        assert uncertainty_layer(viewer, layer) is None

    def test_probability_is_named_after_the_class(self, viewer, layer, seg):
        rename_class(layer, 2, "red")
        shown = add_probability(viewer, layer, 2, seg.probabilities()[1])
        assert shown.name == "stripes classes: probability of red"
        np.testing.assert_allclose(corner(shown), corner(layer))


class TestTable:
    def test_has_areas_in_the_units_of_the_layer(self, layer, seg):
        area = layer.features["area (µm²)"]
        np.testing.assert_allclose(area, layer.features["pixels"] / 8)
        assert area.sum() == seg.labels.size / 8

    @pytest.mark.parametrize(
        ("shape", "options", "expected"),
        [
            ((4, 5), {}, (1, "area (pixel²)")),
            ((3, 4, 5), {"scale": (2, 3, 0.5)}, (3, "volume (pixel³)")),
            ((1, 4, 5), {"scale": (2, 3, 0.5)}, (1.5, "area (pixel²)")),
            ((4, 5), {"units": ("mm", "um"), "scale": (1, 2)}, (2000, "area (µm²)")),
            ((3, 4, 5), {"units": ("s", "um", "um")}, (1, "area (µm²)")),
            ((2, 3, 4, 5), {"scale": (9, 2, 1, 1)}, (2, "volume (pixel³)")),
            ((4, 5), {"scale": (-2, 1)}, (2, "area (pixel²)")),
        ],
    )
    def test_space_is_what_is_measured(self, shape, options, expected):
        layer = Labels(np.zeros(shape, int), **options)
        size, heading = pixel_size(layer.scale, layer.units, shape)
        assert (pytest.approx(size), heading) == expected

    def test_follows_edits(self, layer, image, stripes):
        layer.data[:30, :40] = 7
        write_features(layer, reading(layer, image.data, rgb=True)(), rgb=True)
        table = emseg.class_table(layer.data, stripes, spacing=(0.5, 0.25))
        features = layer.features
        assert features["index"].tolist() == [0, *table["label"]]
        assert features["pixels"].tolist() == [0, *table["pixels"]]
        assert features["regions"].tolist() == [0, *table["n_regions"]]
        for kind in ("mean", "std"):
            for channel, name in enumerate("RGB"):
                shown = features[f"{kind} {name}"][1:]
                np.testing.assert_allclose(shown, table[kind][:, channel], rtol=1e-3)

    def test_keeps_names_and_columns_of_others(self, layer, image):
        rename_class(layer, 2, "red")
        layer.features = layer.features.assign(note=["a", "b", "c", "d"])
        layer.data[layer.data == 2] = 1
        layer.data[layer.data == 3] = 9
        write_features(layer, reading(layer, image.data, rgb=True)(), rgb=True)
        features = layer.features.set_index("index")
        # A named class stays in the table, even if it has no pixels now.
        assert features["name"].to_dict() == {
            **{0: "no class", 1: "class 1"},
            **{2: "red", 9: "class 9"},
        }
        assert features["pixels"][2] == 0
        assert features["note"].to_dict() == {0: "a", 1: "b", 2: "c", 9: ""}

    def test_of_labels_without_an_image(self, viewer):
        layer = viewer.add_labels(np.array([[1, 1, 5]]))
        write_features(layer, reading(layer)(), rgb=False)
        assert layer.features["pixels"].tolist() == [0, 2, 1]
        assert "mean" not in layer.features
