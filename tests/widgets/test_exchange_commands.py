"""Export, import, schemes of classes and stains, in a real viewer."""

from __future__ import annotations

import json

import npe2
import numpy as np
import pytest
from napari.layers import Labels, Shapes
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog

import napari_emseg as emseg
from napari_emseg.exchange import ClassScheme, read_objects
from napari_emseg.layers import add_selection, recipe_of
from napari_emseg.layers.classes import (
    class_color,
    class_keys,
    class_name,
    paint_class,
    rename_class,
)
from napari_emseg.layers.instances.object_layer import is_objects, objects_of
from napari_emseg.widgets import exchange_commands as commands
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.results.scheme_dialog import SchemeDialog

COLORS = np.uint8([[40, 30, 90], [190, 120, 160], [240, 235, 240]])


def tissue(order=(0, 1, 2), shift=0):
    """Three bands of color, with a little noise."""
    image = COLORS[np.array(order)].repeat(8, axis=0)[:, None].repeat(24, axis=1)
    noise = np.random.default_rng(0).integers(0, 6, image.shape)
    return (image.astype(int) - noise - shift).clip(0, 255).astype(np.uint8)


@pytest.fixture
def layer(viewer):
    inspector_of(viewer)
    image = viewer.add_image(tissue(), name="tissue", scale=(0.5, 0.5), rgb=True)
    layer = emseg.add_to(viewer, emseg.segment(image.data, n_classes=3), image)
    rename_class(layer, 1, "nuclei")
    paint_class(layer, 1, (1, 0, 0))
    viewer.layers.selection.active = layer
    return layer


def wait(qtbot, viewer):
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)


def answer(monkeypatch, path):
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_: (str(path), ""))


def test_export_and_import(layer, viewer, qtbot, monkeypatch, tmp_path):
    answer(monkeypatch, path := tmp_path / "a.geojson")
    commands.export_objects(viewer)
    wait(qtbot, viewer)
    found = json.loads(path.read_text())["features"][0]["properties"]
    assert found["classification"] == {"name": "nuclei", "color": [255, 0, 0]}
    before = [*viewer.layers]
    commands.import_objects(viewer)
    wait(qtbot, viewer)
    [made] = [one for one in viewer.layers if one not in before]
    assert (made.data == layer.data).all()
    assert class_name(made, 1) == "nuclei"
    np.testing.assert_allclose(class_color(made, 1), [1, 0, 0])
    np.testing.assert_allclose(made.scale, layer.scale)


def test_objects_keep_their_classes(layer, viewer, qtbot, monkeypatch, tmp_path):
    objects = emseg.Objects.of([[1, 0, 2]] * 2, {1: 4, 2: 4}, class_names={4: "nuclei"})
    viewer.layers.clear()
    viewer.add_image(np.zeros((2, 3)))
    viewer.layers.selection.active = emseg.add_to(viewer, objects)
    answer(monkeypatch, tmp_path / "a.geojson")
    commands.export_objects(viewer)
    wait(qtbot, viewer)
    commands.import_objects(viewer)
    wait(qtbot, viewer)
    made = viewer.layers["a.geojson"]
    assert is_objects(made)
    assert objects_of(made).class_names == {4: "nuclei"}
    assert (made.data == objects.labels).all()


def test_shapes_there_and_back(layer, viewer, qtbot):
    """Also where the shapes lie otherwise than the image."""
    commands.show_polygons(viewer)
    wait(qtbot, viewer)
    shapes = viewer.layers["tissue classes polygons"]
    assert isinstance(shapes, Shapes)
    np.testing.assert_allclose(shapes.scale, layer.scale)
    data = [2 * corners + 3 for corners in shapes.data]
    moved = viewer.add_shapes(
        data,
        shape_type="polygon",
        features=shapes.features,
        scale=shapes.scale / 2,
        translate=-3 * shapes.scale / 2,
        name="moved",
    )
    viewer.layers.selection.active = moved
    commands.import_objects(viewer)
    made = viewer.layers[-1]
    assert (made.data == layer.data).all()


def test_what_is_not_of_this_image(layer, viewer, qtbot, monkeypatch, tmp_path):
    emseg.export(np.ones((50, 50), int), path := tmp_path / "a.geojson")
    answer(monkeypatch, path)
    before, told = [*viewer.layers], notification_manager.records
    for text in (path.read_text(), "{"):
        path.write_text(text)
        commands.import_objects(viewer)
        wait(qtbot, viewer)
        assert [*viewer.layers] == before
        assert ("not of this image" if text != "{" else "no JSON") in told[-1].message
    viewer.add_shapes(np.array([[0, 0], [0, 90], [90, 90]]), shape_type="polygon")
    commands.import_objects(viewer)
    assert "not of this image" in told[-1].message
    assert [*viewer.layers][:-1] == before


def scheme_dialog(qtbot):
    def find():
        windows = QApplication.topLevelWidgets()
        return [w for w in windows if isinstance(w, SchemeDialog) and w.isVisible()]

    qtbot.waitUntil(lambda: len(find()) == 1, timeout=20_000)
    return find()[0]


def test_scheme_of_one_for_another(layer, viewer, qtbot, monkeypatch, tmp_path):
    """Numbers, names, colors and keys; shown before; the labels stay as they were."""
    layer.metadata = layer.metadata | {"emseg keys": {7: 1}}
    answer(monkeypatch, path := tmp_path / "scheme.json")
    commands.save_scheme(viewer)
    wait(qtbot, viewer)
    scheme = ClassScheme.load(path)
    assert (scheme.classes[0].name, scheme.classes[0].key) == ("nuclei", 7)
    viewer.layers.clear()
    # Without nuclei, so that classes 1 and 2 are 2 and 3 of the scheme.
    image = viewer.add_image(tissue((2, 1, 2), shift=8), name="other", rgb=True)
    other = emseg.add_to(viewer, emseg.segment(image.data, n_classes=2), image)
    viewer.layers.selection.active = other
    before = other.data.copy()
    commands.apply_scheme(viewer)
    dialog = scheme_dialog(qtbot)
    assert dialog.numbers == {1: 2, 2: 3}
    assert [*viewer.layers] == [image, other]
    dialog.accept()
    made = viewer.layers[-1]
    assert (made.data == before + 1).all()
    assert (other.data == before).all()
    assert not other.visible
    assert class_name(made, 1) == "nuclei"
    assert class_keys(made) == {7: 1}
    assert (recipe_of(viewer, made).replay(image.data).labels == made.data).all()


def test_classes_that_merge_in_a_scheme(layer, viewer, qtbot, monkeypatch, tmp_path):
    answer(monkeypatch, path := tmp_path / "scheme.json")
    ClassScheme.from_result(layer, tissue()).save(path)
    commands.apply_scheme(viewer)
    dialog = scheme_dialog(qtbot)
    box = dialog.rows[3]
    box.setCurrentIndex(box.findData(1))
    assert "merge" in dialog.news.text()
    dialog.accept()
    made = viewer.layers[-1]
    assert (made.data == np.where(layer.data == 3, 1, layer.data)).all()
    assert (recipe_of(viewer, made).replay(tissue()).labels == made.data).all()


def test_no_scheme(layer, viewer, monkeypatch, tmp_path):
    answer(monkeypatch, path := tmp_path / "scheme.json")
    path.write_text("{}")
    said = []
    monkeypatch.setattr(
        "napari_emseg.widgets.manifest_commands.tell_error", said.append
    )
    before = [*viewer.layers]
    commands.apply_scheme(viewer)
    assert "holds no scheme" in said[0]
    assert [*viewer.layers] == before


def test_stain_layers(layer, viewer, qtbot, monkeypatch):
    image = viewer.layers["tissue"]
    viewer.layers.selection.active = image
    monkeypatch.setattr(
        QInputDialog, "getItem", lambda *_: ("hematoxylin and eosin", True)
    )
    commands.show_stains(viewer)
    wait(qtbot, viewer)
    made = viewer.layers["tissue eosin"]
    assert viewer.layers.selection.active is image
    expected = emseg.stain_densities(image.data, "he")
    assert (made.data == expected[..., 1]).all()
    np.testing.assert_allclose(made.scale, image.scale)


def test_stains_of_saved_selections(layer, viewer, qtbot, monkeypatch):
    image = viewer.layers["tissue"]
    viewer.layers.selection.active = image
    said = []
    monkeypatch.setattr(
        "napari_emseg.widgets.manifest_commands.tell_error", said.append
    )
    commands.find_stains(viewer)
    assert "0 saved selections" in said[0]
    masks = np.zeros((2, 24, 24), bool)
    masks[0, :8], masks[1, 8:16] = True, True
    for name, mask in zip(("blue", "pink"), masks, strict=True):
        data = mask * np.uint8(255)
        add_selection(viewer, image, name=name, kind="saved", data=data)
    commands.find_stains(viewer)
    wait(qtbot, viewer)
    panel = commands.open_panel(viewer, commands.SegmentWidget, "Segment")
    found = panel.form.params
    assert found.color == "stains"
    expected = emseg.stain_vectors(image.data, *masks)
    assert found == found.replace(stains=expected)
    assert panel.form["stains"].visible


@pytest.mark.parametrize("ending", ["geojson", "json", "zip"])
def test_napari_writes_it(layer, tmp_path, ending):
    path = str(tmp_path / f"a.{ending}")
    npe2.PluginManager.instance().discover()
    npe2.write(path, [layer.as_layer_data_tuple()], plugin_name="napari-emseg")
    found = read_objects(path, layer.data.shape)
    assert (found.labels == layer.data).all()
    assert found.class_of_label(1).name == "nuclei"


def test_no_objects(viewer):
    with pytest.raises(ValueError, match="labels count"):
        emseg.export(Labels(np.array([[-1]])).data, "a.zip")
