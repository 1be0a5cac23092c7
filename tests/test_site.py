"""The pages of `docs`: their code runs, and their links, pictures and names exist."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

from napari_emseg.io.files import read_image, write_picture

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SCRIPTS = sorted(
    path
    for folder in ("tutorials", "methods", "examples")
    for path in (DOCS / folder).glob("plot_*.py")
)
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "sample_data").glob("*.md"),
    *(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
]
REFERENCE = sorted((DOCS / "reference").glob("*.rst"))
HOME = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][
    "Repository"
]
RAW = HOME.replace("//github.com", "//raw.githubusercontent.com")


@pytest.fixture
def drawing(monkeypatch):
    """Draw without a window; and leave no figure open."""
    import matplotlib.pyplot as plt

    before = plt.get_backend()
    plt.switch_backend("agg")
    monkeypatch.syspath_prepend(str(ROOT))
    yield plt
    plt.close("all")
    plt.switch_backend(before)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_run_and_draw(path, drawing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path))
    assert drawing.get_fignums()
    assert all(drawing.figure(n).axes for n in drawing.get_fignums())
    assert list(tmp_path.iterdir()) == []


def test_there_are_enough_of_them():
    counts = dict.fromkeys(("tutorials", "methods", "examples"), 0)
    for path in SCRIPTS:
        counts[path.parent.name] += 1
    assert counts["examples"] >= 15
    assert counts["tutorials"] == 6
    assert counts["methods"] >= 10


@pytest.mark.parametrize(
    "path", [p for p in SCRIPTS if p.parent.name == "methods"], ids=lambda p: p.stem
)
def test_each_method_has_formula_paper_and_limits(path):
    text = path.read_text("utf-8")
    assert ".. math::" in text
    assert re.search(r"\*\*What (it|they) cannot do\.\*\*", text)
    assert (
        {*re.findall(r"\[(\d)\]_", text)}
        == {*re.findall(r"^# \.\. \[(\d)\] ", text, re.MULTILINE)}
        != set()
    )


def test_code_of_the_pages_runs(drawing, capsys, tmp_path, monkeypatch):
    """All Python of a section in one go, in the order of its table of contents."""
    monkeypatch.chdir(tmp_path)
    scripts = [[DOCS / "start.md"], [DOCS / "howto" / "index.md"]]
    scripts[1] += [
        DOCS / "howto" / f"{name}.md" for name in ("segment", "edit", "objects", "many")
    ]
    for pages in scripts:
        parts = [
            part
            for page in pages
            for part in re.findall(
                r"```python\n(.*?)```", page.read_text("utf-8"), re.S
            )
        ]
        exec("\n".join(parts), {"__name__": "page"})
        assert "False" not in capsys.readouterr().out


def targets(path):
    """Yield the files that a page links to or shows, as it names them."""
    text = re.sub(r"```(?!\{).*?```", "", path.read_text("utf-8"), flags=re.S)
    for found in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", found):
            yield unquote(found.split("#")[0])
    yield from re.findall(r"\{(?:image|include)\} (\S+)", text)
    yield from re.findall(r"^:link: (\S+)$", text, re.MULTILINE)
    yield from re.findall(r"\{button-ref\} (\S+)", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_and_pictures_of_pages_are_there(path):
    for target in targets(path):
        # A page of the gallery is made of the script of the same name.
        source = re.sub(r"\bauto_", "", target)
        place = path.parent / source
        endings = ("", ".md", ".rst", ".py")
        index = place.name == "index" and (place.parent / "GALLERY_HEADER.rst").exists()
        assert index or any(
            place.with_name(place.name + ending).exists() for ending in endings
        ), target


def in_tree(address):
    """Return the path that an address of the repository has, or None."""
    for kind, there in (
        (f"{HOME}/blob/main/", Path.is_file),
        (f"{HOME}/tree/main/", Path.is_dir),
        (f"{RAW}/main/", Path.is_file),
    ):
        if address.startswith(kind):
            path = ROOT / unquote(address.removeprefix(kind).split("#")[0])
            assert there(path), address
            return path
    return None


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_addresses_of_the_repository_are_there(path):
    for address in re.findall(r"\bhttps://[^\s<>)\]}]+", path.read_text("utf-8")):
        if address.startswith((f"{HOME}/blob", f"{HOME}/tree", RAW)):
            assert in_tree(address) is not None, address


def test_the_readme_shows_itself_anywhere():
    """On the page of a package nothing is beside it."""
    text = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text("utf-8"), flags=re.S)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", text)
    assert all(address.startswith("https://") for _, address in links)
    shown = [address for picture, address in links if picture]
    assert all(address.startswith(f"{RAW}/main/") for address in shown)
    moving, *still = map(in_tree, shown)
    assert moving.suffix == ".gif"
    assert moving.stat().st_size < 2_000_000
    assert all(path.suffix in (".png", ".jpg") for path in still)
    assert sum(path.stat().st_size for path in still) < 1_000_000


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split()) < 1100
    for language in ("python", "sh"):
        for part in re.findall(rf"```{language}\n(.*?)```", text, re.S):
            assert len([line for line in part.splitlines() if line]) <= 10


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_references_of_scripts_are_there(path):
    from pydoc import locate

    text = path.read_text("utf-8")
    for name in re.findall(r":(?:func|class|mod):`(napari_emseg[\w.]*)`", text):
        assert locate(name) is not None, name
    for page in re.findall(r":ref:`[^`]*<sphx_glr_auto_(\w+?)_(plot_\w+)\.py>`", text):
        assert (DOCS / page[0] / f"{page[1]}.py").exists(), page


def listed():
    """Return the names that the reference has, with their modules."""
    names = []
    for path in REFERENCE:
        module = ""
        lines = path.read_text("utf-8").splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            if line.startswith(".. currentmodule:: "):
                module = line.removeprefix(".. currentmodule:: ")
            elif re.fullmatch(r"   \w+", line) and path.stem != "index":
                names.append(f"{module}.{line.strip()}")
            assert not before.startswith("..") or line.startswith(("   :", "", ".."))
    return names


def public():
    """Return each public name, once."""
    import napari_emseg as emseg

    values = (getattr(emseg, name) for name in emseg.__all__)
    modules = [value for value in values if isinstance(value, ModuleType)]
    found = set()
    for module in (emseg, *modules):
        for name in getattr(module, "__all__", vars(module)):
            value = getattr(module, name)
            home = getattr(value, "__module__", None) or ""
            own = hasattr(module, "__all__") or home == module.__name__
            if callable(value) and not name.startswith("_") and own:
                found.add((name, value))
    return found


def test_the_reference_has_every_public_name():
    from pydoc import locate

    names = listed()
    assert len(names) == len(set(names))
    found = {(name.rpartition(".")[2], locate(name)) for name in names}
    assert None not in {value for _, value in found}
    assert {name for name, _ in public() - found} == set()


def test_the_reference_has_every_command():
    from napari_emseg.cli.app import app

    page = (DOCS / "reference" / "command.rst").read_text("utf-8")
    found = re.findall(r"command-help:: (\w+)", page)
    commands = {name for name in app if not name.startswith("-")}
    assert set(found) - {"all"} == commands
    assert len(found) == len(set(found))


def test_commands_of_the_pages_run(tmp_path, monkeypatch, capsys):
    """One after the other, but for those that install, or open a window."""
    from napari_emseg.cli.app import main

    monkeypatch.chdir(tmp_path)
    scene = read_image(ROOT / "sample_data" / "scene.png")[0]
    write_picture("photo.jpg", scene[::3, ::3])
    text = (DOCS / "start.md").read_text("utf-8")
    [line] = re.findall(r"^napari-emseg segment .*$", text, re.MULTILINE)
    assert main(line.split()[1:]) == 0
    assert capsys.readouterr().err == ""
    assert Path("labels.tif").exists()
