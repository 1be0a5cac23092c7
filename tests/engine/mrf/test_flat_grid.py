"""Pixels in one row: neighbors, cells of two by two, and back."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from napari_emseg.engine.mrf.flat_grid import (
    FlatGrid,
    halve,
    repeat_into,
    repeat_labels,
)

SHAPES = [(5, 7), (1, 9), (8, 1), (3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbors_are_a_step_away_and_outside_is_frame(
    shape: tuple[int, ...],
) -> None:
    grid = FlatGrid(shape)
    pixels = np.arange(1, np.prod(shape) + 1, dtype=np.int16).reshape(shape)
    plane = grid.lay(pixels, None, -1)
    np.testing.assert_array_equal(grid.view(plane), pixels)
    wide = np.pad(pixels, 4, constant_values=-1)
    for offset in product((-4, -1, 0, 2, 4), repeat=len(shape)):
        step = grid.step(offset)
        moved = grid.view(np.roll(plane, -step))
        cut = tuple(slice(4 + d, 4 + d + n) for d, n in zip(offset, shape, strict=True))
        np.testing.assert_array_equal(moved, wide[cut])


@pytest.mark.parametrize("shape", SHAPES)
def test_what_does_not_count_is_cleared(shape: tuple[int, ...]) -> None:
    grid = FlatGrid(shape)
    valid = np.random.default_rng(0).random(shape) < 0.6
    planes = grid.full((2,), np.uint16, 7)
    grid.clear(planes, valid)
    between = planes[:, grid.start : grid.stop]
    assert between.sum() == 2 * 7 * valid.sum()
    np.testing.assert_array_equal(grid.view(planes)[0] == 7, valid)


@pytest.mark.parametrize("shape", [(8, 12), (7, 9), (1, 5), (4, 1)])
@pytest.mark.parametrize("masked", [False, True])
def test_cells_are_means_of_what_counts(shape: tuple[int, int], masked: bool) -> None:
    rng = np.random.default_rng(1)
    planes = rng.integers(-16000, 8000, (3, *shape)).astype(np.int16)
    valid = rng.random(shape) < 0.5 if masked else np.ones(shape, bool)
    found = halve(planes, valid if masked else None)
    rows, columns = (-(-n // 2) for n in shape)
    assert found.shape == (3, rows, columns)
    for y, x in np.ndindex(rows, columns):
        four = np.s_[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        inside = planes[:, *four][:, valid[four]]
        if inside.size:
            expected = np.floor(inside.mean(axis=1) + 0.5)
            np.testing.assert_array_equal(found[:, y, x], expected)


@pytest.mark.parametrize("shape", [(8, 12), (7, 9), (1, 5), (4, 1)])
def test_cells_are_repeated(shape: tuple[int, int]) -> None:
    cells = np.random.default_rng(2).integers(0, 255, [-(-n // 2) for n in shape])
    expected = cells.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]
    labels = repeat_labels(cells.astype(np.uint8), shape)
    np.testing.assert_array_equal(labels, expected)
    assert labels.flags.c_contiguous
    out = np.empty((1, *shape), np.uint16)
    repeat_into(out, cells[np.newaxis].astype(np.uint16) * 250)
    np.testing.assert_array_equal(out[0], expected * 250)
