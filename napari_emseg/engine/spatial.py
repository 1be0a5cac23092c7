"""The Markov random field: neighbors agree, edges excepted.

A Potts model over pixels, solved by mean field: each pixel's posterior is
updated from its own log-probabilities and from the posteriors of its neighbors.
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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import EllipsisType

    from numpy.typing import ArrayLike, NDArray

    Offset = tuple[int, ...]

# Posteriors below e^FLOOR are noise in float32, and their products would be
# denormal numbers, which are a hundred times slower.
FLOOR = -40.0
# Elements of one block of K planes: longer ones leave the cache, shorter ones
# spend their time between the operations.
BLOCK = 1 << 17


def halo(sweeps: int) -> int:
    """Return how far a result depends on its surroundings.

    Parameters
    ----------
    sweeps : int
        Sweeps of `mean_field`.

    Returns
    -------
    int
        Pixels on each side of a tile, even. Tiles that begin at even coordinates
        and overlap by this much reproduce the whole image bit for bit.

    Examples
    --------
    >>> halo(5)
    40
    """
    return 8 * sweeps


def edge_sums(
    guide: ArrayLike,
    *,
    core: tuple[int, ...] | None = None,
    valid: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Sum the squared differences of side neighbors, tile by tile if need be.

    Parameters
    ----------
    guide : (*S, D) array_like of float
        Features; S has 2 or 3 axes.
    core : tuple of int, optional
        Shape of the part of S that belongs to this tile: the rest is the margin
        of one pixel behind it. A pair counts where its first pixel is in the
        core, so the sums over tiles add up to those of the whole.
    valid : (*S) array_like of bool, optional
        Pairs with an invalid pixel do not count.

    Returns
    -------
    (2,) ndarray of float64
        The sum of squared differences over D, and the number of pairs.

    See Also
    --------
    edge_scale : their ratio.
    """
    array = np.asarray(guide, np.float32)
    shape = array.shape[:-1]
    within = tuple(slice(0, n) for n in (core or shape))
    mask = None if valid is None else np.asarray(valid, bool)
    sums = np.zeros(2)
    for axis in range(len(shape)):
        if shape[axis] < 2:
            continue
        difference = np.diff(array, axis=axis)[within]
        squares = np.einsum("...d,...d->...", difference, difference, dtype=np.float64)
        if mask is not None:
            first = np.delete(mask, -1, axis)
            both = (first & np.delete(mask, 0, axis))[within]
            sums += squares[both].sum(), np.count_nonzero(both)
        else:
            sums += squares.sum(), squares.size
    return sums


def edge_scale(guide: ArrayLike, *, valid: ArrayLike | None = None) -> float:
    """Return the mean squared difference of side neighbors.

    Parameters
    ----------
    guide : (*S, D) array_like of float
        Features; S has 2 or 3 axes.
    valid : (*S) array_like of bool, optional
        Pixels that count.

    Returns
    -------
    float
        In squared units of the guide, summed over D; 0 for a constant image.

    Examples
    --------
    >>> edge_scale(np.array([[[0.0], [3.0]], [[0.0], [3.0]]]))
    4.5
    """
    total, count = edge_sums(guide, valid=valid)
    return float(total / count) if count else 0.0


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
    total = np.zeros(guide[0][first].shape, np.float32)
    for plane in guide:
        difference = plane[second] - plane[first]
        difference *= difference
        total += difference
    total *= np.float32(-0.5 / scale)
    np.maximum(total, FLOOR / 2, out=total)
    return np.exp(total, out=total)


@dataclass(frozen=True)
class Lattices:
    """The 2ⁿ interleaved lattices of an image, each padded by one and flat.

    Attributes
    ----------
    shape : tuple of int
        The image's spatial shape S.
    """

    shape: tuple[int, ...]

    @property
    def padded(self) -> tuple[int, ...]:
        """Shape of one lattice with its padding."""
        return tuple((n + 1) // 2 + 2 for n in self.shape)

    @property
    def size(self) -> int:
        """Number of elements of one lattice."""
        return int(np.prod(self.padded))

    @property
    def parities(self) -> list[Offset]:
        """The parities of the coordinates in each lattice."""
        return list(product((0, 1), repeat=len(self.shape)))

    @property
    def inner(self) -> slice:
        """The flat elements that an update touches: first to last real pixel."""
        first = int(np.ravel_multi_index((1,) * len(self.shape), self.padded))
        return slice(first, self.size - first)

    def pixels(self, parity: Offset) -> tuple[EllipsisType | slice, ...]:
        """Index the pixels of one lattice in an array of (…, *S)."""
        return (..., *(slice(p, None, 2) for p in parity))

    def filled(self, shape: Offset) -> tuple[EllipsisType | slice, ...]:
        """Index the real pixels of one lattice, in its padded shape."""
        return (..., *(slice(1, 1 + n) for n in shape))

    def split(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy an array of (…, *S) into lattices, (2ⁿ, …, size), zero outside."""
        n = len(self.shape)
        lead = array.shape[: array.ndim - n]
        result = np.zeros((2**n, *lead, *self.padded), np.float32)
        for plane, parity in zip(result, self.parities, strict=True):
            part = array[self.pixels(parity)]
            plane[self.filled(part.shape[len(lead) :])] = part
        return result.reshape(2**n, *lead, self.size)

    def join(self, lattices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undo `split`."""
        n = len(self.shape)
        lead = lattices.shape[1:-1]
        planes = lattices.reshape(2**n, *lead, *self.padded)
        result = np.empty((*lead, *self.shape), np.float32)
        for plane, parity in zip(planes, self.parities, strict=True):
            part = result[self.pixels(parity)]
            part[...] = plane[self.filled(part.shape[len(lead) :])]
        return result

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
    guide : (*S, D) array_like of float32, optional
        Features whose contrast weakens the bond between neighbors; without, the
        bonds depend on the distance only.
    scale : float, optional
        Squared difference that counts as an edge, s·m; default `edge_scale(guide)`.
    full : bool
        8 or 26 neighbors, not 4 or 6.
    valid : (*S) array_like of bool, optional
        Pixels that take part; the others neither vote nor receive.

    Raises
    ------
    ValueError
        Where the shape of an argument does not fit.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        guide: ArrayLike | None = None,
        scale: float | None = None,
        full: bool = True,
        valid: ArrayLike | None = None,
    ) -> None:
        if len(shape) not in (2, 3):
            raise ValueError(
                f"the image has {len(shape)} spatial axes: neighbors exist in 2-D "
                "and 3-D; reshape it"
            )
        self.lattices = Lattices(tuple(shape))
        mask = np.ones(shape, bool) if valid is None else np.asarray(valid, bool)
        if mask.shape != tuple(shape):
            raise ValueError(f"valid is {mask.shape}: give the image's shape {shape}")
        self.valid = self.lattices.split(mask.astype(np.float32))
        self.bonds = neighbors(len(shape), full=full)
        self.contrast: dict[Offset, NDArray[np.float32]] = {}
        if guide is None:
            return
        planes = np.moveaxis(np.asarray(guide, np.float32), -1, 0)
        if planes.shape[1:] != tuple(shape):
            raise ValueError(
                f"guide has the shape {planes.shape[1:]}: give the image's, {shape}"
            )
        if scale is None:
            scale = edge_scale(np.asarray(guide), valid=valid)
        if not scale > 0:  # a constant image has no edges
            return
        planes = np.ascontiguousarray(planes)
        for offset, weight in self.bonds.items():
            weights = np.zeros(shape, np.float32)
            weights[pairs(tuple(shape), offset)[0]] = contrast(planes, offset, scale)
            weights *= np.float32(weight)
            self.contrast[offset] = self.lattices.split(weights)

    def blocks(self, n_classes: int) -> Iterator[tuple[int, int]]:
        """Yield the flat ranges of a lattice that fit in the cache."""
        inner = self.lattices.inner
        length = max(64, BLOCK // n_classes // 64 * 64)
        for start in range(inner.start, inner.stop, length):
            yield start, min(start + length, inner.stop)

    def votes(
        self,
        posteriors: NDArray[np.float32],
        index: int,
        start: int,
        stop: int,
        out: NDArray[np.float32],
        scratch: NDArray[np.float32],
    ) -> None:
        """Sum Σ_q w_pq Q_k(q) for a range of one lattice.

        Parameters
        ----------
        posteriors : (2ⁿ, K, size) ndarray of float32
            Q in lattices.
        index, start, stop : int
            Lattice and flat range of the pixels p.
        out, scratch : (K, stop - start) ndarray of float32
            Receives the sums; overwritten.
        """
        buffer = out
        for offset, weight in self.bonds.items():
            for sign in (1, -1):
                away = tuple(sign * d for d in offset)
                other, shift = self.lattices.step(index, away)
                near = posteriors[other, :, start + shift : stop + shift]
                if not self.contrast:
                    np.multiply(near, np.float32(weight), out=buffer)
                elif sign > 0:  # a bond is stored at the first pixel of its pair
                    bonds = self.contrast[offset][index, start:stop]
                    np.multiply(near, bonds, out=buffer)
                else:
                    bonds = self.contrast[offset][other, start + shift : stop + shift]
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
        unary : (2ⁿ, K, size) ndarray of float32
            Log-probabilities in lattices.
        posteriors : (2ⁿ, K, size) ndarray of float32
            Q in lattices, updated in place.
        strength : float
            β, the bond between side neighbors of equal color, in nats.
        """
        n_lattices, n_classes, _ = unary.shape
        work = np.empty((2, n_classes * max(64, BLOCK // n_classes)), np.float32)
        for index in range(n_lattices):
            for start, stop in self.blocks(n_classes):
                size = n_classes * (stop - start)
                total, scratch = (w[:size].reshape(n_classes, -1) for w in work)
                if strength:
                    self.votes(posteriors, index, start, stop, total, scratch)
                    total *= np.float32(strength)
                    total += unary[index, :, start:stop]
                else:
                    total[...] = unary[index, :, start:stop]
                softmax(total)
                total *= self.valid[index, start:stop]
                posteriors[index, :, start:stop] = total


def softmax(logits: NDArray[np.float32]) -> None:
    """Turn log-probabilities (K, n) into probabilities over K, in place.

    Class by class, so that the order of the sums does not depend on n.

    Examples
    --------
    >>> logits = np.log(np.array([[0.2], [0.6]], np.float32))
    >>> softmax(logits)
    >>> logits.round(4)
    array([[0.25],
           [0.75]], dtype=float32)
    """
    top = logits[0].copy()
    for row in logits[1:]:
        np.maximum(top, row, out=top)
    logits -= top
    np.maximum(logits, FLOOR, out=logits)
    cv2.exp(logits, logits)
    top[:] = logits[0]
    for row in logits[1:]:
        top += row
    logits /= top


def mean_field(
    log_prob: ArrayLike,
    *,
    guide: ArrayLike | None = None,
    scale: float | None = None,
    strength: float = 1.0,
    sweeps: int = 5,
    full: bool = True,
    valid: ArrayLike | None = None,
) -> NDArray[np.float32]:
    """Posterior class probabilities of pixels that listen to their neighbors.

    Solves Q_k(p) ∝ exp(u_k(p) + β Σ_q w_pq Q_k(q)) by coordinate descent on the
    free energy, where w_pq = g·exp(−|c_p − c_q|² / (2 s)) and g is the inverse of
    the distance of two pixels.

    Parameters
    ----------
    log_prob : (K, *S) array_like of float
        u, log-probabilities of each pixel by itself, in nats; constants that are
        common to all classes do not matter. S is (Y, X) or (Z, Y, X).
    guide : (*S, D) array_like of float, optional
        c, features whose contrast weakens the bond; without, w_pq = g.
    scale : float, optional
        s, the squared difference that counts as an edge; default
        `edge_scale(guide)`. Give the whole image's for a tile of it.
    strength : float
        β ≥ 0, in nats; 0 returns the softmax of `log_prob`.
    sweeps : int
        How often each pixel is updated, at least 1.
    full : bool
        8 or 26 neighbors; otherwise the 4 or 6 that share a side.
    valid : (*S) array_like of bool, optional
        Pixels that take part. The others neither vote nor receive, and their
        posteriors are 0.

    Returns
    -------
    (K, *S) ndarray of float32
        Q, summing to 1 over K. A tile that begins at even coordinates gives the
        whole image's result, bit for bit, `halo(sweeps)` pixels inside its borders.

    Raises
    ------
    ValueError
        Where a shape does not fit, or β or the sweeps are negative.

    References
    ----------
    G. Celeux, F. Forbes, N. Peyrard (2003). EM procedures using mean field-like
    approximations for Markov model-based image segmentation. Pattern Recognition
    36(1), 131-144.

    Examples
    --------
    A pixel that is almost undecided follows its neighbors:

    >>> u = np.full((2, 5, 5), [[[2.0]], [[0.0]]])
    >>> u[:, 2, 2] = 0.0, 0.1
    >>> round(float(mean_field(u, strength=0)[0, 2, 2]), 3)
    0.475
    >>> round(float(mean_field(u, strength=1)[0, 2, 2]), 3)
    0.999
    """
    unary = np.asarray(log_prob, np.float32)
    if unary.ndim < 2 or not unary.shape[0]:
        raise ValueError(f"log_prob is {unary.shape}: give (K, Y, X) or (K, Z, Y, X)")
    if not (np.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength is {strength}: give a finite number from 0")
    if sweeps < 1:
        raise ValueError(f"sweeps is {sweeps}: give at least 1")
    shape = unary.shape[1:]
    field = PottsField(
        shape, guide=guide if strength else None, scale=scale, full=full, valid=valid
    )
    split = field.lattices.split(unary)
    posteriors = np.zeros_like(split)
    field.sweep(split, posteriors, 0.0)
    for _ in range(sweeps if strength else 0):
        field.sweep(split, posteriors, strength)
    return field.lattices.join(posteriors)
