"""Edits of labels as values: what would change, and to what.

Each function looks at labels and returns an `Edit`; nothing is written. Labels that are
``locked`` neither lose nor gain a pixel, and pixels outside ``selection`` stay. Only
`draw` and `patch` return new labels instead of an edit.
"""

from napari_emseg.regions.edit import Edit, free_labels
from napari_emseg.regions.gap_filling import interpolate
from napari_emseg.regions.label_edits import (
    absorb_small,
    draw,
    fill,
    merge,
    new_class,
    patch,
    renumber,
    smooth_boundaries,
    split,
    swap,
)
from napari_emseg.regions.uncertain_places import drop_uncertain

__all__ = [
    "Edit",
    "absorb_small",
    "draw",
    "drop_uncertain",
    "fill",
    "free_labels",
    "interpolate",
    "merge",
    "new_class",
    "patch",
    "renumber",
    "smooth_boundaries",
    "split",
    "swap",
]
