"""
How much smoothing?
===================

*Smoothing* is the strength with which neighbors agree: 0 leaves every pixel to itself, large
numbers round details off, and edges of strong contrast stay.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.chelsea()[40:190, 60:260]
fig, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
for ax, smoothing in zip(axes, (0, 1, 4), strict=True):
    seg = emseg.segment(image, n_classes=5, smoothing=smoothing)
    ax.imshow(seg.class_colors[seg.labels - 1])
    ax.set_title(f"smoothing={smoothing}")
    ax.set_axis_off()
