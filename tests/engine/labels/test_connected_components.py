"""Connected components against scipy, and the absorption of small ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_emseg.engine.labels.absorption import iter_absorb
from napari_emseg.engine.labels.connected_components import borders, components
from napari_emseg.pipeline.progress import finish

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9),
    elements=st.integers(0, 3),
)


def same_partition(a: NDArray[np.integer], b: NDArray[np.integer]) -> bool:
    """Whether two labelings differ by their numbers alone."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return all(len(np.unique(row)) == pairs.shape[1] for row in pairs)


def absorb_small(
    regions: NDArray[np.int32], sums: NDArray[np.float64], min_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Renumbered regions after the absorption, and what each grew from."""
    host = finish(iter_absorb(regions, min_size, sums.astype(np.float64)))
    kept, number = np.unique(host, return_inverse=True)
    return number.astype(np.int32)[regions], kept


def means_of(labels: NDArray[np.integer], regions: NDArray[np.int32]) -> NDArray:
    """Sum up the labels of each region, as a feature."""
    return np.bincount(regions.ravel(), labels.ravel(), regions.max() + 1)[:, None]


@given(labels=LABELS)
def test_components_are_those_of_each_label(labels: NDArray[np.uint8]) -> None:
    expected = np.zeros(labels.shape, int)
    for label in (1, 2, 3):
        found, _count = ndimage.label(labels == label)
        expected[found > 0] = found[found > 0] + expected.max()
    regions = components(labels)
    assert regions.dtype == np.int32
    assert same_partition(regions, expected)
    np.testing.assert_array_equal(regions == 0, labels == 0)
    numbers = np.unique(regions[regions > 0])
    np.testing.assert_array_equal(numbers, np.arange(1, len(numbers) + 1))


def test_corners_do_not_touch() -> None:
    assert components(np.eye(3, dtype=np.uint8)).max() == 3


@given(labels=LABELS)
def test_neighbors_share_a_side(labels: NDArray[np.uint8]) -> None:
    regions = components(labels)
    expected: Counter[tuple[int, int]] = Counter()
    for at in np.ndindex(regions.shape):
        for axis in range(regions.ndim):
            if at[axis] + 1 < regions.shape[axis]:
                to = (*at[:axis], at[axis] + 1, *at[axis + 1 :])
                one, two = sorted((int(regions[at]), int(regions[to])))
                if one != two and one > 0:
                    expected[one, two] += 1
    pairs, lengths = borders(regions)
    found = [(a, b) for a, b in pairs.tolist()]
    assert found == sorted(expected)
    assert dict(zip(found, lengths.tolist(), strict=True)) == expected


@given(labels=LABELS, min_size=st.integers(0, 30))
def test_no_small_region_is_left_next_to_another(
    labels: NDArray[np.uint8], min_size: int
) -> None:
    regions = components(labels)
    found, keeper = absorb_small(regions, means_of(labels, regions), min_size)
    np.testing.assert_array_equal(found == 0, regions == 0)
    size = np.bincount(found.ravel())
    assert len(keeper) == len(size)
    assert (size[1:] > 0).all()
    pairs = borders(found)[0]
    assert not (size[pairs] < min_size).any()
    # Every new region is a union of old ones, its keeper among them.
    owner = np.zeros(regions.max() + 1, int)
    owner[regions] = found
    np.testing.assert_array_equal(owner[regions], found)
    np.testing.assert_array_equal(owner[keeper], np.arange(len(keeper)))
    # Pieces that join stay in one piece.
    assert same_partition(components(found), found)


@given(labels=LABELS)
def test_large_regions_keep_their_numbers(labels: NDArray[np.uint8]) -> None:
    regions = components(labels)
    found, keeper = absorb_small(regions, means_of(labels, regions), 1)
    np.testing.assert_array_equal(found, regions)
    np.testing.assert_array_equal(keeper, np.arange(regions.max() + 1))


def test_small_region_joins_the_most_similar_neighbor() -> None:
    labels = np.array([[1, 1, 1, 2, 3, 3, 3], [1, 1, 1, 2, 3, 3, 3]], np.uint8)
    regions = components(labels)
    size = np.bincount(regions.ravel())
    for value, host in ((10.0, 1), (80.0, 3)):
        sums = (np.array([0, 0, value, 90.0]) * size)[:, None]
        found, keeper = absorb_small(regions, sums, 3)
        assert found.max() == 2
        assert found[0, 3] == found[0, 0 if host == 1 else 6]
        np.testing.assert_array_equal(keeper, [0, 1, 3])


def test_long_borders_count() -> None:
    labels = np.ones((9, 9), np.uint8)
    labels[:, 5:] = 3
    labels[3:6, 2:5] = 2
    regions = components(labels)
    numbers = regions[0, 0], regions[4, 4], regions[0, 8]
    size = np.bincount(regions.ravel())
    # Nine sides on the left and three on the right: a gap of 1.7 there is as good as 1.
    for gap, host in ((1.6, numbers[0]), (1.8, numbers[2])):
        means = np.zeros(4)
        means[[*numbers]] = 3 - gap, 3, 4
        found, keeper = absorb_small(regions, (means * size)[:, None], 10)
        assert keeper[found[4, 4]] == host


def test_smallest_join_first() -> None:
    # The single pixel joins its neighbor of three, which is then large enough.
    labels = np.array([[1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 4, 4]], np.uint8)
    regions = components(labels)
    sums = np.array([0, 0, 3 * 50, 51, 5 * 90.0])[:, None]
    found, _ = absorb_small(regions, sums, 4)
    np.testing.assert_array_equal(found[0], [1] * 5 + [2] * 4 + [3] * 5)


def test_lone_regions_stay() -> None:
    labels = np.zeros((5, 5), np.uint8)
    labels[1, 1] = labels[3, 3] = 1
    regions = components(labels)
    found, _ = absorb_small(regions, np.zeros((3, 1)), 100)
    np.testing.assert_array_equal(found, regions)


@pytest.mark.parametrize("count", [1, 300])
def test_chains_of_small_regions_end(count: int) -> None:
    labels = (np.arange(count) % 2 + 1).astype(np.uint8)[np.newaxis]
    regions = components(labels)
    found, _ = absorb_small(regions, means_of(labels, regions), 10)
    size = np.bincount(found.ravel())[1:]
    assert size.sum() == count
    assert size.min() >= min(10, count)
