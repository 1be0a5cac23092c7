"""Results that come while a stroke is drawn, or to a layer that is locked."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_emseg as emseg
from napari_emseg.layers import (
    LiveResult,
    apply_edit,
    class_colormap,
    prepare_style,
)
from napari_emseg.regions import Edit


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def results(stripes):
    return [emseg.segment(stripes, n_classes=n, smoothing=0) for n in (2, 3)]


@pytest.fixture
def live(viewer, stripes, results):
    live = LiveResult(viewer)
    image = viewer.add_image(stripes)
    live.keep(results[0], image, None, prepare_style(results[0]))
    return live


@pytest.mark.parametrize("how", ["run", "update", "preview"])
def test_a_stroke_under_way_is_not_written_over(viewer, live, results, how):
    image, layer = viewer.layers
    start = layer.data.copy()
    with layer.block_history():
        layer.paint((5, 5), 7)
        during = layer.data.copy()
        if how == "preview":
            labels = np.full(start.shape, 3, np.uint8)
            made = live.draw(image, None, labels, class_colormap(np.eye(3)))
        else:
            replace = layer if how == "update" else None
            style = prepare_style(results[1])
            made = live.keep(results[1], image, None, style, replace=replace)
        assert made is not layer
        np.testing.assert_array_equal(layer.data, during)
        layer.paint((20, 20), 7)
    layer.undo()
    np.testing.assert_array_equal(layer.data, start)


@pytest.mark.parametrize("how", ["run", "preview"])
def test_a_result_that_the_user_locked_is_not_written_over(viewer, live, results, how):
    image, layer = viewer.layers
    start = layer.data.copy()
    layer.editable = False
    if how == "preview":
        labels = np.full(start.shape, 3, np.uint8)
        made = live.draw(image, None, labels, class_colormap(np.eye(3)))
    else:
        made = live.keep(results[1], image, None, prepare_style(results[1]))
    assert made is not layer
    np.testing.assert_array_equal(layer.data, start)
    assert not layer.editable


def test_an_edit_that_widened_the_layer_and_was_undone_is_none(viewer, live, results):
    image, layer = viewer.layers
    apply_edit(layer, Edit.whole(layer.data.astype(int) + 300))
    assert live.edited
    layer.undo()
    assert layer.data.dtype == np.uint16
    assert not live.edited
    made = live.keep(results[1], image, None, prepare_style(results[1]))
    assert made is layer
    np.testing.assert_array_equal(layer.data, results[1].labels)
