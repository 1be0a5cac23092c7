"""Mean field of a Potts model in 16-bit integers, from coarse to fine.

A probability is 0..255, a bond 0..32; logits have as many units for a nat as make a
full bond count right. All pixels are updated at once, from the state before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.kept_property import kept_property
from napari_emseg.engine.mrf.fixed_point import (
    FAR,
    MOST,
    find_bonds,
    power_of_eight,
)
from napari_emseg.engine.mrf.flat_grid import FlatGrid, count_four, halve, repeat_into
from napari_emseg.engine.mrf.potts import neighbors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine.mrf.fixed_point import Integers, Scratch

    Votes = NDArray[np.uint16]
    # Posteriors (K, size) of one neighbor of each pixel, how far away they are; its
    # bond (size,), and how far away that is.
    Voter = tuple[Votes, int, Votes, int]

# Units below the best class at which logits end.
FLOOR = -16000
# Elements times classes worked on at once.
_BLOCK = 1 << 19
# Bonds below this many nats have fewer units instead of larger ones.
_WEAK = 0.25
# Evidence that all neighbors together may have before it leaves 16 bits, by halves.
_LOUDEST = 15000
# Exponentials count 32 for a nat, up to 255.
_STEPS = 32
# Powers of the posteriors: what is left open at first finds a lower energy [1]_.
RAMP = (0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Strength:
    """The bond of side neighbors, in units.

    Attributes
    ----------
    nats : float
        Bond between side neighbors of equal features, above 0.
    n_axes : int
        2 or 3.
    """

    nats: float
    n_axes: int

    @property
    def shift(self) -> int:
        """Bits that sums of votes lose: those of 8 or 26 neighbors have 16."""
        return 5 if self.n_axes == 2 else 4

    @property
    def bond(self) -> int:
        """Units of a bond; 0 if it is below any that counts."""
        return round(self._most * min(1.0, self.nats / _WEAK))

    @kept_property
    def nat(self) -> float:
        """Units of logits for a nat."""
        return self._most * 255 / 2**self.shift / max(self.nats, _WEAK)

    @property
    def _most(self) -> int:
        return 32 if self.n_axes == 2 else 12


def solve(
    grid: FlatGrid,
    bonds: Votes,
    logits: Integers,
    strength: Strength,
    scratch: Scratch,
    *,
    powers: Sequence[float] = RAMP,
    start: Votes | None = None,
) -> Votes:
    """Return posteriors of pixels that listen to their neighbors.

    Parameters
    ----------
    grid : FlatGrid
        The pixels.
    bonds : (N, size) ndarray of uint16
        As `find_bonds` gives them.
    logits : (K, size) ndarray of int16
        Log-probabilities of each pixel by itself, at most 0 and at least `FLOOR`.
    strength : Strength
        Of the bonds.
    scratch : Scratch
        To work in.
    powers : sequence of float
        Power of the posteriors in each sweep.
    start : (K, size) ndarray of uint16, optional
        Where to start; by default each pixel by itself. Overwritten.

    Returns
    -------
    (K, size) ndarray of uint16
        About 255 times the probabilities.

    References
    ----------
    .. [1] T. Hofmann, J. M. Buhmann (1997). Pairwise data clustering by deterministic
       annealing. IEEE Trans. PAMI 19(1), 1-14.
    """
    classes = len(logits)
    now = start
    if now is None:
        now = grid.full((classes,), np.uint16, 0)
        for low, high in grid.blocks(_BLOCK // classes):
            total = scratch.get("logits", classes * (high - low), np.uint16)
            total = total.reshape(classes, -1).view(np.int16)
            np.copyto(total, logits[:, low:high])
            normalize(total, now[:, low:high], strength, 1.0, scratch)
    after = grid.full((classes,), np.uint16, 0)
    for power in powers:
        voters = [
            voter
            for (step, _, _), bond in zip(grid.ahead, bonds, strict=True)
            for voter in ((now, step, bond, 0), (now, -step, bond, -step))
        ]
        _sweep(grid, voters, logits, after, strength, power, scratch)
        now, after = after, now
    return now


def solve_in_turns(
    grid: FlatGrid,
    bonds: Votes,
    logits: Integers,
    strength: Strength,
    scratch: Scratch,
    *,
    powers: Sequence[float],
    start: Votes,
) -> Votes:
    """Return posteriors as `solve`: even rows are updated first, then the others.

    These hear of the new state, so that two thirds of the sweeps do. Of a volume, rows
    are its slices. A part of an image must begin at a row of even number, and news
    travels two rows in a sweep.
    """
    classes, rows = len(logits), -(-grid.shape[0] // 2)
    half = FlatGrid((rows, *grid.shape[1:]))

    def split(planes: NDArray[Any]) -> list[NDArray[Any]]:
        out = []
        for parity in (0, 1):
            found = half.full(planes.shape[:-1], planes.dtype, 0)
            lines = grid.view(planes)[:, parity::2]
            half.view(found)[:, : lines.shape[1]] = lines
            out.append(found)
        return out

    now, own, tied = split(start), split(logits), split(bonds)
    spare = half.full((classes,), np.uint16, 0)
    for power in powers:
        for parity in (0, 1):
            voters = []
            for number, offset in enumerate(neighbors(len(grid.shape))):
                for sign in (1, -1):
                    row, other = divmod(parity + sign * offset[0], 2)
                    step = half.step((row, *(sign * d for d in offset[1:])))
                    # A bond is stored at the first pixel of its pair.
                    first = (parity, 0) if sign > 0 else (other, step)
                    bond = tied[first[0]][number]
                    voters.append((now[other], step, bond, first[1]))
            _sweep(half, voters, own[parity], spare, strength, power, scratch)
            now[parity], spare = spare, now[parity]
    out = grid.full((classes,), np.uint16, 0)
    for parity, found in enumerate(now):
        lines = grid.view(out)[:, parity::2]
        lines[...] = half.view(found)[:, : lines.shape[1]]
    return out


def _sweep(
    grid: FlatGrid,
    voters: Sequence[Voter],
    logits: Integers,
    out: Votes,
    strength: Strength,
    power: float,
    scratch: Scratch,
) -> None:
    """Update all pixels of a grid from the votes of their neighbors."""
    classes = len(logits)
    for low, high in grid.blocks(_BLOCK // classes):
        total = scratch.get("logits", classes * (high - low), np.uint16)
        total = total.reshape(classes, -1)
        count_votes(voters, (low, high), total, scratch)
        signed = total.view(np.int16)
        for own, sums, logit in zip(total, signed, logits, strict=True):
            np.right_shift(own, strength.shift, out=own)
            np.add(sums, logit[low:high], out=sums)
        normalize(signed, out[:, low:high], strength, power, scratch)


def start_from_neighbors(
    grid: FlatGrid, logits: Integers, strength: Strength, scratch: Scratch
) -> Votes:
    """Return where to start in noise, in which pixels by themselves remain specks.

    Each pixel has half the evidence of all of its neighbors added to its own, whatever
    the bonds; no pixel speaks louder than all others together.

    Parameters
    ----------
    grid : FlatGrid
        The pixels.
    logits : (K, size) ndarray of int16
        As for `solve`; 0 where no pixel counts.
    strength : Strength
        Of the bonds.
    scratch : Scratch
        To work in.

    Returns
    -------
    (K, size) ndarray of uint16
        About 255 times the probabilities.
    """
    classes, steps = len(logits), [step for step, _, _ in grid.ahead]
    out = grid.full((classes,), np.uint16, 0)
    reach = max(steps)
    length = _BLOCK // classes
    least = np.full(length + 1024 + 2 * reach, -_LOUDEST // len(steps), np.int16)
    for low, high in grid.blocks(length):
        total = scratch.get("logits", classes * (high - low), np.uint16)
        total = total.reshape(classes, -1).view(np.int16)
        said = scratch.get("said", high - low + 2 * reach, np.int16)
        own = said[reach:-reach]
        for row, sums in zip(logits, total, strict=True):
            np.maximum(row[low - reach : high + reach], least[: said.size], out=said)
            np.copyto(sums, 0)
            for step in steps:
                np.add(sums, said[reach + step : said.size - reach + step], out=sums)
                np.add(sums, said[reach - step : said.size - reach - step], out=sums)
            np.right_shift(sums, 1, out=sums)
            np.add(sums, own, out=sums)
        normalize(total, out[:, low:high], strength, 1.0, scratch)
    return out


def count_votes(
    voters: Sequence[Voter], block: tuple[int, int], out: Votes, scratch: Scratch
) -> None:
    """Sum the posteriors of all neighbors, weighted by their bonds, over a block."""
    low, high = block
    bonds = [bond[low + at : high + at] for _, _, bond, at in voters]
    vote = scratch.get("vote", high - low, np.uint16)
    last = out[-1]
    # All classes together get 255 from each: what the others leave is the last one's.
    for turn, bond in enumerate(bonds):
        if turn:
            np.add(last, bond, out=last)
        else:
            np.copyto(last, bond)
    np.multiply(last, 255, out=last)
    for k, own in enumerate(out[:-1]):
        for turn, ((planes, step, _, _), bond) in enumerate(
            zip(voters, bonds, strict=True)
        ):
            near = planes[k, low + step : high + step]
            if turn:
                np.multiply(near, bond, out=vote)
                np.add(own, vote, out=own)
            else:
                np.multiply(near, bond, out=own)
        cv2.subtract(last, own, dst=last)


def normalize(
    logits: Integers,
    out: Votes,
    strength: Strength,
    power: float,
    scratch: Scratch,
) -> None:
    """Turn logits (K, n), which are overwritten, into posteriors."""
    size = logits.shape[1]
    top = scratch.get("top", size, np.int16)
    np.copyto(top, logits[0])
    for row in logits[1:]:
        np.maximum(top, row, out=top)
    factor, shift = _fraction(_STEPS / strength.nat * power)
    before = min(shift, max(shift - 3, 0))
    # Beyond this the exponential is 0, and the product would leave 16 bits.
    most = 65535 // factor
    sums = scratch.get("sums", size, np.uint16)
    weights = logits.view(np.uint16)
    for k, (row, weight) in enumerate(zip(logits, weights, strict=True)):
        np.subtract(top, row, out=row)
        if before:
            np.right_shift(weight, before, out=weight)
        if factor > 1:
            if (-FLOOR + 4096) >> before > most:
                np.minimum(weight, most, out=weight)
            np.multiply(weight, factor, out=weight)
        if shift > before:
            np.right_shift(weight, shift - before, out=weight)
        cv2.subtract(MOST[:size], weight, dst=weight)
        power_of_eight(weight)
        if k:
            np.add(sums, weight, out=sums)
        else:
            np.copyto(sums, weight)
    share = scratch.get("shares", size, np.float32)
    np.copyto(share, sums)
    np.divide(np.float32(65280), share, out=share)
    np.rint(share, out=share)
    np.copyto(sums, share, casting="unsafe")
    for weight, found in zip(weights, out, strict=True):
        # The best class has 248: this stays below 2¹⁶.
        np.multiply(weight, sums, out=weight)
        np.add(weight, 128, out=weight)
        np.right_shift(weight, 8, out=found)


def _fraction(ratio: float) -> tuple[int, int]:
    """Return a small factor and a shift whose quotient is nearest to a ratio."""
    best = (np.inf, 1, 0)
    for shift in range(16):
        factor = round(ratio * 2**shift)
        if 1 <= factor <= 7 or (shift == 0 and factor > 7):
            error = round(abs(factor / 2**shift / ratio - 1), 2)
            best = min(best, (error, factor, shift))
    return best[1], best[2]


def largest_class(rows: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the number 1..K of the largest of (K, …), the first of equal ones."""
    best = rows[0].copy()
    found = np.ones(best.shape, np.uint8)
    for k, row in enumerate(rows[1:], start=2):
        more = np.greater(row, best).view(np.uint8)
        np.multiply(more, np.uint8(k), out=more)
        np.maximum(found, more, out=found)
        np.maximum(best, row, out=best)
    return found


def solve_pyramid(
    features: Integers,
    valid: NDArray[np.bool_] | None,
    steepness: float,
    logits: Integers,
    strength: Strength,
    scratch: Scratch,
    *,
    sweeps: Sequence[int],
    ramp: Sequence[float] = RAMP,
) -> tuple[Integers, Votes]:
    """Solve the mean field of a picture, on means of 2 x 2 pixels first.

    Parameters
    ----------
    features : (D, *S) ndarray of int16
        What bonds are made of.
    valid : (*S) ndarray of bool or None
        Pixels that count.
    steepness : float
        As of the features' `Unit`.
    logits : (K, size) ndarray of int16
        As for `solve`.
    strength : Strength
        Of the bonds.
    scratch : Scratch
        To work in.
    sweeps : sequence of int
        Sweeps at each level that has a coarser one below, the finest first.
    ramp : sequence of float, optional
        Powers of the posteriors at the coarsest level.

    Returns
    -------
    planes : (D, size) ndarray of int16
        The features, `FAR` where pixels do not count.
    posteriors : (K, size) ndarray of uint16
        0 where pixels do not count.
    """
    grid = FlatGrid(features.shape[1:])
    start = None
    powers = ramp
    if sweeps:
        small = halve(grid.view(logits), valid)
        coarse = FlatGrid(small.shape[1:])
        found = solve_pyramid(
            halve(features, valid),
            None if valid is None else count_four(valid) > 0,
            steepness,
            coarse.lay(small, None, 0),
            strength,
            scratch,
            sweeps=sweeps[1:],
            ramp=ramp,
        )[1]
        start = grid.full((len(logits),), np.uint16, 0)
        repeat_into(grid.view(start), coarse.view(found))
        powers = (1.0,) * sweeps[0]
    planes = grid.lay(features, valid, FAR)
    bonds = find_bonds(grid, planes, steepness, strength.bond, scratch)
    posteriors = solve(
        grid, bonds, logits, strength, scratch, powers=powers, start=start
    )
    grid.clear(posteriors, valid)
    return planes, posteriors
