"""The absorption of small regions, against taking one after another."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_emseg.engine.labels import absorption, turns
from napari_emseg.engine.labels.absorption import iter_absorb
from napari_emseg.engine.labels.connected_components import borders, components
from napari_emseg.pipeline.progress import finish

if TYPE_CHECKING:
    from numpy.typing import NDArray


def one_by_one(
    regions: NDArray[np.int32], min_size: int, sums: NDArray[np.float64] | None
) -> NDArray[np.intp]:
    """Let the smallest of all regions join, again and again, as it is defined."""
    size = np.bincount(regions.ravel())
    host = np.arange(len(size))
    near: list[dict[int, int]] = [{} for _ in size]
    for (a, b), length in zip(
        *(found.tolist() for found in borders(regions)), strict=True
    ):
        near[a][b] = near[b][a] = length
    while True:
        todo = [
            (int(size[r]), r)
            for r in range(1, len(size))
            if host[r] == r and size[r] < min_size and near[r]
        ]
        if not todo:
            break
        _, region = min(todo)
        costs = {}
        for other, length in near[region].items():
            costs[other] = -length
            if sums is not None:
                gap = sums[other] / size[other] - sums[region] / size[region]
                costs[other] = float(np.einsum("d,d->", gap, gap)) / length
        taker = min(costs, key=lambda other: (costs[other], other))
        host[region] = taker
        size[taker] += size[region]
        if sums is not None:
            sums[taker] += sums[region]
        for other, length in near[region].items():
            del near[other][region]
            if other != taker:
                both = near[taker].get(other, 0) + length
                near[taker][other] = near[other][taker] = both
        near[region] = {}
    while not np.array_equal(host, host[host]):
        host = host[host]
    return host


@pytest.mark.parametrize("features", [0, 1, 3, 9])
@pytest.mark.parametrize("n_labels", [2, 7, 64])
@pytest.mark.parametrize("shape", [(12, 17), (1, 90), (9, 8, 1), (2, 3, 4, 5)])
@pytest.mark.parametrize("parts", ["large", "small", "none"])
def test_the_result_is_that_of_one_by_one(
    features: int,
    n_labels: int,
    shape: tuple[int, ...],
    parts: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if parts == "small":
        for name in ("_PART", "_BLOCK"):
            monkeypatch.setattr(absorption, name, 7)
        monkeypatch.setattr(turns, "_RUN", 2)
        monkeypatch.setattr(turns, "_CUT", 3)
    # So small an image would be taken one by one otherwise.
    monkeypatch.setattr(absorption, "_FEW", 0 if parts == "none" else 10**9)
    rng = np.random.default_rng([features, n_labels, *shape])
    for min_size in (1, 2, 3, 10, 10**4):
        labels = rng.integers(0 if min_size > 2 else 1, n_labels + 1, shape)
        regions = components(labels)
        sums = None
        if features:
            values = rng.integers(0, 9, (features, regions.size)).astype(float)
            count = int(regions.max()) + 1
            found = [np.bincount(regions.ravel(), v, count) for v in values]
            sums = np.stack(found, axis=1)
        expected = one_by_one(regions, min_size, None if sums is None else sums.copy())
        host = finish(iter_absorb(regions, min_size, sums))
        np.testing.assert_array_equal(host, expected)


@pytest.mark.parametrize("most", [0, 2**16 - 1, 2**16, 2**31 - 1])
def test_numbers_of_any_length_are_sorted(most: int) -> None:
    """Regions of one number stay in their order, on which sums of floats depend."""
    numbers = np.random.default_rng(0).integers(0, most, 500, np.int32, endpoint=True)
    numbers[250:] = numbers[:250]
    expected = np.argsort(numbers, kind="stable")
    np.testing.assert_array_equal(turns.sorting(numbers), expected)


@pytest.mark.parametrize("features", [0, 3])
def test_noise_takes_little_memory_and_can_be_canceled(
    features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_PART", "_BLOCK"):
        monkeypatch.setattr(absorption, name, 2**11)
    labels = np.random.default_rng(0).integers(1, 8, (300, 300), dtype=np.uint8)
    regions = components(labels)
    count = int(regions.max()) + 1
    sums = np.random.default_rng(1).random((count, 3)) if features else None
    before = regions.copy()
    tracemalloc.start()
    steps = iter_absorb(regions, 20, sums)
    # So that canceling comes through in between.
    assert sum(1 for _ in steps) > 5
    peak = tracemalloc.get_traced_memory()[1] / regions.size
    tracemalloc.stop()
    assert peak < (40 if features else 25)  # bytes per pixel
    np.testing.assert_array_equal(regions, before)
