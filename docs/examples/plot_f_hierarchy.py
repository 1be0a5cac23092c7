"""
One picture at three levels
===========================

A hierarchy holds all levels of detail; ``cut()`` without a number is its own choice.
"""

import matplotlib.pyplot as plt
import skimage.data
from skimage.color import label2rgb

import napari_emseg as emseg

image = skimage.data.rocket()[::3, ::3]
tree = emseg.hierarchy(image)
cuts = {
    "60 regions": tree.cut(n_regions=60),
    "12 regions": tree.cut(n_regions=12),
    "cut()": tree.cut(),
}

fig, axes = plt.subplots(1, 3, figsize=(10, 2.6), layout="constrained")
for ax, (title, regions) in zip(axes, cuts.items(), strict=True):
    ax.imshow(label2rgb(regions, image, kind="avg", bg_label=0))
    ax.set_title(title)
    ax.set_axis_off()
