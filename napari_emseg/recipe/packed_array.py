"""Arrays of integers or bool as text, for recipes and scripts."""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_emseg.io.byte_budget import VARIABLE, ByteBudget, bytes_text
from napari_emseg.pipeline.tiles import bounding_box

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Kind = Literal[
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"
]
Side = Annotated[int, Field(strict=True, ge=0)]
# Effort of the compression: 1 takes a tenth of the time of the default, for files
# that are hardly larger.
_LEVEL = 1
_BASE64 = re.compile("[A-Za-z0-9+/]*={0,2}")
# The most that zlib makes of a byte, and what it adds where nothing gets smaller.
_RATIO, _SLACK = 1032, 64
_HINT = "it is damaged, so take the recipe from where it was made"


class Packed(BaseModel):
    """An array of integers or bool as text, most of which is 0.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    dtype : str
        Of the array.
    box : tuple of (int, int)
        For each axis the first pixel of the part that is stored, and the one after
        the last; all others are 0.
    data : str
        Values of this part in C order, bits of bool eight to a byte, integers with
        the least byte first: compressed (zlib) and written in base 64.

    Raises
    ------
    pydantic.ValidationError
        A `ValueError`, if they do not go together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[Side, ...]
    dtype: Kind
    box: tuple[tuple[Side, Side], ...]
    data: str = Field(repr=False)

    @model_validator(mode="after")
    def _check(self) -> Self:
        fits = len(self.box) == len(self.shape) and all(
            start <= stop <= size
            for (start, stop), size in zip(self.box, self.shape, strict=False)
        )
        if not fits:
            raise ValueError(
                f"box {self.box} does not lie in an array of shape {self.shape}; one "
                "pair (start, stop) is needed for each axis"
            )
        if not _BASE64.fullmatch(self.data) or len(self.data) % 4:
            raise ValueError(
                f"data of an array cannot be read (they are not in base 64); {_HINT}"
            )
        size, length = self._size(), len(self.data) // 4 * 3
        if not size <= _RATIO * length or length > _SLACK + size * 9 // 8:
            less_or_more = "fewer" if size > _RATIO * length else "more"
            raise ValueError(
                f"data of an array hold {less_or_more} than the {size} bytes that its "
                f"box has; {_HINT}"
            )
        return self

    def _size(self) -> int:
        """Return the number of bytes of the box."""
        count = math.prod(stop - start for start, stop in self.box)
        kind = np.dtype(self.dtype)
        return -(-count // 8) if kind.kind == "b" else count * kind.itemsize

    def array(self) -> NDArray[Any]:
        """Return the array.

        Raises
        ------
        ValueError
            If the text is damaged, or holds more or fewer values than the box.
        """
        sides = tuple(stop - start for start, stop in self.box)
        kind = np.dtype(self.dtype)
        raw = _inflate(self.data, self._size())
        if kind.kind == "b":
            bits = np.frombuffer(raw, np.uint8)
            values = np.unpackbits(bits, count=math.prod(sides)).astype(bool)
        else:
            values = np.frombuffer(raw, kind.newbyteorder("<")).astype(kind)
        out = np.zeros(self.shape, kind)
        out[tuple(slice(*part) for part in self.box)] = values.reshape(sides)
        return out


def pack(array: ArrayLike) -> Packed:
    """Return an array of integers or bool as text.

    Parameters
    ----------
    array : (…) array_like of bool or int
        Compresses well if most of it is 0.

    Returns
    -------
    Packed

    Raises
    ------
    TypeError
        If it is of another type.

    Examples
    --------
    >>> strokes = np.zeros((100, 100), np.uint8)
    >>> strokes[40, 20:60] = 3
    >>> packed = pack(strokes)
    >>> packed.box, bool((packed.array() == strokes).all())
    (((40, 41), (20, 60)), True)
    """
    values = np.asarray(array)
    if values.dtype.kind not in "bui":
        raise TypeError(
            f"an array of {values.dtype} cannot be written into a recipe; pass bool or "
            "integers"
        )
    box = bounding_box(values != 0)
    part = values[box]
    little = part.dtype.newbyteorder("<")
    raw = np.packbits(part) if part.dtype == bool else part.astype(little)
    text = base64.b64encode(zlib.compress(np.ascontiguousarray(raw).data, _LEVEL))
    # The name of a type does not tell its byte order, which may be foreign.
    return Packed.model_validate(
        {
            "shape": values.shape,
            "dtype": values.dtype.name,
            "box": [(part.start, part.stop) for part in box],
            "data": text.decode(),
        }
    )


def unpack_array(
    shape: tuple[int, ...], dtype: str, box: tuple[tuple[int, int], ...], data: str
) -> NDArray[Any]:
    """Return an array that a recipe or a script holds as text.

    Decodes what is compressed and in base64.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    dtype : {"bool", "uint8", "int8", ..., "uint64", "int64"}
        Of the array.
    box : tuple of (int, int)
        For each axis the first pixel of the part that is stored, and the one after
        the last; all others are 0.
    data : str
        The values of this part, compressed and in base 64, as `pack` writes them.

    Returns
    -------
    (…) ndarray of bool or int

    Raises
    ------
    ValueError
        If they do not go together, the text is damaged, or the array takes more memory
        than a file may (see `napari_emseg.io.byte_budget`).

    Examples
    --------
    >>> unpack_array(**pack(np.eye(2, dtype=np.uint8)).model_dump())
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """
    fields = {"shape": shape, "dtype": dtype, "box": box, "data": data}
    packed = Packed.model_validate(fields)
    most = ByteBudget.of(len(data)).most
    need = math.prod(packed.shape) * np.dtype(packed.dtype).itemsize
    if need > most:
        raise ValueError(
            f"an array of shape {packed.shape} takes {bytes_text(need)}, and "
            f"{bytes_text(most)} are allowed; if you trust who made it, set {VARIABLE}="
            f"{need} in the environment"
        )
    return packed.array()


def _inflate(text: str, size: int) -> bytes:
    """Return the `size` bytes that a text holds, and never more."""
    try:
        packed = base64.b64decode(text, validate=True)
        reader = zlib.decompressobj()
        raw = reader.decompress(packed, size + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(
            f"data of an array cannot be read ({error}); {_HINT}"
        ) from None
    if len(raw) != size or not reader.eof or reader.unused_data:
        more = len(raw) > size or bool(reader.unused_data)
        raise ValueError(
            f"data of an array hold {'more' if more else 'fewer'} than the "
            f"{size} bytes that its box has; {_HINT}"
        )
    return raw
