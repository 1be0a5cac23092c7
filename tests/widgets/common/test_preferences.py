"""Preferences, as napari keeps them."""

from __future__ import annotations

import napari.settings
import npe2
import numpy as np
import pytest
from napari._qt.dialogs.preferences_dialog import PreferencesDialog
from npe2 import PluginManifest

from napari_emseg import Params
from napari_emseg.regions import Edit
from napari_emseg.widgets.common.preferences import AUTO, Preferences, preferred
from napari_emseg.widgets.edit.panel import EditWidget
from napari_emseg.widgets.segment.panel import SegmentWidget


@pytest.fixture
def kept():
    return napari.settings.get_plugin_settings("napari-emseg")


def test_defaults_are_those_of_the_package():
    assert preferred() == Preferences()
    assert preferred().params == Params()


def test_manifest_offers_what_the_form_offers():
    manifest = PluginManifest.from_distribution("napari-emseg")
    offered = manifest.contributions.configurations["segment"].properties
    declared = Params.model_json_schema()["properties"]
    for name, prop in offered.items():
        if name == "live":
            continue
        field = declared[name]
        names = field.get("names", {})
        assert (prop.enum or []) == [names[word] for word in field.get("enum", [])]
        assert prop.default == names.get(field["default"], field["default"])
    number = declared["n_classes"]["anyOf"][0]
    classes = offered["n_classes"]
    assert (classes.minimum, classes.maximum) == (AUTO, number["maximum"])
    assert number["minimum"] - 1 == AUTO
    smoothing = offered["smoothing"]
    assert smoothing.minimum == declared["smoothing"]["minimum"]
    assert smoothing.maximum == declared["smoothing"]["maximum"]


@pytest.mark.parametrize("method", ["EM", "K-means"])
@pytest.mark.parametrize("color", ["automatic", "HSV", "as it is"])
def test_words_are_values(kept, method, color):
    kept.segment.update({"method": method, "color": color, "n_classes": 0})
    found = preferred().params
    names = {
        field: Params.model_fields[field].json_schema_extra["names"]
        for field in ("method", "color")
    }
    assert names["method"][found.method] == method
    assert names["color"][found.color] == color
    assert found.n_classes == "auto"


def test_they_outlive_the_session(kept, monkeypatch):
    kept.segment.update({"method": "K-means", "n_classes": 7, "smoothing": 2.5})
    kept.segment.live = False
    kept.undo.megabytes = 3
    monkeypatch.setattr(napari.settings, "_PLUGIN_SETTINGS", {})
    assert preferred() == Preferences(
        Params(method="kmeans", n_classes=7, smoothing=2.5), False, 3 * 2**20
    )


def test_a_spoiled_file_costs_no_more_than_what_is_spoiled(tmp_path):
    (tmp_path / "napari-emseg.yaml").write_text(
        "segment: {n_classes: many, smoothing: 3}\nundo: {megabytes: -4}\n"
    )
    assert preferred() == Preferences(Params(smoothing=3))


def test_defaults_where_the_plugin_is_disabled(monkeypatch):
    # Not by its method, which napari would write into the user's settings.
    manager = npe2.PluginManager.instance()
    monkeypatch.setattr(manager, "_disabled_plugins", {"napari-emseg"})
    assert preferred() == Preferences()


def test_defaults_where_napari_keeps_none(monkeypatch):
    monkeypatch.delattr(napari.settings, "get_plugin_settings")
    assert preferred() == Preferences()


def test_dialog_shows_and_keeps_them(viewer, kept):
    dialog = PreferencesDialog(parent=viewer.window._qt_window)
    pages = [dialog._list.item(i).text() for i in range(dialog._list.count())]
    assert pages[-1] == "EM color segmentation"
    page = dialog._stack.widget(dialog._stack.count() - 1).widget()
    start = page.layout().itemAt(0).widget().widget
    assert start.state == kept.segment.model_dump()
    start.on_changed.emit(start.state | {"n_classes": 9})
    assert preferred().params.n_classes == 9


def test_panel_starts_with_them(viewer, kept):
    kept.segment.update({"method": "K-means", "n_classes": 0, "color": "HSV"})
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel)
    assert panel.form.params == Params(method="kmeans", n_classes="auto", color="hsv")


def test_history_is_capped_where_they_say(viewer, kept, told):
    kept.undo.megabytes = 1
    layer = viewer.add_labels(np.zeros((800, 800), np.uint8))
    viewer.add_image(np.zeros((800, 800), np.uint8))
    panel = EditWidget(viewer)
    viewer.window.add_dock_widget(panel)
    rng = np.random.default_rng(1)
    for _ in range(3):
        noise = rng.integers(1, 250, layer.data.shape, dtype=np.uint8)
        panel.session.apply([(layer, Edit((slice(None), slice(None)), noise))])
    assert len(layer._undo_history) == 1
    assert any("limited to 1 MB" in message for _, message in told)
