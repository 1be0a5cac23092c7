"""Commands of napari's menus, its command palette and the menu "Result".

Each gets the viewer, and works on `chosen_result`.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_emseg import regions
from napari_emseg.io.files import write_text
from napari_emseg.layers import is_result, is_selection, plan_edit, write_plan
from napari_emseg.layers.classes import class_name
from napari_emseg.layers.fit_records import fit_record_of
from napari_emseg.layers.label_files import write_with_recipe
from napari_emseg.layers.layer_features import pixel_size
from napari_emseg.layers.metadata import KEY, picture_of_result
from napari_emseg.layers.pictures.script_source import ScriptSource
from napari_emseg.layers.recipe_log import RecordedEdit, append_to_latest, logged_layers
from napari_emseg.layers.uncertainty import meant_image
from napari_emseg.layers.undo.shared_history import take_back
from napari_emseg.layers.undo.step_words import words_of
from napari_emseg.pipeline.class_table import columns, csv_text, labels_of
from napari_emseg.recipe.step import Step
from napari_emseg.widgets.common.canvas_widget import find_canvas
from napari_emseg.widgets.common.docks import find_panel, open_panel
from napari_emseg.widgets.common.preferences import preferred
from napari_emseg.widgets.common.qt import ask_path, pluralize
from napari_emseg.widgets.common.status_line import tell, tell_error
from napari_emseg.widgets.compare.panel import open_compare
from napari_emseg.widgets.edit.command_keys import key_sections
from napari_emseg.widgets.edit.panel import EditWidget, after_edits
from napari_emseg.widgets.guide.help_window import show_help
from napari_emseg.widgets.model.panel import ModelWidget
from napari_emseg.widgets.objects.panel import ObjectsWidget
from napari_emseg.widgets.results.class_listing import NAME as CLASS_TABLE
from napari_emseg.widgets.results.class_listing import ClassListing
from napari_emseg.widgets.results.dialogs import (
    ClassesDialog,
    ThresholdDialog,
    count_uncertain,
)
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.results.menu import NO_IMAGE, NO_RESULT
from napari_emseg.widgets.segment.panel import SegmentWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    import numpy as np
    from napari.components import ViewerModel
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.layers.metadata import Log
    from napari_emseg.pipeline.class_table import Table
    from napari_emseg.recipe import Recipe
    from napari_emseg.regions.edit import Edit


def command(call: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a command that takes napari's proxy of a viewer, and shows errors."""

    @wraps(call)
    def run(viewer: napari.Viewer) -> None:
        try:
            call(getattr(viewer, "__wrapped__", viewer))
        except (ValueError, TypeError, OSError) as error:
            tell_error(str(error))

    return run


def chosen_result(viewer: ViewerModel) -> Labels:
    """Return the result that is meant: the active layer, or the uppermost result.

    Raises
    ------
    ValueError
        If there is none.
    """
    active = viewer.layers.selection.active
    if isinstance(active, Labels) and not is_selection(active):
        return active
    for layer in reversed(viewer.layers):
        if is_result(layer):
            return layer
    raise ValueError(NO_RESULT)


@command
def segment_active(viewer: napari.Viewer) -> None:
    """Segment the active image as the preferences say, through the panel."""
    image = meant_image(viewer)
    if image is None:
        raise ValueError(NO_IMAGE)
    viewer.layers.selection.active = image
    panel = open_panel(viewer, SegmentWidget, "Segment")
    panel.adopt(preferred().params)
    panel.run()


@command
def compare(viewer: napari.Viewer) -> None:
    """Open the panel that compares settings on an image."""
    if meant_image(viewer) is None:
        raise ValueError(NO_IMAGE)
    open_compare(viewer)


@command
def open_edit(viewer: napari.Viewer) -> None:
    """Open the panel in which an image is selected from, and the result edited."""
    if any(map(is_result, viewer.layers)):
        viewer.layers.selection.active = chosen_result(viewer)
    open_panel(viewer, EditWidget, "Select and edit")


@command
def open_help(viewer: napari.Viewer) -> None:
    """Open the window with walkthroughs and the keys."""
    panel = find_panel(viewer, EditWidget)
    if panel is None:
        show_help(find_canvas(viewer), key_sections())
    else:
        panel.show_help()


@command
def open_objects(viewer: napari.Viewer) -> None:
    """Open the panel in which objects are found and measured."""
    open_panel(viewer, ObjectsWidget, "Objects")


@command
def open_model(viewer: napari.Viewer) -> None:
    """Open the panel that shows how the classes were found."""
    open_panel(viewer, ModelWidget, "Model")


@command
def show_uncertainty(viewer: napari.Viewer) -> None:
    """Show how uncertain the classes are, as a layer."""
    inspector_of(viewer).show_uncertainty(chosen_result(viewer))


@command
def next_uncertain_place(viewer: napari.Viewer) -> None:
    """Center the canvas on the next most uncertain place."""
    inspector_of(viewer).show_next_place(chosen_result(viewer))


@command
def probability_maps(viewer: napari.Viewer) -> None:
    """Ask for classes, and show their probabilities as layers."""
    layer = chosen_result(viewer)
    if not is_result(layer):
        raise ValueError(
            f"{layer.name!r} was not made by this plugin, so there are no "
            "probabilities behind it; choose a result"
        )
    inspector = inspector_of(viewer)
    classes = [(label, class_name(layer, label)) for label in labels_of_fit(layer)]
    dialog = ClassesDialog(classes, layer.data.size, main_window())
    dialog.chosen.connect(partial(inspector.show_probabilities, layer))
    dialog.open()


@command
def drop_uncertain(viewer: napari.Viewer) -> None:
    """Ask for a threshold, and take the label from pixels of more uncertainty."""
    layer = chosen_result(viewer)
    inspector = inspector_of(viewer)

    def ask(values: NDArray[np.float32], counts: NDArray[np.int64]) -> None:
        dialog = ThresholdDialog(counts, 0.5, main_window())
        dialog.chosen.connect(partial(_drop, viewer, layer, values))
        dialog.open()

    def count(values: NDArray[np.float32]) -> None:
        work = partial(count_uncertain, values, layer.data)
        inspector.background.run(work, partial(ask, values))

    inspector.with_uncertainty(layer, count)


@command
def class_table(viewer: napari.Viewer) -> None:
    """Open the panel with the table of the classes."""
    viewer.layers.selection.active = chosen_result(viewer)
    open_panel(viewer, ClassListing, CLASS_TABLE)


@command
def export_class_table(viewer: napari.Viewer) -> None:
    """Write the table of the classes as CSV."""
    layer = chosen_result(viewer)
    target = ask_path(
        main_window(),
        "Export class table",
        f"{layer.name}.csv",
        "Table (*.csv)",
        ".csv",
    )
    if target is None:
        return
    path, force = target

    def write(table: Table, rgb: bool) -> None:
        write_text(path, table_text(layer, table, rgb=rgb), (".csv",), force=force)
        found = pluralize(len(table["label"]), "class", "es")
        tell(viewer, f"Saved {path.name}, {found}.")

    after_edits(viewer, partial(inspector_of(viewer).with_table, layer, write))


@command
def copy_as_python(viewer: napari.Viewer) -> None:
    """Copy a script that makes the labels again to the clipboard."""
    layer = chosen_result(viewer)
    inspector = inspector_of(viewer)
    image = inspector.image_of(layer)
    picture = picture_of_result(viewer, layer)
    source = ScriptSource.of(viewer, image, picture)
    path = source.path

    def copy(recipe: Recipe) -> None:
        target = path.with_name(f"{path.stem}_classes.tif")
        text = recipe.to_python(
            path, target, as_stored=source.as_stored, to_save=not source.exists
        )
        QApplication.clipboard().setText(text)
        lines = f"{text.count(chr(10))} lines"
        lack = f"Save {source.what} as {path} first"
        tell(viewer, f"Copied. {lines if source.exists else lack}.")

    after_edits(viewer, partial(inspector.with_recipe, layer, copy))


@command
def save_labels(viewer: napari.Viewer) -> None:
    """Write the labels of a result as TIFF, with their recipe inside."""
    layer = chosen_result(viewer)
    end = ".emseg.tif"
    kind = f"Labels with their recipe (*{end})"
    target = ask_path(main_window(), "Save labels", f"{layer.name}{end}", kind, end)
    if target is None:
        return
    path, force = target
    inspector, message = inspector_of(viewer), f"Saved {path.name} with the recipe."

    def write(recipe: Recipe) -> None:
        labels, look, _ = layer.as_layer_data_tuple()
        image = inspector.image_of(layer)
        work = partial(
            write_with_recipe, path, labels, look, recipe, image=image, force=force
        )
        inspector.background.run(work, lambda _: tell(viewer, message))

    after_edits(viewer, partial(inspector.with_recipe, layer, write))


@command
def save_recipe(viewer: napari.Viewer) -> None:
    """Write what was done to a result as a recipe."""
    layer = chosen_result(viewer)
    target = ask_path(
        main_window(), "Save recipe", f"{layer.name}.json", "Recipe (*.json)", ".json"
    )
    if target is None:
        return
    path, force = target

    def write(recipe: Recipe) -> None:
        recipe.save(path, force=force)
        tell(viewer, f"Saved {path.name}, {len(recipe.steps)} steps.")

    after_edits(viewer, partial(inspector_of(viewer).with_recipe, layer, write))


@command
def undo_last_action(viewer: napari.Viewer) -> None:
    """Undo the last action on any layer; without the panel, that on the result."""
    done = take_back(viewer)
    if done is None:
        chosen_result(viewer).undo()
    elif not done:
        tell(viewer, "There is nothing that can be undone.")


def labels_of_fit(layer: Labels) -> list[int]:
    """Labels of the classes that were fitted; more may have been made by hand."""
    run = fit_record_of(layer)
    if run is not None:
        return list(range(1, run.posteriors.n_classes + 1))
    return labels_of(layer.data)


def table_text(layer: Labels, table: Table, *, rgb: bool) -> str:
    """Write the table of a layer as CSV, with the names of the classes."""
    size, heading = pixel_size(layer.scale, layer.units, layer.data.shape)
    found = columns(table, rgb=rgb, area=heading)
    found[heading] = [size * pixels for pixels in found["pixels"]]
    labels = found.pop("label")
    names = [class_name(layer, label) for label in labels]
    return csv_text({"label": labels, "name": names, **found})


def _drop(
    viewer: ViewerModel, layer: Labels, values: NDArray[np.float32], threshold: float
) -> None:
    """Take labels away, as one action that can be undone, and a step of the recipe."""
    panel = find_panel(viewer, EditWidget)
    session = None if panel is None else panel.session
    locked = session.locked if session is not None and session.labels is layer else ()
    inspector = inspector_of(viewer)
    step = Step.of("drop_uncertain", threshold=threshold, locked=sorted(locked))
    whole = layer.metadata.get(KEY, {}).get("at") or ()
    sliced = any(index is not None for index in whole)
    at = tuple(None if index is None else 0 for index in whole) if sliced else None
    image = inspector.image_of(layer)
    logged = [one for one in logged_layers(viewer) if one[0] is layer]

    def work() -> tuple[Edit, PlannedEdit | None, Log]:
        edit = regions.drop_uncertain(layer.data, values, threshold, locked=locked)
        made = RecordedEdit(step, [(layer, edit)], at=at, labels=layer, image=image)
        return edit, plan_edit(layer, edit), made.log(logged)

    def then(made: tuple[Edit, PlannedEdit | None, Log]) -> None:
        edit, plan, log = made
        if plan is None or layer not in viewer.layers:
            return
        if session is not None:
            session.apply([(layer, edit)], [plan], log, words_of(step, layer))
            return
        write_plan(layer, plan, max_bytes=preferred().history_bytes)
        append_to_latest(layer, log)

    inspector.background.run(work, then)


def main_window() -> QWidget | None:
    """Return the window over which dialogs open."""
    windows = (w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    return QApplication.activeWindow() or next(windows, None)
