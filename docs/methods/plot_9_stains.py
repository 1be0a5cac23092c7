r"""
Stains of tissue
================

A stain absorbs light by its amount (Beer and Lambert). The optical density of a pixel is the
sum over its stains, so that their amounts are found by inverting a matrix of three columns:
color deconvolution [1]_.

.. math::

   -\log_{10} \frac{I_c}{I_0} = \sum_s a_s \, v_{sc}
   \qquad
   a = V^{-1} \, \mathrm{OD}

The color spaces ``he``, ``hed`` and ``hdab`` have the amounts of hematoxylin, eosin and DAB
as features; ``stains`` has those of two or three vectors of your own
(:func:`napari_emseg.stain_vectors`), and ``od`` is the optical density itself.

**What it cannot do.** DAB scatters light and does not obey Beer and Lambert: its amount is
no concentration. Melanin, folds and ink are stains to it, too.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.immunohistochemistry()[200:456, 200:500]
amounts = emseg.stain_densities(image, "hdab")
fig, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
axes[0].imshow(image)
for ax, amount, name, cmap in zip(
    axes[1:],
    amounts.transpose(2, 0, 1),
    ("hematoxylin", "DAB"),
    ("Blues", "YlOrBr"),
    strict=True,
):
    ax.imshow(amount, cmap=cmap, vmin=0)
    ax.set_title(name)
for ax in axes:
    ax.set_axis_off()

# %%
# References
# ----------
#
# .. [1] A. C. Ruifrok, D. A. Johnston, "Quantification of histochemical staining by color
#    deconvolution", Analytical and Quantitative Cytology and Histology 23(4), 291-299, 2001.
