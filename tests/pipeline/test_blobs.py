"""Points to teach with: drawn as they say, and found again by the engine."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

import napari_emseg as emseg
from napari_emseg.pipeline.blobs import SIDE


def test_points_have_the_moments_of_their_classes():
    made = emseg.blobs(60_000, 3, spread=5, anisotropy=4, weights=[1, 2, 3], seed=3)
    assert made.points.dtype == np.float32
    np.testing.assert_allclose(sorted(made.weights), [1 / 6, 2 / 6, 3 / 6])
    for k in range(3):
        found = made.points[made.classes == k + 1].astype(float)
        assert len(found) / 60_000 == pytest.approx(made.weights[k], abs=0.01)
        np.testing.assert_allclose(found.mean(axis=0), made.means[k], atol=0.3)
        np.testing.assert_allclose(np.cov(found.T), made.covariances[k], atol=2.5)


@pytest.mark.parametrize("anisotropy", [1, 5])
def test_shapes_are_as_asked_for(anisotropy):
    made = emseg.blobs(10, 40, spread=3, anisotropy=anisotropy)
    axes = np.sqrt(np.linalg.eigvalsh(made.covariances))
    np.testing.assert_allclose(np.sqrt(axes.prod(axis=1)), 3)
    ratio = axes[:, 1] / axes[:, 0]
    assert ratio.max() <= anisotropy * (1 + 1e-9)
    if anisotropy > 1:
        assert ratio.min() > 1.5
        assert np.ptp(ratio) > 1


def test_same_seed_same_points_in_order():
    one, two = emseg.blobs(seed=7), emseg.blobs(seed=7)
    np.testing.assert_array_equal(one.points, two.points)
    assert (emseg.blobs(seed=8).points != one.points).any()
    assert (np.diff(one.means.sum(axis=1)) > 0).all()
    assert one.means.min() >= 0
    assert one.means.max() <= SIDE
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.points = two.points


@pytest.mark.parametrize("n_points", [500, 6000])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_engine_finds_the_classes(n_points, n_classes):
    made = emseg.blobs(n_points, n_classes, spread=4)
    found = made.segment()
    assert found.labels.shape == (1, n_points)
    assert adjusted_rand_score(made.classes, found.labels[0]) > 0.97
    np.testing.assert_allclose(found.model.means, made.means, atol=2)
    other = GaussianMixture(
        n_classes, means_init=made.means, weights_init=made.weights, tol=1e-6
    ).fit(made.points)
    assert found.objective[-1] == pytest.approx(other.score(made.points), abs=1e-3)
    # Also how many there are.
    assert made.segment(n_classes="auto").n_classes == n_classes


def test_it_is_the_real_engine():
    made = emseg.blobs(300, 3)
    found = made.segment(method="kmeans", n_classes=4)
    same = emseg.segment(
        made.points[np.newaxis],
        channel_axis=2,
        method="kmeans",
        n_classes=4,
        smoothing=0,
    )
    np.testing.assert_array_equal(found.labels, same.labels)
    assert found.objective == same.objective


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"n_points": 0}, "n_points=0 is out of bounds; choose 1 to"),
        ({"n_classes": 65}, "n_classes=65"),
        ({"spread": 0}, "spread=0"),
        ({"spread": float("nan")}, "spread=nan"),
        ({"anisotropy": 0.5}, "anisotropy=0.5"),
        ({"weights": [1, 2]}, "shares of 4 classes"),
        ({"weights": [1, 2, 0, 1]}, "numbers above 0"),
    ],
)
def test_wrong_numbers(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        emseg.blobs(**arguments)
