"""Undo across layers: the last action first, whichever layer it touched."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_warning

from napari_emseg.layers.edits import check_fresh
from napari_emseg.layers.history import (
    HISTORY_BYTES,
    StepMark,
    drawing,
    end_history,
    redo_steps,
    step_keys,
    undo_steps,
    write_steps,
)
from napari_emseg.layers.metadata import append, remove
from napari_emseg.layers.selection import add_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.layers.history import Steps
    from napari_emseg.layers.metadata import Log

DRAWING = "a stroke is being drawn on {!r}; end it first, by releasing the mouse"
REPLACED = (
    "What was done on {!r} cannot be undone or redone any more, because its labels "
    "were replaced by others; the next step turns to what was done before on other "
    "layers."
)


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """What is undone at once.

    Attributes
    ----------
    marks : tuple of StepMark
        Its undo steps, in order.
    log : mapping of napari.layers.Labels to sequence of LogEntry
        What it adds to recipes.
    made : napari.layers.Layer or None
        The layer that it added.
    place : int
        Where that lay in the list of layers when it was taken out.
    lost : str
        Why it cannot be undone, for the user; empty if it can.
    """

    marks: tuple[StepMark, ...] = ()
    log: Log = field(default_factory=dict)
    made: Layer | None = None
    place: int = 0
    lost: str = ""

    @property
    def layers(self) -> list[Labels]:
        """The layer of each of its steps."""
        return [mark.layer for mark in self.marks]

    def part(self, marks: Iterable[StepMark]) -> Action:
        """Return a part of it, with what that adds to recipes."""
        found = tuple(marks)
        if len(found) == len(self.marks):
            return self
        layers = {mark.layer for mark in found}
        log = {layer: log for layer, log in self.log.items() if layer in layers}
        return replace(self, marks=found, log=log)


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """Actions that were done and undone; it is replaced at once, so never half so."""

    done: tuple[Action, ...] = ()
    undone: tuple[Action, ...] = ()


class ActionHistory:
    """Knows in which order the Labels layers of a viewer were edited.

    An action is what the undo histories of the layers hold: strokes of napari's own
    brush count, and what is undone with `Labels.undo`. An edit that fails was never
    there. What actions add to recipes comes and goes with them.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose layers are followed until `close`.

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

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._record = _Record()
        # What is followed: the data of each layer, and steps from before.
        self._data: dict[Labels, Any] = {}
        self._earlier: dict[Labels, list[StepMark]] = {}
        viewer.layers.events.inserted.connect(self._follow)
        viewer.layers.events.removed.connect(self._follow)
        self._follow()

    def write(
        self,
        edits: Sequence[tuple[Labels, PlannedEdit]],
        log: Log | None = None,
        *,
        max_bytes: int = HISTORY_BYTES,
    ) -> None:
        """Write edits as one action: all of them, with what recipes say, or nothing.

        Parameters
        ----------
        edits : sequence of (napari.layers.Labels, PlannedEdit)
            What `plan_edit` returned.
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes, if it edits anything.
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
        write_steps(
            [(layer, plan, plan.atoms) for layer, plan in edits],
            max_bytes,
            partial(self._commit, log or {}),
        )

    def added(self, layer: Layer, log: Log | None = None) -> None:
        """Record that a layer was added: undo removes it, redo brings it back.

        Parameters
        ----------
        layer : napari.layers.Layer
            A layer of the viewer.
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes.
        """
        self._sync()
        append(log or {})
        action = Action(log=log or {}, made=layer)
        self._record = _Record((*self._record.done, action))

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
            return []
        made = action.made
        if made is not None:
            action = replace(action, place=self._viewer.layers.index(made))
        record = _Record(done[:-1], (*self._record.undone, action))
        # All of it, the last first, even if somebody who hears of a part fails.
        with ExitStack() as rest:
            rest.callback(setattr, self, "_record", record)
            if made is not None:
                rest.callback(self._viewer.layers.remove, made)
            rest.callback(remove, action.log)
            for layer in action.layers:
                rest.callback(layer.undo)
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
            return []
        record = _Record((*self._record.done, action), undone[:-1])
        with ExitStack() as rest:
            rest.callback(setattr, self, "_record", record)
            rest.callback(append, action.log)
            if action.made is not None:
                end = len(self._viewer.layers)
                rest.callback(self._viewer.layers.move, end, action.place)
                rest.callback(add_quietly, self._viewer, action.made)
            for layer in reversed(action.layers):
                rest.callback(layer.redo)
        return action.layers

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._follow)
        self._viewer.layers.events.removed.disconnect(self._follow)
        for layer in list(self._data):
            self._leave(layer)

    def _commit(self, log: Log) -> None:
        """Record the steps that are of no action as one."""
        before = self._record
        marks = [mark for layer in self._data for mark in self._unknown(layer, before)]
        metadata = {layer: dict(layer.metadata) for layer in log}
        try:
            append(log)
            self._record = _Record((*before.done, Action(tuple(marks), log)))
        except BaseException:
            for layer, entries in metadata.items():
                layer.metadata = entries
            raise

    def _valid(
        self, actions: tuple[Action, ...], *, undoing: bool
    ) -> tuple[Action, ...]:
        """Leave out the last actions of which nothing can be undone, or redone."""
        layers = self._viewer.layers
        for count in range(len(actions), 0, -1):
            action = actions[count - 1]
            marks = tuple(mark for mark in action.marks if mark.layer in layers)
            # What is to be taken out is there, and what is to be put in is not.
            turns = action.made is not None and (action.made in layers) == undoing
            if marks or turns or action.lost:
                return (*actions[: count - 1], replace(action, marks=marks))
        return ()

    def _refused(self, action: Action) -> bool:
        """Tell the user if an action cannot turn while a stroke is drawn over it."""
        busy = next((layer for layer in action.layers if drawing(layer)), None)
        if busy is not None:
            show_warning(DRAWING.format(busy.name).capitalize() + ".")
        return busy is not None

    def _sync(self, event: object = None) -> None:
        """Find what was done, undone or forgotten, by whomever, since the last time."""
        lost = [layer for layer in self._data if self._replaced(layer)]
        gone = tuple(Action(lost=REPLACED.format(layer.name)) for layer in lost)
        before = self._record
        done, back = self._turned(before.done, undo_steps, redo_steps)
        undone, again = self._turned(before.undone, redo_steps, undo_steps)
        for actions, layers in ((done, before.done), (undone, before.undone)):
            touched = {layer for action in layers for layer in action.layers}
            actions += (
                one for one, layer in zip(gone, lost, strict=True) if layer in touched
            )
        record = _Record((*done, *reversed(again)), (*undone, *reversed(back)))
        new = [mark for layer in self._data for mark in self._unknown(layer, record)]
        if new:
            record = _Record((*record.done, *(Action((mark,)) for mark in new)))
        for action in back:
            remove(action.log)
        for action in again:
            append(action.log)
        self._record = record

    def _turned(
        self,
        actions: Iterable[Action],
        steps_of: Callable[[Labels], Steps | None],
        others_of: Callable[[Labels], Steps | None],
    ) -> tuple[list[Action], list[Action]]:
        """Return what of actions is where it was, and what has turned."""
        here = {layer: step_keys(steps_of(layer)) for layer in self._data}
        there = {layer: step_keys(others_of(layer)) for layer in self._data}
        stay, turned = [], []
        for action in actions:
            # Of a layer that was removed nothing is known; it may come back.
            kept = [
                mark
                for mark in action.marks
                if mark.layer not in here or mark.key in here[mark.layer]
            ]
            moved = [
                mark for mark in action.marks if mark.key in there.get(mark.layer, ())
            ]
            if kept or not action.marks:
                stay.append(
                    action.part(kept) if moved else replace(action, marks=tuple(kept))
                )
            if moved:
                turned.append(
                    action.part(moved) if kept else replace(action, marks=tuple(moved))
                )
        return stay, turned

    def _unknown(self, layer: Labels, record: _Record) -> list[StepMark]:
        """Return the steps of a layer that are of no action."""
        actions = (*record.done, *record.undone)
        known = {mark.key for action in actions for mark in action.marks}
        known |= {mark.key for mark in self._earlier[layer]}
        steps = undo_steps(layer) or ()
        return [
            StepMark(layer, step) for step in steps if not known & step_keys([step])
        ]

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

    def _follow(self, event: object = None) -> None:
        layers = [one for one in self._viewer.layers if isinstance(one, Labels)]
        for layer in set(self._data).difference(layers):
            self._leave(layer)
        for layer in layers:
            if layer not in self._data:
                self._data[layer], self._earlier[layer] = layer.data, []
                self._earlier[layer] = self._unknown(layer, self._record)
                layer.events.paint.connect(self._sync)
                layer.events.data.connect(self._sync)

    def _leave(self, layer: Labels) -> None:
        layer.events.paint.disconnect(self._sync)
        layer.events.data.disconnect(self._sync)
        del self._data[layer], self._earlier[layer]
