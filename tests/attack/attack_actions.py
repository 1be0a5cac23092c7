"""Edit, paint, undo and come late at random; compare with lists of arrays."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel

from napari_emseg import regions
from napari_emseg.layers import ActionHistory
from napari_emseg.layers.edits import PlannedEdit, plan_edit

if TYPE_CHECKING:
    from napari.layers import Labels

SHAPES = ((21, 33), (4, 12, 15))
KINDS = (np.uint8, np.int16, np.uint16, np.int32, np.int64)
STEPS = 250  # of a viewer


class Fault(Exception):
    """What is there is not what the model says."""


class Ledger:
    """All states of a layer: those behind, the present one, and those ahead."""

    def __init__(self, layer: Labels) -> None:
        self.layer = layer
        self.states = [layer.data.copy()]
        self.at = 0

    def changed(self) -> bool:
        """Record the present state if it is a new one; return whether it is."""
        if np.array_equal(self.layer.data, self.states[self.at]):
            return False
        del self.states[self.at + 1 :]
        self.states.append(self.layer.data.copy())
        self.at += 1
        return True

    def turn(self, by: int) -> None:
        """Go back or ahead by a step, as far as there is one."""
        self.at = min(max(self.at + by, 0), len(self.states) - 1)

    def check(self, what: str) -> None:
        """Compare every byte."""
        if not np.array_equal(self.layer.data, self.states[self.at]):
            count = int((self.layer.data != self.states[self.at]).sum())
            raise Fault(f"{what}: {count} pixels of {self.layer.name} are others")


class Machine:
    """A viewer with two Labels layers, and what can be done to them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        shape = SHAPES[int(rng.integers(len(SHAPES)))]
        self.viewer = ViewerModel()
        for name in ("one", "two"):
            kind = KINDS[int(rng.integers(len(KINDS)))]
            labels = rng.integers(0, 5, shape).astype(kind)
            self.viewer.add_labels(labels, name=name)
        self.layers: list[Any] = list(self.viewer.layers)
        self.ledgers = {layer: Ledger(layer) for layer in self.layers}
        self.history = ActionHistory(self.viewer)
        # In the order of what was done: the layers of each action.
        self.order: list[tuple[Labels, ...]] = []
        self.undone: list[tuple[Labels, ...]] = []
        self.late: list[tuple[Labels, PlannedEdit]] = []
        self.seen: Counter[str] = Counter()

    def step(self) -> None:
        """Do something, and compare everything."""
        actions = [
            self.paint,
            self.fill,
            self.stroke,
            self.edit,
            self.edit,
            self.both,
            self.plan,
            self.come_late,
            self.undo,
            self.undo,
            self.redo,
            self.native,
        ]
        action = actions[int(self.rng.integers(len(actions)))]
        self.seen[action.__name__] += 1
        action()
        for ledger in self.ledgers.values():
            ledger.check(action.__name__)

    def _layer(self) -> Any:
        return self.layers[int(self.rng.integers(2))]

    def _point(self, layer: Any) -> tuple[int, ...]:
        return tuple(int(self.rng.integers(n)) for n in layer.data.shape)

    def _note(self, *layers: Any) -> None:
        changed = tuple(layer for layer in layers if self.ledgers[layer].changed())
        if changed:
            self.order.append(changed)
            self.undone.clear()

    def paint(self) -> None:
        """One dab of napari's brush."""
        layer = self._layer()
        layer.brush_size = int(self.rng.integers(1, 9))
        layer.paint(self._point(layer), int(self.rng.integers(0, 9)))
        self._note(layer)

    def fill(self) -> None:
        """Napari's bucket."""
        layer = self._layer()
        layer.fill(self._point(layer), int(self.rng.integers(0, 9)))
        self._note(layer)

    def stroke(self) -> None:
        """Several dabs that are one step; what comes late meanwhile is refused."""
        layer = self._layer()
        before = layer.data.copy()
        with layer.block_history():
            for _ in range(3):
                layer.paint(self._point(layer), int(self.rng.integers(0, 9)))
            painted = layer.data.copy()
            drawing = bool((painted != before).any())
            for other, plan in self.late:
                if other is layer and drawing:
                    try:
                        self.history.write([(layer, plan)])
                    except ValueError:
                        self.seen["refused in a stroke"] += 1
                    else:
                        raise Fault("a result was written into a stroke")
            if not np.array_equal(layer.data, painted):
                raise Fault("a refused result changed the stroke")
        self._note(layer)

    def _planned(self, layer: Any) -> PlannedEdit | None:
        data, rng = layer.data, self.rng
        kind = int(rng.integers(5))
        mask = rng.random(data.shape) < rng.choice([0.01, 0.3, 0.9])
        if kind == 0:
            made = regions.fill(data, mask, int(rng.integers(0, 9)))
        elif kind == 1:
            made = regions.merge(data, [1, 2], 3)
        elif kind == 2:
            made = regions.swap(data, 1, int(rng.integers(2, 6)))
        elif kind == 3:
            made = regions.absorb_small(data, min_size=3)
        else:
            made = regions.new_class(data, mask)
        return plan_edit(layer, made)

    def edit(self) -> None:
        """One edit of ours."""
        layer = self._layer()
        plan = self._planned(layer)
        if plan is not None:
            self.history.write([(layer, plan)])
        self._note(layer)

    def both(self) -> None:
        """Edits of both layers that are one action."""
        plans = [(layer, self._planned(layer)) for layer in self.layers]
        self.history.write([(layer, plan) for layer, plan in plans if plan is not None])
        self._note(*self.layers)

    def plan(self) -> None:
        """Begin something that ends later."""
        layer = self._layer()
        plan = self._planned(layer)
        if plan is not None:
            self.late = [*self.late[-2:], (layer, plan)]

    def come_late(self) -> None:
        """End it: it is refused, or writes only what it was made for."""
        if not self.late:
            return
        layer, plan = self.late.pop(int(self.rng.integers(len(self.late))))
        fresh = np.array_equal(layer.data[plan.where], plan.old)
        try:
            self.history.write([(layer, plan)])
        except ValueError:
            if fresh:
                raise Fault(
                    "a result was refused although nothing had changed"
                ) from None
            self.seen["refused"] += 1
            return
        if not fresh:
            raise Fault("a result was written over what was done meanwhile")
        self._note(layer)

    def undo(self) -> None:
        """Undo the last action of any layer."""
        self._turn(self.history.undo(), self.order, self.undone, -1)

    def redo(self) -> None:
        """Redo the action that was undone last."""
        self._turn(self.history.redo(), self.undone, self.order, 1)

    def _turn(self, touched: Any, source: Any, goal: Any, by: int) -> None:
        wanted = source.pop() if source else ()
        if {*touched} != {*wanted}:
            raise Fault(
                f"{[layer.name for layer in touched]} were turned, not "
                f"{[layer.name for layer in wanted]}"
            )
        for layer in wanted:
            self.ledgers[layer].turn(by)
        if wanted:
            goal.append(wanted)

    def native(self) -> None:
        """Undo of napari alone, of the layer that was edited last, and redo it."""
        if not self.order or len(self.order[-1]) != 1:
            return
        (layer,) = self.order[-1]
        layer.undo()
        self.ledgers[layer].turn(-1)
        self.ledgers[layer].check("native undo")
        if self.rng.random() < 0.5:
            layer.redo()
            self.ledgers[layer].turn(1)
        else:
            self.undone.append(self.order.pop())


def main(count: int, seed: int) -> int:
    """Do `count` random actions; return the number of faults."""
    rng = np.random.default_rng(seed)
    faults, seen = 0, Counter[str]()
    for number in range(-(-count // STEPS)):
        machine = Machine(rng)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                for _ in range(STEPS):
                    machine.step()
        except Exception as error:  # a fault of the program, whatever it is
            faults += 1
            print(f"viewer {number}: {type(error).__name__}: {error}")
        machine.history.close()
        seen += machine.seen
    print(f"{sum(seen.values())} actions: {dict(seen)}")
    return faults
