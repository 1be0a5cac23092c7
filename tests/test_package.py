"""The distribution: what is built from this folder works without it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECK = """
import pathlib, sys
import napari_emseg as emseg
from napari_emseg import samples
assert pathlib.Path(emseg.__file__).is_relative_to(sys.argv[1]), emseg.__file__
(image, _, _), (truth, _, _) = samples.scene()
assert image.shape[:2] == truth.shape
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
manifest = PluginManifest.from_distribution("napari-emseg")
for command in manifest.contributions.commands:
    assert callable(import_python_name(command.python_name))
"""


# Of the README, which nobody needs who installs.
PICTURES = ("panel*.png", "model*.png", "sheet*.jpg")


def build(folder, *what):
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *what, "-o", folder, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    [made] = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"), "--wheel")


def test_wheel_holds_all_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info" not in name}
        about = {Path(name).name: name for name in archive.namelist()}
        entry_points = archive.read(about["entry_points.txt"]).decode()
    package = ROOT / "napari_emseg"
    files = {
        path.relative_to(ROOT).as_posix()
        for folder in (package, package / "sample_data")
        for path in folder.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not any(path.match(name) for name in PICTURES)
    }
    assert held == files
    assert {"napari_emseg/napari.yaml", "napari_emseg/sample_data/scene.png"} <= held
    assert "napari-emseg = napari_emseg:napari.yaml" in entry_points
    assert "LICENSE" in about


def test_wheel_works_without_this_folder(wheel, tmp_path):
    installed = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--target", installed, wheel],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        [sys.executable, "-c", CHECK, installed],
        check=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(installed)},
    )  # fmt: skip


def test_source_archive_makes_the_same_wheel(wheel, tmp_path):
    source = build(tmp_path / "source", "--sdist")
    with tarfile.open(source) as archive:
        # Python 3.11 knows the filter from 3.11.4 on.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    [unpacked] = (path for path in tmp_path.iterdir() if path.name != "source")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "-o",
         tmp_path / "again", unpacked],
        check=True, capture_output=True,
    )  # fmt: skip
    [again] = (tmp_path / "again").iterdir()
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as two:
        assert one.namelist() == two.namelist()


def test_script_of_the_readme_runs():
    script = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True
    )
    assert done.stdout.startswith(b"6 [")


def test_manifest_at_the_top_is_that_of_the_package():
    assert (ROOT / "napari.yaml").samefile(ROOT / "napari_emseg" / "napari.yaml")
