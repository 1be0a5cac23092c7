"""Measures are those of scikit-image, in units, whatever the parts that are read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.measure import regionprops_table

import napari_emseg as emseg
from napari_emseg.regions.instances import intensities, shape_measures

# Names of scikit-image, and ours.
ALIKE = {
    "area": "area",
    "perimeter": "perimeter",
    "equivalent_diameter_area": "equivalent_diameter",
    "axis_major_length": "axis_major",
    "axis_minor_length": "axis_minor",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "centroid-0": "centroid_y",
    "centroid-1": "centroid_x",
    "intensity_mean": "mean",
    "intensity_min": "min",
    "intensity_max": "max",
    "intensity_std": "std",
}
OF_SKIMAGE = (*dict.fromkeys(name.split("-")[0] for name in ALIKE), "bbox", "label")


@pytest.fixture(scope="module")
def pieces():
    rng = np.random.default_rng(0)
    mask = ndi.gaussian_filter(rng.normal(size=(90, 120)), 2) > 0.1
    labels, _ = ndi.label(mask)
    # Objects of several pieces, and numbers that are not used, are objects, too.
    labels[labels == 3] = 5
    return labels


@pytest.fixture(scope="module")
def image(pieces):
    return np.random.default_rng(1).normal(1e4, 3, pieces.shape)


@pytest.mark.parametrize("part", [2**20, 700])
def test_plane_is_measured_as_scikit_image_does(pieces, image, part, monkeypatch):
    monkeypatch.setattr(shape_measures, "_PART", part)
    monkeypatch.setattr(intensities, "_PART", part)
    known = regionprops_table(pieces, image, properties=OF_SKIMAGE)
    found = emseg.measure(pieces, image)
    assert found["label"].tolist() == known["label"].tolist()
    for theirs, ours in ALIKE.items():
        np.testing.assert_allclose(found[ours], known[theirs], rtol=1e-6, atol=1e-6)
    for place, ours in enumerate(("first_y", "first_x", "last_y", "last_x")):
        assert (found[ours] + (place > 1) == known[f"bbox-{place}"]).all()
    rim = np.unique(pieces[ndi.binary_dilation(pieces < 0, border_value=1)])
    assert found["label"][found["touches_border"]].tolist() == rim[rim > 0].tolist()


def test_volume_is_measured_in_its_units():
    rng = np.random.default_rng(2)
    labels, _ = ndi.label(ndi.gaussian_filter(rng.normal(size=(12, 20, 24)), 2) > 0.06)
    scale = (2.0, 0.5, 0.25)
    names = ("area", "axis_major_length", "axis_minor_length", "centroid")
    known = regionprops_table(labels, properties=names, spacing=scale)
    found = emseg.measure(labels, scale=scale, units="um")
    ours = ("volume", "axis_major", "axis_minor", "centroid_z")
    for one, other in zip((*names[:3], "centroid-0"), ours, strict=True):
        np.testing.assert_allclose(found[other], known[one], rtol=1e-6, atol=1e-6)
    assert found.units["volume"] == "µm³"
    assert found.units["nearest"] == "µm"
    assert (found["solidity"] <= 1 + 1e-9).all()


def test_planes_of_a_series_are_apart():
    labels = np.zeros((3, 6, 6), int)
    labels[0, :2, :2] = labels[2, :3, :3] = 7
    found = emseg.measure(labels, per_plane=True)
    assert found["plane"].tolist() == [0, 2]
    assert found["pixels"].tolist() == [4, 9]
    assert found["label"].tolist() == [7, 7]
    by_plane = found.summary(by_plane=True)
    assert by_plane["plane"].tolist() == [0, 2]
    assert by_plane["density"].tolist() == [1 / 36, 1 / 36]


def test_distance_to_the_nearest_is_from_centroid_to_centroid():
    labels = np.zeros((5, 9), int)
    labels[2, 1], labels[2, 4], labels[2, 8] = 1, 2, 3
    found = emseg.measure(labels, scale=(3, 0.5))
    assert found["nearest"].tolist() == [1.5, 1.5, 2.0]
    assert np.isnan(emseg.measure(labels * (labels == 1))["nearest"]).all()
    # Of pixels that are not square, the outline has no length.
    assert np.isnan(found["perimeter"]).all()


def test_channels_have_names_and_stains(pieces):
    rgb = np.random.default_rng(3).integers(0, 255, (*pieces.shape, 3)).astype(np.uint8)
    found = emseg.measure(pieces, rgb, stains="hdab")
    density = emseg.features(rgb, color="hdab")
    for channel, name in enumerate(("hematoxylin", "DAB")):
        mean = ndi.mean(density[..., channel], pieces, found["label"])
        np.testing.assert_allclose(found[f"mean {name}"], mean, rtol=1e-4)
    assert "mean R" in found
    dense = emseg.measure(pieces, rgb, stains="od")["mean density of green"]
    green = emseg.features(rgb, color="od")[..., 1]
    np.testing.assert_allclose(
        dense, ndi.mean(green, pieces, found["label"]), rtol=1e-4
    )
    several = emseg.measure(pieces, {"A": rgb[..., 0], "B": rgb[..., 1]})
    assert (several["max B"] == found["max G"]).all()
    named = emseg.measure(pieces, [rgb[..., 0], rgb[..., 2]], channel_names=["x", "y"])
    assert (named["std y"] == found["std B"]).all()


def test_what_is_not_finite_is_left_out():
    found = emseg.measure([[1, 1, 2]], np.array([[np.nan, 4.0, np.inf]]))
    assert found["mean"][0] == 4
    assert np.isnan([found[name][1] for name in ("mean", "min", "max", "std")]).all()


def test_parts_with_values_that_are_not_finite(pieces, image, monkeypatch):
    monkeypatch.setattr(intensities, "_PART", 700)
    holed = image + 100 * np.arange(len(image))[:, np.newaxis]
    holed[::3, ::2] = np.nan
    found = emseg.measure(pieces, holed)
    for number, mean, spread in zip(
        *(found[n] for n in ("label", "mean", "std")), strict=True
    ):
        values = holed[pieces == number]
        values = values[np.isfinite(values)]
        if len(values):
            known = values.mean(), values.std()
            np.testing.assert_allclose((mean, spread), known, rtol=1e-9, atol=1e-4)


def test_some_columns_alone(pieces, image):
    whole = emseg.measure(pieces, image)
    for name in ("solidity", "eccentricity", "nearest", "circularity", "std"):
        found = emseg.measure(pieces, image, properties=[name])
        np.testing.assert_array_equal(found[name], whole[name])
        assert len(found.columns) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((3, 4))}, "labels have shape"),
        ({"image": {"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}}, "channel b"),
        ({"image": np.zeros((2, 3)), "channel_names": ["a", "b"]}, "has 1 channel"),
        ({"image": np.zeros((2, 3)), "stains": "he"}, "red, green and blue"),
        ({"image": np.zeros((2, 3, 3)), "stains": "dab"}, "he, hed, hdab, od"),
        ({"channel_names": ["a"]}, "pass it, too"),
        ({"scale": (1,)}, "positive length"),
        ({"scale": (0, 1)}, "positive length"),
        ({"tissue": np.ones((4, 4), bool)}, "selection has shape"),
        ({"properties": ["size"]}, "no measure 'size'"),
    ],
)
def test_wrong_input_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        emseg.measure(np.array([[1, 1, 0], [0, 2, 2]]), **arguments)


def test_mask_is_no_object():
    with pytest.raises(ValueError, match="objects\\(mask\\)"):
        emseg.measure(np.ones((2, 2), bool))


def test_progress_ends_at_its_total(pieces, image):
    from napari_emseg.regions.instances import iter_measure

    steps = [*iter_measure(pieces, image)]
    assert {step.stage for step in steps} == {"shapes", "channels"}
    assert steps[-1].done == steps[-1].total


def test_one_property_is_a_column():
    table = emseg.measure(np.array([[1, 1]]), properties="area")
    assert table["area"].tolist() == [2]


def test_what_cannot_be_measured():
    with pytest.raises(ValueError, match="have no pixel"):
        emseg.measure(np.ones((0, 5), int))
    with pytest.raises(TypeError, match="units=5"):
        emseg.measure(np.array([[1]]), units=5)
