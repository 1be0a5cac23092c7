"""A refined edge is close to the true coverage, and a hard one where it should be."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg import adjust, select

SHAPE = (96, 120)


def composite(rng):
    """Return a picture of a thing with a soft and frayed outline, and its alpha."""
    y, x = np.indices(SHAPE)
    turn = np.arctan2(y - 48, x - 60)
    edge = 28 + 3 * np.sin(9 * turn)
    alpha = np.clip((edge - np.hypot(y - 48, x - 60)) / 8 + 0.5, 0, 1)
    thing, behind = np.array([220, 180, 120.0]), np.array([40, 80, 60.0])
    mixed = alpha[..., np.newaxis] * thing + (1 - alpha[..., np.newaxis]) * behind
    return (mixed + rng.normal(0, 3, mixed.shape)).clip(0, 255).astype(np.uint8), alpha


@pytest.fixture
def scene():
    return composite(np.random.default_rng(4))


def test_it_is_nearer_to_the_truth_than_the_mask(scene):
    image, alpha = scene
    mask = select.smooth(alpha >= 0.5, 3)
    found = select.refine_edge(image, mask, radius=8)
    before = np.abs(mask - alpha).mean()
    assert np.abs(found - alpha).mean() < 0.4 * before
    assert found.dtype == np.float32
    for other in (image[..., 1], image[..., 1] / 7.0):
        again = select.refine_edge(other, mask, radius=8)
        assert np.abs(again - alpha).mean() < 0.5 * before


def test_far_from_the_outline_nothing_changes(scene):
    image, alpha = scene
    mask = alpha >= 0.5
    found = select.refine_edge(image, mask, radius=5)
    far = ~select.grow(select.border(mask, 10), 2).astype(bool)
    np.testing.assert_array_equal(found[far], mask[far])
    plain = select.refine_edge(image, mask, radius=0)
    np.testing.assert_array_equal(plain, mask)


def test_each_option_does_what_it_says(scene):
    image, alpha = scene
    mask = alpha >= 0.5
    soft = select.refine_edge(image, mask)
    steep = select.refine_edge(image, mask, contrast=0.6)
    some = (soft > 0) & (soft < 1)
    assert ((steep > 0) & (steep < 1)).sum() < 0.6 * some.sum()
    np.testing.assert_array_equal(steep >= 0.5, soft >= 0.5)
    hard = select.refine_edge(image, mask, contrast=1.0)
    assert ((hard > 0) & (hard < 1)).mean() < 0.001
    blurred = select.refine_edge(image, mask, feather=3)
    np.testing.assert_allclose(blurred, select.feather(soft, 3), atol=1e-6)
    rounded = select.refine_edge(image, mask, radius=0, smooth=6)
    np.testing.assert_array_equal(rounded, select.smooth(mask, 6))


def test_it_is_what_is_cut_out_with_clean_colors(scene):
    image, alpha = scene
    soft = select.refine_edge(image, select.smooth(alpha >= 0.5, 3))
    cut = adjust.cut_out(image, soft)
    assert np.abs(cut[..., 3] / 255 - alpha).mean() < 0.02
    thin = (alpha > 0.1) & (alpha < 0.4) & (cut[..., 3] > 0)
    ends = np.array([220, 180, 120]), np.array([40, 80, 60])
    away = [np.abs(cut[thin][:, :3].astype(int) - end).mean() for end in ends]
    assert away[0] < 0.5 * away[1]


def test_nothing_and_everything_and_transparent_pixels(scene):
    image, alpha = scene
    assert not select.refine_edge(image, np.zeros(SHAPE, bool)).any()
    assert (select.refine_edge(image, np.ones(SHAPE, bool)) == 1).all()
    clear = np.dstack([image, np.full(SHAPE, 255, np.uint8)])
    clear[40:50, :, 3] = 0
    assert not select.refine_edge(clear, alpha >= 0.5)[40:50].any()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"radius": -1}, "radius=-1"),
        ({"radius": 1.5}, "radius=1.5"),
        ({"contrast": 2}, "contrast=2"),
        ({"smooth": -1}, "radius"),
    ],
)
def test_wrong_options_are_refused(scene, options, word):
    with pytest.raises(ValueError, match=word):
        select.refine_edge(scene[0], scene[1] > 0.5, **options)
