"""Strength of the edge-preserving filter, and what becomes of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from skimage import data

import napari_emseg as emseg
from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.engine.mrf.edge_preserving import EdgePreservingFilter, choose_filter


def classes(means: Any, variance: float) -> MixtureModel:
    """Make balls of equal weight."""
    centers = np.asarray(means, float)
    k, dims = centers.shape
    return MixtureModel(
        np.full(k, 1 / k), centers, np.repeat(variance * np.eye(dims)[None], k, axis=0)
    )


def test_softness_grows_with_its_amount_and_knows_its_bounds() -> None:
    photo = classes([[20, 0, 0], [80, 0, 0]], 30.0)
    whole, half = (choose_filter(photo, amount, percent=True) for amount in (1, 0.5))
    assert whole is not None
    assert half is not None
    assert half.scale == pytest.approx(whole.scale / 2)
    assert half.floor == pytest.approx(whole.floor / 2)
    assert half.shrinkage == pytest.approx(whole.shrinkage / 2)
    assert choose_filter(photo, 0, percent=True) is None
    # Without noise, levels stay apart, and there is nothing to soften in the end.
    narrow = choose_filter(classes([[20.0], [21.0]], 1e-3), 1, percent=True)
    assert narrow is not None
    assert narrow.scale <= 4e-3
    assert narrow.floor <= 1e-3
    assert choose_filter(classes([[20.0], [21.0]], 0.0), 1, percent=False) is None


def test_units_of_an_image_do_not_matter() -> None:
    one = choose_filter(classes([[2.0], [8.0]], 0.5), 1, percent=False)
    ten = choose_filter(classes([[20.0], [80.0]], 50.0), 1, percent=False)
    assert one is not None
    assert ten is not None
    assert ten.scale == pytest.approx(100 * one.scale)
    assert ten.floor == pytest.approx(100 * one.floor)
    centers = np.array([[2.0], [8.0]])
    same = choose_filter(KMeansModel(centers, np.full(2, 0.5), 0.5), 1, percent=False)
    assert same == one


def test_many_levels_without_noise_stay_apart() -> None:
    levels = np.arange(24).repeat(12)[np.newaxis].repeat(40, axis=0) * 10
    seg = emseg.segment(levels.astype(np.uint8), n_classes=24)
    np.testing.assert_array_equal(seg.labels, levels // 10 + 1)


def test_classes_widen_and_grow_alike() -> None:
    model = MixtureModel(
        np.array([0.25, 0.75]),
        np.array([[20.0, 0.0], [80.0, 0.0]]),
        np.array([np.diag([1.0, 9.0]), np.diag([100.0, 25.0])]),
    )
    wide = EdgePreservingFilter(30.0, 6.0, 0.5).widen(model)
    assert isinstance(wide, MixtureModel)
    pooled = 0.25 * model.covariances[0] + 0.75 * model.covariances[1]
    wanted = (model.covariances + pooled) / 2
    np.testing.assert_allclose(wide.covariances, wanted)
    np.testing.assert_array_equal(wide.means, model.means)
    floor = EdgePreservingFilter(30.0, 36.0, 0.0).widen(model)
    assert isinstance(floor, MixtureModel)
    np.testing.assert_allclose(np.linalg.eigvalsh(floor.covariances).min(), 36.0)
    centers = KMeansModel(model.means, model.weights, 4.0)
    assert EdgePreservingFilter(30.0, 6.0, 0.5).widen(centers) is centers


def test_smoothing_looks_softly_and_leaves_the_model_alone() -> None:
    photo = data.coffee()[::4, ::4]
    plain = emseg.segment(photo, n_classes=4, smoothing=0)
    soft = emseg.segment(photo, n_classes=4)
    rough = emseg.segment(photo, n_classes=4, edges=False)
    for seg in (soft, rough):
        np.testing.assert_array_equal(seg.model.covariances, plain.model.covariances)
        assert seg.objective == plain.objective
    assert soft.labeler.smoother is not None
    assert rough.labeler.smoother is not None
    assert soft.labeler.smoother.texture_model is not None
    assert rough.labeler.smoother.texture_model is None
    # Fewer pieces than with edges and the same bonds, but with sharp eyes.
    sharp = replace(soft.labeler.smoother, texture_model=None)
    labels = replace(soft.labeler, smoother=sharp).labels(emseg.features(photo), None)
    assert soft.regions().max() < components(labels).max()


def test_no_class_dies_of_softening() -> None:
    seg = emseg.segment(data.retina()[::3, ::3], n_classes=8, corners=True)
    assert (seg.fractions > 0).all()
