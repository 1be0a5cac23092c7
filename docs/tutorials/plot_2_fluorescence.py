"""
Fluorescence with three channels
================================

A microscope gives three gray images: nuclei, bodies of cells, and a marker that only some
cells have. Clustered together, they tell which cell is positive; one by one, they do not.
"""

# %%
# Three channels
# --------------
# The cells are drawn, so that the right answer is known: a third of them carries the
# marker. Channels come first, ``(C, Y, X)``, as in most files of microscopes.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import napari_emseg as emseg

rng = np.random.default_rng(4)
y, x = np.mgrid[:200, :300]
channels = np.full((3, 200, 300), 120.0)
positive = 0
for row, column in np.ndindex(5, 8):
    middle = 20 + 40 * row + rng.uniform(-6, 6), 18 + 38 * column + rng.uniform(-5, 5)
    distance = np.hypot(y - middle[0], (x - middle[1]) * rng.uniform(0.9, 1.1))
    marked = rng.random() < 1 / 3
    positive += marked
    channels[0] += 900 * (distance < 7)
    channels[1] += 500 * (distance < 14)
    channels[2] += 700 * marked * ((distance < 14) & (distance > 7))
image = rng.poisson(gaussian_filter(channels, (0, 1, 1))).astype(np.uint16)

fig, axes = plt.subplots(1, 3, figsize=(9, 2.3), layout="constrained")
for ax, channel, title in zip(axes, image, ("nuclei", "bodies", "marker"), strict=True):
    ax.imshow(channel, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()

# %%
# All channels at once
# --------------------
# ``axes="CYX"`` says which axis is no space; ``"TZCYX"`` would be a series of volumes with
# channels. Each pixel then has three features, and a class is a combination of them:
# background, bodies, bodies with the marker, nuclei. In the panel, the row *Axes* says the
# same; layers that lie in one place can be chosen together as the channels of one picture.

seg = emseg.segment(image, axes="CYX", n_classes=4)
for number, mean in enumerate(seg.model.means, 1):
    print(number, mean.round().astype(int))

# %%
# A class is an ellipsoid in the space of the three channels; two of them at a time:

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
_ = emseg.plot.ellipses(seg, features=(1, 2), ax=ax)

# %%
# Which cells are positive?
# -------------------------
# The class that is brightest in the third channel is that of the marker; its objects are
# the positive cells, and all nuclei are all cells.

with_marker = 1 + int(seg.model.means[:, 2].argmax())
nucleus = 1 + int(seg.model.means[:, 0].argmax())
cells = emseg.objects(seg, nucleus)
table = emseg.measure(cells, {"nuclei": image[0], "marker": image[2]})
# The ring around a nucleus tells, not the nucleus itself.
ring = emseg.select.grow(seg.labels == with_marker, 3)
found = np.unique(cells.labels[ring & (cells.labels > 0)])
print(f"{len(found)} of {cells.n_objects} cells are positive; drawn were {positive}")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
axes[0].imshow(seg.labels, cmap="viridis")
axes[0].set_title("four classes")
shown = np.where(np.isin(cells.labels, found), 2, cells.labels > 0)
axes[1].imshow(shown, cmap="cividis")
axes[1].set_title("positive nuclei are yellow")
for ax in axes:
    ax.set_axis_off()

# %%
# What can go wrong
# -----------------
# * *A channel is mostly noise.* Channels are brought to one spread, so that none decides by
#   its unit alone; a channel that tells nothing then counts as much as the others. Leave it
#   out.
# * *Bleed-through.* If a channel shines into another, classes are slanted ellipsoids,
#   which ``covariance="full"``, the default, fits. A mixture does not unmix them.
# * *Cells out of focus.* They are a class of their own between background and cells; ask
#   for one more.
