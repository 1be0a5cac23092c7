"""The look of labels in files: place, colors and names, each checked by itself."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.layers.classes import (
    UNKNOWN,
    ClassColormap,
    class_colormap,
    own_colormap,
)
from napari_emseg.layers.metadata import (
    EDITED,
    KEY,
    MODEL,
    RECIPE,
    is_slice,
    model_entry,
)
from napari_emseg.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What a file says, and where.
LOOK, COLORS, NAMES, CYCLE = "layer", "colors", "names", "cycle"
PICTURE = "image"
PLACE = ("scale", "translate", "rotate", "shear", "affine")
WORDS = ("units", "axis_labels")
# Units are words before anything reads them: "9**9**9*um" would be computed for ever.
_UNIT = re.compile(r"[^\W\d_]{1,30}(_[^\W\d_]{1,30}){0,3}")
_LONGEST = 200  # letters of a name, digits of a label


def look_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return place, colors and names of the classes of a layer, as JSON has them.

    Parameters
    ----------
    attributes : mapping
        Of the layer, as ``layer.as_layer_data_tuple()`` has them.
    """
    look: dict[str, Any] = {
        name: np.asarray(attributes[name], float).tolist()
        for name in PLACE
        if name in attributes
    }
    for name in WORDS:
        if name in attributes:
            look[name] = [str(word) for word in attributes[name]]
    colormap = own_colormap(attributes.get("colormap"))
    if isinstance(colormap, DirectLabelColormap):
        look[COLORS] = {
            str(label): np.round(np.asarray(color, float), 4).tolist()
            for label, color in colormap.color_dict.items()
            if label is not None
        }
    if isinstance(colormap, ClassColormap):
        look[CYCLE] = np.round(np.asarray(colormap.cycle, float), 4).tolist()
    features = attributes.get("features", {})
    if "index" in features and "name" in features:
        pairs = zip(features["index"], features["name"], strict=True)
        look[NAMES] = {str(label): str(name) for label, name in pairs}
    return look


def attributes_of(about: Any, ndim: int, source: str) -> dict[str, Any]:
    """Return the attributes of a layer that a file describes, as far as they are right.

    Parameters
    ----------
    about : dict
        The metadata of the file; another program may have written them.
    ndim : int
        Number of axes of the labels.
    source : str
        The file, for warnings.

    Returns
    -------
    dict
        For ``napari.layers.Labels``. What is wrong is left out, with a warning.

    Examples
    --------
    >>> attributes_of({"layer": {"scale": [2, 3]}}, 2, "a.emseg.tif")["scale"]
    [2.0, 3.0]
    """
    found: dict[str, Any] = {}
    wrong = []
    about = about if isinstance(about, dict) else {}
    look = about.get(LOOK, {})
    if not isinstance(look, dict):
        look, wrong = {}, [LOOK]
    for name in (*PLACE, *WORDS):
        if name in look:
            try:
                value = _place(name, look[name], ndim)
                _try(found | {name: value}, ndim)
            # Whatever napari, numpy and pint say of a value from elsewhere.
            except Exception:
                wrong.append(name)
            else:
                found[name] = value
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "colormap": _colormap,
        "features": _features,
    }
    for (name, read), key in zip(readers.items(), (COLORS, NAMES), strict=True):
        if key in look:
            try:
                found[name] = read(look)
            except (ValueError, TypeError, AttributeError, OverflowError):
                wrong.append(key)
    found["metadata"] = {}
    if about.get(RECIPE) is not None:
        try:
            found["metadata"] = _entry(about, ndim, wrong)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            wrong.append(RECIPE)
    if wrong:
        warnings.warn(
            f"{source}: {', '.join(wrong)} in the description of the labels cannot be "
            "right, so the file is opened without; set what you need in napari",
            stacklevel=3,
        )
    return found


def _place(name: str, value: Any, ndim: int) -> Any:
    """Return a value of `PLACE` or `WORDS`, or raise what is wrong with it."""
    if name in WORDS:
        words = list(value)
        pattern = _UNIT if name == "units" else re.compile(rf".{{0,{_LONGEST}}}")
        if len(words) != ndim or isinstance(value, str):
            raise ValueError(name)
        if not all(isinstance(w, str) and pattern.fullmatch(w) for w in words):
            raise ValueError(name)
        return words
    shapes: dict[str, set[tuple[int, ...]]] = {
        "scale": {(ndim,)},
        "translate": {(ndim,)},
        "rotate": {(), (3,), (ndim, ndim)},
        "shear": {(ndim * (ndim - 1) // 2,), (ndim, ndim)},
        "affine": {(ndim + 1, ndim + 1), (ndim, ndim)},
    }
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "iuf" or numbers.shape not in shapes[name]:
        raise ValueError(name)
    numbers = numbers.astype(float)
    flat = numbers.ndim == 2 and np.linalg.cond(numbers) > 1e12
    if (
        not np.isfinite(numbers).all()
        or flat
        or (name == "scale" and not numbers.all())
    ):
        raise ValueError(name)
    return numbers.tolist()


def _try(place: dict[str, Any], ndim: int) -> None:
    """Raise an error if napari cannot show a layer at this place."""
    layer = Labels(np.zeros((2,) * ndim, np.uint8), **place)
    corners = np.array([layer.data_to_world((at,) * ndim) for at in (0, 1)])
    back = np.array([layer.world_to_data(corner) for corner in corners])
    if not (np.isfinite(corners).all() and np.allclose(back, [[0] * ndim, [1] * ndim])):
        raise ValueError("the place cannot be turned around")


def _colormap(look: dict[str, Any]) -> ClassColormap:
    own: dict[int | None, Any] = {None: UNKNOWN}
    own |= {_label(key): _color(color) for key, color in look[COLORS].items()}
    cycle = class_colormap(np.zeros((0, 3))).cycle
    if CYCLE in look:
        cycle = np.array([_color(color) for color in look[CYCLE]], np.float32)
        if not len(cycle):
            raise ValueError("there is no color in the cycle")
    return ClassColormap(color_dict=own, cycle=cycle)


def _features(look: dict[str, Any]) -> dict[str, list[Any]]:
    names = {_label(key): name for key, name in look[NAMES].items()}
    for name in names.values():
        if not isinstance(name, str) or len(name) > _LONGEST:
            raise ValueError("a name is no short text")
    return {"index": [*names], "name": [*names.values()]}


def _label(key: str) -> int:
    label = int(key) if len(key) <= _LONGEST else 2**64
    if not -(2**63) <= label < 2**63:
        raise ValueError(f"label {key} has more than 64 bits")
    return label


def _color(value: Any) -> list[float]:
    color = np.asarray(value)
    if color.dtype.kind not in "iuf" or color.shape not in {(3,), (4,)}:
        raise ValueError(f"{value} is no color")
    if not ((color >= 0) & (color <= 1)).all():
        raise ValueError(f"{value} is no color")
    return [*color.astype(float).tolist(), 1.0][:4]


def _entry(about: dict[str, Any], ndim: int, wrong: list[str]) -> dict[str, Any]:
    """Return metadata that make a layer a result, or edited labels, again.

    What is wrong beside the recipe is left out, and its name added to a list.
    """
    recipe = about[RECIPE]
    steps = Recipe.model_validate(recipe).steps
    if not steps:
        return {}
    at = recipe["steps"][0].get("at")
    if not is_slice(at) or (at is not None and len(at) != ndim):
        raise ValueError(f"at={at} is no slice")
    entry: dict[str, Any] = {RECIPE: recipe, "at": at}
    if PICTURE in about:
        named = about[PICTURE]
        name = named.get("name") if isinstance(named, dict) else None
        if isinstance(name, str) and len(name) <= _LONGEST:
            entry["image"] = name
        else:
            wrong.append(PICTURE)
    if steps[0].op != "segment":
        return {EDITED: entry}
    args: Any = steps[0].args
    entry["params"] = args.params.model_dump()
    if MODEL in about:
        try:
            model = FittedModel.model_validate(about[MODEL]).model()
            entry[MODEL] = model_entry(model)
        except (ValueError, TypeError):
            wrong.append(MODEL)
    return {KEY: entry}
