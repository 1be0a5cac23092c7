"""What lies between two planes: disks, their laws, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_emseg import select


def disk(radius, center=(20, 20), shape=(41, 41)):
    y, x = np.indices(shape)
    return np.hypot(y - center[0], x - center[1]) <= radius


def stack(planes, depth=9):
    out = np.zeros((depth, 41, 41), bool)
    for z, mask in planes.items():
        out[z] = mask
    return out


def by_scipy(below, above, share):
    """Return the shape between two of whole planes, by scipy's distances."""

    def signed(mask):
        inside = ndi.distance_transform_edt(mask) - 0.5
        return np.where(mask, inside, 0.5 - ndi.distance_transform_edt(~mask))

    return (1 - share) * signed(below) + share * signed(above) > 1e-5


def test_radii_of_disks_go_evenly_from_one_to_the_other():
    found = select.interpolate(stack({2: disk(4), 6: disk(12)}))
    radii = np.sqrt(found.sum(axis=(1, 2)) / np.pi)
    np.testing.assert_allclose(radii[2:7], [4, 6, 8, 10, 12], atol=0.35)
    assert not found[[0, 1, 7, 8]].any()


def test_shapes_are_those_of_signed_distances():
    rng = np.random.default_rng(0)
    for _ in range(5):
        low, high = (
            ndi.gaussian_filter(rng.normal(size=(41, 41)), 3) > 0.02 for _ in range(2)
        )
        found = select.interpolate(stack({1: low, 5: high}))
        for z, share in ((2, 0.25), (3, 0.5), (4, 0.75)):
            assert (found[z] == by_scipy(low, high, share)).mean() > 0.999


def test_planes_that_were_drawn_stay_and_order_does_not_matter():
    drawn = stack({0: disk(4, (15, 15)), 4: disk(9, (20, 18)), 8: disk(3, (25, 22))})
    found = select.interpolate(drawn)
    filled = [0, 4, 8]
    assert (found[filled] == drawn[filled]).all()
    assert found.any(axis=(1, 2)).all()
    assert (select.interpolate(drawn[::-1])[::-1] == found).all()
    assert (
        select.interpolate(drawn.transpose(0, 2, 1)) == found.transpose(0, 2, 1)
    ).all()
    # Nothing is left to do where something is everywhere.
    with pytest.raises(ValueError, match="none between"):
        select.interpolate(found)


def test_equal_shapes_give_a_prism_also_of_a_whole_plane():
    for mask in (disk(7), np.ones((41, 41), bool)):
        found = select.interpolate(stack({2: mask, 6: mask}))
        assert (found[2:7] == mask).all()


def test_points_in_time_are_apart():
    one, other = stack({2: disk(5), 6: disk(9)}), stack({1: disk(3), 3: disk(6)})
    found = select.interpolate(np.stack([one, other]))
    assert (found[0] == select.interpolate(one)).all()
    assert (found[1] == select.interpolate(other)).all()


def test_soft_selections_count_from_a_half():
    drawn = stack({2: disk(5), 6: disk(9)})
    soft = np.where(drawn, np.float32(0.5), np.float32(0.4))
    assert (select.interpolate(soft) == select.interpolate(drawn)).all()


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (stack({}), "0 planes of 9"),
        (stack({3: disk(5)}), "1 plane of 9"),
        (stack({3: disk(5), 4: disk(5)}), "none between"),
        (disk(5), r"pass \(Z, Y, X\)"),
    ],
)
def test_planes_that_are_missing_are_named(drawn, message):
    with pytest.raises(ValueError, match=message):
        select.interpolate(drawn)
