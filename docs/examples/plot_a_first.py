"""
First segmentation
==================

Five classes of color, found by EM on all pixels; each is painted in its mean color.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::2, ::2]
seg = emseg.segment(image, n_classes=5)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
for ax, picture in zip(axes, (image, seg.class_colors[seg.labels - 1]), strict=True):
    ax.imshow(picture)
    ax.set_axis_off()
