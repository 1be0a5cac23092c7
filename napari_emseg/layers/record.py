"""Recipes of Labels layers: what was done since the image was segmented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.hand import pack
from napari_emseg.layers.results import KEY, image_data, spatial_shape
from napari_emseg.recipe import Recipe
from napari_emseg.steps import Step

if TYPE_CHECKING:
    from napari.components import ViewerModel

# Where a recipe is kept in our entry of a layer's metadata, as what JSON can hold.
RECIPE = "recipe"


def recipe_of(viewer: ViewerModel, layer: Labels) -> Recipe:
    """Return the recipe that gives the labels of a layer as they are now.

    All steps are done anew, to find what they do not explain, such as strokes of
    napari's brush: that becomes one last step, "patch". So this takes as long as the
    steps took; call it beside the window.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the image of the layer is.
    layer : napari.layers.Labels
        Best one that `add_to` made; of others, everything is patch.

    Returns
    -------
    Recipe
        ``recipe.replay(image).labels`` equals ``layer.data``.

    Examples
    --------
    >>> import napari_emseg as emseg
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.arange(16, dtype=np.uint8).reshape(4, 4))
    >>> seg = emseg.segment(image.data, n_classes=2)
    >>> layer = emseg.add_to(viewer, seg, image)
    >>> layer.paint((0, 0), 7)
    >>> recipe = recipe_of(viewer, layer)
    >>> [step.op for step in recipe.steps]
    ['segment', 'patch']
    >>> bool((recipe.replay(image.data).labels == layer.data).all())
    True
    """
    wanted = np.asarray(layer.data)
    note = layer.metadata.get(KEY, {})
    image = image_of(viewer, layer)
    if image is None or RECIPE not in note:
        return Recipe(steps=_all_by_hand(wanted))
    recorded = Recipe.model_validate(note[RECIPE])
    return recorded.ending_in(wanted, image_data(image))


def image_of(viewer: ViewerModel, layer: Labels) -> Image | None:
    """Return the image layer that a result was made from; None if it is gone."""
    name = layer.metadata.get(KEY, {}).get("image")
    for other in viewer.layers:
        if isinstance(other, Image) and other.name == name:
            shape = spatial_shape(other)
            fits = len(shape) == layer.ndim and all(
                size in (1, whole)
                for size, whole in zip(layer.data.shape, shape, strict=True)
            )
            return other if fits else None
    return None


def _all_by_hand(labels: Any) -> tuple[Step, ...]:
    """Return steps that give labels without looking at an image."""
    blank = Step.of("blank", shape=labels.shape, dtype=labels.dtype.name)
    if not labels.any():
        return (blank,)
    return blank, Step.of("patch", where=pack(labels != 0), values=pack(labels))
