"""
Stains of your own
==================

Two places that hold one stain each give its vectors; the mixture is then fitted to the
amounts of both.
"""

import matplotlib.pyplot as plt
import numpy as np
import skimage.data

import napari_emseg as emseg

image = skimage.data.immunohistochemistry()[200:456, 200:500]
dark = image.mean(axis=2) < 170
blue = dark & (image[..., 2] > image[..., 0] + 10.0)
brown = dark & (image[..., 0] > image[..., 2] + 60.0)
vectors = emseg.stain_vectors(image, blue, brown)
text = ", ".join(" ".join(f"{value:.4f}" for value in vector) for vector in vectors)
seg = emseg.segment(image, color="stains", stains=text, n_classes=3)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
axes[0].imshow(image)
axes[1].imshow(seg.class_colors[seg.labels - 1])
for ax in axes:
    ax.set_axis_off()
print(np.round(vectors, 2))
