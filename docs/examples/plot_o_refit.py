"""
Correct, then fit again
=======================

What was edited is given; all other pixels are fitted anew. Here a patch of coffee is told
to be a class of its own, and all coffee follows.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::3, ::3]
labels = emseg.segment(image, n_classes=4).labels
known = np.zeros_like(labels)
known[42:50, 90:112] = 5  # coffee
again = emseg.refit(image, labels, known, n_classes=5)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
for ax, shown, title in zip(axes, (labels, again), ("before", "after"), strict=True):
    ax.imshow(shown, cmap="tab10", vmin=1, vmax=10)
    ax.set_title(title)
    ax.set_axis_off()
