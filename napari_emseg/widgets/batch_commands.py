"""Commands of the menu "Result" for many pictures: apply, open a recipe, browse."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_emseg.widgets.edit.panel import after_edits
from napari_emseg.widgets.manifest_commands import (
    chosen_result,
    command,
    main_window,
)
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.series.apply_dialog import open_apply
from napari_emseg.widgets.series.apply_request import AppliedRecipe

if TYPE_CHECKING:
    import napari

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
    path, _ = QFileDialog.getOpenFileName(main_window(), "Open recipe", "", RECIPES)
    if path:
        work = partial(AppliedRecipe.load, Path(path))
        then = partial(_open, viewer)
        inspector_of(viewer).background.run(work, then)


def _open(viewer: napari.Viewer, applied: AppliedRecipe) -> None:
    open_apply(viewer, applied, None, main_window())
