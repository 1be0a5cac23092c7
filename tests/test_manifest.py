"""What the plugin tells napari."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

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


def test_the_panels_are_in_the_menus(manifest):
    menus = manifest.contributions.menus
    for menu, panel in (
        ("segment", "segment"),
        ("classify", "segment"),
        ("annotate", "edit"),
    ):
        first = menus[f"napari/layers/{menu}"][0]
        assert first.command == f"napari-emseg.{panel}"


def test_every_command_is_in_a_menu(manifest):
    found = manifest.contributions
    # Samples and ways to read and write files have places of their own in napari.
    files = [*(found.readers or ()), *(found.writers or ())]
    apart = {one.command for one in [*found.sample_data, *files]}
    offered = {item.command for menu in found.menus.values() for item in menu}
    assert {command.id for command in found.commands} - apart == offered
    names = ("segment", "classify", "annotate", "measure")
    assert set(found.menus) == {f"napari/layers/{name}" for name in names}


def test_the_icon_is_a_square_picture_of_the_package(manifest):
    package, name = manifest.icon.split(":")
    icon = ElementTree.fromstring((files(package) / name).read_text("utf-8"))
    assert icon.tag.endswith("svg")
    assert icon.get("viewBox") == "0 0 128 128"
