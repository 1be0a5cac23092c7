"""Wrong recipes without end: mutants of recipes that hold each operation.

All come from a seed. `mutants` gives the text of files, `extremes` steps whose numbers
are as large, small or odd as JSON can write.
"""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.recipe.operations import OPERATIONS
from napari_emseg.recipe.packed_array import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (24, 32)
PARAMS = {"n_classes": 3, "smoothing": 0, "method": "kmeans"}
START = {"op": "segment", "args": {"params": PARAMS}}
SELECTED = {
    "op": "ellipse",
    "args": {"corner": [3, 4], "opposite": [20, 25], "feather": 1.5},
}
KEPT = {"op": "save", "args": {"name": "one"}}
_STROKES = np.zeros(SHAPE, np.uint8)
_STROKES[2, 2:30], _STROKES[8, 6:11] = 1, 2
STROKES = pack(_STROKES).model_dump(mode="json")
WHERE = pack(_STROKES > 0).model_dump(mode="json")
_POINT, _POINTS = [8, 8], [[2, 2], [2, 28], [20, 14]]
MODEL = {
    "weights": [0.5, 0.5],
    "means": [[40.0, 1.0, 2.0], [70.0, 3.0, 4.0]],
    "covariances": [(9 * np.eye(3)).tolist()] * 2,
    "log_uniform": -14.0,
}
CENTERS = {
    "weights": [0.5, 0.5],
    "means": [[40.0, 1.0, 2.0], [70.0, 3.0, 4.0]],
    "variance": 1.5,
}
# Arguments that each operation can be done with, all of them given.
GOOD: dict[str, dict[str, Any]] = {
    "segment": {"params": PARAMS, "mask": WHERE, "seed_labels": STROKES, "rgb": True},
    "blank": {"shape": [*SHAPE], "dtype": "uint8", "rgb": True},
    "wand": {
        "point": _POINT,
        "tolerance": 5.0,
        "sample_size": 3,
        "connectivity": 4,
        "soft": True,
        "contiguous": False,
    },
    "color_range": {"points": [[8, 8]], "colors": [[200, 80, 40]], "tolerance": 9},
    "similar": {"tolerance": 5.0, "soft": True},
    "grow_similar": {"tolerance": 5.0, "connectivity": 4},
    "by_class": {"k": 1, "threshold": 0.5},
    "by_label": {"point": _POINT, "contiguous": True},
    "region_at": {"point": _POINT, "level": 0.5},
    "brush": {"path": _POINTS, "radius": 3.0, "tolerance": 9.0, "sample_size": 3},
    "brush_regions": {"path": _POINTS, "radius": 3.0, "level": 0.5},
    "correct": {"strokes": STROKES, "smoothing": 1.0},
    "refine_edge": {"radius": 3, "smooth": 1.0, "feather": 0.5, "contrast": 0.2},
    "scribbles": {"strokes": STROKES, "label": 1, "background": 2, "smoothing": 1.0},
    "box": {"box": [1.0, 1.0, 16.0, 16.0], "smoothing": 1.0},
    "lasso": {"path": _POINTS, "soft": True},
    "polygon": {"points": _POINTS, "soft": True},
    "scissors": {"points": _POINTS, "soft": True},
    "rectangle": {"corner": [1, 2], "opposite": [9, 9]},
    "ellipse": {"corner": [1, 2], "opposite": [9, 9], "soft": True, "feather": 1.5},
    "selection": {"values": STROKES, "mode": "add"},
    "all": {"mode": "new"},
    "none": {},
    "save": {"name": "two"},
    "load": {"name": "one", "mode": "add", "feather": 1.5},
    "grow": {"pixels": 2.0},
    "shrink": {"pixels": 2.0},
    "smooth": {"radius": 2.0},
    "border": {"width": 2.0},
    "feather": {"radius": 2.0},
    "fill_holes": {"max_size": 9, "connectivity": 4},
    "interpolate": {},
    "invert": {},
    "harden": {"threshold": 0.5},
    "remove_small": {"min_size": 9, "connectivity": 4},
    "largest": {"connectivity": 4},
    "fill": {"label": 7, "locked": [2]},
    "new_class": {"locked": [2]},
    "merge": {"members": [1, 3], "into": 3, "inside": True, "locked": [2]},
    "split": {
        "label": 1,
        "method": "watershed",
        "n_parts": 2,
        "min_size": 2,
        "depth": 1.0,
    },
    "absorb_small": {"min_size": 9, "inside": True},
    "smooth_boundaries": {"radius": 1.5, "inside": True},
    "interpolate_label": {"label": 3, "locked": [2], "inside": True},
    "renumber": {"numbers": {"1": 9, "9": 1}},
    "swap": {"a": 1, "b": 3, "inside": True},
    "drop_uncertain": {"threshold": 0.1},
    "draw": {"strokes": STROKES, "inside": True},
    "refit": {"seed_labels": STROKES, "erased": WHERE, "params": PARAMS},
    "patch": {"where": WHERE, "values": STROKES},
    "hue_saturation": {"hue": 30.0, "saturation": 0.2, "lightness": 0.1},
    "desaturate": {"amount": 0.5},
    "replace_color": {"color": [200, 80, 40], "by": [0, 0, 255], "tolerance": 9.0},
    "brightness_contrast": {"brightness": 0.2, "contrast": 0.2},
    "levels": {"black": 9, "white": 200, "gamma": 1.5, "out_black": 5, "out_white": 99},
    "curves": {"points": [[0, 0], [100, 180], [255, 255]], "channel": 1},
    "fill_color": {"color": [1, 2, 3]},
    "blur": {"radius": 1.5},
    "sharpen": {"amount": 0.5, "radius": 1.5, "threshold": 0.2},
    "inpaint": {"radius": 3.0, "method": "telea"},
    "cut_out": {"radius": 3, "method": "guided", "decontaminate": True},
}
assert set(GOOD) == set(OPERATIONS)
# What the recipes here have no planes for.
OF_VOLUMES = {"interpolate", "interpolate_label"}

NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 5, 99, 254, 255, 256, 65535, 65536, 10**5, 10**6, 10**9),
    *(2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30),
    *(0.5, -0.5, 0.999, 1.001, 1e-9, 1e-300, 5e-324, -0.0, 1e9, 1e18, 1e38, 1e39),
    *(1e300, 1e308, 1.7e308, -1.7e308, -1e9, 10**400, -(10**400)),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, "", "x", "new", "1", "é天", "\x1b[2J", "\0", "9" * 5000),
    *([], {}, [[]], [None], {"": None}, [1] * 99, {"a": {"b": {"c": 1}}}),
    *(float("nan"), float("inf"), -float("inf"), "__class__", "eval", "../../x"),
)


def recipe_of(*steps: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe in which each step finds labels and selections."""
    return {"version": 1, "steps": deepcopy([START, SELECTED, KEPT, *steps])}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a value with each of its keys."""
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from _places(value[key])


def _mutate(value: Any, rng: random.Random) -> None:
    """Change one thing in place."""
    holder, key = rng.choice([*_places(value)])
    how = rng.randrange(10)
    if how < 4:
        holder[key] = rng.choice(NUMBERS)
    elif how < 6:
        holder[key] = deepcopy(rng.choice(ODD))
    elif how == 6:
        del holder[key]
    elif how == 7:
        old, wrapped = holder[key], [holder[key]]
        for _ in range(rng.choice((0, 1, 30))):
            wrapped = [wrapped]
        holder[key] = rng.choice((wrapped, {"x": old}, str(old)))
    elif isinstance(holder, dict):
        other = rng.choice([*GOOD, "op", "at", "args", "mode", "x", "", "__init__"])
        holder[other] = holder.pop(key) if how == 8 else deepcopy(holder[key])
    else:
        holder.extend(deepcopy(holder[key]) for _ in range(rng.choice((1, 2, 40))))


def _text(value: Any, rng: random.Random) -> bytes:
    """Return a value as JSON, now and then damaged."""
    text = json.dumps(value).encode()
    how, at = rng.randrange(12), rng.randrange(len(text))
    if how == 0:
        return text[:at]
    if how == 1:
        return text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
    if how == 2:
        return text[:at] + rng.choice((b"[" * 3000, b'{"a":' * 3000)) + text[at:]
    if how == 3:
        return text.replace(b'"op":', b'"op": "fill", "op":', 1)
    if how == 4:
        return text.replace(b"1", b"1" * 5000, 1)
    return text


def mutants(count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield the text of recipes, nearly all of which are wrong."""
    rng = random.Random(seed)
    for number in range(count):
        op = [*GOOD][number % len(GOOD)]
        args = deepcopy(GOOD[op])
        if op == "segment" and rng.random() < 0.5:
            args = {"params": PARAMS | {"n_classes": 2}}
            args[rng.choice(("model", "start"))] = deepcopy(
                rng.choice((MODEL, CENTERS))
            )
        recipe = recipe_of({"op": op, "args": args})
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            part = recipe if rng.random() < 0.2 else recipe["steps"][-1:]
            _mutate(part or recipe, rng)
            if not isinstance(recipe.get("steps"), list) or not recipe["steps"]:
                break
        yield _text(recipe, rng)


def extremes() -> Iterator[dict[str, Any]]:
    """Yield steps of each operation, each of their numbers as each of `NUMBERS`."""
    models = [
        ("segment", {"params": PARAMS | {"n_classes": 2}, how: deepcopy(model)})
        for how in ("model", "start")
        for model in (MODEL, CENTERS)
    ]
    for op, args in [*GOOD.items(), *models]:
        for holder, key in _places(args):
            value = holder[key]
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            for number in NUMBERS:
                holder[key] = number
                yield {"op": op, "args": deepcopy(args)}
            holder[key] = value
