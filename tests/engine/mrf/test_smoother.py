"""Smoothed labels: what they keep, what they lose, and what they do not depend on."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data, measure

import napari_emseg as emseg
from napari_emseg.engine.mrf.cell_refiner import find_specks
from napari_emseg.engine.mrf.smoother import Smoother
from napari_emseg.pipeline import smoothing, source

Array = NDArray[Any]


@pytest.fixture(params=["pixels", "cells"])
def resolution(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Find labels at full resolution, or, however small the picture, at half."""
    monkeypatch.setattr(smoothing, "_HALVED", 2 if request.param == "cells" else 10**9)
    return str(request.param)


PHOTO = np.ascontiguousarray(data.chelsea()[60:217:1, 100:301:1])
MASK = np.ones(PHOTO.shape[:2], bool)
MASK[20:70, 33:90] = False
MASK[np.random.default_rng(0).random(MASK.shape) < 0.03] = False
# Three tiles of 40 pixels along each axis are enough to tell them apart.
PART = np.ascontiguousarray(PHOTO[:97, :115])
HOLES = MASK[:97, :115]
KINDS: dict[str, tuple[Array, dict[str, Any]]] = {
    "rgb": (PART, {}),
    "rgb, mask": (PART, {"mask": HOLES}),
    "rgba": (np.dstack([PART, HOLES.astype(np.uint8) * 255]), {}),
    "16 bit": (PART.astype(np.uint16) * 257, {"color": "hsv"}),
    "rgb float": (PART / np.float32(255), {"mask": HOLES}),
    "gray": (PART[..., 0], {"mask": HOLES}),
    "channels": (PART * np.float32(0.1), {"channel_axis": -1}),
    "K-means": (PART, {"method": "kmeans"}),
    "Student-t": (PART, {"distribution": "student"}),
    "texture": (PART, {"texture": 1.0, "position": 0.3}),
    "no edges": (PART, {"edges": False}),
    "weak": (PART, {"smoothing": 0.1}),
    "strong": (PART, {"smoothing": 10.0}),
    "many classes": (PART, {"n_classes": 20}),
    "one class": (PART, {"n_classes": 1}),
    "series": (np.stack([PART[..., 0]] * 2)[:, np.newaxis, np.newaxis], {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tiles_and_layout_do_not_matter(
    kind: str, resolution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, options = KINDS[kind]
    options = {"n_classes": 4} | options
    whole = emseg.segment(image, **options)
    probabilities = whole.probabilities()
    smoother = whole.labeler.smoother
    assert isinstance(smoother, Smoother)
    assert smoother.halved == (resolution == "cells")
    monkeypatch.setattr(source, "_TILE", {2: 40, 3: 40})
    found = emseg.segment(np.asfortranarray(image), **options)
    np.testing.assert_array_equal(found.labels, whole.labels)
    np.testing.assert_array_equal(whole.probabilities(), probabilities)
    labeled = whole.labels > 0
    np.testing.assert_allclose(probabilities.sum(axis=0)[labeled], 1, atol=1e-5)
    assert probabilities[:, ~labeled].sum() == 0
    best = probabilities.argmax(axis=0) + 1
    np.testing.assert_array_equal(best[labeled], whole.labels[labeled])
    if "mask" in options:
        np.testing.assert_array_equal(labeled, options["mask"])


def test_what_a_mask_hides_does_not_matter(resolution: str) -> None:
    for image in (PHOTO, PHOTO[..., 0], PHOTO / np.float32(255)):
        other = image.copy()
        other[~MASK] = image.max()
        found = [emseg.segment(x, mask=MASK, n_classes=4) for x in (image, other)]
        np.testing.assert_array_equal(found[0].labels, found[1].labels)


def test_smoothing_leaves_fewer_pieces_the_stronger(resolution: str) -> None:
    counts = []
    for strength in (0.1, 0.5, 1.0, 3.0):
        labels = emseg.segment(PHOTO, n_classes=4, smoothing=strength).labels
        counts.append(measure.label(labels, background=0, connectivity=1).max())
    plain = emseg.segment(PHOTO, n_classes=4, smoothing=0).labels
    assert measure.label(plain, background=0, connectivity=1).max() > 4 * counts[2]
    assert counts[0] > counts[1] > counts[2] > counts[3]


def test_seeds_stay_and_the_others_follow(resolution: str) -> None:
    seeds = np.zeros(PHOTO.shape[:2], np.uint8)
    seeds[5:9, 5:9] = 3
    seeds[100, 100] = 1
    labels = emseg.segment(PHOTO, n_classes=3, seed_labels=seeds).labels
    np.testing.assert_array_equal(labels[seeds > 0], seeds[seeds > 0])
    assert (labels[4:10, 4:10] == 3).mean() > 0.5


def lines(photo: Array, width: int, darker: int) -> tuple[Array, Array]:
    """Draw vertical lines into a photograph; return it, and where they are."""
    photo = cv2.resize(photo[100:300, 200:500], None, fx=3, fy=3)
    at = np.zeros(photo.shape[:2], bool)
    for x in range(40, photo.shape[1] - 40, 61):
        at[:, x : x + width] = True
    photo[at] = np.clip(photo[at].astype(int) - darker, 0, 255)
    return photo, at


@pytest.mark.parametrize(
    ("width", "darker", "least"), [(1, 160, 0.9), (1, 80, 0.98), (2, 80, 0.92)]
)
def test_thin_lines_are_kept(
    width: int, darker: int, least: float, resolution: str
) -> None:
    """Half the resolution alone loses them, and no measure of regions shows it."""
    shares = []
    # Where a class falls beside the lines changes the share of one picture by a tenth.
    for photo in (data.coffee(), data.astronaut(), data.rocket()):
        drawn, at = lines(photo, width, darker)
        kept = []
        for strength in (0, 1):
            labels = emseg.segment(drawn, n_classes=5, smoothing=strength).labels
            beside = np.roll(labels, 6, axis=1)
            kept.append((labels != beside)[at].mean())
        shares.append(kept[1] / kept[0])
    assert np.mean(shares) >= least


def nuclei(seed: int) -> tuple[Array, Array]:
    """Draw blurred, mottled discs on even ground; return them, and where they are."""
    rng = np.random.default_rng(seed)
    inside = np.zeros((240, 320), np.uint8)
    image = np.full((240, 320, 3), (185, 165, 215), np.float32)
    for _ in range(24):
        disc = np.zeros_like(inside)
        center = rng.integers(20, 300), rng.integers(20, 220)
        cv2.circle(disc, [int(x) for x in center], int(rng.integers(6, 13)), 1, -1)
        noise = rng.normal(0, 1, inside.shape).astype(np.float32)
        mottled = 90 * cv2.GaussianBlur(noise, (0, 0), 2)[..., np.newaxis]
        color = np.array((70, 40, 130)) + rng.uniform(0, 70)
        image[disc > 0] = (color + mottled)[disc > 0]
        inside |= disc
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    image = image + rng.normal(0, 1, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), inside > 0


def test_one_of_two_classes_does_not_swell_into_outlines() -> None:
    overlaps = []
    for seed in range(6):
        image, inside = nuclei(seed)
        found = emseg.segment(image, n_classes=2).labels == 1
        overlaps.append((found & inside).sum() / (found | inside).sum())
    assert np.mean(overlaps) > 0.895


def test_steps_stay_where_they_are(resolution: str) -> None:
    truth = np.zeros((90, 121), int)
    truth[:, 57:] = 1
    truth[31:60, 20:41] = 2
    noise = np.random.default_rng(0).normal(0, 4, (*truth.shape, 3))
    colors = np.array([[40, 60, 90], [200, 180, 120], [120, 20, 60]])
    image = np.clip(colors[truth] + noise, 0, 255).astype(np.uint8)
    labels = emseg.segment(image, n_classes=3).labels
    wanted = np.array([labels[truth == k].mean().round() for k in range(3)])[truth]
    assert (labels != wanted).mean() < 2e-3


def test_a_volume_of_one_slice_is_a_picture(resolution: str) -> None:
    flat = emseg.segment(PHOTO, n_classes=4).labels
    volume = emseg.segment(PHOTO[np.newaxis], n_classes=4).labels
    np.testing.assert_array_equal(volume[0], flat)


def test_large_pictures_are_halved_and_volumes_are_not() -> None:
    small, large = np.zeros((60, 60), np.uint8), np.zeros((700, 800), np.uint8)
    small[20:], large[:, 300:] = 90, 90
    for image, halved in (
        (small, False),
        (large, True),
        (large[np.newaxis], True),
        (np.stack([large] * 2), False),
    ):
        smoother = emseg.segment(image, n_classes=2).labeler.smoother
        assert isinstance(smoother, Smoother)
        assert smoother.halved == halved


def test_specks_become_what_most_of_their_neighbors_are() -> None:
    labels = np.array([[1, 1, 2, 2], [1, 3, 2, 2], [1, 1, 2, 4], [0, 1, 0, 0]], "u1")
    places, found = find_specks(labels)
    np.testing.assert_array_equal(places, [5, 11])
    np.testing.assert_array_equal(found, [1, 2])
    alone = np.array([[0, 0, 0], [0, 5, 0], [0, 0, 0]], np.uint8)
    assert find_specks(alone)[0].size == 0
