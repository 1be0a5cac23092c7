"""Damaged and dishonest copies of sound files, from a seed."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_ODD = (0, 1, 2, 3, 7, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**32 - 1)
_WORDS = (
    (b"0.25", b"0,25"),
    (b"um", b"9**9**9*um"),
    (b"axes", b"sexa"),
    (b"CYX", b"XYC"),
    (b"shape", b"shave"),
    (b"37", b"-7"),
    (b"29", b"2e99"),
    (b"3", b"NaN"),
    (b"slices=4", b"slices=4000000000"),
    (b"images=4", b"images=-1"),
    (b"recipe", b"recipe\0"),
    (b"[", b"[" * 2000),
    (b"{", b"[{"),
    (b'"', b""),
    (b"op", b"__class__"),
    (b"<", b"&"),
)


class Mutant(NamedTuple):
    """A file that is not as it was written.

    Attributes
    ----------
    name, how : str
        Of the sound file, and what was done to it.
    data : bytes
    cut : bool
        Its end is missing, so that pixels are, unless all of them come out right.
    summed : bool
        Its check sums do not fit, so that other pixels may not be read in silence.
    """

    name: str
    how: str
    data: bytes
    cut: bool = False
    summed: bool = False


def mutants(
    name: str, data: bytes, count: int, rng: np.random.Generator
) -> Iterator[Mutant]:
    """Yield `count` mutants: cuts at each twentieth, then of each kind in turn."""
    made = 0
    kinds = [_flips, _noise, _swap, _words]
    if name.endswith(".tif"):
        kinds += [_tags, _tags, _chain]
    elif name.endswith(".png"):
        kinds += [_png_header, _png_chunk]
    elif name.endswith(".jpg"):
        kinds += [_jpeg_size]
    for part in range(1, 20):
        if made < count:
            yield Mutant(
                name, f"cut at {5 * part} %", data[: len(data) * part // 20], True
            )
            made += 1
    for less in (1, 2, 4, 8, 16, 64, 256):
        if made < count and less < len(data):
            yield Mutant(name, f"cut by {less}", data[:-less], True)
            made += 1
    while made < count:
        kind = kinds[made % len(kinds)]
        how, new = kind(data, rng)
        if new == data:
            new = bytes([data[0] ^ 1]) + data[1:]
        summed = name.endswith(".png") and kind not in (_png_header, _png_chunk)
        yield Mutant(name, how, new, summed=summed)
        made += 1


def _flips(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    new, count = bytearray(data), int(rng.integers(1, 4))
    # Headers decide more than pixels do: half of the flips go there.
    end = len(data) if rng.random() < 0.5 else min(len(data), 256)
    places = rng.integers(0, end, count)
    for at in places:
        new[at] ^= 1 << int(rng.integers(8))
    return f"bits flipped in bytes {places.tolist()}", bytes(new)


def _noise(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    at, length = int(rng.integers(len(data))), int(rng.integers(2, 65))
    noise = rng.integers(0, 256, length).astype("u1").tobytes()
    return f"{length} bytes of noise at {at}", (
        data[:at] + noise + data[at + length :]
    )[: len(data)]


def _swap(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    a, b = sorted(int(v) for v in rng.integers(0, len(data), 2))
    kind = int(rng.integers(3))
    if kind == 0:
        return f"bytes {a} to {b} left out", data[:a] + data[b:]
    if kind == 1:
        return f"bytes {a} to {b} twice", data[:b] + data[a:]
    return f"bytes {a} to {b} are zero", data[:a] + bytes(b - a) + data[b:]


def _words(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    found = [pair for pair in _WORDS if pair[0] in data]
    if not found:
        return _flips(data, rng)
    old, new = found[int(rng.integers(len(found)))]
    parts = data.split(old)
    at = int(rng.integers(1, len(parts)))
    return (
        f"{old!r} number {at} became {new[:20]!r}",
        old.join(parts[:at]) + new + old.join(parts[at:]),
    )


def _entries(data: bytes) -> tuple[str, list[tuple[int, int]], list[int], bool]:
    """Return byte order, (offset, length) of each IFD's entries, links, and BigTIFF."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    head, count, step, link = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    at, found, links = 8 if big else 4, [], []
    while len(links) < 50:
        links.append(at)
        (start,) = struct.unpack_from(order + head, data, at)
        if not 0 < start < len(data) - 8:
            break
        (n,) = struct.unpack_from(order + count, data, start)
        first = start + struct.calcsize(count)
        found += [(first + step * k, step) for k in range(n)]
        at = first + step * n
        if at + link > len(data):
            break
    return order, found, links, big


def _tags(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    order, entries, _, big = _entries(data)
    at, _ = entries[int(rng.integers(len(entries)))]
    new = bytearray(data)
    (tag,) = struct.unpack_from(order + "H", data, at)
    what = int(rng.integers(5))
    odd = int(_ODD[int(rng.integers(len(_ODD)))])
    wide = "Q" if big else "I"
    value_at = at + (12 if big else 8)
    if what == 0:
        struct.pack_into(order + "H", new, at, odd % 65536)
        return f"tag {tag} became {odd % 65536}", bytes(new)
    if what == 1:
        kind = int(rng.integers(0, 20))
        struct.pack_into(order + "H", new, at + 2, kind)
        return f"type of tag {tag} became {kind}", bytes(new)
    if what == 2:
        struct.pack_into(order + wide, new, at + 4, odd)
        return f"count of tag {tag} became {odd}", bytes(new)
    (kind,) = struct.unpack_from(order + "H", data, at + 2)
    short = _SIZES.get(kind, 4) == 2
    if short and what == 3:
        struct.pack_into(order + "H", new, value_at, odd % 65536)
    else:
        struct.pack_into(order + wide, new, value_at, odd)
    return f"value of tag {tag} became {odd}", bytes(new)


def _chain(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    order, _, links, big = _entries(data)
    at = links[int(rng.integers(len(links)))]
    (first,) = struct.unpack_from(order + ("Q" if big else "I"), data, links[0])
    goal = int(rng.choice([first, 1, len(data) - 3, len(data) + 99, first + 1]))
    new = bytearray(data)
    struct.pack_into(order + ("Q" if big else "I"), new, at, goal)
    return f"link at {at} goes to {goal}", bytes(new)


def _chunks(data: bytes) -> list[tuple[int, int]]:
    at, found = 8, []
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((at, length))
        at += 12 + length
    return found


def _checked(data: bytearray, at: int, length: int) -> bytes:
    """Return the file with the right checksum of a chunk, as a liar would."""
    struct.pack_into(
        ">I", data, at + 8 + length, zlib.crc32(data[at + 4 : at + 8 + length])
    )
    return bytes(data)


def _png_header(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    new, what = bytearray(data), int(rng.integers(3))
    if what < 2:
        size = int(
            rng.choice([0, 1, 36, 38, 1000, 20000, 32767, 65536, 2**31 - 1, 2**32 - 1])
        )
        struct.pack_into(">I", new, 16 + 4 * what, size)
        how = f"{('width', 'height')[what]} became {size}"
    else:
        at = int(rng.integers(24, 29))
        new[at] = int(rng.integers(0, 20))
        how = f"byte {at} of the header became {new[at]}"
    return how, _checked(new, 8, 13)


def _png_chunk(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    chunks = _chunks(data)
    at, length = chunks[int(rng.integers(len(chunks)))]
    kind = data[at + 4 : at + 8].decode("latin-1")
    what = int(rng.integers(3))
    if what == 0:
        return f"chunk {kind} left out", data[:at] + data[at + 12 + length :]
    if what == 1:
        return f"chunk {kind} twice", data[: at + 12 + length] + data[at:]
    new = bytearray(data)
    if length:
        new[at + 8 + int(rng.integers(length))] ^= 1 << int(rng.integers(8))
        return f"a bit of chunk {kind}, with a right checksum", _checked(
            new, at, length
        )
    new[at + 4] ^= 32
    return f"name of chunk {kind}", bytes(new)


def _jpeg_size(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    at = next(
        k
        for k in range(2, len(data))
        if data[k] == 0xFF and data[k + 1] in (0xC0, 0xC1, 0xC2)
    )
    new, what = bytearray(data), int(rng.integers(3))
    if what < 2:
        size = int(rng.choice([0, 1, 30, 38, 64, 1000, 16000, 65500, 65535]))
        struct.pack_into(">H", new, at + 5 + 2 * what, size)
        return f"{('height', 'width')[what]} became {size}", bytes(new)
    new[at + 9] = int(rng.integers(0, 8))
    return f"{new[at + 9]} components", bytes(new)
