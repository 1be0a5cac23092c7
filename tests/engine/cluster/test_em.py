"""EM on weighted cells: its steps against formulas, its path against scikit-learn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_t
from sklearn.mixture import GaussianMixture

from napari_emseg.engine._types import Float64Array
from napari_emseg.engine.cells.cells import Cells, coarsen
from napari_emseg.engine.cluster import em
from napari_emseg.engine.cluster.em import (
    CovarianceSpec,
    Statistics,
    e_step,
    lift,
    m_step,
)
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.squarem import iter_em

if TYPE_CHECKING:
    from napari_emseg.engine.cluster.fit_state import FitState

KINDS = ["full", "tied", "diag", "spherical"]


def clouds(seed: int, *, dims: int = 3, count: int = 300, fixed: bool = False) -> Cells:
    """Make weighted points of three clouds that overlap."""
    rng = np.random.default_rng(seed)
    cloud = rng.integers(0, 3, count)
    stretch = rng.normal(0, 2, (3, dims, dims))
    points = np.einsum("nij,nj->in", stretch[cloud], rng.normal(size=(count, dims)))
    points += rng.normal(0, 5, (dims, 3))[:, cloud]
    classes = np.where(rng.random(count) < 0.1, cloud + 1, 0)
    return Cells(
        rng.integers(1, 6, count).astype(float),
        points.astype(np.float32),
        seed_labels=classes.astype(np.int64) if fixed else None,
    )


def start_of(cells: Cells, classes: int = 3, *, seed: int = 0) -> MixtureModel:
    """Start at random points with the shape of all the data."""
    pick = np.random.default_rng(seed).choice(cells.count, classes, replace=False)
    return MixtureModel(
        np.full(classes, 1 / classes),
        cells.points[:, pick].T.astype(np.float64),
        np.repeat(cells.covariance()[np.newaxis], classes, axis=0),
    )


def rules_of(cells: Cells, covariance: str = "full", **options: Any) -> CovarianceSpec:
    return CovarianceSpec(covariance, np.full(cells.dims, 1e-6), **options)


def expect(model: MixtureModel, cells: Cells) -> Statistics:
    return e_step(model, cells.blocks(cells.mean()))


def em_once(model: MixtureModel, cells: Cells, rules: CovarianceSpec) -> MixtureModel:
    data = cells.blocks(cells.mean(), order=rules.order)
    return m_step(e_step(model, data), model, data.center, rules)


def run(
    cells: Cells,
    start: MixtureModel,
    rules: CovarianceSpec,
    *,
    tol: float = 1e-9,
    max_iter: int = 2000,
) -> list[FitState]:
    return list(iter_em(cells, start, rules, tol=tol, max_iter=max_iter))


def pixels_of(cells: Cells) -> Float64Array:
    """Repeat each point as often as its weight says, (N, D)."""
    return np.repeat(cells.points.T, cells.weights.astype(int), axis=0).astype(float)


@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_e_step_scores_all_pixels(student: bool, outliers: float) -> None:
    cells = clouds(1)
    model = replace(
        start_of(cells),
        df=np.array([3.0, 8.0, 30.0]) if student else None,
        outliers=outliers,
        log_uniform=-9.0,
    )
    stats = expect(model, cells)
    x = pixels_of(cells)
    assert stats.objective == pytest.approx(model.score(x), rel=1e-12)
    if outliers:
        assert 0.5 * cells.total < stats.mass.sum() < cells.total
    else:
        share = model.predict_proba(x)
        np.testing.assert_allclose(stats.mass, share.sum(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_one_iteration_follows_the_formulas(kind: str) -> None:
    cells = clouds(2)
    model = start_of(cells)
    x = pixels_of(cells)
    share = model.predict_proba(x)
    mass = share.sum(axis=0)
    means = share.T @ x / mass[:, np.newaxis]
    full = np.array(
        [np.cov(x.T, aweights=share[:, k], ddof=0) for k in range(3)]
    ).reshape(3, 3, 3)
    pooled = np.einsum("k,kij->ij", mass / mass.sum(), full)
    expected = {
        "full": full,
        "tied": np.repeat(pooled[np.newaxis], 3, axis=0),
        "diag": full * np.eye(3),
        "spherical": np.einsum("kii->k", full)[:, None, None] / 3 * np.eye(3),
    }[kind]
    found = em_once(model, cells, rules_of(cells, kind))
    np.testing.assert_allclose(found.weights, mass / mass.sum())
    np.testing.assert_allclose(found.means, means, rtol=1e-9)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_same_optimum_as_scikit_learn(kind: str) -> None:
    cells = clouds(3, count=600)
    rules = rules_of(cells, kind)
    # A step from the common start makes the covariances of the kind in question.
    start = em_once(start_of(cells), cells, rules)
    ours = run(cells, start, rules)[-1]
    precision = np.linalg.inv(start.covariances)
    layout = {
        "full": precision,
        "tied": precision[0],
        "diag": np.einsum("kii->ki", precision),
        "spherical": precision[:, 0, 0],
    }[kind]
    x = pixels_of(cells)
    peer = GaussianMixture(
        3,
        covariance_type=kind,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=layout,
        reg_covar=0,
        tol=1e-10,
        max_iter=5000,
    ).fit(x)
    assert ours.converged
    assert ours.objective == pytest.approx(peer.score(x), abs=1e-6)
    np.testing.assert_allclose(ours.model.means, peer.means_, atol=1e-2)
    assert (ours.model.predict(x) == peer.predict(x) + 1).mean() > 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_acceleration_reaches_the_optimum_of_plain_em_sooner(kind: str) -> None:
    cells = clouds(5, count=600)
    rules = rules_of(cells, kind)
    start = model = em_once(start_of(cells), cells, rules)
    plain = [expect(model, cells).objective]
    while len(plain) < 2 or plain[-1] - plain[-2] > 1e-12:
        model = em_once(model, cells, rules)
        plain.append(expect(model, cells).objective)
    fast = run(cells, start, rules)
    assert fast[-1].objective > plain[-1] - 1e-6
    slow = next(i for i, value in enumerate(plain) if value > plain[-1] - 1e-6)
    quick = next(i for i, s in enumerate(fast) if s.objective > plain[-1] - 1e-6)
    assert quick < slow


@given(
    seed=st.integers(0, 9999),
    kind=st.sampled_from(KINDS),
    student=st.booleans(),
    df=st.none() | st.floats(1, 100),
    outliers=st.sampled_from([0.0, 0.05, 0.4]),
    dims=st.integers(1, 4),
    classes=st.integers(1, 6),
    bins=st.booleans(),
    fixed=st.booleans(),
    floor=st.sampled_from([1e-4, 0.1, 30.0]),
)
def test_likelihood_never_falls(
    seed: int,
    kind: str,
    student: bool,
    df: float | None,
    outliers: float,
    dims: int,
    classes: int,
    bins: bool,
    fixed: bool,
    floor: float,
) -> None:
    cells = clouds(seed, dims=dims, count=120, fixed=fixed)
    if bins:
        cells = coarsen(cells, 3)
    classes = max(classes, 3) if fixed else min(classes, cells.count)
    start = replace(
        start_of(cells, classes, seed=seed),
        df=np.full(classes, df or 10.0) if student else None,
        outliers=outliers,
        log_uniform=-dims * np.log(40),
    )
    rules = CovarianceSpec(kind, np.full(dims, floor), df=df)
    states = run(cells, start, rules, tol=0, max_iter=60)
    # The start itself need not keep the rules.
    objective = np.array([state.objective for state in states[1:]])
    assert np.isfinite(objective).all()
    assert (np.diff(objective) >= -1e-9 * np.abs(objective[1:])).all()
    for state in states[1:]:
        model = state.model
        assert model.weights.sum() == pytest.approx(1)
        assert np.linalg.eigvalsh(model.covariances).min() >= floor * (1 - 1e-6)
        if student:
            assert model.df is not None
            assert ((model.df >= 1) & (model.df <= 200)).all()


@given(
    seed=st.integers(0, 999),
    student=st.booleans(),
    outliers=st.sampled_from([0.0, 0.1]),
    bits=st.integers(1, 5),
)
def test_bins_give_a_lower_bound(
    seed: int, student: bool, outliers: float, bits: int
) -> None:
    cells = clouds(seed)
    model = replace(
        em_once(start_of(cells), cells, rules_of(cells)),
        df=np.array([2.0, 9.0, 50.0]) if student else None,
        outliers=outliers,
        log_uniform=-8.0,
    )
    bound = expect(model, coarsen(cells, bits)).objective
    assert bound <= expect(model, cells).objective + 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("student", [False, True])
def test_objective_belongs_to_the_state_s_own_model(kind: str, student: bool) -> None:
    cells = clouds(6)
    rules = rules_of(cells, kind)
    start = em_once(start_of(cells), cells, rules)
    start = replace(start, df=np.full(3, 10.0) if student else None)
    for state in run(cells, start, rules, max_iter=20):
        assert state.objective == pytest.approx(state.model.score(pixels_of(cells)))


@pytest.mark.parametrize("most", [1, 2, 5])
def test_iterations_are_limited(most: int) -> None:
    cells = clouds(7)
    states = run(cells, start_of(cells), rules_of(cells), tol=0, max_iter=most)
    assert [state.iteration for state in states] == list(range(most + 1))
    assert not states[-1].converged


def test_tolerance_is_what_is_left_to_gain() -> None:
    cells = clouds(8, count=600)
    best = run(cells, start_of(cells), rules_of(cells), tol=1e-12)[-1].objective
    lengths = []
    for tol in (1e-2, 1e-4, 1e-6):
        states = run(cells, start_of(cells), rules_of(cells), tol=tol)
        assert states[-1].converged
        assert best - states[-1].objective < 10 * tol
        lengths.append(len(states))
    assert lengths[0] < lengths[1] <= lengths[2]


def test_tails_are_found(rng: np.random.Generator) -> None:
    shape = np.array([[4.0, 1], [1, 2]])
    heavy = multivariate_t([3, 5], shape, df=3).rvs(20_000, random_state=rng)
    thin = rng.multivariate_normal([3, 5], shape, 20_000)
    for sample, low, high in ((heavy, 2.7, 3.3), (thin, 40, 200)):
        cells = Cells(np.ones(len(sample)), sample.T)
        start = replace(start_of(cells, 1), df=np.full(1, 10.0))
        model = run(cells, start, rules_of(cells))[-1].model
        assert low <= model.df[0] <= high
        np.testing.assert_allclose(model.means[0], [3, 5], atol=0.1)
        np.testing.assert_allclose(model.covariances[0], shape, atol=0.2)


def test_fixed_degrees_of_freedom_stay() -> None:
    cells = clouds(9)
    start = replace(start_of(cells), df=np.full(3, 4.0))
    for state in run(cells, start, rules_of(cells, df=4.0)):
        np.testing.assert_array_equal(state.model.df, 4.0)


def test_fixed_cells_belong_to_their_class_alone() -> None:
    cells = clouds(10)
    wrong = replace(cells, seed_labels=np.full(cells.count, 2))
    stats = expect(start_of(cells), wrong)
    np.testing.assert_allclose(stats.mass, [0, cells.total, 0])
    model = em_once(start_of(cells), wrong, rules_of(cells))
    np.testing.assert_allclose(model.means[1], cells.mean())
    np.testing.assert_allclose(model.covariances[1], cells.covariance(), rtol=1e-9)


@pytest.mark.parametrize("outliers", [0.0, 0.1])
@pytest.mark.parametrize("student", [False, True])
def test_a_class_without_pixels_keeps_its_place(student: bool, outliers: float) -> None:
    cells = clouds(11)
    start = start_of(cells)
    start.means[1] = 1e5
    start = replace(
        start,
        df=np.full(3, 50.0) if student else None,
        outliers=outliers,
        log_uniform=-9.0,
        covariances=np.repeat(np.eye(3)[np.newaxis], 3, axis=0),
    )
    final = run(cells, start, rules_of(cells, df=50.0))[-1].model
    assert np.isfinite(final.covariances).all()
    if not student:
        assert final.weights[1] == 0
        np.testing.assert_array_equal(final.means[1], 1e5)


def test_floor_lifts_only_what_is_too_narrow(rng: np.random.Generator) -> None:
    floor = np.array([0.5, 2.0, 1.0])
    flat = np.diag([4.0, 1e-12, 9.0])
    wide = np.diag([4.0, 8.0, 9.0]) + 0.5
    lifted = lift(np.stack([flat, wide]), floor)
    np.testing.assert_allclose(lifted[0], np.diag([4.0, 2.0, 9.0]))
    np.testing.assert_allclose(lifted[1], wide)
    for matrix in lifted:
        vector = rng.normal(size=3)
        assert vector @ matrix @ vector >= floor.min() * (vector @ vector)


def test_shrinkage_goes_from_own_to_pooled() -> None:
    cells = clouds(12)
    model = start_of(cells)
    own, half, pooled = (
        em_once(model, cells, rules_of(cells, shrinkage=share)).covariances
        for share in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(half, (own + pooled) / 2)
    np.testing.assert_allclose(
        pooled, em_once(model, cells, rules_of(cells, "tied")).covariances
    )


@pytest.mark.parametrize("student", [False, True])
def test_a_class_without_pixels_slows_nothing_down(student: bool) -> None:
    cells = clouds(5)
    start = start_of(cells)
    start = replace(start, df=np.full(3, 20.0) if student else None)
    dead = MixtureModel(
        np.append(start.weights, 0),
        np.concatenate([start.means, start.means[:1] + 1]),
        np.concatenate([start.covariances, start.covariances[:1]]),
        df=np.full(4, 20.0) if student else None,
    )
    paths = [
        [*iter_em(cells, model, rules_of(cells), tol=1e-6, max_iter=40)]
        for model in (start, dead)
    ]
    expected, found = ([state.objective for state in path] for path in paths)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    last = paths[1][-1].model
    assert last.weights[3] == 0
    np.testing.assert_array_equal(last.means[3], dead.means[3])
    np.testing.assert_allclose(last.means[:3], paths[0][-1].model.means, rtol=1e-6)


@pytest.mark.parametrize("fixed", [False, True])
def test_many_classes_are_summed_up_in_parts(
    fixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = clouds(6, count=500, fixed=fixed)
    model = start_of(cells, 20)
    whole = expect(model, cells)
    monkeypatch.setattr(em, "_NUMBERS", 20 * 77)
    parts = expect(model, cells)
    assert parts.objective == pytest.approx(whole.objective, rel=1e-12)
    np.testing.assert_allclose(parts.sums, whole.sums, rtol=1e-9, atol=1e-6)
