"""Undo across layers: the last action first, whichever layer it touched."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_warning
from psygnal import Signal

from napari_emseg.layers.edits import check_fresh
from napari_emseg.layers.history import (
    HISTORY_BYTES,
    StepMark,
    drawing,
    end_history,
    keep_all,
    redo_steps,
    step_keys,
    undo_steps,
    write_steps,
)
from napari_emseg.layers.metadata import append, remove
from napari_emseg.layers.selection import add_quietly
from napari_emseg.layers.undo.action import Action, find_turned
from napari_emseg.layers.undo.closed_layers import ClosedLayers, without
from napari_emseg.layers.undo.manual_edits import ManualEdits
from napari_emseg.layers.undo.seen_steps import SeenSteps
from napari_emseg.layers.undo.undo_follower import redo_edit, undo_edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.layers.metadata import Log
    from napari_emseg.layers.undo.action import Change

DRAWING = "a stroke is being drawn on {!r}; end it first, by releasing the mouse"
REPLACED = (
    "What was done on {!r} cannot be undone or redone any more, because its labels "
    "were replaced by others; the next step turns to what was done before on other "
    "layers."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """Actions that were done and undone; it is replaced at once, so never half so."""

    done: tuple[Action, ...] = ()
    undone: tuple[Action, ...] = ()


class ActionHistory:
    """Knows what was done in a viewer, in order.

    Edits of labels are what the undo histories of the layers hold: strokes of napari's
    own brush count, and what is undone with `Labels.undo`. An edit that fails was never
    there. What actions add to recipes, layers that they add, and other `Change` come
    and go with them.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose layers are followed until `close`.

    Attributes
    ----------
    manual_edits : ManualEdits
        Which of the edits were fits.
    cancels : list of callable
        Each cancels the last thing that a panel is at, and returns whether it was at
        any.
    changed : Signal
        There is another action, or none any more, or one was undone or redone.
    acted, turned : Signal
        What was done; what was undone or redone, and whether it was undone.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> one, two = (viewer.add_labels(np.zeros((3, 3), np.uint8)) for _ in range(2))
    >>> history = ActionHistory(viewer)
    >>> one.paint((0, 0), 5)
    >>> two.paint((1, 1), 7)
    >>> history.undo() == [two], history.undo() == [one], history.undo()
    (True, True, [])
    """

    changed = Signal()
    acted = Signal(Action)
    turned = Signal(Action, bool)

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._record = _Record()
        self._told = _Record()
        self._turning = False
        self._users = 1
        self.manual_edits = ManualEdits()
        self.cancels: list[Callable[[], bool]] = []
        # What is followed: the data of each layer, and steps from before.
        self._data: dict[Labels, Any] = {}
        self._earlier: dict[Labels, list[StepMark]] = {}
        self._seen = SeenSteps()
        self._closed = ClosedLayers()
        viewer.layers.events.inserted.connect(self._follow)
        viewer.layers.events.removed.connect(self._follow)
        self._follow()

    @property
    def done(self) -> tuple[Action, ...]:
        """What can be undone, the oldest first."""
        self._sync()
        return self._record.done

    @property
    def undone(self) -> tuple[Action, ...]:
        """What can be redone, that which was undone last at the end."""
        self._sync()
        return self._record.undone

    def write(
        self,
        edits: Sequence[tuple[Labels, PlannedEdit]],
        log: Log | None = None,
        *,
        text: str = "",
        made: Layer | None = None,
        changes: Sequence[Change] = (),
        max_bytes: int = HISTORY_BYTES,
    ) -> None:
        """Write edits as one action: all of them, with what recipes say, or nothing.

        Parameters
        ----------
        edits : sequence of (napari.layers.Labels, PlannedEdit)
            What `plan_edit` returned.
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes, if it edits anything.
        text : str, optional
            What is done, in words.
        made : napari.layers.Layer, optional
            A layer that was added for it.
        changes : sequence of Change, optional
            What else is changed with them.
        max_bytes : int, optional
            What the undo history of each layer may hold.

        Raises
        ------
        ValueError
            If labels were changed since they were planned, or a stroke is being drawn
            on one of the layers.
        """
        if not edits:
            return
        for layer, plan in edits:
            if drawing(layer):
                raise ValueError(DRAWING.format(layer.name))
            check_fresh(layer, plan)
        self._sync()
        action = Action(log=log or {}, text=text, made=made, changes=(*changes,))
        try:
            write_steps(
                [(layer, plan, plan.atoms) for layer, plan in edits],
                max_bytes,
                partial(self._commit, action),
            )
        finally:
            # Also after an error of somebody who heard of edits that stand.
            self._tell()

    def added(
        self,
        layer: Layer,
        log: Log | None = None,
        *,
        text: str = "",
        changes: Sequence[Change] = (),
    ) -> None:
        """Record that a layer was added: undo removes it, redo brings it back.

        Parameters
        ----------
        layer : napari.layers.Layer
            A layer of the viewer.
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes.
        text : str, optional
            What was done, in words; "added" and its name by default.
        changes : sequence of Change, optional
            What else was changed.
        """
        self._sync()
        append(log or {})
        text = text or f"added {layer.name}"
        self._note(Action(log=log or {}, made=layer, text=text, changes=(*changes,)))

    def do(self, change: Change, text: str) -> None:
        """Make a change, as an action."""
        self._sync()
        change.redo()
        self._note(Action(changes=(change,), text=text))

    @contextmanager
    def as_one(self) -> Iterator[list[Action]]:
        """Record what others do inside, such as a fit, as one action.

        It gives a list, for the action without its steps; if that stays empty, as after
        an error, each step is one.
        """
        self._sync()
        self._turning = True
        given: list[Action] = []
        try:
            yield given
        finally:
            self._turning = False
            self._sync(one=given[0] if given else None)

    def take_back(self) -> bool:
        """Cancel what is under way, or else undo; return whether there was anything."""
        if any(cancel() for cancel in reversed(self.cancels)):
            return True
        before = self.done
        self.undo()
        return before != self.done

    def undo(self) -> list[Labels]:
        """Undo the last action; return the layers that it touched.

        If a stroke is being drawn on one of them, or labels were replaced from outside,
        the user is told that, and nothing is undone.
        """
        self._sync()
        done = self._valid(self._record.done, undoing=True)
        self._record = replace(self._record, done=done)
        if not done or self._refused(done[-1]):
            return []
        action = done[-1]
        if action.lost:
            show_warning(action.lost)
            self._record = replace(self._record, done=done[:-1])
            self._tell()
            return []
        made = action.made
        if made is not None:
            action = replace(action, place=self._viewer.layers.index(made))
        record = _Record(done[:-1], (*self._record.undone, action))
        # All of it, the last first, even if somebody who hears of a part fails.
        with self._turned_to(record, action, undone=True) as rest:
            for change in action.changes:
                rest.callback(change.undo)
            if made is not None:
                rest.callback(self._viewer.layers.remove, made)
            rest.callback(remove, action.log)
            for layer in action.layers:
                rest.callback(undo_edit, layer)
        return action.layers

    def redo(self) -> list[Labels]:
        """Redo the action that was undone last; return the layers that it touched."""
        self._sync()
        undone = self._valid(self._record.undone, undoing=False)
        self._record = replace(self._record, undone=undone)
        if not undone or self._refused(undone[-1]):
            return []
        action = undone[-1]
        if action.lost:
            show_warning(action.lost)
            self._record = replace(self._record, undone=undone[:-1])
            self._tell()
            return []
        record = _Record((*self._record.done, action), undone[:-1])
        with self._turned_to(record, action, undone=False) as rest:
            for change in reversed(action.changes):
                rest.callback(change.redo)
            rest.callback(append, action.log)
            if action.made is not None:
                end = len(self._viewer.layers)
                rest.callback(self._viewer.layers.move, end, action.place)
                rest.callback(add_quietly, self._viewer, action.made)
            for layer in reversed(action.layers):
                rest.callback(redo_edit, layer)
        return action.layers

    def go_to(self, count: int) -> None:
        """Undo or redo until so many actions are done.

        It stops where one cannot be undone or redone now.
        """
        while (now := len(self.done)) != count:
            (self.undo if now > count else self.redo)()
            if len(self._record.done) == now:
                break

    def shared_by(self, viewer: ViewerModel) -> bool:
        """Let one more use it, if it is of this viewer and open; return whether."""
        shared = self._viewer is viewer and self._users > 0
        self._users += shared
        return shared

    def close(self) -> None:
        """Disconnect from the viewer, when nobody uses it any more."""
        self._users -= 1
        if self._users:
            return
        self._viewer.layers.events.inserted.disconnect(self._follow)
        self._viewer.layers.events.removed.disconnect(self._follow)
        for layer in list(self._data):
            self._leave(layer)

    @contextmanager
    def _turned_to(
        self, record: _Record, action: Action, *, undone: bool
    ) -> Iterator[ExitStack]:
        """Collect what undoes or redoes an action, do it, and tell of it."""
        self._turning = True
        try:
            with ExitStack() as rest:
                rest.callback(setattr, self, "_record", record)
                yield rest
        finally:
            self._turning = False
            self._told = self._record
            self.changed.emit()
            self.turned.emit(action, undone)

    def _note(self, action: Action) -> None:
        """Record an action that is no edit."""
        self._record = _Record((*self._record.done, action))
        self._tell()

    def _tell(self) -> None:
        """Tell of what was done since the last time."""
        before, self._told = self._told, self._record
        if before.done == self._record.done and before.undone == self._record.undone:
            return
        self.changed.emit()
        for action in self._told.done[-1:]:
            if action not in before.done + before.undone:
                self.acted.emit(action)

    def _commit(self, action: Action) -> None:
        """Record the steps that are of no action as one."""
        before = self._record
        marks = self._unknown(self._data, before)
        metadata = {layer: dict(layer.metadata) for layer in action.log}
        try:
            append(action.log)
            for change in action.changes:
                change.redo()
            self._record = _Record((*before.done, replace(action, marks=(*marks,))))
        except BaseException:
            for change in action.changes:
                change.undo()
            for layer, entries in metadata.items():
                layer.metadata = entries
            raise

    def _valid(
        self, actions: tuple[Action, ...], *, undoing: bool
    ) -> tuple[Action, ...]:
        """Leave out the last actions of which nothing can be undone, or redone."""
        for count in range(len(actions), 0, -1):
            found = actions[count - 1].within(self._viewer.layers, undoing=undoing)
            if found is not None:
                return (*actions[: count - 1], found)
        return ()

    def _refused(self, action: Action) -> bool:
        """Tell the user if an action cannot turn while a stroke is drawn over it."""
        busy = next((layer for layer in action.layers if drawing(layer)), None)
        if busy is not None:
            show_warning(DRAWING.format(busy.name).capitalize() + ".")
        return busy is not None

    def _sync(self, event: object = None, *, one: Action | None = None) -> None:
        """Find what was done, undone or forgotten, by whomever, since the last time.

        All that is new is `one` action, or else each step is one.
        """
        if self._turning:
            return
        if one is None and self._seen.same(self._record, self._data):
            return
        lost = [layer for layer in self._data if self._replaced(layer)]
        gone = tuple(Action(lost=REPLACED.format(layer.name)) for layer in lost)
        before = self._record
        up = {layer: step_keys(undo_steps(layer)) for layer in self._data}
        down = {layer: step_keys(redo_steps(layer)) for layer in self._data}
        done, back = find_turned(before.done, up, down)
        undone, again = find_turned(before.undone, down, up)
        for actions, layers in ((done, before.done), (undone, before.undone)):
            touched = {layer for action in layers for layer in action.layers}
            actions += (
                one for one, layer in zip(gone, lost, strict=True) if layer in touched
            )
        record = _Record((*done, *reversed(again)), (*undone, *reversed(back)))
        new = self._unknown(self._data, record)
        if one is None:
            made = [
                Action((mark,), text=f"painted on {mark.layer.name}") for mark in new
            ]
        else:
            one = replace(one, marks=(*new,))
            made = [one] if new or one.changes or one.made is not None else []
        if made:
            record = _Record((*record.done, *made))
        self._record = record
        for action in back:
            remove(action.log)
            for change in reversed(action.changes):
                change.undo()
        for action in again:
            append(action.log)
            for change in action.changes:
                change.redo()
        self._tell()
        self._seen = SeenSteps(self._record, self._data)

    def _unknown(self, layers: Iterable[Labels], record: _Record) -> list[StepMark]:
        """Return the steps of layers that are of no action."""
        actions = (*record.done, *record.undone)
        known = {mark.key for action in actions for mark in action.marks}
        found = []
        for layer in layers:
            earlier = {mark.key for mark in self._earlier[layer]}
            for step in undo_steps(layer) or ():
                keys = step_keys((step,))
                if keys.isdisjoint(known) and keys.isdisjoint(earlier):
                    found.append(StepMark(layer, step))
        return found

    def _replaced(self, layer: Labels) -> bool:
        """End the history of a layer that got other labels; return whether it did."""
        old, new = self._data[layer], layer.data
        self._data[layer] = new
        arrays = isinstance(old, np.ndarray) and isinstance(new, np.ndarray)
        # Of another type, they are still the labels that the steps are of.
        if old is new or (arrays and np.array_equal(old, new)):
            return False
        end_history(layer)
        return True

    def _follow(self, event: Any = None) -> None:
        layers = [one for one in self._viewer.layers if isinstance(one, Labels)]
        for layer in set(self._data).difference(layers):
            self._leave(layer)
        for layer in layers:
            if layer not in self._data:
                keep_all(layer)
                self._data[layer], self._earlier[layer] = layer.data, []
                self._earlier[layer] = self._unknown([layer], self._record)
                layer.events.paint.connect(self._sync)
                layer.events.data.connect(self._sync)
        if gone := self._closed.follow(None if self._turning else event):
            done, undone = self._record.done, self._record.undone
            self._record = _Record(without(done, gone), without(undone, gone))
            self._tell()

    def _leave(self, layer: Labels) -> None:
        layer.events.paint.disconnect(self._sync)
        layer.events.data.disconnect(self._sync)
        del self._data[layer], self._earlier[layer]
