"""
Another color for one thing
===========================

Pixels like the red of the saucer become green; shades and reflections stay.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::2, ::2]
red = image[110, 60]
colored = emseg.adjust.replace_color(image, color=red, by=(20, 120, 100), tolerance=16)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
for ax, picture in zip(axes, (image, colored), strict=True):
    ax.imshow(picture)
    ax.set_axis_off()
