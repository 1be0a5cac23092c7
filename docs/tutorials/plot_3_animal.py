"""
Cut out an animal
=================

Fur has the colors of the carpet, so that no class of color is the animal. But a person
needs no more than a box or two strokes to say what is meant.
"""

# %%
# A box
# -----
# In the panel *Select and edit*: the tool *Object box*, one drag around the cat's head.
# :func:`napari_emseg.select.box` looks for what is in the box and not around it, in one
# piece.

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from skimage.segmentation import mark_boundaries

import napari_emseg as emseg

image = skimage.data.chelsea()[::2, ::2]
box = (2, 20, 148, 205)  # first row and column, last row and column
mask = emseg.select.box(image, box)

# %%
# Strokes
# -------
# Where the box takes too much or too little, draw: class 1 is what is around, class 2 the
# animal. The tool *Scribbles* takes strokes with the brush; in a script they are an array
# of small numbers.

strokes = np.zeros(image.shape[:2], np.uint8)
for rows, columns in (
    ((8, 120), (112, 116)),
    ((95, 99), (40, 165)),
    ((8, 60), (84, 88)),
    ((10, 60), (144, 148)),
    ((122, 136), (126, 132)),
):
    strokes[slice(*rows), slice(*columns)] = 2  # the head
for rows, columns in (
    ((4, 60), (4, 8)),
    ((120, 146), (4, 8)),
    ((30, 70), (196, 200)),
    ((60, 140), (215, 219)),
    ((142, 146), (180, 219)),
):
    strokes[slice(*rows), slice(*columns)] = 1  # what is around it
drawn = emseg.select.scribbles(image, strokes) == 2

fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained")
top, left, bottom, right = box
axes[0].add_patch(
    plt.Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="w")
)
for ax, found, title in zip(axes, (mask, drawn), ("box", "strokes"), strict=True):
    ax.imshow(mark_boundaries(image, found, color=(1, 0.9, 0)))
    ax.set_title(title)
    ax.set_axis_off()
axes[1].imshow(np.ma.masked_equal(strokes, 0), cmap="coolwarm", vmin=1, vmax=2)

# %%
# Add, subtract, smooth
# ---------------------
# Selections are masks, and combine as in a picture editor: Shift adds, Alt subtracts, both
# intersect. A little smoothing takes the crumbs off the outline.

whole = emseg.select.combine(mask, drawn, "add")
whole = emseg.select.largest(emseg.select.fill_holes(whole))
whole = emseg.select.smooth(whole, radius=3)

# %%
# Whiskers need transparency
# --------------------------
# :func:`napari_emseg.adjust.cut_out` gives RGBA, with a crisp edge by default. Of hair, it
# estimates around the outline how much of each pixel is animal, and takes the color of the
# carpet out of it. In the panel: *Adjust*, *Cut out with hair*.

cat = emseg.adjust.cut_out(image, whole, edge="hair", radius=6)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained")
for ax, paper in zip(axes, ("#2a9d8f", "#e9c46a"), strict=True):
    ax.set_facecolor(paper)
    ax.imshow(cat)
    ax.set(xticks=[], yticks=[])

# %%
# What can go wrong
# -----------------
# * *The box cuts the animal off.* What leaves the box is taken for what is around it;
#   draw the box a few pixels too large rather than too small.
# * *The carpet is taken, too.* One more stroke of class 1 where it is, not many.
# * *Hair is hard or foggy.* ``radius`` is the half width of the band in which it is looked
#   for; ``method="closed_form"`` (extra ``matting``) sees finer hair, slowly.
