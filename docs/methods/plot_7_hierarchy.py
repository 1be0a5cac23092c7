r"""
Hierarchy of regions and superpixels
====================================

:func:`napari_emseg.hierarchy` finds regions at all levels of detail at once. Several
mixtures, of few and of many classes, are asked what belongs together; where their
posteriors change, and where gradient and texture do [1]_, there is a contour. Small
regions, superpixels, are merged pair by pair, the cheapest first [2]_:

.. math::

   c(a, b) = \beta + \sum_i w_i \, x_i(a, b) + \sum_{i \le j} w_{ij} \, x_i(a, b) \, x_j(a, b)

with the mean strength of the contour between them, distances of their colors and of their
posteriors, how busy they are inside, their size, and a few products of these as columns
:math:`x`. It is a logistic regression: the level :math:`1 / (1 + e^{-c})` of a merge is
about the probability that people keep the two apart. A cut at any level is a segmentation,
and coarser ones contain finer ones.

**What it cannot do.** Regions are of one piece. Its numbers were fitted to outlines that
people drew in photographs of 0.15 megapixels; larger images are found from smaller ones.
"""

import matplotlib.pyplot as plt
import skimage.data
from skimage.segmentation import mark_boundaries

import napari_emseg as emseg

image = skimage.data.astronaut()[::3, ::3]
tree = emseg.hierarchy(image)
fig, axes = plt.subplots(1, 3, figsize=(10, 3.5), layout="constrained")
for ax, n_regions in zip(axes, (80, 20, 6), strict=True):
    ax.imshow(mark_boundaries(image, tree.cut(n_regions=n_regions), color=(1, 0.9, 0)))
    ax.set_title(f"{n_regions} regions")
    ax.set_axis_off()

# %%
# References
# ----------
#
# .. [1] D. Martin, C. Fowlkes, J. Malik, "Learning to detect natural image boundaries using
#    local brightness, color, and texture cues", IEEE Trans. PAMI 26(5), 530-549, 2004.
# .. [2] P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image
#    segmentation", IEEE Trans. PAMI 33(5), 898-916, 2011.
