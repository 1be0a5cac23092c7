"""Files: decode, write safely, pixel sizes and samples."""

from napari_emseg.io import files as files
