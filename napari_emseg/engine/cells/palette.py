"""Palettes: the distinct colors or gray levels of an image, counted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

# Sorting packed colors wins up to this many pixels, a table of 2^24 counts above.
_SORT_LIMIT = 750_000
# Counts up to this fit into 32 bits, which are faster.
_NARROW = 2**32 - 1
# OpenCV counts in float32, which is exact up to this many pixels.
_EXACT_COUNTS = 2**24
# Pixels looked up at once, and the width that cv2.remap sees (it takes < 32768).
_LOOKUP, _WIDTH = 2**17, 1024
# Pixels added to a table at once, which holds back other threads meanwhile.
_ADDED = 2**16
_NO_CODES = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Coding:
    """How the values of an image become integer codes, and back.

    Attributes
    ----------
    bits : int
        8 or 16 for gray levels, 24 for RGB of 8 bit, red in the high bits.
    offset : int
        Added to gray levels to make them start at 0 or above.
    dtype : numpy.dtype
        Type of the image's values.
    """

    bits: int
    offset: int
    dtype: np.dtype[Any]

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Turn (…, C) values into (…) codes: uint8, uint16 or, for RGB, uint32."""
        if self.bits == 24:
            flat = values.reshape(1, -1, values.shape[-1])
            # A fourth byte makes one 32-bit word of each pixel, in a single pass.
            code = cv2.COLOR_RGB2BGRA if values.shape[-1] == 3 else cv2.COLOR_RGBA2BGRA
            codes = cv2.cvtColor(flat, code).view("<u4").ravel()
            np.bitwise_and(codes, np.uint32(0xFFFFFF), out=codes)
            return codes.reshape(values.shape[:-1])
        level = values[..., 0]
        narrow = np.uint8 if self.bits == 8 else np.uint16
        if self.offset == 0 and level.dtype.itemsize == np.dtype(narrow).itemsize:
            return level.view(narrow)
        # Levels are offset within 64 bits: an int16 less its minimum would wrap.
        return (level.astype(np.int64) + self.offset).astype(narrow)

    def decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Turn (M,) codes back into (M, C) values of the image's type."""
        if self.bits == 24:
            return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(
                self.dtype
            )
        level = codes.astype(np.int64) - self.offset
        return level.astype(self.dtype)[:, np.newaxis]

    def table(self, codes: NDArray[Any], entries: NDArray[np.uint8]) -> NDArray[Any]:
        """Return a look-up table with `entries` at `codes`, undefined elsewhere."""
        table = np.empty(2**self.bits, np.uint8)
        table[codes] = entries
        return table

    def lookup(self, codes: NDArray[Any], table: NDArray[Any]) -> NDArray[np.uint8]:
        """Look each of the (…) codes up in a table of `table`."""
        if self.bits == 24:
            return _remap(codes, table)
        if self.bits == 8 or _lut_takes_16_bit():
            flat = np.ascontiguousarray(codes).reshape(1, -1)
            return np.asarray(cv2.LUT(flat, table), np.uint8).reshape(codes.shape)
        return table[codes]

    def lookup_values(
        self, values: NDArray[Any], table: NDArray[Any]
    ) -> NDArray[np.uint8]:
        """Look (…, C) values up in a table of `table`, a cacheful at a time."""
        if self.bits < 24:
            return self.lookup(self.encode(values), table)
        flat = values.reshape(-1, values.shape[-1])
        out = np.empty(len(flat), np.uint8)
        for start in range(0, len(flat), _LOOKUP):
            part = slice(start, start + _LOOKUP)
            out[part] = _remap(self.encode(flat[part]), table)
        return out.reshape(values.shape[:-1])


def _lut_takes_16_bit() -> bool:
    return int(cv2.__version__.split(".")[0]) >= 5


def _remap(codes: NDArray[Any], table: NDArray[Any]) -> NDArray[np.uint8]:
    """Look 24-bit codes up with cv2.remap: the table is a picture of 4096 x 4096."""
    flat = codes.ravel()
    out = np.empty(flat.size, np.uint8)
    picture = table.reshape(4096, 4096)
    size = min(_LOOKUP, -(-flat.size // _WIDTH) * _WIDTH)
    # x in the low 16 bits of a word, y in the high ones: two int16 for OpenCV.
    where, low = np.zeros(size, "<u4"), np.empty(size, np.uint32)
    places = where.view(np.int16).reshape(-1, _WIDTH, 2)
    for start in range(0, flat.size, size):
        part = flat[start : start + size]
        word = where[: part.size]
        np.bitwise_and(part, np.uint32(0xFFF000), out=word)
        np.left_shift(word, np.uint32(4), out=word)
        np.bitwise_and(part, np.uint32(0xFFF), out=low[: part.size])
        np.bitwise_or(word, low[: part.size], out=word)
        found = cv2.remap(picture, places, np.empty(0), cv2.INTER_NEAREST)
        out[start : start + size] = found.ravel()[: part.size]
    return out.reshape(codes.shape)


def coding_for(
    dtype: np.dtype[Any], *, channels: int, rgb: bool, span: tuple[int, int] | None
) -> Coding | None:
    """Choose the coding of an image, or None if it has no short list of values.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the values.
    channels : int
        Number of channels, alpha left out.
    rgb : bool
        Whether they are red, green and blue.
    span : (int, int) or None
        Smallest and largest value, needed for integers of more than 16 bit.
    """
    if rgb:
        return Coding(24, 0, dtype) if dtype == np.uint8 else None
    if channels != 1 or dtype.kind not in "bui":
        return None
    if dtype.itemsize <= 2:
        low = 0 if dtype.kind in "bu" else int(np.iinfo(dtype).min)
        return Coding(8 * dtype.itemsize, -low, dtype)
    if span is not None and span[1] - span[0] < 2**16:
        return Coding(16, -span[0], dtype)
    return None


def count_codes(
    parts: Iterable[NDArray[Any]], *, bits: int, size: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Count how often each code occurs.

    Parameters
    ----------
    parts : iterable of ndarray
        Codes, in parts of any shape; their order does not matter.
    bits : int
        Codes are below 2^bits.
    size : int
        How many codes there are in all, or more; decides only the way, not the result.

    Returns
    -------
    codes : (M,) ndarray of uint32
        Distinct codes, rising.
    counts : (M,) ndarray of int64
        How often each occurs, exact.
    """
    if bits < 24:
        counts = np.zeros(2**bits, np.int64)
        for piece in _pieces(parts):
            table = cv2.calcHist([piece], [0], None, [2**bits], [0, 2**bits])
            counts += table.ravel().astype(np.int64)
        codes = np.flatnonzero(counts)
        return codes.astype(np.uint32), counts[codes]
    if size > _SORT_LIMIT:
        full = np.zeros(2**bits, type_of_counts(size))
        count_into(full, parts)
        return occupied(full)
    every = [part.ravel() for part in parts]
    return _count_by_sort(np.concatenate(every) if every else _NO_CODES)


def count_values(
    parts: Iterable[NDArray[Any]], coding: Coding, *, size: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Count how often each code occurs among values (N, C), as `count_codes` does."""
    return count_codes(encoded(parts, coding), bits=coding.bits, size=size)


def encoded(
    parts: Iterable[NDArray[Any]], coding: Coding
) -> Iterator[NDArray[np.unsignedinteger[Any]]]:
    """Yield the codes of values (N, C), those of colors a cacheful at a time."""
    for values in parts:
        step = _ADDED if coding.bits == 24 else max(1, len(values))
        for start in range(0, len(values), step):
            yield coding.encode(values[start : start + step])


def type_of_counts(most: int) -> np.dtype[Any]:
    """Choose the type of counts that are at most so large together."""
    return np.dtype(np.uint32 if most <= _NARROW else np.int64)


def count_into(table: NDArray[np.integer[Any]], parts: Iterable[NDArray[Any]]) -> int:
    """Add how often each code occurs to a table of all codes.

    What is counted already is not looked at again, so that many small images cost
    what their pixels cost.

    Parameters
    ----------
    table : (2^bits,) ndarray of integers
        Counts, changed in place; the caller knows that they do not overflow.
    parts : iterable of ndarray
        Codes, in parts of any shape; their order does not matter.

    Returns
    -------
    int
        How many codes were added.
    """
    # Only a number of the table's own type, at places of the processor's, is added the
    # fast way.
    one, places = table.dtype.type(1), np.empty(_ADDED, np.intp)
    added = 0
    for part in parts:
        flat = part.ravel()
        for start in range(0, flat.size, _ADDED):
            some = flat[start : start + _ADDED]
            where = places[: some.size]
            where[:] = some
            np.add.at(table, where, one)
        added += flat.size
    return added


def _pieces(parts: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield codes as (1, n) arrays short enough for exact counts in float32."""
    for part in parts:
        flat = np.ascontiguousarray(part).reshape(1, -1)
        for start in range(0, flat.size, _EXACT_COUNTS):
            yield flat[:, start : start + _EXACT_COUNTS]


def _count_by_sort(
    codes: NDArray[np.uint32],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    if codes.size == 0:
        return _NO_CODES, np.empty(0, np.int64)
    codes.sort()
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return codes[starts], np.diff(starts, append=codes.size)


def occupied(
    table: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """List the codes with a count in a table of all codes.

    Parameters
    ----------
    table : (2^bits,) ndarray of integers
        Counts; at least 8 bits.

    Returns
    -------
    codes : (M,) ndarray of uint32
        Codes whose count is not 0, rising.
    counts : (M,) ndarray of int64
        How often each occurs.
    """
    # Most of a table is empty: rows of 32 without any count are skipped at once.
    rows = table.reshape(-1, 32)
    used = np.flatnonzero(np.bitwise_or.reduce(rows.view(np.uint64), axis=1))
    counts = rows[used].ravel()
    found = np.flatnonzero(counts != 0)
    codes = (used[found >> 5] << 5 | found & 31).astype(np.uint32)
    return codes, counts[found].astype(np.int64)
