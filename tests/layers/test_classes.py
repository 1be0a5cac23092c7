"""Colors of classes: their own, and a cycle for all labels beyond."""

from __future__ import annotations

import warnings
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap, label_colormap

from napari_emseg import segment
from napari_emseg.layers import class_colormap
from napari_emseg.layers.classes import (
    SPARE_COLORS,
    class_color,
    class_shown,
    paint_class,
    prepare_style,
    recolored,
)

TYPES = ["uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "uint64"]
COLORS = np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])


def displayed(layer):
    """Return the colors (Y, X, 4) that napari finds for its texture."""
    view, colormap = layer._slice.image.view, layer.colormap
    if layer.data.dtype.itemsize <= 2:
        return colormap._get_mapping_from_cache(layer.data.dtype)[view]
    colors = colormap._values_mapping_to_minimum_values_set()[1]
    return np.array([colors[number] for number in view.ravel().tolist()]).reshape(
        (*view.shape, 4)
    )


@pytest.mark.parametrize("dtype", TYPES)
def test_list_pointer_and_canvas_show_one_color(dtype):
    most = min(np.iinfo(dtype).max, 70_001)
    labels = np.unique(np.linspace(0, most, 200).astype(dtype)).reshape(1, -1)
    layer = Labels(labels, colormap=class_colormap(COLORS))
    paint_class(layer, 3, (1, 1, 0))
    shown = displayed(layer)[0]
    np.testing.assert_allclose(layer.colormap.map(labels)[0], shown)
    for label, color in zip(labels[0].tolist()[1:], shown[1:], strict=True):
        np.testing.assert_allclose(class_color(layer, label), color[:3])
        np.testing.assert_allclose(layer.get_color(label), color)


def test_filters_of_warnings_stay_as_they_are(monkeypatch):
    """They belong to all threads, and a style is prepared in a thread."""

    def entered():
        raise AssertionError("the filters of all threads are changed")

    monkeypatch.setattr(warnings, "catch_warnings", entered)
    seg = segment(np.arange(64, dtype=np.uint8).reshape(8, 8), n_classes=2)
    style = prepare_style(seg)
    assert style.colormap.map(1).shape == (4,)
    with pytest.raises(AssertionError, match="filters"):
        label_colormap(5)  # what must not be called there


@pytest.mark.parametrize("own", [0, 3])
def test_no_color_is_that_of_many(own):
    layer = Labels(np.arange(3000).reshape(50, 60))
    if own:
        layer.colormap = class_colormap(COLORS)
    paint_class(layer, 2, (0.1, 0.2, 0.3))
    found = [tuple(class_color(layer, label)) for label in range(1, 3000)]
    (_, most), *_ = Counter(found).most_common(1)
    # Napari has one of its colors twice.
    assert most <= 2 * 3000 / SPARE_COLORS + 1
    np.testing.assert_allclose(found[1], (0.1, 0.2, 0.3), rtol=1e-6)
    assert all(one != other for one, other in pairwise(found[60:]))


def test_a_class_in_random_colors_changes_alone():
    layer = Labels(np.arange(3000).reshape(50, 60))
    before = layer.colormap.map(np.arange(1, 3000))
    paint_class(layer, 2000, (0.1, 0.2, 0.3))
    after = layer.colormap.map(np.arange(1, 3000))
    differ = np.flatnonzero((before != after).any(axis=1)) + 1
    assert differ.tolist() == [2000]


@pytest.mark.parametrize("dtype", ["uint16", "int64"])
def test_one_label_alone(dtype):
    layer = Labels(np.arange(300, dtype=dtype).reshape(10, 30))
    layer.colormap = class_colormap(COLORS)
    color = class_color(layer, 250)
    layer.selected_label = 250
    layer.show_selected_label = True
    found = layer.colormap.map(layer.data)
    assert np.argwhere(found[..., 3] > 0).tolist() == [[8, 10]]
    np.testing.assert_allclose(found[8, 10, :3], color)
    np.testing.assert_allclose(class_color(layer, 250), color)


def test_hidden_labels_of_the_cycle_are_not_recolored():
    layer = Labels(np.arange(300).reshape(10, 30), colormap=class_colormap(COLORS))
    before = layer.colormap
    paint_class(layer, 250, shown=False)
    assert not class_shown(layer, 250)
    assert class_shown(layer, 251)
    assert not recolored(layer, before)
    paint_class(layer, 250, (0, 0, 0))
    assert recolored(layer, before)


def test_colors_of_others_stay_what_they_are():
    plain = DirectLabelColormap(color_dict={None: "cyan", 0: "transparent", 1: "red"})
    layer = Labels(np.arange(300).reshape(10, 30), colormap=plain)
    paint_class(layer, 2, (0, 0, 1))
    np.testing.assert_allclose(class_color(layer, 1), (1, 0, 0))
    np.testing.assert_allclose(class_color(layer, 2), (0, 0, 1))
    np.testing.assert_allclose(class_color(layer, 200), (0, 1, 1))
