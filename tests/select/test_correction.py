"""Strokes correct a selection, and leave the rest of it alone."""

import cv2
import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_emseg import select


@pytest.fixture(scope="module")
def scene():
    """Return a thing of two colors on a noisy ground, its parts, and a bystander."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:90, :120]
    body = (y - 45) ** 2 + (x - 40) ** 2 < 22**2
    tail = (abs(y - 45) < 8) & (x >= 58) & (x < 95) & ~body
    bystander = (y - 15) ** 2 + (x - 105) ** 2 < 8**2
    image = np.full((90, 120, 3), (60, 90, 70), float)
    image[body] = (180, 60, 40)
    image[tail] = image[bystander] = (190, 170, 60)
    image += rng.normal(0, 6, image.shape)
    return image.clip(0, 255).astype(np.uint8), body, tail, bystander


def stroke(shape, rows, columns, label):
    strokes = np.zeros(shape, np.uint8)
    strokes[rows, columns] = label
    return strokes


def test_adds_what_is_missing(scene):
    image, body, tail, bystander = scene
    strokes = stroke(body.shape, slice(44, 47), slice(66, 90), 2)
    found = select.correct(image, body, strokes)
    assert found.dtype == bool
    assert (found != (body | tail)).sum() < 12
    assert found[body].all()
    assert not found[bystander].any()


def test_takes_away_what_is_too_much(scene):
    image, body, tail, bystander = scene
    strokes = stroke(body.shape, slice(44, 47), slice(66, 90), 1)
    found = select.correct(image, body | tail | bystander, strokes)
    assert (found != (body | bystander)).sum() < 12
    assert found[bystander].all()


def test_takes_away_and_adds_at_once(scene):
    image, body, tail, bystander = scene
    strokes = stroke(body.shape, slice(44, 47), slice(66, 90), 2)
    strokes[14:17, 100:110] = 1
    found = select.correct(image, body | bystander, strokes)
    assert (found != (body | tail)).sum() < 16


def test_strokes_that_agree_change_nothing(scene):
    image, body, tail, _ = scene
    strokes = stroke(body.shape, slice(44, 47), slice(30, 50), 2)
    strokes[80:83, 10:110] = 1
    before = body | tail
    found = select.correct(image, before, strokes)
    assert (found == before).all()
    assert found is not before


@pytest.mark.parametrize("wanted", [1, 2])
def test_what_changes_touches_a_stroke_and_strokes_hold(rng, wanted):
    image = rng.integers(0, 255, (40, 50, 3), np.uint8)
    before = ndi.gaussian_filter(rng.random((40, 50)), 3) > 0.5
    strokes = stroke(before.shape, slice(18, 21), slice(4, 46), wanted)
    strokes[5, 5:40] = 3 - wanted
    found = select.correct(image, before, strokes)
    assert (found[strokes == 2]).all()
    assert not (found[strokes == 1]).any()
    changed, _ = ndi.label(found != before, np.ones((3, 3)))
    assert set(np.unique(changed)) - {0} == set(np.unique(changed[strokes > 0])) - {0}


def test_large_images_and_other_types(scene):
    image, body, tail, _ = scene
    big = cv2.resize(image, (600, 450), interpolation=cv2.INTER_CUBIC)
    mask, truth = (np.kron(m, np.ones((5, 5), bool)) for m in (body, body | tail))
    strokes = stroke(mask.shape, slice(222, 228), slice(330, 450), 2)
    found = select.correct(big, mask, strokes)
    assert (found != truth).mean() < 0.006
    gray = big[..., 0].astype(np.float64) * 31 - 900
    other = select.correct(gray, mask, strokes)
    assert (other != truth).mean() < 0.01


def test_soft_outlines_stay_where_nothing_changes(scene):
    image, body, _, _ = scene
    soft = select.feather(body, 2)
    strokes = stroke(body.shape, slice(44, 47), slice(64, 90), 2)
    found = select.correct(image, soft, strokes)
    assert found.dtype == np.float32
    left = np.s_[:, :50]
    assert (found[left] == soft[left]).all()
    # No seam of coverage is left between the body and its tail.
    assert (found[43:48, 55:90] == 1).all()


def test_starts_from_nothing_and_from_everything(scene):
    image, body, _, _ = scene
    strokes = stroke(body.shape, slice(36, 55), slice(32, 49), 2)
    found = select.correct(image, np.zeros(body.shape, bool), strokes)
    assert found[body].mean() > 0.9
    assert found[~body].mean() < 0.1
    strokes = stroke(body.shape, slice(2, 88), slice(2, 5), 1)
    found = select.correct(image, np.ones(body.shape, bool), strokes)
    assert not found[strokes == 1].any()
    assert found[body].mean() > 0.9


def test_transparent_pixels_are_not_added(scene):
    image, body, _, _ = scene
    alpha = np.full(body.shape, 255, np.uint8)
    alpha[:, 80:] = 0
    strokes = stroke(body.shape, slice(44, 47), slice(64, 90), 2)
    found = select.correct(np.dstack([image, alpha]), body, strokes)
    assert not found[:, 80:].any()
    assert found[44:47, 64:80].all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"strokes": np.full((90, 120), 3)}, ValueError, "numbers from 3 to 3"),
        ({"strokes": np.zeros((9, 12), int)}, ValueError, "draw them on this image"),
        ({"strokes": np.zeros((90, 120))}, TypeError, "strokes are of type float64"),
        ({"selection": np.zeros((9, 12), bool)}, ValueError, "selection has shape"),
        ({"smoothing": -1}, ValueError, "smoothing is -1"),
        ({"image": np.zeros((2, 90, 120))}, ValueError, "one plane"),
    ],
)
def test_refuses(scene, change, error, message):
    image, body, _, _ = scene
    given = {"image": image, "selection": body, "strokes": body.astype(np.uint8)}
    with pytest.raises(error, match=message):
        select.correct(**given | change)
