"""Recipes of Labels layers: what was done since the image was segmented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.layers.deeds import Deed as Deed
from napari_emseg.layers.deeds import Followed, all_by_hand
from napari_emseg.layers.deeds import notes_of as notes_of
from napari_emseg.layers.entries import RECIPE as RECIPE
from napari_emseg.layers.entries import Note as Note
from napari_emseg.layers.entries import append as append
from napari_emseg.layers.entries import entry_of, remove, steps_of
from napari_emseg.layers.results import image_data, spatial_shape
from napari_emseg.layers.runs import run_of
from napari_emseg.layers.selection import find_selection, is_selection
from napari_emseg.layers.undoing import follow_undo
from napari_emseg.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.recipe.steps import Step

# Labels from elsewhere are taken down up to as many pixels when they are first edited.
MOST = 2**25


def recipe_of(viewer: ViewerModel, layer: Labels) -> Recipe:
    """Return the recipe that gives the labels of a layer as they are now.

    Edits are done anew, to find what they do not explain, such as strokes of napari's
    brush: that becomes one last step, "patch". The fit is done anew only if it was in
    another session, or if an edit asks for probabilities. So this takes its time; call
    it beside the window. Selections that nothing was done with, and that were not
    saved under a name, are left out.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the image of the layer is.
    layer : napari.layers.Labels
        Of one that `add_to` did not make, the labels from before the first edit in
        the panel are a patch too.

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
    entry, image = entry_of(layer), image_of(viewer, layer)
    if image is None or RECIPE not in entry:
        return Recipe(steps=all_by_hand(wanted))
    recorded = Recipe.model_validate(entry[RECIPE])
    recorded = recorded.without_detours(keep_selection=False)
    first = _fitted(layer, image)
    return recorded.ending_in(wanted, image_data(image), first=first)


def _fitted(layer: Labels, image: Image) -> NDArray[Any] | None:
    """Return the labels that the first step of a layer's recipe gave, if known."""
    run, steps = run_of(layer), steps_of(layer)
    if run is None or run.labels is None or not steps or steps[0] != run.step:
        return None
    # The image may have got other data since.
    seen, now = run.source.picture.source, image_data(image)
    if isinstance(seen, np.ndarray) != isinstance(now, np.ndarray) or (
        isinstance(seen, np.ndarray) and not np.may_share_memory(seen, now)
    ):
        return None
    at = steps[0].get("at") or ()
    return np.expand_dims(
        run.labels, [axis for axis, index in enumerate(at) if index is not None]
    )


def followed(
    viewer: ViewerModel, labels: Labels | None = None, image: Image | None = None
) -> list[Followed]:
    """Return the layers of a viewer whose recipes are kept.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    labels : napari.layers.Labels, optional
        A layer that begins to have a recipe if it has none.
    image : napari.layers.Image, optional
        The image that it belongs to.
    """
    found = []
    for layer in viewer.layers:
        if not isinstance(layer, Labels) or is_selection(layer):
            continue
        new = steps_of(layer) is None
        if new and not (layer is labels and _small(layer)):
            continue
        own = image if new else image_of(viewer, layer)
        found.append(Followed(layer, own, find_selection(viewer, layer)))
    return found


def _small(layer: Labels) -> bool:
    return isinstance(layer.data, np.ndarray) and layer.data.size <= MOST


def image_of(viewer: ViewerModel, layer: Labels) -> Image | None:
    """Return the image layer that a result was made from; None if it is gone.

    If no image has its name any more, it is the only one that has its shape.
    """
    fit = [one for one in viewer.layers if _could_be_of(one, layer)]
    name = entry_of(layer).get("image")
    named = [one for one in fit if one.name == name]
    found = named or fit
    return found[0] if len(found) == 1 else None


def _could_be_of(image: object, layer: Labels) -> bool:
    if not isinstance(image, Image):
        return False
    shape, frame = spatial_shape(image), entry_of(layer).get("at")
    part = tuple(
        size if index is None else 1
        for size, index in zip(shape, frame or (None,) * len(shape), strict=False)
    )
    return part == layer.data.shape


def note_step(viewer: ViewerModel, layer: Labels, step: Step) -> None:
    """Tell the recipe of a layer what an edit that was just applied to it did.

    Without this, what it changed becomes part of the patch. Undo takes it back.
    """
    deed = Deed(step, labels=layer, image=image_of(viewer, layer))
    layers = [one for one in followed(viewer) if one.layer is layer]
    append_to_latest(layer, notes_of(deed, layers))


def append_to_latest(layer: Labels, notes: Sequence[Note]) -> None:
    """Add to recipes what the latest edit of a layer did; it goes and comes with it."""
    append(notes)
    added = True

    def turn() -> None:
        nonlocal added
        added = not added
        (append if added else remove)(notes)

    follow_undo(layer, turn)
