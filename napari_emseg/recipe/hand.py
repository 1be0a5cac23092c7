"""The names of ``emseg.hand``, which scripts of earlier versions use."""

from napari_emseg.recipe.packed_array import Packed, pack
from napari_emseg.recipe.packed_array import unpack_array as unpack
from napari_emseg.regions import draw, patch
from napari_emseg.select import scribble_mask as scribbled

__all__ = ["Packed", "draw", "pack", "patch", "scribbled", "unpack"]
