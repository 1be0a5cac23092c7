"""Smoothing by mean field: energies, symmetries, tiles, independent references."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, special
from skimage import measure

from napari_emseg.engine.mrf.mean_field import (
    edge_scale,
    free_energy,
    mean_field,
)
from napari_emseg.engine.mrf.potts import Lattices, PottsField, neighbors

Array = NDArray[Any]
SHAPES = [(17, 24), (1, 9), (30, 1), (9, 6, 11), (1, 12, 7)]


def speckled(shape: tuple[int, ...], seed: int = 0) -> tuple[Array, Array]:
    """Return log-probabilities (3, *S) of three bands in noise, and the image."""
    rng = np.random.default_rng(seed)
    truth = np.broadcast_to(np.arange(shape[-1]) * 3 // shape[-1], shape)
    image = truth + rng.normal(0, 0.7, shape)
    means = np.arange(3).reshape(3, *(1,) * len(shape))
    return -((image - means) ** 2) / 0.98, image[..., np.newaxis]


def direct(q: Array, strength: float, guide: Array | None, scale: float) -> Array:
    """Sum the votes of all neighbors one offset at a time, by shifting the image."""
    total = np.zeros_like(q)
    for offset in product((-1, 0, 1), repeat=q.ndim - 1):
        if not any(offset):
            continue
        weight: Any = 1 / np.linalg.norm(offset)
        pad = [(0, 0)] + [(1, 1)] * (q.ndim - 1)
        cut = tuple(
            slice(1 + d, 1 + d + n) for d, n in zip(offset, q.shape[1:], strict=True)
        )
        near = np.pad(q, pad)[:, *cut]
        if guide is not None:
            away = np.pad(guide, [*pad[1:], (0, 0)])[cut]
            weight = weight * np.exp(-((guide - away) ** 2).sum(-1) / (2 * scale))
        total += weight * near
    return strength * total


@pytest.mark.parametrize("shape", SHAPES)
def test_no_strength_is_softmax(shape: tuple[int, ...]) -> None:
    log, image = speckled(shape)
    found = mean_field(log, guide=image, strength=0, sweeps=4)
    np.testing.assert_allclose(found, special.softmax(log, axis=0), atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("edges", [False, True])
def test_fixed_point_solves_the_equations(shape: tuple[int, ...], edges: bool) -> None:
    log, image = speckled(shape)
    guide = image if edges else None
    found = mean_field(log, guide=guide, scale=2.0, strength=0.7, sweeps=200)
    expected = special.softmax(log + direct(found, 0.7, guide, 2.0), axis=0)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_side_neighbors_only() -> None:
    log, _ = speckled((21, 30))
    found = mean_field(log, strength=0.7, sweeps=200, full=False)
    cross = ndimage.generate_binary_structure(2, 1).astype(float)
    cross[1, 1] = 0
    votes = np.stack([ndimage.convolve(q, cross, mode="constant") for q in found])
    expected = special.softmax(log + 0.7 * votes, axis=0)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("n_axes", "full", "count"), [(2, 0, 4), (2, 1, 8), (3, 1, 26)]
)
def test_number_of_neighbors(n_axes: int, full: bool, count: int) -> None:
    found = neighbors(n_axes, full=full)
    assert 2 * len(found) == count
    assert len({tuple(-d for d in offset) for offset in found} | set(found)) == count


@pytest.mark.parametrize("shape", SHAPES)
def test_lattices_come_back_together(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).random((2, *shape), np.float32)
    lattices = Lattices(shape)
    split = lattices.split(array)
    np.testing.assert_array_equal(lattices.join(split), array)
    assert split.sum() == pytest.approx(array.sum(), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strength", [0.3, 2.0, 6.0])
@pytest.mark.parametrize("edges", [False, True])
def test_free_energy_never_rises(
    shape: tuple[int, ...], strength: float, edges: bool
) -> None:
    log, image = speckled(shape)
    options = {"guide": image if edges else None, "scale": 1.5, "strength": strength}
    energies = [
        free_energy(log, mean_field(log, sweeps=sweeps, **options), **options)
        for sweeps in range(1, 12)
    ]
    assert np.diff(energies).max() < 1e-3
    assert energies[-1] < energies[0]


def test_energy_of_labels_is_that_of_potts() -> None:
    log, _ = speckled((13, 18))
    labels = log.argmax(axis=0)
    coded = (labels == np.arange(3)[:, np.newaxis, np.newaxis]).astype(float)
    differ = (labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum()
    bonds = 12 * 18 + 13 * 17
    expected = -log.max(axis=0).sum() + 0.5 * (differ - bonds)
    found = free_energy(log, coded, strength=0.5, full=False)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(150, 133), (48, 50, 41)])
def test_tiles_give_the_whole_bit_for_bit(shape: tuple[int, ...]) -> None:
    log, image = speckled(shape)
    sweeps, scale = 3, edge_scale(image)
    valid = np.random.default_rng(1).random(shape) > 0.1
    margin = 2 ** (len(shape) - 1) * sweeps + 2
    options = {"scale": scale, "strength": 1.5, "sweeps": sweeps}
    whole = mean_field(log, guide=image, valid=valid, **options)
    step = 20 if len(shape) == 2 else 16
    for corner in product(*(range(0, n, step) for n in shape)):
        read = tuple(
            slice(max(0, c - margin), min(n, c + step + margin))
            for c, n in zip(corner, shape, strict=True)
        )
        inner = tuple(
            slice(c - r.start, c - r.start + step)
            for c, r in zip(corner, read, strict=True)
        )
        write = tuple(slice(c, c + step) for c in corner)
        tile = mean_field(
            log[:, *read], guide=image[read], valid=valid[read], **options
        )
        np.testing.assert_array_equal(tile[:, *inner], whole[:, *write])


@pytest.mark.parametrize("full", [False, True])
def test_volume_of_one_slice_is_a_picture(full: bool) -> None:
    log, image = speckled((22, 31))
    options = {"scale": 1.0, "strength": 1.2, "full": full}
    flat = mean_field(log, guide=image, **options)
    volume = mean_field(log[:, np.newaxis], guide=image[np.newaxis], **options)
    np.testing.assert_array_equal(volume[:, 0], flat)


@pytest.mark.parametrize("size", [(60, 64), (61, 63)])
def test_flips_and_turns_keep_the_labels(size: tuple[int, int]) -> None:
    log, image = speckled(size)

    def labels(turn: Any) -> Array:
        turned = np.stack([turn(plane) for plane in log])
        found = mean_field(turned, guide=turn(image), strength=1.5, sweeps=20)
        result: Array = found.argmax(axis=0)
        return result

    plain = labels(lambda a: a)
    for turn, back in [
        (np.flipud, np.flipud),
        (np.fliplr, np.fliplr),
        (np.rot90, lambda a: np.rot90(a, -1)),
        (lambda a: np.rot90(a, 2), lambda a: np.rot90(a, 2)),
    ]:
        # The order of the updates is not symmetric: pixels at a tie may differ.
        assert (back(labels(turn)) != plain).mean() < 0.01


def test_invalid_pixels_neither_vote_nor_receive() -> None:
    log, image = speckled((25, 40))
    valid = np.random.default_rng(2).random((25, 40)) > 0.3
    found = mean_field(log, guide=image, valid=valid, strength=1.5)
    assert (found[:, ~valid] == 0).all()
    np.testing.assert_allclose(found[:, valid].sum(axis=0), 1, atol=1e-6)
    other, colors = log.copy(), image.copy()
    other[:, ~valid], colors[~valid] = np.nan, 1e6
    scale = edge_scale(image, valid=valid)
    again = mean_field(other, guide=colors, scale=scale, valid=valid, strength=1.5)
    np.testing.assert_array_equal(again, found)


def test_more_strength_never_gives_more_regions() -> None:
    for seed in range(3):
        log, image = speckled((80, 90), seed)
        counts = [
            measure.label(
                mean_field(
                    log, guide=image, scale=4.0, strength=strength, sweeps=10
                ).argmax(axis=0),
                background=-1,
            ).max()
            for strength in (0, 0.25, 0.5, 1, 2, 4)
        ]
        assert (np.diff(counts) <= 0).all()
        assert counts[0] > 100 > 20 > counts[-1]


def test_contrast_keeps_what_smoothing_would_round_off() -> None:
    truth = np.zeros((40, 40), int)
    truth[10:30, 19:21] = 1
    log = np.stack([np.zeros(truth.shape), np.where(truth, 0.5, -0.5)])
    guide = 10.0 * truth[..., np.newaxis]
    found = [
        mean_field(log, guide=g, strength=1, sweeps=20).argmax(axis=0)
        for g in (guide, None)
    ]
    np.testing.assert_array_equal(found[0], truth)
    assert found[1].sum() < truth.sum()


def test_classes_may_be_impossible() -> None:
    log, _ = speckled((20, 20))
    log[1, :, :10] = -np.inf
    found = mean_field(log, strength=2)
    assert np.isfinite(found).all()
    assert found[1, :, :10].max() < 1e-12


@pytest.mark.parametrize("shape", [(23, 31, 2), (8, 9, 10, 1)])
def test_edge_scale_is_the_mean_square(shape: tuple[int, ...]) -> None:
    guide = np.random.default_rng(4).normal(0, 5, shape)
    axes = range(len(shape) - 1)
    squares = [(np.diff(guide, axis=a) ** 2).sum(-1).ravel() for a in axes]
    assert edge_scale(guide) == pytest.approx(np.concatenate(squares).mean(), rel=1e-5)


def test_edge_scale_leaves_invalid_pixels_out() -> None:
    guide = np.arange(12.0).reshape(3, 4, 1)
    valid = np.ones((3, 4), bool)
    valid[1, 1] = False
    guide[1, 1] = 1e9
    # Nine pairs of rows less two differ by 1, eight of columns less two by 4.
    assert edge_scale(guide, valid=valid) == pytest.approx((7 * 1 + 6 * 16) / 13)
    assert edge_scale(np.zeros((4, 4, 1))) == 0
    assert edge_scale(guide, valid=np.zeros((3, 4), bool)) == 0


def test_constant_guide_is_no_guide() -> None:
    log, _ = speckled((12, 15))
    found = mean_field(log, guide=np.full((12, 15, 3), 7.0), strength=1)
    np.testing.assert_array_equal(found, mean_field(log, strength=1))


def test_bonds_are_symmetric() -> None:
    _, image = speckled((11, 14))
    field = PottsField(
        (11, 14), guide=image[..., 0][np.newaxis].astype(np.float32), scale=1.0
    )
    rng = np.random.default_rng(5)
    first, second = (
        field.lattices.split(rng.random((1, 11, 14), np.float32)) for _ in range(2)
    )

    def votes(ballots: Array) -> Array:
        out = np.zeros_like(ballots)
        for index, start, stop in field.blocks(1):
            work = np.empty((2, 1, stop - start), np.float32)
            field.neighbor_sum(ballots, (index, start, stop), work[0], work[1])
            out[:, index, start:stop] = work[0] * field.valid[index, start:stop]
        return out

    left, right = (votes(first) * second).sum(), (first * votes(second)).sum()
    assert left == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_prob": np.zeros((2, 5))}, "log_prob is"),
        ({"log_prob": np.zeros((0, 5, 5))}, "log_prob is"),
        ({"strength": -1}, "strength is -1"),
        ({"strength": np.nan}, "strength is nan"),
        ({"sweeps": 0}, "sweeps is 0"),
        ({"valid": np.ones((5, 6), bool)}, "valid is"),
        ({"guide": np.ones((6, 5, 1))}, "guide is"),
    ],
)
def test_wrong_input_is_told(change: dict[str, Any], message: str) -> None:
    options: dict[str, Any] = {"log_prob": np.zeros((2, 5, 5))} | change
    with pytest.raises(ValueError, match=message):
        mean_field(options.pop("log_prob"), **options)
