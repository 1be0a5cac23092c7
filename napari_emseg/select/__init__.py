"""Selections: masks over the image, found by pointing, drawing and by their shape."""

from napari_emseg.select.box import box
from napari_emseg.select.color import by_class, color_range, grow_similar, similar, wand
from napari_emseg.select.labels import by_label, from_bytes, rounded, to_bytes
from napari_emseg.select.outline import (
    ellipse,
    lasso,
    polygon,
    rectangle,
    region_at,
    scissors,
    scissors_path,
)
from napari_emseg.select.pieces import fill_holes, largest, remove_small
from napari_emseg.select.prepared import Prepared, prepare
from napari_emseg.select.scribble import scribbles
from napari_emseg.select.shape import (
    border,
    combine,
    feather,
    grow,
    harden,
    invert,
    shrink,
    smooth,
)

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
    "scribbles",
    "shrink",
    "similar",
    "smooth",
    "to_bytes",
    "wand",
]
