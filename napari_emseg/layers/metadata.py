"""The entry of this plugin in a layer's metadata, and the recipe in it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.engine.image.axes import CHANNELS, check_axes, unnamed_axes
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.layers.pictures.picture_layers import (
    ChannelPart,
    PictureLayers,
    why_apart,
)
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.operations import OPERATIONS
from napari_emseg.recipe.step import SELECTING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.engine.cluster.model import Model
    from napari_emseg.layers.geometry import Part
    from napari_emseg.recipe.operation_schema import OptionalSlice


# What napari calls this plugin.
PLUGIN = "napari-emseg"
# Key of our entry in a layer's metadata: it also tells our results from others.
KEY = "emseg"
# Key of our entry in the metadata of what is drawn over results: selections, previews.
MARK = "emseg selection"
# Key of the entry of a layer whose labels are objects.
OBJECTS = "emseg objects"
# Where a recipe is kept in an entry, as what JSON can hold.
RECIPE = "recipe"
# Where the fitted model is in an entry.
MODEL = "model"
# Key of the entry of a layer that was not segmented here.
EDITED = "emseg edits"
# Steps after which something else may be selected.
SELECTS = {
    *(name for name, row in OPERATIONS.items() if row.group in ("select", "modify")),
    *SELECTING,
}


class LogEntry(dict[str, Any]):
    """A step as JSON has it, with what a session knows about it besides.

    Attributes
    ----------
    marks : mapping
        `marks_of` what is selected in its scope after it.
    image : str
        Name of the image of its layer.
    """

    marks: Mapping[OptionalSlice, int] = MappingProxyType({})
    image = ""


# What an action adds to the recipes of layers.
Log: TypeAlias = "Mapping[Labels, Sequence[LogEntry]]"


def entry_of(layer: Labels) -> dict[str, Any]:
    """Return our entry of a layer's metadata; an empty one if there is none.

    Anybody can write there, so what cannot be right is left out.
    """
    found = layer.metadata.get(_key(layer))
    entry = {**found} if isinstance(found, dict) else {}
    if RECIPE in entry and not _is_recipe(entry[RECIPE]):
        del entry[RECIPE]
    if not is_slice(entry.get("at")):
        del entry["at"]
    if not _are_axes(entry.get("axes")):
        del entry["axes"]
    names = entry.get("layers", [])
    if not (isinstance(names, list | tuple) and all(isinstance(n, str) for n in names)):
        del entry["layers"]
    return entry


def model_entry(model: Model) -> dict[str, Any]:
    """Return the numbers of a fitted model as JSON has them, those that it has."""
    return FittedModel.of(model).model_dump(mode="json", exclude_none=True)


def _are_axes(axes: Any) -> bool:
    """Return whether a value has a letter for each axis, or is None."""
    try:
        return axes is None or check_axes(axes, (1,) * len(axes)) == axes
    except (TypeError, ValueError):
        return False


def is_slice(at: Any) -> bool:
    """Return whether a value is a slice: an index or None for each axis, or None."""
    return at is None or (
        isinstance(at, list | tuple)
        and all(
            index is None
            or (isinstance(index, int | np.integer) and not isinstance(index, bool))
            for index in at
        )
    )


def _is_recipe(recipe: Any) -> bool:
    steps = recipe.get("steps") if isinstance(recipe, dict) else None
    return isinstance(steps, list | tuple) and all(
        isinstance(step, dict) and "op" in step for step in steps
    )


def steps_of(layer: Labels) -> list[Any] | None:
    """Return the steps of a layer, a list of its own; None if it has no recipe."""
    recipe = entry_of(layer).get(RECIPE)
    return None if recipe is None else [*recipe["steps"]]


def append(log: Log) -> None:
    """Add steps to the recipes of layers."""
    for layer, entries in log.items():
        steps = steps_of(layer)
        if steps is None:
            empty = Recipe().model_dump(mode="json")
            layer.metadata = layer.metadata | {
                EDITED: {RECIPE: empty, "image": entries[0].image}
            }
        _write(layer, [*(steps or ()), *entries])


def remove(log: Log) -> None:
    """Take steps out of the recipes of layers, the latest ones like these."""
    for layer, entries in log.items():
        steps = steps_of(layer)
        if steps is None:
            continue
        for gone in reversed(entries):
            if gone in steps:
                del steps[len(steps) - 1 - steps[::-1].index(gone)]
        _write(layer, steps)


def _key(layer: Labels) -> str:
    return KEY if KEY in layer.metadata else EDITED


def _write(layer: Labels, steps: list[Any]) -> None:
    """Change the steps; without any, an entry of `EDITED` goes."""
    key, entry = _key(layer), entry_of(layer)
    if key == EDITED and not steps:
        others = {name: value for name, value in layer.metadata.items() if name != key}
        layer.metadata = others
        return
    recipe = entry[RECIPE] | {"steps": steps}
    layer.metadata = layer.metadata | {key: entry | {RECIPE: recipe}}


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
    picture = picture_in(entry_of(layer), [image])
    if picture is None:
        return False
    at = entry_of(layer).get("at")
    shape = picture.labels_shape(None)
    part = tuple(
        size if index is None else 1
        for size, index in zip(shape, at or (None,) * len(shape), strict=False)
    )
    return part == layer.data.shape


def picture_in(
    entry: Mapping[str, Any], layers: Sequence[Image]
) -> PictureLayers | None:
    """Return the picture that an entry tells of; None if it is none of these layers."""
    axes = entry.get("axes") or unnamed_axes(layers[0].ndim)
    if len(axes) != layers[0].ndim:
        return None
    return PictureLayers(tuple(layers), axes, entry.get("channels") == "each")


def picture_of_result(viewer: ViewerModel, layer: Labels) -> PictureLayers | None:
    """Return the picture that a result was made from; None if a layer of it is gone."""
    first, entry = image_of(viewer, layer), entry_of(layer)
    if first is None:
        return None
    named = {one.name: one for one in viewer.layers if isinstance(one, Image)}
    others = [named.get(name) for name in entry.get("layers", [])[1:]]
    layers = [first, *(one for one in others if one is not None)]
    if len(layers) <= len(others) or any(why_apart(first, one) for one in layers[1:]):
        return None
    return picture_in(entry, layers)


def with_channels(viewer: ViewerModel, part: Part, labels: Labels | None) -> Part:
    """Return a part of an image with all channels that labels were made from.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layers are.
    part : Part
        Of one of the layers.
    labels : napari.layers.Labels or None
        A result, or other labels, of which a part is as it is.
    """
    picture = None if labels is None else picture_of_result(viewer, labels)
    if picture is None or picture.each or not picture.has_channels:
        return part
    if part.layer not in picture.layers:
        return part
    return ChannelPart(picture.lead, part.at, picture)


def slice_of_result(layer: Labels) -> SliceIndex | None:
    """Return the slice of its picture that a result is of, without its channels."""
    at = entry_of(layer).get("at")
    return None if at is None else without_channel_axis(layer, tuple(at))


def without_channel_axis(layer: Labels, at: SliceIndex) -> SliceIndex:
    """Return a slice of a layer of labels as one of its picture, without channels."""
    entry = entry_of(layer)
    axes = entry.get("axes") or ""
    place = -1 if entry.get("channels") == "each" else axes.find(CHANNELS)
    return at[:place] + at[place + 1 :] if place > 0 and len(at) == len(axes) else at


def is_result(layer: object) -> bool:
    """Return whether a layer was made by `add_to`."""
    return isinstance(layer, Labels) and KEY in layer.metadata
