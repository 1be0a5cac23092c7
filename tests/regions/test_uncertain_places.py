"""Where a segmentation is in doubt, and what becomes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

import napari_emseg as emseg
from napari_emseg.pipeline.progress import finish
from napari_emseg.regions import drop_uncertain

PHOTO = np.ascontiguousarray(data.coffee()[::6, ::6])


@pytest.fixture(scope="module")
def seg() -> Any:
    return emseg.segment(PHOTO, n_classes=4, smoothing=0)


@pytest.mark.parametrize("threshold", [0, 0.3, 0.9, 1])
def test_pixels_in_doubt_lose_their_label(seg: Any, threshold: float) -> None:
    doubt = seg.uncertainty()
    after = drop_uncertain(seg.labels, doubt, threshold).apply(seg.labels)
    np.testing.assert_array_equal(
        after, np.where(doubt > threshold, 0, seg.labels), strict=True
    )
    # A segmentation knows its own uncertainty.
    same = drop_uncertain(seg.labels, seg, threshold).apply(seg.labels)
    np.testing.assert_array_equal(same, after)


def test_what_is_just_as_uncertain_keeps_its_label() -> None:
    labels, doubt = np.array([[1, 2, 3]]), np.float32([[0, 0.5, 0.75]])
    for threshold, expected in ((0.5, [1, 2, 0]), (0, [1, 0, 0]), (0.75, [1, 2, 3])):
        found = drop_uncertain(labels, doubt, threshold).apply(labels)
        assert found.tolist() == [expected]


def test_locked_labels_and_what_is_not_selected_stay(seg: Any) -> None:
    doubt = seg.uncertainty()
    left = np.zeros(seg.labels.shape, bool)
    left[:, :40] = True
    edit = drop_uncertain(seg.labels, doubt, 0.2, selection=left, locked=[2])
    after = edit.apply(seg.labels)
    gone = (doubt > 0.2) & left & (seg.labels != 2)
    assert gone.any()
    np.testing.assert_array_equal(after, np.where(gone, 0, seg.labels))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold=1.5"),
        ({"threshold": np.nan}, "threshold=nan"),
        ({"uncertainty": np.zeros((3, 3), np.float32)}, r"\(3, 3\)"),
        ({"uncertainty": np.zeros((4, 4), int)}, "floats"),
        ({"locked": [0]}, "label 0 is locked"),
    ],
)
def test_wrong_input_is_named(options: Any, message: str) -> None:
    given = {"uncertainty": np.zeros((4, 4), np.float32)} | options
    with pytest.raises(ValueError, match=message):
        drop_uncertain(np.ones((4, 4), int), **given)


def test_probabilities_of_some_classes_are_those_of_all(seg: Any) -> None:
    every = seg.probabilities()
    some = finish(seg.posteriors.iter_probabilities([3, 1]))
    np.testing.assert_array_equal(some, every[[2, 0]])
    with pytest.raises(ValueError, match="class 5"):
        finish(seg.posteriors.iter_probabilities([1, 5]))


@pytest.mark.parametrize("smoothing", [0, 1])
def test_probabilities_outlive_the_labels(smoothing: float) -> None:
    seeds = np.zeros(PHOTO.shape[:2], int)
    seeds[5:9, 5:9] = 2
    seg = emseg.segment(PHOTO, n_classes=3, smoothing=smoothing, seed_labels=seeds)
    slim = seg.posteriors.slim()
    assert slim.labeler.table is None
    np.testing.assert_array_equal(
        finish(slim.iter_probabilities()), seg.probabilities()
    )
    np.testing.assert_array_equal(finish(slim.iter_uncertainty()), seg.uncertainty())
    np.testing.assert_array_equal(seg.probabilities()[:, 6, 6], [0, 1, 0])


def test_progress_is_told_and_it_can_be_left() -> None:
    seg = emseg.segment(np.tile(PHOTO, (16, 12, 1)), n_classes=2, smoothing=0)
    steps = seg.posteriors.iter_uncertainty()
    first = next(steps)
    assert (first.stage, first.done) == ("posteriors", 1)
    assert first.total == 1 + sum(1 for _ in steps) > 1
    steps.close()


class TestPlaces:
    def spots(self, shape: Any, spots: dict[Any, float]) -> NDArray[np.float32]:
        doubt = np.zeros(shape, np.float32)
        for (*lead, y, x), value in spots.items():
            doubt[*lead, y - 3 : y + 4, x - 3 : x + 4] = value
        return doubt

    def test_worst_first(self) -> None:
        spots = {(20, 30): 0.4, (80, 90): 0.9, (60, 10): 0.6}
        places = emseg.uncertain_places(self.spots((100, 120), spots))
        assert [place.point for place in places] == [(80, 90), (60, 10), (20, 30)]
        heights = [place.uncertainty for place in places]
        assert heights == sorted(heights, reverse=True)
        assert 0 < heights[0] <= 0.9

    def test_large_images_are_searched_by_region(self) -> None:
        doubt = np.zeros((1500, 2000), np.float32)
        doubt[300:340, 400:440] = 0.5
        doubt[1000, 1000] = 1  # a single pixel is no region
        doubt[1400:1420, 1980:2000] = 0.9
        first, second, third = emseg.uncertain_places(doubt)
        for place, middle in ((first, (320, 420)), (second, (1410, 1990))):
            assert np.abs(np.subtract(place.point, middle)).max() <= place.size / 4
        assert third.uncertainty < second.uncertainty / 10

    def test_planes_of_a_volume_are_one_list(self) -> None:
        spots = {(2, 20, 20): 0.5, (7, 40, 60): 0.8, (8, 40, 60): 0.7}
        places = emseg.uncertain_places(self.spots((10, 80, 80), spots))
        assert [place.point for place in places] == [(7, 40, 60), (2, 20, 20)]

    def test_a_plateau_is_one_place_for_each_neighborhood(self) -> None:
        places = emseg.uncertain_places(np.full((60, 60), 0.5, np.float32), limit=500)
        points = np.array([place.point for place in places])
        apart = np.abs(points[:, None] - points).max(axis=-1)
        assert apart[~np.eye(len(points), dtype=bool)].min() > 4
        assert 50 < len(places) <= 144

    def test_where_no_label_is_there_is_no_doubt(self) -> None:
        doubt = self.spots((60, 60), {(20, 20): 0.9, (40, 40): 0.5})
        labels = np.ones((60, 60), int)
        labels[:30] = 0
        places = emseg.uncertain_places(doubt, labels)
        assert [place.point for place in places] == [(40, 40)]

    def test_certain_everywhere(self) -> None:
        assert emseg.uncertain_places(np.zeros((5, 5), np.float32)) == []

    def test_no_more_than_asked_for(self, rng: np.random.Generator) -> None:
        noise = rng.random((200, 200), np.float32)
        assert len(emseg.uncertain_places(noise, limit=7)) == 7

    def test_shapes_must_be_equal(self) -> None:
        with pytest.raises(ValueError, match="labels"):
            emseg.uncertain_places(np.zeros((5, 5), np.float32), np.ones((5, 6), int))
