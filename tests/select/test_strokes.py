"""Strokes and boxes become outlines, on any kind of image."""

import warnings

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_emseg import select
from napari_emseg.engine.scribbles.refine import keep_touched, refine
from napari_emseg.engine.scribbles.stroke_model import (
    compare,
    path_distances,
    shrink_strokes,
    straight_distances,
    widen_strokes,
)
from napari_emseg.select.object_box import best_threshold


@pytest.fixture
def scene():
    """Make a disk on a ramp, both noisy, and strokes on both."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :100]
    truth = (y - 40) ** 2 + (x - 45) ** 2 < 24**2
    image = np.stack([60 + x, 90 + 0 * x, 120 - y], axis=-1).astype(float)
    image[truth] = (180, 60, 40)
    image += rng.normal(0, 12, image.shape)
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[5:7, 5:95] = 1
    strokes[73:75, 5:95] = 1
    strokes[39:41, 35:55] = 2
    return image.clip(0, 255).astype(np.uint8), strokes, truth


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_disk_is_found(scene):
    image, strokes, truth = scene
    found = select.scribbles(image, strokes)
    assert found.dtype == np.uint8
    assert found.shape == truth.shape
    assert iou(found == 2, truth) > 0.95


def test_strokes_keep_their_class_and_inputs_stay(scene):
    image, strokes, _ = scene
    strokes[40, 2:20] = 2
    before = image.copy(), strokes.copy()
    found = select.scribbles(image, strokes)
    assert (found[strokes > 0] == strokes[strokes > 0]).all()
    assert (image == before[0]).all()
    assert (strokes == before[1]).all()
    assert (select.scribbles(image, strokes) == found).all()


def test_every_piece_touches_a_stroke(scene):
    image, strokes, truth = scene
    image[60:70, 80:90] = (180, 60, 40)
    found = select.scribbles(image, strokes)
    for label in (1, 2):
        pieces, n_pieces = ndi.label(found == label)
        assert n_pieces == len(np.unique(pieces[strokes == label]))
    assert iou(found == 2, truth) > 0.9


@pytest.mark.parametrize("kind", ["gray", "float", "channels", "rgba", "int16"])
def test_kinds_of_images(scene, kind):
    rgb, strokes, truth = scene
    options = {}
    image = rgb[..., 0]
    if kind == "float":
        image = image * 1e-4 - 3.0
    elif kind == "channels":
        image = np.stack([image, rgb[..., 2]] * 3).astype(np.float64)
        options = {"channel_axis": 0}
    elif kind == "rgba":
        image = np.dstack([rgb, np.full(truth.shape, 255, np.uint8)])
    elif kind == "int16":
        image = image.astype(np.int16) * -50
    assert iou(select.scribbles(image, strokes, **options) == 2, truth) > 0.93
    assert iou(select.box(image, (12, 17, 68, 73), **options), truth) > 0.9


def test_more_classes_keep_their_numbers():
    rng = np.random.default_rng(1)
    truth = np.repeat([4, 2, 7, 200], 25)[np.newaxis] * np.ones((60, 1), int)
    image = np.choose(np.searchsorted([2, 4, 7, 200], truth), [40, 100, 160, 220])
    image = (image + rng.normal(0, 8, truth.shape)).clip(0, 255).astype(np.uint8)
    strokes = np.zeros(truth.shape, np.int64)
    for x in (12, 37, 62, 87):
        strokes[10:50, x] = truth[0, x]
    found = select.scribbles(image, strokes, background=None)
    assert (found == truth).mean() > 0.97


def test_order_of_classes_does_not_matter(scene):
    image, strokes, _ = scene
    swapped = np.array([0, 2, 1])[strokes]
    found = select.scribbles(image, strokes, background=1)
    other = select.scribbles(image, swapped, background=2)
    assert (np.array([0, 2, 1])[other] == found).mean() > 0.999


def test_background_gets_what_is_halfway():
    image = np.full((60, 90), 7, np.uint8)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[5:55, 10] = 1
    strokes[5:55, 80] = 2
    sizes = [
        (select.scribbles(image, strokes, background=k) == 2).sum()
        for k in (1, None, 2)
    ]
    assert sizes[0] < sizes[1] < sizes[2]
    assert 0.4 < sizes[1] / image.size < 0.6


def test_smoothing_makes_outlines_shorter(scene):
    image, strokes, _ = scene
    noisy = image + np.random.default_rng(2).normal(0, 40, image.shape)
    noisy = noisy.clip(0, 255).astype(np.uint8)

    def length(smoothing):
        found = select.scribbles(noisy, strokes, smoothing=smoothing) == 2
        return np.diff(found, axis=0).sum() + np.diff(found, axis=1).sum()

    assert length(5) < length(0)


def test_invisible_pixels_get_nothing(scene):
    image, strokes, truth = scene
    gray = image[..., 0].astype(np.float32)
    gray[30:36, 40:50] = np.nan
    strokes[30, 40] = 1
    found = select.scribbles(gray, strokes)
    assert ((found == 0) == np.isnan(gray)).all()
    assert iou(found == 2, truth & ~np.isnan(gray)) > 0.9
    assert not (select.box(gray, (12, 17, 68, 73)) & np.isnan(gray)).any()


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 3), (1, 40), (5, 4)])
def test_tiny_and_constant_images(shape):
    image = np.full(shape, 9, np.uint8)
    strokes = np.zeros(shape, np.uint8)
    strokes.flat[0], strokes.flat[-1] = 1, 2
    found = select.scribbles(image, strokes)
    assert set(np.unique(found)) == {1, 2}
    assert select.box(image, (0, 0, *shape)).any()


def test_large_images_are_refined(scene):
    image, strokes, truth = scene
    factor = 12
    large = np.kron(image, np.ones((factor, factor, 1), np.uint8))
    rng = np.random.default_rng(3)
    large = (large * 0.9 + rng.integers(0, 20, large.shape)).astype(np.uint8)
    marks = np.kron(strokes, np.ones((factor, factor), np.uint8))
    goal = np.kron(truth, np.ones((factor, factor), bool))
    assert iou(select.scribbles(large, marks) == 2, goal) > 0.95
    box = factor * np.array([12, 17, 68, 73])
    assert iou(select.box(large, tuple(box)), goal) > 0.93


def test_refined_outline_is_at_the_edge():
    image = np.zeros((300, 400, 1), np.float32)
    image[:, 203:] = 100
    small = image.reshape(75, 4, 100, 4, 1).mean(axis=(1, 3))
    posterior = np.full((2, 75, 100), 0.05, np.float32)
    posterior[0, :, :51], posterior[1, :, 51:] = 0.95, 0.95
    found = refine(posterior, small, image, strength=4.0)
    assert ((found == 2) == (image[..., 0] > 0)).all()
    coarse = np.kron(posterior[1] > 0.5, np.ones((4, 4), bool))
    assert (coarse != (image[..., 0] > 0)).any()


def test_box_finds_the_disk_and_stays_inside(scene):
    image, _, truth = scene
    found = select.box(image, (12, 17, 68, 73))
    assert found.dtype == bool
    assert iou(found, truth) > 0.95
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert select.box(image, (40, 40, 41, 41)).sum() <= 1
    found = select.box(image, (30.2, 30, 55, 200))
    assert found.any()
    assert not found[:30].any()
    assert not found[55:].any()
    assert not found[:, :30].any()


def test_path_goes_round_a_wall():
    cost = np.ones((9, 9), np.float32)
    cost[:8, 4] = 1000
    strokes = np.zeros((9, 9), np.uint8)
    strokes[0, 0], strokes[0, 8] = 1, 2
    found = path_distances(cost, strokes)
    around = 4 + 8 * 2**0.5 - 0.5
    assert found.shape == (2, 9, 9)
    assert found[0, 0, 3] == pytest.approx(3)
    assert found[0, 0, 8] == pytest.approx(found[1, 0, 0])
    assert around < found[0, 0, 8] < 20


def test_straight_distances_agree_with_scipy(scene):
    strokes = scene[1]
    found = straight_distances(strokes)
    for label in (1, 2):
        exact = ndi.distance_transform_edt(strokes != label)
        np.testing.assert_allclose(found[label - 1], exact, rtol=0.03, atol=0.05)


def test_evidence_of_two_distances_is_their_contrast():
    d = np.random.default_rng(4).uniform(0, 9, (2, 50)).astype(np.float32)
    found = compare(d)
    np.testing.assert_allclose(
        found[1] - found[0], (d[0] - d[1]) / (d[0] + d[1]), atol=1e-6
    )


def test_thin_strokes_survive_shrinking():
    strokes = np.zeros((90, 90), np.uint8)
    strokes[45, 10:80] = 2
    strokes[:, 3] = 1
    found = shrink_strokes(strokes, (10, 10))
    assert found.shape == (10, 10)
    assert set(np.unique(found)) == {0, 1, 2}
    strokes[:, :2], strokes[:, 3] = 3, 0
    strokes[8, 2] = 1
    assert shrink_strokes(strokes, (10, 10)) is strokes


def test_lost_pieces_join_their_surroundings():
    labels = np.ones((20, 20), np.uint8)
    labels[4:8, 4:8] = 2
    labels[12:16, 12:16] = 2
    strokes = np.zeros_like(labels)
    strokes[0, 0], strokes[5, 5] = 1, 2
    found = keep_touched(labels, strokes)
    assert (found == 2).sum() == 16
    assert (found[4:8, 4:8] == 2).all()


def test_best_threshold_has_the_largest_expected_overlap():
    chance = np.random.default_rng(5).uniform(0.02, 0.98, 200) ** 2

    def overlap(t):
        chosen = chance >= t
        return chance[chosen].sum() / (chosen.sum() + chance[~chosen].sum())

    best = overlap(best_threshold(chance))
    assert best >= max(map(overlap, np.linspace(0.02, 0.9, 300))) - 1e-9


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"scribbles": np.zeros((80, 100), int)}, ValueError, "strokes nowhere"),
        ({"scribbles": np.ones((80, 100), int)}, ValueError, "only of class 1"),
        ({"scribbles": np.ones((80, 90), int)}, ValueError, r"shape \(80, 90\)"),
        ({"scribbles": np.full((80, 100), 256)}, ValueError, "256"),
        ({"scribbles": -np.ones((80, 100), int)}, ValueError, "-1"),
        ({"scribbles": np.ones((80, 100))}, TypeError, "float64"),
        ({"smoothing": -1}, ValueError, "smoothing is -1"),
        ({"smoothing": np.nan}, ValueError, "smoothing is nan"),
        ({"image": np.zeros((4, 80, 100))}, ValueError, "one plane"),
        ({"image": np.full((80, 100), np.nan)}, ValueError, "not finite"),
        ({"image": np.full((80, 100), 1e30)}, ValueError, "beyond ±1e"),
    ],
)
def test_wrong_strokes_are_named(scene, change, error, message):
    given = {"image": scene[0], "scribbles": scene[1]} | change
    with pytest.raises(error, match=message):
        select.scribbles(**given)


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 9), (9, 5, 5, 9), (90, 0, 99, 9), (0, 0, np.inf, 3), (1, 2, 3)],
)
def test_wrong_boxes_are_named(scene, box):
    with pytest.raises(ValueError, match="box"):
        select.box(scene[0], box)


def nuclei(seed):
    """Draw nuclei of two colors on tissue of two; return truth, and one stroke each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :200]
    image = np.where(
        ndi.gaussian_filter(rng.normal(size=y.shape), 12)[..., np.newaxis] > 0,
        (225, 180, 200),
        (240, 225, 230),
    ).astype(float)
    truth = np.zeros(y.shape, bool)
    places = [(20, 25), (40, 90), (110, 40), (130, 120), (70, 160), (140, 180)]
    for number, (cy, cx) in enumerate(places):
        disc = np.hypot(y - cy, x - cx) < 12
        image[disc] = [(90, 60, 150), (130, 90, 180)][number % 2]
        truth |= disc
    image += rng.normal(0, 6, image.shape)
    strokes = np.zeros(y.shape, np.uint8)
    for cy, cx in places[:2]:
        strokes[cy - 1 : cy + 2, cx - 5 : cx + 6] = 2
    strokes[60:63, 10:150] = 1
    return image.clip(0, 255).astype(np.uint8), strokes, truth


def test_strokes_speak_for_what_is_like_them_beside_them():
    features = np.zeros((20, 40, 1), np.float32)
    features[:, ::2] = 1
    features[:, 12:] = 50
    strokes = np.zeros((20, 40), np.uint8)
    strokes[10, 4:10], strokes[10, 14:16], strokes[10, 20:22] = 1, 2, 3
    before = strokes.copy()
    wide = widen_strokes(strokes, features)
    assert (strokes == before).all()
    assert (wide[strokes > 0] == strokes[strokes > 0]).all()
    assert (wide[7:14, 4:10] == 1).all()
    assert (wide[:, 12:14] != 1).all()
    # Two claim these.
    assert (wide[10, 17:19] == 0).all()
    assert wide[6, 5] == 0


def test_what_is_like_many_pixels_is_beside_them():
    features = np.full((1200, 1000, 2), 49.5, np.float32)
    features[:, ::2] = 49.9
    features[1151] = 49
    strokes = np.zeros(features.shape[:2], np.uint8)
    strokes[:1150] = 1
    wide = widen_strokes(strokes, features)
    assert not wide[1151].any()


def test_colors_as_those_of_two_strokes_raise_no_flag():
    image = np.zeros((9, 12), np.uint8)
    image[:, 8:] = 200
    strokes = np.zeros(image.shape, np.uint8)
    strokes[:, 0], strokes[:, 6], strokes[:, 11] = 1, 2, 3
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = select.scribbles(image, strokes, contiguous=False)
    assert (found[:, 8:] == 3).all()
    assert (found[:, :8] != 3).all()


class TestEverywhere:
    @pytest.mark.parametrize("seed", range(2))
    @pytest.mark.parametrize("smoothing", [0, 1, 20])
    def test_one_stroke_finds_all_nuclei(self, seed, smoothing):
        image, strokes, truth = nuclei(seed)
        how = {"smoothing": smoothing}
        assert iou(select.scribbles(image, strokes, **how) == 2, truth) < 0.6
        found = select.scribbles(image, strokes, contiguous=False, **how)
        assert iou(found == 2, truth) > 0.93
        mask = select.scribble_mask(image, strokes, contiguous=False, **how)
        assert (mask == (found == 2)).all()

    @pytest.mark.parametrize("seed", range(3))
    def test_what_looks_like_a_stroke_beside_it_is_of_its_class(self, seed):
        image, strokes, _ = nuclei(seed)
        found = select.scribbles(image, strokes, contiguous=False)
        assert (found[strokes > 0] == strokes[strokes > 0]).all()
        for label in (1, 2):
            own = strokes == label
            away = np.abs(image - image[own].mean(axis=0))
            like = (away <= image[own].std(axis=0)).all(axis=-1)
            beside = ndi.distance_transform_edt(~own) <= 3
            assert (found[like & beside & (strokes == 0)] == label).mean() >= 0.95

    def test_what_is_out_of_focus_stays_out(self):
        y, x = np.mgrid[:120, :160]
        image = np.full(y.shape, 200.0)
        for cy, cx, dark in ((25, 30, 120), (25, 90, 60), (90, 30, 60), (60, 60, 90)):
            image[(y - cy) ** 2 + (x - cx) ** 2 < 14**2] -= dark
        truth = image < 190
        image -= 90 * np.exp(-((y - 80) ** 2 + (x - 120) ** 2) / 2 / 14**2)
        image = ndi.gaussian_filter(image, 1)
        image += np.random.default_rng(0).normal(0, 2, image.shape)
        strokes = np.zeros(y.shape, np.uint8)
        strokes[24:27, 20:40] = strokes[24:27, 82:98] = 2
        strokes[50:53, 120:150] = 1
        found = select.scribbles(image.astype(np.uint8), strokes, contiguous=False)
        assert iou(found == 2, truth) > 0.9

    def test_large_images_are_solved_at_a_lower_resolution(self):
        image, strokes, truth = nuclei(0)
        large = [np.kron(a, np.ones((4, 4), a.dtype)) for a in (strokes, truth)]
        big = image.repeat(4, axis=0).repeat(4, axis=1)
        found = select.scribbles(big, large[0], contiguous=False)
        assert iou(found == 2, large[1]) > 0.93

    @pytest.mark.parametrize("levels", [2, 3])
    def test_images_of_few_colors_do_not_warn(self, levels):
        image = np.zeros((20, 30), np.uint8)
        image[:, 10:] = 200
        image[:, 20:] = 200 if levels == 2 else 90
        strokes = np.zeros(image.shape, np.uint8)
        strokes[3, 3], strokes[3, 13] = 4, 9
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = select.scribbles(image, strokes, contiguous=False)
        assert (found[:, :10] == 4).all()
        assert (found[:, 10:20] == 9).all()

    def test_what_is_transparent_or_nan_has_no_class(self):
        image, strokes, _ = nuclei(0)
        gray = image.mean(axis=-1)
        gray[100:, :50] = np.nan
        found = select.scribbles(gray, strokes, contiguous=False)
        assert ((found == 0) == np.isnan(gray)).all()


def test_outlines_of_blurred_things_are_at_half_of_the_light():
    y, x = np.mgrid[:120, :160]
    disk = np.hypot(y - 60, x - 80) <= 35
    light = 0.05 + 0.8 * ndi.gaussian_filter(disk.astype(float), 4)
    gray = np.rint(255 * (1.055 * light ** (1 / 2.4) - 0.055)).astype(np.uint8)
    strokes = np.zeros(disk.shape, np.uint8)
    strokes[58:62, 70:90], strokes[5:8, 10:150] = 2, 1
    image = np.stack([gray, gray, gray // 2], axis=-1)
    found = select.scribbles(image, strokes, contiguous=False) == 2
    assert found.sum() == pytest.approx(disk.sum(), rel=0.05)
