"""The one binding to napari layers, without Qt: results, edits, selections, undo."""

from napari_emseg.engine._types import SliceIndex
from napari_emseg.layers.classes import (
    LayerStyle,
    class_colormap,
    prepare_style,
    warm_up,
)
from napari_emseg.layers.edits import apply_edit, plan_edit, write_plan
from napari_emseg.layers.fit_records import FitRecord, fit_record_of, remember_fit
from napari_emseg.layers.geometry import (
    Part,
    Plane,
    displayed,
    displayed_plane,
    fingerprint,
    image_data,
    placement,
    spatial_shape,
)
from napari_emseg.layers.history import HISTORY_BYTES, history_bytes, show
from napari_emseg.layers.instances import (
    add_objects,
    is_objects,
    objects_of,
    place_scale,
    remember_objects,
)
from napari_emseg.layers.live_result import LiveResult
from napari_emseg.layers.metadata import KEY, image_of, is_result
from napari_emseg.layers.pictures.picture_layers import PictureLayers, picture_of
from napari_emseg.layers.recipe_log import note_step, recipe_of
from napari_emseg.layers.results import (
    LayerSegmentation,
    add_to,
    alike,
    current,
    result,
)
from napari_emseg.layers.selection import (
    add_quietly,
    add_selection,
    coverage,
    find_selection,
    is_selection,
    line_width,
    saved_selections,
    selects,
    style_selection,
    warm_up_selection,
)
from napari_emseg.layers.undo.action import Action, Change
from napari_emseg.layers.undo.action_history import ActionHistory
from napari_emseg.layers.undo.shared_history import history_of
from napari_emseg.layers.volume import (
    depth_axis,
    displayed_volume,
    has_volume,
    volume_on,
)

__all__ = [
    "HISTORY_BYTES",
    "KEY",
    "Action",
    "ActionHistory",
    "Change",
    "FitRecord",
    "LayerSegmentation",
    "LayerStyle",
    "LiveResult",
    "Part",
    "PictureLayers",
    "Plane",
    "SliceIndex",
    "add_objects",
    "add_quietly",
    "add_selection",
    "add_to",
    "alike",
    "apply_edit",
    "class_colormap",
    "coverage",
    "current",
    "depth_axis",
    "displayed",
    "displayed_plane",
    "displayed_volume",
    "find_selection",
    "fingerprint",
    "fit_record_of",
    "has_volume",
    "history_bytes",
    "history_of",
    "image_data",
    "image_of",
    "is_objects",
    "is_result",
    "is_selection",
    "line_width",
    "note_step",
    "objects_of",
    "picture_of",
    "place_scale",
    "placement",
    "plan_edit",
    "prepare_style",
    "recipe_of",
    "remember_fit",
    "remember_objects",
    "result",
    "saved_selections",
    "selects",
    "show",
    "spatial_shape",
    "style_selection",
    "volume_on",
    "warm_up",
    "warm_up_selection",
    "write_plan",
]
