"""Files: decode, write safely, pixel sizes, samples, and what is larger than memory."""

from napari_emseg.io import files as files
from napari_emseg.io import store as store
