"""The Potts model on interleaved lattices: bonds, sums over neighbors, sweeps.

Pixels are updated in 2ⁿ interleaved lattices (the parities of their coordinates;
n axes), no two of which touch within one lattice, so that each update is an exact
coordinate descent and the free energy never rises. The lattices are stored apart
and flat: every step is one operation on contiguous memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.kept_property import kept_property

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Offset = tuple[int, ...]
    from collections.abc import Iterator
    from types import EllipsisType

    Index = tuple[EllipsisType | int | slice, ...]

# Bonds below e^_LEAST bind nothing. Their products with posteriors would be denormal
# numbers, which are a hundred times slower.
_LEAST = -20.0
# Numbers between this and its inverse have squares that float32 can hold.
_SQUARABLE = 2.0**40


def neighbors(n_axes: int, *, full: bool = True) -> dict[Offset, float]:
    """Return one half of the neighborhood and the weight of each offset.

    Parameters
    ----------
    n_axes : {2, 3}
        Axes of the image.
    full : bool
        8 or 26 neighbors; otherwise only the 4 or 6 that share a side.

    Returns
    -------
    dict of offset to weight
        The inverse of the distance: 1, .707 across an edge, .577 across a corner.

    Examples
    --------
    >>> [(d, round(g, 3)) for d, g in neighbors(2).items()]
    [((0, 1), 1.0), ((1, -1), 0.707), ((1, 0), 1.0), ((1, 1), 0.707)]
    """
    origin = (0,) * n_axes
    ahead = (d for d in product((-1, 0, 1), repeat=n_axes) if d > origin)
    lengths = {d: float(np.linalg.norm(d)) for d in ahead}
    return {d: 1 / s for d, s in lengths.items() if full or s == 1}


def pairs(shape: tuple[int, ...], offset: Offset) -> tuple[tuple[slice, ...], ...]:
    """Return the slices of all first and all second pixels of the pairs of an offset.

    Examples
    --------
    >>> pairs((4, 5), (1, -1))
    ((slice(0, 3, None), slice(1, 5, None)), (slice(1, 4, None), slice(0, 4, None)))
    """
    steps = list(zip(offset, shape, strict=True))
    first = tuple(slice(max(0, -d), n - max(0, d)) for d, n in steps)
    second = tuple(slice(max(0, d), n - max(0, -d)) for d, n in steps)
    return first, second


def contrast(
    guide: NDArray[np.float32], offset: Offset, scale: float
) -> NDArray[np.float32]:
    """Return exp(−|c_p − c_q|² / (2 scale)) of the pairs of an offset.

    Parameters
    ----------
    guide : (D, *S) ndarray of float32
        Features, plane by plane.
    offset : tuple of int
        From the first to the second pixel of a pair.
    scale : float
        Squared difference at which the weight has fallen to .61.

    Returns
    -------
    ndarray of float32
        At the first pixels of `pairs`.
    """
    first, second = pairs(guide.shape[1:], offset)
    return closeness(guide[:, *second] - guide[:, *first], scale)


def closeness(away: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return exp(−|d|² / (2 scale)) of differences d (D, *S)."""
    unit = 2.0 ** -(max(int(np.frexp(scale)[1]), -250) // 2)
    if not 1 / _SQUARABLE < unit < _SQUARABLE:
        # A power of two changes no digit.
        away, scale = away * np.float32(unit), scale * unit**2
    # Far beyond an edge, any number will do.
    with np.errstate(over="ignore"):
        total = away[0] * away[0]
        square = np.empty_like(total)
        for plane in away[1:]:
            total += np.multiply(plane, plane, out=square)
        total *= np.float32(-0.5 / scale)
    # Two bounds take numpy a third of the time of one.
    np.clip(total, _LEAST, 0, out=total)
    cv2.exp(flat := total.reshape(-1), flat)
    return total


# Posteriors below e^FLOOR are noise in float32, and their products would be
# denormal numbers, which are a hundred times slower.
FLOOR = -40.0
# Elements of one block of K planes: longer ones leave the cache, shorter ones
# spend their time between the operations.
BLOCK = 1 << 18


@dataclass(frozen=True)
class Lattices:
    """The 2ⁿ interleaved lattices of an image, each padded by one and flat.

    Attributes
    ----------
    shape : tuple of int
        The image's spatial shape S.
    """

    shape: tuple[int, ...]

    @kept_property
    def padded(self) -> tuple[int, ...]:
        """Shape of one lattice with its padding."""
        return tuple((n + 1) // 2 + 2 for n in self.shape)

    @property
    def size(self) -> int:
        """Number of elements of one lattice."""
        return int(np.prod(self.padded))

    @kept_property
    def parities(self) -> list[Offset]:
        """The parities of the coordinates in each lattice."""
        return list(product((0, 1), repeat=len(self.shape)))

    @property
    def inner(self) -> slice:
        """The flat elements that an update touches: first to last real pixel."""
        first = int(np.ravel_multi_index((1,) * len(self.shape), self.padded))
        return slice(first, self.size - first)

    def split(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy an array of (…, *S) into lattices, (…, 2ⁿ, size), zero outside."""
        n = len(self.shape)
        lead = array.shape[: array.ndim - n]
        result = np.zeros((*lead, 2**n, *self.padded), np.float32)
        for pixels, filled in self.places():
            result[filled] = array[pixels]
        return result.reshape(*lead, 2**n, self.size)

    def join(self, lattices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undo `split`."""
        n = len(self.shape)
        lead = lattices.shape[:-2]
        planes = lattices.reshape(*lead, 2**n, *self.padded)
        result = np.empty((*lead, *self.shape), np.float32)
        for pixels, filled in self.places():
            result[pixels] = planes[filled]
        return result

    def places(self) -> Iterator[tuple[Index, Index]]:
        """Yield where each lattice lies in the image, and in all lattices."""
        for index, parity in enumerate(self.parities):
            pixels: list[EllipsisType | int | slice] = [...]
            filled: list[EllipsisType | int | slice] = [..., index]
            for first, length in zip(parity, self.shape, strict=True):
                pixels.append(slice(first, None, 2))
                filled.append(slice(1, 1 + (length - first + 1) // 2))
            yield tuple(pixels), tuple(filled)

    def step(self, index: int, offset: Offset) -> tuple[int, int]:
        """Return the lattice of a neighbor and its flat distance.

        Parameters
        ----------
        index : int
            Lattice of the pixel.
        offset : tuple of int
            From the pixel to its neighbor, in pixels.
        """
        target, shift = 0, 0
        for p, d, m in zip(self.parities[index], offset, self.padded, strict=True):
            half, parity = divmod(p + d, 2)
            target, shift = 2 * target + parity, m * shift + half
        return target, shift


class PottsField:
    """A Potts model on an image, ready for sweeps of mean field.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape S, 2 or 3 axes.
    guide : (D, *S) ndarray of float32, optional
        Features whose contrast weakens the bond between neighbors; without, the
        bonds depend on the distance only.
    scale : float
        Squared difference that counts as an edge.
    full : bool
        8 or 26 neighbors, not 4 or 6.
    valid : (*S) ndarray of bool, optional
        Pixels that take part; the others neither send nor receive.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        guide: NDArray[np.float32] | None = None,
        scale: float = 1.0,
        full: bool = True,
        valid: NDArray[np.bool_] | None = None,
    ) -> None:
        self.lattices = Lattices(tuple(shape))
        inside = np.ones(shape, bool) if valid is None else valid
        self.valid = self.lattices.split(inside.astype(np.float32)) > 0
        self.bonds = neighbors(len(shape), full=full)
        self.contrast: dict[Offset, NDArray[np.float32]] = {}
        if guide is None:
            return
        rows = max(1, BLOCK // int(np.prod(shape[1:])))
        for offset, weight in self.bonds.items():
            weights = np.zeros(shape, np.float32)
            # In parts, as several numbers of each pixel are needed for one weight.
            for start in range(0, shape[0] - offset[0], rows):
                stop = min(start + rows, shape[0] - offset[0])
                part = guide[:, start : stop + offset[0]]
                found = contrast(part, offset, scale)
                out = weights[start:stop, *pairs(tuple(shape), offset)[0][1:]]
                np.multiply(found, np.float32(weight), out=out)
            self.contrast[offset] = self.lattices.split(weights)

    def blocks(self, n_classes: int) -> Iterator[tuple[int, int, int]]:
        """Yield all lattices in flat ranges that fit in the cache.

        In Gray code's order: from one lattice to the next, one parity changes, so
        news travels no farther than 2ⁿ⁻¹ pixels in a sweep.
        """
        inner = self.lattices.inner
        length = max(64, BLOCK // n_classes // 64 * 64)
        for turn in range(len(self.lattices.parities)):
            index = turn ^ (turn >> 1)
            for start in range(inner.start, inner.stop, length):
                yield index, start, min(start + length, inner.stop)

    def neighbor_sum(
        self,
        messages: NDArray[np.float32],
        where: tuple[int, int, int],
        out: NDArray[np.float32],
        scratch: NDArray[np.float32],
    ) -> None:
        """Return Σ_q w_pq m_k(q) over the neighbors q of the pixels p of one block.

        Parameters
        ----------
        messages : (K, 2ⁿ, size) ndarray of float32
            What each pixel sends to its neighbors, in lattices.
        where : (index, start, stop)
            One of `blocks`.
        out, scratch : (K, stop - start) ndarray of float32
            Receives the sums; overwritten.
        """
        index, start, stop = where
        buffer = out
        for offset, weight in self.bonds.items():
            for sign in (1, -1):
                away = tuple(sign * d for d in offset)
                other, shift = self.lattices.step(index, away)
                near = messages[:, other, start + shift : stop + shift]
                bonds = np.asarray(weight, np.float32)
                if self.contrast:
                    # A bond is stored at the first pixel of its pair.
                    first = (index, start) if sign > 0 else (other, start + shift)
                    bonds = self.contrast[offset][first[0], first[1] :][: stop - start]
                np.multiply(near, bonds, out=buffer)
                if buffer is scratch:
                    out += scratch
                buffer = scratch

    def sweep(
        self,
        unary: NDArray[np.float32],
        posteriors: NDArray[np.float32],
        strength: float,
    ) -> None:
        """Update all pixels once, lattice after lattice, in place.

        Parameters
        ----------
        unary : (K, 2ⁿ, size) ndarray of float32
            Log-probabilities in lattices.
        posteriors : (K, 2ⁿ, size) ndarray of float32
            Q in lattices, updated in place.
        strength : float
            β, the bond between side neighbors of equal color, in nats.
        """
        n_classes = len(unary)
        work = np.empty((2, n_classes * max(64, BLOCK // n_classes)), np.float32)
        for where in self.blocks(n_classes):
            index, start, stop = where
            size = n_classes * (stop - start)
            total, scratch = (w[:size].reshape(n_classes, -1) for w in work)
            if strength:
                self.neighbor_sum(posteriors, where, total, scratch)
                total *= np.float32(strength)
                total += unary[:, index, start:stop]
            else:
                total[...] = unary[:, index, start:stop]
            share = self.valid[index, start:stop] / exponentiate(total)
            np.multiply(total, share, out=posteriors[:, index, start:stop])


def exponentiate(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn log-probabilities (K, n) into multiples of probabilities; give sums (n,).

    In place; sums go class by class, so that their order does not depend on n.

    Examples
    --------
    >>> logits = np.log(np.array([[0.2], [0.6]], np.float32))
    >>> total = exponentiate(logits)
    >>> (logits / total).round(4)
    array([[0.25],
           [0.75]], dtype=float32)
    """
    top = logits[0].copy()
    for row in logits[1:]:
        np.maximum(top, row, out=top)
    logits -= top
    np.clip(logits, FLOOR, 0, out=logits)
    cv2.exp(logits, logits)
    top[:] = logits[0]
    for row in logits[1:]:
        top += row
    return top
