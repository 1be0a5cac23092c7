"""Execution of steps: labels, selections and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg import select
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.pipeline.progress import finish
from napari_emseg.pipeline.segment import segment
from napari_emseg.recipe.packed_array import Packed
from napari_emseg.recipe.state import State, StateView

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_emseg.recipe.operation_schema import OperationContext
    from napari_emseg.recipe.step import Step


def call(step: Step, context: OperationContext) -> Any:
    """Return what the function of a step returns in a context.

    Raises
    ------
    TypeError, ValueError
        As the function.
    """
    return finish(iter_call(step, context))


def iter_call(step: Step, context: OperationContext) -> Generator[Any, None, Any]:
    """Return what `call` returns, in steps; to cancel, stop iterating."""
    row = step.row
    inputs, options = row.arguments(step.args, context)
    for name, value in options.items():
        if isinstance(value, Packed):
            options[name] = unpacked(value, context.shape)
    if row.steps is None:
        return row.function(*inputs, **options)
    return (yield from row.steps(*inputs, **options))


def unpacked(packed: Packed, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an array of a step, which must have the shape of what it works on.

    Raises
    ------
    ValueError
        If it has another one, before it takes any memory; or its text is damaged.
    """
    if packed.shape != tuple(shape):
        raise ValueError(
            f"an array of the recipe has shape {packed.shape}, but here is {shape}; "
            "take the image that it was made on"
        )
    return packed.array()


def find(step: Step, context: OperationContext) -> NDArray[Any]:
    """Return what a step selects, before it is combined with the old selection.

    Parameters
    ----------
    step : Step
        Of the group "select" or "modify", or "all" or "none".
    context : OperationContext
        Where.

    Returns
    -------
    (…) ndarray of bool or float32
    """
    return finish(iter_find(step, context))


def iter_find(
    step: Step, context: OperationContext
) -> Generator[Any, None, NDArray[Any]]:
    """Return what `find` returns, in steps; to cancel, stop iterating."""
    if step.op in ("all", "none"):
        return np.full(context.shape, step.op == "all")
    return np.asarray((yield from iter_call(step, context)))


def finish_selection(
    found: NDArray[Any],
    old: NDArray[Any] | None = None,
    *,
    mode: str = "new",
    feather: float = 0.0,
) -> NDArray[Any]:
    """Return what was found as the selection: softened, combined with the old, rounded.

    Parameters
    ----------
    found : (…) ndarray of bool or float
    old : (…) ndarray of bool or float, optional
        The old selection; None if there is none.
    mode : str, optional
        As for `napari_emseg.select.combine`.
    feather : float, optional
        In pixels.

    Returns
    -------
    (…) ndarray of bool or float32
        In 255ths.
    """
    if feather > 0:
        found = select.feather(found, feather)
    if mode != "new":
        before = np.zeros(found.shape, bool) if old is None else old
        found = select.combine(before, found, mode)
    return np.asarray(select.rounded(found))


def finish_options(step: Step) -> dict[str, Any]:
    """Return the keywords of `finish_selection` for a step."""
    return {
        name: getattr(step.args, name)
        for name in ("mode", "feather")
        if hasattr(step.args, name)
    }


def do(step: Step, state: State) -> None:
    """Do a step; if that fails, nothing has changed.

    Raises
    ------
    TypeError, ValueError
        If it cannot be done here.
    """
    view, group = StateView(state, step.at), step.row.group
    if step.op in _OWN:
        _OWN[step.op](step, view)
    elif group == "select" or step.op == "all":
        found = find(step, view)
        if found.shape != view.shape:
            raise ValueError(
                f"the selection has shape {found.shape}, but the labels {view.shape}; "
                "take the image that it was made on"
            )
        old = view.known_selection
        view.choose(finish_selection(found, old, **finish_options(step)))
    elif group == "modify":
        if step.op == "invert" and view.known_selection is None:
            view.choose(np.zeros(view.shape, bool))
        view.choose(finish_selection(find(step, view)))
    elif group == "edit":
        view.put(call(step, view).apply(view.labels))
    elif group == "labels":
        view.put(call(step, view))
    else:
        state.picture = np.asarray(call(step, view))


def start(view: StateView, labels: NDArray[Any]) -> None:
    """Start from a copy of labels, with nothing selected."""
    state = view.state
    state.labels = np.array(labels)
    state.labels_at = view.at or (None,) * labels.ndim
    state.seg = None
    state.selected = None
    state.selected_at.clear()


def _segment(step: Step, view: StateView) -> None:
    args: Any = step.args
    across = [axis for axis, at in enumerate(step.at or ()) if at is not None]
    shape = tuple(np.delete(view.state.shape, across).tolist())
    _check_channels(args.n_channels, view)
    white, dtype = args.full_scale, np.dtype(view.image.dtype)
    if white is not None and dtype.kind == "u" and white > np.iinfo(dtype).max:
        white = None  # that of the image that the recipe comes from, which was deeper
    found = segment(
        view.image,
        full_scale=white,
        mask=None if args.mask is None else unpacked(args.mask, shape),
        seed_labels=None
        if args.seed_labels is None
        else unpacked(args.seed_labels, shape),
        model=None if args.model is None else args.model.model(),
        start=None if args.start is None else args.start.model(),
        **view.segment_kwargs,
        **args.params.model_dump(),
    )
    start(view, np.expand_dims(found.labels, across))
    view.state.seg = found


def _check_channels(count: int | None, view: StateView) -> None:
    """Refuse an image of more or fewer channels, of which others may be meant."""
    if count is None:
        return
    found = as_lazy_image(view.image, **view.segment_kwargs).channels
    if found != count:
        raise ValueError(
            f"the labels are of {count} channels, but this image has {found}; give "
            "one that holds those alone, such as a file that they are saved to"
        )


def _blank(step: Step, view: StateView) -> None:
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


def _none(step: Step, view: StateView) -> None:
    view.give_up()


def _save(step: Step, view: StateView) -> None:
    args: Any = step.args
    view.state.saved[args.name, step.at] = view.selection


def _load(step: Step, view: StateView) -> None:
    args: Any = step.args
    key, state = (args.name, step.at), view.state
    if key not in state.saved:
        raise ValueError(
            f"no selection was kept as {args.name!r} in this plane; put a step 'save' "
            "before it, or correct the name"
        )
    old = view.known_selection
    view.choose(finish_selection(state.saved[key], old, **finish_options(step)))


_OWN = {
    "segment": _segment,
    "blank": _blank,
    "none": _none,
    "save": _save,
    "load": _load,
}
