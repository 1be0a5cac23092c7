"""Label files with their recipe, and with colors, names and place of the layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from napari import current_viewer
from napari.layers import Labels

from napari_emseg import __version__
from napari_emseg.io import files
from napari_emseg.layers.label_look import LOOK, attributes_of, look_of
from napari_emseg.layers.metadata import EDITED, KEY, RECIPE
from napari_emseg.layers.recipe_log import recipe_of
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel

    # What napari makes a layer of: data, attributes, kind.
    LayerData = tuple[Any, dict[str, Any], str]


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
    recipe = _recipe(current_viewer(), data, attributes.get("metadata", {}))
    write_with_recipe(path, data, attributes, recipe, force=True)
    return [path]


def write_with_recipe(
    path: str | os.PathLike[str],
    data: Any,
    attributes: Mapping[str, Any],
    recipe: Recipe | None,
    *,
    force: bool,
) -> None:
    """Write labels as TIFF, with their look, and their recipe if there is one.

    Parameters
    ----------
    path : path
    data : (…, Y, X) array_like of int
        The labels.
    attributes : mapping
        Of the layer, as ``layer.as_layer_data_tuple()`` has them.
    recipe : Recipe or None
        What gives the labels.
    force : bool
        Replace a file that exists.
    """
    about: dict[str, Any] = {"napari-emseg": __version__, LOOK: look_of(attributes)}
    if recipe is not None:
        about[RECIPE] = recipe.model_dump(mode="json")
    files.write_labels(path, data, force=force, metadata=about)


def _recipe(
    viewer: ViewerModel | None, data: Any, metadata: dict[str, Any]
) -> Recipe | None:
    """Return the recipe that gives the labels; None if nothing is known of them."""
    entry = metadata.get(KEY) or metadata.get(EDITED) or {}
    if RECIPE not in entry:
        return None
    for layer in viewer.layers if viewer is not None else ():
        if isinstance(layer, Labels) and layer.data is data:
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
        That ends in .emseg.tif, as `write_labels` wants it.

    Returns
    -------
    callable or None
        None for files that shall be one layer together.
    """
    return None if isinstance(path, list) else _read


def _read(path: str) -> list[LayerData]:
    labels = files.read_labels(path)
    with tifffile.TiffFile(path) as file:
        about = (file.shaped_metadata or ({},))[0]
    attributes = attributes_of(about, labels.ndim, Path(path).name)
    attributes["name"] = Path(path).name.split(".emseg.")[0]
    return [(labels, attributes, "labels")]
