"""Noise level, despeckling, blurring, and the bias field."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from napari_emseg.engine.image.noise import (
    blur,
    blur_radius,
    despeckle,
    noise_level,
    salt_and_pepper,
)
from napari_emseg.engine.mrf.bias_field import bias_field, block_side, shrink
from napari_emseg.engine.mrf.hmrf import noise_scale

Array = NDArray[Any]


@pytest.mark.parametrize("sigma", [0.5, 8.0, 60.0])
def test_noise_level_finds_what_was_added(sigma: float) -> None:
    rng = np.random.default_rng(0)
    photo = cv2.GaussianBlur(data.camera().astype(np.float32), (0, 0), 4)
    noisy = photo + rng.normal(0, sigma, photo.shape).astype(np.float32)
    found = noise_level(noisy[np.newaxis], np.ones(photo.shape, bool))
    assert found[0] == pytest.approx(sigma, rel=0.06)


def test_noise_level_of_planes_and_masks() -> None:
    rng = np.random.default_rng(1)
    planes = rng.normal(0, 1, (2, 3, 60, 70)).astype(np.float32)
    planes[1] *= 5
    valid = np.ones((3, 60, 70), bool)
    valid[:, :, 35:] = False
    planes[:, ~valid] = 1e6 * rng.random((2, (~valid).sum()))
    np.testing.assert_allclose(noise_level(planes, valid), [1, 5], rtol=0.05)
    impulses = np.zeros((1, 60, 70), np.float32)
    impulses[0][rng.random((60, 70)) < 0.03] = 1
    assert noise_level(impulses, np.ones((60, 70), bool)) == 0
    assert noise_level(planes[:, 0, :2], valid[0, :2]).tolist() == [0, 0]
    assert noise_level(planes[:, 0], np.zeros((60, 70), bool)).tolist() == [0, 0]


def test_photographs_are_not_noise() -> None:
    for photo in (data.astronaut(), data.chelsea(), data.coffee()):
        lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        inside = np.ones(lab.shape[:2], bool)
        # Even a third of their variance, as within many classes, hides the noise.
        within = lab.reshape(-1, 3).var(axis=0).sum() / 3
        power = (noise_level(np.moveaxis(lab, -1, 0), inside) ** 2).sum()
        assert noise_scale(power, within) is None
        noisy = lab + np.random.default_rng(0).normal(0, 15, lab.shape)
        planes = np.moveaxis(noisy.astype(np.float32), -1, 0)
        scale = noise_scale((noise_level(planes, inside) ** 2).sum(), within)
        assert scale is not None
        assert scale == pytest.approx(24 * 3 * 15**2, rel=0.1)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("name", ["camera", "coffee", "chelsea", "coins", "page"])
def test_salt_and_pepper_are_found_in_photographs(name: str, share: float) -> None:
    photo = getattr(data, name)().astype(np.float32)
    planes = np.atleast_3d(photo).transpose(2, 0, 1).copy()
    every = np.ones(photo.shape[:2], bool)
    assert salt_and_pepper(planes, every) == 0
    hit = np.random.default_rng(0).random(every.shape)
    planes[:, hit < share / 2], planes[:, hit > 1 - share / 2] = 0, 255
    # Some lie on what is as dark or as bright, many lie next to others.
    least = 0.9 * share if share < 0.2 else 0.3 * share
    assert least < salt_and_pepper(planes, every) < 1.2 * share
    assert salt_and_pepper(planes[:, np.newaxis], every[np.newaxis]) > least
    assert salt_and_pepper(planes, np.broadcast_to(hit < 0, every.shape)) == 0
    left = every.copy()
    left[:, 100:] = False
    assert salt_and_pepper(planes, left) > 0.6 * least


@pytest.mark.parametrize(("levels", "deviation"), [((60, 190), 60), ((100, 150), 50)])
def test_noise_that_is_cut_off_is_no_salt_and_pepper(
    levels: tuple[int, int], deviation: float
) -> None:
    rng = np.random.default_rng(0)
    plane = np.repeat(levels, 100) + rng.normal(0, deviation, (200, 200))
    plane = plane.clip(0, 255).astype(np.float32)
    every = np.ones(plane.shape, bool)
    assert min((plane == 0).mean(), (plane == 255).mean()) > 0.005
    assert salt_and_pepper(plane[np.newaxis], every) == 0
    # But it hides none where it is weaker.
    plane = np.repeat(levels, 100) + rng.normal(0, 0.4 * deviation, (200, 200))
    plane = plane.clip(0, 255).astype(np.float32)
    hit = rng.random(plane.shape)
    plane[hit < 0.05], plane[hit > 0.95] = 0, 255
    assert salt_and_pepper(plane[np.newaxis], every) > 0.03


def test_what_is_no_salt_and_pepper() -> None:
    rng = np.random.default_rng(0)
    every = np.ones((200, 200), bool)
    gray = rng.normal(0, 1, (1, *every.shape)).astype(np.float32)
    assert salt_and_pepper(gray, every) == 0
    dots = np.zeros_like(gray)
    dots[:, rng.random(every.shape) < 0.05] = 1
    assert salt_and_pepper(dots, every) == 0
    halves = (np.indices(every.shape)[:1] > 99).astype(np.float32)
    assert salt_and_pepper(halves, every) == 0
    # Rounding of a second feature, such as the color of a gray picture.
    faint = np.concatenate([gray, np.sign(gray) * (np.abs(gray) > 2) * 1e-5])
    assert salt_and_pepper(faint, every) == 0
    assert salt_and_pepper(gray[:, :3, :3], every[:3, :3]) == 0
    assert salt_and_pepper(0 * gray, every) == 0


def test_despeckle_removes_impulses_and_keeps_edges() -> None:
    image = np.zeros((2, 50, 60), np.float32)
    image[:, :, 30:] = 1
    speckled = image.copy()
    speckled[np.random.default_rng(2).random(image.shape) < 0.05] = 0.5
    np.testing.assert_array_equal(
        despeckle(speckled)[:, 3:-3, 3:-3], image[:, 3:-3, 3:-3]
    )


def test_blur_is_a_normalized_convolution() -> None:
    rng = np.random.default_rng(3)
    image = rng.random((1, 40, 50)).astype(np.float32)
    valid = rng.random((40, 50)) > 0.4
    found = blur(image, valid, 1.5)[0]
    weights = ndimage.gaussian_filter(valid.astype(float), 1.5, mode="mirror", radius=6)
    sums = ndimage.gaussian_filter(image[0] * valid, 1.5, mode="mirror", radius=6)
    np.testing.assert_allclose(found, sums / weights, atol=2e-3)
    flat = blur(np.full((1, 40, 50), 3, np.float32), valid, 1.5)
    np.testing.assert_allclose(flat, 3, rtol=1e-5)


def test_blur_grows_with_noise_and_classes() -> None:
    spread = np.array([1.0])
    radii = [blur_radius(np.array([n]), spread, 4) for n in (0, 0.1, 0.3, 0.6, 5)]
    assert (np.diff(radii) > 0).all()
    assert radii[-1] == 3
    assert blur_radius(np.array([0.3]), spread, 8) > radii[2]
    assert blur_radius(np.array([0.3]), spread, 1) == 0


def test_what_is_masked_does_not_leak_into_medians() -> None:
    planes = np.full((2, 30, 40), 50, np.float32)
    valid = np.zeros((30, 40), bool)
    valid[10, 5:35] = valid[20:22, 8:30] = True
    planes[:, ~valid] = 0
    found = despeckle(planes, valid)
    np.testing.assert_allclose(found[:, valid], 50, rtol=1e-4)
    np.testing.assert_array_equal(despeckle(planes, valid | True), despeckle(planes))


@pytest.mark.parametrize("shape", [(90, 70), (20, 60, 50), (1, 200), (40, 1)])
def test_bias_field_recovers_a_smooth_field(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    ramp: Array = np.linspace(0.8, 1.2, shape[-1] if shape[-1] > 1 else shape[0])
    field = ramp * np.ones(shape) if shape[-1] > 1 else ramp[:, np.newaxis]
    field = field / field.mean()
    valid = rng.random(shape) > 0.2
    expected = rng.integers(1, 4, shape).astype(float) ** 2
    seen = expected * field * rng.normal(1, 0.1, shape)
    side = block_side(shape)
    sums = (shrink(part * valid, side) for part in (seen, expected))
    found = bias_field(*sums, valid)
    assert found.shape == shape
    assert found[valid].mean() == pytest.approx(1, abs=1e-4)
    # The window flattens the ends of a ramp.
    assert np.corrcoef(found.ravel(), field.ravel())[0, 1] > 0.97
    assert np.abs(found - field).max() < 0.12


def test_bias_field_stays_within_reason() -> None:
    seen, expected = np.zeros((30, 30)), np.ones((30, 30))
    seen[:, 15:] = 1000.0
    found = bias_field(seen, expected, np.ones((30, 30), bool))
    assert found.min() >= 0.5
    assert found.max() <= 2.0
    nothing = bias_field(seen * 0, expected * 0, np.ones((30, 30), bool))
    assert np.isfinite(nothing).all()
