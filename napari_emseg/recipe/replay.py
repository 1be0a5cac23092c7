"""Steps done one after another: labels, selections and picture come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.recipe.calls import call, find, settle, ways_of
from napari_emseg.recipe.state import State, View
from napari_emseg.segment import segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.recipe.steps import Step


def do(step: Step, state: State) -> None:
    """Do a step; if that fails, nothing has changed.

    Raises
    ------
    TypeError, ValueError
        If it cannot be done here.
    """
    view, group = View(state, step.at), step.row.group
    if step.op in _OWN:
        _OWN[step.op](step, view)
    elif group == "select" or step.op == "all":
        found = find(step, view)
        if found.shape != view.shape:
            raise ValueError(
                f"the selection has shape {found.shape}, but the labels {view.shape}; "
                "take the image that it was made on"
            )
        old = state.selected.get(step.at)
        state.selected[step.at] = settle(found, old, **ways_of(step))
    elif group == "modify":
        if step.op == "invert":
            state.selected.setdefault(step.at, np.zeros(view.shape, bool))
        state.selected[step.at] = settle(find(step, view))
    elif group == "edit":
        view.put(call(step, view).apply(view.labels))
    elif group == "labels":
        view.put(call(step, view))
    else:
        state.picture = np.asarray(call(step, view))


def start(view: View, labels: NDArray[Any]) -> None:
    """Begin with a copy of labels; nothing is selected then."""
    state = view.state
    state.labels = np.array(labels)
    state.frame = view.at or (None,) * labels.ndim
    state.seg = None
    state.selected.clear()


def _segment(step: Step, view: View) -> None:
    args: Any = step.args
    found = segment(
        view.image,
        mask=None if args.mask is None else args.mask.array(),
        seed_labels=None if args.seed_labels is None else args.seed_labels.array(),
        model=None if args.model is None else args.model.model(),
        start=None if args.start is None else args.start.model(),
        **view.ways,
        **args.params.model_dump(),
    )
    across = [axis for axis, at in enumerate(step.at or ()) if at is not None]
    start(view, np.expand_dims(found.labels, across))
    view.state.seg = found


def _blank(step: Step, view: View) -> None:
    args: Any = step.args
    shape = view.state.shape
    fits = len(args.shape) == len(shape) and all(
        size in (1, whole) for size, whole in zip(args.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"the labels have shape {args.shape}, but the image {shape}; take the "
            "image that they were made on"
        )
    start(view, np.zeros(args.shape, args.dtype))


def _none(step: Step, view: View) -> None:
    view.state.selected.pop(step.at, None)


def _save(step: Step, view: View) -> None:
    args: Any = step.args
    view.state.saved[args.name, step.at] = view.selection


def _load(step: Step, view: View) -> None:
    args: Any = step.args
    key, state = (args.name, step.at), view.state
    if key not in state.saved:
        raise ValueError(
            f"no selection was kept as {args.name!r} in this plane; put a step 'save' "
            "before it, or correct the name"
        )
    old = state.selected.get(step.at)
    state.selected[step.at] = settle(state.saved[key], old, **ways_of(step))


_OWN = {
    "segment": _segment,
    "blank": _blank,
    "none": _none,
    "save": _save,
    "load": _load,
}
