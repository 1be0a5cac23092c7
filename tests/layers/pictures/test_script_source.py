"""Which file a script reads: that of all channels, or one that is to be saved."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_emseg.cli.window import picture_layers
from napari_emseg.io.files import read_with_spacing
from napari_emseg.layers.pictures.picture_layers import PictureLayers
from napari_emseg.layers.pictures.script_source import ScriptSource


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cells.ome.tif"
    about = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP", "RFP"]}}
    image = np.random.default_rng(0).integers(0, 99, (3, 20, 30), np.uint16)
    tifffile.imwrite(path, image, metadata=about, photometric="minisblack")
    return path


def test_all_channels_of_a_file_or_some(path):
    viewer = ViewerModel()
    for data, attributes, _ in picture_layers(read_with_spacing(path), "cells", path):
        layers = viewer.add_image(data, **attributes)
    source = ScriptSource.of(viewer, layers[0], PictureLayers.of(layers, "YX"))
    assert source[:3] == (path, True, False)
    for some in (layers[:2], layers[:1]):
        found = ScriptSource.of(viewer, some[0], PictureLayers.of(some, "YX"))
        assert not found.exists
        assert found.path.name == " + ".join(one.name for one in some) + (
            ".tif" if len(some) > 1 else ".png"
        )
    assert (
        "cells DAPI + cells GFP, as the channels"
        in ScriptSource.of(viewer, layers[0], PictureLayers.of(layers[:2], "YX")).what
    )


def test_a_stack_is_no_png():
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((3, 20, 30), np.uint16), name="a/b")
    source = ScriptSource.of(viewer, layer, PictureLayers.of([layer], "ZYX"))
    assert (source.path.name, source.exists) == ("a_b.tif", False)
