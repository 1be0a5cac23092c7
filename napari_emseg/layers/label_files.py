"""Label files with their recipe, and with colors, names and place of the layer."""

from __future__ import annotations

import os
import warnings
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from napari import current_viewer
from napari.layers import Labels

from napari_emseg import __version__
from napari_emseg.batch.label_record import SOURCE
from napari_emseg.exchange import Annotations, ClassScheme, annotate, export
from napari_emseg.io import files
from napari_emseg.layers.instances.object_layer import (
    is_objects,
    object_features,
    objects_as_json,
    objects_from_json,
    objects_of,
)
from napari_emseg.layers.label_look import LOOK, PICTURE, attributes_of, look_of
from napari_emseg.layers.metadata import (
    EDITED,
    KEY,
    MODEL,
    PLUGIN,
    RECIPE,
    image_of,
)
from napari_emseg.layers.recipe_log import recipe_of
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel
    from napari.layers import Image

    # What napari makes a layer of: data, attributes, kind.
    LayerData = tuple[Any, dict[str, Any], str]


# What a file says of objects, and where.
_OBJECTS = "objects"


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as TIFF, with its recipe; called by napari.

    Parameters
    ----------
    path : str
        Napari has asked before whether a file that exists shall be replaced.
    data : (…, Y, X) array_like of int
        The labels.
    attributes : dict
        Of the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    TypeError, ValueError
        If they are no labels; there is no file then.
    """
    viewer = current_viewer()
    layer = _layer_of(viewer, data)
    recipe = _recipe(viewer, layer, data, attributes.get("metadata", {}))
    image = None if viewer is None or layer is None else image_of(viewer, layer)
    write_with_recipe(path, data, attributes, recipe, image=image, force=True)
    return [path]


def write_objects(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer for another program; called by napari.

    Parameters
    ----------
    path : str
        Ends in .geojson, .json or .zip. Napari has asked before whether a file that
        exists shall be replaced.
    data : (…, Y, X) array_like of int
        The labels.
    attributes : dict
        Of the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    ValueError
        If they are no labels; there is no file then.
    """
    known = ("name", "colormap", "features", "metadata")
    look = {name: attributes[name] for name in known if name in attributes}
    export(annotations_of(Labels(data, **look)), path, force=True)
    return [path]


def annotations_of(layer: Labels) -> Annotations:
    """Return the labels of a layer with the classes, names and colors that it shows.

    Examples
    --------
    >>> layer = Labels(np.array([[3]]), features={"index": [3], "name": ["sky"]})
    >>> annotations_of(layer).class_of_label(3).name
    'sky'
    """
    if is_objects(layer):
        return annotate(objects_of(layer))
    return annotate(np.asarray(layer.data), None, ClassScheme.from_result(layer))


def write_with_recipe(
    path: str | os.PathLike[str],
    data: Any,
    attributes: Mapping[str, Any],
    recipe: Recipe | None,
    *,
    image: Image | None = None,
    stamp: Mapping[str, Any] | None = None,
    force: bool,
) -> None:
    """Write labels as TIFF, with their look, fit, and recipe if there is one.

    Parameters
    ----------
    path : path
    data : (…, Y, X) array_like of int
        The labels.
    attributes : mapping
        Of the layer, as ``layer.as_layer_data_tuple()`` has them.
    recipe : Recipe or None
        What gives the labels.
    image : napari.layers.Image, optional
        What they were made from; `find_picture` finds its file again.
    stamp : mapping, optional
        What tells whether that file has changed since it was read.
    force : bool
        Replace a file that exists.
    """
    about: dict[str, Any] = {"napari-emseg": __version__, LOOK: look_of(attributes)}
    if recipe is not None:
        about[RECIPE] = recipe.model_dump(mode="json")
    entry = attributes.get("metadata", {}).get(KEY, {})
    if entry.get(MODEL) is not None:
        about[MODEL] = entry[MODEL]
    if image is not None:
        about[PICTURE] = _note_of(image, Path(path))
        if stamp is not None:
            about[PICTURE][SOURCE] = dict(stamp)
    elif entry.get("image") is not None:
        about[PICTURE] = {"name": entry["image"]}
    objects = objects_as_json(attributes.get("metadata", {}))
    if objects is not None:
        about[_OBJECTS] = objects
    files.write_labels(path, data, force=force, metadata=about)


def _note_of(image: Image, path: Path) -> dict[str, Any]:
    """Return what a file of labels says of their picture."""
    source = image.source
    note: dict[str, Any] = {"name": image.name}
    if source.path is None:
        return note
    note["as_stored"] = source.reader_plugin != PLUGIN
    folder = path.resolve().parent
    try:
        # Both files may move together.
        place = os.path.relpath(Path(source.path).resolve(), folder)
    except ValueError:  # it lies on another drive
        place = Path(source.path).name
    return note | {"path": Path(place).as_posix()}


def find_picture(path: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return where the picture of a file of labels is, and what the file says of it.

    It is looked for where it was, seen from the labels, and beside them.

    Parameters
    ----------
    path : Path
        Of the labels.

    Returns
    -------
    picture : Path or None
        None if it is not there, or the file does not say which one it is.
    note : dict
        Perhaps with "name" of its layer, "path", and "as_stored": whether napari's own
        reader opened it, rather than that of this plugin.
    """
    with tifffile.TiffFile(path) as file:
        about = (file.shaped_metadata or ({},))[0]
    found = about.get(PICTURE)
    note: dict[str, Any] = found if isinstance(found, dict) else {}
    place = note.get("path")
    if not isinstance(place, str) or "\0" in place:
        return None, note
    # A file from elsewhere must not lead to other machines.
    beside = path.parent / Path(place).name
    local = not (PurePosixPath(place).is_absolute() or PureWindowsPath(place).anchor)
    for one in (path.parent / place if local else beside, beside):
        if one.is_file() and one.suffix.lower() in files.PICTURE_SUFFIXES:
            return Path(os.path.normpath(one)), note
    return None, note


def _layer_of(viewer: ViewerModel | None, data: Any) -> Labels | None:
    """Return the layer that has these data."""
    layers = () if viewer is None else viewer.layers
    for layer in layers:
        if isinstance(layer, Labels) and layer.data is data:
            return layer
    return None


def _recipe(
    viewer: ViewerModel | None,
    layer: Labels | None,
    data: Any,
    metadata: dict[str, Any],
) -> Recipe | None:
    """Return the recipe that gives the labels; None if nothing is known of them."""
    entry = metadata.get(KEY) or metadata.get(EDITED) or {}
    if RECIPE not in entry:
        return None
    if viewer is not None and layer is not None:
        return recipe_of(viewer, layer)
    # Without the image, nobody knows what the steps leave open.
    labels = np.asarray(data)
    everywhere = pack(np.ones(labels.shape, bool))
    patch = Step.of("patch", where=everywhere, values=pack(labels))
    return Recipe(steps=(*Recipe.model_validate(entry[RECIPE]).steps, patch))


def labels_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the function that reads a file of labels; called by napari.

    Parameters
    ----------
    path : str or list of str
        That ends in .emseg.tif, as `write_labels` wants it, or in _labels.tif, as the
        command names its results.

    Returns
    -------
    callable or None
        None for files that shall be one layer together.
    """
    return None if isinstance(path, list) else read_layers


def read_layers(path: str | os.PathLike[str]) -> list[LayerData]:
    """Return the labels of a file as napari adds them: with colors, names, recipe."""
    labels = files.read_labels(path)
    with tifffile.TiffFile(path) as file:
        about = (file.shaped_metadata or ({},))[0]
    attributes = attributes_of(about, labels.ndim, Path(path).name)
    attributes["name"] = Path(path).stem.removesuffix(".emseg")
    if isinstance(about, dict) and _OBJECTS in about:
        try:
            found = objects_from_json(about[_OBJECTS], int(labels.max(initial=0)))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            warnings.warn(
                f"{Path(path).name}: the classes of objects in it cannot be right, so "
                "the file is opened without; find the objects anew, or leave it so",
                stacklevel=2,
            )
        else:
            attributes["metadata"] = attributes["metadata"] | found
            known = objects_of(Labels(labels, metadata=found))
            attributes["features"] = object_features(known)
    return [(labels, attributes, "labels")]
