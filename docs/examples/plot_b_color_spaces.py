"""
Color spaces side by side
=========================

The same number of classes in Lab, in hue and saturation, and in gray. A sheet of a
comparison has them in one figure; the command ``napari-emseg sweep`` writes it to a file.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::4, ::4]
base = emseg.Params(n_classes=4)
rows = emseg.sweep.sweep(image, emseg.sweep.settings(base, color=["lab", "hs", "gray"]))

fig, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
for ax, row in zip(axes, rows, strict=True):
    ax.imshow(row.seg.class_colors[row.seg.labels - 1])
    ax.set_title(row.params.color)
    ax.set_axis_off()
