"""What was done in the viewer, as steps of the recipes of layers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.layers.entries import SELECTS, Note, Noted, entry_of, steps_of
from napari_emseg.recipe.calls import needs_image
from napari_emseg.recipe.hand import pack
from napari_emseg.recipe.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_emseg.layers.results import At


@dataclass(frozen=True, slots=True, eq=False)
class Deed:
    """What was done, in the words of a step, and what came of it.

    Attributes
    ----------
    step : Step
        Without its place.
    at : tuple of int or None, or None
        Its plane in the layer that it was done on; None is everything.
    labels : napari.layers.Labels or None
        The labels that it edits or looks at.
    selection : napari.layers.Labels or None
        The selection that it makes or looks at.
    image : napari.layers.Image or None
        The image that it looks at.
    before, after : (Y, X) ndarray of uint8 or None
        What is selected, in 255ths.
    kept : (Y, X) ndarray of uint8 or None
        The kept selection that it takes.
    """

    step: Step
    at: At | None = None
    labels: Labels | None = None
    selection: Labels | None = None
    image: Image | None = None
    before: NDArray[np.uint8] | None = None
    after: NDArray[np.uint8] | None = None
    kept: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A layer with a recipe, its image, and the selection that lies on it."""

    layer: Labels
    image: Image | None
    selection: Labels | None


def notes_of(deed: Deed, layers: Iterable[Followed]) -> list[Note]:
    """Say in steps what was done, for each layer that it concerns; any thread may.

    What a step cannot say, since it was done with another image, or begins with a
    selection that no step made, is said by a selection that is stored as it is.
    """
    notes = (
        Note(one.layer, tuple(_steps(deed, one)), one.image.name if one.image else "")
        for one in layers
    )
    return [note for note in notes if note.steps]


def mark_of(selection: NDArray[np.uint8]) -> int:
    """Return a number that tells selections apart; 0 if nothing is selected."""
    if not selection.any():
        return 0
    return zlib.crc32(np.ascontiguousarray(selection).data) or 1


def all_by_hand(labels: Any, *, rgb: bool | None = None) -> tuple[Step, ...]:
    """Return steps that give labels without looking at an image."""
    blank = Step.of("blank", shape=labels.shape, dtype=labels.dtype.name, rgb=rgb)
    if not labels.any():
        return (blank,)
    return blank, Step.of("patch", where=pack(labels != 0), values=pack(labels))


def _steps(deed: Deed, one: Followed) -> Iterator[Noted]:
    """Yield the steps that an action adds to the recipe of a layer."""
    step, group = deed.step, deed.step.row.group
    on_labels = "labels" in step.row.takes
    nothing_selected = group == "picture" and deed.selection is None
    if group in ("edit", "labels"):
        concerned = deed.labels is one.layer
    else:
        concerned = nothing_selected or deed.selection is one.selection is not None
    if not concerned:
        return
    steps, at = steps_of(one.layer), _place(deed.at, one.layer)
    if steps is None:
        steps = [*_beginning(one)]
        yield from steps
    foreign = step.row.looks or needs_image(step)
    if (
        (foreign and (one.image is None or deed.image is not one.image))
        or (on_labels and deed.labels is not one.layer)
        or (step.op == "load" and not _was_kept(deed, steps, at))
    ):
        if deed.after is not None and step.op in SELECTS:
            yield _stored(deed.after, at)
        return
    before = deed.before
    if (
        before is not None
        and step.looks_at_selection
        and not _explained(before, steps, at)
    ):
        yield _stored(before, at)
    shown = before if deed.after is None else deed.after
    yield _noted(step.model_copy(update={"at": at}), shown)


def _explained(before: NDArray[np.uint8], steps: list[Any], at: At | None) -> bool:
    """Whether steps make the selection that there is."""
    for step in reversed(steps):
        if step["op"] in SELECTS and _same_place(step, at):
            return isinstance(step, Noted) and step.mark == mark_of(before)
    return not before.any()


def _was_kept(deed: Deed, steps: list[Any], at: At | None) -> bool:
    """Whether a step kept what is taken, under its name."""
    args: Any = deed.step.args
    for step in reversed(steps):
        kept = step["op"] == "save" and step["args"]["name"] == args.name
        if kept and _same_place(step, at):
            known = isinstance(step, Noted) and deed.kept is not None
            return known and step.mark == mark_of(np.asarray(deed.kept))
    return False


def _same_place(step: dict[str, Any], at: At | None) -> bool:
    return step.get("at") == (None if at is None else [*at])


def _stored(selection: NDArray[np.uint8], at: At | None) -> Noted:
    """Return the step that selects just this."""
    if not selection.any():
        return _noted(Step.of("none", at=at), selection)
    return _noted(Step.of("selection", at=at, values=pack(selection)), selection)


def _noted(step: Step, selection: NDArray[np.uint8] | None) -> Noted:
    found = Noted(step.model_dump(mode="json"))
    found.mark = 0 if selection is None else mark_of(selection)
    return found


def _place(at: At | None, layer: Labels) -> At | None:
    """Return a plane of a layer as one of its image; None for images of one plane."""
    if at is None or len(at) == 2:
        return None
    frame = entry_of(layer).get("at") or (None,) * len(at)
    return tuple(
        own if fixed is None else fixed for own, fixed in zip(at, frame, strict=True)
    )


def _beginning(one: Followed) -> Iterator[Noted]:
    """Yield the steps that make the labels of a layer from elsewhere."""
    rgb = None if one.image is None else bool(one.image.rgb)
    for step in all_by_hand(np.asarray(one.layer.data), rgb=rgb):
        yield _noted(step, None)
