"""Commands of the menu "Result" for many pictures: apply, open a recipe, browse."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFileDialog

from napari_emseg.io.store import write_back
from napari_emseg.layers.pictures.store_layers import note_saved, stored_labels_of
from napari_emseg.layers.pictures.stored_result import (
    editable_copy,
    finest_labels,
    store_of,
)
from napari_emseg.widgets.common.qt import pluralize
from napari_emseg.widgets.common.status_line import tell
from napari_emseg.widgets.edit.panel import after_edits
from napari_emseg.widgets.manifest_commands import (
    chosen_result,
    command,
    main_window,
)
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.results.menu import NO_IMAGE
from napari_emseg.widgets.series.apply_dialog import open_apply
from napari_emseg.widgets.series.apply_request import AppliedRecipe

if TYPE_CHECKING:
    import napari

    from napari_emseg.io.store import StoredLabels
    from napari_emseg.recipe import Recipe

RECIPES = "Recipes, labels (*.json *.tif *.tiff)"


@command
def apply_to(viewer: napari.Viewer) -> None:
    """Ask for pictures, and do with them what was done with the result."""
    layer = chosen_result(viewer)

    def ask(recipe: Recipe) -> None:
        if layer in viewer.layers:
            made = AppliedRecipe.of_layer(layer, recipe)
            open_apply(viewer, made, layer, main_window())

    after_edits(viewer, partial(inspector_of(viewer).with_recipe, layer, ask))


@command
def open_recipe(viewer: napari.Viewer) -> None:
    """Ask for a recipe, and for the pictures that it is applied to."""
    if not any(isinstance(layer, Image) for layer in viewer.layers):
        raise ValueError(NO_IMAGE)
    path, _ = QFileDialog.getOpenFileName(main_window(), "Open recipe", "", RECIPES)
    if path:
        work = partial(AppliedRecipe.load, Path(path))
        then = partial(_open, viewer)
        inspector_of(viewer).background.run(work, then)


@command
def edit_stored(viewer: napari.Viewer) -> None:
    """Show the finest labels of a stored result as a layer that can be edited."""
    layer = chosen_result(viewer)
    path = store_of(layer)

    def show(found: tuple[StoredLabels, Any]) -> None:
        if layer in viewer.layers:
            viewer.layers.selection.active = editable_copy(viewer, layer, *found)

    inspector_of(viewer).background.run(partial(finest_labels, path), show)


@command
def save_stored(viewer: napari.Viewer) -> None:
    """Write edited labels back to their store: only the chunks that have changed."""
    layer = chosen_result(viewer)
    path = store_of(layer)
    if not isinstance(layer.data, np.ndarray):
        raise ValueError(
            f"{layer.name!r} shows its store as it is; edit its finest labels first"
        )

    def save() -> None:
        work = partial(write_back, stored_labels_of(layer), np.array(layer.data))
        then = partial(_tell_saved, viewer, layer, path)
        inspector_of(viewer).background.run(work, then)

    after_edits(viewer, save)


def _tell_saved(viewer: napari.Viewer, layer: Labels, path: str, chunks: int) -> None:
    note_saved(layer)
    for other in viewer.layers:
        if isinstance(other, Labels) and not isinstance(other.data, np.ndarray):
            other.refresh()
    tell(viewer, f"Saved {pluralize(chunks, 'chunk')} of {Path(path).name}.")


def _open(viewer: napari.Viewer, applied: AppliedRecipe) -> None:
    open_apply(viewer, applied, None, main_window())
