"""Strokes become outlines, with any number of classes on any kind of image."""

import numpy as np
import pytest

from napari_emseg import select


@pytest.fixture
def scene():
    """Make a disk on a ramp, both noisy, and strokes on both."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :100]
    truth = (y - 40) ** 2 + (x - 45) ** 2 < 24**2
    image = np.stack([60 + x, 90 + 0 * x, 120 - y], axis=-1).astype(float)
    image[truth] = (180, 60, 40)
    image += rng.normal(0, 12, image.shape)
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[5:7, 5:95] = 1
    strokes[73:75, 5:95] = 1
    strokes[39:41, 35:55] = 2
    return image.clip(0, 255).astype(np.uint8), strokes, truth


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_disk_is_found(scene):
    image, strokes, truth = scene
    found = select.scribbles(image, strokes)
    assert found.dtype == np.uint8
    assert found.shape == truth.shape
    assert iou(found == 2, truth) > 0.95


def test_strokes_keep_their_class_and_inputs_stay(scene):
    image, strokes, _ = scene
    strokes[40, 2:20] = 2
    before = image.copy(), strokes.copy()
    found = select.scribbles(image, strokes)
    assert (found[strokes > 0] == strokes[strokes > 0]).all()
    assert (image == before[0]).all()
    assert (strokes == before[1]).all()


def test_box_finds_the_disk(scene):
    image, _, truth = scene
    found = select.box(image, (12, 17, 68, 73))
    assert found.dtype == bool
    assert iou(found, truth) > 0.95
