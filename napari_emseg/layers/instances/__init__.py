"""Objects as Labels layers, and layers as objects."""

from napari_emseg.layers.instances.object_layer import (
    add_objects,
    is_objects,
    objects_of,
    place_scale,
    remember_objects,
)

__all__ = [
    "add_objects",
    "is_objects",
    "objects_of",
    "place_scale",
    "remember_objects",
]
