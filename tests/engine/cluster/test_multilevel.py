"""Fits from coarse to fine: every level leads on, and the last one is exact."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster import multilevel as module
from napari_emseg.engine.cluster.em import CovarianceSpec, e_step, m_step
from napari_emseg.engine.cluster.fit_state import FitState
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.multilevel import (
    FitOptions,
    iter_fit_kmeans,
    iter_fit_mixture,
    levels,
    run_restarts,
)

# Far apart, so that every sensible fit finds them.
MIDDLES = np.array([[0.0, 0, 0], [60, 10, -20], [20, 70, 30], [90, 80, 60]])


def clouds(
    seed: int = 0,
    *,
    dims: int = 3,
    count: int = 12_000,
    noise: float = 4,
    weighted: bool = True,
    fixed: bool = False,
) -> Cells:
    rng = np.random.default_rng(seed)
    cloud = rng.choice(4, count, p=[0.4, 0.3, 0.2, 0.1])
    middles = np.resize(MIDDLES, (4, dims))
    points = middles[cloud] + rng.normal(0, noise, (count, dims)) * (1 + cloud[:, None])
    weights = rng.integers(1, 5, count) if weighted else np.ones(count)
    classes = np.where(rng.random(count) < 0.01, cloud + 1, 0)
    return Cells(
        weights.astype(float),
        np.ascontiguousarray(points.T, np.float32),
        seed_labels=classes.astype(np.int64) if fixed else None,
    )


def fit_mixture(cells: Cells, **options: Any) -> list[FitState]:
    settings_ = {
        "n_classes": 4,
        "rules": CovarianceSpec("full", np.full(cells.dims, 0.01)),
        "n_init": 3,
        "tol": 1e-6,
        "seed": 1,
    } | options
    start = settings_.pop("start", None)
    return list(iter_fit_mixture(cells, FitOptions(**settings_), start))


def fit_kmeans(cells: Cells, **options: Any) -> list[FitState]:
    settings_ = {
        "n_classes": 4,
        "rules": CovarianceSpec("full", np.full(cells.dims, 0.01)),
        "n_init": 3,
        "tol": 0.0,
        "seed": 1,
    } | options
    start = settings_.pop("start", None)
    return list(iter_fit_kmeans(cells, FitOptions(**settings_), start))


def by_level(states: list[FitState]) -> dict[str, list[FitState]]:
    return {key: list(group) for key, group in groupby(states, lambda s: s.level)}


@pytest.mark.parametrize("dims", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("weighted", [True, False])
def test_levels_grow_to_all_cells(dims: int, weighted: bool) -> None:
    cells = clouds(dims=dims, weighted=weighted)
    found = levels(cells)
    assert found[-1][0] == "exact"
    assert found[-1][1] is cells
    counts = [level.count for _, level in found]
    assert counts == sorted(counts)
    assert (len(found) > 1) == (dims <= 4)
    for _, level in found:
        assert level.total == pytest.approx(cells.total)
        np.testing.assert_allclose(level.mean(), cells.mean())
        np.testing.assert_allclose(level.covariance(), cells.covariance(), rtol=1e-9)


def test_many_pixels_are_sampled_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAMPLES", (2000, 500))
    cells = clouds(dims=6, weighted=False, fixed=True)
    names, found = zip(*levels(cells), strict=True)
    assert names == ("sample", "sample", "exact")
    for sample, size in zip(found, (500, 2000), strict=False):
        assert 0.9 * size < sample.count <= 1.05 * size
        assert sample.total == pytest.approx(cells.total, rel=0.02)
        np.testing.assert_allclose(sample.mean(), cells.mean(), atol=4)
        # What the user fixed is rare, and must not get lost.
        assert set(np.unique(sample.seed_labels)) == {0, 1, 2, 3, 4}


def test_starts_of_many_features_are_tried_on_few_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SAMPLES", (2000,))
    monkeypatch.setattr(module, "_START", 500)
    most = [levels(clouds(dims=d, weighted=False))[0][1].count for d in (4, 5)]
    assert most[0] != 500
    assert most[1] == 500


def test_a_large_sample_tells_the_fit_of_all_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it lacks is less than the tolerance; the likelihood is that of all."""
    monkeypatch.setattr(module, "_SAMPLES", (4000,))
    monkeypatch.setattr(module, "_START", 500)
    cells = clouds(dims=5, weighted=False)
    whole = fit_mixture(cells, tol=1e-6)
    assert len(by_level(whole)["exact"]) > 1
    found = fit_mixture(cells, tol=0.02)
    *_, sampled, last = found
    assert sampled.level == "sample"
    assert last.converged
    assert last.model is sampled.model
    assert last.objective == pytest.approx(last.model.score(cells.points.T))
    assert whole[-1].objective - 0.02 < last.objective < whole[-1].objective
    cut = fit_mixture(cells, tol=0.02, max_iter=1)
    assert len(by_level(cut)["exact"]) > 1
    # Of boxes the likelihood is a bound, however few parameters there are.
    monkeypatch.setattr(module, "_SAMPLES", ())
    few = clouds(dims=3, weighted=False)
    assert not levels(few)[-2][1].exact
    start = fit_mixture(few, tol=0.5)[-1].model
    assert len(by_level(fit_mixture(few, tol=0.5, start=start))["exact"]) > 1


@settings(max_examples=15)
@given(
    seed=st.integers(0, 999),
    kind=st.sampled_from(["full", "tied", "diag", "spherical"]),
    student=st.booleans(),
    outliers=st.sampled_from([0.0, 0.1]),
    weighted=st.booleans(),
    fixed=st.booleans(),
    init=st.sampled_from(["kmeans", "random"]),
)
def test_likelihood_rises_within_and_between_levels(
    seed: int,
    kind: str,
    student: bool,
    outliers: float,
    weighted: bool,
    fixed: bool,
    init: str,
) -> None:
    cells = clouds(seed, weighted=weighted, fixed=fixed, count=4000, noise=1)
    states = fit_mixture(
        cells,
        rules=CovarianceSpec(kind, np.full(3, 0.01)),
        student=student,
        outliers=outliers,
        init=init,
        n_init=2,
        seed=seed,
        max_iter=40,
    )
    assert states[0].level != "exact"
    assert states[-1].level == "exact"
    # Coarser levels give lower bounds, so the true value is above the last of them.
    objective = np.array([state.objective for state in states])
    assert (np.diff(objective) >= -1e-9 * np.abs(objective[1:])).all()
    for name, of_level in by_level(states).items():
        assert {state.exact for state in of_level} == {name == "exact"}


@settings(max_examples=15)
@given(
    seed=st.integers(0, 999),
    k=st.integers(1, 9),
    weighted=st.booleans(),
    fixed=st.booleans(),
    init=st.sampled_from(["kmeans", "random"]),
)
def test_inertia_falls_within_and_between_levels(
    seed: int, k: int, weighted: bool, fixed: bool, init: str
) -> None:
    cells = clouds(seed, weighted=weighted, fixed=fixed, count=4000, noise=1)
    states = fit_kmeans(cells, n_classes=k, init=init, seed=seed)
    objective = np.array([state.objective for state in states])
    assert (np.diff(objective) <= 1e-9 * objective[:-1]).all()
    assert states[-1].level == "exact"
    assert states[-1].converged


@pytest.mark.parametrize("dims", [1, 3, 6])
@pytest.mark.parametrize("weighted", [True, False])
def test_clouds_are_found(dims: int, weighted: bool) -> None:
    cells = clouds(3, dims=dims, weighted=weighted)
    pixels = np.repeat(cells.points.T, cells.weights.astype(int), axis=0)
    peer = GaussianMixture(4, n_init=3, random_state=0).fit(pixels)
    ours = fit_mixture(cells, max_iter=1000)[-1]
    assert ours.converged
    assert ours.objective >= peer.score(pixels) - 1e-3
    assert ours.objective == pytest.approx(ours.model.score(pixels), abs=1e-9)


def test_same_chance_same_fit() -> None:
    cells = clouds(4)
    for fit in (fit_mixture, fit_kmeans):
        one, two = fit(cells, n_classes=6), fit(cells, n_classes=6)
        assert [s.objective for s in one] == [s.objective for s in two]
        np.testing.assert_array_equal(one[-1].model.means, two[-1].model.means)


def test_more_starts_are_no_worse() -> None:
    # One start of K-means among many close clouds often fails.
    rng = np.random.default_rng(0)
    middles = rng.uniform(0, 100, (12, 2))
    points = middles[rng.integers(0, 12, 3000)] + rng.normal(0, 1, (3000, 2))
    cells = Cells(np.ones(3000), points.T)
    for fit, sign in ((fit_kmeans, -1), (fit_mixture, 1)):
        results = []
        for n_init in (1, 4, 16):
            states = fit(
                cells,
                n_classes=12,
                init="random",
                n_init=n_init,
                max_iter=10,
                seed=3,
            )
            results.append(sign * states[-1].objective)
        # The same start is as good up to rounding, among however many others.
        np.testing.assert_array_less(results[:-1], np.add(results[1:], 1e-12))
        assert results[0] < results[-1]


def test_given_start_is_used() -> None:
    cells = clouds(5)
    model = fit_mixture(cells)[-1].model
    again = fit_mixture(cells, start=model)
    assert len(by_level(again)["exact"]) <= 3
    np.testing.assert_allclose(again[-1].model.means, model.means, atol=0.02)
    centers = fit_kmeans(cells)[-1].model
    np.testing.assert_allclose(
        fit_kmeans(cells, start=centers)[-1].model.means, centers.means, rtol=1e-12
    )


@pytest.mark.parametrize("fit", [fit_mixture, fit_kmeans])
def test_seeded_classes_start_at_their_seeds(fit: Any) -> None:
    cells = clouds(6, fixed=True)
    # The user may number the classes in any way.
    turn = np.array([0, 4, 2, 1, 3])
    assert cells.seed_labels is not None
    turned = Cells(cells.weights, cells.points, seed_labels=turn[cells.seed_labels])
    means = fit(turned)[-1].model.means
    np.testing.assert_allclose(means[turn[1:] - 1], MIDDLES, atol=3)


@pytest.mark.parametrize("fit", [fit_mixture, fit_kmeans])
def test_classes_without_seeds_stay_free(fit: Any) -> None:
    cells = clouds(7, fixed=True)
    assert cells.seed_labels is not None
    some = Cells(
        cells.weights, cells.points, seed_labels=np.where(cells.seed_labels == 3, 2, 0)
    )
    means = fit(some)[-1].model.means
    np.testing.assert_allclose(means[1], MIDDLES[2], atol=3)
    rest = means[[0, 2, 3]]
    rest = rest[np.argsort(rest[:, 0])]
    np.testing.assert_allclose(rest, MIDDLES[[0, 1, 3]], atol=3)


@pytest.mark.parametrize("fit", [fit_mixture, fit_kmeans])
def test_seeds_may_number_more_classes_than_asked_for(fit: Any) -> None:
    cells = clouds(8, fixed=True)
    assert fit(cells, n_classes=2)[-1].model.n_classes == 4


@pytest.mark.parametrize("fit", [fit_mixture, fit_kmeans])
def test_few_colors_make_few_classes(fit: Any) -> None:
    points = np.repeat(np.array([[0.0, 50.0, 90.0]]), 40, axis=1)
    final = fit(Cells(np.ones(120), points), n_classes=5)[-1]
    assert final.converged
    assert (final.model.weights > 0).sum() == 3
    # A mean of 0 has no relative error; its last bit depends on the BLAS.
    np.testing.assert_allclose(
        np.sort(final.model.means.ravel()), [0, 50, 90], rtol=1e-7, atol=1e-12
    )


@pytest.mark.parametrize("fit", [fit_mixture, fit_kmeans])
@pytest.mark.parametrize("most", [1, 3])
def test_iterations_of_each_level_are_limited(fit: Any, most: int) -> None:
    states = fit(clouds(9), tol=0, max_iter=most, n_classes=6)
    for of_level in by_level(states).values():
        assert len(of_level) <= most + 1


def some_cells(*, fixed: bool, rng: np.random.Generator) -> Cells:
    points = np.hstack([rng.normal(m, 1 + m / 9, (2, 300)) for m in (0, 4, 9)])
    weights = rng.integers(1, 9, points.shape[1]).astype(float)
    given = rng.integers(0, 4, points.shape[1]) * (rng.random(points.shape[1]) < 0.05)
    return Cells(weights, points, seed_labels=given if fixed else None)


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    ("student", "outliers", "shrinkage", "fixed"),
    [
        (False, 0.0, 0.0, False),
        (True, 0.0, 0.0, True),
        (False, 0.1, 0.3, True),
        (True, 0.1, 0.0, False),
    ],
)
def test_each_start_goes_as_if_alone(
    covariance: str, *, student: bool, outliers: float, shrinkage: float, fixed: bool
) -> None:
    rng = np.random.default_rng(2)
    cells = some_cells(fixed=fixed, rng=rng)
    rules = CovarianceSpec(covariance, np.full(2, 0.01), shrinkage)
    models = [
        MixtureModel(
            np.full(3, 1 / 3),
            rng.normal(4, 3, (3, 2)),
            np.repeat(9 * np.eye(2)[np.newaxis], 3, axis=0),
            np.full(3, 10.0) if student else None,
            outliers,
            -5.0,
        )
        for _ in range(4)
    ]
    ranking = run_restarts(cells, models, rules, steps=6, level="exact")
    ends = [states[-1].objective for states in ranking]
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) > 1
    data = cells.blocks(cells.mean(), order=rules.order)
    alone = []
    for model in models:
        stats = e_step(model, data)
        path = [stats.objective]
        for _ in range(6):
            model = m_step(stats, model, data.center, rules)
            stats = e_step(model, data)
            path.append(stats.objective)
        alone.append((path, model))
    alone.sort(key=lambda each: -each[0][-1])
    for states, (path, model) in zip(ranking, alone, strict=True):
        np.testing.assert_allclose([s.objective for s in states], path, atol=1e-12)
        found = states[-1].model
        np.testing.assert_allclose(found.weights, model.weights, atol=1e-12)
        np.testing.assert_allclose(found.means, model.means, atol=1e-9)
        np.testing.assert_allclose(found.covariances, model.covariances, atol=1e-9)
        if student:
            np.testing.assert_allclose(found.df, model.df, atol=1e-4)


def test_a_class_without_pixels_leaves_the_others_alone() -> None:
    rng = np.random.default_rng(0)
    cells = some_cells(fixed=False, rng=rng)
    rules = CovarianceSpec("full", np.full(2, 0.01))
    near, far = rng.normal(4, 3, (2, 2)), np.full((1, 2), 1e4)
    wide = np.repeat(np.eye(2)[np.newaxis], 3, axis=0)
    models = [
        MixtureModel(np.full(3, 1 / 3), np.vstack([near, far]), wide),
        MixtureModel(np.full(3, 1 / 3), rng.normal(4, 3, (3, 2)), wide),
    ]
    for states in run_restarts(cells, models, rules, steps=4, level="exact"):
        model = states[-1].model
        assert model.weights.sum() == pytest.approx(1)
        assert np.isfinite(model.means).all()
        objective = [state.objective for state in states]
        assert (np.diff(objective) >= -1e-12).all()
