"""Objects are values: each method gives new ones, and leaves these alone."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg import Objects

LABELS = np.array(
    [
        [1, 1, 0, 2, 2, 2],
        [1, 1, 0, 2, 2, 2],
        [0, 0, 0, 0, 0, 0],
        [0, 5, 5, 5, 5, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)


@pytest.fixture
def some():
    return Objects.of(LABELS, {1: 3, 2: 3, 5: 4}, class_names={4: "fibers"})


def test_each_object_knows_its_class(some):
    assert some.ids.tolist() == [1, 2, 5]
    assert some.classes[5] == 4
    assert some.counts() == {3: 2, 4: 1}
    assert some.sizes.tolist() == [0, 4, 6, 0, 0, 4]
    assert (some.name_of(3), some.name_of(4)) == ("class 3", "fibers")
    classes = np.select([LABELS == 0, LABELS == 5], [0, 4], 3)
    np.testing.assert_array_equal(some.class_labels(), classes)
    np.testing.assert_array_equal(np.asarray(some), LABELS)


def test_keep_and_without_by_ids_rows_and_mask(some):
    mask = np.zeros(LABELS.shape, bool)
    mask[0, 1] = mask[3, 2] = True
    for which in ([1, 5], np.array([True, False, True]), mask):
        assert some.keep(which).ids.tolist() == [1, 5]
        assert some.without(which).ids.tolist() == [2]
    assert some.keep([]).n_objects == 0
    assert some.ids.tolist() == [1, 2, 5]
    kept = some.keep([5])
    assert (kept.classes[5], kept.class_names[4]) == (4, "fibers")


def test_filtered_by_size_shape_class_and_rim(some):
    assert some.filtered(min_size=5).ids.tolist() == [2]
    assert some.filtered(max_size=5).ids.tolist() == [1, 5]
    assert some.filtered(classes=4).ids.tolist() == [5]
    assert some.filtered(exclude_border=True).ids.tolist() == [5]
    assert some.filtered(eccentricity=(0.9, None)).ids.tolist() == [5]
    both = some.filtered(axis_major=(2.1, None), axis_minor=(0.1, 10))
    assert both.ids.tolist() == [2]
    with pytest.raises(ValueError, match="no measure 'length'"):
        some.filtered(length=(1, 2))
    with pytest.raises(ValueError, match="is no range"):
        some.filtered(solidity=0.5)


def test_filtered_planes_of_a_series():
    found = Objects.of(np.stack([LABELS, 9 * LABELS]), per_plane=True)
    assert found.filtered(exclude_border=True).ids.tolist() == [5, 45]


def test_merged(some):
    merged = some.merged([2, 1])
    assert merged.ids.tolist() == [2, 5]
    assert merged.sizes[2] == 10
    assert merged.classes.tolist() == [0, 0, 3, 0, 0, 4]
    with pytest.raises(ValueError, match="no object 3"):
        some.merged([1, 3])
    series = Objects.of(np.stack([LABELS, LABELS + 10 * (LABELS > 0)]), per_plane=True)
    with pytest.raises(ValueError, match="different planes"):
        series.merged([1, 11])
    assert series.merged([11, 12]).ids.tolist() == [1, 2, 5, 12, 15]


def test_split_by_line_keeps_pixels_and_class(some):
    cut = some.split_by_line([[-2, 4], [9, 4]])
    np.testing.assert_array_equal(cut.labels > 0, LABELS > 0)
    assert cut.ids.tolist() == [1, 2, 5, 6]
    assert cut.classes[6:].tolist() == [3]
    # What the line does not part stays as it is.
    np.testing.assert_array_equal(cut.labels == 1, LABELS == 1)
    same = some.split_by_line([[2, 0], [2, 5]])
    np.testing.assert_array_equal(same.labels, LABELS)
    with pytest.raises(ValueError, match="line of points"):
        some.split_by_line([[0, 1, 2, 3]])


def test_split_by_line_widens_the_type():
    full = Objects.of(np.arange(1, 256, dtype=np.uint8)[:, None].repeat(5, axis=1))
    cut = full.split_by_line([[0, 2], [0, 2]])
    assert (cut.n_objects, cut.labels.max(), cut.labels.dtype) == (256, 256, np.uint16)


def test_split_by_line_of_a_volume_is_a_prism():
    volume = Objects.of(np.ones((4, 5, 6), int))
    for path in ([[-1, 3], [6, 3]], [[2, -1, 3], [2, 6, 3]]):
        cut = volume.split_by_line(path)
        assert cut.n_objects == 2
        # Pixels of the line are as near to one part as to the other.
        apart = np.delete(cut.labels, 3, axis=2)
        assert (apart == apart[:1, :1]).all()
    series = Objects.of(np.ones((4, 5, 6), int), per_plane=True)
    one = series.split_by_line([[2, -1, 3], [2, 6, 3]])
    assert (one.labels[[0, 1, 3]] == 1).all()
    assert np.unique(one.labels[2]).tolist() == [1, 2]
    for path, message in (([[-1, 3], [6, 3]], "which plane"),
                          ([[9, 0, 3], [9, 6, 3]], "in one plane")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            series.split_by_line(path)
    with pytest.raises(ValueError, match="all three axes"):
        volume.split_by_line([[0, 0, 0], [3, 4, 5]])


def test_renumbered(some):
    whole = some.renumbered()
    assert whole.ids.tolist() == [1, 2, 3]
    assert whole.classes.tolist() == [0, 3, 3, 4]
    assert (whole.labels == 3).sum() == 4


def test_numbers_of_objects_that_are_gone_are_not_used_again(some):
    cut = some.without([5]).split_by_line([[-2, 4], [9, 4]])
    assert cut.ids.tolist() == [1, 2, 6]


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (np.ones((2, 2), bool), None, "mask"),
        ([[0.5]], None, "integers"),
        ([[-1, 2]], None, "smallest is -1"),
        ([[10**12]], None, "renumber"),
        ([[1, 2]], [0, 1], "one whole number for each"),
    ],
)
def test_wrong_labels_are_told(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        Objects.of(labels, classes)


def test_wrong_choice_is_told(some):
    for which in (np.zeros((2, 2), bool), [0.5]):
        with pytest.raises(ValueError, match="objects are told by"):
            some.keep(which)
    with pytest.raises(ValueError, match="no object 0"):
        some.keep([0])


def test_narrowest_type():
    assert Objects.of(LABELS).labels.dtype == np.uint8
    many = Objects.of(np.arange(70_000).reshape(2, -1))
    assert many.labels.dtype == np.uint32
    assert many.keep([200]).labels.dtype == np.uint8
    assert Objects.of([[0, 70_000]]).ids.tolist() == [70_000]
    assert emseg.measure(many)["label"].dtype.kind == "i"
