"""Mean field in integers, against that in floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage, special

from napari_emseg.engine.mrf import fixed_field
from napari_emseg.engine.mrf.fixed_field import (
    FLOOR,
    Strength,
    largest_class,
    normalize,
    solve,
    solve_in_turns,
    solve_pyramid,
    start_from_neighbors,
)
from napari_emseg.engine.mrf.fixed_point import FAR, Scratch, Unit, find_bonds
from napari_emseg.engine.mrf.flat_grid import FlatGrid
from napari_emseg.engine.mrf.mean_field import mean_field

SHAPES = [(40, 50), (8, 20, 22)]


def speckled(shape: tuple[int, ...], seed: int = 0) -> tuple[Any, Any]:
    """Return log-probabilities (3, *S) of three bands in noise, and the image."""
    rng = np.random.default_rng(seed)
    truth = np.broadcast_to(np.arange(shape[-1]) * 3 // shape[-1], shape)
    image = truth + rng.normal(0, 0.7, shape)
    means = np.arange(3).reshape(3, *(1,) * len(shape))
    return -((image - means) ** 2) / 0.98, image[..., np.newaxis]


def logits_of(log: Any, strength: Strength) -> Any:
    units = (log - log.max(axis=0)) * strength.nat
    return np.maximum(np.rint(units), FLOOR).astype(np.int16)


def posteriors(
    log: Any,
    image: Any,
    nats: float,
    valid: Any = None,
    scale: float = 2.0,
    powers: tuple[float, ...] = (1.0,) * 60,
) -> Any:
    shape = log.shape[1:]
    strength, grid = Strength(nats, len(shape)), FlatGrid(shape)
    unit = Unit(np.array([1.0]), np.sqrt(scale) / 45.254834)
    planes = grid.lay(unit.encode(image), valid, FAR)
    bonds = find_bonds(grid, planes, 1.0, strength.bond, Scratch())
    logits = grid.lay(logits_of(log, strength), None, 0)
    found = solve(grid, bonds, logits, strength, Scratch(), powers=powers)
    grid.clear(found, valid)
    return grid.view(found).astype(float)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nats", [0.01, 0.2, 0.7, 2.0, 5.0, 20.0])
def test_labels_are_those_of_floats(shape: tuple[int, ...], nats: float) -> None:
    log, image = speckled(shape)
    found = posteriors(log, image, nats)
    expected = mean_field(log, guide=image, scale=2.0, strength=nats, sweeps=60)
    share = found / found.sum(axis=0)
    assert (share.argmax(axis=0) != expected.argmax(axis=0)).mean() < 0.02
    if nats < 1:
        assert np.abs(share - expected).mean() < 0.02


@pytest.mark.parametrize("shape", SHAPES)
def test_what_does_not_count_has_no_vote(shape: tuple[int, ...]) -> None:
    log, image = speckled(shape)
    valid = np.random.default_rng(2).random(shape) > 0.3
    found = posteriors(log, image, 1.5, valid)
    assert (found[:, ~valid] == 0).all()
    assert (found[:, valid].sum(axis=0) > 200).all()
    other, colors = log.copy(), image.copy()
    other[:, ~valid], colors[~valid] = 0, 50
    np.testing.assert_array_equal(posteriors(other, colors, 1.5, valid), found)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    log, image = speckled((60, 90))
    whole = posteriors(log, image, 1.5)
    monkeypatch.setattr(fixed_field, "_BLOCK", 3 * 1024)
    np.testing.assert_array_equal(posteriors(log, image, 1.5), whole)


@pytest.mark.parametrize("n_axes", [2, 3])
@pytest.mark.parametrize("nats", [1e-4, 0.05, 0.25, 2.0, 40.0, 1e4])
def test_full_bonds_are_what_was_asked_for(n_axes: int, nats: float) -> None:
    strength = Strength(nats, n_axes)
    units = strength.bond * 255 / 2**strength.shift
    assert units / strength.nat == pytest.approx(nats, rel=0.15, abs=0.011)
    # Logits end beyond what exponentials tell, unless bonds are huge.
    assert -FLOOR / strength.nat > 8
    neighbors = {2: 6.9, 3: 19.2}[n_axes]
    assert strength.bond * 255 * neighbors < 2**16


@pytest.mark.parametrize("nats", [0.1, 0.7, 2.0, 9.0])
@pytest.mark.parametrize("power", [0.2, 1.0])
@pytest.mark.parametrize("n_classes", [1, 2, 5, 64])
def test_normalize_is_softmax(nats: float, power: float, n_classes: int) -> None:
    log = np.random.default_rng(0).normal(0, 2, (n_classes, 500))
    log -= log.max(axis=0)
    strength = Strength(nats, 2)
    logits = logits_of(log, strength)
    out = np.empty(logits.shape, np.uint16)
    normalize(logits, out, strength, power, Scratch())
    expected = special.softmax(power * log, axis=0)
    total = out.sum(axis=0)
    away = np.abs(out / total - expected).max(axis=0)
    # Exponentials are approximations: of many small ones little is left.
    assert away.mean() < (0.07 if n_classes < 64 else 0.13)
    assert away.max() < (0.2 if n_classes < 64 else 0.35)
    np.testing.assert_allclose(total, 255, atol=2 + n_classes / 2)
    assert out.max() <= 255


@pytest.mark.parametrize("shape", [*SHAPES, (41, 33), (1, 30), (7, 9, 11)])
def test_in_turns_the_others_hear_of_the_new_state(shape: tuple[int, ...]) -> None:
    log, image = speckled(shape)
    strength, grid = Strength(1.5, len(shape)), FlatGrid(shape)
    valid = np.random.default_rng(3).random(shape) > 0.1
    unit = Unit(np.array([1.0]), np.sqrt(2.0) / 45.254834)
    planes = grid.lay(unit.encode(image), valid, FAR)
    bonds = find_bonds(grid, planes, 1.0, strength.bond, Scratch())
    logits = grid.lay(logits_of(log, strength), None, 0)
    start = start_from_neighbors(grid, logits, strength, Scratch())

    def sweep(found: Any, method: Any, powers: Any = (0.8,)) -> Any:
        rest = (grid, bonds, logits, strength, Scratch())
        found = grid.view(method(*rest, powers=powers, start=found.copy()))
        return found * valid

    first = sweep(start, solve)[:, ::2]
    half = start.copy()
    grid.view(half)[:, ::2] = first
    found = sweep(start, solve_in_turns)
    np.testing.assert_array_equal(found[:, ::2], first)
    np.testing.assert_array_equal(found[:, 1::2], sweep(half, solve)[:, 1::2])
    one, other = (
        sweep(start, method, (1.0,) * 40).argmax(axis=0)
        for method in (solve, solve_in_turns)
    )
    assert (one != other).mean() < 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_a_start_from_neighbors_has_half_their_evidence(shape: Any) -> None:
    log, _ = speckled(shape)
    strength, grid = Strength(2.0, len(shape)), FlatGrid(shape)
    logits = logits_of(np.maximum(log - log.max(axis=0), -4), strength)
    planes = grid.lay(logits, None, 0)
    found = grid.view(start_from_neighbors(grid, planes, strength, Scratch()))
    box = np.ones((1, *(3,) * len(shape)))
    around = ndimage.convolve(logits.astype(float), box, mode="constant")
    expected = special.softmax((logits + around) / 2 / strength.nat, axis=0)
    assert np.abs(found / 255 - expected).mean() < 0.02


def test_nobody_speaks_louder_than_all_neighbors() -> None:
    grid, strength = FlatGrid((9, 9)), Strength(2.0, 2)
    logits = grid.full((2,), np.int16, 0)
    pixels = grid.view(logits)
    pixels[0] = round(-6 * strength.nat)
    pixels[:, 4, 4] = 0, FLOOR
    found = grid.view(start_from_neighbors(grid, logits, strength, Scratch()))
    assert found[0].argmax() == 40
    assert found[1, 1, 1] > 250


def test_largest_class_is_the_first_of_equal_ones() -> None:
    rows = np.array([[3, 1, 5], [3, 2, 5], [1, 2, 6]], np.uint16)
    assert largest_class(rows).tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(64, 80), (61, 77), (1, 30), (2, 2)])
@pytest.mark.parametrize("masked", [False, True])
def test_from_coarse_to_fine_is_as_good(shape: tuple[int, int], masked: bool) -> None:
    log, image = speckled(shape)
    valid = np.random.default_rng(1).random(shape) > 0.05 if masked else None
    strength, grid = Strength(2.0, 2), FlatGrid(shape)
    unit = Unit(np.array([1.0]), np.sqrt(2.0) / 45.254834)
    codes = unit.encode(image)
    logits = grid.lay(logits_of(log, strength), None, 0)
    planes, found = solve_pyramid(
        codes, valid, 1.0, logits, strength, Scratch(), sweeps=(2, 2)
    )
    np.testing.assert_array_equal(planes, grid.lay(codes, valid, FAR))
    truth = np.broadcast_to(np.arange(shape[1]) * 3 // shape[1], shape)
    inside = np.ones(shape, bool) if valid is None else valid
    wrong = grid.view(found).argmax(axis=0) != truth
    assert (grid.view(found)[:, ~inside] == 0).all()
    if min(shape) > 2:
        assert wrong[inside].mean() < 0.12 < (log.argmax(axis=0) != truth).mean() / 2
