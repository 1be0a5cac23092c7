"""Scripts of hostile names, paths and recipes: Python that runs nothing foreign."""

from __future__ import annotations

import ast
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_emseg as emseg
from napari_emseg.recipe.operations import ROWS
from napari_emseg.recipe.packed_array import Packed, pack
from napari_emseg.recipe.script_check import CALLED, METHODS_CALLED, check_script

Step, Recipe = emseg.Step, emseg.Recipe
IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)
BLANK = Step.of("blank", shape=IMAGE.shape, dtype="uint8", rgb=False)
# What runs if a script lets it; CANARY is replaced by the path of a file.
RUN = "__import__('pathlib').Path(CANARY).touch()"
PIECES = (
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\t"),
    *('"', "'", '"""', "'''", "\\", '\\"', "\\\n", "\\N{DIGIT ONE}", "\\x22", "#"),
    *("{", "}", "{0}", "%s", "$(touch CANARY)", "`", ";", " ", "+", ")", "]", ","),
    *("\0", "\x1b[2J", "\x7f", "\ud800", "\udcff", "\u202e", "\ufeff", "😀", "天"),
    *(RUN, f"\n{RUN}\n", f'"+str({RUN})+"', f"'+str({RUN})+'", f'"""\n{RUN}\n"""'),
    *("coding: utf-7", "coding=rot13", "+AGI-", "import os", "a.tif", "x" * 300),
)


def hostile(rng: random.Random, canary: str) -> str:
    """Return a text that tries to become code."""
    text = "".join(rng.choices(PIECES, k=rng.randint(1, 6)))
    return text.replace("CANARY", repr(canary))


def calls(text: str) -> set[str]:
    """Return what a script calls, by names of its own that `CALLED` can be held to."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {
        node.func.attr
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS_CALLED
        else ast.unparse(node.func)
        for node in found
    }


def named(name: str) -> Recipe:
    """Return a recipe that has a name everywhere that a name can be."""
    name = name.encode("utf-8", "replace").decode()  # others are refused
    steps = (Step.of("all"), Step.of("save", name=name), Step.of("none"))
    more = Step.of("load", name=name, mode="add"), Step.of("fill", label=3)
    return Recipe(steps=(BLANK, *steps, *more))


def forged(text: str) -> Recipe:
    """Return a recipe whose arrays nobody has checked."""
    good = dict(pack(IMAGE > 9))
    wrong = Packed.model_construct(**good | {"data": text})
    step = Step.of("selection", values=pack(IMAGE > 9))
    args = step.args.model_copy(update={"values": wrong})
    return Recipe(steps=(BLANK, step.model_copy(update={"args": args})))


def run(text: str) -> None:
    """Run a script as a file is run; it may fail, as on paths that are not there."""
    code = compile(text.encode(), "script", "exec")
    try:
        exec(code, {"__name__": "script"})
    except (OSError, ValueError):
        return


def test_hostile_texts_stay_texts(tmp_path, monkeypatch):
    """A thousand of them, as paths, as names and as arrays; a fifth are run, too."""
    rng, canary = random.Random(7), tmp_path / "canary"
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("real.tif", IMAGE, photometric="minisblack")
    for number in range(1000):
        text = hostile(rng, str(canary))
        recipe = (forged if number % 4 == 0 else named)(text)
        image, output = (hostile(rng, str(canary)) for _ in range(2))
        script = recipe.to_python(image, output, to_save=number % 2 == 0)
        assert calls(script) <= CALLED | METHODS_CALLED
        script.encode("utf-8")
        assert all(line.isprintable() for line in script.splitlines())
        texts = {n.value for n in ast.walk(ast.parse(script))
                 if isinstance(n, ast.Constant)}  # fmt: skip
        assert {image, output} <= texts
        if number % 5 == 3:
            run(script)
            run(recipe.to_python("real.tif", output))
    assert not canary.exists()


@pytest.mark.parametrize("name", [b"a\xff\xfe.tif", b"a\nb.tif", b"\xe5\xa4.tif"])
@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_scripts_read_files_whose_names_are_no_text(name, tmp_path):
    source = tmp_path / os.fsdecode(name)
    tifffile.imwrite(source, IMAGE, photometric="minisblack")
    script = named("a").to_python(os.fsencode(source), tmp_path / "out.tif")
    (tmp_path / "script.py").write_text(script, "utf-8")
    exec(compile((tmp_path / "script.py").read_bytes(), "script", "exec"), {})
    assert (emseg.files.read_labels(tmp_path / "out.tif") == 3).all()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("import os", "hold Import"),
        ("from os import system", "hold ImportFrom"),
        ("image = open('a')", "call open"),
        ("image = emseg.files.os.system('a')", "call emseg.files.os.system"),
        ("image = np.load('a')", "call np.load"),
        ("image = __import__('os').system('a')", "call __import__"),
        ("image = [labels for labels in image]", "hold ListComp"),
        ("image = lambda: image", "hold Lambda"),
        ("image = f'{image}'", "hold JoinedStr"),
        ("image = image + image", "hold BinOp"),
        ("np = emseg", "use the name np"),
        ("emseg.segment = labels", "use emseg"),
        ("image = image.__class__", "use image.__class__"),
        ("@labels.apply\ndef image(): image", "hold FunctionDef"),
        ("while labels.any(): image = labels", "hold While"),
        ("image = (", "no Python"),
        ("image = '\0'", "no Python"),
        ("# coding: utf-7\nimage = labels", "utf-7"),
    ],
)
def test_other_code_is_refused(line, fault):
    with pytest.raises(ValueError, match=fault):
        check_script(line)
    good = "import numpy as np\n\nimage = np.zeros((3, 4), 'uint8')\n"
    assert check_script(good) == good


def test_all_that_may_be_called_exists():
    for name in CALLED:
        found = {"np": np, "emseg": emseg}[name.split(".")[0]]
        for part in name.split(".")[1:]:
            found = getattr(found, part)
        assert callable(found)
    assert {f"emseg.{row.code}" for row in ROWS if row.group != "own"} <= CALLED


def test_paths_of_all_kinds():
    for path in ("a.tif", b"a.tif", Path("a.tif")):
        assert '("a.tif")' in named("a").to_python(path, "b.tif")
