"""Selections: masks over the image, found by pointing, drawing and by their shape."""

from napari_emseg.select.box import box
from napari_emseg.select.scribble import scribbles

__all__ = ["box", "scribbles"]
