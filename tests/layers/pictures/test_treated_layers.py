"""Layers as pictures of a batch."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

import napari_emseg as emseg
from napari_emseg.batch import Treatment, iter_apply
from napari_emseg.layers import PictureLayers, recipe_of
from napari_emseg.layers.pictures.picture_layers import OF_ONE_FILE
from napari_emseg.layers.pictures.treated_layers import layer_picture, pictures_like
from napari_emseg.pipeline.progress import finish


def test_channels_in_layers_of_their_own_are_found_for_others():
    rng = np.random.default_rng(0)
    viewer = ViewerModel()

    def add(name, shape, **metadata):
        image = rng.integers(0, 90, shape).astype(np.uint8)
        return viewer.add_image(image, name=name, metadata=metadata)

    own = [add("DAPI", (12, 14)), add("GFP", (12, 14))]
    # Two of one file, between them one of another, and one that is alone.
    first = add("a1", (9, 8), **{OF_ONE_FILE: "a.tif"})
    other = [add("b1", (9, 8)), add("b2", (9, 8))]
    second = add("a2", (9, 8), **{OF_ONE_FILE: "a.tif"})
    alone = add("c", (5, 5))
    picture = PictureLayers.of(own)
    seg = emseg.segment(picture.data(), n_classes=2, smoothing=0, **picture.reading())
    layer = emseg.add_to(viewer, seg, picture)
    recipe = recipe_of(viewer, layer)
    axes = recipe.steps[0].args.axes
    found = pictures_like(viewer, layer, axes)
    names = [[one.name for one in some.layers] for some in found]
    assert names == [["a1", "a2"], ["b1", "b2"], ["c"]]
    assert found[0].layers == (first, second)
    assert (list(found[1].layers), list(found[2].layers)) == (other, [alone])
    treatment, _ = Treatment.of_recipe(recipe)
    done = finish(iter_apply([layer_picture(one) for one in found[:2]], treatment))
    for outcome, some in zip(done, found, strict=False):
        wanted = emseg.segment(
            np.stack([one.data for one in some.layers]),
            axes="CYX",
            n_classes=2,
            smoothing=0,
        )
        np.testing.assert_array_equal(outcome.treated.labels, wanted.labels)
