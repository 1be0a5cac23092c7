"""Selections: masks over the image, found by pointing, drawing and by their shape.

`scribbles` alone returns the labels of all strokes; `scribble_mask` is its mask of one.
"""

from napari_emseg.select import (
    color_index,
    color_selection,
    components,
    correction,
    edge_refinement,
    interpolation,
    label_masks,
    morphology,
    object_box,
    selection_brush,
    shapes,
    strokes,
)
from napari_emseg.select.color_index import *
from napari_emseg.select.color_selection import *
from napari_emseg.select.components import *
from napari_emseg.select.correction import *
from napari_emseg.select.edge_refinement import *
from napari_emseg.select.interpolation import *
from napari_emseg.select.label_masks import *
from napari_emseg.select.morphology import *
from napari_emseg.select.object_box import *
from napari_emseg.select.selection_brush import *
from napari_emseg.select.shapes import *
from napari_emseg.select.strokes import *

# Each module lists its public names.
__all__: list[str] = []
__all__ += color_index.__all__
__all__ += color_selection.__all__
__all__ += components.__all__
__all__ += correction.__all__
__all__ += edge_refinement.__all__
__all__ += interpolation.__all__
__all__ += label_masks.__all__
__all__ += morphology.__all__
__all__ += object_box.__all__
__all__ += selection_brush.__all__
__all__ += shapes.__all__
__all__ += strokes.__all__
