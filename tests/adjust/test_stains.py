"""Stains of pictures: vectors from examples, densities that are known."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import color

import napari_emseg as emseg
from napari_emseg.engine.image.stain_separation import separate

VECTORS = np.array([[0.3, 0.8, 0.2], [0.1, 0.2, 0.9]])
UNIT = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def amounts():
    """How much of two stains: one alone left, the other right, both between."""
    found = np.random.default_rng(0).uniform(0.2, 0.8, (40, 60, 2))
    found[:, :20, 1], found[:, 40:, 0] = 0, 0
    return found


@pytest.fixture(scope="module")
def image(amounts):
    return np.rint(65535 * 10 ** -(amounts @ UNIT)).astype(np.uint16)


def masks():
    columns = np.broadcast_to(np.arange(60), (40, 60))
    return columns < 20, columns >= 40


def test_vectors_are_found_again(image):
    np.testing.assert_allclose(emseg.stain_vectors(image, *masks()), UNIT, atol=2e-4)


def test_densities_of_found_stains(image, amounts):
    vectors = emseg.stain_vectors(image, *masks())
    found = emseg.stain_densities(image, vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 100 * amounts, atol=0.1)
    params = emseg.Params(color="stains", stains=vectors)
    assert (emseg.features(image, color="stains", stains=params.stains) == found).all()


def test_half_of_a_selection_is_none(image):
    """Soft selections count where they cover at least half."""
    first, second = masks()
    soft = np.where(first, 0.8, 0.2).astype(np.float32)
    found = emseg.stain_vectors(image, soft, second)
    assert (found == emseg.stain_vectors(image, first, second)).all()


@pytest.mark.parametrize("stains", ["he", "hed", "hdab"])
def test_named_stains(image, stains):
    rgb = (image / 65535).astype(np.float32)
    expected = separate(rgb, stains)
    np.testing.assert_allclose(
        emseg.stain_densities(image, stains), expected, atol=1e-3
    )


def test_optical_density_adds_up(image):
    found = emseg.stain_densities(image, "od")
    np.testing.assert_allclose(found, -100 * np.log10(image / 65535), atol=1e-3)
    stains = emseg.stain_densities(image, "hed")
    unit = color.rgb_from_hed / np.linalg.norm(color.rgb_from_hed, axis=1)[:, None]
    np.testing.assert_allclose(stains @ unit, found, atol=1e-2)


def test_white_is_what_is_said_to_be(image):
    found = emseg.stain_densities(image // 16, "hdab", full_scale=4095)
    np.testing.assert_allclose(found, emseg.stain_densities(image, "hdab"), atol=0.3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image, a, b: (image, a), "two or three"),
        (lambda image, a, b: (image, a, b[1:]), "mask 2 has shape"),
        (lambda image, a, b: (image, a, np.zeros_like(b)), "mask 2 holds no stain"),
        (
            lambda image, a, b: (np.full_like(image, 65535), a, b),
            "mask 1 holds no stain",
        ),
        (lambda image, a, b: (image, a, a), "not different"),
        (lambda image, a, b: (image[..., 0], a, b), "1 channel"),
    ],
)
def test_wrong_examples(image, change, said):
    with pytest.raises(ValueError, match=said):
        emseg.stain_vectors(*change(image, *masks()))


@pytest.mark.parametrize("stains", ["purple", 7, [[1, 0, 0]], [[1, 0, 0], [-1, 1, 0]]])
def test_wrong_stains(image, stains):
    with pytest.raises(ValueError, match="stains="):
        emseg.stain_densities(image, stains)
    with pytest.raises(ValueError, match="stains"):
        emseg.Params(color="stains", stains=stains)
