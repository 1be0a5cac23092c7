"""Docstrings of public functions: complete, as the numpy standard has it."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest

import napari_emseg as emseg

MODULES = ("select", "regions", "adjust", "plot", "files", "sweep")
SECTION = re.compile(r"^([A-Z][a-z]+(?: [A-Z][a-z]+)?)\n-{3,}\n", re.MULTILINE)
# Modules without a list of public names: what they define themselves is public.
PUBLIC = {
    f"{module.__name__.removeprefix('napari_emseg.')}.{name}": value
    for module in (emseg, *(getattr(emseg, name) for name in MODULES))
    for name in getattr(module, "__all__", vars(module))
    if not name.startswith("_")
    and not isinstance(value := getattr(module, name), ModuleType)
    and callable(value)
    and getattr(value, "__module__", "").startswith("napari_emseg")
    and (hasattr(module, "__all__") or value.__module__ == module.__name__)
}
FUNCTIONS = {name: f for name, f in PUBLIC.items() if inspect.isfunction(f)}


def sections(value):
    """Return the parts of a docstring by their titles; the first has none."""
    parts = SECTION.split(inspect.getdoc(value) or "")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(text):
    """Yield the names that a section explains, and their types."""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            names, given, kind = line.partition(" : ")
            if not given and "ndarray" in line:  # a result without a name
                yield "", line
                continue
            for name in names.split(","):
                yield name.strip(), kind


@pytest.mark.parametrize("name", PUBLIC)
def test_first_line_is_a_sentence(name):
    first = sections(PUBLIC[name])[""].split("\n\n")[0]
    assert first.rstrip().endswith((".", "…"))
    assert first[0].isupper()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_explained(name):
    wanted = {
        f"{'*' * {'VAR_POSITIONAL': 1, 'VAR_KEYWORD': 2}.get(p.kind.name, 0)}{key}"
        for key, p in inspect.signature(FUNCTIONS[name]).parameters.items()
    }
    found = (
        [entry for entry, _ in entries(sections(FUNCTIONS[name])["Parameters"])]
        if wanted
        else []
    )
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_and_examples_are_there(name):
    found = sections(FUNCTIONS[name])
    result = inspect.signature(FUNCTIONS[name]).return_annotation
    if result in ("None", None):  # which an example has nothing to show of
        return
    assert {"Returns", "Yields"} & {*found}
    assert ">>> " in found.get("Examples", "")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_have_shapes(name):
    found = sections(FUNCTIONS[name])
    for title in ("Parameters", "Returns"):
        for entry, kind in entries(found.get(title, "")):
            if "ndarray" in kind or "array_like" in kind:
                assert "(" in kind or kind.startswith("dict"), f"{entry}: {kind}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_named(name):
    """A function that refuses something says what."""
    source = inspect.getsource(FUNCTIONS[name])
    if re.search(r"^\s+(raise|check_)", source, re.MULTILINE):
        assert "Raises" in sections(FUNCTIONS[name])


@pytest.mark.parametrize("name", PUBLIC)
def test_references_are_cited(name):
    """[1]_ has its entry, and each entry is cited."""
    text = inspect.getdoc(PUBLIC[name])
    cited = set(re.findall(r"\[(\d+)\]_", text))
    listed = set(re.findall(r"^\.\. \[(\d+)\]", text, re.MULTILINE))
    assert cited == listed
