r"""
Selections: wand, scribbles, box, scissors
==========================================

*Magic wand* and *color range* compare colors in Lab, where distance is what eyes see [1]_,
with a tolerance; contiguous, it is a flood fill.

*Scribbles* learn a mixture for each class from its strokes. The colors say how likely a class
is, the geodesic distance to its strokes adds where it is [2]_,

.. math::

   d(p) = \min_{\text{paths from a stroke to } p} \int \bigl(\epsilon
   + \lVert \nabla x \rVert \bigr) \, ds

and a random field over regions and pixels makes it one thing. Not contiguous, scribbles take
all that is like the things under the strokes: in color, and set off by edges as steep. How
steep the least edge is that a way out of a thing crosses,

.. math::

   b(p) = \min_{\text{ways out from } p} \; \max_{q \text{ on the way}}
   \lVert \nabla x(q) \rVert,

is the saliency of watersheds [5]_; where it is less than at the strokes, its logarithm counts
against their class, so that things out of focus stay out. The *object box* takes what
is rarer around the box than in it, in one piece that reaches its sides [3]_. The
*intelligent scissors* are the cheapest path along edges between two clicks [4]_.

**What they cannot do.** The wand leaks through a gap of one pixel. Scribbles and box see
color and place only: a zebra's box holds grass if the stripes look like it.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from skimage.segmentation import mark_boundaries

import napari_emseg as emseg

image = skimage.data.coffee()[::2, ::2]
strokes = np.zeros(image.shape[:2], np.uint8)
strokes[4:7, 20:280] = strokes[180:183, 60:230] = strokes[90:120, 60:63] = 1
strokes[40:43, 95:190] = strokes[50:85, 130:133] = 2
masks = {
    "magic wand": emseg.select.wand(image, (80, 145), tolerance=20),
    "scribbles": emseg.select.scribbles(image, strokes) == 2,
    "object box": emseg.select.box(image, (12, 70, 150, 235)),
    "scissors": emseg.select.scissors(
        image, [(55, 87), (10, 143), (50, 201), (85, 189), (102, 143)]
    ),
}
fig, axes = plt.subplots(2, 2, figsize=(8, 5.6), layout="constrained")
for ax, (title, mask) in zip(axes.flat, masks.items(), strict=True):
    ax.imshow(mark_boundaries(image, mask, color=(1, 0.9, 0), mode="thick"))
    ax.set_title(title)
    ax.set_axis_off()

# %%
# References
# ----------
#
# .. [1] CIE 15:2004, "Colorimetry", 3rd edition, section 8.2.1.
# .. [2] X. Bai, G. Sapiro, "Geodesic matting: a framework for fast interactive image and video
#    segmentation and matting", IJCV 82(2), 113-132, 2009.
# .. [3] V. Lempitsky, P. Kohli, C. Rother, T. Sharp, "Image segmentation with a bounding box
#    prior", ICCV 2009.
# .. [4] E. N. Mortensen, W. A. Barrett, "Intelligent scissors for image composition", SIGGRAPH
#    1995, 191-198.
# .. [5] L. Najman, M. Schmitt, "Geodesic saliency of watershed contours and hierarchical
#    segmentation", IEEE Trans. PAMI 18(12), 1163-1173, 1996.
