"""Actions: what is undone and redone at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from napari.layers import Labels, Layer

    from napari_emseg.layers.history import StepMark
    from napari_emseg.layers.metadata import Log


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A part of an action that is neither labels nor a layer, such as a name.

    Attributes
    ----------
    undo, redo : callable
        Bring back what was before it, and what was after it.
    layer : napari.layers.Layer
        What it is about; while that is not in the viewer, the change is left out.
    """

    undo: Callable[[], None]
    redo: Callable[[], None]
    layer: Layer


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
    changes : tuple of Change
        What else it changed, in order.
    text : str
        What was done, in words: "merged sky into cloud".
    lost : str
        Why it cannot be undone, for the user; empty if it can.
    """

    marks: tuple[StepMark, ...] = ()
    log: Log = field(default_factory=dict)
    made: Layer | None = None
    place: int = 0
    changes: tuple[Change, ...] = ()
    text: str = ""
    lost: str = ""

    @property
    def layers(self) -> list[Labels]:
        """The layer of each of its steps."""
        return [mark.layer for mark in self.marks]

    @property
    def concerned(self) -> set[Layer]:
        """All layers that it is about."""
        made = set() if self.made is None else {self.made}
        return made.union(self.layers, (change.layer for change in self.changes))

    def part(self, marks: Iterable[StepMark]) -> Action:
        """Return a part of it, with what that adds to recipes, and what goes with it.

        Changes go with the first of its steps.
        """
        found = tuple(marks)
        if len(found) == len(self.marks):
            return self
        layers = {mark.layer for mark in found}
        log = {layer: log for layer, log in self.log.items() if layer in layers}
        changes = self.changes if self.marks[0] in found else ()
        return replace(self, marks=found, log=log, changes=changes)

    def within(self, layers: Container[Layer], *, undoing: bool) -> Action | None:
        """Return what of it can be undone, or redone; None if nothing can.

        Parameters
        ----------
        layers : container of napari.layers.Layer
            Those of the viewer.
        undoing : bool
            Whether it is to be undone, or redone.
        """
        if self.made is not None:
            # What is to be taken out is there, and what is to be put in is not.
            return self if (self.made in layers) == undoing or self.lost else None
        marks = tuple(mark for mark in self.marks if mark.layer in layers)
        changes = tuple(change for change in self.changes if change.layer in layers)
        if not (marks or changes or self.lost):
            return None
        return replace(self, marks=marks, changes=changes)

    def with_marks(self, marks: Iterable[StepMark]) -> Action:
        """Return it with these of its steps; itself, if that is all of them."""
        found = tuple(marks)
        return self if len(found) == len(self.marks) else replace(self, marks=found)

    def without(self, layers: Container[Layer]) -> Action | None:
        """Return it without what is about some layers; None if nothing is left."""
        if self.made in layers:
            return None
        marks = tuple(mark for mark in self.marks if mark.layer not in layers)
        changes = tuple(one for one in self.changes if one.layer not in layers)
        if (len(marks), len(changes)) == (len(self.marks), len(self.changes)):
            return self
        if not (marks or changes or self.made or self.lost):
            return None
        log = {layer: log for layer, log in self.log.items() if layer not in layers}
        return replace(self, marks=marks, changes=changes, log=log)


def find_turned(
    actions: Iterable[Action],
    here: Mapping[Labels, set[int]],
    there: Mapping[Labels, set[int]],
) -> tuple[list[Action], list[Action]]:
    """Return what of actions is where it was, and what was undone or redone.

    Parameters
    ----------
    actions : iterable of Action
    here, there : mapping of napari.layers.Labels to set of int
        Keys of the steps of each layer where they were, and where they go.
    """
    stay, turned = [], []
    for action in actions:
        marks = action.marks
        # Of a layer that was removed nothing is known; it may come back.
        kept = [
            mark
            for mark in marks
            if mark.layer not in here or mark.key in here[mark.layer]
        ]
        moved = [mark for mark in marks if mark.key in there.get(mark.layer, ())]
        if kept or not marks:
            stay.append(action.part(kept) if moved else action.with_marks(kept))
        if moved:
            turned.append(action.part(moved) if kept else action.with_marks(moved))
    return stay, turned
