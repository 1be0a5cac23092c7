"""The chunks of PNG files: check sums, and whether they can hold what is declared.

Pillow compares no check sum of pixels, and refuses a picture if that of a comment is
wrong, or if comments take too much memory.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL.PngImagePlugin import MAX_TEXT_CHUNK as _MOST_UNFOLDED
from PIL.PngImagePlugin import MAX_TEXT_MEMORY as _MOST_TEXT
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

COLOR, ALPHA, PALETTE = 2, 4, 3  # bits of the color type, and one type
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by that type
_SIGNATURE = 8  # bytes before the first chunk
_DEFLATE = 1032  # the most that zlib unfolds a byte to
_SLAB = 2**20  # bytes that are looked at once
_INTERLACED = 1
# Without these there are no pixels, or others.
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"fdAT")
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


@dataclass(frozen=True, slots=True)
class PngChunks:
    """A PNG file whose check sums fit.

    Attributes
    ----------
    path : Path
    first : dict of bytes to bytes
        By name, the beginning of the first chunk before the pixels.
    whole : bytes or None
        The file without metadata that are damaged or too large, if there are any.
    """

    path: Path
    first: dict[bytes, bytes]
    whole: bytes | None = None

    @property
    def depth(self) -> int:
        """Bits of a sample."""
        return self.first[b"IHDR"][8]

    @property
    def color_type(self) -> int:
        """Its bits tell of colors and alpha."""
        return self.first[b"IHDR"][9]

    def open(self) -> BinaryIO:
        """Return the file, to be read from its beginning."""
        return self.path.open("rb") if self.whole is None else io.BytesIO(self.whole)


def read_chunks(path: Path) -> PngChunks:
    """Check the chunks of a PNG file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ValueError
        Pixels are damaged, or the file cannot hold as many as it declares.

    Warns
    -----
    UserWarning
        Metadata are damaged or too large, and left out.
    """
    first: dict[bytes, bytes] = {}
    left_out: list[tuple[int, int]] = []
    reasons: dict[str, list[str]] = {}
    before, texts = True, 0
    with path.open("rb") as file:
        for name, begin, length, start in _chunks(file):
            before = before and name != b"IDAT"
            if before:
                first.setdefault(name, begin)
            fits = _fits(file, name, start, length)
            if name in _PIXELS and not fits:
                raise ValueError(
                    f"the check sum of its chunk {name.decode()} does not fit"
                )
            if not fits:
                reason = "the check sum of {} of its chunks ({}) does not fit"
            elif (size := _text_size(file, name, start, length)) + texts > _MOST_TEXT:
                reason = "{} of its chunks ({}) unfold to more than texts have"
            else:
                texts += size
                continue
            left_out.append((start - _SIGNATURE, length + 12))
            reasons.setdefault(reason, []).append(ascii(name.decode("latin-1")))
            if first.get(name) is begin:  # rather than one before it
                first.pop(name)
    header = first.get(b"IHDR", b"")
    if len(header) != 13 or header[9] not in _CHANNELS:
        raise ValueError("its header is no PNG's")
    if _raw_size(header) > _DEFLATE * path.stat().st_size:
        raise ValueError(too_few(path, *struct.unpack(">2I", header[:8])))
    if not left_out:
        return PngChunks(path, first)
    data = bytearray(path.read_bytes())
    for at, size in left_out[::-1]:
        del data[at : at + size]
    told = " and ".join(
        reason.format(len(names), ", ".join(names[:5]))
        for reason, names in reasons.items()
    )
    warnings.warn(
        f"{path.name} is damaged: {told}, and they are left out; its pixels are whole",
        stacklevel=2,
    )
    return PngChunks(path, first, bytes(data))


def read_note(path: Path, keyword: str) -> str | None:
    """Return a text that `note_of` made, before the pixels; None if there is none."""
    with path.open("rb") as file:
        for name, begin, length, start in _chunks(file):
            if name == b"IDAT":
                break
            if name == b"iTXt" and begin.startswith(keyword.encode() + b"\0\1"):
                file.seek(start)
                data = file.read(length).split(b"\0", 1)[1][2:].split(b"\0", 2)[-1]
                return zlib.decompress(data).decode()
    return None


def note_of(keyword: str, text: str) -> PngInfo:
    """Return a text as Pillow writes it into a PNG file."""
    found = PngInfo()
    found.add_itxt(keyword, text, zip=True)
    return found


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Yield of each chunk its name, beginning, length, and where its data start."""
    at = _SIGNATURE
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, file.read(min(length, 64)), length, at + 8
        if name == b"IEND":
            return
        at += 12 + length


def _fits(file: BinaryIO, name: bytes, start: int, length: int) -> bool:
    """Tell whether the check sum of a chunk fits; of one that is cut, nothing tells."""
    file.seek(start)
    found, left = zlib.crc32(name), length
    while left:
        data = file.read(min(left, _SLAB))
        if not data:
            return True
        found, left = zlib.crc32(data, found), left - len(data)
    told = file.read(4)
    return len(told) < 4 or name == b"IEND" or found == int.from_bytes(told)


def _text_size(file: BinaryIO, name: bytes, start: int, length: int) -> int:
    """Return the bytes that Pillow keeps of a chunk; of one it refuses, too many."""
    if name not in _TEXTS:
        return 0
    file.seek(start)
    text = file.read(length).partition(b"\0")[2]
    if name == b"iTXt":
        packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
    else:
        packed, text = name != b"tEXt", text[1:]
    if not packed:
        return length
    try:
        size = len(zlib.decompressobj().decompress(text, _MOST_UNFOLDED + 1))
    except zlib.error:
        return 0  # which Pillow leaves out by itself
    return size if size <= _MOST_UNFOLDED else _MOST_TEXT + 1


def _raw_size(header: bytes) -> int:
    """Return the bytes of all rows of a PNG that is not interlaced."""
    width, height = struct.unpack(">2I", header[:8])
    return int(height) * (1 + (int(width) * header[8] * _CHANNELS[header[9]] + 7) // 8)


def too_few(path: Path, width: int, height: int) -> str:
    """Return what a person is told of a file that declares too many pixels."""
    return (
        f"its header declares {width} x {height} pixels, more than a file of "
        f"{path.stat().st_size} bytes can hold"
    )


def check_rows(chunks: PngChunks, pixels: NDArray[Any]) -> None:
    """Refuse a PNG whose data end before its last row, which is then black or clear.

    Parameters
    ----------
    chunks : PngChunks
    pixels : (Y, X) or (Y, X, C) ndarray
        As read.

    Raises
    ------
    ValueError
        With the share of the rows that there are.
    """
    header = chunks.first[b"IHDR"]
    if b"acTL" in chunks.first:
        return  # Pillow counts frames
    if header[12] != _INTERLACED and pixels[-1].any():
        return
    stream, held = zlib.decompressobj(), 0
    declared = _raw_size(header)
    with chunks.open() as file:
        for name, _, length, start in _chunks(file):
            if name != b"IDAT":
                continue
            file.seek(start)
            data = file.read(length)
            while data and not stream.eof:
                held += len(stream.decompress(data, _SLAB))
                data = stream.unconsumed_tail
    if held < declared:
        raise ValueError(
            f"its data hold {held / declared:.1%} of the rows that it declares"
        )
