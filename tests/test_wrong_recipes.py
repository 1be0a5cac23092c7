"""Wrong recipes are refused in a sentence, soon, and in little memory."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
import tifffile
from recipe_mutants import GOOD, OF_VOLUMES, SHAPE, extremes, mutants, recipe_of

from napari_emseg import Recipe, Step
from napari_emseg.io.files import write_labels
from napari_emseg.recipe.packed_array import pack

rng = np.random.default_rng(5)
IMAGE = rng.integers(0, 256, (*SHAPE, 3), np.uint8)
IMAGE[4:20, 5:25] //= 4
FEW = [*extremes()][::61]


def outcome(path):
    """Return what is said of a recipe, on loading or on replay; empty if it is done."""
    try:
        Recipe.load(path).replay(IMAGE)
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def check_words(said):
    assert "\n" not in said
    assert len(said) < 3000


# Of models that do not suit the image, it is told that classes are empty.
warned = pytest.mark.filterwarnings("ignore::UserWarning")


@warned
@pytest.mark.parametrize("seed", range(5))
def test_mutants(seed, tmp_path):
    path = tmp_path / "r.json"
    for text in mutants(40, seed):
        path.write_bytes(text)
        check_words(outcome(path))


@warned
def test_extreme_numbers(tmp_path):
    path = tmp_path / "r.json"
    for step in FEW:
        path.write_text(json.dumps(recipe_of(step)))
        check_words(outcome(path))


@pytest.mark.parametrize("op", GOOD)
def test_what_they_are_made_of_is_right(op, tmp_path):
    """Or else it would hide what the mutants are for."""
    (tmp_path / "r.json").write_text(
        json.dumps(recipe_of({"op": op, "args": GOOD[op]}))
    )
    found = outcome(tmp_path / "r.json")
    assert "pass (Z, Y, X)" in found if op in OF_VOLUMES else found == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
        ('{"steps": ' + "[" * 900 + "]" * 900 + "}", "step 1: it is"),
        ('{"version": NaN}', "NaN is no number that JSON knows"),
        ('{"version": -Infinity}', "-Infinity is no number"),
        ('{"version": 1, "version": 2}', "'version' stands twice"),
        ('{"version": ' + "9" * 5000 + "}", "is no JSON"),
        ('{"version": 1e999}', "version"),
        ("null", "the recipe is None"),
        ('{"steps": null}', "steps=None"),
        ('{"steps": {"op": "all"}}', "steps"),
    ],
)
def test_texts(text, words, tmp_path):
    (tmp_path / "r.json").write_text(text)
    assert words in outcome(tmp_path / "r.json")


@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "wnd"}] * 100_000,
        [{"op": "wand"}] * 100_000,
        [{"op": "wand", "args": {"point": ["x"] * 9}}] * 100_000,
        [None] * 100_000,
        [{"op": "all"}] * 50_000 + [{"op": "x" * 99}] * 50_000,
    ],
)
def test_many_wrong_steps(steps, tmp_path):
    """Only the first are explained: the others would take minutes, and megabytes."""
    with pytest.raises(
        ValueError, match=r"step (1|50001): .* more of 100000 steps"
    ) as e:
        Recipe.model_validate({"steps": steps})
    [fault] = e.value.errors()
    assert fault["msg"].count("step ") == 3
    assert len(fault["msg"]) < 3000


def test_some_wrong_steps_are_counted():
    steps = [{"op": "all"}] * 9 + [{"op": "wnd"}] * 5
    with pytest.raises(ValueError, match="; 2 more of 14 steps are wrong"):
        Recipe.model_validate({"steps": steps})


@pytest.mark.parametrize("op", ["scribbles", "selection", "draw", "refit", "patch"])
def test_arrays_of_another_shape_take_no_memory(op):
    """Nor do those of which a text of a few bytes says that they are large."""
    large = pack(np.zeros((1, 1), bool)).model_dump() | {"shape": (10**5, 10**5)}
    names = [name for name, value in GOOD[op].items() if isinstance(value, dict)
             and "box" in value]  # fmt: skip
    args = GOOD[op] | dict.fromkeys(names, large)
    step = Step.of(op, **{key: args[key] for key in args if key != "inside"})
    start = Step.of("blank", shape=SHAPE, dtype="uint8", rgb=True)
    recipe = Recipe(steps=(start, step))
    tracemalloc.start()
    with pytest.raises(
        ValueError, match=r"step 2 .*\(100000, 100000\).*take the image"
    ):
        recipe.replay(IMAGE)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**22


@pytest.mark.parametrize("name", ["mask", "seed_labels"])
def test_masks_of_another_shape_take_no_memory(name):
    large = pack(np.zeros((1, 1), np.uint8)).model_dump() | {"shape": (10**5, 10**5)}
    recipe = Recipe(steps=(Step.of("segment", **{name: large}),))
    with pytest.raises(
        ValueError, match=r"step 1 .*\(100000, 100000\).*take the image"
    ):
        recipe.replay(IMAGE)


def test_damaged_tiff_files(tmp_path):
    """Each cut, and each byte changed, of what is not pixels."""
    whole, path = tmp_path / "whole.tif", tmp_path / "a.tif"
    recipe = Recipe(steps=(Step.of("blank", shape=SHAPE, dtype="uint8", rgb=True),))
    about = {"recipe": recipe.model_dump(mode="json")}
    write_labels(whole, np.ones(SHAPE, np.uint8), metadata=about)
    data, rng = whole.read_bytes(), np.random.default_rng(0)
    read = 0
    for number in range(400):
        changed = bytearray(data)
        if number % 8 == 0:
            changed = changed[: rng.integers(len(data))]
        else:
            changed[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(changed)
        said = outcome(path)
        check_words(said)
        read += not said
    assert 0 < read < 400


def test_recipes_of_stacks_are_on_their_first_page(tmp_path):
    recipe = Recipe(steps=(Step.of("all"),))
    about = {"recipe": recipe.model_dump(mode="json")}
    write_labels(tmp_path / "a.tif", np.ones((3, 4, 5), np.uint8), metadata=about)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.series) == 1
    assert Recipe.load(tmp_path / "a.tif") == recipe


def test_other_pages_are_not_looked_at(tmp_path, monkeypatch):
    """Thousands of them would take minutes, and only the first can hold a recipe."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number in range(9):
            file.write(np.zeros((1, 1 + number % 2), np.uint8), contiguous=False)
    monkeypatch.delattr(tifffile.TiffFile, "series")
    with pytest.raises(ValueError, match="holds no recipe"):
        Recipe.load(tmp_path / "a.tif")
