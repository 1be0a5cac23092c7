"""Outlines against skimage's drawing, edges that are known, and the tree's own cuts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage as ndi
from skimage.draw import polygon2mask

from napari_emseg import select
from napari_emseg.engine.hierarchy.build import hierarchy

# Off the lattice, since rules differ for centers exactly on a side.
OFF = np.array([0.0371, 0.0137])
COORDINATES = st.tuples(st.floats(-9, 29), st.floats(-9, 39))

CURVE = [(2, 3), (30, 8), (35.5, 44), (12, 20), (5, 46), (1, 30)]


@given(st.lists(COORDINATES, min_size=3, max_size=9))
def test_polygon_is_that_of_skimage(points):
    path = np.round(points, 1) + OFF
    found = select.polygon((20, 30), path)
    assert (found == polygon2mask((20, 30), path)).all()


@given(st.lists(COORDINATES, min_size=3, max_size=7), st.integers(0, 6))
def test_outlines_do_not_depend_on_start_and_direction(points, first):
    path = np.round(points, 1) + OFF
    other = np.roll(path, first, axis=0)[::-1]
    for tool in (select.polygon, select.lasso):
        assert (tool((20, 30), path) == tool((20, 30), other)).all()
        assert (tool((20, 30), path) <= select.lasso((20, 30), path)).all()


def test_halves_meet_without_gap_or_overlap():
    corners = [(0.0, 0.0), (0.0, 30.0), (20.0, 30.0), (20.0, 0.0)]
    one = select.polygon((20, 30), [corners[0], corners[1], corners[2]])
    two = select.polygon((20, 30), [corners[0], corners[2], corners[3]])
    assert (one ^ two).all()


def test_loop_of_a_lasso_is_no_hole():
    angle = np.linspace(0, 4 * np.pi, 200)
    path = np.stack([50 + 30 * np.sin(angle), 50 + 30 * np.cos(angle)], axis=1)
    y, x = np.indices((100, 100)) - 50
    gap = np.hypot(y, x)
    found = select.lasso((100, 100), path)
    assert found[gap < 29.9].all()
    assert not found[gap > 30].any()
    assert select.polygon((100, 100), path)[gap < 29].sum() == 0


@pytest.mark.parametrize("soft", [False, True])
def test_ellipse_has_its_area(soft):
    found = select.ellipse((80, 120), (10, 20), (70, 100), soft=soft)
    assert found.sum() == pytest.approx(np.pi * 30 * 40, rel=0.004)
    y, x = ndi.center_of_mass(found)
    assert (y, x) == (pytest.approx(40), pytest.approx(60))
    ball = select.ellipse((40, 40, 40), (5, 5, 5), (35, 35, 35), soft=soft)
    assert ball.sum() == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.004)


def test_soft_outlines_give_the_share_of_a_pixel():
    corners = [(2.25, 3.0), (2.25, 7.5), (6.0, 7.5), (6.0, 3.0)]
    for tool in (select.polygon, select.lasso):
        soft = tool((12, 12), corners, soft=True)
        assert soft.dtype == np.float32
        # The pixel at 2 reaches to 2.5: a quarter of it is inside.
        assert soft[2, 5] == 0.25
        assert soft[4, 3] == 0.5
        assert soft[4, 5] == 1
        assert soft.sum() == pytest.approx(3.75 * 4.5)
        hard = tool((12, 12), np.array(corners) + 0.01)
        assert ((soft > 0.5) <= hard).all()


@given(COORDINATES, COORDINATES)
def test_rectangle_holds_the_centers_between_its_corners(one, two):
    found = select.rectangle((20, 30), one, two)
    y, x = np.indices((20, 30))
    low, high = np.minimum(one, two), np.maximum(one, two)
    inside = (y >= low[0]) & (y <= high[0]) & (x >= low[1]) & (x <= high[1])
    assert (found == inside).all()
    assert (select.ellipse((20, 30), one, two) <= found).all()


def test_cuboid():
    found = select.rectangle((4, 5, 6), (1, 1, 1), (2, 3, 4))
    assert found.sum() == 2 * 3 * 4


@pytest.mark.parametrize("kind", ["rgb", "grey", "float", "two", "five"])
def test_scissors_snap_to_the_edge(kind):
    y, x = np.indices((200, 220))
    truth = (y - 100) ** 2 + ((x - 110) / 1.3) ** 2 < 60**2
    noise = np.random.default_rng(0).normal(0, 6, (200, 220, 5))
    channels = np.where(truth[..., None], (180, 60, 40, 90, 120), (70, 110, 90, 40, 60))
    values = (channels + noise).clip(0, 255)
    image, ways = {
        "rgb": (values[..., :3].astype(np.uint8), {}),
        "grey": (values[..., 0].astype(np.uint8), {}),
        "float": (values[..., 0] * 3.7 - 90, {}),
        "two": (values[..., :2], {"channel_axis": -1}),
        "five": (values, {"channel_axis": -1}),
    }[kind]
    angles = np.arange(8) * np.pi / 4 + 0.2
    points = np.stack([100 + 60 * np.sin(angles), 110 + 78 * np.cos(angles)], axis=1)
    found = select.scissors(image, points, **ways)
    straight = select.lasso(truth.shape, points)
    assert (found & truth).sum() / (found | truth).sum() > 0.95
    assert (found ^ truth).sum() < 0.5 * (straight ^ truth).sum()


@pytest.mark.parametrize("side", [12, 40, 300])
@pytest.mark.parametrize("outer", [0, 1])
def test_scissors_are_exact_where_the_sides_differ(side, outer):
    """Whether the points lie on the last pixels inside or on the first outside."""
    truth = np.zeros((side + 40, side + 60), bool)
    truth[20 : 20 + side, 20 : 40 + side] = True
    image = np.where(truth[..., None], (190, 60, 40), (20, 30, 60)).astype(np.uint8)
    image += np.random.default_rng(0).integers(0, 9, image.shape, np.uint8)
    low, right, bottom = 20 - outer, 39 + side + outer, 19 + side + outer
    points = [(low, low), (low, right), (bottom, right), (bottom, low)]
    assert (select.scissors(image, points) == truth).all()


def test_scissors_leave_what_cannot_be_told_apart():
    noise = np.random.default_rng(0).integers(0, 255, (60, 60), np.uint8)
    points = [(10, 10), (10, 50), (50, 50), (50, 10)]
    path = select.scissors_path(noise, points, closed=True)
    drawn = select.lasso(noise.shape, path)
    assert (select.scissors(noise, points) ^ drawn).mean() < 0.01


@pytest.mark.parametrize("soft", [False, True])
def test_scissors_at_one_place_select_nothing(soft):
    for points in ([(5, 5), (5, 5)], [(5, 5), (5, 6)]):
        found = select.scissors(np.ones((9, 9)), points, soft=soft)
        assert found.dtype == (np.float32 if soft else bool)
        assert found.shape == (9, 9)
        assert not found.any()


def test_path_of_scissors_is_connected():
    image = np.random.default_rng(1).integers(0, 255, (150, 150, 3), np.uint8)
    points = [(10, 12), (100, 120), (140, 20)]
    path = select.scissors_path(image, points)
    assert path[0].tolist() == [10, 12]
    assert path[-1].tolist() == [140, 20]
    assert (abs(np.diff(path, axis=0)).max(axis=1) == 1).all()
    assert [100, 120] in path.tolist()
    closed = select.scissors_path(image, points, closed=True)
    assert (closed[: len(path)] == path).all()
    assert abs(closed[-1] - closed[0]).max() == 1


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    "draw",
    [
        lambda shape, soft: select.lasso(shape, CURVE, soft=soft),
        lambda shape, soft: select.polygon(shape, CURVE, soft=soft),
        lambda shape, soft: select.ellipse(shape, (3, 4), (20, 30.5), soft=soft),
        lambda shape, soft: select.rectangle(shape, (3, 4), (20, 30.5)),
    ],
)
def test_what_is_drawn_on_a_plane_cuts_a_prism(draw, soft):
    plane, prism = draw((40, 50), soft), draw((2, 3, 40, 50), soft)
    assert prism.shape == (2, 3, 40, 50)
    assert prism.dtype == plane.dtype
    assert (prism == plane).all()
    prism[0] = 0  # which is an array of its own
    assert (prism[1] == plane).all()


@pytest.mark.parametrize("rgb", [False, True])
def test_scissors_cut_a_prism_along_the_edges_of_their_plane(rgb):
    volume = np.random.default_rng(3).integers(0, 40, (3, 60, 70), np.uint8)
    volume[1, 15:45, 20:50] += 150
    if rgb:
        volume = np.repeat(volume[..., np.newaxis], 3, axis=-1)
    corners = [(15, 20), (15, 49), (44, 49), (44, 20)]
    found = select.scissors(volume, [(1, *corner) for corner in corners], rgb=rgb)
    assert (found == select.scissors(volume[1], corners, rgb=rgb)).all()
    assert found[:, 15:45, 20:50].all()
    assert found.sum() == 3 * 30 * 30
    path = select.scissors_path(volume, [(1, *corner) for corner in corners], rgb=rgb)
    assert (path == select.scissors_path(volume[1], corners, rgb=rgb)).all()


def test_region_at_is_a_region_of_the_cut():
    image = np.random.default_rng(0).normal(0, 3, (60, 80, 1)).astype(np.float32)
    image[:, 20:] += 40
    image[25:, 40:] += 30
    tree = hierarchy(image)
    last = None
    for level in (0, 0.2, 0.5, 0.8, 1):
        cut = tree.cut(level=level)
        for point in [(3, 3), (30, 50), (59, 79), (10, 70)]:
            found = select.region_at(tree, point, level)
            assert (found == (cut == cut[point])).all()
        assert last is None or (last <= found).all()
        last = found
    assert last.all()
    assert (select.region_at(tree, (3, 3)) == select.region_at(tree, (3, 3), 0.5)).all()


def test_pixel_outside_the_hierarchy_has_no_region():
    valid = np.ones((30, 30), bool)
    valid[:5] = False
    image = np.random.default_rng(0).normal(50, 9, (30, 30, 1)).astype(np.float32)
    assert not select.region_at(hierarchy(image, valid=valid), (2, 2)).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select.polygon((9, 9), [(0, 0), (1, 1)]), "three points"),
        (lambda: select.polygon((9, 9, 9), np.eye(3)), r"\(N, 2\)"),
        (lambda: select.lasso((9,), [(0, 0), (1, 1), (2, 0)]), "on a plane"),
        (lambda: select.lasso((9, 9), [(0, 0), (np.nan, 1), (2, 2)]), "finite"),
        (lambda: select.rectangle((9, 9), (1, 2, 3), (1, 2, 3)), "2 finite numbers"),
        (lambda: select.scissors(np.ones((9, 9)), [(1, 1)]), "two or more"),
        (lambda: select.scissors(np.ones((9, 9)), [(1, 1), (9, 9)]), "not inside"),
        (
            lambda: select.scissors(np.ones((4, 9, 9)), [(1, 1, 1), (2, 1, 8)]),
            "points of one plane",
        ),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_level_is_named():
    tree = hierarchy(np.zeros((5, 5, 1)))
    with pytest.raises(ValueError, match="level=2"):
        select.region_at(tree, (1, 1), 2)
