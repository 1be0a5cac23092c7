"""The outline of a selection, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.layers.labels._labels_utils import get_contours

from napari_emseg.layers import add_selection
from napari_emseg.layers.selection import THICKEST, line_width, outline


@pytest.fixture
def labels(rng):
    return rng.choice(np.array([0, 0, 90, 255], np.uint8), (40, 50))


@pytest.fixture
def layer(labels):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(labels.shape))
    layer = add_selection(viewer, image)
    layer.data[:] = labels
    layer.contour = 1
    layer.refresh()
    return layer


def test_one_pixel_is_that_of_napari(labels):
    around = np.pad(labels, 1)
    expected = get_contours(around, 1, 0)[1:-1, 1:-1]
    np.testing.assert_array_equal(outline(labels), expected)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_wider_ones_have_that_width(width):
    block = np.zeros((60, 70), np.uint8)
    block[5:55, 6:60] = 255
    inner = np.zeros_like(block)
    inner[5 + width : 55 - width, 6 + width : 60 - width] = 255
    np.testing.assert_array_equal(outline(block, width), block - inner)


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (5, 0)])
def test_nothing_has_no_outline(shape):
    """As napari asks for, of a layer that is hidden."""
    assert outline(np.zeros(shape, np.uint8)).shape == shape


def test_the_outline_is_another_array():
    """Napari writes into it."""
    for labels in (np.zeros((4, 5), np.uint8), np.eye(5, dtype=np.uint8)):
        assert not np.shares_memory(outline(labels), labels)


def test_what_is_kept_for_later_is_hidden(labels):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(labels.shape))
    layer = add_selection(viewer, image, kind="saved", data=labels)
    assert not layer.visible
    np.testing.assert_array_equal(layer.data, labels)
    assert add_selection(viewer, image).visible


def test_what_touches_the_sides_is_outlined():
    ring = outline(np.full((6, 7), 255, np.uint8))
    assert (ring > 0).sum() == 2 * 6 + 2 * 7 - 4


def test_displayed(layer, labels):
    half = np.where(labels > 127, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(layer._slice.image.view, outline(half))
    layer.contour = 0
    np.testing.assert_array_equal(layer._slice.image.view, labels)


@pytest.mark.parametrize("width", [1, 4])
def test_parts_are_updated_as_the_whole(layer, width):
    layer.contour = width
    for at in [(0, 0), (39, 49), (20, 25), (10, 48)]:
        layer.data_setitem(tuple(np.array([place]) for place in at), 255)
        layer.fill(at, 128)
    shown = layer._slice.image.view.copy()
    layer.refresh()
    np.testing.assert_array_equal(shown, layer._slice.image.view)


def test_to_napari_it_is_a_labels_layer(layer):
    data, state, kind = layer.as_layer_data_tuple()
    assert kind == "labels"
    copy = Labels.create(data, state, kind)
    np.testing.assert_array_equal(copy.data, layer.data)
    assert copy.metadata == layer.metadata


@pytest.mark.parametrize("scale", [1.0, 0.5, 20.0])
def test_width_is_that_of_a_pixel_of_the_screen(scale):
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((9, 9), int), scale=(scale, scale))
    for zoom in np.geomspace(0.05, 20, 30) / scale:
        viewer.scene.camera.zoom = zoom
        width = line_width(viewer, layer)
        on_screen = width * zoom * scale
        assert on_screen >= 1 or width == THICKEST
        assert on_screen < 2 or width == 1
