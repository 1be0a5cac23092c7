"""
Count and measure coins
=======================

Objects of the bright class, those that touch told apart, with a measure of each.
"""

import matplotlib.pyplot as plt
import skimage.data
from skimage.color import label2rgb

import napari_emseg as emseg

image = skimage.data.coins()[150:, :]
seg = emseg.segment(image, n_classes=2)
coins = emseg.objects(seg, 2, min_size=300)
table = emseg.measure(coins, image)

fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
ax.imshow(label2rgb(coins.labels, image, bg_label=0, alpha=0.35))
for y, x, diameter in zip(
    table["centroid_y"], table["centroid_x"], table["equivalent_diameter"], strict=True
):
    ax.text(x, y, f"{diameter:.0f}", color="w", ha="center", va="center")
ax.set_title(f"{coins.n_objects} coins, diameters in pixels")
ax.set_axis_off()
