"""Recipes: what was done to an image, as data that does it again."""

from napari_emseg.recipe.first_step import segment_step
from napari_emseg.recipe.recipe import Recipe
from napari_emseg.recipe.step import Step

__all__ = ["Recipe", "Step", "segment_step"]
