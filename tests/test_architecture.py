"""Check the design as far as a machine can: the order of imports, sizes and names."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_emseg"
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if "sample_data" not in path.parts
)
# A part imports only what stands before it; so does a part of a part. The parts of one
# line do not import each other.
ORDER = {
    "": """
        engine
        params
        io
        pipeline
        select
        regions
        exchange
        adjust
        recipe
        plot
        batch
        layers
        widgets
        cli
        __main__
        __init__
    """,
    "engine": """
        _types user_warnings kept_property
        image
        cells
        cluster
        mrf
        labels
        hierarchy
        scribbles
    """,
    "widgets": """
        common
        guide
        edit model results
        objects
        segment
        series
        compare
        manifest_commands points_panel
        exchange_commands batch_commands
    """,
}
MOST_LINES = 500
MOST_FILES = 18  # of a folder
MOST_PARTS = 16  # of the package, __init__ and __main__ counted
# Modules that mean the same in each of their folders.
SHARED_NAMES = {"__init__", "panel"}
ENGINE_NEEDS = {"numpy", "scipy", "cv2", "skimage", "napari_emseg"}
OF_A_WINDOW = {"napari", "qtpy", "superqt", "PyQt6", "vispy", "magicgui", "matplotlib"}
HEAVY = {"numpy", "scipy", "cv2", "skimage", "pydantic", "tifffile", "imageio", "PIL"}
UNUSED = {"scipy.optimize", "scipy.interpolate", "scipy.fft", "scipy.stats", "pandas"}
MAY_OPEN_ONE = ("layers", "widgets", "plot", "cli.window")


def name_of(path):
    """Return the dotted name of a module, without that of the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts)


NAMES = {name_of(path): path for path in MODULES}


@cache
def trees():
    """Return what each module says, by its name."""
    return {name: ast.parse(path.read_text()) for name, path in NAMES.items()}


def lies_in(name, part):
    """Tell whether a module is a part, or lies in it."""
    return not part or f"{name}.".startswith(f"{part}.")


def imports(name):
    """Yield the full names that a module imports, anywhere in it."""
    for node in ast.walk(trees()[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name):
    """Yield the modules of this package that a module imports."""
    for full in imports(name):
        root, _, inner = full.partition(".")
        if root != "napari_emseg" or inner == "__version__":
            continue
        while inner and inner not in NAMES:
            inner = inner.rpartition(".")[0]
        yield inner or "__init__"


def report(found):
    """Fail with one line for each thing that was found."""
    lines = [*found]
    assert not lines, "\n" + "\n".join(lines)


@pytest.mark.parametrize("part", ORDER)
def test_imports_point_one_way(part):
    place = {
        f"{part}.{one}".strip("."): row
        for row, line in enumerate(ORDER[part].strip().splitlines())
        for one in line.split()
    }

    def part_of(name):
        return next((one for one in place if lies_in(name, one)), None)

    inside = [name for name in NAMES if lies_in(name, part) and name != part]
    report(f"{name} has no place in ORDER" for name in inside if not part_of(name))
    report(
        f"{name} imports {other}"
        for name in inside
        for other in own_imports(name)
        if (there := part_of(other)) not in (None, part_of(name))
        and place[there] >= place[part_of(name)]
    )


def test_imports_do_not_go_in_circles():
    graph = {name: {*own_imports(name)} - {name} for name in NAMES}
    assert len([*graphlib.TopologicalSorter(graph).static_order()]) == len(NAMES)


def test_foreign_imports():
    roots = {name: {full.split(".")[0] for full in imports(name)} for name in NAMES}
    report(
        f"{name} imports {roots[name] & OF_A_WINDOW}"
        for name in NAMES
        if roots[name] & OF_A_WINDOW
        and not any(lies_in(name, part) for part in MAY_OPEN_ONE)
    )
    report(
        f"{name} imports {roots[name] - ENGINE_NEEDS}"
        for name in NAMES
        if lies_in(name, "engine")
        and not roots[name] <= ENGINE_NEEDS | sys.stdlib_module_names
    )


def test_sizes():
    lines = {name: path.read_text().count("\n") for name, path in NAMES.items()}
    report(f"{name}: {n} lines" for name, n in lines.items() if n > MOST_LINES)
    files = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES)
    report(f"{folder}: {n} files" for folder, n in files.items() if n > MOST_FILES)
    assert len({name.split(".")[0] for name in NAMES}) <= MOST_PARTS


def test_a_name_means_one_thing():
    """Neither two modules nor two classes share a name; none is called utils."""
    modules = Counter(path.stem for path in MODULES)
    report(f"{n} modules {name}" for name, n in modules.items()
           if n > 1 and name not in SHARED_NAMES)  # fmt: skip
    classes = Counter(
        node.name
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    report(f"{n} classes {name}" for name, n in classes.items() if n > 1)
    assert "utils" not in {part for name in NAMES for part in name.split(".")}


def test_the_tree_of_the_docs():
    """Each folder is in the tree of the page, and no module that does not exist."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    tree = page.split("```\nnapari_emseg/\n")[1].split("```")[0]
    words = {word.strip(",:") for word in tree.split()}
    names = {path.stem for path in MODULES} | {PACKAGE.name}
    report(f"{word} does not exist" for word in words if "_" in word.strip("_")
           if word.removesuffix(".pyi") not in names)  # fmt: skip
    folders = {path.parent.name for path in MODULES} - {PACKAGE.name}
    report(f"{name}/ is not in the tree" for name in folders if f"{name}/" not in words)


def test_each_test_has_its_module():
    """A test file lies where its module lies; what is not of one module lies on top."""
    modules = {path.relative_to(PACKAGE) for path in MODULES}
    report(
        f"{path.relative_to(ROOT)} tests no module of that name"
        for path in sorted((ROOT / "tests").glob("*/**/test_*.py"))
        if (inner := path.relative_to(ROOT / "tests")).parts[0] != "golden"
        and inner.with_name(inner.name.removeprefix("test_")) not in modules
    )


def test_warnings_of_runs_belong_to_them():
    """Those of Python go to all threads, or to another one."""
    report(
        f"{name}: use warn_user of napari_emseg.engine.user_warnings"
        for name in NAMES
        if any(lies_in(name, part) for part in ("engine", "pipeline"))
        and name != "engine.user_warnings"
        and {"warnings", "warnings.warn"} & {*imports(name)}
    )


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


@pytest.mark.parametrize("token", ["--help", "--version"])
def test_help_of_the_command_loads_nothing_that_computes(token):
    """It is typed to learn something, and waited for."""
    code = (
        "import sys; from napari_emseg.cli import main; main(sys.argv[1:])\n"
        f"heavy = {HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, token], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert done.stdout


def test_import_loads_nothing_but_itself():
    """Everything else waits until a name is used."""
    code = (
        "import sys; before = {*sys.modules}; import napari_emseg\n"
        "print({name.split('.')[0] for name in {*sys.modules} - before"
        " if not name.startswith('_')} - {*sys.stdlib_module_names})"
    )
    told = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert ast.literal_eval(told) <= {"napari_emseg", "lazy_loader", "packaging"}


def test_a_segmentation_needs_no_large_part_of_scipy():
    """Half of the time of a first result, of which most runs need nothing."""
    code = (
        "import sys; import numpy as np, napari_emseg as emseg\n"
        "image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)\n"
        "emseg.segment(image, n_classes=2)\n"
        f"loaded = {UNUSED!r} & {{*sys.modules}}\n"
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
