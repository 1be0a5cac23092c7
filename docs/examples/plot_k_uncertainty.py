"""
Where the classes are in doubt
==============================

The entropy of the posterior is 0 where one class is certain and 1 where all are equally
likely. The worst places are listed to look at first.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.coffee()[::3, ::3]
seg = emseg.segment(image, n_classes=5, smoothing=0)
doubt = seg.uncertainty()
worst = emseg.uncertain_places(doubt, seg.labels, limit=5)
print(*worst, sep="\n")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
axes[0].imshow(seg.class_colors[seg.labels - 1])
axes[1].imshow(doubt, cmap="magma", vmin=0, vmax=1)
for ax in axes:
    ax.set_axis_off()
