"""Labels in stores: opened with colors and names, and written back where edited."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_emseg.io.store.flat_file import write_flat
from napari_emseg.io.store.label_target import write_level
from napari_emseg.io.store.ngff import Multiscales, multiscales_of, ome_attributes
from napari_emseg.io.store.read_chunks import ReadChunks, parts_of, within
from napari_emseg.io.store.stored_array import StoredArray, needed
from napari_emseg.io.store.target_plan import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.io.store.stored_array import Slices

_OURS = "napari-emseg"


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """Labels in a file or a store; nothing is read yet.

    Lazy: a chunk is read when it is asked for. What it was is remembered (a digest of
    16 bytes), so that `write_back` knows what was edited, and what somebody else has
    changed meanwhile.

    Attributes
    ----------
    path : str
        Where they are.
    levels : tuple of StoredArray
        Resolutions, the finest first; axes of length 1 before Y and X are left out.
    multiscales : Multiscales
        Axes as they are stored.
    kept : tuple of int
        Which of these the axes of a level are.
    colors : dict of int to tuple of float
        RGBA in [0, 1] of some labels.
    names : dict of int to str
        Names of some labels.
    about : dict
        How they were made, if they are ours; "recipe" among others.
    read : ReadChunks
        What was read by slicing, as it was then.
    """

    path: str
    levels: tuple[StoredArray, ...]
    multiscales: Multiscales
    kept: tuple[int, ...]
    colors: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    read: ReadChunks = field(default_factory=ReadChunks, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the finest level."""
        return self.levels[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the labels."""
        return self.levels[0].dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def scale(self) -> tuple[float, ...]:
        """Length of a pixel along each axis."""
        return tuple(self.multiscales.scale[axis] for axis in self.kept)

    @property
    def units(self) -> tuple[str | None, ...]:
        """Units of these lengths."""
        return tuple(self.multiscales.units[axis] for axis in self.kept)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part of the finest level."""
        found = self.levels[0][key]
        if not found.flags.writeable:
            # A memory map shows what others write, and cannot be edited.
            found = found.copy()
        box = _box(key, self.shape)
        if box is not None:
            self.read.note_read(self.levels[0], box, found)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of the finest level."""
        # What is read is nobody else's.
        return np.asarray(self[...], dtype)


def _box(key: Any, shape: tuple[int, ...]) -> Slices | None:
    """Return the slice of each axis that a key cuts out; None if it is no such."""
    given = key if isinstance(key, tuple) else (key,)
    rest = len(shape) - len(given)
    if Ellipsis in given:
        at = given.index(Ellipsis)
        given = (*given[:at], *(slice(None),) * (rest + 1), *given[at + 1 :])
    else:
        given = (*given, *(slice(None),) * rest)
    if not all(isinstance(one, slice) and one.step in (None, 1) for one in given):
        return None
    return tuple(
        slice(*one.indices(length)) for one, length in zip(given, shape, strict=True)
    )


def labels_in(path: str | os.PathLike[str]) -> list[str]:
    """List the labels of a store of OME-Zarr; none if it is no such store.

    Parameters
    ----------
    path : path
        The store of an image, or its group ``labels``.

    Returns
    -------
    list of str
        Their names.
    """
    zarr = needed("zarr", "large", "reading Zarr")
    name = os.fspath(path)
    for place in (name, f"{name.rstrip('/')}/labels"):
        try:
            attributes = dict(zarr.open_group(place, mode="r").attrs)
        except (FileNotFoundError, KeyError, ValueError, zarr.errors.BaseZarrError):
            continue
        listed = ome_attributes(attributes).get("labels")
        if isinstance(listed, list):
            return [str(one) for one in listed]
    return []


def open_labels(path: str | os.PathLike[str]) -> StoredLabels:
    """Open labels that may be larger than memory; nothing is read yet.

    Parameters
    ----------
    path : path
        A store of OME-Zarr with one set of labels, or one of several
        (``image.ome.zarr/labels/NAME``); ``.zarr``, ``.npy``, ``.tif`` or ``.btf`` as
        `napari_emseg.segment` writes them.

    Returns
    -------
    StoredLabels

    Raises
    ------
    FileNotFoundError
        There is nothing of this name.
    ValueError
        There are no labels, or several.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", np.eye(3, dtype=np.uint8))
    ...     open_labels(f"{folder}/a.npy")[1].tolist()
    [0, 1, 0]
    """
    name = os.fspath(path)
    if "://" not in name and not Path(name).exists():
        raise FileNotFoundError(f"there is no {name}; check the name")
    kind = KINDS.get(Path(name).suffix.lower())
    if kind == "npy":
        return _plain(name, StoredArray.of("npy", name), {})
    if kind == "tiff":
        with tifffile.TiffFile(name) as tiff:
            about = (tiff.shaped_metadata or ({},))[0]
            whole = tiff.series[0]
            if whole.dataoffset is None:
                raise ValueError(
                    f"{name} is compressed, so that it cannot be read in parts; read "
                    "it with napari_emseg.files.read_labels"
                )
            how = whole.dtype.str, whole.shape, int(whole.dataoffset), "C"
        return _plain(name, StoredArray.of("raw", name, *how), about)
    return _of_zarr(name)


def _plain(name: str, array: StoredArray, about: Mapping[str, Any]) -> StoredLabels:
    _check_numbers(name, array)
    n = array.ndim
    axes = "tzyx"[-n:] if n <= 4 else "?" * n
    known = Multiscales("", axes, (), (1.0,) * n, (None,) * n)
    return StoredLabels(name, (array,), known, tuple(range(n)), about=about)


def _check_numbers(name: str, array: StoredArray) -> None:
    if array.dtype.kind not in "ui" or array.ndim < 2:
        raise ValueError(
            f"{name} holds {array.dtype} of shape {array.shape}, not labels; give an "
            "array of whole numbers with at least Y and X"
        )


def _of_zarr(name: str) -> StoredLabels:
    zarr = needed("zarr", "large", "reading Zarr")
    try:
        node = zarr.open(name, mode="r")
    except (FileNotFoundError, KeyError, zarr.errors.NodeNotFoundError) as error:
        raise ValueError(f"{name} is no store of Zarr; give one") from error
    attributes = dict(node.attrs)
    if hasattr(node, "shape"):
        about = attributes.get(_OURS, {})
        return _plain(name, StoredArray.of("zarr", name), about)
    ome = ome_attributes(attributes)
    known = multiscales_of(attributes, name)
    if known is None or "image-label" not in ome:
        listed = labels_in(name)
        if len(listed) != 1:
            inside = f"several: {', '.join(listed)}" if listed else "none"
            raise ValueError(
                f"{name} should hold one set of labels, but there are {inside}; give "
                "one, as image.ome.zarr/labels/NAME"
            )
        last = name.rstrip("/")
        inner = "" if last.endswith("/labels") else "/labels"
        return _of_zarr(f"{last}{inner}/{listed[0]}")
    stored = [StoredArray.of("zarr", name, *p.split("/")) for p in known.paths]
    kept = tuple(
        axis
        for axis, (letter, length) in enumerate(
            zip(known.axes, stored[0].shape, strict=True)
        )
        if letter in "yx" or length > 1
    )
    levels = tuple(one.view(kept) for one in stored)
    _check_numbers(name, levels[0])
    colors, names = _look(ome["image-label"])
    about = attributes.get(_OURS, {})
    return StoredLabels(name, levels, known, kept, colors, names, about)


def _look(
    described: Any,
) -> tuple[dict[int, tuple[float, ...]], dict[int, str]]:
    """Return colors and names; what cannot be one is left out."""
    colors: dict[int, tuple[float, ...]] = {}
    names: dict[int, str] = {}
    described = described if isinstance(described, dict) else {}
    for one in described.get("colors") or ():
        try:
            rgba = [min(max(float(part) / 255, 0), 1) for part in one["rgba"]]
            if len(rgba) == 4:
                colors[int(one["label-value"])] = tuple(rgba)
        except (LookupError, TypeError, ValueError):
            continue
    for one in described.get("properties") or ():
        try:
            if isinstance(one["name"], str):
                names[int(one["label-value"])] = one["name"]
        except (LookupError, TypeError, ValueError):
            continue
    return colors, names


def write_back(
    labels: StoredLabels | str | os.PathLike[str],
    edited: ArrayLike,
    where: Sequence[slice] | None = None,
    *,
    force: bool = False,
) -> int:
    """Write what was edited in labels back to their store, and only that.

    Saves edits, and no chunk that is as it was read. Where somebody else has changed a
    chunk since, that is refused.

    Parameters
    ----------
    labels : StoredLabels or path
        Where they came from. What `open_labels` gave knows what was read of it, all of
        it or the same part, and so what was edited. Of a path nobody knows: then what
        differs from the store is written, also where somebody else has changed it.
    edited : (…, Y, X) array_like of int
        All labels as they are now, or those of a part; anything that slices. What
        slicing `labels` gave, edited in place, is compared with what it was itself; any
        other array with all that was read, so open labels anew for each of several.
    where : sequence of slice, optional
        The part, one slice for each axis; all by default.
    force : bool, optional
        Write edited chunks over what others have changed in them. Chunks that were not
        edited stay as they are in the store.

    Returns
    -------
    int
        How many chunks of the finest level have changed; those of coarser levels
        follow. Each is written at once, or not at all.

    Raises
    ------
    PermissionError
        If nothing may be written there.
    ValueError
        If these are no labels of this shape and type, or an edited chunk has changed in
        the store since it was read; then nothing is written. Two that write at the same
        moment are not kept apart.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", np.eye(3, dtype=np.uint8))
    ...     labels = open_labels(f"{folder}/a.npy")
    ...     edited = labels[:]
    ...     edited[2, 0] = 7
    ...     write_back(labels, edited), open_labels(f"{folder}/a.npy")[2, 0]
    (1, array(7, dtype=uint8))
    """
    stored = labels if isinstance(labels, StoredLabels) else open_labels(labels)
    box = tuple(
        slice(*part.indices(length))
        for part, length in zip(
            where or (slice(None),) * stored.ndim, stored.shape, strict=True
        )
    )
    given: Any = edited if hasattr(edited, "shape") else np.asarray(edited)
    size = tuple(part.stop - part.start for part in box)
    if tuple(given.shape) != size or np.dtype(given.dtype).kind not in "ui":
        raise ValueError(
            f"the edited labels have shape {tuple(given.shape)} and type "
            f"{given.dtype}, but whole numbers of shape {size} are needed, as they "
            f"are in {stored.path}; pass where= for a part"
        )
    _check_writable(stored.path)
    known = stored.read.of(given)
    changed = _edited_parts(stored, known, given, box, force=force)
    for part in changed:
        new = np.asarray(given[within(part, box)]).astype(stored.dtype)
        _write(stored, 0, part, new)
        for read in {known, stored.read}:
            read.note_written(part, new)
    for level in range(1, len(stored.levels)):
        for part in changed:
            _shrink(stored, level, part)
    return len(changed)


def _edited_parts(
    stored: StoredLabels, known: ReadChunks, given: Any, box: Slices, *, force: bool
) -> list[Slices]:
    """Return the chunks to write; refuse if others have changed some of them."""
    limits = np.iinfo(stored.dtype)
    changed, taken = [], 0
    for part in parts_of(stored.levels[0], box):
        new = np.asarray(given[within(part, box)])
        if new.min() < limits.min or new.max() > limits.max:
            raise ValueError(
                f"label {new.max()} does not fit into the {stored.dtype} of "
                f"{stored.path}; renumber it, or write the labels anew"
            )
        new = new.astype(stored.dtype, copy=False)
        if known.was(part, new):
            continue
        there = stored.levels[0][part]
        if np.array_equal(new, there):
            known.note_written(part, new)
            continue
        taken += known.knows(part) and not known.was(part, there)
        changed.append(part)
    if taken and not force:
        raise ValueError(
            f"{taken} of {len(changed)} edited chunks of {stored.path} were changed "
            "there by somebody else since they were read, so that nothing is written; "
            "save these labels elsewhere, or open the store again and edit that; in "
            "Python, force=True writes over them"
        )
    return changed


def _check_writable(path: str) -> None:
    if "://" in path or not os.access(path, os.W_OK):
        raise PermissionError(
            f"nothing can be written to {path}; ask for access, or save the labels "
            "elsewhere"
        )


def _write(stored: StoredLabels, level: int, part: Slices, new: NDArray[Any]) -> None:
    array = stored.levels[level]
    if array.kind != "zarr":
        write_flat(array, part, new)
        return
    full = [slice(0, 1)] * len(stored.multiscales.axes)
    for axis, one in zip(stored.kept, part, strict=True):
        full[axis] = one
    write_level(Path(array.path), array.key, tuple(full), new)


def _shrink(stored: StoredLabels, level: int, part: Slices) -> None:
    """Renew what a part of the finest level is in a coarser one, as it was made."""
    fine, coarse = stored.levels[0], stored.levels[level]
    steps = [-(-a // b) for a, b in zip(fine.shape, coarse.shape, strict=True)]
    inside = [
        slice(-(-one.start // step), -(-one.stop // step))
        for one, step in zip(part, steps, strict=True)
    ]
    if any(one.stop <= one.start for one in inside):
        return
    picked = tuple(
        slice(one.start * step, min(one.stop * step, length), step)
        for one, step, length in zip(inside, steps, fine.shape, strict=True)
    )
    _write(stored, level, tuple(inside), fine[picked])
