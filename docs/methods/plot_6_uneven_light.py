r"""
Uneven light
============

A picture under a lamp is the picture times a smooth field. With ``bias=True`` that field
:math:`B` is estimated in turn with the classes [1]_:

.. math::

   x_i = B_i \, \mu_k + \varepsilon
   \qquad
   B = \frac{G_\sigma * \sum_k Q_k \mu_k x / v_k}{G_\sigma * \sum_k Q_k \mu_k^2 / v_k}

where :math:`G_\sigma` is a wide Gaussian, and :math:`v_k` the variance of a class. The field
is taken only where all classes are multiplied by it; where they are not, the labels are
those without it, and a warning says so. The first classes are bright and dark places if light
changes more than classes differ. So the fit starts again in the light that was found, as long
as that makes the picture likelier.

Another way is a color space without lightness: ``"ab"``, ``"hs"`` or ``"chromaticity"``.

**What it cannot do.** Tell a shadow with a hard edge from a dark thing. A picture that gets
darker to one side *because of what it shows* looks the same to it as uneven light. Of a single
thing that differs from its ground by less than light changes across it, the field may remain
between the two.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_emseg as emseg

rng = np.random.default_rng(3)
y, x = np.mgrid[:120, :160]
classes = 60.0 + 50 * ((x // 12 + 2 * (y // 12)) % 3)
light = 0.75 + 0.5 * x / 160
image = (classes * light + rng.normal(0, 4, x.shape)).astype(np.float32)
fig, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
axes[0].imshow(image, cmap="gray")
for ax, bias in zip(axes[1:], (False, True), strict=True):
    ax.imshow(emseg.segment(image, n_classes=3, bias=bias).labels, cmap="viridis")
    ax.set_title(f"bias={bias}")
for ax in axes:
    ax.set_axis_off()

# %%
# References
# ----------
#
# .. [1] W. M. Wells, W. E. L. Grimson, R. Kikinis, F. A. Jolesz, "Adaptive segmentation of MRI
#    data", IEEE Trans. Medical Imaging 15(4), 429-442, 1996.
