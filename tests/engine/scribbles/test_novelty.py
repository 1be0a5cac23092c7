"""What a region holds of its own is told from what is around it."""

import numpy as np
import pytest

from napari_emseg.engine.scribbles.novelty import find_novelty


@pytest.fixture
def scene():
    """Return an object of two colors with a hole, a region around it, its core."""
    rng = np.random.default_rng(0)
    features = rng.normal(50, 1, (40, 60, 3)).astype(np.float32)
    features[12:28, 20:40, 0] += 25
    features[16:24, 25:35, 1] -= 25
    features[18:22, 28:32] = features[:4, :4]
    region, core, truth = np.zeros((3, 40, 60), bool)
    region[9:31, 17:43] = core[17:23, 26:34] = truth[12:28, 20:40] = True
    return features, region, core, truth


def test_object_is_whole_with_its_hole(scene):
    features, region, core, truth = scene
    before = features.copy(), region.copy(), core.copy()
    assert (find_novelty(features, region, core) == truth).all()
    for given, kept in zip(scene, before, strict=False):
        assert (given == kept).all()


def test_neighbors_of_the_kind_change_nothing(scene):
    features, region, core, truth = scene
    features[:9] = np.roll(features[12:21], 25, axis=1)
    assert (find_novelty(features, region, core) == truth).all()


def test_largest_piece_counts(scene):
    features, region, core, truth = scene
    features[29, 41] = (0, 90, 0)
    assert (find_novelty(features, region, core) == truth).all()


def test_region_that_touches_is_fine_and_one_that_cuts_is_not(scene):
    features, _, core, truth = scene
    assert (find_novelty(features, truth, core) == truth).all()
    through = np.zeros_like(truth)
    through[14:26, 22:38] = True
    assert find_novelty(features, through, core) is None


def test_what_is_known_must_be_in_it(scene):
    features, region, core, _ = scene
    core[9:12, 17:43] = True
    assert find_novelty(features, region, core) is None


def test_nothing_is_new_without_surroundings_or_contrast(scene):
    features, region, core, _ = scene
    assert find_novelty(features, np.ones_like(region), core) is None
    assert find_novelty(np.zeros_like(features), region, core) is None
