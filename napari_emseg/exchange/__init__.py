"""Labels for other programs and from them: polygons, masks, and schemes of classes."""

from napari_emseg.exchange.annotations import Annotations, annotate
from napari_emseg.exchange.class_scheme import ClassScheme, SchemeClass
from napari_emseg.exchange.formats import export, read_objects
from napari_emseg.exchange.polygons import Polygons, rasterize, trace
from napari_emseg.exchange.shapes_layer import from_shapes, to_shapes

__all__ = [
    "Annotations",
    "ClassScheme",
    "Polygons",
    "SchemeClass",
    "annotate",
    "export",
    "from_shapes",
    "rasterize",
    "read_objects",
    "to_shapes",
    "trace",
]
