"""The recipes of layers: what was done in the viewer, step by step."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from napari.layers import Image, Labels

from napari_emseg.engine.image.axes import ChannelStack
from napari_emseg.layers.fit_records import fit_record_of
from napari_emseg.layers.metadata import (
    RECIPE,
    SELECTS,
    LogEntry,
    append,
    entry_of,
    image_of,
    picture_of_result,
    remove,
    steps_of,
    without_channel_axis,
)
from napari_emseg.layers.selection import find_selection, is_selection
from napari_emseg.layers.undo.undo_follower import follow_undo
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.operation_schema import contains, overlap
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.layers.metadata import Log
    from napari_emseg.layers.undo.action import Change
    from napari_emseg.recipe.operation_schema import OptionalSlice
    from napari_emseg.regions import Edit

# A layer with a recipe, its image, and the selection that lies on it.
LoggedLayer: TypeAlias = tuple[Labels, Image | None, Labels | None]
# Labels from elsewhere with more pixels are not stored when they are first edited.
MAX_PIXELS = 2**25


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEdit:
    """Edits of layers that are one action, and the step that says so in recipes.

    Attributes
    ----------
    step : Step or None
        Without its slice; None if recipes say nothing of it.
    changes : list of (napari.layers.Labels, Edit)
        What changes.
    at : tuple of int or None, or None
        The slice of the layer that it was done on; None is everything.
    labels : napari.layers.Labels or None
        The labels that it edits or looks at.
    selection : napari.layers.Labels or None
        The selection that it makes or looks at.
    image : napari.layers.Image or None
        The image that it looks at.
    before, after : ([Z,] Y, X) ndarray of uint8 or None
        What is selected in that slice, in 255ths.
    kept : ([Z,] Y, X) ndarray of uint8 or None
        The saved selection that it loads.
    text : str
        What to call it; by default, what `words_of` says of the step.
    looks : tuple of Change
        What else changes with it, such as a color.
    """

    step: Step | None = None
    changes: list[tuple[Labels, Edit]] = field(default_factory=list)
    at: SliceIndex | None = None
    labels: Labels | None = None
    selection: Labels | None = None
    image: Image | None = None
    before: NDArray[np.uint8] | None = None
    after: NDArray[np.uint8] | None = None
    kept: NDArray[np.uint8] | None = None
    text: str = ""
    looks: tuple[Change, ...] = ()

    def log(self, layers: Sequence[LoggedLayer]) -> Log:
        """Return what it adds to the recipe of each layer; any thread may call it.

        A selection is stored as it is where its step would not find it again: it was
        made with another image, or starts from a selection that no step made.
        """
        found = {}
        for layer, image, selection in layers:
            entries = tuple(self._entries(layer, image, selection))
            for entry in entries:
                entry.image = image.name if image else ""
            if entries:
                found[layer] = entries
        return found

    def _entries(
        self, layer: Labels, image: Image | None, selection: Labels | None
    ) -> Iterator[LogEntry]:
        """Yield the steps that it adds to the recipe of a layer."""
        step = self.step
        if step is None:
            return
        group, on_labels = step.row.group, "labels" in step.row.inputs
        if group in ("edit", "labels"):
            concerned = self.labels is layer
        else:
            concerned = self.selection is selection and selection is not None
            concerned |= group == "picture" and self.selection is None
        if not concerned:
            return
        steps, at = steps_of(layer), _slice_of(self.at, layer)
        if steps is None:
            rgb = None if image is None else bool(image.rgb)
            data = np.asarray(layer.data)
            steps = [_entry(first) for first in all_by_hand(data, rgb=rgb)]
            yield from steps
        if (
            (step.needs_image and (image is None or self.image is not image))
            or (on_labels and self.labels is not layer)
            or (step.op == "load" and not self._was_kept(steps, at))
        ):
            if self.after is not None and step.op in SELECTS:
                yield _stored(self.after, at)
            return
        before = self.before
        if (
            before is not None
            and step.looks_at_selection
            and not _explained(before, steps, at)
        ):
            yield _stored(before, at)
        shown = before if self.after is None else self.after
        yield _entry(step.model_copy(update={"at": at}), shown)

    def _was_kept(self, steps: list[Any], at: SliceIndex | None) -> bool:
        """Whether a step saved the selection that is loaded, under its name."""
        args: Any = None if self.step is None else self.step.args
        for step in reversed(steps):
            kept = step["op"] == "save" and step["args"]["name"] == args.name
            if kept and _same_slice(step, at):
                known = isinstance(step, LogEntry) and self.kept is not None
                return known and step.marks == marks_of(np.asarray(self.kept), at)
        return False


def marks_of(
    selection: NDArray[np.uint8], at: OptionalSlice
) -> dict[OptionalSlice, int]:
    """Return numbers that tell selections apart, by plane; none where it is empty.

    Planes of a volume have the numbers that they have by themselves.

    Parameters
    ----------
    selection : (…, Y, X) ndarray of uint8
    at : tuple of int or None, or None
        Its scope. Its planes are those of the last two axes; if it has these not, it is
        one plane.

    Examples
    --------
    >>> volume = np.zeros((3, 2, 2), np.uint8)
    >>> volume[1] = 255
    >>> marks = marks_of(volume, None)
    >>> [*marks], marks == marks_of(volume[1], (1, None, None))
    ([(1, None, None)], True)
    """
    return {
        plane: zlib.crc32(np.ascontiguousarray(part).data)
        for plane, part in _planes(selection, at)
        if part.any()
    }


def _planes(
    selection: NDArray[np.uint8], at: OptionalSlice
) -> Iterator[tuple[OptionalSlice, NDArray[np.uint8]]]:
    """Yield the planes of a selection, and their scopes."""
    scope = (None,) * selection.ndim if at is None else at
    if selection.ndim == 2:
        yield at, selection
        return
    for index in np.ndindex(selection.shape[:-2]):
        known = iter(index)
        ahead = (next(known) if one is None else one for one in scope[:-2])
        yield (*ahead, None, None), selection[index]


def all_by_hand(labels: Any, *, rgb: bool | None = None) -> tuple[Step, ...]:
    """Return steps that give labels without looking at an image."""
    blank = Step.of("blank", shape=labels.shape, dtype=labels.dtype.name, rgb=rgb)
    if not labels.any():
        return (blank,)
    return blank, Step.of("patch", where=pack(labels != 0), values=pack(labels))


def _explained(
    before: NDArray[np.uint8], steps: list[Any], at: SliceIndex | None
) -> bool:
    """Whether steps make the selection that there is.

    Of each plane, the latest step that selects in it tells.
    """
    marks = marks_of(before, at)
    open_planes = {plane for plane, _ in _planes(before, at)}
    for step in reversed(steps):
        if not open_planes:
            break
        scope = None if step.get("at") is None else (*step["at"],)
        if step["op"] not in SELECTS or not overlap(scope, at):
            continue
        inner = {plane for plane in open_planes if contains(scope, plane)}
        # One that crosses planes changes a part of each.
        crossing = {plane for plane in open_planes - inner if overlap(scope, plane)}
        if crossing or not isinstance(step, LogEntry):
            return False
        if any(step.marks.get(one) != marks.get(one) for one in inner):
            return False
        open_planes -= inner
    return not any(plane in marks for plane in open_planes)


def _same_slice(step: dict[str, Any], at: SliceIndex | None) -> bool:
    return step.get("at") == (None if at is None else [*at])


def _stored(selection: NDArray[np.uint8], at: SliceIndex | None) -> LogEntry:
    """Return the step that selects just this."""
    if not selection.any():
        return _entry(Step.of("none", at=at), selection)
    return _entry(Step.of("selection", at=at, values=pack(selection)), selection)


def _entry(step: Step, selection: NDArray[np.uint8] | None = None) -> LogEntry:
    found = LogEntry(step.model_dump(mode="json"))
    if selection is not None:
        place = found.get("at")
        found.marks = marks_of(selection, None if place is None else tuple(place))
    return found


def _slice_of(at: SliceIndex | None, layer: Labels) -> SliceIndex | None:
    """Return a slice of a layer as one of its image; None for all of the image."""
    if at is None:
        return None
    whole = entry_of(layer).get("at") or (None,) * len(at)
    found = tuple(
        own if fixed is None else fixed for own, fixed in zip(at, whole, strict=True)
    )
    found = without_channel_axis(layer, found)
    return None if set(found) <= {None} else found


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
    if not isinstance(layer.data, np.ndarray) and RECIPE in entry_of(layer):
        # Such a layer is not edited; its labels may be too many to be read.
        return Recipe.model_validate(entry_of(layer)[RECIPE])
    return recipe_work(viewer, layer, np.asarray(layer.data))()


def recipe_work(
    viewer: ViewerModel, layer: Labels, labels: NDArray[Any]
) -> Callable[[], Recipe]:
    """Return a function that finds the recipe of a layer as it is now, in any thread.

    Parameters
    ----------
    viewer, layer
        As for `recipe_of`; they may change, or close, before it is called.
    labels : (…) ndarray of int
        Those of the layer; a copy, if it may change.
    """
    entry, picture = entry_of(layer), picture_of_result(viewer, layer)
    if picture is None or RECIPE not in entry:
        return lambda: Recipe(steps=all_by_hand(labels))
    wanted, data = labels.reshape(_recorded_shape(layer)), picture.data()

    def work() -> Recipe:
        recorded = Recipe.model_validate(entry[RECIPE])
        recorded = recorded.without_detours(keep_selection=False)
        return recorded.ending_in(wanted, data, first=_fitted(layer, data))

    return work


def _recorded_shape(layer: Labels) -> tuple[int, ...]:
    """Return the shape of the labels in recipes, which have no axis of channels."""
    shape: tuple[Any, ...] = without_channel_axis(layer, layer.data.shape)
    return shape


def _fitted(layer: Labels, now: Any) -> NDArray[Any] | None:
    """Return the labels that the first step of a layer's recipe gave, if known."""
    run, steps = fit_record_of(layer), steps_of(layer)
    if run is None or run.labels is None or not steps or steps[0] != run.step:
        return None
    # The image may have got other data since.
    seen = run.source.picture.source
    if not all(map(_alike, _arrays(seen), _arrays(now))):
        return None
    at = steps[0].get("at") or ()
    return np.expand_dims(
        run.labels, [axis for axis, index in enumerate(at) if index is not None]
    )


def _arrays(image: Any) -> tuple[Any, ...]:
    return image.parts if isinstance(image, ChannelStack) else (image,)


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two images may be one: arrays share memory, of others who knows."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return bool(np.may_share_memory(one, other))
    return isinstance(one, np.ndarray) == isinstance(other, np.ndarray)


def logged_layers(
    viewer: ViewerModel, labels: Labels | None = None, image: Image | None = None
) -> list[LoggedLayer]:
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
        found.append((layer, own, find_selection(viewer, layer)))
    return found


def _small(layer: Labels) -> bool:
    return isinstance(layer.data, np.ndarray) and layer.data.size <= MAX_PIXELS


def note_step(viewer: ViewerModel, layer: Labels, step: Step) -> None:
    """Add the step of an edit that was just applied to the recipe of a layer.

    Without this, what it changed becomes part of the patch. Undo takes it back.
    """
    edit = RecordedEdit(step, labels=layer, image=image_of(viewer, layer))
    append_to_latest(
        layer, edit.log([one for one in logged_layers(viewer) if one[0] is layer])
    )


def append_to_latest(layer: Labels, log: Log) -> None:
    """Add to recipes what the latest edit of a layer did; it goes and comes with it."""
    append(log)
    added = True

    def turn() -> None:
        nonlocal added
        added = not added
        (append if added else remove)(log)

    follow_undo(layer, turn)
