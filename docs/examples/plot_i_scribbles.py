"""
Scribbles
=========

One stroke for the cup, one for the table: the rest follows.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from skimage.segmentation import mark_boundaries

import napari_emseg as emseg

image = skimage.data.coffee()[::2, ::2]
strokes = np.zeros(image.shape[:2], np.uint8)
strokes[95:99, 60:240] = 2  # saucer and cup
strokes[60:64, 110:190] = 2
strokes[10:14, 20:100] = strokes[20:180, 12:16] = strokes[40:60, 280:284] = 1  # table
labels = emseg.select.scribbles(image, strokes)

fig, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
ax.imshow(mark_boundaries(image, labels, color=(1, 0.9, 0), mode="thick"))
ax.imshow(np.ma.masked_equal(strokes, 0), cmap="coolwarm")
ax.set_axis_off()
