"""The edge-preserving filter and bonds in integers, against their formulas."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.mrf import fixed_point
from napari_emseg.engine.mrf.fixed_point import (
    FAR,
    LIMIT,
    Scratch,
    Unit,
    closeness,
    find_bonds,
    soften,
)
from napari_emseg.engine.mrf.flat_grid import FlatGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALE = 30.0
STEPS = (1, 2, 4)


def textured(shape: tuple[int, ...], dims: int = 2) -> NDArray[np.float32]:
    """Make two halves (*S, D) a step of 40 apart, with texture of deviation 3."""
    noise = np.random.default_rng(3).normal(0, 3, (*shape, dims))
    noise[..., shape[-1] // 2 :, :] += 40
    return noise.astype(np.float32)


def unit_of(scale: float, steepness: float = 1.0) -> Unit:
    step = np.sqrt(scale * steepness) / 45.254834
    return Unit(np.full(2, 20.0), step, steepness)


def filtered(
    features: NDArray[np.float32],
    valid: NDArray[np.bool_] | None = None,
    steepness: float = 1.0,
) -> NDArray[np.float32]:
    """Filter features (*S, D)."""
    unit, grid = unit_of(SCALE, steepness), FlatGrid(features.shape[:-1])
    planes = grid.lay(unit.encode(features), valid, FAR)
    out = grid.full((len(planes),), np.int16, FAR)
    soften(grid, planes, unit.steepness, STEPS, out)
    found = np.empty((len(planes), *features.shape[:-1]), np.float32)
    unit.decode(grid.view(out), found)
    return np.moveaxis(found, 0, -1)


def reference(
    features: NDArray[np.float32], valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Filter pixel by pixel, neighbor by neighbor, as the formula says."""
    found = features.astype(np.float64)
    shape = features.shape[:-1]
    for step in STEPS:
        before = found.copy()
        for at in np.ndindex(shape):
            total, weight = before[at].copy(), 1.0
            for way in product((-1, 0, 1), repeat=len(shape)):
                to = tuple(a + step * d for a, d in zip(at, way, strict=True))
                inside = all(0 <= t < n for t, n in zip(to, shape, strict=True))
                if not any(way) or not inside or not (valid[at] and valid[to]):
                    continue
                gap = before[to] - before[at]
                bond = 0.5 ** np.count_nonzero(way) * np.exp(-(gap @ gap) / 2 / SCALE)
                total += bond * before[to]
                weight += bond
            found[at] = total / weight
    return found


@pytest.mark.parametrize("shape", [(11, 9), (2, 12), (1, 8), (5, 6, 3)])
@pytest.mark.parametrize("steepness", [1.0, 9.0])
def test_filter_is_its_formula(shape: tuple[int, ...], steepness: float) -> None:
    features = textured(shape)
    valid = np.random.default_rng(0).random(shape) > 0.2
    found = filtered(features, valid, steepness)
    away = np.abs(found - reference(features, valid))[valid]
    # What is averaged away is ten times as much.
    assert away.mean() < 0.25
    assert away.max() < 2


@pytest.mark.parametrize("shape", [(37, 30), (13, 15, 18)])
def test_texture_fades_and_steps_stay(shape: tuple[int, ...]) -> None:
    features = textured(shape)
    found = filtered(features)
    half = shape[-1] // 2
    for part in (np.s_[..., :half, :], np.s_[..., half:, :]):
        assert found[part].std() < 0.6 * features[part].std()
        assert found[part].mean() == pytest.approx(features[part].mean(), abs=0.2)


def test_a_flat_picture_stays_what_it_is() -> None:
    features = np.full((20, 20, 2), 23.5, np.float32)
    np.testing.assert_allclose(filtered(features), 23.5, atol=0.1)


@pytest.mark.parametrize("length", [64, 1088, 1 << 16])
@pytest.mark.parametrize("shape", [(70, 50), (9, 20, 21)])
def test_blocks_do_not_matter(
    shape: tuple[int, ...], length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = textured(shape)
    valid = np.random.default_rng(0).random(shape) > 0.1
    whole = filtered(features, valid)
    monkeypatch.setattr(fixed_point, "BLOCK", length)
    np.testing.assert_array_equal(filtered(features, valid), whole)


def test_flips_and_turns_commute() -> None:
    features = textured((40, 33))
    found = filtered(features)
    for turn in (lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: np.rot90(a)):
        turned = filtered(np.ascontiguousarray(turn(features)))
        np.testing.assert_array_equal(turned, turn(found))


def test_closeness_falls_as_an_exponential() -> None:
    total = np.arange(0, 32768, 128, dtype=np.uint16)
    expected = np.exp(-total.astype(float) / 4096)
    for steepness in (1.0, 4.0):
        found = closeness(total.copy(), steepness) / 255
        np.testing.assert_allclose(found, expected**steepness, atol=0.06)
        assert found[0] > 0.95
        assert (np.diff(found) <= 0).all()
    assert closeness(np.array([32767], np.uint16), 1.0)[0] == 0


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)])
def test_bonds_fade_with_contrast_and_distance(shape: tuple[int, ...]) -> None:
    features = textured(shape)
    valid = np.random.default_rng(1).random(shape) > 0.2
    unit, grid = unit_of(SCALE), FlatGrid(shape)
    planes = grid.lay(unit.encode(features), valid, FAR)
    bonds = find_bonds(grid, planes, unit.steepness, 32, Scratch())
    offsets = [d for d in product((-1, 0, 1), repeat=len(shape)) if d > (0,) * len(d)]
    for offset, bond in zip(offsets, bonds, strict=True):
        for at in np.ndindex(shape):
            to = tuple(a + d for a, d in zip(at, offset, strict=True))
            inside = all(0 <= t < n for t, n in zip(to, shape, strict=True))
            there = inside and bool(valid[to])
            expected = 0.0
            if valid[at] and there:
                gap = features[to] - features[at]
                near = 32 / np.linalg.norm(offset)
                expected = near * np.exp(-(gap @ gap) / 2 / SCALE)
            if valid[at] or there:
                assert grid.view(bond)[at] == pytest.approx(expected, abs=2.2)


def test_units_have_room_for_all_classes() -> None:
    narrow = MixtureModel(
        np.full(2, 0.5), np.array([[0.0], [5e6]]), np.full((2, 1, 1), 1e-4)
    )
    unit = Unit.of(narrow, 1e-3)
    codes = unit.encode(np.array([[0.0], [5e6]], np.float32)).ravel()
    assert np.abs(codes).max() <= LIMIT
    assert codes[1] - codes[0] > LIMIT
    assert unit.steepness > 1e6
    wide = Unit.of(narrow, 1e9)
    assert wide.steepness == pytest.approx(1)


@pytest.mark.parametrize("size", [1e-38, 1e-20, 1.0, 1e17])
def test_features_of_any_size_become_integers(size: float) -> None:
    model = MixtureModel(
        np.full(2, 0.5),
        np.array([[0.0], [size]]),
        np.full((2, 1, 1), max(size**2 / 400, 1e-300)),
    )
    unit = Unit.of(model, None)
    values = np.array([[0.0], [size / 2], [size], [3e38]], np.float32)
    codes = unit.encode(values).ravel()
    assert codes[0] < codes[1] < codes[2] <= codes[3] <= LIMIT


def test_finest_units_leave_no_range_without_numbers() -> None:
    low, high = np.array([-1.0, 0.0, 5.0]), np.array([3.0, 1e-4, 5.0])
    unit = Unit.finest(low, high)
    ends = unit.encode(np.stack([low, high]))
    assert ends.tolist() == [[-LIMIT, LIMIT], [-LIMIT, LIMIT], [0, 0]]
    features = np.random.default_rng(3).uniform(low, high, (50, 3))
    back = unit.encode(features).T * unit.steps + unit.center
    assert (np.abs(back - features) <= 0.51 * unit.steps + 1e-12).all()
    common = Unit.between(low, high, None)
    assert common.step == unit.step == pytest.approx(2 / LIMIT)
    assert (common.steps == common.step).all()
