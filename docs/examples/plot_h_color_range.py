"""
Color range, hard and soft
==========================

All pixels of the colors at some points; with ``soft=True`` the selection fades where the
color does, so that an adjustment through it has no edges.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

image = skimage.data.astronaut()[::2, ::2]
points = [(150, 70), (180, 90)]  # the orange suit
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
axes[0].imshow(image)
for ax, soft in zip(axes[1:], (False, True), strict=True):
    ax.imshow(
        emseg.select.color_range(image, points, tolerance=30, soft=soft), cmap="gray"
    )
    ax.set_title(f"soft={soft}")
for ax in axes:
    ax.set_axis_off()
