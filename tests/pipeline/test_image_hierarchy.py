"""The hierarchy of an image, as users call it."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg

RNG = np.random.default_rng(0)
BLOCKS = np.kron([[20, 90], [160, 240]], np.ones((40, 50))).astype(np.uint8)


def noisy(image):
    return np.clip(image + RNG.normal(0, 4, image.shape), 0, 255).astype(image.dtype)


@pytest.mark.parametrize(
    ("image", "how"),
    [
        (noisy(BLOCKS), {}),
        (noisy(np.dstack([BLOCKS, BLOCKS[::-1], BLOCKS])), {}),
        (noisy(np.stack([BLOCKS] * 5)).astype(np.float32), {"channel_axis": 0}),
    ],
)
def test_blocks_are_found_in_images_of_all_kinds(image, how):
    labels = emseg.hierarchy(image, **how).cut(n_regions=4)
    assert labels.shape == BLOCKS.shape
    inner = labels[5:-5, 5:-5]
    for value in np.unique(BLOCKS):
        part = inner[BLOCKS[5:-5, 5:-5] == value]
        assert (part == np.bincount(part).argmax()).mean() > 0.95
    assert len(np.unique(labels)) == 4


def test_only_the_mask_gets_regions():
    mask = np.zeros(BLOCKS.shape, bool)
    mask[10:70, 10:90] = True
    labels = emseg.hierarchy(noisy(BLOCKS), mask=mask).cut(n_regions=3)
    np.testing.assert_array_equal(labels > 0, mask)


def test_nan_gets_no_region():
    image = noisy(BLOCKS).astype(np.float32)
    image[:7, :9] = np.nan
    labels = emseg.hierarchy(image).cut()
    np.testing.assert_array_equal(labels == 0, np.isnan(image))


def test_stacks_are_refused():
    with pytest.raises(ValueError, match="one slice at a time"):
        emseg.hierarchy(np.zeros((3, 40, 50), np.uint8))
