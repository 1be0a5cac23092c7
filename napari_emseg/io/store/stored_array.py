"""Arrays in files: opened where they are read, and sent to others by name alone."""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import pickle
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_emseg.engine.image.axes import ArrayView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from numpy.typing import NDArray

Slices = tuple[slice, ...]

# Bytes that an array may be to be sent to other processes along with the work.
_LIGHT = 2**24
# Blocks that tell whether an array is what it was, and pixels along their sides.
_BLOCKS, _SIDE = 16, 64
# What tells the shape of an array of Zarr.
_DESCRIBED = ("zarr.json", ".zarray")
_INSTALL = 'pip install "napari-emseg[{}]"'


@cache
def needed(module: str, extra: str, what: str) -> ModuleType:
    """Import a package of an extra, or say how to get it.

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} needs the package {module}, which is not installed: "
            f"{_INSTALL.format(extra)}"
        ) from error


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array in a file or a store, which is opened when it is first sliced.

    It is sent to other processes by name alone, and each opens it for itself.

    Attributes
    ----------
    kind : {"zarr", "npy", "raw", "tiff", "slide"}
        How it is stored.
    path : str
        Where, or its address.
    key : tuple
        Which array of it.
    shape : tuple of int
        Of what slicing gives.
    dtype : numpy.dtype
        Of its values.
    chunks : tuple of int or None
        What is read at once along each axis; None if that is single numbers.
    axes : tuple of int
        Axis of the stored array that each axis of this one is; the others are of
        length 1 and left out.
    """

    kind: str
    path: str
    key: tuple[Any, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    axes: tuple[int, ...]

    @classmethod
    def of(cls, kind: str, path: str | os.PathLike[str], *key: Any) -> StoredArray:
        """Return what is stored under a name, with all of its axes."""
        name = os.fspath(path)
        found = _opened(kind, name, key, _stamp(kind, name, key))
        shape = tuple(map(int, found.shape))
        chunks = getattr(found, "chunks", None)
        return cls(
            kind,
            name,
            key,
            shape,
            np.dtype(found.dtype),
            None if chunks is None else tuple(map(int, chunks)),
            tuple(range(len(shape))),
        )

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self.size * self.dtype.itemsize

    @property
    def place(self) -> Path:
        """Where the file or the array is, on a disk."""
        return Path(self.path)

    def view(self, axes: tuple[int, ...]) -> StoredArray:
        """Return the same array with other axes, by their number in this one.

        Parameters
        ----------
        axes : tuple of int
            In their new order; axes of length 1 may be left out.
        """

        def picked(values: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(values[axis] for axis in axes)

        return replace(
            self,
            shape=picked(self.shape),
            chunks=None if self.chunks is None else picked(self.chunks),
            axes=picked(self.axes),
        )

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part; of an index and slices, one for each of the first axes."""
        given = key if isinstance(key, tuple) else (key,)
        if Ellipsis in given:
            at = given.index(Ellipsis)
            rest = len(self.shape) - (len(given) - 1)
            given = (*given[:at], *(slice(None),) * rest, *given[at + 1 :])
        stored = _opened(
            self.kind,
            self.path,
            self.key,
            _stamp(self.kind, self.path, self.key),
        )
        where: list[Any] = [slice(0, 1)] * len(stored.shape)
        for axis, length in zip(self.axes, self.shape, strict=True):
            where[axis] = slice(0, length)
        dropped = []
        for axis, (part, length) in enumerate(zip(given, self.shape, strict=False)):
            if isinstance(part, slice):
                where[self.axes[axis]] = slice(*part.indices(length))
            else:
                index = range(length)[part]
                where[self.axes[axis]] = slice(index, index + 1)
                dropped.append(axis)
        values = np.asarray(stored[tuple(where)])
        gone = tuple(a for a in range(values.ndim) if a not in self.axes)
        found = values.squeeze(gone).transpose(np.argsort(np.argsort(self.axes)))
        return found.squeeze(tuple(dropped)) if dropped else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        found = np.asarray(self[()], dtype)
        return found.copy() if copy else found

    def state(self) -> list[Any]:
        """Return what changes when a file does: sizes and times of its parts."""
        sizes, times, count = 0, 0, 0
        for stat in _files(self):
            sizes += stat.st_size
            times = max(times, stat.st_mtime_ns)
            count += 1
        return [count, sizes, times]


def _files(array: StoredArray) -> Iterator[os.stat_result]:
    """Yield what the system knows of the files that an array lies in."""
    if "://" in array.path:
        return
    path = Path(array.path)
    if array.kind == "zarr" and path.is_dir():
        folder = path.joinpath(*array.key)
        for root, folders, names in os.walk(folder):
            # Labels that are written into the store are none of the image.
            folders[:] = [one for one in folders if one != "labels"]
            for name in names:
                yield Path(root, name).stat()
    else:
        yield path.stat()


def _stamp(kind: str, path: str, key: tuple[Any, ...]) -> tuple[int, ...]:
    """Return numbers that change when a file, or what describes an array, does."""
    process = os.getpid()
    names = [path]
    if kind == "zarr":
        names = [os.path.join(path, *key, name) for name in _DESCRIBED]  # noqa: PTH118
    for name in names:
        with suppress(OSError):
            found = os.stat(name)  # noqa: PTH116  of every part that is read
            return process, found.st_ino, found.st_mtime_ns * (kind == "zarr")
    return (process,)


@lru_cache(maxsize=32)
def _opened(kind: str, path: str, key: tuple[Any, ...], stamp: tuple[int, ...]) -> Any:
    """Open an array; the stamp keeps those apart that had one name one after another.

    And those of a parent process.
    """
    if kind == "zarr":
        zarr = needed("zarr", "large", "reading Zarr")
        return zarr.open_array(path, path="/".join(key), mode="r")
    if kind == "npy":
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if kind == "raw":
        dtype, shape, offset, order = key
        return np.memmap(path, dtype, "r", offset, shape, order)
    if kind == "tiff":
        zarr = needed("zarr", "large", "reading parts of a TIFF file")
        series, level = key
        tiff = tifffile.TiffFile(path)
        try:
            array = zarr.open_array(tiff.series[series].aszarr(level=level), mode="r")
        except BaseException:  # such as a release of tifffile that knows no such zarr
            tiff.close()
            raise
        weakref.finalize(array, tiff.close)
        return array
    return SlideLevel(path, *key)


class SlideLevel:
    """One level of a slide, as OpenSlide reads it: (Y, X, 4), transparent outside.

    Parameters
    ----------
    path : str
        A file that OpenSlide knows, such as MRXS.
    level : int
        0 is the finest.
    """

    dtype = np.dtype(np.uint8)
    # Formats do not tell it in one way; most have tiles of this order.
    chunks = (512, 512, 4)

    def __init__(self, path: str, level: int) -> None:
        openslide = needed("openslide", "slides", "reading this slide")
        self._slide = openslide.OpenSlide(path)
        self._level = level
        width, height = self._slide.level_dimensions[level]
        self._scale = self._slide.level_downsamples[level]
        self.shape = height, width, 4

    def __getitem__(self, key: tuple[slice, slice, slice]) -> NDArray[Any]:
        """Read a part."""
        rows, columns, channels = key
        # OpenSlide wants the place in the finest level.
        at = round(columns.start * self._scale), round(rows.start * self._scale)
        size = columns.stop - columns.start, rows.stop - rows.start
        part = self._slide.read_region(at, self._level, size)
        return np.asarray(part)[..., channels]


def as_reference(array: Any) -> Any:
    """Return an array that other processes can open for themselves, if it is one.

    Parameters
    ----------
    array : array_like
        Anything that slices.

    Returns
    -------
    array_like or None
        A name of a memory map; other arrays that are sent as few bytes, such as those
        of Zarr and Dask that lie in files; None for those whose values would be sent.

    Examples
    --------
    >>> as_reference(np.zeros((5000, 5000))) is None
    True
    """
    if isinstance(array, StoredArray):
        return array
    if isinstance(array, ArrayView):
        inner = as_reference(array.source)
        return None if inner is None else replace(array, source=inner)
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):
        flags = array.flags
        if array.filename is None or not (flags.c_contiguous or flags.f_contiguous):
            return None
        array.flush()
        return StoredArray.of(
            "raw",
            str(array.filename),
            array.dtype.str,
            array.shape,
            array.offset,
            "C" if flags.c_contiguous else "F",
        )
    if isinstance(array, np.ndarray):
        return array if array.nbytes <= _LIGHT else None
    try:
        pickler()(_Limited(), protocol=5).dump(array)
    # Whatever arrays of others say when they cannot be sent.
    except Exception:
        return None
    return GraphArray(array) if _is_dask(array) else array


def _is_dask(array: Any) -> bool:
    return type(array).__module__.partition(".")[0] == "dask"


def read_here(array: Any) -> Any:
    """Return an array whose parts are computed in this process, if it is one of Dask.

    Its own scheduler, such as that of a cluster, is slow where parts are small. One
    whose values it holds stays as it is.
    """
    return (as_reference(array) or array) if _is_dask(array) else array


@dataclass(frozen=True, slots=True, eq=False)
class GraphArray:
    """An array of Dask whose parts are computed where they are read.

    Attributes
    ----------
    array : dask.array.Array
        A worker that asked its own cluster for a part would wait for itself.
    """

    array: Any

    @property
    def chunks(self) -> Any:
        """Of the array."""
        return self.array.chunks

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return tuple(map(int, self.array.shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.array.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Compute a part."""
        return np.asarray(self.array[key].compute(scheduler="synchronous"))


class _Limited(io.RawIOBase):
    """A file that refuses to become large."""

    def __init__(self) -> None:
        super().__init__()
        self._left = _LIGHT

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        size = memoryview(part).nbytes
        self._left -= size
        if self._left < 0:
            raise OverflowError("the array is too large to be sent")
        return size


def pickler() -> Any:
    """Return the class that writes objects: functions, too, where that is possible."""
    try:
        return import_module("cloudpickle").Pickler
    except ImportError:
        return pickle.Pickler


def identity_of(array: Any) -> dict[str, Any]:
    """Return what tells an array from others, in little time, as JSON has it.

    Parameters
    ----------
    array : array_like
        Anything that slices.

    Returns
    -------
    dict
        Shape, type, a digest of some of its values and, if it lies in files, their
        number, sizes and latest time.
    """
    shape = tuple(map(int, array.shape))
    digest = hashlib.sha256()
    steps = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19])[: len(shape)] % 1
    size = np.array([min(n, _SIDE) for n in shape])
    size[:-3] = 1
    for turn in range(_BLOCKS):
        at = ((turn + 0.5) * steps % 1 * (np.array(shape) - size + 1)).astype(int)
        where = tuple(slice(int(a), int(a + n)) for a, n in zip(at, size, strict=True))
        digest.update(np.ascontiguousarray(array[where]).tobytes())
    named = isinstance(array, np.memmap | ArrayView)
    stored = as_reference(array) if named else array
    stored = stored.source if isinstance(stored, ArrayView) else stored
    found: dict[str, Any] = {
        "shape": list(shape),
        "dtype": np.dtype(array.dtype).str,
        "some values": digest.hexdigest()[:16],
    }
    if isinstance(stored, StoredArray):
        found["files"] = stored.state()
    return found
