"""Color tools agree with distances computed pixel by pixel, on any kind of image."""

import warnings

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi
from skimage.color import rgb2lab
from skimage.segmentation import flood

import napari_emseg as emseg
from napari_emseg import adjust, select


def make(kind, rng, shape=(40, 50)):
    """Make an image of two smooth gradients with noise."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    rgb = np.stack([4 * x, 3 * y + x, 200 - 3 * x], axis=-1) + rng.normal(
        0, 6, (*shape[-2:], 3)
    )
    rgb = rgb.clip(0, 255)
    return {
        "rgb8": rgb.astype(np.uint8),
        "rgb16": (rgb * 257).astype(np.uint16),
        "rgbf": (rgb / 255).astype(np.float32),
        "grey8": rgb[..., 0].astype(np.uint8),
        "grey16": (rgb[..., 1] * 200 - 20_000).astype(np.int16),
        "float": rgb[..., 0] * 7.5,
        "channels": rgb[..., [0, 1, 2, 0, 1]].astype(np.uint8),
    }[kind]


KINDS = ["rgb8", "rgb16", "rgbf", "grey8", "grey16", "float", "channels"]
UNIT = {"grey16": 200, "float": 7.5, "channels": 3}


def options(kind):
    return {"channel_axis": -1} if kind == "channels" else {}


def features_of(image, kind):
    return emseg.features(image, **options(kind))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_color_range_is_a_distance(kind, prepared, rng):
    image = make(kind, rng)
    features = features_of(image, kind).astype(float)
    source = select.prepare(image, **options(kind)) if prepared else image
    ways = {} if prepared else options(kind)
    tolerance = 14.5 * UNIT.get(kind, 1)
    points = [(3, 4), (30, 40)]
    found = select.color_range(source, points, tolerance, **ways)
    gap = np.stack([np.linalg.norm(features - features[p], axis=-1) for p in points])
    gap = gap.min(axis=0)
    clear = abs(gap - tolerance) > 1e-3 * tolerance
    assert found.dtype == bool
    assert 0.02 < found.mean() < 0.9
    assert (found == (gap <= tolerance))[clear].all()


def test_delta_e_is_that_of_skimage(rng):
    image = make("rgb8", rng)
    lab = rgb2lab(image)
    gap = np.linalg.norm(lab - lab[20, 20], axis=-1)
    found = select.wand(image, (20, 20), 10, contiguous=False)
    clear = abs(gap - 10) > 0.5  # Lab of OpenCV is rounded
    assert clear.mean() > 0.8
    assert (found == (gap <= 10))[clear].all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("connectivity", [4, 8])
def test_contiguous_wand_is_the_piece_around_the_point(kind, connectivity, rng):
    image = make(kind, rng, (300, 420))
    tolerance = 9 * UNIT.get(kind, 1)
    ways = {"tolerance": tolerance, **options(kind)}
    everywhere = select.wand(image, (20, 20), contiguous=False, **ways)
    piece = select.wand(image, (20, 20), connectivity=connectivity, **ways)
    expected = flood(
        everywhere.astype(np.uint8), (20, 20), connectivity=connectivity // 4
    )
    assert 0 < piece.sum() <= everywhere.sum()
    assert (piece == expected).all()


def test_window_grows_with_the_piece():
    """A comb leaves every window through its sides."""
    mask = np.zeros((900, 900), np.uint8)
    mask[:: 2 * 30] = 1
    mask[:, 0] = 1
    piece = select.wand(mask * 200, (0, 899), 5)
    assert (piece == (mask == 1)).all()


@pytest.mark.parametrize("connectivity", [4, 8])
def test_volume_and_time(connectivity, rng):
    image = (rng.random((3, 30, 70, 60)) > 0.45).astype(np.uint8) * 100
    at = tuple(np.argwhere(image > 0)[len(np.argwhere(image > 0)) // 2])
    piece = select.wand(image, at, 10, connectivity=connectivity)
    structure = ndi.generate_binary_structure(3, 1 if connectivity == 4 else 3)
    found = ndi.label(image[at[0]], structure)[0]
    assert (piece[at[0]] == (found == found[at[1:]])).all()
    assert piece.sum() == piece[at[0]].sum() > 0


def test_soft_selections_pass_the_middle_where_hard_ones_end(rng):
    image = make("rgb8", rng)
    for contiguous in (True, False):
        ways = {"tolerance": 15, "contiguous": contiguous}
        hard = select.wand(image, (20, 20), **ways)
        soft = select.wand(image, (20, 20), soft=True, **ways)
        assert soft.dtype == np.float32
        assert 0 <= soft.min() < soft.max() <= 1
        assert ((soft >= 0.5) == hard).all()
        assert ((soft > 0) & ~hard).any()
    assert ((soft > 0.6) & (soft < 0.9)).any()


def test_sample_size_is_a_mean():
    image = np.full((9, 9), 100, np.uint8)
    image[4, 4] = 160
    assert select.wand(image, (4, 4), 10).sum() == 1
    assert select.wand(image, (4, 4), 10, sample_size=3).sum() == 80
    assert select.wand(image, (0, 0), 10, sample_size=3).sum() == 80
    with pytest.raises(ValueError, match="sample_size=2"):
        select.wand(image, (4, 4), 10, sample_size=2)


@pytest.mark.parametrize("kind", ["rgb8", "float", "channels"])
def test_similar_is_the_distance_to_the_nearest(kind, rng):
    image = make(kind, rng, (20, 24))
    features = features_of(image, kind).astype(float).reshape(480, -1)
    start = np.zeros((20, 24), bool)
    start[5:9, 6:12] = True
    tolerance = 8 * UNIT.get(kind, 1)
    found = select.similar(image, start, tolerance, **options(kind))
    gap = np.linalg.norm(features[:, None] - features[start.ravel()], axis=-1)
    gap = gap.min(axis=1).reshape(start.shape)
    clear = abs(gap - tolerance) > 1e-3 * tolerance
    assert (found == (gap <= tolerance))[clear].all()
    assert found[start].all()
    assert start.sum() < found.sum() < found.size
    soft = select.similar(image, start, tolerance, soft=True, **options(kind))
    assert ((soft >= 0.5) == found).all()
    again = select.similar(select.prepare(image, **options(kind)), start, tolerance)
    assert (again == found).all()
    grown = select.grow_similar(image, start, tolerance, **options(kind))
    names = ndi.label(found | start)[0]
    assert (grown == np.isin(names, np.unique(names[start]))).all()


def test_pixels_without_color_are_never_selected():
    image = np.full((5, 6), 2.0)
    image[2, 3] = np.nan
    assert select.wand(image, (0, 0), 1).sum() == 29
    assert not select.wand(image, (2, 3), 1).any()
    assert select.color_range(image, [(0, 0), (2, 3)], 1).sum() == 29
    rgba = np.full((5, 6, 4), 255, np.uint8)
    rgba[1, 1, 3] = 0
    for source in (rgba, select.prepare(rgba)):
        assert select.wand(source, (0, 0), 1, contiguous=False).sum() == 29
        assert not select.similar(source, np.eye(5, 6) * 0 == 1, 1).any()
        assert not select.wand(source, (1, 1), soft=True).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_near_and_brings_no_warning(value):
    """As in a stack of microscopy that was registered: pytest raises warnings."""
    image = np.linspace(0, 1, 64).reshape(8, 8)
    image[5:] = value
    for source in (image, select.prepare(image)):
        soft = select.wand(source, (2, 2), 0.3, False, soft=True)
        assert (soft[5:] == 0).all()
        np.testing.assert_array_equal(
            soft, select.color_range(source, [(2, 2)], 0.3, soft=True)
        )
        assert (soft[:5] > 0).any()


def test_default_tolerance_is_a_share_of_the_span():
    image = np.linspace(0, 1, 101)[np.newaxis].repeat(3, axis=0)
    assert select.wand(image, (0, 0)).sum() == 3 * 13
    assert select.prepare(image).span == pytest.approx(1)
    assert select.wand(image * 1000, (0, 0)).sum() == 3 * 13


def test_colors_are_in_units_of_the_image():
    image = np.zeros((4, 4, 3), np.uint8)
    image[0] = (200, 30, 40)
    ways = {"tolerance": 2, "rgb": True}
    assert select.color_range(image, colors=(200, 31, 40), **ways).sum() == 4
    wide = image.astype(np.uint16) * 257
    assert select.color_range(wide, colors=[(51400, 7710, 10280)], **ways).sum() == 4
    unit = image / 255
    assert select.color_range(unit, colors=[(0.78, 0.12, 0.16)], **ways).sum() == 4
    with pytest.raises(ValueError, match="0 to 255"):
        select.color_range(image, colors=[(300, 0, 0)], **ways)
    with pytest.raises(ValueError, match="one number for each channel"):
        select.color_range(image, colors=[(30, 0)], **ways)


@given(st.integers(0, 255), st.integers(0, 80), st.integers(0, 80))
def test_more_tolerance_selects_more(value, one, two):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    point = divmod(value, 16)
    less, more = sorted([one, two])
    small = select.wand(image, point, less, contiguous=False)
    large = select.wand(image, point, more, contiguous=False)
    assert small[point]
    assert (small <= large).all()
    assert large.sum() == min(value + more, 255) - max(value - more, 0) + 1


@st.composite
def images(draw):
    """Pictures of every kind that has few colors, so that many are close."""
    kind = draw(st.sampled_from(["uint8", "uint16", "float32"]))
    shape = draw(st.sampled_from([(6, 7), (6, 7, 3), (3, 6, 7)]))
    steps = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 12)))
    top = {"uint8": 20, "uint16": 5000, "float32": 0.08}[kind]
    channels = {2: {"rgb": False}, 3: {"rgb": True}}[len(shape)]
    if shape == (3, 6, 7):
        channels = {"channel_axis": 0}
    return (steps * float(top)).astype(kind), channels


@given(
    images(),
    st.tuples(st.integers(0, 5), st.integers(0, 6)),
    st.tuples(st.floats(0, 60), st.floats(0, 60)),
    st.booleans(),
    st.sampled_from([4, 8]),
    st.sampled_from([1, 3]),
    st.booleans(),
)
def test_more_tolerance_never_selects_less(
    image, point, tolerances, contiguous, connectivity, sample_size, soft
):
    picture, ways = image
    less, more = sorted(tolerances)
    options = {"soft": soft, **ways}
    wands, ranges = [], []
    for tolerance in (less, more):
        wands.append(
            select.wand(
                picture,
                point,
                tolerance,
                contiguous=contiguous,
                connectivity=connectivity,
                sample_size=sample_size,
                **options,
            )
        )
        ranges.append(select.color_range(picture, [point], tolerance, **options))
    for small, large in (wands, ranges):
        assert small.shape == (6, 7)
        assert (small <= large).all()
    if not soft and sample_size == 1:
        assert wands[0][point]
        assert (wands[0] <= ranges[0]).all()
        if not contiguous:
            assert (wands[1] == ranges[1]).all()
    seeds = select.color_range(picture, [point], less, **ways)
    grown = [
        select.grow_similar(picture, seeds, at, connectivity=connectivity, **ways)
        for at in (less, more)
    ]
    assert (seeds <= grown[0]).all()
    assert (grown[0] <= grown[1]).all()


def test_no_tolerance_has_no_ramp():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    for tolerance in (0, 1e-300, 1e-42):
        soft = select.wand(image, (1, 1), tolerance, soft=True)
        assert soft.dtype == np.float32
        assert (soft == (image == 5)).all()


def test_prepared_does_not_follow_the_image():
    image = np.zeros((4, 4), np.uint8)
    ready = select.prepare(image)
    image[:2] = 200
    assert select.wand(ready, (0, 0), 5).all()


def test_by_class_is_the_posterior(rng):
    image = make("rgb8", rng)
    seg = emseg.segment(image, n_classes=3)
    p = seg.probabilities()
    for k in (1, 2, 3):
        assert (select.by_class(seg, k, None) == p[k - 1]).all()
        assert (select.by_class(seg, k, 0.8) == (p[k - 1] >= 0.8)).all()
    for k in (0, 4, 1.5, "1"):
        with pytest.raises(ValueError, match="classes 1 to 3"):
            select.by_class(seg, k)
    with pytest.raises(ValueError, match="no probability"):
        select.by_class(seg, 1, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda im: select.wand(im, (99, 0), 5), "is not inside"),
        (lambda im: select.wand(im, (np.nan, 0), 5), "is not inside"),
        (lambda im: select.wand(im, (1, 2, 3), 5), "one number for each axis"),
        (lambda im: select.wand(im, (1, 2), -1), "tolerance=-1"),
        (lambda im: select.wand(im, (1, 2), 5, connectivity=6), "connectivity=6"),
        (lambda im: select.wand(im, (1, 2), 5, sample_size=2.5), "sample_size=2.5"),
        (lambda im: select.color_range(im), "neither points nor colors"),
        (lambda im: select.similar(im, np.zeros((2, 2), bool)), r"shape \(2, 2\)"),
        (lambda im: select.similar(im, np.full((40, 50), 7.0)), "0 to 1"),
    ],
)
def test_wrong_input_is_named(call, message, rng):
    with pytest.raises(ValueError, match=message):
        call(make("rgb8", rng))


def test_other_arrays_are_prepared_without_a_warning(rng):
    """Dask says that it will not be asked for its memory some day."""
    image = make("rgb8", rng)
    lazy = da.from_array(image, chunks=(16, 16, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ready = select.prepare(lazy)
        assert ready.span == select.prepare(image).span
        found = adjust.levels(lazy, gamma=2)
        assert (found == adjust.levels(image, gamma=2)).all()


def test_inputs_stay(rng):
    image = make("rgb8", rng)
    start = np.zeros((40, 50), np.float32)
    start[4:7, 4:7] = 0.7
    copies = image.copy(), start.copy()
    select.wand(image, (4, 4), 20, soft=True)
    select.grow_similar(image, start, 20)
    assert (image == copies[0]).all()
    assert (start == copies[1]).all()


@pytest.mark.parametrize("connectivity", [4, 8])
def test_wand_in_a_volume_is_the_flood_fill_of_skimage(connectivity):
    noise = np.random.default_rng(5).normal(size=(14, 40, 44))
    volume = (ndi.gaussian_filter(noise, 2) * 500 + 128).clip(0, 255).astype(np.uint8)
    for point in [(7, 20, 20), (0, 0, 0), (13, 39, 5)]:
        expected = flood(
            volume, point, connectivity=1 if connectivity == 4 else 3, tolerance=9
        )
        found = select.wand(volume, point, 9, connectivity=connectivity, rgb=False)
        assert (found == expected).all()
        assert expected.any(axis=(1, 2)).sum() > 3


def test_pieces_of_a_label_in_a_volume_are_those_of_scipy():
    noise = np.random.default_rng(6).normal(size=(12, 30, 32))
    labels = (ndi.gaussian_filter(noise, 2) > 0.01).astype(np.uint8) + 1
    numbered, _ = ndi.label(labels == 2)
    point = tuple(np.argwhere(numbered == 1)[0])
    assert (select.by_label(labels, point) == (numbered == 1)).all()


class TestMinus:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_nearer_sample_counts(self, kind, rng):
        image = make(kind, rng)
        features = features_of(image, kind).astype(float)
        plus, minus = [(5, 5), (30, 40)], [(8, 14), (20, 20)]
        unit = UNIT.get(kind, 1)
        limit = 25 * unit if kind != "rgbf" else 25

        def away(points):
            apart = [np.linalg.norm(features - features[at], axis=-1) for at in points]
            return np.min(apart, axis=0)

        found = select.color_range(image, plus, limit, minus=minus, **options(kind))
        near, other = away(plus), away(minus)
        clear = np.abs(near - other) > 1e-3 * limit
        clear &= (np.abs(near - limit) > 1e-3 * limit) & (
            np.abs(other - limit) > 1e-3 * limit
        )
        expected = (near <= limit) & ~((other <= limit) & (other <= near))
        np.testing.assert_array_equal(found[clear], expected[clear])
        plain = select.color_range(image, plus, limit, **options(kind))
        assert kind in ("grey8", "float") or (plain & ~found).any()
        soft = select.color_range(
            image, plus, limit, minus=minus, soft=True, **options(kind)
        )
        np.testing.assert_array_equal(soft >= 0.5, found)

    def test_without_a_minus_all_is_as_before(self, rng):
        image = make("rgb8", rng)
        wide = select.color_range(image, [(5, 5)], 9, minus=[], sample_size=1)
        np.testing.assert_array_equal(wide, select.color_range(image, [(5, 5)], 9))

    def test_a_sample_is_that_of_the_wand(self, rng):
        image = make("rgb8", rng)
        found = select.color_range(image, (9, 9), 9, sample_size=5)
        wand = select.wand(image, (9, 9), 9, contiguous=False, sample_size=5)
        np.testing.assert_array_equal(found, wand)
        with pytest.raises(ValueError, match="square around a pixel"):
            select.color_range(image, (9, 9), 9, sample_size=2)
