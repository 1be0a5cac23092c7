"""Places for labels that are larger than memory: written tile by tile, then named.

Labels are written in a folder beside the place that they are for, which gets its name
when all is done: what has the name is whole.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_emseg.io.store.flat_file import create_flat, tiff_offset, write_flat
from napari_emseg.io.store.ngff import (
    NEWEST,
    Multiscales,
    is_plain,
    label_attributes,
    list_attributes,
    ome_attributes,
)
from napari_emseg.io.store.stored_array import StoredArray, needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.io.store.stored_array import Slices

# Name of what is replaced until it is.
_REPLACED = "replaced"
# Tells that labels are whole, and about to get their name.
_NAMING = "naming"
# Pixels along a side of a chunk at most, and the fewest that are worth a file.
_CHUNK, _SMALL = 1024, 128
# Levels are added until one is no longer than this.
_COARSEST = 512


@dataclass(frozen=True, slots=True)
class LabelTarget:
    """Where labels go.

    Attributes
    ----------
    kind : {"ome", "zarr", "npy", "tiff"}
        How they are stored.
    final : Path
        Where they are in the end.
    shape : tuple of int
        Of the labels.
    like : Multiscales
        Axes as they are stored, with those of length 1.
    kept : tuple of int
        Which of the stored axes those of the labels are.
    root : Path or None
        The store of OME-Zarr that they are in.
    nested : bool
        Whether that is the store of an image.
    chunks : tuple of int
        Of labels that have some.
    tag : str
        What tells the labels of this run from those of others, whose workers may still
        write.
    """

    kind: str
    final: Path
    shape: tuple[int, ...]
    like: Multiscales
    kept: tuple[int, ...]
    root: Path | None = None
    nested: bool = False
    chunks: tuple[int, ...] = ()
    tag: str = ""

    @property
    def folder(self) -> Path:
        """Where they are, and what is known of them, until they are whole."""
        if self.root is None:
            return self.final.parent / f".{self.final.name}.emseg-run"
        # Beside the store, of which all that lies in it is a part.
        return self.root.parent / f".{self.root.name}.{self.final.name}.emseg-run"

    @property
    def place(self) -> Path:
        """Where they are written."""
        return self.folder / f"labels{self.tag}{self.final.suffix}"

    @property
    def factors(self) -> list[int]:
        """How much longer than those of the labels the pixels of each level are."""
        if self.kind != "ome":
            return [1]
        found = [1]
        while max(self.shape[-2:]) / found[-1] > _COARSEST:
            found.append(2 * found[-1])
        return found

    def level_shape(self, factor: int) -> tuple[int, ...]:
        """Return the shape of a level."""
        rows, columns = (-(-n // factor) for n in self.shape[-2:])
        return (*self.shape[:-2], rows, columns)

    def chunked(self, tile: Sequence[int]) -> LabelTarget:
        """Return the same target with chunks that tiles of a size are made of."""
        sides = []
        for side, length in zip(tile, self.shape, strict=True):
            if side >= length:
                sides.append(min(length, _CHUNK))
                continue
            # No two tiles write to one chunk.
            fits = [n for n in range(_SMALL, _CHUNK + 1) if side % n == 0]
            sides.append(max(fits, default=side))
        return replace(self, chunks=tuple(sides))

    def create(self, about: Mapping[str, Any]) -> None:
        """Make room for the labels, all 0; `about` is how they are made."""
        if self.kind in ("npy", "tiff"):
            create_flat(self.place, self.kind, self.shape, about)
            return
        zarr = needed("zarr", "large", "writing Zarr")
        if self.kind == "zarr":
            attributes = {"napari-emseg": {**about}}
            _create_array(zarr, self.place, self.shape, self.chunks, NEWEST, attributes)
            return
        for level, factor in enumerate(self.factors):
            shape = self._stored(self.level_shape(factor))
            chunks = self._stored(self.chunks)
            version = self.like.version
            place, axes = self.place / str(level), self.like.axes
            _create_array(zarr, place, shape, chunks, version, axes=axes)

    def write(self, where: Slices, labels: NDArray[np.uint8]) -> None:
        """Write a part of the labels, in whole chunks."""
        if self.kind in ("npy", "tiff"):
            write_flat(self.opened(), where, labels)
        else:
            write_level(self.place, self._key(0), self._where(where), labels)

    def shrink(self, level: int, where: Slices) -> None:
        """Write a part of a coarser level: of each four pixels, the first."""
        fine = tuple(
            slice(2 * part.start, 2 * part.stop, 2) if axis >= len(where) - 2 else part
            for axis, part in enumerate(where)
        )
        labels = self.opened(level - 1)[fine]
        write_level(self.place, self._key(level), self._where(where), labels)

    def opened(self, level: int = 0, place: Path | None = None) -> StoredArray:
        """Return the labels that are written, or those at their final place."""
        path = self.place if place is None else place
        if self.kind == "npy":
            return StoredArray.of("npy", path)
        if self.kind == "tiff":
            offset = tiff_offset(path)
            return StoredArray.of("raw", path, "u1", self.shape, offset, "C")
        found = StoredArray.of("zarr", path, *self._key(level))
        return found.view(self.kept) if self.kind == "ome" else found

    def publish(
        self,
        colors: ArrayLike,
        names: Mapping[int, str],
        pixels: Sequence[int],
        about: Mapping[str, Any],
    ) -> StoredArray:
        """Give the labels their name, now that they are whole.

        Returns
        -------
        StoredArray
            The labels, at their place.
        """
        for left in self.folder.rglob("*.partial"):  # of writers that were killed
            left.unlink()
        if self.kind == "ome":
            self._describe(colors, names, pixels, about)
        old = self.folder / _REPLACED
        (self.folder / _NAMING).touch()
        if self.final.is_dir():
            self.final.rename(old)
        self.final.parent.mkdir(parents=True, exist_ok=True)
        self.place.replace(self.final)
        if self.kind == "ome":
            self._list()
        shutil.rmtree(self.folder)
        return self.opened(place=self.final)

    def tidy(self, *, resume: bool) -> None:
        """Bring back, or finish, what a run that was killed while it ended has left."""
        old = self.folder / _REPLACED
        if old.exists() and not self.final.exists():
            old.rename(self.final)
        left = [*self.folder.glob("labels*")]
        named = (self.folder / _NAMING).exists() and not left
        if resume and named and self.final.exists():
            if self.kind == "ome":
                self._list()
            shutil.rmtree(self.folder)

    def _describe(
        self,
        colors: ArrayLike,
        names: Mapping[int, str],
        pixels: Sequence[int],
        about: Mapping[str, Any],
    ) -> None:
        zarr = needed("zarr", "large", "writing Zarr")
        factors = self.factors
        attributes = label_attributes(
            replace(self.like, paths=tuple(map(str, range(len(factors))))),
            [[f if a in "yx" else 1 for a in self.like.axes] for f in factors],
            name=self.final.name,
            colors=colors,
            names=names,
            pixels=pixels,
            nested=self.nested,
            about=about,
        )
        zarr.open_group(
            self.place,
            mode="a",
            zarr_format=_format(self.like.version),
            attributes=None,
        ).attrs.update(attributes)

    def _list(self) -> None:
        """Add the labels to the list of those of the store."""
        zarr = needed("zarr", "large", "writing Zarr")
        assert self.root is not None
        how = {"mode": "a", "zarr_format": _format(self.like.version)}
        root = zarr.open_group(self.root, **how, use_consolidated=False)
        if not self.nested and not is_plain(self.like.version):
            root.attrs.update({"ome": {"version": self.like.version}})
        labels = zarr.open_group(self.final.parent, **how, use_consolidated=False)
        listed = list(ome_attributes(dict(labels.attrs)).get("labels", ()))
        if self.final.name not in listed:
            listed.append(self.final.name)
        labels.attrs.update(list_attributes(listed, self.like.version))
        consolidated = zarr.open_group(self.root, mode="r").metadata
        if consolidated.consolidated_metadata is not None:
            zarr.consolidate_metadata(self.root)

    def _key(self, level: int) -> tuple[str, ...]:
        return (str(level),) if self.kind == "ome" else ()

    def _stored(self, values: tuple[int, ...]) -> tuple[int, ...]:
        """Put axes of length 1 between those of the labels."""
        if self.kind != "ome":
            return values
        found = [1] * len(self.like.axes)
        for axis, value in zip(self.kept, values, strict=True):
            found[axis] = value
        return tuple(found)

    def _where(self, where: Slices) -> Slices:
        found = [slice(0, 1)] * (len(self.like.axes) if self.kind == "ome" else 0)
        for axis, part in zip(self.kept, where, strict=True):
            if self.kind == "ome":
                found[axis] = part
        return tuple(found) if self.kind == "ome" else where


def write_level(
    place: Path, key: tuple[str, ...], where: Slices, labels: NDArray[Any]
) -> None:
    """Write a part of an array of Zarr, to which labels lack axes of length 1."""
    zarr = needed("zarr", "large", "writing Zarr")
    shape = tuple(part.stop - part.start for part in where)
    array = zarr.open_array(place, path="/".join(key), mode="r+")
    array[where] = labels.reshape(shape)


def _format(version: str) -> int:
    return 2 if is_plain(version) else 3


def _create_array(
    zarr: Any,
    place: Path,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    version: str,
    attributes: Mapping[str, Any] | None = None,
    axes: str = "",
) -> None:
    keys = {"name": "v2", "separator": "/"} if is_plain(version) else None
    zarr.create_array(
        place,
        shape=shape,
        chunks=tuple(map(min, chunks, shape)),
        dtype="uint8",
        zarr_format=_format(version),
        chunk_key_encoding=keys,
        fill_value=0,
        attributes=attributes,
        dimension_names=[*axes] if axes and not is_plain(version) else None,
        overwrite=True,
    )
