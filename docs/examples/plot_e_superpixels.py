"""
Superpixels
===========

The finest regions of the hierarchy are superpixels that keep to edges; each is painted in
its mean color.
"""

import matplotlib.pyplot as plt
import skimage.data
from skimage.color import label2rgb
from skimage.segmentation import mark_boundaries

import napari_emseg as emseg

image = skimage.data.astronaut()[:200, 120:360]
regions = emseg.hierarchy(image).cut(n_regions=150)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
axes[0].imshow(mark_boundaries(image, regions, color=(1, 0.9, 0)))
axes[1].imshow(label2rgb(regions, image, kind="avg", bg_label=0))
for ax in axes:
    ax.set_axis_off()
