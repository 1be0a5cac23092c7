"""What can be an image: anything that slices, and what is mistaken for that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Sliceable(Protocol):
    """Anything with a shape that gives an array when sliced: numpy, dask, zarr."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def dtype(self) -> Any: ...  # noqa: D102
    def __getitem__(self, key: Any, /) -> Any: ...  # noqa: D105


def as_sliceable(image: Any) -> Sliceable:
    """Take arrays of all kinds as they are, and make one of numbers in lists.

    Raises
    ------
    TypeError
        If it is something else, such as a file name, a layer, a folder of arrays, or
        holds no numbers.
    ValueError
        If it is several arrays of different sizes, as a pyramid is, or a masked array.
    """
    if isinstance(image, str | os.PathLike):
        raise TypeError(
            f"image is the name {os.fspath(image)!r}; read the file first, with "
            "napari_emseg.files.read_image"
        )
    found = image
    if not (hasattr(image, "shape") and hasattr(image, "dtype")):
        try:
            found = np.asarray(image)
        except ValueError:  # NumPy's way to say that parts differ in shape
            raise _pyramid(image) from None
    # napari's, which has a shape, and the levels as items.
    elif isinstance(image, Sequence):
        raise _pyramid(image)
    if np.ma.is_masked(found):
        raise ValueError(
            "image has masked values, which would count as any other; pass image.data, "
            "and where it is not masked as mask="
        )
    dtype = np.dtype(found.dtype)
    if dtype.kind in "buif":
        return found
    if found is image:
        raise TypeError(
            f"image has values of type {dtype}, which have no order in a space of "
            "colors; pass bool, integers or floats (of complex values, the modulus)"
        )
    raise TypeError(
        f"image is of type {type(image).__name__}, which is no array of numbers; pass "
        "one: of a napari layer its data, of a Zarr group one of its arrays"
    )


def _pyramid(image: Any) -> ValueError:
    return ValueError(
        f"image is of type {type(image).__name__} and holds arrays of different "
        "shapes, as a pyramid does; pass one of them, such as image[0]"
    )
