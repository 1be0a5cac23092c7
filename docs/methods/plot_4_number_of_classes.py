r"""
The number of classes
=====================

``n_classes="auto"`` fits 1, 2, … 12 classes and takes the number for which the Bayesian
information criterion is best [1]_: the likelihood, less a price of :math:`\ln N / 2` for each
parameter. The integrated completed likelihood [2]_ has a price for classes that overlap, too:

.. math::

   \mathrm{BIC} = 2 N \ell - p \ln N
   \qquad
   \mathrm{ICL} = \mathrm{BIC} + 2 \sum_{ik} r_{ik} \ln r_{ik}

where :math:`p` counts parameters and :math:`r_{ik}` are posterior probabilities. Classes of
photographs overlap, and are told apart by where they are; so ICL decides only where noise
dominates, once this is averaged away. Neighbors are alike, so that a picture holds less
evidence than pixels: :math:`N` is the number of pixels that are independent of each other.
Neither outlines, where colors blend, nor shades that nobody can tell apart are classes.

**What it cannot do.** Know what you are after. It finds how many classes the *colors* have;
a picture of a lawn has one, however many plants there are.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::4, ::4]
seg = emseg.segment(image, n_classes="auto")
fig, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
_ = emseg.plot.criteria(seg, ax=ax)
print(f"{seg.n_classes} classes")

# %%
# References
# ----------
#
# .. [1] G. Schwarz, "Estimating the dimension of a model", Ann. Statistics 6(2), 461-464,
#    1978.
# .. [2] C. Biernacki, G. Celeux, G. Govaert, "Assessing a mixture model for clustering with
#    the integrated completed likelihood", IEEE Trans. PAMI 22(7), 719-725, 2000.
