"""Polygons of random labels: area, validity, and back, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from napari_emseg.exchange.polygons import Polygons, rasterize, trace

IMAGES = 1000


def shapes_of(polygons):
    """Return polygons as those of shapely, which knows nothing of ours."""
    found = []
    for place in range(len(polygons)):
        outer, *holes = (ring[:, ::-1] for ring in polygons.rings_of(place))
        found.append(shapely.Polygon(outer, holes))
    return found


@pytest.fixture(scope="module")
def traced():
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(IMAGES):
        shape = rng.integers(1, 13, 2)
        labels = rng.integers(0, rng.integers(2, 6), shape)
        pairs.append((labels, trace(labels)))
    return pairs


def test_area_is_the_number_of_pixels(traced):
    for labels, polygons in traced:
        areas = np.array([shape.area for shape in shapes_of(polygons)])
        np.testing.assert_array_equal(polygons.areas, areas)
        sums = np.bincount(polygons.labels, areas, minlength=6)
        np.testing.assert_array_equal(
            sums[1:], np.bincount(labels.flat, minlength=6)[1:]
        )


def test_back_to_labels(traced):
    for labels, polygons in traced:
        assert (rasterize(polygons) == labels).all()


def test_polygons_are_valid(traced):
    for _, polygons in traced:
        for shape in shapes_of(polygons):
            assert shape.is_valid, shapely.is_valid_reason(shape)
            assert shape.exterior.is_ccw
            assert not any(hole.is_ccw for hole in shape.interiors)


def test_only_corners_are_points():
    polygons = trace(np.ones((5, 7), np.uint8))
    assert polygons.points.tolist() == [[0, 0], [0, 7], [5, 7], [5, 0]]


def test_neighbors_share_their_border():
    """Not a gap, not an overlap: the polygons of a full image cover all of it."""
    labels = np.random.default_rng(1).integers(1, 4, (20, 20))
    whole = shapely.union_all(shapes_of(trace(labels)))
    assert whole.equals(shapely.box(0, 0, 20, 20))


def test_planes_are_apart():
    labels = np.random.default_rng(2).integers(0, 3, (2, 3, 6, 5))
    polygons = trace(labels)
    assert (rasterize(polygons) == labels).all()
    assert set(map(tuple, polygons.planes.tolist())) == {*np.ndindex(2, 3)}


def test_each_group_is_a_label_of_a_plane():
    labels = np.random.default_rng(3).integers(0, 4, (2, 6, 5))
    polygons = trace(labels)
    begin = polygons.groups[:-1]
    found = [*zip(polygons.planes[begin, 0], polygons.labels[begin], strict=True)]
    there = [(z, n) for z in range(2) for n in np.unique(labels[z]) if n]
    assert found == there


def test_polygons_drawn_elsewhere():
    """A center decides; half a pixel more or less does not, and the last one wins."""
    points = np.array([[0.4, 0.4], [0.4, 2.6], [2.6, 2.6], [2.6, 0.4]])
    late = points + np.array([1, 0])
    polygons = Polygons(
        np.concatenate([points, late]),
        np.array([0, 4, 8]),
        np.array([0, 1, 2]),
        np.array([9, 300]),
        np.zeros((2, 0), int),
        (4, 4),
    )
    expected = [[9] * 3 + [0], [300] * 3 + [0], [300] * 3 + [0], [300] * 3 + [0]]
    assert rasterize(polygons).tolist() == expected


@pytest.mark.parametrize("labels", [np.zeros((3, 4), int), np.zeros((0, 4), int)])
def test_nothing_to_trace(labels):
    polygons = trace(labels)
    assert len(polygons) == 0
    assert polygons.groups.tolist() == [0]
    assert (rasterize(polygons) == labels).all()


@pytest.mark.parametrize("labels", [np.zeros(3, int), np.zeros((3, 4)), [[-1, 2]]])
def test_no_labels(labels):
    with pytest.raises(ValueError, match="labels"):
        trace(labels)
