"""Results in a store as layers of several scales, and their finest one to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_emseg import __version__
from napari_emseg.io.store import StoredLabels, open_labels
from napari_emseg.layers.classes import class_colormap, colormap_with
from napari_emseg.layers.metadata import KEY, MODEL, model_entry
from napari_emseg.layers.pictures.store_layers import READ, STORE
from napari_emseg.layers.selection import add_result
from napari_emseg.recipe import Recipe, segment_step

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.layers.pictures.picture_layers import PictureLayers
    from napari_emseg.pipeline.segmentation import Segmentation

# Bytes of the finest labels that are edited in memory.
MOST_BYTES = 2**30


def add_stored(
    viewer: ViewerModel,
    seg: Segmentation,
    picture: PictureLayers,
    at: SliceIndex | None,
    path: str,
) -> Labels:
    """Show labels that were written to a store, as a layer that reads what it shows.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the picture is.
    seg : Segmentation
        Of the run that wrote them.
    picture : PictureLayers
        What was segmented.
    at : tuple of int or None
        The part of it.
    path : str
        The store.
    """
    stored = open_labels(path)
    shape = picture.labels_shape(at)
    if stored.shape != shape:
        raise ValueError(
            f"labels of the shape {stored.shape} do not lie on {picture.name!r}, where "
            f"{shape} is shown; open {path} by itself"
        )
    place = picture.place(at)
    colormap = class_colormap(np.zeros((0, 3)))
    colormap = colormap_with(colormap, dict(stored.colors))
    told = picture.told_axes
    recipe = Recipe(steps=(segment_step(seg, at, told),)).model_dump(mode="json")
    entry = {
        "version": __version__,
        "params": seg.params.model_dump(),
        "image": picture.lead.name,
        "at": picture.labels_at(at),
        "recipe": recipe,
        MODEL: model_entry(seg.model),
    }
    # Napari fails on a list of one level.
    several = len(stored.levels) > 1
    layer = Labels(
        list(stored.levels) if several else stored.levels[0],
        multiscale=several,
        name=f"{picture.name} classes",
        metadata={KEY: entry | picture.record(), STORE: path},
        colormap=colormap,
        **place,
    )
    layer.editable = False
    add_result(viewer, layer)
    return layer


def store_of(layer: Labels) -> str:
    """Return the store that a layer's labels are in.

    Raises
    ------
    ValueError
        If they are in none.
    """
    path = layer.metadata.get(STORE)
    if not isinstance(path, str):
        raise ValueError(
            f"the labels of {layer.name!r} are in no store, so that they can be edited "
            "as they are, and saved with Save labels…"
        )
    return path


def finest_labels(path: str) -> tuple[StoredLabels, Any]:
    """Return labels of a store, and the finest in memory; any thread may call it.

    Raises
    ------
    ValueError
        If they are too large to be edited there.
    """
    stored = open_labels(path)
    size = stored.levels[0].nbytes
    if size > MOST_BYTES:
        raise ValueError(
            f"the finest labels of {path} take {size / 2**30:.1f} GiB, but at most "
            f"{MOST_BYTES / 2**30:.1f} are edited in memory; edit a part of them from "
            "Python with napari_emseg.io.store.open_labels and write_back(where=…)"
        )
    return stored, np.asarray(stored)


def editable_copy(
    viewer: ViewerModel, layer: Labels, stored: StoredLabels, labels: Any
) -> Labels:
    """Show the finest labels of a stored result as a layer that can be edited."""
    layer.visible = False
    data = {"visible": True, "multiscale": False}
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    place = {name: getattr(layer, name) for name in names}
    made = Labels(
        labels,
        name=f"{layer.name} (finest)",
        colormap=layer.colormap,
        metadata=layer.metadata | {READ: stored},
        features=layer.features,
        **data,
        **place,
    )
    add_result(viewer, made)
    return made
