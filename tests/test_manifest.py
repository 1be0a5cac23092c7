"""What the plugin tells napari."""

from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution("napari-emseg")


def test_every_command_can_be_imported(manifest):
    manifest.validate_imports()


def test_the_file_at_the_top_is_the_one_in_the_package():
    assert (ROOT / "napari.yaml").read_text() == (
        ROOT / "napari_emseg" / "napari.yaml"
    ).read_text()


def test_the_panel_is_in_the_menus(manifest):
    menus = manifest.contributions.menus
    for menu in ("napari/layers/segment", "napari/layers/classify"):
        assert [item.command for item in menus[menu]] == ["napari-emseg.segment"]
