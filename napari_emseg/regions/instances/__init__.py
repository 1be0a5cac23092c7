"""Objects: the things of a class that count as one each, and their measures."""

from napari_emseg.regions.instances.finding import iter_objects, objects
from napari_emseg.regions.instances.measurement import iter_measure, measure
from napari_emseg.regions.instances.object_table import ObjectTable
from napari_emseg.regions.instances.objects import Objects

__all__ = [
    "ObjectTable",
    "Objects",
    "iter_measure",
    "iter_objects",
    "measure",
    "objects",
]
