"""Impressions: what texture is, and what becomes of classes that are seen softly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skimage import data

import napari_emseg as emseg
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.mrf import texture_model
from napari_emseg.engine.mrf.edge_preserving import EdgePreservingFilter
from napari_emseg.engine.mrf.fixed_point import Unit
from napari_emseg.engine.mrf.texture_model import (
    TextureModel,
    find_line,
    fit_texture_model,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFT = EdgePreservingFilter(64.0, 6.0, 0.3)


def rough_and_flat(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    """Make one plane (1, *S): the left half is rough, the right half is flat."""
    noise = np.random.default_rng(seed).normal(0, 6, (1, *shape))
    noise[..., shape[-1] // 2 :] *= 0.1
    return (50 + noise).astype(np.float32)


def classes(means: Any, variance: Any) -> MixtureModel:
    """Make balls of equal weight."""
    centers = np.asarray(means, float)
    k, dims = centers.shape
    sizes = np.broadcast_to(variance, k)[:, np.newaxis, np.newaxis]
    return MixtureModel(np.full(k, 1 / k), centers, sizes * np.eye(dims))


def augment(
    planes: NDArray[np.float32],
    soft: EdgePreservingFilter,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Look at planes (D, *S) with room for features around 50."""
    inside = everywhere(planes) if valid is None else valid
    unit = Unit(np.full(len(planes), 50.0), np.sqrt(soft.scale) / 45.25)
    features = np.moveaxis(planes, 0, -1)
    return texture_model.augment(features, soft, unit, inside)


def everywhere(planes: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.ones(planes.shape[1:], bool)


@pytest.mark.parametrize("shape", [(60, 80), (6, 40, 50)])
def test_texture_is_what_softening_takes_away(shape: tuple[int, ...]) -> None:
    planes = rough_and_flat(shape)
    seen = augment(planes, SOFT)
    half = shape[-1] // 2
    rough, flat = seen[-1][..., : half - 12], seen[-1][..., half + 12 :]
    assert rough.min() > 2 * flat.max()
    assert seen[0][..., : half - 12].std() < 0.6 * planes[0][..., : half - 12].std()
    assert seen[0].mean() == pytest.approx(planes.mean(), abs=0.1)


def test_steps_are_less_than_texture() -> None:
    step = np.repeat([20.0, 44.0], 40)[np.newaxis, np.newaxis].repeat(50, axis=1)
    texture = augment(step.astype(np.float32), SOFT)[-1]
    noise = np.random.default_rng(0).normal(0, 4, step.shape).astype(np.float32)
    assert texture.max() < augment(step.astype(np.float32) + noise, SOFT)[-1].min()
    assert texture[:, :20].max() == 0


def test_texture_does_not_see_what_is_not_valid() -> None:
    planes = rough_and_flat((60, 80))
    hidden = planes.copy()
    hidden[:, :, 40:] = 1e4
    valid = everywhere(planes)
    valid[:, 40:] = False
    one, two = (augment(p, SOFT, valid)[:, valid] for p in (planes, hidden))
    np.testing.assert_array_equal(one, two)
    # Half of the surroundings are missing there, and the texture is as strong.
    texture = augment(planes, SOFT, valid)[-1]
    assert texture[:, 39].mean() == pytest.approx(texture[:, 20].mean(), rel=0.1)
    assert texture[:, 40:].max() == 0


@pytest.mark.parametrize("masked", [False, True])
def test_texture_of_cells_follows_that_of_pixels(masked: bool) -> None:
    planes = rough_and_flat((120, 160))
    valid = everywhere(planes)
    if masked:
        valid[30:50, 20:90] = False
    unit = Unit(np.array([50.0]), 0.2)
    features = np.moveaxis(planes, 0, -1)
    seen = texture_model.augment(features, SOFT, unit, valid)
    offset, slope = find_line(features, seen[-1], SOFT, unit, valid)
    # Means over cells have half the deviation; of nothing they have nothing.
    assert 0.5 < slope < 2
    cells = planes.reshape(1, 60, 2, 80, 2).mean(axis=(2, 4))
    texture = augment(cells, SOFT)[-1]
    for half in (np.s_[:, :30], np.s_[:, 50:]):
        large = seen[-1].reshape(60, 2, 80, 2).mean(axis=(1, 3))[half]
        found = offset + slope * texture[half]
        assert np.median(found) == pytest.approx(np.median(large), abs=3)


def test_texture_of_a_flat_picture_has_no_line() -> None:
    features = np.full((40, 40, 1), 50, np.float32)
    valid = np.ones((40, 40), bool)
    unit = Unit(np.array([50.0]), 0.2)
    texture = np.zeros((40, 40), np.float32)
    assert find_line(features, texture, SOFT, unit, valid) == (0, 1)
    nothing = np.zeros((40, 40), bool)
    assert find_line(features, texture, SOFT, unit, nothing) == (0, 1)


def test_classes_come_to_know_texture_and_keep_their_numbers() -> None:
    spots = np.random.default_rng(0).choice([46.0, 58.0], (1, 90, 120))
    spots[..., 60:] = 57
    planes = (spots + np.random.default_rng(1).normal(0, 1, spots.shape)).astype("f4")
    # By their color, half of the spots belong with the flat half.
    model = classes([[46.0], [58.0]], 9.0)
    seen = augment(planes, SOFT)
    found = fit_texture_model(model, seen, SOFT, everywhere(planes)).classes
    assert found is not None
    truth = np.repeat([1, 2], 60)[np.newaxis]
    plain = model.predict(np.moveaxis(planes, 0, -1))
    assert (plain != truth).mean() > 0.2
    labels = found.predict(np.moveaxis(seen, 0, -1))
    assert (labels != truth)[:, np.r_[:50, 70:120]].mean() < 0.02
    np.testing.assert_array_equal(model.means.ravel(), [46.0, 58.0])


def test_classes_that_are_not_there_stay_what_they_were() -> None:
    planes = rough_and_flat((80, 90))
    model = classes([[50.0], [95.0]], 20.0)
    found = fit_texture_model(model, augment(planes, SOFT), SOFT, everywhere(planes))
    assert found.classes is not None
    assert found.classes.means[1, 0] == pytest.approx(95, abs=1)


def test_user_decides_what_classes_look_like() -> None:
    planes = rough_and_flat((90, 120))
    model = classes([[50.0], [50.0]], [36.0, 4.0])
    fixed = np.repeat([2, 1], 60)[np.newaxis].repeat(90, axis=0)
    seen = augment(planes, SOFT)
    found = fit_texture_model(
        model, seen, SOFT, everywhere(planes), seed_labels=fixed
    ).classes
    assert found is not None
    assert found.means[0, -1] < found.means[1, -1]


def test_less_of_it_is_nearer_to_the_model() -> None:
    planes = np.concatenate([rough_and_flat((90, 120), seed) for seed in (3, 4)])
    model = classes([[46.0, 50.0], [58.0, 50.0]], 30.0)
    away = []
    for amount in (0.02, 0.3, 1.0):
        soft = EdgePreservingFilter(64 * amount, 6 * amount, 0.3 * amount, 1.0, amount)
        seen = augment(planes, soft)
        found = fit_texture_model(model, seen, soft, everywhere(planes)).classes
        assert found is not None
        away.append(np.abs(found.means[:, :2] - model.means).max())
    assert away[0] < 0.4
    assert away[0] < away[1] < away[2]


@pytest.mark.parametrize("kind", ["tied", "diag", "spherical"])
def test_kind_of_covariance_holds(kind: str) -> None:
    planes = np.concatenate([rough_and_flat((60, 70), seed) for seed in (5, 6)])
    model = classes([[46.0, 50.0], [58.0, 50.0]], 30.0)
    seen = augment(planes, SOFT)
    found = fit_texture_model(
        model, seen, SOFT, everywhere(planes), covariance=kind
    ).classes
    assert found is not None
    one, two = found.covariances
    if kind == "tied":
        np.testing.assert_allclose(one, two)
    else:
        np.testing.assert_allclose(one, np.diag(np.diag(one)))
    if kind == "spherical":
        np.testing.assert_allclose(one, one[0, 0] * np.eye(3))


def test_no_class_is_lost_where_noise_is_coarse() -> None:
    """The weight of a class does not help it where it is scattered all over."""
    rng = np.random.default_rng(0)
    volume = np.stack([data.camera()[::4, ::3][i : i + 90] for i in (0, 7, 30)])
    volume = np.clip(volume + rng.normal(0, 5, volume.shape), 0, 255)
    for n_classes in (4, 7):
        seg = emseg.segment(volume.astype(np.uint8), n_classes=n_classes)
        assert (seg.fractions > 0).all()


def test_poor_classes_are_spared() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 5, (4000, 2)).astype(np.float32)
    rich = MixtureModel(
        np.array([0.499, 0.499, 0.002]),
        np.array([[-3.0, 0], [3, 0], [0, 0.5]]),
        np.repeat(20 * np.eye(2)[np.newaxis], 3, axis=0),
    )
    least = np.array([100.0, 100.0, 300.0])

    def won(model: MixtureModel | None) -> NDArray[np.intp]:
        assert model is not None
        return np.bincount(model.predict(points), minlength=4)[1:]

    assert won(rich)[2] < 300
    spared = TextureModel(SOFT, rich).keep_small_classes(points, least)
    assert (won(spared.classes) >= least).all()
    assert won(spared.classes)[2] < 400
    content = TextureModel(SOFT, rich)
    assert content.keep_small_classes(points, np.zeros(3)) is content


def test_only_gaussian_classes_of_color_are_fitted_again() -> None:
    photo = data.coffee()[::4, ::4]
    for options, fitted in (
        ({}, True),
        ({"method": "kmeans"}, False),
        ({"distribution": "student"}, False),
        ({"texture": 1.0}, False),
        ({"position": 0.5}, False),
    ):
        smoother = emseg.segment(photo, n_classes=4, **options).labeler.smoother
        assert smoother is not None
        assert smoother.texture_model is not None
        assert (smoother.texture_model.classes is not None) == fitted


@pytest.mark.parametrize("noise", [0, 3])
def test_flat_drawings_stay_flat(noise: float) -> None:
    """Strips along steps are no classes, though more colors than classes are there."""
    rng = np.random.default_rng(5)
    flat = np.full((120, 160, 3), (200, 190, 160), np.uint8)
    parts = np.zeros(flat.shape[:2], int)
    for part in range(1, 8):
        y, x = rng.integers(0, 90, 2)
        where = np.s_[y : y + 30, x : x + 40]
        flat[where], parts[where] = rng.integers(0, 256, 3), part
    image = np.clip(flat + rng.normal(0, noise, flat.shape), 0, 255).astype(np.uint8)
    labels = emseg.segment(image, n_classes=4).labels
    kept = [np.bincount(labels[parts == p]).max() for p in np.unique(parts)]
    assert sum(kept) > 0.995 * parts.size
