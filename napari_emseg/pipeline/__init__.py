"""The facade: from an image and its parameters to a segmentation."""

from napari_emseg.pipeline import sweep as sweep
