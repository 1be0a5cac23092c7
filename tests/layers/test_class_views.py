"""Views of classes, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_emseg.layers.class_views import VIEWS, show_view, view_of, vivid_colors
from napari_emseg.layers.classes import (
    class_color,
    class_colormap,
    class_shown,
    paint_class,
    recolored,
)
from napari_emseg.layers.label_look import look_of

GRAYS = np.repeat([[0.4], [0.45], [0.5]], 3, axis=1)


@pytest.fixture
def layer():
    return Labels(np.array([[0, 1, 2, 3]], np.uint8), colormap=class_colormap(GRAYS))


def test_views_come_and_go(layer):
    own = layer.colormap
    for view in (*VIEWS, *VIEWS[::-1]):
        show_view(layer, view)
        assert view_of(layer) == view
        assert (layer.contour > 0) == (view == "outlines")
        assert not recolored(layer, own)  # so that Live goes on
        if view != "own":
            np.testing.assert_allclose(class_color(layer, 2), vivid_colors()[1, :3])
    assert layer.colormap is own


def test_what_is_painted_in_vivid_colors_is_painted_in_the_own(layer):
    own = layer.colormap
    show_view(layer, "vivid")
    paint_class(layer, 1, shown=False)
    paint_class(layer, 3, (1, 0, 0))
    assert view_of(layer) == "vivid"
    assert not class_shown(layer, 1)
    show_view(layer, "own")
    np.testing.assert_allclose(class_color(layer, 1), GRAYS[0], atol=1e-6)
    assert not class_shown(layer, 1)
    assert class_color(layer, 3).tolist() == [1, 0, 0]
    assert recolored(layer, own)
    show_view(layer, "vivid")
    assert not class_shown(layer, 1)


def test_files_have_the_own_colors(layer):
    before = look_of({"colormap": layer.colormap})
    show_view(layer, "outlines")
    assert look_of({"colormap": layer.colormap}) == before
