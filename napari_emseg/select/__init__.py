"""Selections: masks over the image, found by pointing, drawing and by their shape."""

from napari_emseg.select.box import box
from napari_emseg.select.color import by_class, color_range, grow_similar, similar, wand
from napari_emseg.select.outline import (
    ellipse,
    lasso,
    polygon,
    rectangle,
    region_at,
    scissors,
    scissors_path,
)
from napari_emseg.select.prepared import Prepared, prepare
from napari_emseg.select.scribble import scribbles
from napari_emseg.select.shape import (
    border,
    combine,
    feather,
    fill_holes,
    grow,
    harden,
    invert,
    largest,
    remove_small,
    shrink,
    smooth,
)

__all__ = [
    "Prepared",
    "border",
    "box",
    "by_class",
    "color_range",
    "combine",
    "ellipse",
    "feather",
    "fill_holes",
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
    "scissors",
    "scissors_path",
    "scribbles",
    "shrink",
    "similar",
    "smooth",
    "wand",
]
