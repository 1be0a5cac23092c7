"""Fits: what is decided of them by the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_emseg as emseg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[Any]


def nuclei(seed: int) -> tuple[Image, Image]:
    """Draw nuclei of different brightness that glow; return their mask, too."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:200, :200]
    light, mask = np.zeros(y.shape), np.zeros(y.shape, bool)
    for cy, cx in rng.integers(15, 185, (14, 2)):
        disc = np.hypot(y - cy, x - cx) < rng.uniform(7, 12)
        light[disc & ~mask] = rng.uniform(40, 160)
        mask |= disc
    glow = gaussian_filter(light, 0.8) + 0.35 * gaussian_filter(light, 8)
    image = 8 + glow + rng.normal(0, 1.5, y.shape)
    return image.round().clip(0, 255).astype(np.uint8), mask


class TestDistribution:
    @pytest.mark.parametrize("seed", range(4))
    def test_nuclei_do_not_swallow_what_glows_around_them(self, seed):
        image, mask = nuclei(seed)

        def overlap(**how: Any) -> float:
            found = emseg.segment(image, n_classes=2, **how).labels == 2
            return float((found & mask).sum() / (found | mask).sum())

        assert overlap() > 0.75
        assert overlap() > overlap(distribution="gaussian") + 0.05

    def test_one_channel_has_tails_and_colors_have_none(self):
        gray = nuclei(0)[0]
        rng = np.random.default_rng(0)
        color = np.dstack([gray, gray[::-1], rng.permuted(gray, axis=0)])
        assert emseg.segment(gray, n_classes=2).model.df is not None
        assert emseg.segment(color, n_classes=2).model.df is None
        assert emseg.segment(color, n_classes=2, color="gray").model.df is not None

    def test_what_the_user_says_counts(self):
        gray = nuclei(0)[0]
        plain = emseg.segment(gray, n_classes=2, distribution="gaussian")
        assert plain.model.df is None
        assert emseg.segment(gray, n_classes=2, start=plain.model).model.df is None
        tailed = emseg.segment(gray, n_classes=2, distribution="student")
        assert len(np.unique(tailed.model.df)) == 2
        chosen = emseg.segment(gray, n_classes=2)
        assert (chosen.model.df == 3).all()
        again = emseg.segment(gray, n_classes=2, start=chosen.model)
        assert (again.model.df == 3).all()

    def test_thin_noise_on_partial_volume_is_gaussian(self):
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:160, :160]
        truth = np.digitize(np.hypot(y - 80, x - 80), [30, 60])
        levels = gaussian_filter(np.array([1.0, 0.7, 0.3])[truth], 0.7)
        image = levels + rng.normal(0, 0.01, truth.shape)
        seg = emseg.segment(image.astype(np.float32), n_classes=3)
        assert seg.model.df is None
        assert (seg.labels == 3 - truth).mean() > 0.99

    def test_noise_that_dominates_is_gaussian(self):
        rng = np.random.default_rng(0)
        truth = np.repeat([80.0, 120.0], 60) * np.ones((100, 1))
        noisy = (truth + rng.normal(0, 30, truth.shape)).clip(0, 255).astype(np.uint8)
        seg = emseg.segment(noisy, n_classes=2)
        assert seg.levels[-1] == "field"
        assert seg.model.df is None
        expected = emseg.segment(noisy, n_classes=2, distribution="gaussian").labels
        np.testing.assert_array_equal(seg.labels, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("distribution", ["auto", "gaussian", "student"])
@pytest.mark.parametrize(
    "counts", [(37_200, 2_800), (38_900, 1_100), (39_990, 10), (37_000, 2_000, 1_000)]
)
def test_as_many_values_as_classes_are_the_classes(counts, distribution, dtype):
    values = np.array([10, 90, 210], dtype)[: len(counts)]
    truth = np.repeat(np.arange(len(counts)), counts).reshape(200, 200)
    asked = {"distribution": distribution, "smoothing": 0}
    seg = emseg.segment(values[truth], n_classes=len(counts), **asked)
    np.testing.assert_array_equal(seg.labels, truth + 1)
    np.testing.assert_allclose(seg.model.means.ravel(), values, rtol=1e-6)
    joint = emseg.fit([values[truth]], n_classes=len(counts), **asked)
    np.testing.assert_array_equal(joint.segment(values[truth]).labels, truth + 1)


def test_a_rare_one_of_few_values_is_no_tail_of_its_neighbor():
    values, counts = np.uint8([0, 100, 200]), (37_280, 1_280, 1_440)
    image = np.repeat(values, counts).reshape(200, 200)
    for n_classes in (2, "auto"):
        labels = emseg.segment(image, n_classes=n_classes, smoothing=0).labels
        assert ((labels > 1) == (image > 0)).all()
