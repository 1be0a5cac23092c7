"""
Salt and pepper
===============

Impulse noise is recognized: pixels that no class explains take the class of their neighbors.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage.data

import napari_emseg as emseg

rng = np.random.default_rng(0)
image = skimage.data.horse()[::2, ::2].astype(np.uint8) * 90 + 80
impulse = rng.random(image.shape)
image[impulse < 0.1], image[impulse > 0.9] = 0, 255

seg = emseg.segment(image, n_classes=2)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].imshow(image, cmap="gray")
axes[1].imshow(seg.labels, cmap="gray")
for ax in axes:
    ax.set_axis_off()
