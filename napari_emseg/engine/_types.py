"""Types of arrays that many modules name."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
# A part of an array: one slice for each axis.
Box: TypeAlias = tuple[slice, ...]
# A slice of an image: for each axis its index, None for the whole axis.
SliceIndex: TypeAlias = tuple[int | None, ...]


class Sliceable(Protocol):
    """Anything with a shape that gives an array when sliced: numpy, dask, zarr."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    def __getitem__(self, key: Any, /) -> Any: ...
