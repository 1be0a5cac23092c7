"""The one binding to napari layers, without Qt: results, edits, selections, undo."""

from napari_emseg.layers.action_history import Journal
from napari_emseg.layers.classes import class_colormap
from napari_emseg.layers.edits import apply_edit, carry_out, plan_edit
from napari_emseg.layers.fit_records import Run, note_run, run_of
from napari_emseg.layers.geometry import (
    At,
    Plane,
    PlaneEdit,
    displayed,
    displayed_plane,
    fingerprint,
    image_data,
    placement,
    spatial_shape,
)
from napari_emseg.layers.history import HISTORY_BYTES, history_bytes, show
from napari_emseg.layers.live_result import CurrentResult
from napari_emseg.layers.metadata import KEY, image_of, is_result
from napari_emseg.layers.recipe_log import note_step, recipe_of
from napari_emseg.layers.results import Look, Whole, add_to, alike, prepare, warm_up
from napari_emseg.layers.selection import (
    add_quietly,
    add_selection,
    coverage,
    dress,
    find_selection,
    is_selection,
    line_width,
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
