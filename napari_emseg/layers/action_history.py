"""Undo across layers: the last action first, whichever layer it touched."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_emseg.layers.history import redo_steps, undo_steps
from napari_emseg.layers.metadata import append, remove
from napari_emseg.layers.selection import add_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_emseg.layers.history import Steps
    from napari_emseg.layers.metadata import Log


@dataclass(slots=True, eq=False)
class Action:
    """What is undone at once.

    Attributes
    ----------
    layers : list of napari.layers.Labels
        A layer for each of its undo steps, in order.
    log : mapping of napari.layers.Labels to sequence of LogEntry
        What it adds to recipes.
    made : napari.layers.Layer or None
        The layer that it added.
    place : int
        Where that lay in the list of layers when it was taken out.
    """

    layers: list[Labels] = field(default_factory=list)
    log: Log = field(default_factory=dict)
    made: Layer | None = None
    place: int = 0

    def take_out(self, viewer: ViewerModel) -> None:
        """Remove the layer that it added."""
        if self.made is not None:
            self.place = viewer.layers.index(self.made)
            viewer.layers.remove(self.made)

    def put_in(self, viewer: ViewerModel) -> None:
        """Add its layer again."""
        if self.made is not None:
            add_quietly(viewer, self.made)
            viewer.layers.move(len(viewer.layers) - 1, self.place)


class ActionHistory:
    """Knows in which order the Labels layers of a viewer were edited.

    Strokes of napari's own brush count like edits by `apply_edit`. What actions add
    to recipes comes and goes with them.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose layers are followed until `close`.

    Attributes
    ----------
    revision : int
        Grows with every edit, undo and redo.

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
        self.revision = 0
        self._done: list[Action] = []
        self._undone: list[Action] = []
        self._group: Action | None = None
        self._callbacks: dict[Labels, Callable[[Any], None]] = {}
        viewer.layers.events.inserted.connect(self._follow)
        viewer.layers.events.removed.connect(self._follow)
        self._follow()

    @contextmanager
    def group(self, log: Log | None = None) -> Iterator[None]:
        """Make all edits inside one action, which is undone if one of them fails.

        Parameters
        ----------
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes, if it edits anything.
        """
        if self._group is not None:
            yield
            return
        self._group = Action(log=log or {})
        failed = True
        try:
            yield
            failed = False
        finally:
            action, self._group = self._group, None
            if action.layers:
                self._done.append(action)
                append(action.log)
                if failed:
                    self.undo()

    def added(self, layer: Layer, log: Log | None = None) -> None:
        """Record that a layer was added: undo removes it, redo brings it back.

        Parameters
        ----------
        layer : napari.layers.Layer
            A layer of the viewer.
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes.
        """
        self._undone.clear()
        self._done.append(Action(log=log or {}, made=layer))
        append(log or {})

    def undo(self) -> list[Labels]:
        """Undo the last action; return the layers that it touched."""
        action = self._pop(self._done, undo_steps)
        for layer in reversed(action.layers):
            layer.undo()
        action.take_out(self._viewer)
        remove(action.log)
        return self._moved(action, self._undone)

    def redo(self) -> list[Labels]:
        """Redo the action that was undone last; return the layers that it touched."""
        action = self._pop(self._undone, redo_steps)
        for layer in action.layers:
            layer.redo()
        action.put_in(self._viewer)
        append(action.log)
        return self._moved(action, self._done)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._follow)
        self._viewer.layers.events.removed.disconnect(self._follow)
        for layer, callback in self._callbacks.items():
            layer.events.paint.disconnect(callback)
        self._callbacks.clear()

    def _pop(
        self, actions: list[Action], steps_of: Callable[[Labels], Steps | None]
    ) -> Action:
        """Remove and return the last action of which something can still be undone."""
        while actions:
            # Steps may be gone: their layer was removed or got new data, or its
            # history was too long.
            action = actions.pop()
            action.layers = [
                layer
                for layer in action.layers
                if layer in self._viewer.layers and steps_of(layer) != deque()
            ]
            # What is to be taken out is there, and what is to be put in is not.
            there = action.made in self._viewer.layers
            if action.made is not None and there == (steps_of is undo_steps):
                return action
            if action.layers:
                return action
        return Action()

    def _moved(self, action: Action, to: list[Action]) -> list[Labels]:
        if action.layers or action.made is not None:
            self.revision += 1
            to.append(action)
        return list(action.layers)

    def _record(self, layer: Labels) -> None:
        self.revision += 1
        self._undone.clear()
        if self._group is None:
            self._done.append(Action([layer]))
        else:
            self._group.layers.append(layer)

    def _follow(self, event: object = None) -> None:
        for layer in set(self._callbacks) - set(self._viewer.layers):
            layer.events.paint.disconnect(self._callbacks.pop(layer))
        for layer in self._viewer.layers:
            if isinstance(layer, Labels) and layer not in self._callbacks:

                def callback(event: object, layer: Labels = layer) -> None:
                    self._record(layer)

                self._callbacks[layer] = callback
                layer.events.paint.connect(callback)
