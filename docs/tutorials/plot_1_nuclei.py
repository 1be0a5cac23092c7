"""
Count stained nuclei
====================

Tissue is stained with hematoxylin, which colors nuclei blue, and DAB, which colors a
protein brown. How many nuclei are there, how large are they, and what stain do they hold?
This takes one segmentation, one split into objects and one table.
"""

# %%
# The picture
# -----------
# In napari: *File > Open Sample > napari-emseg > Stained tissue*, then *Plugins > EM color
# segmentation > Segment*. Here it is a part of the same picture.

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from skimage.segmentation import mark_boundaries

import napari_emseg as emseg

image = skimage.data.immunohistochemistry()[160:512, 180:512]

# %%
# Classes of stain instead of classes of color
# --------------------------------------------
# Red, green and blue say how much light is left. The color space ``hdab`` says how much of
# each stain took it: two numbers that do not depend on each other
# (:ref:`how <sphx_glr_auto_methods_plot_9_stains.py>`). In the panel it is
# *Color space > hematoxylin-DAB*. Of four classes one has much hematoxylin and little DAB:

seg = emseg.segment(image, color="hdab", n_classes=4)
for number, (hematoxylin, dab) in enumerate(seg.model.means, 1):
    print(f"class {number}: hematoxylin {hematoxylin:3.0f}, DAB {dab:3.0f}")
seg = seg.named({1: "strong DAB", 2: "DAB", 3: "nuclei", 4: "matrix and glass"})

# %%
# The mean color of each class, painted over its pixels:

fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.7), layout="constrained")
pictures = {"tissue": image, "classes": seg.class_colors[seg.labels - 1]}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(picture)
    ax.set_title(title)
    ax.set_axis_off()

# %%
# From a class to objects
# -----------------------
# A class is all nuclei together. :func:`napari_emseg.objects` takes its connected pieces,
# parts those that touch at the necks of their outline, fills small holes and leaves dirt
# out. In the panel this is the tab *Objects*, where a slider shows what each size drops.

nuclei = emseg.objects(seg, "nuclei", min_size=30, exclude_border=True)
print(f"{nuclei.n_objects} nuclei, {nuclei.dropped} pieces left out")

# %%
# Measures
# --------
# A row for each nucleus: size, shape, place, and the density of both stains inside. With
# ``scale`` and ``units`` lengths are in micrometers.

table = emseg.measure(nuclei, image, scale=(0.5, 0.5), units="um", stains="hdab")
area, shape = table["area"], table["solidity"]
print(f"area {np.median(area):.0f} {table.units['area']} (median)")

fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.7), layout="constrained")
left.imshow(mark_boundaries(image, nuclei.labels, color=(1, 0.9, 0)))
left.set_title(f"{nuclei.n_objects} nuclei")
left.set_axis_off()
right.scatter(area, shape, s=14, color="#2a9d8f")
right.set(
    xlabel=f"area ({table.units['area']})", ylabel="solidity", title="each nucleus"
)

# %%
# Out to a table and to QuPath
# ----------------------------
# The table goes to CSV; outlines go to QuPath as GeoJSON, exactly along the edges of
# pixels, with name and color of the class.

from pathlib import Path
from tempfile import TemporaryDirectory

with TemporaryDirectory() as folder:
    table.to_csv(Path(folder) / "nuclei.csv")
    emseg.export(nuclei, Path(folder) / "nuclei.geojson")
    print(*sorted(path.name for path in Path(folder).iterdir()))

# %%
# What can go wrong
# -----------------
# * *Nuclei under brown are missing.* Where DAB is strong, blue is hidden: neither a person
#   nor a mixture sees it there. Count them in a section without DAB.
# * *Large pale nuclei fall apart.* Raise ``depth``: it says how deep a neck has to be.
# * *Another stain, another scanner.* Estimate its vectors from two places that hold one
#   stain each: :func:`napari_emseg.stain_vectors`.
