"""Where labels that are larger than memory can go: decided before any work."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_emseg.io.safe_write import check_access
from napari_emseg.io.store.label_target import LabelTarget
from napari_emseg.io.store.ngff import NEWEST, Multiscales, multiscales_of
from napari_emseg.io.store.stored_array import StoredArray, needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_emseg.io.store.stored_image import StoredImage

# Name of labels that nobody named.
_NAME = "classes"
# What describes a group or an array of Zarr.
_NODES = ("zarr.json", ".zgroup", ".zarray")
KINDS = {".npy": "npy", ".tif": "tiff", ".tiff": "tiff", ".btf": "tiff"}


def is_target(path: str | os.PathLike[str]) -> bool:
    """Tell whether labels are written tile by tile to a place of this name.

    Examples
    --------
    >>> is_target("a.ome.zarr"), is_target("a.npy"), is_target("a.btf")
    (True, True, True)
    >>> is_target("a.tif"), is_target("a.zarr/labels/nuclei")
    (False, True)
    """
    name = os.fspath(path)
    return ".zarr" in name.lower() or Path(name).suffix.lower() in (".npy", ".btf")


class LabelsAreWhole(FileExistsError):
    """Nothing is left to be gone on with.

    Parameters
    ----------
    place : Path
        Where the labels are.
    """

    def __init__(self, place: Path) -> None:
        super().__init__(
            f"{place} is whole already; open it, or choose another name, or allow it "
            "to be replaced (--force, force=True)"
        )
        self.place = place


def plan_target(
    out: str | os.PathLike[str],
    image: StoredImage | None,
    shape: tuple[int, ...],
    *,
    force: bool,
    resume: bool = False,
) -> LabelTarget:
    """Decide how labels are stored, and refuse what cannot be, before any work.

    Parameters
    ----------
    out : path
        ``.npy``; ``.tif`` or ``.btf``, an uncompressed BigTIFF; ``.zarr``; or a store
        of OME-Zarr (``.ome.zarr``, or one that is there), perhaps with
        ``labels/NAME`` behind it.
    image : StoredImage or None
        Whose labels they are.
    shape : tuple of int
        Of the labels.
    force : bool
        Whether what is there may be replaced.
    resume : bool, optional
        Whether to finish what a run that was killed at its very end has left.

    Raises
    ------
    FileExistsError, FileNotFoundError, PermissionError, ValueError
        With the reason and what to do.
    """
    name = os.fspath(out)
    if "://" in name:
        raise ValueError(
            f"{name} is an address, but labels are written to disks only, where work "
            "that was interrupted can be told from what is whole; choose a folder, "
            "and upload it"
        )
    path = Path(name)
    if image is None or not image.multiscales.version:
        axes = (
            "tczyx"[-len(shape) :]
            if image is None
            else "".join(image.multiscales.axes[axis] for axis in image.kept)
        )
        scale = (1.0,) * len(shape)
        units: tuple[str | None, ...] = (None,) * len(shape)
        if image is not None:
            scale = tuple(image.multiscales.scale[axis] for axis in image.kept)
            units = tuple(image.multiscales.units[axis] for axis in image.kept)
        axes = "tzyx"[-len(shape) :] if image is None else axes
        like = Multiscales(NEWEST, axes, (), scale, units)
        kept = tuple(range(len(shape)))
    else:
        like, kept = _without_channels(image)
    _refuse_inside_array(path, path.parents)
    zarr_part = next((p for p in (path, *path.parents) if ".zarr" in p.name), None)
    if zarr_part is not None and _is_ome(zarr_part, path):
        target = _ome_target(zarr_part, path, image, shape, like, kept)
    elif zarr_part is not None:
        target = LabelTarget("zarr", path, shape, like, kept)
    elif path.suffix.lower() in KINDS:
        target = LabelTarget(KINDS[path.suffix.lower()], path, shape, like, kept)
    else:
        raise ValueError(
            f"{path} has no ending that labels can be written to tile by tile; use "
            ".ome.zarr, .zarr, .npy or .btf"
        )
    if image is not None and target.final.resolve() == Path(image.path).resolve():
        raise ValueError(f"{path} is the image itself; choose another name")
    target.tidy(resume=resume)
    if target.final.exists() and not force:
        if resume:
            raise LabelsAreWhole(target.final)
        raise FileExistsError(
            f"{target.final} exists already; choose another name or allow it to be "
            "replaced (--force, force=True)"
        )
    parent = target.final.parent
    if target.root is None and not parent.is_dir():
        raise FileNotFoundError(f"there is no folder {parent}; make it first")
    for folder in (parent, target.folder.parent):
        check_access(folder)
    return target


def _without_channels(image: StoredImage) -> tuple[Multiscales, tuple[int, ...]]:
    """Return the axes of labels of an image of OME-Zarr, and which of them remain."""
    known = image.multiscales
    axes = [axis for axis, letter in enumerate(known.axes) if letter != "c"]
    like = Multiscales(
        known.version,
        "".join(known.axes[axis] for axis in axes),
        (),
        tuple(known.scale[axis] for axis in axes),
        tuple(known.units[axis] for axis in axes),
    )
    return like, tuple(axes.index(axis) for axis in image.kept)


def _is_ome(store: Path, path: Path) -> bool:
    """Tell whether labels go into a store of OME-Zarr, and are no plain array."""
    if path != store or store.name.lower().endswith(".ome.zarr"):
        return True
    node = _node(store)
    return node is not None and not hasattr(node, "shape")


def _node(place: Path) -> Any:
    """Return the group or the array in a folder; None if it holds neither."""
    if not any((place / name).exists() for name in _NODES):
        return None
    zarr = needed("zarr", "large", "writing Zarr")
    return zarr.open(place, mode="r")


def _refuse_inside_array(path: Path, folders: Sequence[Path]) -> None:
    """Refuse to write into what is one array, which labels would become a part of."""
    for folder in folders:
        if hasattr(_node(folder), "shape"):
            raise ValueError(
                f"{path} is no place for labels, because {folder} is an array of Zarr; "
                "give a name beside it, such as labels.zarr, or, of an image of "
                "OME-Zarr, store.zarr/labels/NAME"
            )


def _ome_target(
    store: Path,
    path: Path,
    image: StoredImage | None,
    shape: tuple[int, ...],
    like: Multiscales,
    kept: tuple[int, ...],
) -> LabelTarget:
    inner = path.relative_to(store).parts
    if "labels" in inner:
        at = inner.index("labels")
        root, rest = store.joinpath(*inner[:at]), inner[at + 1 :]
    else:
        root, rest = path, ()
    _refuse_inside_array(path, [root])
    if len(rest) > 1 or (rest and rest[0].startswith(".")):
        raise ValueError(
            f"{path} is no place for labels; give the store, or store.zarr/labels/NAME"
        )
    nested = False
    if root.is_dir():
        found = multiscales_of(_attributes(root), os.fspath(root))
        nested = found is not None
        if found is not None and image is None:
            like = replace(like, version=found.version)
        elif found is not None and image is not None and image.multiscales.version:
            _check_image(root, found, like, shape, kept)
        elif found is not None:
            like = replace(like, version=found.version)
    final = root / "labels" / (rest[0] if rest else _NAME)
    return LabelTarget("ome", final, shape, like, kept, root, nested)


def _attributes(root: Path) -> dict[str, Any]:
    """Return those of a group; none if there is nothing but an unfinished run."""
    zarr = needed("zarr", "large", "writing Zarr")
    try:
        return dict(zarr.open_group(root, mode="r").attrs)
    except FileNotFoundError:
        return {}


def _check_image(
    root: Path,
    found: Multiscales,
    like: Multiscales,
    shape: tuple[int, ...],
    kept: tuple[int, ...],
) -> None:
    """Refuse to put labels beside an image that they do not fit."""
    array = StoredArray.of("zarr", root, *found.paths[0].split("/"))
    sizes = [n for n, letter in zip(array.shape, found.axes, strict=True)
             if letter != "c"]  # fmt: skip
    full = [1] * len(like.axes)
    for axis, length in zip(kept, shape, strict=True):
        full[axis] = length
    if sizes != full:
        raise ValueError(
            f"{root} holds an image of {tuple(sizes)} pixels, but the labels have "
            f"{tuple(full)}; give the store of their own image, or a new one"
        )
