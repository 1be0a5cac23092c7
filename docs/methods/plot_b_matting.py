r"""
Cut out with soft edges
=======================

A pixel on an outline is a mixture of what is in front and behind:

.. math::

   I = \alpha F + (1 - \alpha) B

In a band around the selection :math:`\alpha` is estimated by a guided filter [1]_, whose
guide is the picture itself, or, with the extra ``matting``, in closed form [2]_. Then the
color :math:`F` of the front is estimated [3]_, so that no fringe of the old background is
left.

**What it cannot do.** Glass, smoke and motion blur wider than the band. The selection has to
be right within a few pixels.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::2, ::2]
mask = emseg.select.box(image, (12, 70, 150, 235))
fig, axes = plt.subplots(1, 2, figsize=(8.5, 2.9), layout="constrained")
for ax, picture in zip(
    axes,
    (image, emseg.adjust.cut_out(image, mask, edge="hair", radius=4)),
    strict=True,
):
    ax.set_facecolor("#e9c46a")
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[])

# %%
# References
# ----------
#
# .. [1] K. He, J. Sun, X. Tang, "Guided image filtering", IEEE Trans. PAMI 35(6), 1397-1409,
#    2013.
# .. [2] A. Levin, D. Lischinski, Y. Weiss, "A closed-form solution to natural image matting",
#    IEEE Trans. PAMI 30(2), 228-242, 2008.
# .. [3] M. Forte, "Approximate fast foreground colour estimation", ICIP 2021.
