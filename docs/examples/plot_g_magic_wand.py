"""
Magic wand
==========

Pixels whose color is like that at a point: contiguous, or everywhere.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::2, ::2]
point = (120, 30)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
for ax, contiguous in zip(axes, (True, False), strict=True):
    mask = emseg.select.wand(image, point, tolerance=22, contiguous=contiguous)
    ax.imshow(np.where(mask[..., np.newaxis], image, 255 - (255 - image) // 4))
    ax.plot(*point[::-1], "w*", markersize=12, markeredgecolor="k")
    ax.set_title(f"contiguous={contiguous}")
    ax.set_axis_off()
