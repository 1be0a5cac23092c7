"""Outlines lie where both sides have half of the light."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_emseg.engine.scribbles.half_light import balance


@pytest.fixture
def scene():
    """Return a blurred disk, its light, and no strokes."""
    y, x = np.mgrid[:60, :60]
    disk = (y - 30) ** 2 + (x - 28) ** 2 < 15**2
    light = ndi.gaussian_filter(disk.astype(np.float32), 2)[..., np.newaxis]
    return disk, 20 + 60 * light, np.zeros(disk.shape, np.uint8)


def both(mask):
    return np.stack([~mask, mask]).astype(np.float32)


@pytest.mark.parametrize("threshold", [0.15, 0.8])
def test_outline_goes_halfway(scene, threshold):
    disk, light, nothing = scene
    start = light[..., 0] > 20 + 60 * threshold
    found = balance(both(start), light, nothing)
    assert np.abs(start.sum() - disk.sum()) > 120
    assert np.abs(found[1].sum() - disk.sum()) < 40
    assert np.allclose(found.sum(axis=0), 1)


def test_textures_of_one_mean_keep_their_outline(scene):
    disk, _, nothing = scene
    noise = np.random.default_rng(0).normal(0, 1, disk.shape)
    light = (128 + np.where(disk, 50, 6) * noise)[..., np.newaxis].astype(np.float32)
    for even in (light, np.full_like(light, 7)):
        assert np.array_equal(balance(both(disk), even, nothing), both(disk))


def test_strokes_and_what_is_unknown_stay(scene):
    disk, light, strokes = scene
    strokes[30, 44:46] = 2
    start = (light[..., 0] > 29) | (strokes == 2)
    found = balance(both(start), light, strokes)
    assert (found[1][strokes == 2] == 1).all()
    wrong = light.copy()
    wrong[:, 52:] = 1e4
    inside = np.ones(disk.shape, bool)
    inside[:, 52:] = False
    again = balance(both(start), wrong, strokes, inside)
    assert (again == found)[:, inside.all(axis=0)].mean() > 0.99
