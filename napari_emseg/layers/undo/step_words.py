"""What a step did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_emseg.layers.classes import class_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    from napari_emseg.recipe.step import Step

    # The arguments of a step, and what gives the name of a class.
    Words = Callable[[Any, Callable[[int], str]], str]

_SPLIT = {
    "components": "connected pieces",
    "classes": "two, by color",
    "watershed": "parts, where it is narrow",
}
_WORDS: dict[str, Words] = {
    "all": lambda a, name: "selected all",
    "none": lambda a, name: "selected nothing",
    "invert": lambda a, name: "inverted the selection",
    "similar": lambda a, name: "selected similar colors",
    "grow_similar": lambda a, name: "grew the selection over similar colors",
    "save": lambda a, name: f"kept the selection as {a.name}",
    "load": lambda a, name: f"selected {a.name}",
    "grow": lambda a, name: f"grew the selection by {a.pixels:g} px",
    "shrink": lambda a, name: f"shrank the selection by {a.pixels:g} px",
    "smooth": lambda a, name: f"smoothed the selection by {a.radius:g} px",
    "border": lambda a, name: f"selected a border of {a.width:g} px",
    "feather": lambda a, name: f"feathered the selection by {a.radius:g} px",
    "correct": lambda a, name: "corrected the selection with scribbles",
    "refine_edge": lambda a, name: f"refined the edge within {a.radius} px",
    "fill_holes": lambda a, name: "filled holes of the selection",
    "interpolate": lambda a, name: "selected what lies between planes",
    "fill": lambda a, name: f"filled with {name(a.label)}",
    "new_class": lambda a, name: "made a new class",
    "merge": lambda a, name: _merged(a, name),
    "split": lambda a, name: f"split {name(a.label)} into {_SPLIT[a.method]}",
    "interpolate_label": lambda a, name: f"filled {name(a.label)} between planes",
    "swap": lambda a, name: f"swapped {name(a.a)} and {name(a.b)}",
    "drop_uncertain": lambda a, name: "took the label from uncertain pixels",
    "draw": lambda a, name: "drew classes with scribbles",
    "refit": lambda a, name: "fitted all classes anew",
    "cut_out": lambda a, name: "cut out the selection",
}
# Steps that a tool makes besides the one that it is named after.
_TOOLS = {"brush_regions": "Selection brush"}
# As the menu calls them.
_PICTURES = {
    "hue_saturation": "hue and saturation",
    "brightness_contrast": "brightness and contrast",
}
_MODES = {
    "new": "selected",
    "add": "added to the selection",
    "subtract": "took from the selection",
    "intersect": "intersected the selection",
}


def words_of(step: Step | None, layer: Labels | None) -> str:
    """Return what a step did, for a list and a status line.

    Parameters
    ----------
    step : Step or None
        None is a stroke that no recipe knows.
    layer : napari.layers.Labels or None
        Gives the names of classes.

    Returns
    -------
    str
        In the past, without a subject: "merged sky into cloud".

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Labels
    >>> from napari_emseg.recipe.step import Step
    >>> layer = Labels(np.array([[1, 2]]))
    >>> layer.features = {"index": [1, 2], "name": ["cloud", "sky"]}
    >>> words_of(Step.of("merge", members=(1, 2)), layer)
    'merged sky into cloud'
    >>> words_of(Step.of("wand", point=(0, 0), mode="add"), layer)
    'added to the selection (magic wand)'
    """
    if step is None:
        return "drew a stroke"

    def name(label: int) -> str:
        if label == 0:
            return "no class"
        return f"class {label}" if layer is None else class_name(layer, label)

    known = _WORDS.get(step.op)
    if known is not None:
        return known(step.args, name)
    plain = step.op.replace("_", " ")
    if step.row.group == "picture":
        return f"adjusted: {_PICTURES.get(step.op, plain)}"
    title = _TOOLS.get(step.op, step.row.tool and step.row.tool.title)
    if title:
        done = _MODES[getattr(step.args, "mode", "new")]
        return f"{done} ({title.lower()})"
    return plain


def _merged(args: Any, name: Callable[[int], str]) -> str:
    first, *others = args.members
    into = getattr(args, "into", None)
    if into is not None:
        first, others = into, [one for one in args.members if one != into]
    return f"merged {', '.join(map(name, others))} into {name(first)}"
