"""Stains: mixtures that are known are found again."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import color, data

import napari_emseg as emseg
from napari_emseg.engine.image.stain_separation import read_vectors, separate

OWN = "0.65 0.70 0.29, 0.27 0.57 0.78, 0.8 0.1 0.2"
VECTORS = {
    "he": color.rgb_from_hed[:2],
    "hdab": color.rgb_from_hdx[:2],
    "hed": color.rgb_from_hed,
    OWN: read_vectors(OWN),
    "2 0 0, 0 0 5": np.array([[1, 0, 0], [0, 0, 1]]),
}


@pytest.mark.parametrize("stains", VECTORS)
def test_mixtures_are_parted(stains: str, rng: np.random.Generator) -> None:
    vectors = VECTORS[stains]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    amounts = rng.uniform(0, 0.7, (30, 20, len(unit)))
    rgb = 10 ** -(amounts @ unit)
    found = separate(rgb.astype(np.float32), stains)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 100 * amounts, atol=1e-3)


def test_separation_is_that_of_scikit_image() -> None:
    rgb = data.immunohistochemistry()[::8, ::8] / np.float32(255)
    found = separate(rgb, "hed")
    theirs = color.separate_stains(np.maximum(rgb, 1 / 255), color.hed_from_rgb)
    # Its unit is a density of six, its vectors are not of unit length.
    length = np.linalg.norm(color.rgb_from_hed, axis=1)
    np.testing.assert_allclose(np.maximum(found, 0), 600 * theirs * length, atol=0.01)


def test_black_is_finite_and_white_is_nothing() -> None:
    ends = np.float32([[0, 0, 0], [1, 1, 1]])
    for stains in VECTORS:
        dark, bright = separate(ends, stains)
        assert np.isfinite(dark).all()
        np.testing.assert_allclose(bright, 0, atol=1e-4)


def test_stained_tissue_has_the_classes_of_its_stains() -> None:
    amounts = np.zeros((60, 90, 2))
    amounts[:, 30:60, 0], amounts[:, 60:, 1] = 0.6, 0.8
    rgb = 10 ** -(amounts @ color.rgb_from_hdx[:2])
    image = np.rint(255 * rgb).astype(np.uint8)
    seg = emseg.segment(image, color="hdab", n_classes=3)
    # The densest, which is the darkest, comes first.
    expected = [[0, 80], [60, 0], [0, 0]]
    np.testing.assert_allclose(seg.model.means, expected, atol=0.5)
    np.testing.assert_array_equal(seg.labels[0, ::30], [3, 2, 1])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("blue, brown", "more than numbers"),
        ("1 0 0", "not two or three vectors"),
        ("1 0 0, 0 1", "not two or three vectors"),
        ("1 0 0, 0 1 0, 0 0 1, 1 1 1", "not two or three vectors"),
        ("0 0 0, 0 1 0", "no density"),
        ("nan 0 1, 0 1 0", "no density"),
        ("1 0 0, -0.1 1 0", "below 0"),
        ("1 0 0, 3 0 0", "not different"),
        ("1 0 0, 0 1 0, 1 1 0", "not different"),
    ],
)
def test_what_are_no_vectors_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"stains='.*{reason}.*pass"):
        read_vectors(text)
