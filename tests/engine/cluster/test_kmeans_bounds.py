"""Parted cells against all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster import kmeans_bounds
from napari_emseg.engine.cluster.kmeans import iter_kmeans
from napari_emseg.engine.cluster.kmeans_bounds import ActiveCells, ActiveSet
from napari_emseg.engine.cluster.seeding import seed_centers


def clouds(seed: int, count: int, *, fixed: bool = False) -> Cells:
    """Make weighted points in six clouds, a few of them of fixed classes."""
    rng = np.random.default_rng(seed)
    cloud = rng.integers(0, 6, count)
    points = rng.uniform(-50, 50, (3, 6))[:, cloud] + rng.normal(0, 8, (3, count))
    classes = np.where(rng.random(count) < 0.02, cloud % 3 + 1, 0)
    return Cells(
        rng.integers(1, 9, count).astype(float),
        points.astype(np.float32),
        seed_labels=classes.astype(np.int64) if fixed else None,
    )


def whole(cells: Cells, centers: np.ndarray) -> ActiveCells:
    data = cells.blocks(np.zeros(3), order="linear")
    return ActiveCells(centers, np.inf, np.zeros((len(centers), 4)), data)


@given(
    seed=st.integers(0, 9999),
    k=st.integers(2, 9),
    slack=st.floats(0.01, 20),
    fixed=st.booleans(),
)
def test_parted_cells_act_like_all_within_the_slack(
    seed: int, k: int, slack: float, fixed: bool
) -> None:
    cells = clouds(seed, 3000, fixed=fixed)
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-50, 50, (max(k, 3), 3))
    every = whole(cells, centers)
    layer = every.part(centers, slack)
    # Once more, from the layer, as far as it reaches.
    way = rng.normal(size=centers.shape)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    near = centers + 0.5 * slack * way
    finer = layer.part(near, 0.49 * slack)
    for moved in (centers, near, near + 0.48 * slack * way):
        assert layer.room(moved) > 0
        sums, gain = every.assign(moved)
        for other in (layer, finer) if moved is not centers else (layer,):
            assert other.data.cells.seed_labels is None
            found, other_gain = other.assign(moved)
            np.testing.assert_allclose(found, sums, rtol=1e-10, atol=1e-7)
            assert other_gain == pytest.approx(gain, rel=1e-10)


def test_ties_are_never_settled() -> None:
    cells = Cells(np.ones(3), np.array([[0.0, -9, 9], [0, 0, 0], [0, 0, 0]]))
    centers = np.array([[-9.0, 0, 0], [9, 0, 0], [0, 40, 0]])
    layer = whole(cells, centers).part(centers, 1e-6)
    assert layer.data.cells.points.tolist() == [[0], [0], [0]]
    assert layer.assign(centers)[0][:, 0].tolist() == [2, 1, 0]


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("tol", [0, 1e-3])
def test_settled_k_means_takes_the_steps_of_the_plain_one(
    monkeypatch: pytest.MonkeyPatch, tol: float, fixed: bool
) -> None:
    cells = clouds(5, 30_000, fixed=fixed)
    start = seed_centers(cells, 7, init="random", rng=np.random.default_rng(1))
    settled = list(iter_kmeans(cells, start, tol=tol, max_iter=400))
    monkeypatch.setattr(kmeans_bounds, "_MANY", cells.count)
    plain = list(iter_kmeans(cells, start, tol=tol, max_iter=400))
    assert settled[-1].converged
    assert plain[-1].converged
    # With tol=0 rounding may take one more step or one less.
    assert abs(len(settled) - len(plain)) <= (2 if tol == 0 else 0)
    for a, b in zip(settled, plain, strict=False):
        np.testing.assert_allclose(a.model.means, b.model.means, atol=1e-9)
        assert a.objective == pytest.approx(b.objective, rel=1e-12)


def test_few_cells_are_left_when_centers_come_to_rest() -> None:
    cells = clouds(3, 50_000)
    centers = seed_centers(cells, 6, init="kmeans", rng=np.random.default_rng(0))
    every = ActiveSet(cells.blocks(np.zeros(3), order="linear"), centers)
    for _ in range(40):
        layer = every.layer(centers)
        sums = layer.assign(centers)[0]
        centers = sums[:, 1:] / sums[:, :1]
    assert layer.data.cells.count < 0.1 * cells.count
    # A leap takes all of them again.
    assert every.layer(centers + 1000).data.cells.count == cells.count
