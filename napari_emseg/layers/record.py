"""Recipes of Labels layers: what was done since the image was segmented."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.calls import needs_image
from napari_emseg.hand import pack
from napari_emseg.layers.results import KEY, image_data, spatial_shape
from napari_emseg.layers.selection import find_selection
from napari_emseg.operations import OPERATIONS
from napari_emseg.recipe import Recipe
from napari_emseg.steps import SELECTING, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.layers.results import At

# Where a recipe is kept in our entry of a layer's metadata, as what JSON can hold.
RECIPE = "recipe"
# Steps after which something else may be selected.
_SELECTS = {
    *(name for name, row in OPERATIONS.items() if row.group in ("select", "modify")),
    *SELECTING,
}
# Steps that do not matter to labels.
_ASIDE = (
    _SELECTS
    | {"save"}
    | {name for name, row in OPERATIONS.items() if row.group == "picture"}
)


class Noted(dict[str, Any]):
    """A step as JSON has it, that knows what is selected after it.

    Attributes
    ----------
    mark : int
        `mark_of` the selection in its plane.
    """

    mark = 0


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """Steps that an action adds to the recipe of a layer."""

    layer: Labels
    steps: tuple[Noted, ...]


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


def recipe_of(viewer: ViewerModel, layer: Labels) -> Recipe:
    """Return the recipe that gives the labels of a layer as they are now.

    All steps are done anew, to find what they do not explain, such as strokes of
    napari's brush: that becomes one last step, "patch". So this takes as long as the
    steps took; call it beside the window. Selections that nothing was done with are
    left out.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the image of the layer is.
    layer : napari.layers.Labels
        Best one that `add_to` made; of others, everything is patch.

    Returns
    -------
    Recipe
        ``recipe.replay(image).labels`` equals ``layer.data``.

    Examples
    --------
    >>> import napari_emseg as emseg
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.arange(16, dtype=np.uint8).reshape(4, 4))
    >>> seg = emseg.segment(image.data, n_classes=2)
    >>> layer = emseg.add_to(viewer, seg, image)
    >>> layer.paint((0, 0), 7)
    >>> recipe = recipe_of(viewer, layer)
    >>> [step.op for step in recipe.steps]
    ['segment', 'patch']
    >>> bool((recipe.replay(image.data).labels == layer.data).all())
    True
    """
    wanted = np.asarray(layer.data)
    note = layer.metadata.get(KEY, {})
    image = image_of(viewer, layer)
    if image is None or RECIPE not in note:
        return Recipe(steps=_all_by_hand(wanted))
    recorded = Recipe.model_validate(note[RECIPE]).without_detours()
    return recorded.ending_in(wanted, image_data(image))


def followed(viewer: ViewerModel) -> list[Followed]:
    """Return the layers of a viewer that have a recipe."""
    return [
        Followed(layer, image_of(viewer, layer), find_selection(viewer, layer))
        for layer in viewer.layers
        if isinstance(layer, Labels) and RECIPE in layer.metadata.get(KEY, {})
    ]


def notes_of(deed: Deed, layers: Iterable[Followed]) -> list[Note]:
    """Say in steps what was done, for each layer that it concerns; any thread may.

    What a step cannot say, since it was done with another image, or begins with a
    selection that no step made, is said by a selection that is stored as it is.
    """
    notes = (Note(one.layer, tuple(_steps(deed, one))) for one in layers)
    return [note for note in notes if note.steps]


def append(notes: Iterable[Note]) -> None:
    """Add steps to the recipes of layers."""
    for note in notes:
        steps = _recorded(note.layer)
        if steps is not None:
            _write(note.layer, [*steps, *note.steps])


def remove(notes: Iterable[Note]) -> None:
    """Take steps out of the recipes of layers, the latest ones like these."""
    for note in notes:
        steps = _recorded(note.layer)
        if steps is None:
            continue
        for gone in reversed(note.steps):
            if gone in steps:
                del steps[len(steps) - 1 - steps[::-1].index(gone)]
        _write(note.layer, steps)


def exchange(layer: Labels, note: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give a layer our entry of its metadata back, if its labels have other steps now.

    Returns
    -------
    dict or None
        The entry that it had, or the given one if nothing was exchanged.
    """
    now = layer.metadata.get(KEY)
    if now is None or note is None or _edits(now) == _edits(note):
        return note
    layer.metadata = layer.metadata | {KEY: note}
    return now


def _edits(note: dict[str, Any]) -> list[int]:
    """Return which steps made the labels."""
    steps = note.get(RECIPE, {}).get("steps", ())
    return [id(step) for step in steps if step["op"] not in _ASIDE]


def mark_of(selection: NDArray[np.uint8]) -> int:
    """Return a number that tells selections apart; 0 if nothing is selected."""
    if not selection.any():
        return 0
    return zlib.crc32(np.ascontiguousarray(selection).data) or 1


def image_of(viewer: ViewerModel, layer: Labels) -> Image | None:
    """Return the image layer that a result was made from; None if it is gone.

    If no image has its name any more, it is the only one that has its shape.
    """
    fit = [one for one in viewer.layers if _could_be_of(one, layer)]
    name = layer.metadata.get(KEY, {}).get("image")
    named = [one for one in fit if one.name == name]
    found = named or fit
    return found[0] if len(found) == 1 else None


def _could_be_of(image: object, layer: Labels) -> bool:
    if not isinstance(image, Image):
        return False
    shape, frame = spatial_shape(image), layer.metadata.get(KEY, {}).get("at")
    part = tuple(
        size if index is None else 1
        for size, index in zip(shape, frame or (None,) * len(shape), strict=False)
    )
    return part == layer.data.shape


def note_step(viewer: ViewerModel, layer: Labels, step: Step) -> None:
    """Tell the recipe of a layer what an edit that was just applied to it did.

    Without this, what it changed becomes part of the patch. Undo takes it back.
    """
    deed = Deed(step, labels=layer, image=image_of(viewer, layer))
    append(notes_of(deed, [one for one in followed(viewer) if one.layer is layer]))


def _all_by_hand(labels: Any) -> tuple[Step, ...]:
    """Return steps that give labels without looking at an image."""
    blank = Step.of("blank", shape=labels.shape, dtype=labels.dtype.name)
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
    steps, at = _recorded(one.layer) or [], _place(deed.at, one.layer)
    foreign = step.row.looks or needs_image(step)
    if (
        (foreign and (one.image is None or deed.image is not one.image))
        or (on_labels and deed.labels is not one.layer)
        or (step.op == "load" and not _was_kept(deed, steps, at))
    ):
        if deed.after is not None and step.op in _SELECTS:
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
        if step["op"] in _SELECTS and _same_place(step, at):
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
    frame = layer.metadata[KEY].get("at") or (None,) * len(at)
    return tuple(
        own if fixed is None else fixed for own, fixed in zip(at, frame, strict=True)
    )


def _recorded(layer: Labels) -> list[Any] | None:
    """Return the steps of a layer, a list of its own; None if it has no recipe."""
    recipe = layer.metadata.get(KEY, {}).get(RECIPE)
    return None if recipe is None else [*recipe["steps"]]


def _write(layer: Labels, steps: list[Any]) -> None:
    note = layer.metadata[KEY]
    recipe = note[RECIPE] | {"steps": steps}
    layer.metadata = layer.metadata | {KEY: note | {RECIPE: recipe}}
