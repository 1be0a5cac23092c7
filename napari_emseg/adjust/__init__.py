"""Changes of a picture inside a selection; the picture itself stays as it is.

Each function gives a new image of the same shape and type.

* ``image``: (…, Y, X), (…, Y, X, 3|4) RGB(A), or with channels at ``channel_axis``;
  bool, integer or float, as for `napari_emseg.segment`. Alpha stays.
* ``selection``: (…, Y, X), bool or coverage 0..1, by which old and new are blended;
  None selects everything.

The full range of values is from black to white for RGB and 8 bit: that of the type, or
of the bits that a picture of 16 bit uses. Otherwise it is from the smallest to the
largest of the image, hot pixels and marks of missing data aside. Integers are rounded
and clipped to their type, RGB to black and white.
"""

from napari_emseg.adjust.colors import desaturate, hue_saturation, replace_color
from napari_emseg.adjust.filters import blur, inpaint, sharpen
from napari_emseg.adjust.matting import cut_out
from napari_emseg.adjust.tones import brightness_contrast, curves, fill, levels

__all__ = [
    "blur",
    "brightness_contrast",
    "curves",
    "cut_out",
    "desaturate",
    "fill",
    "hue_saturation",
    "inpaint",
    "levels",
    "replace_color",
    "sharpen",
]
