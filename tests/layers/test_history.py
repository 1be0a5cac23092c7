"""What napari keeps to itself, and is told here."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emseg.layers.history import insert_layer


@pytest.mark.parametrize("mode", ["polygon", "paint"])
def test_what_tools_draw_is_made_when_one_is_taken(mode):
    overlay = {"polygon": "polygon", "paint": "brush_stroke"}[mode]
    viewer, layer = ViewerModel(), Labels(np.zeros((4, 4), np.uint8))
    if overlay not in layer._overlays:
        pytest.skip("this napari draws nothing for this tool")
    insert_layer(viewer.layers, 0, layer)
    assert not layer._overlays[overlay].visible
    layer.mode = mode
    assert layer._overlays[overlay].visible
    layer.mode = "pan_zoom"
    assert not layer._overlays[overlay].enabled


def test_a_tool_that_is_held_is_drawn():
    viewer, layer = ViewerModel(), Labels(np.zeros((4, 4), np.uint8))
    layer.mode = "polygon"
    insert_layer(viewer.layers, 0, layer)
    assert layer._overlays["polygon"].visible
