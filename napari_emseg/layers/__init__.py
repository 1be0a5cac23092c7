"""The one binding to napari layers, without Qt: results, edits, selections, undo."""

from napari_emseg.layers.edits import HISTORY_BYTES, apply_edit, history_bytes
from napari_emseg.layers.journal import Journal
from napari_emseg.layers.results import (
    KEY,
    At,
    Look,
    add_to,
    displayed,
    image_data,
    is_result,
    prepare,
    spatial_shape,
    warm_up,
)

__all__ = [
    "HISTORY_BYTES",
    "KEY",
    "At",
    "Journal",
    "Look",
    "add_to",
    "apply_edit",
    "displayed",
    "history_bytes",
    "image_data",
    "is_result",
    "prepare",
    "spatial_shape",
    "warm_up",
]
