"""Features as 16-bit integers: differences, bonds, and the edge-preserving filter.

A squared difference of 2¹⁵, where int16 is full, is eight nats: whatever is farther
apart binds nothing, and sums that saturate are right. Each step is an operation on
integers, or one rounding of a float, so that no result depends on how a picture is cut
into parts, on threads, or on memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.engine.mrf.flat_grid import FlatGrid

    Integers = NDArray[np.int16]
    Planes = NDArray[np.float32]

# What does not count, and the largest number that does.
FAR, LIMIT = 24000, 8000
# Units of one deviation: its square is eight nats when it is 2¹⁵ twice.
_DEVIATION = 45.254834
# What a squared contrast is multiplied with: the powers that stand for exponentials
# fall faster, and with this they agree with those of up to three nats.
_SLOWER = 1.12
# Deviations of a class, from its mean, that integers have room for.
_ROOM = 4.0
# Elements worked on at once: their arrays stay in the cache.
BLOCK = 1 << 16
# The largest weight. With arrays numpy is seven times as fast as with a number.
MOST = np.full(1 << 20, 255, np.uint16)


class Scratch:
    """Arrays that are used again and again, by name."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def get(self, name: str, size: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array (size,) of any content."""
        found = self._arrays.get(name)
        if found is None or found.size < size:
            found = self._arrays[name] = np.empty(size + 64, dtype)
        return found[:size]


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """How features become integers.

    Attributes
    ----------
    center : (D,) ndarray of float64
        What becomes 0.
    step : float
        Features of one unit.
    steepness : float
        Nats of a squared difference of 2¹² units, at least 1.
    finer : (D,) ndarray of float64 or None
        What each feature's own unit is of that, if they differ.
    """

    center: NDArray[np.float64]
    step: float
    steepness: float = 1.0
    finer: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, model: Model, scale: float | None) -> Unit:
        """Choose the unit for a squared contrast, so that all classes have room.

        Parameters
        ----------
        model : Model
            Classes of the features.
        scale : float or None
            Squared difference that is half a nat; None: contrast does not matter.
        """
        low, high = model.means.min(axis=0), model.means.max(axis=0)
        center = (low + high) / 2
        return cls._with_room(
            center, float((high - center + _room(model)).max()), scale
        )

    @classmethod
    def between(
        cls,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        scale: float | None,
    ) -> Unit:
        """Choose the unit for a squared contrast, so that a range (D,) has room."""
        center = (low + high) / 2
        return cls._with_room(center, float((high - center).max()), scale)

    @classmethod
    def finest(cls, low: NDArray[np.float64], high: NDArray[np.float64]) -> Unit:
        """Choose the smallest unit of each feature in which its range has room."""
        steps = np.maximum((high - low) / (2 * LIMIT), 1e-300)
        step = float(steps.max())
        return cls((low + high) / 2, step, finer=steps / step)

    @classmethod
    def finest_of(cls, model: Model) -> Unit:
        """Choose the smallest unit of each feature in which all classes have room."""
        means, room = model.means, _room(model)
        return cls.finest(means.min(axis=0) - room, means.max(axis=0) + room)

    @classmethod
    def _with_room(
        cls, center: NDArray[np.float64], reach: float, scale: float | None
    ) -> Unit:
        wide = _SLOWER * (scale or 0.0)
        step = max(np.sqrt(wide) / _DEVIATION, reach / LIMIT, 1e-300)
        steepness = (step * _DEVIATION) ** 2 / wide if wide else 1.0
        return cls(center, float(step), float(steepness))

    @property
    def steps(self) -> NDArray[np.float64]:
        """Features of one unit, (D,)."""
        ones = np.ones(len(self.center)) if self.finer is None else self.finer
        return self.step * ones

    def encode(
        self, features: NDArray[np.floating], out: Integers | None = None
    ) -> Integers:
        """Return features (…, D) as integers (D, …), written to `out` if given."""
        if out is None:
            out = np.empty((features.shape[-1], *features.shape[:-1]), np.int16)
        steps = self.steps
        small = bool(((steps > 1e-30) & (steps < 1e30)).all())
        kind = np.dtype(np.float32 if small else np.float64).type
        work = np.empty(features.shape[:-1], kind)
        with np.errstate(over="ignore"):
            for d, (center, step) in enumerate(zip(self.center, steps, strict=True)):
                np.subtract(features[..., d], kind(center), out=work)
                np.multiply(work, kind(1 / step), out=work)
                np.rint(work, out=work)
                np.clip(work, -LIMIT, LIMIT, out=work)
                np.copyto(out[d], work, casting="unsafe")
        return out

    def decode(self, planes: Integers, out: Planes) -> None:
        """Write integers (D, …) as features."""
        for plane, center, features in zip(planes, self.center, out, strict=True):
            np.multiply(plane, np.float32(self.step), out=features)
            np.add(features, np.float32(center), out=features)


def _room(model: Model) -> NDArray[np.float64]:
    """Return how far from the means (K, D) there has to be room, (D,)."""
    return np.asarray(
        _ROOM * np.sqrt(np.einsum("kii->ki", model.covariances).max(axis=0))
    )


def power_of_eight(weights: NDArray[np.uint16]) -> None:
    """Turn 255 - 32 x into about 255 exp(-x), in place: (1 - x/8)⁸."""
    for _ in range(3):
        np.multiply(weights, weights, out=weights)
        np.right_shift(weights, 8, out=weights)


def squares(
    first: Sequence[Integers], second: Sequence[Integers], out: Integers, work: Integers
) -> NDArray[np.uint16]:
    """Return the squared distances of points, D arrays each, up to 2¹⁵ - 1."""
    for i, (one, two) in enumerate(zip(first, second, strict=True)):
        np.subtract(one, two, out=work)
        _add_square(work, out, work, first=i == 0)
    return out.view(np.uint16)


def _add_square(away: Integers, out: Integers, work: Integers, *, first: bool) -> None:
    if first:
        cv2.multiply(away, away, dst=out)
    else:
        cv2.multiply(away, away, dst=work)
        cv2.add(out, work, dst=out)


def closeness(total: NDArray[np.uint16], steepness: float) -> NDArray[np.uint16]:
    """Turn squared distances into weights 0..255 that fall exponentially, in place."""
    if steepness > 1:
        steep = total * np.float32(steepness)
        np.copyto(total, np.minimum(steep, np.float32(32767)), casting="unsafe")
    np.right_shift(total, 7, out=total)
    np.subtract(255, total, out=total)
    power_of_eight(total)
    return total


def find_bonds(
    grid: FlatGrid, planes: Integers, steepness: float, most: int, scratch: Scratch
) -> NDArray[np.uint16]:
    """Return the bonds of each pixel with the half of its neighbors that is ahead.

    Parameters
    ----------
    grid : FlatGrid
        The pixels.
    planes : (D, size) ndarray of int16
        Features; `FAR` where pixels do not count.
    steepness : float
        As of their `Unit`.
    most : int
        Bond of side neighbors of equal features.
    scratch : Scratch
        To work in.

    Returns
    -------
    (N, size) ndarray of uint16
        For each of `FlatGrid.ahead`; 0 with what does not count.
    """
    out = grid.full((len(grid.ahead),), np.uint16, 0)
    for low, high in grid.blocks(BLOCK):
        total, work = (scratch.get(x, high - low, np.int16) for x in ("total", "work"))
        for (step, _, near), bonds in zip(grid.ahead, out, strict=True):
            found = squares(
                [plane[low + step : high + step] for plane in planes],
                [plane[low:high] for plane in planes],
                total,
                work,
            )
            weights = closeness(found, steepness)
            np.multiply(weights, round(most * near), out=weights)
            np.add(weights, 128, out=weights)
            np.right_shift(weights, 8, out=bonds[low:high])
    return out


def soften(
    grid: FlatGrid,
    planes: Integers,
    steepness: float,
    distances: Sequence[int],
    out: Integers,
) -> None:
    """Average each pixel with those around it that differ little from it.

    Passes of a bilateral filter of 3 x 3 pixels whose holes grow, so that the last one
    reaches far at the cost of few neighbors [1]_.

    Parameters
    ----------
    grid : FlatGrid
        The pixels.
    planes : (D, size) ndarray of int16
        Features; `FAR` where pixels do not count.
    steepness : float
        As of their `Unit`.
    distances : sequence of int
        How far away each pass looks, at most `PAD`.
    out : (D, size) ndarray of int16
        Receives the result; `FAR` before.

    References
    ----------
    .. [1] H. Dammertz, D. Sewtz, J. Hanika, H. P. A. Lensch, "Edge-avoiding à-trous
       wavelet transform for fast global illumination filtering", High Performance
       Graphics, 67-75, 2010.
    """
    scratch = Scratch()
    for distance in distances[:-1]:
        after = grid.full((len(planes),), np.int16, FAR)
        _pass(grid, planes, after, steepness, distance, scratch)
        planes = after
    _pass(grid, planes, out, steepness, distances[-1], scratch)


def _pass(
    grid: FlatGrid,
    planes: Integers,
    out: Integers,
    steepness: float,
    distance: int,
    scratch: Scratch,
) -> None:
    dims = len(planes)
    # Sums over 26 neighbors fit into 16 bits with half the weights of those over 8.
    flat = len(grid.shape) - 2
    for low, high in grid.blocks(BLOCK):
        size = high - low
        change = [scratch.get(f"change {i}", size, np.int16) for i in range(dims)]
        weight = scratch.get("weight", size, np.uint16)
        weight.fill(256 >> flat)
        for turn, (step, crossed, _) in enumerate(grid.ahead):
            # A pair counts for both of its pixels: here, and a step back.
            off = distance * step
            start = max(low - off, 0)
            skip = low - start
            length = high - start
            total = scratch.get("total", length, np.int16)
            work = scratch.get("work", length, np.int16)
            away = [scratch.get(f"away {i}", length, np.int16) for i in range(dims)]
            for i, (plane, gap) in enumerate(zip(planes, away, strict=True)):
                np.subtract(plane[start + off : high + off], plane[start:high], out=gap)
                _add_square(gap, total, work, first=i == 0)
            bond = closeness(total.view(np.uint16), steepness)
            np.right_shift(bond, crossed + flat, out=bond)
            np.add(weight, bond[skip:], out=weight)
            np.add(weight, bond[:size], out=weight)
            for gap, sums in zip(away, change, strict=True):
                np.multiply(gap, total, out=gap)
                if turn:
                    np.add(sums, gap[skip:], out=sums)
                    np.subtract(sums, gap[:size], out=sums)
                else:
                    np.subtract(gap[skip:], gap[:size], out=sums)
        share, inverse = (scratch.get(x, size, np.float32) for x in ("share", "one"))
        np.copyto(inverse, weight)
        np.divide(np.float32(1), inverse, out=inverse)
        for plane, sums, found in zip(planes, change, out, strict=True):
            np.copyto(share, sums)
            np.multiply(share, inverse, out=share)
            np.rint(share, out=share)
            np.copyto(sums, share, casting="unsafe")
            np.add(plane[low:high], sums, out=found[low:high])
