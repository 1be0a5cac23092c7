"""What chunks of labels were when they were read: a digest of each."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_emseg.io.store.stored_array import Slices, StoredArray

# Pixels along a side of what is compared at once, where nothing is chunked.
_SIDE = 1024
# No digest: of what was not the same each time that it was read.
_VARIES = b""


class ReadChunks:
    """Digests of the chunks that were read, by where they lie; 16 bytes for each.

    Parameters
    ----------
    digests : mapping, optional
        What is known already; nothing by default.
    """

    def __init__(self, digests: Mapping[tuple[int, ...], bytes] | None = None) -> None:
        self._digests = dict(digests or {})
        self._arrays: list[tuple[ref[NDArray[Any]], ReadChunks]] = []

    def copy(self) -> ReadChunks:
        """Return the same, to which other chunks are noted."""
        return ReadChunks(self._digests)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out arrays, which another process does not have."""
        return ReadChunks, (self._digests,)

    def note_read(self, array: StoredArray, box: Slices, values: NDArray[Any]) -> None:
        """Remember all chunks of a box that was read, and the array of them."""
        digests = {
            _bounds(part): _digest(values[within(part, box)])
            for part in parts_of(array, box)
        }
        for bounds, found in digests.items():
            if self._digests.setdefault(bounds, found) != found:
                self._digests[bounds] = _VARIES
        left = [pair for pair in self._arrays if pair[0]() is not None]
        self._arrays = [*left, (ref(values), ReadChunks(digests))]

    def of(self, values: Any) -> ReadChunks:
        """Return what an array was when it was read; of others, all that is known."""
        return next((known for one, known in self._arrays if one() is values), self)

    def note_written(self, part: Slices, values: NDArray[Any]) -> None:
        """Remember a chunk as the caller has it, and the store, too."""
        self._digests[_bounds(part)] = _digest(values)

    def knows(self, part: Slices) -> bool:
        """Tell whether a chunk was read."""
        return _bounds(part) in self._digests

    def was(self, part: Slices, values: NDArray[Any]) -> bool:
        """Tell whether a chunk was read with these values."""
        known = self._digests.get(_bounds(part), _VARIES)
        return known != _VARIES and known == _digest(values)


def _bounds(part: Slices) -> tuple[int, ...]:
    return tuple(end for one in part for end in (one.start, one.stop))


def _digest(values: NDArray[Any]) -> bytes:
    found = hashlib.blake2b(repr((values.shape, values.dtype.str)).encode())
    found.update(np.ascontiguousarray(values).data)
    return found.digest()[:16]


def parts_of(array: StoredArray, box: Slices) -> Iterator[Slices]:
    """Yield the parts of a box that chunks have."""
    sides = array.chunks or (*(1,) * (array.ndim - 2), _SIDE, _SIDE)
    axes = []
    for side, part in zip(sides, box, strict=True):
        first = part.start // side * side
        axes.append(
            [
                slice(max(start, part.start), min(start + side, part.stop))
                for start in range(first, part.stop, side)
            ]
        )
    yield from product(*axes)


def within(part: Slices, box: Slices) -> Slices:
    """Return where in a box a part of it lies."""
    return tuple(
        slice(one.start - around.start, one.stop - around.start)
        for one, around in zip(part, box, strict=True)
    )
