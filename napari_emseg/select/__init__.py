"""Selections: masks over the image, found by pointing, drawing and by their shape."""

from napari_emseg.select.box import box
from napari_emseg.select.color import by_class, color_range, grow_similar, similar, wand
from napari_emseg.select.prepared import Prepared, prepare
from napari_emseg.select.scribble import scribbles

__all__ = [
    "Prepared",
    "box",
    "by_class",
    "color_range",
    "grow_similar",
    "prepare",
    "scribbles",
    "similar",
    "wand",
]
