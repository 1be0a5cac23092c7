"""Labels where noise dominates: parts of an image, what counts, and odd shapes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.mrf import fixed_field
from napari_emseg.engine.mrf.noise_smoother import NoiseSmoother

Array = NDArray[Any]
MODEL = MixtureModel(
    np.array([0.2, 0.5, 0.3]), np.arange(3.0)[:, np.newaxis], np.full((3, 1, 1), 0.5)
)
SMOOTHER = NoiseSmoother(1.5, 24 * 0.5)


def bands(shape: tuple[int, ...], seed: int = 0) -> tuple[Array, Array]:
    """Return features (*S, 1) of three bands in noise, and the truth 1..3."""
    rng = np.random.default_rng(seed)
    truth = np.broadcast_to(np.arange(shape[-1]) * 3 // shape[-1], shape)
    image = truth + rng.normal(0, 0.7, shape)
    return image[..., np.newaxis].astype(np.float32), truth + 1


@pytest.mark.parametrize("shape", [(90, 133), (30, 31, 45)])
@pytest.mark.parametrize("speckled", [False, True])
def test_tiles_give_the_whole_bit_for_bit(
    shape: tuple[int, ...], speckled: bool
) -> None:
    image, truth = bands(shape)
    valid = np.random.default_rng(1).random(shape) > 0.1
    smoother = replace(SMOOTHER, speckled=speckled)
    whole = smoother.posteriors(MODEL, image, valid)
    assert (whole[:, ~valid] == 0).all()
    wrong = (whole.argmax(axis=0) + 1 != truth)[valid]
    assert wrong.mean() < 0.03
    margin, side = smoother.halo(len(shape)), 42
    for corner in product(*(range(0, n, side) for n in shape)):
        read = tuple(
            slice(max(0, c - margin), min(n, c + side + margin))
            for c, n in zip(corner, shape, strict=True)
        )
        inner = tuple(
            slice(c - r.start, c - r.start + side)
            for c, r in zip(corner, read, strict=True)
        )
        write = tuple(slice(c, c + side) for c in corner)
        tile = smoother.posteriors(MODEL, image[read], valid[read])
        np.testing.assert_array_equal(tile[:, *inner], whole[:, *write])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 2), (33, 47), (2, 1, 30)])
def test_labels_are_the_best_of_the_posteriors(shape: tuple[int, ...]) -> None:
    image, _ = bands(shape)
    found = SMOOTHER.posteriors(MODEL, image, None)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)
    labels = SMOOTHER.labels(MODEL, image, None)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, found.argmax(axis=0) + 1)


def test_what_does_not_count_does_not_matter() -> None:
    image, _ = bands((40, 60))
    valid = np.random.default_rng(2).random((40, 60)) > 0.3
    found = SMOOTHER.labels(MODEL, image, valid)
    image[~valid] = 1e6
    again = SMOOTHER.labels(MODEL, image, valid)
    np.testing.assert_array_equal(again[valid], found[valid])


def test_neither_memory_nor_blocks_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = bands((61, 83))
    found = SMOOTHER.labels(MODEL, image, None)
    monkeypatch.setattr(fixed_field, "_BLOCK", 3 * 1024)
    again = SMOOTHER.labels(MODEL, np.asfortranarray(image), None)
    np.testing.assert_array_equal(again, found)


def test_edges_hold_where_noise_would_not() -> None:
    truth = np.ones((40, 40), int)
    truth[:, 19] = 2
    image = (truth - 1.0)[..., np.newaxis].astype(np.float32)
    blurred = replace(SMOOTHER, scale=None).labels(MODEL, image, None)
    assert (blurred == 1).all()
    kept = replace(SMOOTHER, scale=0.05).labels(MODEL, image, None)
    np.testing.assert_array_equal(kept, truth)


def test_features_of_any_range_tell_classes() -> None:
    """Integers of one unit would have no room for the smaller range."""
    rng = np.random.default_rng(3)
    truth = np.arange(80) // 20 + np.zeros((60, 1), int)
    wide = 1e4 * (truth % 2) + rng.normal(0, 3e3, truth.shape)
    narrow = 0.01 * (truth // 2) + rng.normal(0, 3e-3, truth.shape)
    model = MixtureModel(
        np.full(4, 0.25),
        np.array([[0, 0], [1e4, 0], [0, 0.01], [1e4, 0.01]]),
        np.repeat(np.diag([9e6, 9e-6])[np.newaxis], 4, axis=0),
    )
    image = np.stack([wide, narrow], axis=-1).astype(np.float32)
    found = NoiseSmoother(1.5, 24 * 9e6).labels(model, image, None)
    assert (found - 1 != truth).mean() < 0.01


def test_a_start_from_neighbors_leaves_no_specks() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(128) // 32 + np.zeros((128, 1), int)
    image = (truth + rng.normal(0, 1, truth.shape))[..., np.newaxis].astype(np.float32)
    means = np.arange(4.0)[:, np.newaxis]
    model = MixtureModel(np.full(4, 0.25), means, np.ones((4, 1, 1)))
    found = NoiseSmoother(2.0, None).labels(model, image, None)
    alone = model.predict(image)
    assert (found - 1 != truth).mean() < 0.01 < 0.4 < (alone - 1 != truth).mean()
