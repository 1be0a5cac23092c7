"""
A noisy volume
==============

Volumes are smoothed along all three axes, so that what one plane hides the next one tells.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_emseg as emseg

rng = np.random.default_rng(2)
z, y, x = np.mgrid[:14, :90, :90]
inside = (z - 7) ** 2 * 16 + (y - 45) ** 2 + (x - 45) ** 2 < 30**2
hole = (z - 7) ** 2 * 16 + (y - 45) ** 2 + (x - 52) ** 2 < 12**2
volume = 70.0 + 60 * inside + 50 * hole + rng.normal(0, 25, z.shape)
seg = emseg.segment(volume.astype(np.float32), n_classes=3)

fig, axes = plt.subplots(2, 4, figsize=(9, 4.6), layout="constrained")
for column, plane in zip(axes.T, (2, 5, 7, 11), strict=True):
    column[0].imshow(volume[plane], cmap="gray")
    column[1].imshow(seg.labels[plane], cmap="viridis", vmin=1, vmax=3)
    column[0].set_title(f"plane {plane}")
for ax in axes.flat:
    ax.set_axis_off()
