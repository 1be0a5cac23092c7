"""Softening: what fades, what stays, and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skimage import data

import napari_emseg as emseg
from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.engine.mrf import edge_preserving
from napari_emseg.engine.mrf.edge_preserving import (
    REACH,
    STEPS,
    EdgePreservingFilter,
    choose_filter,
    filter_edge_preserving,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPES = [(37, 30), (13, 15, 18)]


def textured(shape: tuple[int, ...], dims: int = 2) -> NDArray[np.float32]:
    """Make two halves (D, *S) a step of 40 apart, with texture of deviation 3."""
    noise = np.random.default_rng(3).normal(0, 3, (dims, *shape))
    noise[..., shape[-1] // 2 :] += 40
    return noise.astype(np.float32)


def reference(
    planes: NDArray[np.float32], scale: float, valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Filter pixel by pixel, neighbor by neighbor, as the formula says."""
    found = planes.astype(np.float64)
    shape = planes.shape[1:]
    for step in STEPS:
        before = found.copy()
        for at in np.ndindex(shape):
            total = before[:, *at].copy()
            weight = np.ones(())
            for way in product((-1, 0, 1), repeat=len(shape)):
                to = tuple(a + step * d for a, d in zip(at, way, strict=True))
                inside = all(0 <= t < n for t, n in zip(to, shape, strict=True))
                if not any(way) or not inside or not (valid[at] and valid[to]):
                    continue
                gap = before[:, *to] - before[:, *at]
                bond = 0.5 ** np.count_nonzero(way) * np.exp(-(gap @ gap) / 2 / scale)
                total += bond * before[:, *to]
                weight = weight + bond
            found[:, *at] = total / weight
    return found


@pytest.mark.parametrize("shape", [(11, 9), (2, 12), (5, 6, 3)])
def test_formula(shape: tuple[int, ...]) -> None:
    planes = textured(shape)
    valid = np.random.default_rng(0).random(shape) > 0.2
    found = filter_edge_preserving(planes, 30.0, valid)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(planes, 30.0, valid), rtol=1e-4)
    np.testing.assert_array_equal(found[:, ~valid], planes[:, ~valid])


@pytest.mark.parametrize("shape", SHAPES)
def test_texture_fades_and_steps_stay(shape: tuple[int, ...]) -> None:
    planes = textured(shape)
    before = planes.copy()
    found = filter_edge_preserving(planes, 64.0)
    np.testing.assert_array_equal(planes, before)
    half = shape[-1] // 2
    for part in (np.s_[..., :half], np.s_[..., half:]):
        assert found[part].std() < 0.45 * planes[part].std()
        assert found[part].mean() == pytest.approx(planes[part].mean(), abs=0.2)


def test_tiles_give_the_whole_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = textured((60, 50))
    whole = filter_edge_preserving(planes, 20.0)
    monkeypatch.setattr(edge_preserving, "_STRIP", 130)
    np.testing.assert_array_equal(filter_edge_preserving(planes, 20.0), whole)
    for top, left in ((0, 0), (20, 10), (31, 17)):
        part = filter_edge_preserving(
            planes[:, top : top + 25, left : left + 31].copy(), 20.0
        )
        inner = np.s_[:, REACH:-REACH, REACH:-REACH]
        wanted = whole[:, top : top + 25, left : left + 31][inner]
        np.testing.assert_array_equal(part[inner], wanted)


@pytest.mark.parametrize("rows", range(1, 20))
@pytest.mark.parametrize("shape", [(19, 11), (13, 4, 5)])
def test_strips_of_any_height_give_the_whole(
    shape: tuple[int, ...], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A last strip of three rows, as in 500 x 328 pixels, was refused."""
    planes = textured(shape)
    valid = np.random.default_rng(0).random(shape) > 0.2
    whole = filter_edge_preserving(planes, 20.0, valid)
    monkeypatch.setattr(edge_preserving, "_STRIP", rows * np.prod(shape[1:]))
    np.testing.assert_array_equal(filter_edge_preserving(planes, 20.0, valid), whole)


def test_flips_and_turns_commute() -> None:
    planes = textured((40, 33))
    found = filter_edge_preserving(planes, 20.0)
    for turn in (lambda a: a[:, ::-1], lambda a: np.rot90(a, axes=(1, 2))):
        turned = filter_edge_preserving(np.ascontiguousarray(turn(planes)), 20.0)
        np.testing.assert_allclose(turned, turn(found), atol=1e-4)


def test_volume_of_one_slice_is_a_picture() -> None:
    planes = textured((21, 16))
    volume = filter_edge_preserving(planes[:, np.newaxis].copy(), 20.0)
    np.testing.assert_array_equal(volume[:, 0], filter_edge_preserving(planes, 20.0))


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
    seg = emseg.segment(data.retina()[::3, ::3], n_classes=8)
    assert (seg.fractions > 0).all()
