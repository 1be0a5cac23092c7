"""
Two hundred photographs with the same classes
=============================================

Fitted one by one, class 3 is sky in one photograph and sand in the next. A model of all of
them together gives the same numbers, names and colors in each.
"""

# %%
# One model
# ---------
# :func:`napari_emseg.fit` takes an iterator and holds one photograph at a time: it counts
# colors, and counts add up. So the model is that of all pixels of all photographs, and two
# hundred take little more time than one large one. Twelve parts of three photographs stand
# for them here; with files, pass ``Path("photos").glob("*.jpg")``.

import matplotlib.pyplot as plt
import numpy as np
import skimage.data

import napari_emseg as emseg

names = ("coffee", "chelsea", "astronaut")
whole = [getattr(skimage.data, name)() for name in names]
photographs = [
    picture[row : row + 140, column : column + 200]
    for picture in whole
    for row in (10, 150)
    for column in (20, 230)
]
joint = emseg.fit(photographs, n_classes=6)
print(f"{joint.n_images} images, {joint.n_pixels} pixels, {joint.n_classes} classes")

# %%
# The same classes everywhere
# ---------------------------
# ``joint.segment`` applies it. Labels are smoothed in each photograph by itself, the
# classes are not touched.

results = [joint.segment(photograph) for photograph in photographs]
fig, axes = plt.subplots(3, 8, figsize=(10, 3.1), layout="constrained")
for place, (photograph, seg) in enumerate(zip(photographs, results, strict=True)):
    pair = axes[place // 4, 2 * (place % 4) :]
    pair[0].imshow(photograph)
    pair[1].imshow(joint.class_colors[seg.labels - 1])
for ax in axes.flat:
    ax.set_axis_off()

# %%
# A tidy table
# ------------
# How much of each photograph each class covers: rows are photographs, columns are classes,
# and each column means the same in all rows.

shares = np.array([seg.fractions for seg in results])
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bottom = np.zeros(len(results))
for share, color in zip(shares.T, joint.class_colors, strict=True):
    ax.bar(range(1, len(results) + 1), share, bottom=bottom, color=color)
    bottom += share
ax.set(
    xlabel="photograph", ylabel="share of pixels", title="six classes, all photographs"
)

# %%
# Keep it
# -------
# A model is a small JSON file. It gives the same labels next year and on another machine.

from pathlib import Path
from tempfile import TemporaryDirectory

with TemporaryDirectory() as folder:
    path = Path(folder) / "classes.json"
    joint.save(path)
    again = emseg.JointFit.load(path).segment(photographs[0])
print((again.labels == results[0].labels).all())

# %%
# On the command line
# -------------------
# The same with files: one model, applied to all of them, two at a time, with one table of
# classes; run again with ``--resume``, it leaves out what is done.
#
# .. code-block:: sh
#
#    napari-emseg fit photos/ -o classes.json --n-classes 6
#    napari-emseg segment photos/ -o results/ --model classes.json --jobs 2 \
#        --table shares.csv --resume
#
# ``--joint`` does both at once. A file that cannot be read is told of at the end and stops
# no other.
#
# What can go wrong
# -----------------
# * *White balance differs.* Then so do the colors of things. Equalize it first, or use
#   ``color="ab"`` or ``"chromaticity"``, which look at lightness less or not at all.
# * *One photograph is much larger than the others.* It has more pixels and so more say.
# * *A class covers two things.* More classes, then merge by name: a
#   :class:`napari_emseg.ClassScheme` keeps names, colors and numbers.
