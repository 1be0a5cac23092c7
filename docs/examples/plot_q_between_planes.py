"""
Fill in between drawn planes
============================

Draw a label in a few planes of a volume; the planes between are interpolated by signed
distances.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_emseg as emseg

y, x = np.mgrid[:80, :80]
drawn = np.zeros((9, 80, 80), bool)
drawn[0] = np.hypot(y - 40, x - 25) < 12
drawn[8] = (abs(y - 40) < 28) & (abs(x - 50) < 20)
filled = emseg.select.interpolate(drawn)

fig, axes = plt.subplots(1, 5, figsize=(10, 2.2), layout="constrained")
for ax, plane in zip(axes, range(0, 9, 2), strict=True):
    ax.imshow(filled[plane], cmap="cividis")
    ax.set_title(f"plane {plane}" + (", drawn" if drawn[plane].any() else ""))
    ax.set_axis_off()
