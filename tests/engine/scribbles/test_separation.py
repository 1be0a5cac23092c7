"""What no edge sets off as the things under strokes are speaks against their class."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_emseg.engine.scribbles.separation import separation


@pytest.fixture
def scene():
    """Return steepness, classes that colors suggest, and strokes."""
    rng = np.random.default_rng(0)
    steep = ndi.gaussian_filter(rng.random((30, 40)), 1).astype(np.float32)
    labels = np.ones(steep.shape, np.uint8)
    labels[4:14, 5:17] = labels[16:28, 20:36] = 2
    strokes = np.zeros(steep.shape, np.uint8)
    strokes[8:10, 8:14], strokes[2, 20:38] = 2, 1
    return steep, labels, strokes


def test_the_best_way_out_decides(scene):
    steep, labels, strokes = scene
    found = separation(steep, labels, strokes)[1]
    # The same without a queue: levels fall until none does.
    rim = ndi.maximum_filter(labels, 3) != ndi.minimum_filter(labels, 3)
    level = np.where(rim, ndi.maximum_filter(steep, 3), np.inf)
    while True:
        lower = np.minimum(level, np.maximum(ndi.minimum_filter(level, 3), steep))
        if (lower == level).all():
            break
        level = lower
    own = labels == 2
    share = level / np.median(level[strokes == 2])
    expected = np.log(np.clip(share[own], 1e-3, 1))
    assert np.corrcoef(found[own], expected)[0, 1] > 1 - 1e-6
    assert found.max() <= 0
    assert (found[own] < 0).any()


def test_units_do_not_matter(scene):
    steep, labels, strokes = scene
    found = separation(steep, labels, strokes)
    assert np.allclose(separation(steep * 64, labels, strokes), found)


def test_strokes_on_what_is_not_set_off_say_nothing(scene):
    steep, labels, strokes = scene
    assert not separation(np.zeros_like(steep), labels, strokes).any()
