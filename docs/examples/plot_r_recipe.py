"""
A recipe: steps that make the labels again
==========================================

Everything that is done in the panel is a step. A recipe is a small JSON file; it can be
replayed on another picture, in a script or by ``napari-emseg replay``.
"""

import matplotlib.pyplot as plt
import skimage.data

import napari_emseg as emseg

recipe = emseg.Recipe(
    steps=(
        emseg.Step.of("segment", params={"n_classes": 4}),
        emseg.Step.of("merge", members=[3, 4], into=3),
    )
)
pictures = skimage.data.coffee()[::3, ::3], skimage.data.chelsea()[::3, ::3]

fig, axes = plt.subplots(1, 2, figsize=(9, 3.1), layout="constrained")
for ax, picture in zip(axes, pictures, strict=True):
    ax.imshow(recipe.replay(picture).labels, cmap="viridis")
    ax.set_axis_off()
