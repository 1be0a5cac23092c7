"""Previews against the exact result."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data as pictures

import napari_emseg as emseg
from napari_emseg import Params
from napari_emseg.pipeline import fitting
from napari_emseg.pipeline import preview as module
from napari_emseg.pipeline.preview import PreviewImage

PHOTOGRAPHS = {
    "coffee": pictures.coffee,
    "cat": pictures.chelsea,
    "astronaut": pictures.astronaut,
    "camera": pictures.camera,
    "coins": pictures.coins,
}


def assert_same(image, **params):
    """Assert that preview and exact result are the same."""
    found = PreviewImage(image).preview(Params(**params))
    exact = emseg.segment(image, **params)
    np.testing.assert_array_equal(found.labels, exact.labels)
    np.testing.assert_allclose(found.colors, exact.class_colors, atol=1e-3)


@pytest.fixture(scope="module")
def large():
    """Return a photograph of 1.5 megapixels with noise of a camera."""
    size = (1500, 1000)
    wide = cv2.resize(pictures.coffee(), size, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, wide.shape)
    return (wide + noise).round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=["em", "kmeans"])
def exact(request, large):
    """Return parameters and their results of `large`, with and without smoothing."""
    smooth = Params(n_classes=4, method=request.param)
    both = smooth, smooth.replace(smoothing=0)
    return [(one, emseg.segment(large, **one.model_dump())) for one in both]


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_it_is_the_result(name, method):
    image = PHOTOGRAPHS[name]()
    assert_same(image, n_classes=4, method=method)
    assert_same(image, n_classes=3, method=method, smoothing=0)


def test_a_picture_of_which_cells_are_smoothed(large):
    assert_same(large, n_classes=5)


@pytest.mark.parametrize(("most", "least"), [(2**19, 0.985), (2**17, 0.95)])
def test_of_a_larger_one_means_are_smoothed(large, exact, monkeypatch, most, least):
    monkeypatch.setattr(module, "PICTURE", most)
    (params, smooth), (rough_params, rough) = exact
    found = PreviewImage(large).preview(params)
    assert np.mean(found.labels == smooth.labels) > least
    np.testing.assert_allclose(found.colors, smooth.class_colors, atol=0.04)
    # Blocks of the same label all over: two by two, and four by four.
    step = 2 if most == 2**19 else 4
    blocks = found.labels.reshape(1000 // step, step, 1500 // step, step)
    assert (blocks.max(axis=(1, 3)) == blocks.min(axis=(1, 3))).all()
    # Without smoothing there is nothing to be saved.
    found = PreviewImage(large).preview(rough_params)
    np.testing.assert_array_equal(found.labels, rough.labels)


@pytest.mark.parametrize("kind", ["gray", "float", "volume", "noise"])
def test_means_of_other_pictures(large, monkeypatch, kind, rng):
    monkeypatch.setattr(module, "PICTURE", 2**17)
    monkeypatch.setattr(module, "VOLUME", 2**15)
    image = large[:601, :801, 1]
    if kind == "float":
        image = (large[:601, :801] / 255).astype(np.float32)
    elif kind == "volume":
        image = np.repeat(image[np.newaxis, :300, :401], 3, axis=0)
    elif kind == "noise":
        truth = np.where(image > 100, 150.0, 90.0)
        image = (truth + rng.normal(0, 30, truth.shape)).astype(np.float32)
    params = Params(n_classes=2)
    found = PreviewImage(image).preview(params).labels
    exact = emseg.segment(image, **params.model_dump()).labels
    assert found.shape == exact.shape
    assert np.mean(found == exact) > 0.95


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
    assert_same(convert(pictures.coffee()[::2, ::2]), n_classes=2)


@pytest.mark.parametrize("color", ["rgb", "hsv", "luv", "gray", "none"])
def test_color_spaces_of_one_picture(color):
    picture = PreviewImage(pictures.coffee())
    picture.preview(Params())
    params = Params(color=color, n_classes=3)
    exact = emseg.segment(pictures.coffee(), **params.model_dump())
    np.testing.assert_array_equal(picture.preview(params).labels, exact.labels)


@pytest.mark.parametrize(
    "params",
    [
        {"covariance": "spherical"},
        {"distribution": "student"},
        {"outliers": 0.1},
        {"init": "random", "seed": 3},
        {"smoothing": 3.0},
        {"edges": False},
        {"min_size": 60},
    ],
)
def test_other_parameters_matter_as_they_do_exactly(params):
    assert_same(pictures.coffee()[:200], n_classes=3, **params)


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
def test_pixels_that_do_not_count(stripes, monkeypatch, smoothing):
    clear = np.full(stripes.shape[:2], 255, np.uint8)
    clear[10:40:2, ::3] = 0
    clear[42:48] = 0
    clear[45, ::7] = 255
    clear[50:] = 0
    image = np.dstack([stripes, clear])
    image[50:, :, :3] = 255
    params = Params(n_classes=3, smoothing=smoothing)
    glimpse = PreviewImage(image).preview(params)
    np.testing.assert_array_equal(glimpse.labels == 0, clear == 0)
    exact = emseg.segment(image, n_classes=3, smoothing=smoothing)
    np.testing.assert_allclose(glimpse.colors, exact.class_colors, atol=1e-3)
    monkeypatch.setattr(module, "PICTURE", stripes[..., 0].size // 3)
    means = PreviewImage(image).preview(params).labels
    np.testing.assert_array_equal(means == 0, clear == 0)
    assert np.mean(means == glimpse.labels) > 0.9
    grey = stripes[..., 0].astype(np.float32)
    grey[clear == 0] = np.nan
    found = PreviewImage(grey).preview(Params(n_classes=2, smoothing=smoothing)).labels
    np.testing.assert_array_equal(found == 0, clear == 0)


def test_a_slider_that_goes_back_finds_the_same(stripes, monkeypatch):
    picture = PreviewImage(stripes)
    first = [picture.preview(Params(n_classes=n)).labels for n in (2, 3, 4)]
    monkeypatch.setattr(fitting, "METHODS", {})
    for n, labels in zip((2, 3, 4), first, strict=True):
        np.testing.assert_array_equal(
            picture.preview(Params(n_classes=n)).labels, labels
        )


def test_memory_of_models_is_bounded(stripes):
    picture = PreviewImage(stripes[:10, :10])
    for seed in range(50):
        picture.preview(Params(n_classes=2, method="kmeans", seed=seed))
    assert len(picture._fits) <= 32
    assert len(picture._labelers) <= 32


def test_steps_can_be_left(stripes):
    picture = PreviewImage(stripes)
    steps = picture.iter_preview(Params(n_classes=3))
    assert {next(steps).stage for _ in range(3)} == {"colors", "fit"}
    steps.close()
    expected = emseg.segment(stripes, n_classes=3).labels
    found = picture.preview(Params(n_classes=3)).labels
    np.testing.assert_array_equal(found, expected)


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
        with pytest.raises(ValueError, match="at most 100 values"):
            PreviewImage(stripes)

    def test_nothing_to_see(self):
        with pytest.raises(ValueError, match="no usable pixel"):
            PreviewImage(np.full((4, 4), np.nan))

    def test_colors_of_grey_images(self):
        with pytest.raises(ValueError, match="needs RGB"):
            PreviewImage(pictures.coins()).preview(Params(color="lab"))
