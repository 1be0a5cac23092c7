"""What was done in the viewer, as steps of the recipes of layers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.layers.fit_records import fit_record_of
from napari_emseg.layers.geometry import image_data
from napari_emseg.layers.history import follow_undo
from napari_emseg.layers.metadata import RECIPE as RECIPE
from napari_emseg.layers.metadata import (
    SELECTS,
    LogEntry,
    Noted,
    entry_of,
    image_of,
    remove,
    steps_of,
)
from napari_emseg.layers.metadata import append as append
from napari_emseg.layers.selection import find_selection, is_selection
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.execute import needs_image
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_emseg.layers.geometry import SliceIndex


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEdit:
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
    at: SliceIndex | None = None
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


def log_entries(deed: RecordedEdit, layers: Iterable[Followed]) -> list[LogEntry]:
    """Say in steps what was done, for each layer that it concerns; any thread may.

    What a step cannot say, since it was done with another image, or begins with a
    selection that no step made, is said by a selection that is stored as it is.
    """
    notes = (
        LogEntry(
            one.layer, tuple(_steps(deed, one)), one.image.name if one.image else ""
        )
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


def _steps(deed: RecordedEdit, one: Followed) -> Iterator[Noted]:
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


def _explained(
    before: NDArray[np.uint8], steps: list[Any], at: SliceIndex | None
) -> bool:
    """Whether steps make the selection that there is."""
    for step in reversed(steps):
        if step["op"] in SELECTS and _same_place(step, at):
            return isinstance(step, Noted) and step.mark == mark_of(before)
    return not before.any()


def _was_kept(deed: RecordedEdit, steps: list[Any], at: SliceIndex | None) -> bool:
    """Whether a step kept what is taken, under its name."""
    args: Any = deed.step.args
    for step in reversed(steps):
        kept = step["op"] == "save" and step["args"]["name"] == args.name
        if kept and _same_place(step, at):
            known = isinstance(step, Noted) and deed.kept is not None
            return known and step.mark == mark_of(np.asarray(deed.kept))
    return False


def _same_place(step: dict[str, Any], at: SliceIndex | None) -> bool:
    return step.get("at") == (None if at is None else [*at])


def _stored(selection: NDArray[np.uint8], at: SliceIndex | None) -> Noted:
    """Return the step that selects just this."""
    if not selection.any():
        return _noted(Step.of("none", at=at), selection)
    return _noted(Step.of("selection", at=at, values=pack(selection)), selection)


def _noted(step: Step, selection: NDArray[np.uint8] | None) -> Noted:
    found = Noted(step.model_dump(mode="json"))
    found.mark = 0 if selection is None else mark_of(selection)
    return found


def _place(at: SliceIndex | None, layer: Labels) -> SliceIndex | None:
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


# Labels from elsewhere are taken down up to as many pixels when they are first edited.
MOST = 2**25


def recipe_of(viewer: ViewerModel, layer: Labels) -> Recipe:
    """Return the recipe that gives the labels of a layer as they are now.

    Edits are done anew, to find what they do not explain, such as strokes of napari's
    brush: that becomes one last step, "patch". The fit is done anew only if it was in
    another session, or if an edit asks for probabilities. So this takes its time; call
    it beside the window. Selections that nothing was done with, and that were not
    saved under a name, are left out.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the image of the layer is.
    layer : napari.layers.Labels
        Of one that `add_to` did not make, the labels from before the first edit in
        the panel are a patch too.

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
    entry, image = entry_of(layer), image_of(viewer, layer)
    if image is None or RECIPE not in entry:
        return Recipe(steps=all_by_hand(wanted))
    recorded = Recipe.model_validate(entry[RECIPE])
    recorded = recorded.without_detours(keep_selection=False)
    first = _fitted(layer, image)
    return recorded.ending_in(wanted, image_data(image), first=first)


def _fitted(layer: Labels, image: Image) -> NDArray[Any] | None:
    """Return the labels that the first step of a layer's recipe gave, if known."""
    run, steps = fit_record_of(layer), steps_of(layer)
    if run is None or run.labels is None or not steps or steps[0] != run.step:
        return None
    # The image may have got other data since.
    seen, now = run.source.picture.source, image_data(image)
    if isinstance(seen, np.ndarray) != isinstance(now, np.ndarray) or (
        isinstance(seen, np.ndarray) and not np.may_share_memory(seen, now)
    ):
        return None
    at = steps[0].get("at") or ()
    return np.expand_dims(
        run.labels, [axis for axis, index in enumerate(at) if index is not None]
    )


def logged_layers(
    viewer: ViewerModel, labels: Labels | None = None, image: Image | None = None
) -> list[Followed]:
    """Return the layers of a viewer whose recipes are kept.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    labels : napari.layers.Labels, optional
        A layer that begins to have a recipe if it has none.
    image : napari.layers.Image, optional
        The image that it belongs to.
    """
    found = []
    for layer in viewer.layers:
        if not isinstance(layer, Labels) or is_selection(layer):
            continue
        new = steps_of(layer) is None
        if new and not (layer is labels and _small(layer)):
            continue
        own = image if new else image_of(viewer, layer)
        found.append(Followed(layer, own, find_selection(viewer, layer)))
    return found


def _small(layer: Labels) -> bool:
    return isinstance(layer.data, np.ndarray) and layer.data.size <= MOST


def note_step(viewer: ViewerModel, layer: Labels, step: Step) -> None:
    """Tell the recipe of a layer what an edit that was just applied to it did.

    Without this, what it changed becomes part of the patch. Undo takes it back.
    """
    deed = RecordedEdit(step, labels=layer, image=image_of(viewer, layer))
    layers = [one for one in logged_layers(viewer) if one.layer is layer]
    append_to_latest(layer, log_entries(deed, layers))


def append_to_latest(layer: Labels, notes: Sequence[LogEntry]) -> None:
    """Add to recipes what the latest edit of a layer did; it goes and comes with it."""
    append(notes)
    added = True

    def turn() -> None:
        nonlocal added
        added = not added
        (append if added else remove)(notes)

    follow_undo(layer, turn)
