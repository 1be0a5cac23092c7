"""What was drawn by hand: arrays as text for recipes, and labels pixel by pixel."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_emseg.regions.edit import Target, as_labels
from napari_emseg.select import scribbles
from napari_emseg.tiles import bounding_box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

Kind = Literal[
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
]
Side = Annotated[int, Field(strict=True, ge=0)]
# Effort of the compression: 1 takes a tenth of the time of the default, for files
# that are hardly larger.
_LEVEL = 1


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
        return self

    def array(self) -> NDArray[Any]:
        """Give the array back.

        Raises
        ------
        ValueError
            If the text is damaged, or holds more or fewer values than the box.
        """
        sides = tuple(stop - start for start, stop in self.box)
        count = math.prod(sides)
        kind = np.dtype(self.dtype)
        size = -(-count // 8) if kind.kind == "b" else count * kind.itemsize
        raw = _inflate(self.data, size)
        if kind.kind == "b":
            bits = np.frombuffer(raw, np.uint8)
            values = np.unpackbits(bits, count=count).astype(bool)
        else:
            values = np.frombuffer(raw, kind.newbyteorder("<")).astype(kind)
        out = np.zeros(self.shape, kind)
        out[tuple(slice(*part) for part in self.box)] = values.reshape(sides)
        return out


def pack(array: ArrayLike) -> Packed:
    """Write an array of integers or bool as text.

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


def unpack(
    shape: tuple[int, ...], dtype: str, box: tuple[tuple[int, int], ...], data: str
) -> NDArray[Any]:
    """Read an array that `pack` wrote; the arguments are the fields of `Packed`.

    Parameters
    ----------
    shape, dtype, box, data
        As of `Packed`.

    Returns
    -------
    (…) ndarray of bool or int

    Raises
    ------
    ValueError
        If they do not go together, or the text is damaged.

    Examples
    --------
    >>> unpack(**pack(np.eye(2, dtype=np.uint8)).model_dump())
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """
    fields = {"shape": shape, "dtype": dtype, "box": box, "data": data}
    return Packed.model_validate(fields).array()


def patch(labels: ArrayLike, where: ArrayLike, values: ArrayLike) -> NDArray[Any]:
    """Give single pixels labels that no tool explains.

    Parameters
    ----------
    labels : (…) array_like of int
    where : (…) array_like of bool
        The pixels that change.
    values : (…) array_like of int
        Their labels; other pixels do not count.

    Returns
    -------
    (…) ndarray of int
        Other labels, of the type of the values.

    Raises
    ------
    ValueError
        If the shapes differ, or labels that stay do not fit the type.

    Examples
    --------
    >>> patch([[1, 1, 2]], [[False, True, False]], [[0, 9, 0]])
    array([[1, 9, 2]])
    """
    old, new, mask = as_labels(labels), as_labels(values), np.asarray(where, bool)
    if not old.shape == new.shape == mask.shape:
        raise ValueError(
            f"the labels have shape {old.shape}, but the patch was made on labels of "
            f"shape {mask.shape}; take the image that it was made on, or leave the "
            "patch out"
        )
    kept = old[~mask]
    bounds = np.iinfo(new.dtype)
    if kept.size and not (kept.min() >= bounds.min and kept.max() <= bounds.max):
        raise ValueError(
            f"labels up to {kept.max()} stay, but the patch is of type {new.dtype}; "
            "give its values in a larger type"
        )
    return np.where(mask, new, old.astype(new.dtype))


def draw(
    labels: ArrayLike,
    image: ArrayLike,
    strokes: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    locked: Iterable[int] = (),
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Draw classes with scribbles: each pixel joins the strokes it belongs to.

    Parameters
    ----------
    labels : (Y, X) array_like of int
    image, channel_axis, rgb
        As for `napari_emseg.select.scribbles`.
    strokes : (Y, X) array_like of int
        Labels under the strokes; 0 elsewhere.
    selection : (Y, X) array_like of bool or float, optional
        Pixels that may change; of a soft one those of at least half coverage. All by
        default.
    locked : iterable of int, optional
        Labels whose pixels stay what they are.

    Returns
    -------
    (Y, X) ndarray of int
        Other labels, of the same type.

    Raises
    ------
    TypeError, ValueError
        As `napari_emseg.select.scribbles`.

    Examples
    --------
    >>> image = np.zeros((20, 20), np.uint8)
    >>> image[5:15, 5:15] = 200
    >>> strokes = np.zeros((20, 20), np.uint8)
    >>> strokes[1, 2:18], strokes[10, 8:12] = 3, 7
    >>> found = draw(np.ones((20, 20), int), image, strokes)
    >>> bool((found == np.where(image == 200, 7, 3)).all())
    True
    """
    target = Target.of(labels, selection, locked, reach=None)
    found = scribbles(
        image, strokes, background=None, channel_axis=channel_axis, rgb=rgb
    )
    new = np.where(found > 0, found, target.labels)
    return target.edit(new).apply(target.labels)


def scribbled(
    image: ArrayLike,
    strokes: ArrayLike,
    *,
    label: int = 2,
    background: int | None = 1,
    smoothing: float = 1.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[np.bool_]:
    """Select what belongs to the strokes of one class.

    Parameters
    ----------
    image, strokes, background, smoothing, channel_axis, rgb
        As for `napari_emseg.select.scribbles`.
    label : int, optional
        The class.

    Returns
    -------
    (Y, X) ndarray of bool

    Raises
    ------
    TypeError, ValueError
        As `napari_emseg.select.scribbles`.

    Examples
    --------
    >>> image = np.zeros((20, 20), np.uint8)
    >>> image[5:15, 5:15] = 200
    >>> strokes = np.zeros((20, 20), np.uint8)
    >>> strokes[1, 2:18], strokes[10, 8:12] = 1, 2
    >>> bool((scribbled(image, strokes) == (image == 200)).all())
    True
    """
    found = scribbles(
        image,
        strokes,
        background=background,
        smoothing=smoothing,
        channel_axis=channel_axis,
        rgb=rgb,
    )
    return np.asarray(found == label)


def _inflate(text: str, size: int) -> bytes:
    """Decode text to exactly `size` bytes, and never to more."""
    hint = "it is damaged, so take the recipe from where it was made"
    try:
        packed = base64.b64decode(text, validate=True)
        reader = zlib.decompressobj()
        raw = reader.decompress(packed, size + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"data of an array cannot be read ({error}); {hint}") from None
    if len(raw) != size or not reader.eof:
        raise ValueError(
            f"data of an array hold {'more' if len(raw) > size else 'fewer'} than the "
            f"{size} bytes that its box has; {hint}"
        )
    return raw
