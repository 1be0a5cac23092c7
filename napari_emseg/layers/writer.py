"""Labels in files that tell how they were made."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from napari import current_viewer
from napari.layers import Labels

from napari_emseg import files
from napari_emseg.layers.entries import EDITED, RECIPE
from napari_emseg.layers.record import recipe_of
from napari_emseg.layers.results import KEY
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.hand import pack
from napari_emseg.recipe.steps import Step

if TYPE_CHECKING:
    import os

    from napari.components import ViewerModel


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
    write_with_recipe(path, data, recipe, force=True)
    return [path]


def write_with_recipe(
    path: str | os.PathLike[str], data: Any, recipe: Recipe | None, *, force: bool
) -> None:
    """Write labels as TIFF, with their recipe if there is one.

    Parameters
    ----------
    path : path
    data : (…, Y, X) array_like of int
        The labels.
    recipe : Recipe or None
        What gives them.
    force : bool
        Replace a file that exists.
    """
    about: dict[str, Any] = {"napari-emseg": version("napari-emseg")}
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
