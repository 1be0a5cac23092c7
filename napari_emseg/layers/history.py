"""The undo history of Labels layers: the one file that knows napari's private names."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

import numpy as np
from napari.layers._source import layer_source
from napari.layers.labels import labels as napari_labels
from napari.utils.notifications import show_warning

from napari_emseg.layers.metadata import PLUGIN
from napari_emseg.pipeline.tiles import bounding_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from napari.components import LayerList
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Box
    from napari_emseg.regions import Edit

# What the undo history of a layer may hold.
HISTORY_BYTES = 2**28
# Names of napari's that are private, so each is looked for before it is used.
_UNDO, _REDO, _STAGED = "_undo_history", "_redo_history", "_staged_history"
_BLOCK = "_block_history"
_DIRTY, _PARTIAL = "_accumulate_updated_slice", "_partial_labels_refresh"
_SOURCE = "_get_preserve_labels_source_label"
_SLICE, _ACTIVATE = "_slice", "_activate_on_insert"
_OVERLAYS, _TOOLS = "_overlays", ("polygon", "brush_stroke")
# An atom covers at most this many pixels of the last axes, and single planes of the
# axes before, so that its box fits tightly and its kind suits what changed there.
_TILE = (8, 256, 256)

Values: TypeAlias = "NDArray[np.integer[Any]]"
# napari's kinds of atoms: bounding box, mask, old values and new label (since 0.8),
# or index, old values and new values.
Atom: TypeAlias = tuple[Any, ...]
Steps: TypeAlias = deque[list[Atom]]


def undo_steps(layer: Labels) -> Steps | None:
    """Return the steps that can be undone, oldest first; None if napari hides them."""
    return getattr(layer, _UNDO, None)


def redo_steps(layer: Labels) -> Steps | None:
    """Return the steps that can be redone; None if napari hides them."""
    return getattr(layer, _REDO, None)


def history_bytes(layer: Labels) -> int:
    """Return the bytes that the undo and redo steps of a layer hold."""
    steps = [*(undo_steps(layer) or ()), *(redo_steps(layer) or ())]
    return sum(map(atoms_bytes, steps))


def show(layer: Labels, where: Box) -> None:
    """Draw a box of a layer anew after its data changed, and no more than needed."""
    if not all(hasattr(layer, name) for name in (_DIRTY, _PARTIAL, _SLICE)):
        layer.refresh(extent=False)
        return
    # Contours are made anew in any case. Without them the texture is the data
    # themselves, or a copy that would have to be patched.
    texture = getattr(layer, _SLICE).image.view
    if layer.contour == 0 and not np.shares_memory(layer.data, texture):
        layer.refresh(extent=False)
        return
    getattr(layer, _DIRTY)(where)
    getattr(layer, _PARTIAL)()


def drawing(layer: Labels) -> bool:
    """Return whether a stroke on a layer has begun and not ended."""
    return bool(getattr(layer, _BLOCK, False) or getattr(layer, _STAGED, ()))


class LayerState:
    """What tells whether a layer was edited, by whomever; any thread may make it.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its strokes, also one that has only begun, its undo and redo, and other data
        count; what is written into its array without a history does not.

    Examples
    --------
    >>> from napari.layers import Labels
    >>> layer = Labels(np.zeros((2, 2), int))
    >>> before = LayerState(layer)
    >>> before.same(LayerState(layer))
    True
    >>> layer.paint((0, 0), 1)
    >>> before.same(LayerState(layer))
    False
    """

    def __init__(self, layer: Labels) -> None:
        queues = (getattr(layer, name, ()) for name in (_UNDO, _REDO, _STAGED))
        self._seen = [layer.data, *(part for queue in queues for part in (*queue, 0))]

    def same(self, other: LayerState) -> bool:
        """Return whether nothing was done between two states."""
        pairs = zip(self._seen, other._seen, strict=False)
        return len(self._seen) == len(other._seen) and all(a is b for a, b in pairs)


class Checkpoint:
    """Labels in a box of a layer, and its undo history, to bring back.

    Parameters
    ----------
    layer : napari.layers.Labels
        Whose data are in memory or in a memory map.
    where : tuple of slice
        The box.
    old : ndarray of int, optional
        Its labels, if they are known.
    """

    def __init__(self, layer: Labels, where: Box, old: Values | None = None) -> None:
        self._layer, self._where, self._data = layer, where, layer.data
        self._old = self._data[where].copy() if old is None else old
        self._history = {
            name: value.copy() if isinstance(value, deque | list) else value
            for name in (_UNDO, _REDO, _STAGED, _BLOCK)
            if (value := getattr(layer, name, None)) is not None
        }

    def restore(self) -> None:
        """Bring labels, history and display back."""
        layer = self._layer
        for data in (layer.data, self._data):
            data[self._where] = self._old
        for name, value in self._history.items():
            setattr(layer, name, value)
        if layer.data is not self._data:
            layer.data = self._data
        layer.refresh(extent=False)


def write_steps(
    edits: Sequence[tuple[Labels, Edit, list[Atom]]],
    max_bytes: int,
    commit: Callable[[], None] = lambda: None,
) -> None:
    """Write edits, each as one step of a limited undo history: all of them or none.

    Parameters
    ----------
    edits : sequence of (napari.layers.Labels, Edit, list of tuple)
        Whose old labels are known, and their atoms.
    max_bytes : int
        What each undo history may hold.
    commit : callable, optional
        Called when all is written. If it fails, or anything before it, then labels,
        histories and display are as before. Others hear of the edits after it, so that
        what fails with them cannot take back half of an action.
    """
    before = [Checkpoint(layer, edit.where, edit.old) for layer, edit, _ in edits]
    steps: list[list[Atom] | None] = []
    try:
        for layer, edit, atoms in edits:
            steps.append(_write(layer, edit, atoms))
        dropped = [_trim(layer, max_bytes) for layer, _, _ in edits]
        commit()
    except BaseException:
        for checkpoint in reversed(before):
            checkpoint.restore()
        raise
    # All are told, even if one who hears it fails; the error comes out then.
    with ExitStack() as told:
        for (layer, _, _), count in zip(edits, dropped, strict=True):
            if count:
                told.callback(_tell_limit, layer, count, max_bytes)
        for (layer, _, _), step in reversed(list(zip(edits, steps, strict=True))):
            if step is not None:
                told.callback(layer.events.paint, value=step)


def _write(layer: Labels, edit: Edit, atoms: list[Atom]) -> list[Atom] | None:
    """Write an edit and tell nobody; None if it became a part of a step under way."""
    if not np.can_cast(edit.labels.dtype, layer.data.dtype):
        # Same labels in a wider type, so that the steps of undo are as good as before.
        layer.data = layer.data.astype(edit.labels.dtype)
    known = all(hasattr(layer, name) for name in (_UNDO, _REDO, _STAGED, _BLOCK))
    if not known or masked_atom() is None:
        return _write_in_public(layer, edit, atoms)
    keep_all(layer)
    layer.data[edit.where] = edit.labels
    show(layer, edit.where)
    getattr(layer, _REDO).clear()
    if getattr(layer, _BLOCK):
        getattr(layer, _STAGED).extend(atoms)
        return None
    step = [*atoms]
    getattr(layer, _UNDO).append(step)
    return step


def _write_in_public(layer: Labels, edit: Edit, atoms: list[Atom]) -> list[Atom]:
    changed = np.asarray(edit.old != edit.labels)
    index = tuple(
        found + part.start
        for found, part in zip(np.nonzero(changed), edit.where, strict=True)
    )
    paint = layer.events.paint
    paint.block()
    try:
        with layer.block_history():
            layer.data_setitem(index, edit.labels[changed])
        paint.unblock()
    except BaseException:
        paint.unblock()
        raise
    return (undo_steps(layer) or [atoms])[-1]


def _trim(layer: Labels, max_bytes: int) -> int:
    """Drop the oldest steps beyond the limit, but not the newest; return how many."""
    steps = undo_steps(layer) or deque()
    held = history_bytes(layer)
    dropped = 0
    while held > max_bytes and len(steps) > 1:
        held -= atoms_bytes(steps.popleft())
        dropped += 1
    return dropped


def _tell_limit(layer: Labels, dropped: int, max_bytes: int) -> None:
    what = "The oldest action" if dropped == 1 else f"The {dropped} oldest actions"
    why = f"its history is limited to {max_bytes / 2**20:.3g} MB"
    show_warning(f"{what} on {layer.name!r} can no longer be undone: {why}.")


def end_history(layer: Labels) -> None:
    """Forget the steps of a layer, which would be written into other labels."""
    queues = (_UNDO, _REDO, _STAGED)
    if all(hasattr(layer, name) for name in queues):
        for name in queues:
            getattr(layer, name).clear()
        return
    editable, mode = layer.editable, layer.mode
    # A layer forgets its steps when it ceases to be editable.
    layer.editable = True
    layer.editable = False
    layer.editable = editable
    layer.mode = mode


def lock(layer: Labels) -> None:
    """Make a layer not editable; unlike napari, it keeps its steps."""
    queues = [(name, getattr(layer, name, None)) for name in (_UNDO, _REDO)]
    layer.editable = False
    for name, steps in queues:
        if steps is not None:
            setattr(layer, name, deque(steps))


def keep_all(layer: Labels) -> None:
    """Let a layer keep all steps that fit into memory, not a hundred of them."""
    for name in {_UNDO, _REDO} & {*vars(layer)}:
        setattr(layer, name, deque(getattr(layer, name)))


class StepMark:
    """A step of the undo history of a layer, wherever that has it now.

    Parameters
    ----------
    layer : napari.layers.Labels
    step : list of tuple
        What napari forgets of it is not kept.
    """

    def __init__(self, layer: Labels, step: list[Atom]) -> None:
        self.layer = layer
        self._old = ref(_old_values(step[0]))

    @property
    def key(self) -> int:
        """Its number among `step_keys`; 0 if the step is forgotten."""
        old = self._old()
        return 0 if old is None else id(old)


def step_keys(steps: Iterable[list[Atom]] | None) -> set[int]:
    """Return the numbers of steps, by both ends: napari turns a step that it undoes."""
    ends = (end for step in steps or () for end in (step[0], step[-1]))
    return {id(_old_values(end)) for end in ends}


def latest_step(layer: Labels) -> StepMark | None:
    """Return the latest step that can be undone; None if there is none."""
    steps = undo_steps(layer)
    return StepMark(layer, steps[-1]) if steps else None


def _old_values(atom: Atom) -> NDArray[Any]:
    values: NDArray[Any] = atom[2 if len(atom) == 4 else 1]
    return values


def paintable(layer: Labels, label: int) -> int:
    """Return the label that 'preserve labels' lets napari paint over with another."""
    known = getattr(layer, _SOURCE, None)
    return int(known(label)) if known else 0 if label else int(layer.selected_label)


def insert_layer(layers: LayerList, place: int, layer: Layer) -> None:
    """Insert a layer; it stays, and the user is told, if others fail to hear of it."""
    _delay_tools(layer)
    try:
        layers.insert(place, layer)
    except Exception as error:
        if layer not in layers:
            raise
        show_warning(
            f"{layer.name!r} was added, but napari or a plugin failed when it heard of "
            f"it: {type(error).__name__}: {error}"
        )


def _delay_tools(layer: Layer) -> None:
    """Have napari make what two of its tools draw when one is taken, not before.

    That is half of the time that labels take to appear.
    """
    overlays = getattr(layer, _OVERLAYS, {})
    for overlay in filter(None, map(overlays.get, _TOOLS)):
        if overlay.visible and not overlay.enabled:
            overlay.visible = False
            overlay.events.enabled.connect(partial(_show_tool, overlay))


def _show_tool(overlay: Any, event: object) -> None:
    overlay.visible = True


@contextmanager
def inserting_inactive(layers: LayerList) -> Iterator[None]:
    """Add layers without making them active, which builds their controls.

    That takes a third of the time, and is seen.
    """
    known = [_ACTIVATE] if hasattr(layers, _ACTIVATE) else []
    for name in known:
        setattr(layers, name, False)
    try:
        yield
    finally:
        for name in known:
            setattr(layers, name, True)


def changing_together(layers: LayerList) -> AbstractContextManager[None]:
    """Add, hide and remove layers inside; napari arranges all once, not for each."""
    known = getattr(layers, "batched_update", None)  # since 0.9
    return known() if known else nullcontext()


def masked_atom() -> type[Any] | None:
    """Return napari's kind of atom for masks; None if it has none."""
    return getattr(napari_labels, "_MaskedPaintAtom", None)


def make_atoms(where: Box, old: Values, new: Values) -> list[Atom]:
    """Return the atoms that describe a change in napari's undo history.

    Parameters
    ----------
    where : tuple of slice
        The box that changes, in the pixels of the layer.
    old, new : ndarray of int
        Its labels before and after, both of the shape of the box.

    Returns
    -------
    list of tuple
        They do not overlap, and own their arrays, of the narrowest type that holds the
        labels: 1 to 3 bytes per changed pixel if one label up to 255 replaces others,
        at most twice that if many labels do.

    Examples
    --------
    >>> old = np.zeros((2, 4), int)
    >>> box = (slice(10, 12), slice(0, 4))
    >>> atoms = make_atoms(box, old, np.eye(2, 4, dtype=int))
    >>> atoms_bytes(atoms) <= 12
    True
    """
    masked = masked_atom()
    atoms = (
        _make_atom(
            tuple(
                slice(part.start + box.start, part.start + box.stop)
                for part, box in zip(where, tile, strict=True)
            ),
            old[tile],
            new[tile],
            masked,
        )
        for tile in _tiles(old, new)
    )
    return list(atoms)


def atoms_bytes(atoms: list[Atom]) -> int:
    """Return the bytes of the arrays in an undo step, whoever made it."""
    return sum(_bytes(part) for atom in atoms for part in atom)


def _bytes(part: Any) -> int:
    if isinstance(part, np.ndarray):
        return part.nbytes
    return sum(map(_bytes, part)) if isinstance(part, tuple) else 0


def _tiles(old: Values, new: Values) -> Iterator[Box]:
    """Yield boxes, relative to the whole, that hold all changes."""
    ahead = old.ndim - len(_TILE)
    sides = (1,) * ahead + _TILE[max(-ahead, 0) :]
    steps = (
        [slice(i, min(i + side, size)) for i in range(0, size, side)]
        for side, size in zip(sides, old.shape, strict=True)
    )
    for tile in product(*steps):
        changed = old[tile] != new[tile]
        if not changed.any():
            continue
        yield tuple(
            slice(part.start + box.start, part.start + box.stop)
            for part, box in zip(tile, bounding_box(changed), strict=True)
        )


def _make_atom(where: Box, old: Values, new: Values, masked: type[Any] | None) -> Atom:
    """Return the smallest of the kinds of atoms."""
    changed = old != new
    before, after = narrow(old[changed]), narrow(new[changed])
    label = int(after[0])
    same = bool((after == label).all())
    if len(before) == old.size and same and masked is not None:
        return masked(where, None, narrow(old), label)
    # An axis of one pixel is an integer of the index, the others an array each.
    axes = [axis for axis, size in enumerate(old.shape) if size > 1]
    kind = np.min_scalar_type(max(part.stop for part in where))
    listed = len(before) * (len(axes) * kind.itemsize + before.itemsize)
    listed += 0 if same else len(after) * after.itemsize
    under_mask = old.size + before.nbytes
    dense = old.size * (before.itemsize + after.itemsize)
    if same and masked is not None and under_mask <= min(listed, dense):
        return masked(where, changed, before, label)
    if dense <= listed:
        return where, narrow(old), narrow(new)
    found = np.nonzero(changed)
    index = tuple(
        (found[axis] + part.start).astype(kind) if axis in axes else part.start
        for axis, part in enumerate(where)
    )
    return index, before, label if same else after


def narrow(values: Values) -> Values:
    """Copy integers into the narrowest type that holds them all."""
    low, high = int(values.min()), int(values.max())
    kind = np.result_type(np.min_scalar_type(low), np.min_scalar_type(high))
    fits = kind.itemsize < values.dtype.itemsize and kind.kind in "iu"
    return values.astype(kind if fits else values.dtype)


def opened_from(path: object) -> AbstractContextManager[None]:
    """Let the layers that are made meanwhile know the file that they were read from."""
    return layer_source(path=str(path), reader_plugin=PLUGIN)
