"""The hidden Markov random field on phantoms with known truth."""

from __future__ import annotations

import tracemalloc
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.multilevel import FitOptions
from napari_emseg.engine.mrf import fixed_field
from napari_emseg.engine.mrf.fixed_field import FLOOR, Strength
from napari_emseg.engine.mrf.fixed_point import Unit
from napari_emseg.engine.mrf.hmrf import (
    HiddenField,
    iter_hmrf,
    iter_hmrf_in_light,
)
from napari_emseg.engine.mrf.hmrf_steps import HMRFData, correct_bias
from napari_emseg.engine.mrf.noise_smoother import NoiseSmoother, hidden_smoother

Array = NDArray[Any]


def fit(
    image: Array, n_classes: int, **options: Any
) -> tuple[HiddenField, list[FitState]]:
    """Fit a field to (*S) or (*S, D); return it and all states."""
    features = image[..., np.newaxis] if image.ndim == 2 else image
    settings: dict[str, Any] = {
        "rules": CovarianceSpec("full", np.full(features.shape[-1], 1e-9)),
        "n_init": 5,
        "max_iter": 15,
    }
    rest: dict[str, Any] = {"edges": True, "bias": False}
    for name, value in options.items():
        (settings if hasattr(FitOptions, name) else rest)[name] = value
    steps = iter_hmrf(features, FitOptions(n_classes=n_classes, **settings), **rest)
    return run(steps)


def run(
    steps: Generator[FitState, None, HiddenField],
) -> tuple[HiddenField, list[FitState]]:
    """Return the field of a fit, and all states."""
    states = []
    while True:
        try:
            states.append(next(steps))
        except StopIteration as stop:
            return stop.value, states


def labels(
    image: Array, field: HiddenField, smoothing: float = 1.0, **rest: Any
) -> Array:
    """Label with a fitted field; classes numbered by their first mean, from 0."""
    features = image[..., np.newaxis] if image.ndim == 2 else image
    if field.bias is not None:
        planes = np.moveaxis(features, -1, 0)
        features = np.moveaxis(correct_bias(planes, field.bias, np.zeros(1)), 0, -1)
    model = field.model.reorder(np.argsort(field.model.means[:, 0]))
    smoother = hidden_smoother(field, smoothing)
    found = smoother.posteriors(model, features, rest.get("valid"))
    result: Array = found.argmax(axis=0)
    return result


def shapes(size: int = 128) -> Array:
    """Return the truth: 4 classes with curved borders, a ring and thin bars."""
    y, x = np.mgrid[:size, :size] * 256 / size
    truth = (x + 18 * np.sin(y / 20) > 128) + 2 * (y + 14 * np.cos(x / 17) > 128)
    radius = np.hypot(y - 128, x - 128)
    truth[(radius > 40) & (radius < 56)] = 0
    truth[radius < 25] = 3
    truth[20:60, 14:20] = 2
    return truth


def wrong(found: Array, truth: Array) -> float:
    return 100 * float((found != truth).mean())


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("variance", "impulses", "most"),
    [(0.01, 0, 0.15), (0.03, 0, 0.4), (0.1, 0, 1.6), (0, 0.1, 0.5), (0.02, 0.05, 0.5)],
)
@pytest.mark.parametrize("edges", [True, False])
def test_phantom(
    variance: float, impulses: float, most: float, edges: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = shapes()
    image = truth / 3 + rng.normal(0, np.sqrt(variance), truth.shape)
    chance = rng.random(truth.shape)
    image[chance < impulses / 2] = 0
    image[chance > 1 - impulses / 2] = 1
    outliers = 0.05 if impulses else 0.0
    field, _ = fit(image, 4, outliers=outliers, edges=edges)
    assert wrong(labels(image, field), truth) < most
    np.testing.assert_allclose(
        np.sort(field.model.means[:, 0]), np.arange(4) / 3, atol=0.03
    )
    if impulses:
        assert 0.4 * impulses < field.model.outliers < 1.5 * impulses
    else:
        sds = np.sqrt(field.model.covariances.ravel())
        np.testing.assert_allclose(sds, np.sqrt(variance), rtol=0.05)


def test_detail_weakens_the_bond() -> None:
    rng = np.random.default_rng(0)
    coarse = np.arange(128)[np.newaxis].repeat(128, axis=0) // 32 % 2
    fine = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 1) > 0
    bonds = [
        fit(truth + rng.normal(0, 0.2, truth.shape), 2)[0].bond
        for truth in (coarse, fine)
    ]
    assert bonds[0] == 2.0
    assert 0.5 <= bonds[1] < 1.2


def test_small_classes_survive() -> None:
    truth = np.zeros((120, 120), int)
    truth[:, 60:] = 1
    truth[20:32, 20:32] = truth[80:92, 90:102] = 2
    image = truth / 2 + np.random.default_rng(1).normal(0, 0.18, truth.shape)
    field, _ = fit(image, 3)
    found = labels(image, field)
    assert wrong(found, truth) < 0.5
    assert ((found == 2) & (truth == 2)).sum() > 0.9 * (truth == 2).sum()


def test_bias_is_found_and_taken_out() -> None:
    rng = np.random.default_rng(2)
    truth = shapes(160)
    y, x = np.mgrid[:160, :160] / 160
    light = 1 + 0.4 * (0.6 * x + 0.4 * np.sin(2 * y) - 0.4)
    image = (truth / 3 + 0.4) * light + rng.normal(0, 0.05, truth.shape)
    without, _ = fit(image, 4)
    field, _ = fit(image, 4, bias=True)
    assert without.bias is None
    assert field.bias is not None
    assert field.bias.shape == truth.shape
    assert field.bias.mean() == pytest.approx(1, abs=1e-3)
    assert np.corrcoef(field.bias.ravel(), light.ravel())[0, 1] > 0.97
    bad, good = (wrong(labels(image, f), truth) for f in (without, field))
    assert good < 1.0
    assert good < bad / 3


def test_student_classes_forgive_heavy_tails() -> None:
    rng = np.random.default_rng(3)
    truth = shapes()
    image = truth / 3 + 0.06 * rng.standard_t(2, truth.shape)
    plain, _ = fit(image, 4)
    heavy, _ = fit(image, 4, student=True)
    assert heavy.model.df is not None
    assert (heavy.model.df < 5).all()
    np.testing.assert_allclose(
        np.sort(heavy.model.means[:, 0]), np.arange(4) / 3, atol=0.02
    )
    assert wrong(labels(image, heavy), truth) < min(
        1, wrong(labels(image, plain), truth)
    )


def test_everything_together() -> None:
    rng = np.random.default_rng(4)
    truth = shapes()
    light = np.linspace(0.85, 1.15, truth.shape[1])
    image = (truth / 3 + 0.3) * light + rng.normal(0, 0.05, truth.shape)
    hit = rng.random(truth.shape)
    image[hit < 0.02], image[hit > 0.98] = 0, 1.5
    valid = np.ones(truth.shape, bool)
    valid[:20, :20] = False
    field, _ = fit(image, 4, bias=True, outliers=0.05, student=True, valid=valid)
    found = labels(image, field, valid=valid)
    assert wrong(found[valid], truth[valid]) < 1.0


def test_many_features_share_one_field() -> None:
    rng = np.random.default_rng(5)
    truth = shapes()
    colors = np.array(
        [[0.2, 0.5, 0.5], [0.5, 0.2, 0.6], [0.7, 0.7, 0.2], [0.9, 0.3, 0.8]]
    )
    image = colors[truth] + rng.normal(0, 0.3, (*truth.shape, 3))
    for covariance in ("full", "tied", "diag", "spherical"):
        field, _ = fit(image, 4, rules=CovarianceSpec(covariance, np.full(3, 1e-9)))
        assert wrong(labels(image, field), truth) < 1.0


@pytest.mark.parametrize("outliers", [0.0, 0.05])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize(
    ("image", "n_classes"),
    [
        (np.full((20, 30), 7.0), 1),
        (np.repeat([[0.0, 1.0]], 20, axis=0).repeat(15, axis=1), 2),
        (np.arange(4).repeat(9)[np.newaxis].repeat(20, axis=0) / 3, 4),
        (np.ones((1, 1)), 1),
        (np.arange(6.0).reshape(1, 6), 3),
    ],
)
def test_images_without_noise_are_obvious(
    image: Array, n_classes: int, outliers: float, bias: bool, student: bool
) -> None:
    field, states = fit(image, 4, outliers=outliers, bias=bias, student=student)
    assert np.isfinite([state.objective for state in states]).all()
    found = labels(image, field, smoothing=0.2)
    values = np.unique(image, return_inverse=True)[1].reshape(image.shape)
    if len(np.unique(image)) == n_classes and not bias:
        np.testing.assert_array_equal(found, values)


def test_pure_impulses_are_outliers_of_one_class() -> None:
    image = np.full((64, 64), 0.5)
    hit = np.random.default_rng(6).random(image.shape)
    image[hit < 0.05], image[hit > 0.95] = 0, 1
    field, _ = fit(image, 1, outliers=0.05)
    assert field.model.means[0, 0] == pytest.approx(0.5)
    assert field.model.outliers == pytest.approx(0.1, abs=0.02)


def test_volume_of_one_slice_is_a_picture() -> None:
    truth = shapes()
    image = truth / 3 + np.random.default_rng(7).normal(0, 0.2, truth.shape)
    flat, _ = fit(image[..., np.newaxis], 4, bias=True)
    volume, _ = fit(image[np.newaxis, ..., np.newaxis], 4, bias=True)
    assert volume.bond == flat.bond
    np.testing.assert_allclose(volume.model.means, flat.model.means, rtol=1e-6)
    np.testing.assert_array_equal(
        labels(image[np.newaxis, ..., np.newaxis], volume)[0],
        labels(image[..., np.newaxis], flat),
    )


def test_volume() -> None:
    z, y, x = np.mgrid[:24, :40, :40]
    truth = ((z - 12) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 < 100).astype(int)
    truth[:, :, 34:] = 2
    image = truth / 2 + np.random.default_rng(8).normal(0, 0.3, truth.shape)
    field, _ = fit(image[..., np.newaxis], 3)
    assert wrong(labels(image[..., np.newaxis], field), truth) < 0.5


def test_fixed_classes_are_kept_and_steer() -> None:
    truth = shapes()
    image = truth / 3 + np.random.default_rng(9).normal(0, 0.2, truth.shape)
    fixed = np.zeros(truth.shape, int)
    for label, level in [(1, 2), (2, 0), (3, 3), (4, 1)]:
        where = np.argwhere(truth == level)[::40]
        fixed[tuple(where.T)] = label
    field, _ = fit(image, 4, seed_labels=fixed)
    expected = np.array([2, 0, 3, 1]) / 3
    np.testing.assert_allclose(field.model.means[:, 0], expected, atol=0.03)


def test_same_seed_same_field_and_input_stays() -> None:
    truth = shapes()
    image = truth / 3 + np.random.default_rng(10).normal(0, 0.2, truth.shape)
    valid = np.ones(truth.shape, bool)
    valid[:30] = False
    features = image[..., np.newaxis].astype(np.float32)
    before = features.copy()
    one, states = fit(features, 4, valid=valid)
    two, _ = fit(features, 4, valid=valid)
    np.testing.assert_array_equal(features, before)
    np.testing.assert_array_equal(one.model.means, two.model.means)
    assert one.bond == two.bond
    assert all(state.level == "field" for state in states)
    assert [state.iteration for state in states] == list(range(len(states)))
    # What is masked out does not matter.
    features[~valid] = 99
    other, _ = fit(features, 4, valid=valid)
    np.testing.assert_array_equal(other.model.means, one.model.means)


@pytest.mark.parametrize("variance", [0.02, 0.1])
def test_more_smoothing_never_gives_more_regions(variance: float) -> None:
    truth = shapes()
    rng = np.random.default_rng(11)
    image = truth / 3 + rng.normal(0, np.sqrt(variance), truth.shape)
    counts = []
    field, _ = fit(image, 4)
    for smoothing in (0.1, 0.3, 1, 2, 5):
        found = labels(image, field, smoothing)
        counts.append(measure.label(found, background=-1, connectivity=1).max())
    assert (np.diff(counts) <= 0).all()


def test_turned_image_gives_turned_labels() -> None:
    truth = shapes()
    image = truth / 3 + np.random.default_rng(12).normal(0, 0.2, truth.shape)
    plain = labels(image, fit(image, 4)[0])
    for turns in (1, 2, 3):
        turned = np.rot90(image, turns)
        found = labels(turned, fit(turned, 4)[0])
        assert (np.rot90(found, -turns) != plain).mean() < 0.005
    mirrored = image[:, ::-1]
    assert (labels(mirrored, fit(mirrored, 4)[0])[:, ::-1] != plain).mean() < 0.005


def test_smoother_of_a_model_without_field() -> None:
    truth = shapes()
    image = truth / 3 + np.random.default_rng(13).normal(0, 0.25, truth.shape)
    field, _ = fit(image, 4)
    model = field.model.reorder(np.argsort(field.model.means[:, 0]))
    features = image[..., np.newaxis].astype(np.float32)
    smoother = NoiseSmoother(1.5, field.scale)
    found = smoother.posteriors(model, features, None)
    assert wrong(found.argmax(axis=0), truth) < 1.0
    labels = smoother.labels(model, features, None)
    np.testing.assert_array_equal(labels, found.argmax(axis=0) + 1)
    series = np.stack([features, features[::-1]])[:, np.newaxis]
    both = smoother.posteriors(model, series, None)
    for at in (0, 1):
        alone = smoother.posteriors(model, series[at], None)
        np.testing.assert_array_equal(both[:, at], alone)


def test_shares_of_classes_do_not_count_and_centers_have_none() -> None:
    """Small classes were favored, as if K-means had counted their pixels."""
    features = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1)
    weak = NoiseSmoother(1e-9, None)
    centers = KMeansModel(np.array([[0.0], [1.0]]), np.array([0.99, 0.01]), 0.04)
    mixture = MixtureModel(
        centers.weights, centers.means, np.full((2, 1, 1), centers.variance)
    )
    for model in (centers, mixture):
        even = replace(model, weights=np.full(2, 0.5))
        found = weak.posteriors(model, features, None)
        expected = np.moveaxis(even.predict_proba(features), -1, 0)
        # Exponentials are approximations.
        np.testing.assert_allclose(found, expected, atol=0.03)


@pytest.mark.parametrize("student", [False, True])
def test_a_fit_depends_on_values_alone(
    student: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = shapes(110)[:, :97]
    rng = np.random.default_rng(14)
    image = truth / 3 + rng.normal(0, 0.2, truth.shape)
    options: dict[str, Any] = {"student": student, "valid": rng.random((110, 97)) > 0.1}
    one, _ = fit(image, 4, **options)
    monkeypatch.setattr(fixed_field, "_BLOCK", 4 * 1024)
    for other in (np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2]):
        two, _ = fit(other, 4, **options)
        np.testing.assert_array_equal(two.model.means, one.model.means)
        np.testing.assert_array_equal(two.model.covariances, one.model.covariances)
        assert two.bond == one.bond


def test_sums_of_a_fit_are_exact_in_any_order() -> None:
    """Libraries for linear algebra add in different orders."""
    rng = np.random.default_rng(15)
    planes = rng.normal(0, 9, (2, 60, 70)).astype(np.float32)
    shares = rng.integers(0, 256, (3, 60, 70)).astype(np.uint16)
    model = MixtureModel(np.full(3, 1 / 3), np.zeros((3, 2)), np.stack([np.eye(2)] * 3))
    rules = CovarianceSpec("full", np.full(2, 1e-9))
    unit = Unit.finest(planes.min(axis=(1, 2)), planes.max(axis=(1, 2)))
    found = []
    for turn in (slice(None), slice(None, None, -1)):
        turned = planes[:, turn, turn].copy()
        data = HMRFData(turned, np.ones((60, 70), bool), unit, np.zeros(2), None)
        posteriors = data.grid.lay(shares[:, turn, turn], None, 0)
        found.append(data.update(model, data.codes(turned), posteriors, rules))
    np.testing.assert_array_equal(found[1].means, found[0].means)
    np.testing.assert_array_equal(found[1].covariances, found[0].covariances)
    weights = shares.reshape(3, -1) / shares.sum(axis=(1, 2))[:, np.newaxis]
    expected = weights @ planes.reshape(2, -1).T
    np.testing.assert_allclose(found[0].means, expected, atol=1e-3)


def test_seeds_are_as_sure_as_can_be() -> None:
    image = np.random.default_rng(17).normal(0, 1, (20, 30, 1)).astype(np.float32)
    seeds = np.zeros((20, 30), np.uint8)
    seeds[5, 6], seeds[7, 8] = 1, 2
    unit = Unit.finest(image.min(axis=(0, 1)), image.max(axis=(0, 1)))
    planes = np.moveaxis(image, -1, 0)
    data = HMRFData(planes, np.ones((20, 30), bool), unit, np.zeros(1), seeds)
    model = MixtureModel(np.full(2, 0.5), np.array([[-1.0], [1]]), np.ones((2, 1, 1)))
    logits = data.grid.full((2,), np.int16, 7)
    strength = Strength(1.0, 2)
    data.logits(model, data.codes(planes), strength, logits)
    pixels = data.grid.view(logits)
    assert pixels[:, 5, 6].tolist() == [0, FLOOR]
    assert pixels[:, 7, 8].tolist() == [FLOOR, 0]
    log = 2 * image[..., 0] * strength.nat
    free = seeds == 0
    np.testing.assert_allclose((pixels[1] - pixels[0])[free], log[free], atol=1)
    assert np.abs(logits).sum() == np.abs(pixels.astype(int)).sum()


def test_a_class_that_is_smoothed_away_is_not_lost() -> None:
    field, states = fit(np.eye(5), 2)
    assert len(field.model.weights) == 2
    assert (field.model.weights > 0).all()
    assert np.isfinite([state.objective for state in states]).all()
    assert len(np.unique(labels(np.eye(5), field, smoothing=0.01))) == 2


def test_a_class_of_which_outliers_leave_too_little_keeps_its_place() -> None:
    planes = np.array([[[0.0, 1, 2, 0]]], np.float32)
    unit = Unit.finest(np.zeros(1), np.full(1, 5.0))
    data = HMRFData(planes, np.ones((1, 4), bool), unit, np.zeros(1), None)
    means, wide = np.array([[1.0], [4]]), np.ones((2, 1, 1))
    model = MixtureModel(np.full(2, 0.5), means, wide, outliers=0.1, log_uniform=-3)
    shares = np.array([[[1, 1, 1, 0]], [[0, 0, 0, 1]]], np.uint16)
    posteriors = data.grid.lay(shares, None, 0)
    rules = CovarianceSpec("full", np.full(1, 1e-9))
    found = data.update(model, data.codes(planes), posteriors, rules)
    assert found.means[1] == model.means[1]
    assert np.isfinite(found.means).all()
    assert 0 < found.weights[1] < 1e-5


def test_no_valid_pixel_is_told() -> None:
    with pytest.raises(ValueError, match="no pixel is valid"):
        fit(np.zeros((5, 6)), 2, valid=np.zeros((5, 6), bool))


@pytest.mark.parametrize("bias", [False, True])
def test_a_fit_takes_little_memory(bias: bool) -> None:
    rng = np.random.default_rng(0)
    truth = shapes(640)
    image = (truth / 3 + rng.normal(0, 0.1, truth.shape)).astype(np.float32)
    fit(image[:64], 4, bias=bias, max_iter=2)
    tracemalloc.start()
    field, _ = fit(image, 4, bias=bias, max_iter=3)
    peak = tracemalloc.get_traced_memory()[1] / image.size
    tracemalloc.stop()
    # Posteriors and bonds alone take 32 bytes a pixel.
    assert peak < 58
    assert (field.bias is not None) == bias


@pytest.mark.parametrize("max_iter", [3, 60])
def test_starts_in_light_end_with_the_state_of_the_best(max_iter: int) -> None:
    """Its objective compares with all others, and it says whether it has converged."""
    rng = np.random.default_rng(0)
    truth = np.indices((90, 120))[0] >= 45
    field = np.linspace(0.5, 1.5, 120)
    image = np.where(truth, 120, 60) * field + rng.normal(0, 2, truth.shape)
    rules = CovarianceSpec("full", np.full(1, 1e-9))
    options = FitOptions(n_classes=2, rules=rules, n_init=5, max_iter=max_iter)
    steps = iter_hmrf_in_light(image[..., np.newaxis], options, edges=True)
    found, states = run(steps)
    *fits, last = states
    begins = [place for place, state in enumerate(fits) if state.iteration == 0]
    ends = [fits[place - 1] for place in (*begins[1:], len(fits))]
    assert len(ends) > 1
    assert last in ends
    assert last.model is found.model
    assert last.converged is (max_iter > 3)
    assert last.objective > max(end.objective for end in ends) - 0.01


def test_likelihoods_in_all_kinds_of_light_are_of_the_same_image() -> None:
    """Densities of what was divided are those of the image times what divided it."""
    rng = np.random.default_rng(0)
    truth = np.indices((90, 120))[0] >= 45
    light = np.linspace(0.5, 1.5, 120, dtype=np.float32) * np.ones((90, 1), np.float32)
    image = (np.where(truth, 120, 60) + rng.normal(0, 3, truth.shape)) * light
    found, (first, *_, last) = fit(image, 2, bias=True, light=light)
    assert found.bias is not None
    for state, taken in ((first, light), (last, found.bias)):
        even = fit(image / taken, 2)[1][-1].objective
        expected = even - np.log(taken).mean()
        assert state.objective == pytest.approx(expected, abs=0.005)
