"""Labels in one flat file, .npy or BigTIFF: made, and written row by row."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_emseg.io.store.stored_array import Slices, StoredArray


def create_flat(
    place: Path, kind: str, shape: tuple[int, ...], about: Mapping[str, Any]
) -> None:
    """Make a file of labels that are all 0; only TIFF keeps how they are made."""
    if kind == "npy":
        with place.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": shape}
            )
            file.truncate(file.tell() + prod(shape))
        return
    tifffile.imwrite(
        place,
        shape=shape,
        dtype="u1",
        bigtiff=True,
        photometric="minisblack",
        metadata=dict(about),
    )


def tiff_offset(place: Path) -> int:
    """Return where in a TIFF file the values begin."""
    with tifffile.TiffFile(place) as tiff:
        return int(tiff.series[0].dataoffset or 0)


def write_flat(array: StoredArray, where: Slices, values: NDArray[Any]) -> None:
    """Write row by row, and not to a memory map, which a full disk would crash."""
    path = Path(array.path)
    start = array.key[2] if array.key else path.stat().st_size - array.nbytes
    rows = np.ascontiguousarray(values, array.dtype).reshape(-1, values.shape[-1])
    with path.open("r+b", buffering=0) as file:
        for at, row in zip(_rows(array.shape, where), rows, strict=True):
            file.seek(start + at * array.dtype.itemsize)
            file.write(row.tobytes())


def _rows(shape: tuple[int, ...], where: Slices) -> Iterator[int]:
    """Yield where each row of a part begins."""
    sizes = [part.stop - part.start for part in where[:-1]]
    for index in np.ndindex(*sizes):
        at = [part.start + i for part, i in zip(where[:-1], index, strict=True)]
        yield int(np.ravel_multi_index((*at, where[-1].start), shape))
