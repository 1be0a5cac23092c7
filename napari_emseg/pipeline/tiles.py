"""Parts of an array: a grid of overlapping tiles, and blocks of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Slices = tuple[slice, ...]

# Pixels of a block of a sample along each of its axes; a volume's holds as many.
_BLOCK = {2: 256, 3: 64}
# Places that are tried for each piece that is wanted.
_TRIES = 64


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a grid.

    Attributes
    ----------
    write : tuple of slice
        The part of the whole that this tile is responsible for.
    read : tuple of slice
        The same with its surroundings.
    inner : tuple of slice
        Where `write` lies inside `read`.
    """

    write: Slices
    read: Slices
    inner: Slices


def tiles(
    shape: tuple[int, ...],
    size: tuple[int, ...],
    halo: int = 0,
    box: Slices | None = None,
) -> list[Tile]:
    """Cut a shape into tiles of at most `size`, overlapping by `halo` on each side.

    Parameters
    ----------
    shape, size : tuple of int
        Of the same length; leading axes are walked slowest.
    halo : int, optional
        Pixels of surroundings on each side, along the axes where `size` is not 1.
    box : tuple of slice, optional
        The part of the shape that is cut; all by default.

    Returns
    -------
    list of Tile

    Examples
    --------
    >>> [tile.read for tile in tiles((5,), (3,), halo=1)]
    [(slice(0, 4, None),), (slice(2, 5, None),)]
    """
    axes = []
    within = box or tuple(slice(0, length) for length in shape)
    for length, step, part in zip(shape, size, within, strict=True):
        margin = halo if step > 1 else 0
        axes.append(
            [
                _cut(start, min(start + step, part.stop), length, margin)
                for start in range(part.start, part.stop, step)
            ]
        )
    return [
        Tile(*(tuple(part) for part in zip(*parts, strict=True)))
        for parts in product(*axes)
    ]


def _cut(start: int, stop: int, length: int, margin: int) -> tuple[slice, slice, slice]:
    low, high = max(start - margin, 0), min(stop + margin, length)
    return slice(start, stop), slice(low, high), slice(start - low, stop - low)


def slab(shape: tuple[int, ...], pixels: int) -> tuple[int, ...]:
    """Choose the size of slabs of at most `pixels`, whole along the last axes."""
    size, left = [], pixels
    for length in reversed(shape):
        size.append(max(1, min(length, left)))
        left //= length
    return tuple(reversed(size))


def chunked_slab(
    shape: tuple[int, ...], pixels: int, chunks: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Choose the size of parts of about `pixels` that consist of whole chunks.

    Parameters
    ----------
    shape : tuple of int
        Of the whole.
    pixels : int
        Of a part; more if a chunk has more, up to four times as many.
    chunks : tuple of int or None
        Size of the chunks; None, or too large ones, give those of `slab`.

    Examples
    --------
    >>> chunked_slab((9000, 9000), 2**20, (512, 512))
    (512, 2048)
    """
    if chunks is None or np.prod(np.minimum(chunks, shape)) > 4 * pixels:
        return slab(shape, pixels)
    size = [min(n, length) for n, length in zip(chunks, shape, strict=True)]
    left = max(1, pixels // int(np.prod(size)))
    for axis in reversed(range(len(shape))):
        count = min(left, -(-shape[axis] // size[axis]))
        size[axis] = min(size[axis] * count, shape[axis])
        left //= count
    return tuple(size)


def bounding_box(mask: NDArray[Any], margin: int = 0) -> tuple[slice, ...]:
    """Smallest box around the pixels that are not 0; empty slices if there are none.

    Examples
    --------
    >>> bounding_box(np.array([[0, 0, 0], [0, 1, 1]]))
    (slice(1, 2, None), slice(1, 3, None))
    """
    found = []
    # One axis after another, on what is left: the first pass alone sees everything.
    rest = mask
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        used = np.flatnonzero(rest.any(axis=others))
        if used.size == 0:
            return (slice(0, 0),) * mask.ndim
        part = slice(int(used[0]), int(used[-1]) + 1)
        found.append(part)
        rest = rest[(slice(None),) * axis + (part,)]
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, length in zip(found, mask.shape, strict=True)
    )


def choose_blocks(
    shape: tuple[int, ...],
    limit: int,
    useful: Callable[[Slices], bool] = lambda where: True,
    *,
    small: bool = False,
) -> list[Slices]:
    """Choose blocks of an array that have about `limit` pixels together.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    limit : int
        Pixels that are enough.
    useful : callable, optional
        Tells whether a block is of use; others are passed over.
    small : bool
        Whether blocks have half of the usual side, so that they are in more places.

    Returns
    -------
    list of tuple of slice
        The whole if it is small enough, cut along the axes before the last three.
        Otherwise different blocks of the last two or three axes, of equal shape,
        spread evenly by an additive recurrence with irrational steps.

    Examples
    --------
    >>> choose_blocks((50, 60), 4000)
    [(slice(0, 50, None), slice(0, 60, None))]
    >>> len(choose_blocks((5000, 6000), 2**18))
    4
    >>> right = choose_blocks((5000, 6000), 2**18, lambda where: where[1].start > 4000)
    >>> len(right), min(where[1].start for where in right) > 4000
    (4, True)
    """
    n_axes = min(len(shape), 3)
    lead = len(shape) - n_axes
    if np.prod(shape) <= limit:
        whole = tuple(slice(0, n) for n in shape[lead:])
        every = [
            (*(slice(i, i + 1) for i in index), *whole)
            for index in np.ndindex(shape[:lead])
        ]
        return [where for where in every if useful(where)]
    side = _BLOCK[n_axes] // (2 if small else 1)
    size = (1,) * lead + tuple(min(side, n) for n in shape[lead:])
    count = max(1, limit // int(np.prod(size)))
    steps = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19])[: len(shape)] % 1
    room = np.array(shape) - size + 1
    found = {}
    for turn in range(_TRIES * count):
        at = tuple(((turn + 0.5) * steps % 1 * room).astype(int).tolist())
        where = tuple(slice(a, a + n) for a, n in zip(at, size, strict=True))
        if useful(where):
            found[at] = where
            count -= 1
        if count == 0:
            break
    return list(found.values())
