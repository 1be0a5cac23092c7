"""Previews against the exact result."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import data as pictures

import napari_emseg as emseg
from napari_emseg import Params
from napari_emseg.pipeline import preview as module
from napari_emseg.pipeline.preview import PreviewImage

PHOTOGRAPHS = {
    "coffee": pictures.coffee,
    "cat": pictures.chelsea,
    "astronaut": pictures.astronaut,
    "camera": pictures.camera,
    "coins": pictures.coins,
}


def agreement(image, **params):
    """Return the share of pixels that preview and exact result label alike."""
    found = PreviewImage(image).preview(Params(**params)).labels
    return np.mean(found == emseg.segment(image, **params).labels)


@pytest.fixture(scope="module")
def colorful():
    """Return RGB pixels of many more than 65,536 colors."""
    rng = np.random.default_rng(8)
    centers = np.array([[60, 60, 80], [120, 170, 90], [220, 190, 180]])
    which = rng.integers(0, 3, (400, 500))
    noisy = centers[which] + rng.normal(0, 14, (400, 500, 3))
    return noisy.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_agrees_with_the_exact_result(name, n_classes, method):
    image = PHOTOGRAPHS[name]()
    assert agreement(image, n_classes=n_classes, method=method, smoothing=0) > 0.95


@pytest.mark.parametrize("strength", [1.0, 3.0])
@pytest.mark.parametrize(("method", "least"), [("kmeans", 0.93), ("em", 0.85)])
def test_smoothing_is_nearly_that_of_the_random_field(method, least, strength):
    # The exact result looks at the softened picture.
    params = Params(method=method, smoothing=strength)
    image = pictures.coffee()
    exact = emseg.segment(image, **params.model_dump()).labels
    picture = PreviewImage(image)
    smooth = picture.preview(params).labels
    rough = picture.preview(params.replace(smoothing=0)).labels
    assert np.mean(smooth == exact) > least
    assert pieces(smooth) < 0.5 * pieces(rough)


def pieces(labels):
    return sum(ndimage.label(labels == k)[1] for k in np.unique(labels))


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image.astype(np.uint16) * 257,
        lambda image: (image / 255).astype(np.float32),
        lambda image: image[..., 0].astype(np.int16) - 90,
        lambda image: image[..., 0].astype(np.int64) * 10**6,
        lambda image: image[..., 0].astype(np.float32) * 7.3 - 50,
        lambda image: image[..., 0] > 128,
        lambda image: np.stack([image[..., 0], image[::-1, :, 0]]),
        lambda image: image[..., ::-1][:, :-1],
    ],
    ids=["uint16", "float", "int16", "int64", "grey float", "bool", "volume", "view"],
)
def test_images_of_any_type(convert):
    assert agreement(convert(pictures.coffee()), n_classes=2, smoothing=0) > 0.99


@pytest.mark.parametrize("color", ["rgb", "hsv", "luv", "gray", "none"])
def test_color_spaces_of_one_picture(color):
    picture = PreviewImage(pictures.coffee())
    picture.preview(Params())
    params = Params(color=color, n_classes=3, smoothing=0)
    exact = emseg.segment(pictures.coffee(), **params.model_dump())
    assert np.mean(picture.preview(params).labels == exact.labels) > 0.95


@pytest.mark.parametrize(
    "params",
    [
        {"covariance": "spherical"},
        {"distribution": "student"},
        {"outliers": 0.1},
        {"init": "random", "seed": 3},
    ],
)
def test_other_parameters_matter_as_they_do_exactly(params):
    assert agreement(pictures.coffee(), n_classes=3, smoothing=0, **params) > 0.95


def test_up_to_65536_colors_are_labeled_one_by_one():
    image = pictures.coffee()[:300, :300]
    glimpse = PreviewImage(image).preview(Params(smoothing=0))
    exact = emseg.segment(image, model=glimpse.model, smoothing=0)
    np.testing.assert_array_equal(glimpse.labels, exact.labels)
    np.testing.assert_allclose(glimpse.colors, exact.class_colors, atol=1e-9)


def test_more_colors_share_codes(colorful):
    assert len(np.unique(colorful.reshape(-1, 3), axis=0)) > 1.5 * 2**16
    glimpse = PreviewImage(colorful).preview(Params(n_classes=3, smoothing=0))
    exact = emseg.segment(colorful, model=glimpse.model, smoothing=0)
    assert np.mean(glimpse.labels == exact.labels) > 0.99
    np.testing.assert_allclose(glimpse.colors, exact.class_colors, atol=0.01)


def test_darkest_class_first():
    glimpse = PreviewImage(pictures.astronaut()).preview(Params(n_classes=6))
    assert (np.diff(glimpse.model.means[:, 0]) > 0).all()
    assert glimpse.colors[0].sum() < glimpse.colors[-1].sum()


def test_fewer_colors_than_classes(stripes):
    image = np.where(stripes[..., :1] > 100, 200, 7).astype(np.uint8)[..., 0]
    glimpse = PreviewImage(image).preview(Params(n_classes=5, smoothing=0))
    assert glimpse.model.n_classes == len(glimpse.colors) == 2
    np.testing.assert_array_equal(glimpse.labels, 1 + (image > 100))


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_pixels_that_do_not_count(stripes, smoothing):
    clear = np.full(stripes.shape[:2], 255, np.uint8)
    clear[10:40:2, ::3] = 0
    clear[42:48] = 0
    clear[45, ::7] = 255
    clear[50:] = 0
    image = np.dstack([stripes, clear])
    image[50:, :, :3] = 255
    glimpse = PreviewImage(image).preview(Params(n_classes=3, smoothing=smoothing))
    np.testing.assert_array_equal(glimpse.labels == 0, clear == 0)
    grey = stripes[..., 0].astype(np.float32)
    grey[clear == 0] = np.nan
    found = PreviewImage(grey).preview(Params(n_classes=2, smoothing=smoothing)).labels
    np.testing.assert_array_equal(found == 0, clear == 0)


def test_a_slider_that_goes_back_finds_the_same(stripes, monkeypatch):
    picture = PreviewImage(stripes)
    first = [picture.preview(Params(n_classes=n)).labels for n in (2, 3, 4)]
    monkeypatch.setattr(module, "METHODS", {})
    for n, labels in zip((2, 3, 4), first, strict=True):
        np.testing.assert_array_equal(
            picture.preview(Params(n_classes=n)).labels, labels
        )


def test_memory_of_models_is_bounded(stripes):
    picture = PreviewImage(stripes[:10, :10])
    for seed in range(50):
        picture.preview(Params(n_classes=2, method="kmeans", seed=seed))
    assert len(picture._fits) <= 32


def test_the_image_is_not_written_to(stripes):
    image = stripes.copy()
    glimpse = PreviewImage(image).preview(Params())
    glimpse.labels[:] = 0
    np.testing.assert_array_equal(image, stripes)


class TestRefuses:
    @pytest.mark.parametrize(
        "params",
        [{"n_classes": "auto"}, {"texture": 1}, {"position": 1}, {"bias": True}],
    )
    def test_parameters_without_a_preview(self, stripes, params):
        assert not PreviewImage.shows(Params(**params))
        with pytest.raises(ValueError, match="has no preview"):
            PreviewImage(stripes).preview(Params(**params))

    def test_large_images(self, stripes, monkeypatch):
        monkeypatch.setattr(module, "LARGEST", 100)
        with pytest.raises(ValueError, match="at most 100 pixels"):
            PreviewImage(stripes)

    def test_several_scalar_channels(self):
        with pytest.raises(ValueError, match="has no preview"):
            PreviewImage(np.zeros((5, 6, 7, 4), np.uint8), channel_axis=-1)

    def test_nothing_to_see(self):
        with pytest.raises(ValueError, match="no usable pixel"):
            PreviewImage(np.full((4, 4), np.nan))

    def test_colors_of_grey_images(self):
        with pytest.raises(ValueError, match="needs RGB"):
            PreviewImage(pictures.coins()).preview(Params(color="lab"))
