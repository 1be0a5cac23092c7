"""Cells: sums over them are sums over the pixels that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_emseg.engine.cells import cells as module
from napari_emseg.engine.cells.cells import (
    Cells,
    coarsen,
    largest,
    pack,
    products,
    unpack,
    upper,
)


def random_cells(
    seed: int, dims: int = 3, count: int = 500, *, fixed: bool = False
) -> Cells:
    """Weighted points in three clouds, in float32 as pixels are."""
    rng = np.random.default_rng(seed)
    cloud = rng.integers(0, 3, count)
    points = rng.normal(0, 3, (dims, count)) + rng.normal(50, 30, (dims, 3))[:, cloud]
    classes = np.where(rng.random(count) < 0.2, cloud + 1, 0) if fixed else None
    return Cells(
        rng.integers(1, 9, count).astype(float),
        points.astype(np.float32),
        seed_labels=None if classes is None else classes.astype(np.int64),
    )


def second_moments(cells: Cells) -> np.ndarray:
    """Sum w (x xᵀ + spread), (D, D), without blocks."""
    x = cells.points.astype(np.float64)
    total = np.einsum("im,jm,m->ij", x, x, cells.weights)
    if cells.spread is not None:
        total += unpack((cells.spread @ cells.weights)[np.newaxis], cells.dims)[0]
    return total


@given(seed=st.integers(0, 99), dims=st.integers(1, 6))
def test_mean_and_covariance_are_those_of_repeated_pixels(seed: int, dims: int) -> None:
    cells = random_cells(seed, dims)
    pixels = np.repeat(cells.points, cells.weights.astype(int), axis=1)
    pixels = pixels.astype(np.float64)
    assert cells.total == pixels.shape[1]
    np.testing.assert_allclose(cells.mean(), pixels.mean(axis=1))
    np.testing.assert_allclose(
        cells.covariance(), np.atleast_2d(np.cov(pixels, bias=True)), rtol=1e-9
    )


@pytest.fixture(params=["kept", "made anew"])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walk through blocks as small and as large data do."""
    if request.param == "made anew":
        monkeypatch.setattr(module, "_KEEP_BYTES", 0)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("order", ["full", "squares", "linear"])
@pytest.mark.parametrize("dims", [1, 3, 12])
def test_blocks_cover_all_cells_in_order(dims: int, order: str) -> None:
    cells = random_cells(1, dims, 20_000, fixed=True)
    center = cells.mean()
    blocks = cells.blocks(center, order=order)
    for _ in range(2):
        parts = list(blocks)
        assert len(parts) > 1
        weights, phi, fixed = (
            np.concatenate(kind, axis=-1) for kind in zip(*parts, strict=True)
        )
        np.testing.assert_array_equal(weights, cells.weights)
        np.testing.assert_array_equal(fixed, cells.seed_labels)
        x = cells.points - center[:, np.newaxis]
        np.testing.assert_array_equal(phi[0], 1)
        np.testing.assert_allclose(phi[1 : dims + 1], x)
        i, j = {
            "full": np.triu_indices(dims),
            "squares": (np.arange(dims),) * 2,
            "linear": (np.arange(0),) * 2,
        }[order]
        np.testing.assert_allclose(phi[dims + 1 :], x[i] * x[j])


@pytest.mark.parametrize("order", ["full", "squares", "linear"])
def test_blocks_of_bins_carry_their_spread(order: str) -> None:
    fine = random_cells(2)
    coarse = coarsen(fine, 3)
    center = fine.mean()
    sums = [
        sum(phi @ weights for weights, phi, _ in cells.blocks(center, order=order))
        for cells in (fine, coarse)
    ]
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-9, atol=1e-6)


def test_matrices_survive_packing(rng: np.random.Generator) -> None:
    root = rng.normal(size=(4, 5, 5))
    matrices = root @ root.transpose(0, 2, 1)
    np.testing.assert_array_equal(unpack(pack(matrices), 5), matrices)
    squares = np.einsum("kii->ki", matrices)
    np.testing.assert_array_equal(
        unpack(squares, 5), np.stack([np.diag(row) for row in squares])
    )


def test_products_follow_the_order_of_packing(rng: np.random.Generator) -> None:
    x = rng.normal(size=(4, 7))
    outer = np.einsum("im,jm->mij", x, x)
    np.testing.assert_allclose(products(x)[5:], pack(outer).T)


@given(
    seed=st.integers(0, 99),
    dims=st.integers(1, 4),
    bits=st.integers(1, 5),
    fixed=st.booleans(),
)
def test_coarse_cells_keep_all_moments(
    seed: int, dims: int, bits: int, fixed: bool
) -> None:
    fine = random_cells(seed, dims, fixed=fixed)
    coarse = coarsen(fine, bits)
    coarser = coarsen(coarse, max(bits - 1, 1))
    assert coarser.count <= coarse.count <= min(fine.count, 4 * 2 ** (bits * dims))
    assert not coarse.exact
    for cells in (coarse, coarser):
        assert cells.total == fine.total
        np.testing.assert_allclose(cells.mean(), fine.mean())
        np.testing.assert_allclose(second_moments(cells), second_moments(fine))
        spread = cells.spread
        assert spread is not None
        i, j = np.triu_indices(dims)
        assert spread[i == j].min() >= 0
        if fixed:
            assert cells.seed_labels is not None
            assert fine.seed_labels is not None
            np.testing.assert_array_equal(
                np.bincount(cells.seed_labels, cells.weights, 4),
                np.bincount(fine.seed_labels, fine.weights, 4),
            )


def test_coarse_cells_are_no_wider_than_their_boxes() -> None:
    fine = random_cells(3, 2, 5000)
    bits = 4
    spread = coarsen(fine, bits).spread
    assert spread is not None
    side = np.ptp(fine.points, axis=1) / 2**bits
    # No distribution within an interval has more variance than half on each end.
    assert (spread[[0, 2]].max(axis=1) <= side**2 / 4 * (1 + 1e-4)).all()


def test_one_color_is_one_coarse_cell() -> None:
    cells = Cells(np.array([3.0, 4.0]), np.full((3, 2), 7, np.float32))
    coarse = coarsen(cells, 5)
    assert coarse.count == 1
    assert coarse.total == 7
    np.testing.assert_array_equal(coarse.points[:, 0], 7)
    np.testing.assert_array_equal(coarse.spread, 0)


@pytest.mark.parametrize("count", [1, 7, 100, 250, 500, 900])
def test_samples_are_different_cells_from_everywhere(count: int) -> None:
    cells = Cells(np.ones(500), np.arange(500, dtype=np.float32)[np.newaxis])
    found = cells.sample(count).points[0]
    assert len(np.unique(found)) == len(found) == min(count, 500)
    if 7 <= count < 500:
        edges = np.linspace(0, 500, count + 1)
        assert (np.histogram(found, edges)[0] >= 1).mean() > 0.9


def test_take_keeps_everything_of_a_cell() -> None:
    cells = coarsen(random_cells(5, fixed=True), 3)
    index = np.array([4, 0, 9])
    part = cells.take(index)
    for name in ("weights", "points", "spread", "seed_labels"):
        np.testing.assert_array_equal(
            getattr(part, name), getattr(cells, name)[..., index]
        )


@given(seed=st.integers(0, 999), fixed=st.booleans())
def test_linear_bins_keep_the_trace(seed: int, fixed: bool) -> None:
    fine = random_cells(seed, fixed=fixed)
    full, linear = (
        coarsen(coarsen(fine, 4, order=o), 2, order=o) for o in ("full", "linear")
    )
    assert full.spread is not None
    assert linear.spread is not None
    np.testing.assert_allclose(linear.points, full.points)
    np.testing.assert_array_equal(linear.weights, full.weights)
    i, j = upper(fine.dims)
    trace = full.spread[i == j].sum(axis=0)
    np.testing.assert_allclose(linear.spread, trace[np.newaxis], atol=1e-9)


def test_largest_is_the_first_of_equals(rng: np.random.Generator) -> None:
    rows = rng.integers(0, 3, (5, 1000)).astype(float)
    np.testing.assert_array_equal(largest(rows), rows.argmax(axis=0))
