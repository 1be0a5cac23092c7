r"""
Objects that touch
==================

Connected pieces of a class are its objects, unless they touch. The distance to the outline
has a top in each of them, and a pass at the neck between two; a watershed of the negative
distance parts them there [1]_. A neck counts if both tops rise above it by at least

.. math::

   \min(D_a, D_b) - D_{ab} \ge t

where :math:`t` is ``depth``, 1 by default, and :math:`D` distances in pixels.

**What it cannot do.** Part two that overlap so far that no neck is left, or keep a star in
one piece. Seeds for each (``split="seeds"``) or a drawn line (``split="line"``) do.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.color import label2rgb

import napari_emseg as emseg

y, x = np.mgrid[:110, :220]
discs = ((55, 40, 26), (45, 80, 24), (75, 76, 20), (55, 150, 30), (50, 193, 22))
mask = np.any([np.hypot(y - r, x - c) < size for r, c, size in discs], axis=0)
fig, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
for ax, split in zip(axes, ("none", "distance"), strict=True):
    found = emseg.objects(mask, split=split)
    ax.imshow(label2rgb(found.labels, bg_label=0))
    ax.set_title(f'split="{split}": {found.n_objects}')
    ax.set_axis_off()

# %%
# References
# ----------
#
# .. [1] N. Malpica et al., "Applying watershed algorithms to the segmentation of clustered
#    nuclei", Cytometry 28(4), 289-297, 1997.
