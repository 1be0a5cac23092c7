"""The design, as far as a machine can see it: who imports whom, and how much."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_emseg"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if "sample_data" not in path.parts
)
# A part imports only what stands above it. A package is one part; inside of it,
# imports must not go in circles.
ORDER = [
    "engine",
    "params",
    "tiles",
    "source",
    "thumbnail",
    "table",
    "progress",
    "threads",
    "workers",
    "posteriors",
    "smoothing",
    "choice",
    "fits",
    "segmentation",
    "segment",
    "demo",
    "settings",
    "sweep",
    "live",
    "cloud",
    "frames",
    "trees",
    "select",
    "regions",
    "adjust",
    "plot",
    "losses",
    "formats",
    "targets",
    "spacing",
    "files",
    "movie",
    "sheet",
    "recipe",
    "samples",
    "layers",
    "widgets",
    "window",
    "options",
    "cli",
    "__main__",
    "__init__",
]
LONGEST = 350
ENGINE_NEEDS = {"numpy", "scipy", "cv2", "skimage", "napari_emseg"}
OF_A_WINDOW = {"napari", "qtpy", "superqt", "PyQt6", "vispy", "magicgui", "matplotlib"}
MAY_OPEN_ONE = {"layers", "widgets", "window", "plot", "sheet"}


def name_of(path):
    """Return the dotted name of a module, without that of the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)


NAMES = {name_of(path): path for path in MODULES}


def part_of(name):
    return name.split(".")[0]


def imports(path):
    """Yield the full names that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path):
    """Yield the modules of this package that a module imports."""
    for full in imports(path):
        root, _, inner = full.partition(".")
        if root != "napari_emseg":
            continue
        while inner and inner not in NAMES:
            inner = inner.rpartition(".")[0]
        yield inner or "__init__"


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_one_way(name):
    assert part_of(name) in ORDER, "give the new module its place in ORDER"
    place = ORDER.index(part_of(name))
    for other in own_imports(NAMES[name]):
        if part_of(other) != part_of(name):
            assert ORDER.index(part_of(other)) < place, f"{name} imports {other}"


def test_imports_do_not_go_in_circles():
    graph = {name: {*own_imports(path)} - {name} for name, path in NAMES.items()}
    assert len([*graphlib.TopologicalSorter(graph).static_order()]) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_foreign_imports(name):
    roots = {full.split(".")[0] for full in imports(NAMES[name])}
    if part_of(name) not in MAY_OPEN_ONE:
        assert not roots & OF_A_WINDOW
    if part_of(name) == "engine":
        assert roots <= ENGINE_NEEDS | sys.stdlib_module_names


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short(path):
    lines = path.read_text().count("\n")
    assert lines <= LONGEST


def test_names():
    assert "utils" not in {part for name in NAMES for part in name.split(".")}


@pytest.mark.parametrize("module", ["napari_emseg", "napari_emseg.cli"])
def test_import_loads_no_window(module):
    code = (
        f"import sys, {module}\n"
        f"loaded = {OF_A_WINDOW!r} & {{name.split('.')[0] for name in sys.modules}}\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_import_undoes_the_plugin_path_of_opencv():
    """The plain OpenCV wheel sends every Qt of the process to its own Qt 5."""
    code = (
        "import os, cv2\n"
        "folder = os.path.join(os.path.dirname(cv2.__file__), 'qt', 'plugins')\n"
        "os.environ['QT_QPA_PLATFORM_PLUGIN_PATH'] = folder\n"
        "os.environ['QT_QPA_FONTDIR'] = folder\n"
        "import napari_emseg\n"
        "assert 'QT_QPA_PLATFORM_PLUGIN_PATH' not in os.environ\n"
        "assert 'QT_QPA_FONTDIR' not in os.environ\n"
        "os.environ['QT_QPA_PLATFORM_PLUGIN_PATH'] = '/usr/lib/qt6/plugins'\n"
        "import importlib; importlib.reload(napari_emseg.engine)\n"
        "assert os.environ['QT_QPA_PLATFORM_PLUGIN_PATH'] == '/usr/lib/qt6/plugins'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
