"""The one binding to napari layers, without Qt: results, edits, selections, undo."""

from napari_emseg.layers.classes import class_colormap
from napari_emseg.layers.current import CurrentResult
from napari_emseg.layers.edits import (
    HISTORY_BYTES,
    apply_edit,
    carry_out,
    history_bytes,
    plan_edit,
    show,
)
from napari_emseg.layers.fingerprint import fingerprint
from napari_emseg.layers.journal import Journal
from napari_emseg.layers.outline import line_width
from napari_emseg.layers.plane import Plane, PlaneEdit, displayed_plane
from napari_emseg.layers.record import image_of, note_step, recipe_of
from napari_emseg.layers.renewal import Whole, alike
from napari_emseg.layers.results import (
    KEY,
    At,
    Look,
    add_to,
    displayed,
    image_data,
    is_result,
    placement,
    prepare,
    spatial_shape,
    warm_up,
)
from napari_emseg.layers.runs import Run, note_run, run_of
from napari_emseg.layers.selection import (
    add_quietly,
    add_selection,
    coverage,
    dress,
    find_selection,
    is_selection,
    saved_selections,
    warm_up_selection,
)

__all__ = [
    "HISTORY_BYTES",
    "KEY",
    "At",
    "CurrentResult",
    "Journal",
    "Look",
    "Plane",
    "PlaneEdit",
    "Run",
    "Whole",
    "add_quietly",
    "add_selection",
    "add_to",
    "alike",
    "apply_edit",
    "carry_out",
    "class_colormap",
    "coverage",
    "displayed",
    "displayed_plane",
    "dress",
    "find_selection",
    "fingerprint",
    "history_bytes",
    "image_data",
    "image_of",
    "is_result",
    "is_selection",
    "line_width",
    "note_run",
    "note_step",
    "placement",
    "plan_edit",
    "prepare",
    "recipe_of",
    "run_of",
    "saved_selections",
    "show",
    "spatial_shape",
    "warm_up",
    "warm_up_selection",
]
