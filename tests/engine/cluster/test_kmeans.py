"""K-means on weighted cells against scikit-learn's on plain points."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from napari_emseg.engine._types import Float64Array
from napari_emseg.engine.cells.cells import Cells, coarsen
from napari_emseg.engine.cluster.kmeans import KMeansModel, iter_kmeans, nearest
from napari_emseg.engine.cluster.seeding import seed_centers

if TYPE_CHECKING:
    from napari_emseg.engine.cluster.fit_state import FitState


def clouds(seed: int, dims: int = 2, count: int = 400, *, fixed: bool = False) -> Cells:
    """Make weighted integer points in four clouds, so that ties and repeats occur."""
    rng = np.random.default_rng(seed)
    cloud = rng.integers(0, 4, count)
    middle = rng.uniform(0, 60, (dims, 4))
    points = (middle[:, cloud] + rng.normal(0, 4, (dims, count))).round()
    classes = np.where(rng.random(count) < 0.1, cloud % 3 + 1, 0)
    return Cells(
        rng.integers(1, 5, count).astype(float),
        points.astype(np.float32),
        seed_labels=classes.astype(np.int64) if fixed else None,
    )


def run(cells: Cells, centers: Float64Array, **options: float) -> list[FitState]:
    settings = {"tol": 0, "max_iter": 500} | options
    return list(
        iter_kmeans(
            cells, centers, tol=settings["tol"], max_iter=int(settings["max_iter"])
        )
    )


def inertia(cells: Cells, centers: Float64Array) -> float:
    """Mean squared distance to the own center, the slow way."""
    x = np.asarray(cells.points, np.float64)
    gap = ((x[:, np.newaxis] - centers.T[:, :, np.newaxis]) ** 2).sum(axis=0)
    own = gap.min(axis=0)
    if cells.seed_labels is not None:
        index = np.flatnonzero(cells.seed_labels)
        own[index] = gap[cells.seed_labels[index] - 1, index]
    return float(own @ cells.weights / cells.total)


@given(seed=st.integers(0, 999), k=st.integers(1, 7), dims=st.integers(1, 5))
def test_same_optimum_as_scikit_learn(seed: int, k: int, dims: int) -> None:
    # Without repeated points there are no ties, which may go either way.
    rng = np.random.default_rng(seed)
    cells = Cells(rng.uniform(1, 5, 900), rng.normal(0, 30, (dims, 900)))
    start = cells.points[:, :k].T
    model = run(cells, start)[-1].model
    peer = KMeans(k, init=start, n_init=1, tol=0, max_iter=500).fit(
        cells.points.T, sample_weight=cells.weights
    )
    np.testing.assert_allclose(model.centers, peer.cluster_centers_, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(cells.points.T) - 1, peer.labels_)
    share = np.bincount(peer.labels_, cells.weights) / cells.total
    np.testing.assert_allclose(model.weights, share)
    assert model.variance * dims == pytest.approx(peer.inertia_ / cells.total)


@given(
    seed=st.integers(0, 9999),
    k=st.integers(1, 12),
    init=st.sampled_from(["kmeans", "random", "far away"]),
    fixed=st.booleans(),
    bins=st.booleans(),
)
def test_inertia_never_rises(
    seed: int, k: int, init: str, fixed: bool, bins: bool
) -> None:
    cells = clouds(seed, fixed=fixed)
    if bins:
        cells = coarsen(cells, 3)
    rng = np.random.default_rng(seed)
    k = max(k, 3) if fixed else k
    if init == "far away" or fixed:
        # Most of these lose all their points and have to be put elsewhere.
        start = rng.uniform(-500, 500, (k, 2))
    else:
        start = seed_centers(cells, k, init=init, rng=rng)
    states = run(cells, start)
    objective = np.array([state.objective for state in states])
    assert states[-1].converged
    assert (np.diff(objective) <= 1e-9 * objective[:-1] + 1e-12).all()
    assert [state.iteration for state in states] == list(range(len(states)))
    assert states[-1].model.weights.sum() == pytest.approx(1)


@given(seed=st.integers(0, 999), fixed=st.booleans())
def test_objective_belongs_to_the_state_s_own_model(seed: int, fixed: bool) -> None:
    cells = clouds(seed, fixed=fixed)
    start = np.random.default_rng(seed).uniform(0, 60, (4, 2))
    for state in run(cells, start):
        assert state.objective == pytest.approx(inertia(cells, state.model.centers))


def test_inertia_of_bins_counts_what_lies_inside(rng: np.random.Generator) -> None:
    cells = Cells(np.ones(2000), rng.normal(0, 9, (2, 2000)))
    start = cells.points[:, :3].T
    coarse = run(coarsen(cells, 4), start)[-1]
    # Shared by whole bins, the same centers leave at least as much.
    assert not coarse.exact
    exact = inertia(cells, coarse.model.centers)
    assert exact <= coarse.objective <= 1.1 * exact


def test_iteration_stops_at_the_sum_of_the_moves() -> None:
    cells = clouds(7)
    start = cells.points[:, :4].T.astype(np.float64)
    path = [state.model.centers for state in run(cells, start)]
    moves = [np.linalg.norm(b - a, axis=1).sum() for a, b in pairwise(path)]
    assert len(moves) > 3
    for index in (1, len(moves) - 1):
        states = run(cells, start, tol=moves[index])
        first = next(i for i, move in enumerate(moves) if move <= moves[index])
        assert len(states) == first + 1
        assert states[-1].converged


@pytest.mark.parametrize("most", [1, 2, 3])
def test_iterations_are_limited(most: int) -> None:
    cells = clouds(7)
    states = run(cells, cells.points[:, :4].T.astype(np.float64), max_iter=most)
    assert len(states) == most + 1
    assert not states[-1].converged


def test_weights_are_repeated_pixels() -> None:
    cells = clouds(3)
    index = np.repeat(np.arange(cells.count), cells.weights.astype(int))
    pixels = Cells(np.ones(len(index)), cells.points[:, index])
    start = np.random.default_rng(0).uniform(0, 60, (4, 2))
    for ours, plain in zip(run(cells, start), run(pixels, start), strict=True):
        assert ours.objective == pytest.approx(plain.objective)
        np.testing.assert_allclose(ours.model.centers, plain.model.centers)


@given(seed=st.integers(0, 999))
def test_no_class_stays_empty_while_colors_are_left(seed: int) -> None:
    cells = clouds(seed)
    # All but one of these centers start without a single point.
    start = np.array([[30.0, 30.0], [900, 900], [-900, 900], [5000, 0]])
    model = run(cells, start)[-1].model
    assert (model.weights > 0).all()


@given(seed=st.integers(0, 999))
def test_fixed_cells_keep_their_class(seed: int) -> None:
    cells = clouds(seed, fixed=True)
    start = np.random.default_rng(seed).uniform(0, 60, (4, 2))
    final = run(cells, start)[-1].model
    label = nearest(final.centers, cells.points)[0]
    assert cells.seed_labels is not None
    label = np.where(cells.seed_labels > 0, cells.seed_labels - 1, label)
    for k in np.unique(label):
        own = cells.take(np.flatnonzero(label == k))
        np.testing.assert_allclose(final.centers[k], own.mean(), rtol=1e-6)


def test_fixed_cells_leave_no_class_empty() -> None:
    # The cells farthest from their center are fixed ones, which no other class gets.
    points = np.array([[-500.0, 500, 100, 101, 102, 110, 111, 112]])
    fixed = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    cells = Cells(np.ones(8), points, seed_labels=fixed)
    states = run(cells, np.array([[0.0], [106.0], [9000.0]]))
    assert (states[-1].model.weights > 0).all()


@given(seed=st.integers(0, 999), k=st.integers(1, 30))
@pytest.mark.parametrize("init", ["kmeans", "random"])
def test_starts_are_distinct_points(init: str, seed: int, k: int) -> None:
    cells = clouds(seed, count=20)
    # Most colors of a picture that becomes gray look like another one.
    cells = replace(cells, points=np.rint(cells.points / 4))
    centers = seed_centers(cells, k, init=init, rng=np.random.default_rng(seed))
    distinct = np.unique(cells.points.T, axis=0)
    assert len(centers) == min(k, len(distinct))
    assert len(np.unique(centers, axis=0)) == len(centers)
    assert {*map(tuple, centers)} <= {*map(tuple, distinct)}


def test_greedy_starts_beat_random_ones() -> None:
    cells = clouds(1, count=2000)
    potential = {
        init: np.mean(
            [
                inertia(
                    cells,
                    seed_centers(cells, 4, init=init, rng=np.random.default_rng(seed)),
                )
                for seed in range(40)
            ]
        )
        for init in ("kmeans", "random")
    }
    assert potential["kmeans"] < 0.7 * potential["random"]


def test_random_starts_follow_the_weights() -> None:
    cells = Cells(np.array([1.0, 8.0, 1.0]), np.array([[0.0, 1.0, 2.0]]))
    drawn = [
        float(seed_centers(cells, 1, init="random", rng=np.random.default_rng(s))[0, 0])
        for s in range(300)
    ]
    assert 0.7 < np.mean(np.array(drawn) == 1) < 0.9


def test_new_starts_keep_away_from_given_ones() -> None:
    cells = Cells(np.ones(40), np.repeat([[0.0, 50.0]], 20, axis=1))
    given_ = np.array([[0.0]])
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found = seed_centers(cells, 1, init="kmeans", rng=rng, centers_before=given_)
        assert found.tolist() == [[50.0]]


def test_model_speaks_like_a_mixture() -> None:
    model = KMeansModel(np.array([[-9.0, 0], [9, 0], [0, 0]]), np.full(3, 1 / 3), 2.0)
    x = np.array([[[-8.0, 1], [1, 9]], [[7, 1], [5, 5]]], np.float32)
    np.testing.assert_array_equal(model.predict(x), [[1, 3], [2, 2]])
    p = model.predict_proba(x)
    assert p.shape == (2, 2, 3)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    np.testing.assert_array_equal(p.argmax(axis=-1) + 1, model.predict(x))
    gap = ((x[..., np.newaxis, :] - model.centers) ** 2).sum(axis=-1)
    odds = np.exp(-gap / 4)
    np.testing.assert_allclose(p, odds / odds.sum(axis=-1, keepdims=True))
    assert model.score(x) == pytest.approx(-gap.min(axis=-1).mean())
    turned = model.reorder(np.array([2, 0, 1]))
    np.testing.assert_array_equal(turned.predict(x), [[2, 1], [3, 3]])


def test_ties_go_to_the_lower_number() -> None:
    centers = np.array([[9.0, 0], [-9, 0], [0, 9], [0, -9]])
    assert nearest(centers, np.zeros((2, 1)))[0] == 0
    assert nearest(centers[::-1], np.zeros((2, 1)))[0] == 0


def test_weights_of_classes_that_are_kept_sum_to_one() -> None:
    model = KMeansModel(np.arange(3.0)[:, np.newaxis], np.array([0.5, 0.3, 0.2]), 1.0)
    np.testing.assert_allclose(model.reorder(np.array([2, 0])).weights, [2 / 7, 5 / 7])
