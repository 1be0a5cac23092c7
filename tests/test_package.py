"""The distribution: what is built from this folder works without it."""

from __future__ import annotations

import configparser
import itertools
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import tifffile
import yaml

from napari_emseg import __version__
from napari_emseg.cli.app import main
from napari_emseg.io.files import read_image, write_picture

ROOT = Path(__file__).parents[1]
CHECK = """
import pathlib, sys
import napari_emseg as emseg
from napari_emseg.io import samples
assert pathlib.Path(emseg.__file__).is_relative_to(sys.argv[1]), emseg.__file__
(image, _, _), (truth, _, _) = samples.scene()
assert image.shape[:2] == truth.shape
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
manifest = PluginManifest.from_distribution("napari-emseg")
for command in manifest.contributions.commands:
    assert callable(import_python_name(command.python_name))
"""


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
        if path.is_file() and "__pycache__" not in path.parts
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
    # What `make docs` makes is twenty times as large as all else.
    made = ("_build", "generated", "auto_examples")
    assert not any(path.name in made for path in (unpacked / "docs").rglob("*"))
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "-o",
         tmp_path / "again", unpacked],
        check=True, capture_output=True,
    )  # fmt: skip
    [again] = (tmp_path / "again").iterdir()
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as two:
        assert one.namelist() == two.namelist()


def test_scripts_of_the_readme_run(tmp_path):
    parts = (ROOT / "README.md").read_text().split("```python\n")[1:]
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    # What the oldest matplotlib calls of the newest pyparsing is nothing of ours; all
    # other warnings are errors.
    script = "\n".join(
        [
            "import warnings",
            "warnings.filterwarnings('ignore', '', DeprecationWarning, 'matplotlib')",
            *(part.split("```")[0] for part in parts),
        ]
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=True, cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    assert done.stdout.startswith(b"6 [")
    assert {"ellipses.png", "classes.geojson"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_commands_of_the_readme_run(tmp_path, monkeypatch, capsys):
    """One after the other, but for those that open a window."""
    monkeypatch.chdir(tmp_path)
    scene = read_image(ROOT / "sample_data" / "scene.png")[0]
    for name in ("photo.jpg", "other.jpg"):
        write_picture(name, scene[::2, ::2])
    tifffile.imwrite("slide.tif", scene[::2, ::2], photometric="rgb")
    lines = (ROOT / "README.md").read_text().split("```sh\nnapari-emseg ")[1]
    for line in lines.split("```")[0].split("\nnapari-emseg "):
        tokens = shlex.split(line, comments=True)
        if tokens[0] not in ("open", "demo"):
            found = [
                sorted(map(str, Path().glob(token))) or [token] for token in tokens
            ]
            assert main([token for part in found for token in part]) == 0
            assert capsys.readouterr().err == ""
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "labels.tif", "classes.png", "objects.csv", "classes.geojson", "model.json",
        "other.tif", "slide.ome.zarr", "again.tif", "sheet.png", "sheet.csv",
    } <= names  # fmt: skip
    assert "other_labels.tif" in {path.name for path in Path("results").iterdir()}


def spread(name):
    """Return the names that one with alternatives has, such as py{311,312}-newest."""
    parts = re.split(r"{(.*?)}", name)
    parts[1::2] = [part.split(",") for part in parts[1::2]]
    parts[::2] = [[part] for part in parts[::2]]
    return ["".join(chosen) for chosen in itertools.product(*parts)]


@pytest.fixture(scope="module")
def tox():
    """Return the settings of tox.ini, and the names of its environments."""
    found = configparser.ConfigParser(interpolation=None)
    found.read(ROOT / "tox.ini", "utf-8")
    names = found["tox"]["env_list"].split()
    return found["testenv"], [one for name in names for one in spread(name)]


def test_tox_knows_what_each_name_means(tox):
    """A factor that nothing explains would be the newest of all, unnoticed."""
    settings, names = tox
    assert len(names) == len(set(names))
    explained = re.findall(r"^(\w+): ", settings["description"], re.MULTILINE)
    assert {name.partition("-")[2] for name in names} == set(explained)
    used = re.findall(
        r"^(\w+): ",
        "\n".join(settings[key] for key in ("deps", "uv_resolution", "set_env")),
        re.MULTILINE,
    )
    assert {*used, "newest"} == set(explained)


def test_tox_has_each_python_and_the_floors(tox, project):
    settings, names = tox
    pythons = {
        found[1].replace(".", "")
        for line in project["classifiers"]
        if (found := re.search(r":: (3\.\d+)$", line))
    }
    assert {f"py{python}-newest" for python in pythons} <= set(names)
    assert {name.partition("-")[0] for name in names} <= {f"py{p}" for p in pythons}
    floors = dict(line.partition(">=")[::2] for line in project["dependencies"])
    deps = settings["deps"]
    assert f"numpy20: numpy=={floors['numpy']}.0.*" in deps
    opencv = ".".join(floors["opencv-python-headless"].split(".")[:2])
    assert f"opencv410: opencv-python-headless=={opencv}.*" in deps
    assert "napari[all]>=0.8" in project["optional-dependencies"]["all"]
    assert "napari080: napari==0.8.0" in deps


def test_public_ci_runs_the_environments_of_tox(tox):
    flow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text("utf-8"))
    job = flow["jobs"]["tox"]
    matrix = job["strategy"]["matrix"]
    assert sorted(matrix["env"]) == sorted(tox[1])
    assert {one["env"] for one in matrix["include"]} < set(tox[1])
    systems = {*matrix["os"], *(one["os"] for one in matrix["include"])}
    assert {name.partition("-")[0] for name in systems} == {
        "ubuntu", "macos", "windows",
    }  # fmt: skip
    assert "tox run -e ${{ matrix.env }} " in job["steps"][-1]["run"]


def test_manifest_at_the_top_is_that_of_the_package():
    assert (ROOT / "napari.yaml").samefile(ROOT / "napari_emseg" / "napari.yaml")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def conda():
    """Return the recipe for conda, with its two kinds of Jinja filled in."""
    text = (ROOT / "packaging" / "conda" / "meta.yaml").read_text()
    names = dict(re.findall(r'{% set (\w+) = "(.+)" %}', text))
    text = re.sub(r"{%.*%}\n", "", text).replace("{{ PYTHON }}", "python")
    text = re.sub(r"{{ (\w+)(\|lower|\[0\])? }}", lambda m: names[m[1]], text)
    return yaml.safe_load(text)


def test_one_version(conda):
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == conda["package"]["version"] == __version__
    assert f"-{__version__}.tar.gz" in conda["source"]["url"]


def test_conda_asks_for_what_pip_does(project, conda):
    elsewhere = {
        "matplotlib": "matplotlib-base",
        "opencv-python-headless": "py-opencv",
    }
    wanted = {"python": project["requires-python"]}
    for line in project["dependencies"]:
        name, _, floor = line.partition(">=")
        wanted[elsewhere.get(name, name)] = f">={floor}"
    wanted["py-opencv"] = wanted["py-opencv"].rpartition(".")[0]  # a build's number
    found = dict(line.split(" ", 1) for line in conda["requirements"]["run"])
    assert found == wanted


def test_conda_recipe_keeps_the_rules_of_its_linter(conda, project):
    """Those of conda-smithy that concern a package of pure Python."""
    text = (ROOT / "packaging" / "conda" / "meta.yaml").read_text()
    order = ["package", "source", "build", "requirements", "test", "about", "extra"]
    assert [*conda] == order
    assert {"home", "license", "license_file", "summary"} <= set(conda["about"])
    assert conda["about"]["license"] == project["license"]
    assert conda["extra"]["recipe-maintainers"]
    assert re.search("^  sha256: [0-9a-f]{64}$", text, re.MULTILINE)
    assert conda["source"]["url"].startswith("https://pypi.org/packages/source/")
    build = conda["build"]
    assert (build["noarch"], build["number"]) == ("python", 0)
    scripts = [f"{name} = {place}" for name, place in project["scripts"].items()]
    assert build["entry_points"] == scripts
    assert "--no-deps --no-build-isolation" in build["script"]
    # Built and tested with the oldest Python, as one package for all of them.
    least = project["requires-python"].removeprefix(">=")
    needs = conda["requirements"]
    assert [*needs] == ["host", "run", "run_constrained"]
    oldest = f"python {least}"
    assert oldest in needs["host"]
    assert oldest in conda["test"]["requires"]
    assert f"python >={least}" in needs["run"]
    assert {"pip", *project_backend()} <= set(needs["host"])
    assert "pip check" in conda["test"]["commands"]
    assert "pip" in conda["test"]["requires"]
    lines = [line for part in needs.values() for line in part]
    assert all(re.fullmatch(r"[a-z0-9-]+( [<>=]*[0-9.]+)?", line) for line in lines)
    # No selectors; names in braces have a space on both sides.
    assert not re.search(r"# \[", text)
    assert len(re.findall(r"{{ \S+ }}", text)) == text.count("{{")
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def project_backend():
    """Return the names of what builds this package."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"][
        "requires"
    ]


def test_addresses_are_of_one_repository(project):
    urls = project["urls"]
    home = urls["Repository"]
    assert {"Homepage", "Documentation", "Issues", "Changelog"} <= set(urls)
    assert urls["Issues"].startswith(home)
    assert urls["Changelog"].startswith(home)
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["repository-code"] == home
    assert cited["url"] == urls["Documentation"]
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/config.yml").read_text())
    assert urls["Documentation"] in {link["url"] for link in form["contact_links"]}


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_forms_of_issues_have_what_github_needs(name):
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields) >= 3
