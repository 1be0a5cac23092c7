r"""
K-means
=======

Each of :math:`K` classes is a center :math:`\mu_k`; a pixel with the features
:math:`x_i` belongs to the nearest one. Centers and classes are found in turn [1]_ so that
the inertia falls:

.. math::

   J = \sum_i \min_k \lVert x_i - \mu_k \rVert^2

Starts are spread out (k-means++ [2]_, several candidates for each center). The sums run over
the *counted* colors of a picture, of which there are fewer than pixels, and over boxes of
colors first. Bounds on how far centers move skip the colors that cannot change their class.

**What it cannot do.** Its borders are planes half way between two centers: classes of
unequal width or of long shape are cut in the wrong place. All features count alike, so that
their units matter.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_emseg as emseg

rng = np.random.default_rng(1)
long = rng.normal(0, (30, 3), (700, 2))
points = np.concatenate(
    [long, long[::2] + np.array([0, 16]), rng.normal((60, 8), 4, (300, 2))]
)
options = {"channel_axis": 2, "rgb": False, "smoothing": 0, "n_classes": 3}
fig, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for ax, method in zip(axes, ("kmeans", "em"), strict=True):
    seg = emseg.segment(points[np.newaxis], method=method, **options)
    ax.scatter(*points.T, c=seg.labels[0], s=3, cmap="viridis")
    ax.set(title={"kmeans": "K-means", "em": "EM"}[method], xticks=[], yticks=[])

# %%
# References
# ----------
#
# .. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Trans. Information Theory
#    28(2), 129-137, 1982.
# .. [2] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA
#    2007, 1027-1035.
