"""Which steps of a recipe make sense on another picture, and why others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_emseg.recipe.step import Step

# Steps whose arguments are places in the picture that they were made on.
_PLACES = {
    "wand": "a click is a place in one picture",
    "by_label": "a click is a place in one picture",
    "region_at": "a click is a place in one picture",
    "brush": "strokes are places in one picture",
    "brush_regions": "strokes are places in one picture",
    "correct": "strokes are places in one picture",
    "scribbles": "strokes are places in one picture",
    "box": "a box is a place in one picture",
    "lasso": "an outline is a place in one picture",
    "polygon": "an outline is a place in one picture",
    "scissors": "an outline is a place in one picture",
    "rectangle": "an outline is a place in one picture",
    "ellipse": "an outline is a place in one picture",
    "selection": "a selection as it was stored fits one picture",
    "draw": "strokes are places in one picture",
    "patch": "painted pixels are places in one picture",
    "refit": "strokes are places in one picture",
    "interpolate_label": "planes that were drawn are places in one volume",
    "split": "the parts of a class differ from picture to picture",
}
_NO_SELECTION = "it works on a selection that is left out"
_PICTURE = "it changes the picture, not the labels"


class LeftOut(NamedTuple):
    """A step that makes no sense on another picture.

    Attributes
    ----------
    number : int
        Of the step in the recipe, from 1.
    op : str
        Name of the operation.
    reason : str
        Why, in words.
    """

    number: int
    op: str
    reason: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"step {self.number} ({self.op}): {self.reason}"


def divide(steps: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[LeftOut, ...]]:
    """Divide steps into those for any picture, and those for the one they were made on.

    Classes have numbers and colors in every picture, so what names these is kept: a
    merge, a swap, small regions that join others, a color range by its colors, and what
    is done with selections of this kind. What names a place is left out, and all that
    works on a selection which depends on it.

    Parameters
    ----------
    steps : sequence of Step
        The first is "segment", which is kept, without its mask and its seed labels.

    Returns
    -------
    kept : tuple of Step
    left_out : tuple of LeftOut
        In order.

    Raises
    ------
    ValueError
        If the steps do not begin with a segmentation.
    """
    if not steps or steps[0].op != "segment":
        begins = f"begins with {steps[0].op!r}" if steps else "is empty"
        raise ValueError(
            f"the recipe {begins}, so that nothing tells what the classes of another "
            "picture are; take one that begins with 'segment'"
        )
    kept: list[Step] = []
    left_out: list[LeftOut] = []
    # Whether what is selected, or was saved under a name, is known in any picture.
    selected, saved = True, dict[str, bool]()
    for number, step in enumerate(steps, start=1):
        args: Any = step.args
        if step.op == "segment":
            whole = step.changed(mask=None, seed_labels=None)
            kept[:] = [whole.model_copy(update={"at": None})]
            selected, saved = True, {}
            if step.at is not None:
                reason = "its plane is of one stack; others are segmented whole"
                left_out.append(LeftOut(number, step.op, reason))
            for name in ("mask", "seed_labels"):
                if getattr(args, name) is not None:
                    reason = f"its {name.replace('_', ' ')} fits one picture"
                    left_out.append(LeftOut(number, step.op, reason))
            continue
        reason = _reason(step, selected=selected, saved=saved)
        if step.op == "save":
            saved[args.name] = selected
        if step.selects:
            fresh = getattr(args, "mode", "new") == "new" and "selection" not in (
                step.row.inputs
            )
            selected = not reason and (fresh or selected)
        if reason:
            left_out.append(LeftOut(number, step.op, reason))
        else:
            kept.append(step)
    return tuple(kept), tuple(left_out)


def places_in(steps: Sequence[Step]) -> tuple[LeftOut, ...]:
    """Return the steps whose arguments are places in one picture, and why.

    Examples
    --------
    >>> from napari_emseg.recipe import Step
    >>> [str(one) for one in places_in([Step.of("wand", point=(3, 4))])]
    ['step 1 (wand): a click is a place in one picture']
    """
    found = []
    for number, step in enumerate(steps, start=1):
        if reason := _place(step):
            found.append(LeftOut(number, step.op, reason))
    return tuple(found)


def _place(step: Step) -> str:
    """Return why the arguments of a step are a place; empty if they are none."""
    args: Any = step.args
    if step.op == "color_range" and (args.points or args.minus):
        return _PLACES["wand"]
    return _PLACES.get(step.op, "")


def _reason(step: Step, *, selected: bool, saved: dict[str, bool]) -> str:
    """Return why a step is left out; empty if it is kept."""
    args: Any = step.args
    if step.at is not None:
        return "it was done in one plane of a stack"
    if step.row.group == "picture":
        return _PICTURE
    if place := _place(step):
        return place
    if step.op == "load" and not saved.get(args.name, False):
        return _NO_SELECTION
    if step.looks_at_selection and not selected:
        return _NO_SELECTION
    return ""
