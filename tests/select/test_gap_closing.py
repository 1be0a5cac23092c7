"""A wand does not leak through gaps up to a width, and is the same without gaps."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg import select

SHAPE = (60, 80)


def room(gap=0, wall=1):
    """Return a closed frame with a gap in its left side."""
    image = np.zeros(SHAPE, np.uint8)
    image[10:51, 10:71] = 200
    image[10 + wall : 51 - wall, 10 + wall : 71 - wall] = 0
    image[30 : 30 + gap, 10 : 10 + wall] = 0
    return image


def fill(image, gap, at=(30, 40), **options):
    return select.wand(image, at, 5, gap=gap, **options)


@pytest.mark.parametrize("wall", [1, 4])
@pytest.mark.parametrize("width", range(1, 7))
def test_gaps_up_to_a_width_are_closed(width, wall):
    inside = fill(room(wall=wall), 0)
    image = room(width, wall)
    leaked = fill(image, 0)
    assert leaked[0, 0]
    for gap in range(width, 8):
        found = fill(image, gap)
        assert found[inside].all()
        # What is in the gap may be of either side, and so may a bulge in it.
        assert not found[:, :8].any()
        outside = fill(image, gap, (2, 2))
        assert not (outside & found).any()
    # An odd number closes what is a pixel wider, too.
    for gap in range(1, width - 1):
        np.testing.assert_array_equal(fill(image, gap), leaked)


def test_without_gaps_it_is_the_same_to_its_corners():
    image = room()
    image[20:40, 40] = 200
    image[20, 30:41] = 200
    for at in ((30, 41), (30, 39), (11, 11), (49, 69)):
        np.testing.assert_array_equal(fill(image, 3, at), fill(image, 0, at))


def test_a_click_in_a_narrow_place_finds_that():
    image = np.full((9, 60), 200, np.uint8)
    image[4] = 0
    found = fill(image, 4, (4, 5))
    np.testing.assert_array_equal(found, image == 0)


def test_in_a_volume_and_soft():
    volume = np.repeat(room(2)[np.newaxis], 5, axis=0)
    found = fill(volume, 2, (2, 30, 40))
    assert found[:, 30, 40].all()
    assert not found[..., :8].any()
    soft = fill(volume, 2, (2, 30, 40), soft=True)
    np.testing.assert_array_equal(soft >= 0.5, found)


@pytest.mark.parametrize("gap", [-1, 1.5, np.nan])
def test_a_width_that_is_none_is_refused(gap):
    with pytest.raises(ValueError, match="whole pixels"):
        fill(room(), gap)
