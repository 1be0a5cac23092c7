"""Copy as Python: labels, objects and their table as one script."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QApplication

from napari_emseg.layers import is_result, recipe_of
from napari_emseg.layers.instances.measured_layers import place_of, source_of
from napari_emseg.layers.metadata import image_of, picture_of_result
from napari_emseg.layers.pictures.script_source import ScriptSource
from napari_emseg.recipe.object_script import with_objects

if TYPE_CHECKING:
    from napari_emseg.recipe import Recipe
    from napari_emseg.widgets.objects.object_session import ObjectSession


def copy_script(session: ObjectSession) -> None:
    """Copy a script that makes labels, objects and table to the clipboard.

    Raises
    ------
    ValueError
        If there are no objects, or how they came about is not known.
    """
    layer = session.need()
    source = source_of(session.viewer, layer)
    record = session.records.get(layer)
    edits, complete = session.edits_of(layer)
    if source is None or record is None or not is_result(source):
        raise ValueError(
            f"how {layer.name!r} came about is not known in this session; make "
            "objects of a result of this plugin, and copy then"
        )
    if not complete:
        raise ValueError(
            f"{layer.name!r} was painted by hand, too, which no script can repeat; "
            "undo that, or save the labels instead"
        )
    image = image_of(session.viewer, source)
    picture = picture_of_result(session.viewer, source)
    per_plane = bool(record.options.get("per_plane"))
    measured: dict[str, Any] = place_of(layer, per_plane=per_plane)
    scale = measured["scale"]
    # Where pixels are no cubes, necks are elsewhere.
    found = record.options | ({"scale": scale} if {*scale} != {1} else {})
    if picture is not None and picture.has_channels:
        measured["channel_axis"] = -1
    source_file = ScriptSource.of(session.viewer, image, picture)
    path = source_file.path

    def then(recipe: Recipe) -> None:
        text = recipe.to_python(
            path,
            path.with_name(f"{path.stem}_classes.tif"),
            as_stored=source_file.as_stored,
            to_save=not source_file.exists,
        )
        table = str(path.with_name(f"{path.stem}_objects.csv"))
        QApplication.clipboard().setText(
            with_objects(text, found, edits, measured, table)
        )
        session.said.emit("Copied: labels, objects and their table.")

    session.background.run(partial(recipe_of, session.viewer, source), then)
