"""Layers of stores of OME-Zarr: images with their levels, labels that can be edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_emseg.io.store.stored_image import open_image
from napari_emseg.io.store.stored_labels import (
    StoredLabels,
    labels_in,
    open_labels,
    write_back,
)
from napari_emseg.layers.label_look import COLORS, LOOK, NAMES, attributes_of
from napari_emseg.layers.metadata import RECIPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    # What napari makes a layer of: data, attributes, kind.
    LayerData = tuple[Any, dict[str, Any], str]

# Key of a layer's metadata with the place of its labels.
STORE = "emseg store"
# Key with these labels as they were read; copies of a layer share it.
READ = "emseg store as read"
# Labels of more bytes stay on the disk, where napari shows them, but cannot edit them.
_EDITABLE = 2**29
# What layers that were saved know of their stores: of each its own.
_SAVED: WeakKeyDictionary[Labels, StoredLabels] = WeakKeyDictionary()


def store_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the function that reads a store of OME-Zarr; called by napari.

    Parameters
    ----------
    path : str or list of str
        A folder of Zarr.

    Returns
    -------
    callable or None
        None for what holds neither an image nor labels.
    """
    if isinstance(path, list):
        return None
    try:
        return _read if _read(path) else None
    except (ImportError, OSError, ValueError):
        return None


def _read(path: str) -> list[LayerData]:
    """Return the layers of a store; nothing is read of what is large."""
    found: list[LayerData] = []
    names = labels_in(path)
    inner = "" if path.rstrip("/").endswith("/labels") else "labels/"
    places = [f"{path.rstrip('/')}/{inner}{name}" for name in names]
    try:
        found.append(_labels(path) if not names else _image(path))
    except ValueError:
        if not names:
            found.append(_image(path))
    return [*found, *map(_labels, places)]


def _image(path: str) -> LayerData:
    image = open_image(path)
    known = image.multiscales
    about: dict[str, Any] = {
        "name": _name(path),
        "scale": [known.scale[axis] for axis in image.kept],
        "units": [known.units[axis] or "pixel" for axis in image.kept],
    }
    if image.channel_axis is not None:
        about["channel_axis"] = image.channel_axis
    else:
        about["rgb"] = image.rgb
    several = len(image.levels) > 1
    about["multiscale"] = several
    return ([*image.levels] if several else image.levels[0]), about, "image"


def _labels(path: str) -> LayerData:
    stored = open_labels(path)
    look: dict[str, Any] = {
        "scale": list(stored.scale),
        "units": [unit or "pixel" for unit in stored.units],
    }
    if stored.colors:
        look[COLORS] = {str(label): list(c) for label, c in stored.colors.items()}
        # What is no label stays clear.
        look[COLORS].setdefault("0", [0, 0, 0, 0])
    if stored.names:
        look[NAMES] = {str(label): name for label, name in stored.names.items()}
    about = {LOOK: look, RECIPE: stored.about.get("recipe")}
    attributes = attributes_of(about, stored.ndim, path)
    attributes["name"] = _name(path)
    attributes["metadata"] = {**attributes["metadata"], STORE: stored.path}
    if stored.levels[0].nbytes <= _EDITABLE:
        data = np.array(stored)
        attributes["metadata"][READ] = stored
        return data, attributes, "labels"
    return [*stored.levels], {**attributes, "multiscale": True}, "labels"


def _name(path: str) -> str:
    return Path(path.rstrip("/")).name.removesuffix(".zarr").removesuffix(".ome")


def stored_labels_of(layer: Labels) -> StoredLabels:
    """Return the labels in a store that a layer shows, with what it knows of them.

    Parameters
    ----------
    layer : napari.layers.Labels
        That came from a store.

    Returns
    -------
    StoredLabels
        For `write_back`; the same each time.

    Raises
    ------
    ValueError
        If it came from elsewhere.
    """
    path = layer.metadata.get(STORE)
    if path is None:
        raise ValueError(
            f"the layer {layer.name!r} came from no store, so that nobody knows where "
            "its labels belong; save them as a file of their own"
        )
    if layer not in _SAVED:
        read = layer.metadata.get(READ)
        # What was copied from another layer is edited by itself from here on.
        _SAVED[layer] = (
            open_labels(path) if read is None else replace(read, read=read.read.copy())
        )
    return _SAVED[layer]


def note_saved(layer: Labels) -> None:
    """Let copies that are made of a layer from now on know what was saved."""
    stored = stored_labels_of(layer)
    layer.metadata[READ] = replace(stored, read=stored.read.copy())


def save_to_store(layer: Labels, *, force: bool = False) -> int:
    """Write what was edited in a layer of a store back to it.

    Parameters
    ----------
    layer : napari.layers.Labels
        That came from a store.
    force : bool, optional
        Write edited chunks over what others have changed in them since the layer was
        opened or saved.

    Returns
    -------
    int
        How many chunks have changed.

    Raises
    ------
    PermissionError
        If nothing may be written there.
    ValueError
        If it came from elsewhere, or others have changed chunks that were edited.
    """
    changed = write_back(stored_labels_of(layer), layer.data, force=force)
    note_saved(layer)
    return changed
