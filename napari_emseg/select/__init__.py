"""Selections: masks over the image, found by pointing, drawing and by their shape.

`scribbles` alone returns the labels of all strokes; `scribble_mask` is its mask of one.
"""

from napari_emseg.select.box import box
from napari_emseg.select.by_label import by_label, from_bytes, rounded, to_bytes
from napari_emseg.select.color_index import Prepared, prepare
from napari_emseg.select.color_range import (
    by_class,
    color_range,
    grow_similar,
    similar,
    wand,
)
from napari_emseg.select.morphology import (
    border,
    combine,
    feather,
    grow,
    harden,
    invert,
    shrink,
    smooth,
)
from napari_emseg.select.pieces import fill_holes, largest, remove_small
from napari_emseg.select.shapes import (
    ellipse,
    lasso,
    polygon,
    rectangle,
    region_at,
    scissors,
    scissors_path,
)
from napari_emseg.select.strokes import scribble_mask, scribbles

__all__ = [
    "Prepared",
    "border",
    "box",
    "by_class",
    "by_label",
    "color_range",
    "combine",
    "ellipse",
    "feather",
    "fill_holes",
    "from_bytes",
    "grow",
    "grow_similar",
    "harden",
    "invert",
    "largest",
    "lasso",
    "polygon",
    "prepare",
    "rectangle",
    "region_at",
    "remove_small",
    "rounded",
    "scissors",
    "scissors_path",
    "scribble_mask",
    "scribbles",
    "shrink",
    "similar",
    "smooth",
    "to_bytes",
    "wand",
]
