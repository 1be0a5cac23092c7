"""Layers of a store: image and labels with their look, edited, and written back."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import npe2
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels

import napari_emseg as emseg
from napari_emseg.layers.metadata import KEY
from napari_emseg.layers.pictures import store_layers
from napari_emseg.layers.pictures.store_layers import save_to_store, store_reader


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Write an image of three colors, with its labels."""
    path = tmp_path / "slide.ome.zarr"
    image = np.repeat(np.array([[9, 60, 90], [180, 40, 60], [240, 230, 220]]), 300, 0)
    image = np.repeat(image[None].astype(np.uint8), 700, 0).transpose(2, 0, 1)
    group = zarr.open_group(path, mode="w")
    group.create_array("0", data=image, chunks=(3, 256, 256))
    group.create_array("1", data=image[:, ::2, ::2], chunks=(3, 256, 256))
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "yx"]
    datasets = [
        {"path": str(n), "coordinateTransformations": [
            {"type": "scale", "scale": [1.0, 0.5 * 2**n, 0.25 * 2**n]}]}
        for n in (0, 1)
    ]  # fmt: skip
    scales = [{"name": "slide", "axes": axes, "datasets": datasets}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
    opened = emseg.store.open_image(path)
    emseg.segment(opened, out=path, n_classes=3, smoothing=0, tissue=False)
    return path


def test_a_store_opens_as_layers(store: Path) -> None:
    viewer = ViewerModel()
    reader = store_reader(str(store))
    assert reader is not None
    for data, attributes, kind in reader(str(store)):
        getattr(viewer, f"add_{kind}")(data, **attributes)
    image, labels = viewer.layers
    assert image.multiscale
    assert image.rgb
    assert image.data[1].shape == (350, 450, 3)
    assert not labels.multiscale
    np.testing.assert_array_equal(labels.scale, [0.5, 0.25])
    np.testing.assert_array_equal(image.scale, [0.5, 0.25])
    np.testing.assert_allclose(labels.get_color(2)[:3], [180 / 255, 40 / 255, 60 / 255],
                               atol=0.003)  # fmt: skip
    assert [*labels.features["name"]] == ["class 1", "class 2", "class 3"]
    assert KEY in labels.metadata


def test_edits_are_written_back(store: Path) -> None:
    place = store / "labels" / "classes"
    (data, attributes, _), *_ = store_reader(str(place))(str(place))  # type: ignore[misc]
    layer = Labels(data, **attributes)
    layer.data_setitem((np.arange(5, 9), np.full(4, 7)), 3)
    assert save_to_store(layer) == 1
    assert emseg.store.open_labels(store)[5:9, 7].tolist() == [3] * 4
    assert save_to_store(layer) == 0
    with pytest.raises(ValueError, match="came from no store"):
        save_to_store(Labels(data))


def test_layers_of_one_store_keep_their_edits_apart(tmp_path: Path) -> None:
    place = str(tmp_path / "l.zarr")
    zarr.create_array(place, data=np.ones((60, 60), np.uint8), chunks=(20, 20))
    layers = []
    for _ in range(2):
        (data, attributes, _kind), *_ = store_reader(place)(place)  # type: ignore[misc]
        layers.append(Labels(data, **attributes))
    first, second = layers
    # As napari makes a copy of a layer.
    data, attributes, _kind = second.as_layer_data_tuple()
    third = Labels(data.copy(), **attributes)
    first.data[5, 5] = 3
    second.data[50, 50] = 4
    third.data[50, 5] = 2
    assert [save_to_store(one) for one in (first, second, third)] == [1, 1, 1]
    saved = emseg.store.open_labels(place)
    assert [int(saved[at]) for at in ((5, 5), (50, 50), (50, 5))] == [3, 4, 2]
    second.data[5, 6] = 2
    with pytest.raises(ValueError, match="1 of 1 edited chunks"):
        save_to_store(second)
    assert save_to_store(second, force=True) == 1
    # A copy knows what was saved before it was made; an edit taken back is one.
    data, attributes, _kind = second.as_layer_data_tuple()
    fourth = Labels(data.copy(), **attributes)
    fourth.data[50, 50] = 1
    assert save_to_store(fourth) == 1
    assert int(saved[50, 50]) == 1


def test_large_labels_stay_on_the_disk(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_layers, "_EDITABLE", 1000)
    layers = store_reader(str(store))(str(store))  # type: ignore[misc]
    viewer = ViewerModel()
    labels = viewer.add_labels(layers[1][0], **layers[1][1])
    assert labels.multiscale
    assert labels.data[0].shape == (700, 900)
    assert int(np.asarray(labels.data[1][10, 440])) == 3


def test_napari_finds_the_reader(store: Path, tmp_path: Path) -> None:
    path = Path(emseg.__file__).with_name("napari.yaml")
    manifest = npe2.PluginManifest.from_file(path)
    readers = manifest.contributions.readers or []
    patterns = [
        p for r in readers if r.accepts_directories for p in r.filename_patterns
    ]
    for place in (store, store / "labels" / "classes"):
        assert any(fnmatch(str(place), pattern) for pattern in patterns)
    (tmp_path / "none.zarr").mkdir()
    assert store_reader(str(tmp_path / "none.zarr")) is None
    assert store_reader([str(store)]) is None
