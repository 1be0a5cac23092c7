"""
The same classes in another picture
===================================

A fitted model is applied as it is: class 3 means the same in both halves.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.chelsea()[::2, ::2]
left, right = image[:, :113], image[:, 113:]
seg = emseg.segment(left, n_classes=4)
other = emseg.segment(right, model=seg.model)

fig, axes = plt.subplots(1, 2, figsize=(8, 4.4), layout="constrained")
for ax, found, title in zip(axes, (seg, other), ("fitted", "applied"), strict=True):
    ax.imshow(seg.class_colors[found.labels - 1])
    ax.set_title(title)
    ax.set_axis_off()
