r"""
Gaussian mixture model and EM
=============================

The colors of a picture are taken for a sample of a mixture of :math:`K` normal densities.
EM (expectation-maximization [1]_) finds weights, means and covariances for which the
likelihood of all pixels is highest:

.. math::

   \ell = \frac{1}{N} \sum_i \ln \sum_k \pi_k \, N(x_i; \mu_k, \Sigma_k)

The logarithm of a Gaussian density is linear in
:math:`\varphi(x) = (1, x, x x^{\top})`. So what EM needs of many pixels is their number
and the mean of :math:`\varphi` [2]_: a *cell*. The exact colors of an 8-bit picture with
their counts are cells without any loss: the fit is that of all pixels, in a fraction of the
time. Float images and many channels are fitted on boxes of feature space first and end on
pixels. Leaps of the sequence of parameters (SQUAREM [3]_) save iterations; a leap that
lowers the likelihood is not taken.

**What it cannot do.** The likelihood has several tops, and EM stops at one: five starts
help, and promise nothing. Classes of colors say nothing of shape. A class of few pixels
beside a large one can be lost; draw seed labels for it.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::3, ::3]
seg = emseg.segment(image, n_classes=5, smoothing=0)
fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
_ = emseg.plot.ellipses(seg, ax=ax)

# %%
# The likelihood never falls, and K-means is where it starts:

fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
_ = emseg.plot.convergence(seg, ax=ax)

# %%
# References
# ----------
#
# .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data
#    via the EM algorithm", J. R. Stat. Soc. B 39(1), 1-38, 1977.
# .. [2] J. J. Verbeek, J. R. J. Nunnink, N. Vlassis, "Accelerated EM-based clustering of large
#    data sets", Data Mining and Knowledge Discovery 13(3), 291-307, 2006.
# .. [3] R. Varadhan, C. Roland, "Simple and globally convergent methods for accelerating the
#    convergence of any EM algorithm", Scand. J. Statistics 35(2), 335-353, 2008.
