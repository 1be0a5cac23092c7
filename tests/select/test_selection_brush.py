"""The brush selects what is under it and like its center; regions are whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_emseg as emseg
from napari_emseg import select
from napari_emseg.engine.hierarchy.region_tree import RegionTree, grow
from napari_emseg.select import selection_brush
from napari_emseg.select.color_distance import SELECTED, Anchors
from napari_emseg.select.color_index import as_scene
from napari_emseg.select.components import connected_to

SHAPE = (50, 70)


def halves(rng):
    """Return two halves of different color, with noise."""
    image = np.full((*SHAPE, 3), (60, 120, 60), np.uint8)
    image[:, 40:] = (200, 60, 60)
    return (image + rng.integers(0, 4, image.shape)).astype(np.uint8)


@pytest.fixture
def image():
    return halves(np.random.default_rng(2))


def wands(image, path, radius, tolerance, *, sample_size=1, connectivity=4):
    """Return what a wand finds under each place of a brush, one after another."""
    scene = as_scene(image, channel_axis=None, rgb=None)
    out, half = np.zeros(scene.shape, bool), sample_size // 2
    y, x = np.indices(scene.shape)
    points = selection_brush._check_path(path, radius, scene.shape)
    for at in selection_brush._centers(points, radius, scene.shape):
        sample = tuple(slice(max(n - half, 0), n + half + 1) for n in at)
        colors = scene.colors(sample)
        if len(colors):
            score = Anchors(colors.mean(axis=0, keepdims=True), tolerance, soft=False)
            whole = tuple(slice(0, n) for n in scene.shape)
            near = scene.score(whole, score) >= SELECTED
            near &= (y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2
            seed = (y == at[0]) & (x == at[1]) & near
            out |= connected_to(near, seed, connectivity)
    return out


KINDS = {
    "rgb": lambda rng: rng.integers(0, 3, (23, 31, 3), np.uint8) * 9,
    "rgba": lambda rng: rng.integers(0, 2, (23, 31, 4), np.uint8) * 200,
    "gray": lambda rng: rng.integers(0, 5, (23, 31), np.uint8) * 10,
    "floats": lambda rng: np.where(
        rng.random((23, 31)) < 0.1, np.nan, rng.normal(0, 9, (23, 31)).astype("f4")
    ),
}


@given(
    kind=st.sampled_from([*KINDS]),
    seed=st.integers(0, 9),
    path=st.lists(st.tuples(*[st.floats(-20, 50)] * 2), min_size=1, max_size=4),
    radius=st.floats(0.3, 9),
    tolerance=st.sampled_from([0, 6.0, 30.0, 1e3]),
    sample_size=st.sampled_from([1, 3, 11]),
    connectivity=st.sampled_from([4, 8]),
    ready=st.booleans(),
)
def test_it_is_a_wand_at_each_place(
    kind, seed, path, radius, tolerance, ready, **options
):
    image = KINDS[kind](np.random.default_rng(seed))
    image = select.prepare(image) if ready else image
    found = select.brush(image, path, radius, tolerance, **options)
    wanted = wands(image, path, radius, tolerance, **options)
    np.testing.assert_array_equal(found, wanted)


def test_it_is_the_wand_under_each_place(image):
    point, radius = (20.3, 30.7), 12.5
    y, x = np.indices(SHAPE)
    disk = (y - 20) ** 2 + (x - 31) ** 2 <= radius**2
    found = select.brush(image, [point], radius, 9)
    masked = np.dstack([image, np.where(disk, 255, 0).astype(np.uint8)])
    np.testing.assert_array_equal(found, select.wand(masked, (20, 31), 9))
    assert found.sum() > 300
    assert not found[:, 40:].any()


def test_a_path_is_all_of_its_places(image):
    path = [(10, 10), (10, 30), (40, 30)]
    found = select.brush(image, path, 4, 9)
    y, x = np.indices(SHAPE)
    wide = np.zeros(SHAPE, bool)
    for at in [(10, column) for column in range(10, 31)]:
        wide |= (y - at[0]) ** 2 + (x - at[1]) ** 2 <= 16
    for row in range(10, 41):
        wide |= (y - row) ** 2 + (x - 30) ** 2 <= 16
    assert not (found & ~wide).any()
    assert found.sum() == wide.sum()
    ready = select.prepare(image)
    np.testing.assert_array_equal(select.brush(ready, path, 4, 9), found)


def test_what_is_not_joined_to_the_center_stays(image):
    image[:, 20:23] = 255
    found = select.brush(image, [(25, 15)], 12, 20)
    assert found[25, 19]
    assert not found[:, 20:].any()


def test_tolerance_of_everything_is_the_brush_alone(image):
    found = select.brush(image, [(25, 39)], 10, 1000)
    y, x = np.indices(SHAPE)
    np.testing.assert_array_equal(found, (y - 25) ** 2 + (x - 39) ** 2 <= 100)


def test_places_outside_and_transparent_pixels_do_not_count(image):
    clear = np.dstack([image, np.full(SHAPE, 255, np.uint8)])
    clear[:, :10, 3] = 0
    assert not select.brush(clear, [(25, -20), (25, 4)], 3, 1000).any()
    found = select.brush(clear, [(25, 12), (25, 300)], 5, 1000)
    assert not found[:, :10].any()
    assert found[25, 69]


def test_a_path_may_lead_far_out_and_back(image):
    near = select.brush(image, [(25, 60), (25, 80), (-20, 60), (20, 60)], 4, 1000)
    far = [(25, 60), (25, 1e9), (-1e9, 60), (20, 60)]
    found = select.brush(image, far, 4, 1000)
    assert found[25, 60:].all()
    assert found[:20, 60].all()
    assert near[25, 60:].all()


def test_regions_are_whole_if_crossed_or_half_covered(image):
    tree = emseg.hierarchy(image)
    regions = tree.cut(level=0.5)
    left = regions == regions[25, 5]
    assert left[:, :38].all()
    thin = select.brush_regions(tree, [(25, 5), (25, 8)], 1, 0.5)
    np.testing.assert_array_equal(thin, left)
    beside = select.brush_regions(tree, [(25, 37)], 8, 0.5)
    np.testing.assert_array_equal(beside, left)
    assert select.brush_regions(tree, [(25, 37), (25, 45)], 1, 0.5).all()


@pytest.mark.parametrize("radius", [0.5, 2, 3.7, 1e9])
@pytest.mark.parametrize("place", [(0, 0), (4, 6), (8, 10)])
def test_regions_of_a_pixel_are_those_under_the_brush(place, radius):
    pixels = np.arange(1, 100, dtype=np.int32).reshape(9, 11)
    tree = RegionTree(pixels, *grow(99, []))
    y, x = np.indices(pixels.shape)
    under = (y - place[0]) ** 2 + (x - place[1]) ** 2 <= radius**2
    found = select.brush_regions(tree, [place], radius, 0.5)
    np.testing.assert_array_equal(found, under)


@pytest.mark.parametrize(
    ("path", "radius", "word"),
    [
        ([(1, 1)], 0, "radius=0"),
        ([(1, 1)], np.nan, "radius=nan"),
        ([(1, 1, 1)], 2, "finite points"),
        ([(1, np.inf)], 2, "finite points"),
        (np.zeros((0, 2)), 2, "finite points"),
    ],
)
def test_wrong_numbers_are_refused(image, path, radius, word):
    with pytest.raises(ValueError, match=word):
        select.brush(image, path, radius)
    with pytest.raises(ValueError, match=word):
        select.brush_regions(emseg.hierarchy(image), path, radius)
    with pytest.raises(ValueError, match="one plane"):
        select.brush(np.zeros((3, 5, 6), np.uint8), [(1, 1)], 2)
