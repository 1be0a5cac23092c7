"""Shapes of selections: against scipy and skimage, and laws of sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi
from skimage import measure, morphology

from napari_emseg import select
from napari_emseg.select import morphology as shape

SHAPES = hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=9)
MASKS = hnp.arrays(bool, SHAPES)


def blobs(seed=0, size=(80, 110), sigma=3):
    noise = np.random.default_rng(seed).normal(size=size)
    return ndi.gaussian_filter(noise, sigma) > 0.02


def disk(ndim, radius):
    reach = int(radius)
    ball = np.indices((2 * reach + 1,) * ndim) - reach
    return (ball**2).sum(axis=0) <= radius**2


@pytest.mark.parametrize("soft", [False, True])
@given(data=st.data())
def test_combinations_are_those_of_sets(soft, data):
    a = data.draw(MASKS)
    b = data.draw(hnp.arrays(bool, a.shape))
    one, two = (a.astype(np.float32), b.astype(np.float32)) if soft else (a, b)
    expected = {
        "new": b,
        "add": a | b,
        "subtract": a & ~b,
        "intersect": a & b,
        "xor": a ^ b,
    }
    for mode, wanted in expected.items():
        found = select.combine(one, two, mode)
        assert found.dtype == (np.float32 if soft else bool)
        assert (found == wanted).all()
    assert (select.invert(one) == ~a).all()


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_soft_combinations_stay_coverage_and_keep_de_morgan(x, y):
    a, b = np.full((2, 2), x, np.float32), np.full((2, 2), y, np.float32)
    for mode in shape.MODES:
        found = select.combine(a, b, mode)
        assert found.dtype == np.float32
        assert ((found >= 0) & (found <= 1)).all()
    union = select.invert(select.combine(a, b, "add"))
    both = select.combine(select.invert(a), select.invert(b), "intersect")
    assert (union == both).all()


@given(data=st.data())
def test_combinations_are_an_algebra(data):
    """Hard and soft: order does not matter, nothing and everything are neutral."""
    kind = data.draw(st.sampled_from(["bool", "float32"]))
    values = st.floats(0, 1, width=32) if kind == "float32" else None
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=6))
    a, b = (data.draw(hnp.arrays(kind, shape, elements=values)) for _ in range(2))
    before = a.copy(), b.copy()
    none, every = np.zeros(shape, kind), np.ones(shape, kind)
    combine = select.combine
    for mode in ("add", "intersect", "xor"):
        assert (combine(a, b, mode) == combine(b, a, mode)).all()
    for mode in ("add", "intersect"):
        assert (combine(a, a, mode) == a).all()
    assert (combine(a, none, "add") == a).all()
    assert (combine(a, every, "intersect") == a).all()
    assert (combine(a, none, "subtract") == a).all()
    np.testing.assert_allclose(combine(a, none, "xor"), a)
    np.testing.assert_allclose(combine(a, every, "xor"), select.invert(a))
    outside = combine(a, select.invert(b), "intersect")
    np.testing.assert_allclose(combine(a, b, "subtract"), outside)
    np.testing.assert_allclose(select.invert(select.invert(a)), a, atol=1e-7)
    if kind == "bool":
        either = combine(combine(a, b, "add"), combine(a, b, "intersect"), "subtract")
        assert (combine(a, b, "xor") == either).all()
    assert (a == before[0]).all()
    assert (b == before[1]).all()


@pytest.mark.parametrize("pixels", [1, 1.5, 2, 5, 13])
@pytest.mark.parametrize("size", [(80, 110), (20, 24, 28)])
def test_grow_and_shrink_are_distances(pixels, size):
    mask = blobs(1, size) & blobs(2, size)
    to_mask = ndi.distance_transform_edt(~mask)
    grown = select.grow(mask, pixels)
    assert (grown == (to_mask <= pixels + 1e-6)).all()
    shrunk = select.shrink(mask, pixels)
    assert (shrunk == (ndi.distance_transform_edt(mask) > pixels + 1e-6)).all()
    assert shrunk.sum() < mask.sum() < grown.sum()


@pytest.mark.parametrize("pixels", [2, 4.5, 9])
def test_slices_that_are_thick_count_for_more(pixels):
    mask, spacing = blobs(1, (20, 24, 28)) & blobs(2, (20, 24, 28)), (2.0, 0.5, 0.5)
    away = ndi.distance_transform_edt(~mask, sampling=(4, 1, 1))
    grown = select.grow(mask, pixels, spacing=spacing)
    assert (grown == (away <= pixels)).all()
    assert (
        select.grow(mask, pixels, spacing=(3, 3, 3)) == select.grow(mask, pixels)
    ).all()
    shrunk = select.shrink(mask, pixels, spacing=spacing)
    assert (shrunk == ~select.grow(~mask, pixels, spacing=spacing)).all()
    soft = select.grow(mask * np.float32(0.5), pixels, spacing=spacing)
    assert ((soft > 0) ^ grown).mean() < 0.02
    with pytest.raises(ValueError, match="positive length of a pixel for each"):
        select.grow(mask, pixels, spacing=(1, 2))


def test_exact_distances_count():
    mask = np.zeros((200, 200), bool)
    mask[100, 100] = True
    y, x = np.indices(mask.shape) - 100
    for pixels in (5, 13, 65, 85):
        assert (select.grow(mask, pixels) == (y**2 + x**2 <= pixels**2)).all()


@pytest.mark.parametrize("size", [(40, 50), (12, 14, 16)])
def test_coverage_grows_to_the_largest_around(size):
    soft = np.random.default_rng(0).random(size).astype(np.float32) ** 9
    for pixels in (1, 2.5, 6):
        wanted = ndi.grey_dilation(soft, footprint=disk(len(size), pixels))
        assert (select.grow(soft, pixels) == wanted).all()
    assert (select.grow(soft, 0) == soft).all()


def test_large_disks_of_coverage_are_sums_of_small_ones():
    mask = np.zeros((90, 90), np.float32)
    mask[45, 45] = 0.5
    soft, hard = select.grow(mask, 30), select.grow(mask > 0, 30)
    assert set(np.unique(soft)) == {0.0, 0.5}
    assert ((soft > 0) ^ hard).sum() < 0.05 * hard.sum()


@given(MASKS, st.integers(0, 4))
def test_laws_of_growing(mask, pixels):
    grown, shrunk = select.grow(mask, pixels), select.shrink(mask, pixels)
    assert (shrunk <= mask).all()
    assert (mask <= grown).all()
    assert (select.shrink(select.invert(mask), pixels) == ~grown).all()
    if mask.all():
        assert shrunk.all()


@given(data=st.data(), one=st.floats(0, 5), two=st.floats(0, 5))
def test_growing_is_dual_to_shrinking_and_monotone(data, one, two):
    """Of coverage too, whose largest around a pixel is one less the smallest."""
    kind = data.draw(st.sampled_from(["bool", "float32"]))
    values = st.floats(0, 1, width=32) if kind == "float32" else None
    mask = data.draw(hnp.arrays(kind, (7, 9), elements=values))
    less, more = sorted([one, two])
    assert (select.grow(mask, less) <= select.grow(mask, more)).all()
    assert (select.shrink(mask, less) >= select.shrink(mask, more)).all()
    other = select.invert(select.grow(select.invert(mask), one))
    np.testing.assert_allclose(select.shrink(mask, one), other, atol=1e-7)
    # What both have around them is around both.
    part = select.combine(mask, np.roll(mask, 3), "intersect")
    assert (select.grow(part, one) <= select.grow(mask, one)).all()


@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_border_is_a_band_of_its_width(width):
    mask = np.zeros((60, 60), bool)
    mask[:, 30:] = True
    band = select.border(mask, width)
    assert (band.sum(axis=1) == width).all()
    inside = (band & mask).sum(axis=1)
    assert (inside == -(-width // 2)).all()


@pytest.mark.parametrize("size", [(80, 110), (20, 24, 28)])
def test_feather_is_a_gaussian(size):
    mask = np.zeros(size, bool)
    mask[(slice(8, 14),) * len(size)] = True
    soft = select.feather(mask, 2)
    assert soft.dtype == np.float32
    wanted = ndi.gaussian_filter(mask.astype(float), 2, mode="nearest")
    assert abs(soft - wanted).max() < 2e-4
    assert (select.feather(mask, 0) == mask).all()


def test_feathering_keeps_the_place_of_the_outline():
    mask = np.zeros((60, 60), bool)
    mask[:, 30:] = True
    for radius in (0.5, 3, 7):
        assert (select.harden(select.feather(mask, radius)) == mask).all()
        assert (select.smooth(mask, radius) == mask).all()


def test_smooth_makes_outlines_shorter():
    mask = blobs(3, sigma=1)
    lengths = [measure.perimeter(select.smooth(mask, r)) for r in (0, 1, 2, 4)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < 0.6 * lengths[0]
    assert (select.smooth(mask, 0) == mask).all()
    soft = mask.astype(np.float32)
    assert (select.smooth(soft, 2) == select.feather(soft, 2)).all()


@pytest.mark.parametrize("size", [(80, 110), (16, 20, 24)])
def test_holes(size):
    mask = blobs(4, size, 1)
    assert (select.fill_holes(mask) == ndi.binary_fill_holes(mask)).all()
    wanted = morphology.remove_small_holes(np.pad(mask, 1), max_size=6, connectivity=1)[
        (slice(1, -1),) * len(size)
    ]
    found = select.fill_holes(mask, 6)
    assert (found == np.where(select.fill_holes(mask), wanted, mask)).all()
    assert mask.sum() < found.sum() <= select.fill_holes(mask).sum()


def test_points_in_time_have_their_own_holes():
    ring = np.ones((3, 3, 3), bool)
    ring[1, 1, 1] = False
    series = np.stack([ring, ~ring])
    assert select.fill_holes(series)[0].all()
    assert select.fill_holes(series)[1].sum() == 1
    assert select.largest(np.stack([ring, ring])).sum() == 26


@pytest.mark.parametrize("size", [(80, 110), (16, 20, 24)])
@pytest.mark.parametrize("connectivity", [4, 8])
def test_small_pieces(size, connectivity):
    mask = blobs(5, size, 1) & blobs(6, size, 1)
    ndim = len(size)
    joined = 1 if connectivity == 4 else ndim
    found = select.remove_small(mask, 9, connectivity=connectivity)
    wanted = morphology.remove_small_objects(mask, max_size=8, connectivity=joined)
    assert (found == wanted).all()
    assert 0 < found.sum() < mask.sum()
    names = measure.label(mask, connectivity=joined)
    most = np.bincount(names[names > 0]).argmax()
    top = select.largest(mask, connectivity=connectivity)
    assert top.sum() == (names == most).sum()
    assert (top <= mask).all()


def test_soft_selections_keep_their_coverage():
    soft = np.zeros((9, 9), np.float32)
    soft[1:8, 1:8] = 0.7
    soft[4, 4] = 0.1
    soft[0, 8] = 0.9
    filled = select.fill_holes(soft)
    assert filled[4, 4] == 1
    assert filled[4, 3] == np.float32(0.7)
    kept = select.largest(soft)
    assert kept[0, 8] == 0
    assert (kept[1:8, 1:8] == soft[1:8, 1:8]).all()
    assert (select.remove_small(soft, 2) == kept).all()


@given(MASKS)
def test_every_shape_works_and_no_input_changes(mask):
    before = mask.copy()
    for call in (
        lambda m: select.grow(m, 2),
        lambda m: select.shrink(m, 2),
        lambda m: select.border(m, 3),
        lambda m: select.smooth(m, 1),
        lambda m: select.fill_holes(m, 3),
        lambda m: select.remove_small(m, 2),
        lambda m: select.largest(m),
        lambda m: select.harden(select.feather(m, 1.5)),
        select.invert,
    ):
        found = call(mask)
        assert found.shape == mask.shape
        assert found.dtype == bool
        assert not np.may_share_memory(found, mask)
    assert (mask == before).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: select.combine(m, m, "or"), "mode='or'"),
        (lambda m: select.combine(m, m[1:]), "shape"),
        (lambda m: select.grow(m, -1), "pixels=-1"),
        (lambda m: select.feather(m, np.nan), "radius=nan"),
        (lambda m: select.border(m, 0), "width=0"),
        (lambda m: select.border(m, np.inf), "width=inf"),
        (lambda m: select.harden(m, 3), "threshold=3"),
        (lambda m: select.largest(m, connectivity=6), "connectivity=6"),
        (lambda m: select.invert(m[0]), "at least Y and X"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((4, 5), bool))


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (0, 2, 3), (2, 3, 4, 0)])
def test_selections_without_pixels_stay_empty(size):
    mask = np.ones(size, bool)
    for call in (
        lambda m: select.grow(m, 2),
        lambda m: select.shrink(m, 2),
        lambda m: select.smooth(m, 1),
        select.fill_holes,
        select.largest,
        lambda m: select.remove_small(m, 2),
    ):
        assert call(mask).shape == size


def test_text_is_no_selection():
    with pytest.raises(TypeError, match="pass bool"):
        select.invert([["a", "b"]])


@pytest.mark.parametrize("change", [select.feather, select.smooth])
def test_a_blur_that_is_too_wide_is_refused(change):
    with pytest.raises(
        ValueError, match=r"radius=1e\+12 pixels, but 10000 are the most"
    ):
        change(np.eye(9, dtype=bool), 1e12)
