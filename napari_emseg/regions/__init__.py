"""Edits of labels as values: what would change, and to what.

Each function looks at labels and gives an `Edit`; nothing is written. Labels that are
``locked`` neither lose nor gain a pixel, and pixels outside ``selection`` stay.
"""

from napari_emseg.regions.edit import Edit, free_labels
from napari_emseg.regions.label_edits import (
    absorb_small,
    fill,
    merge,
    new_class,
    renumber,
    smooth_boundaries,
    split,
    swap,
)
from napari_emseg.regions.uncertain_places import drop_uncertain

__all__ = [
    "Edit",
    "absorb_small",
    "drop_uncertain",
    "fill",
    "free_labels",
    "merge",
    "new_class",
    "renumber",
    "smooth_boundaries",
    "split",
    "swap",
]
