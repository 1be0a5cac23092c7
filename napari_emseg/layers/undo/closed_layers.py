"""Layers that were closed by hand, and may come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from napari.layers import Layer

    from napari_emseg.layers.undo.action import Action

# So many of them keep their steps. If all did, each that was ever closed would stay in
# memory, with its labels.
_KEPT = 4


class ClosedLayers:
    """Knows which layers were closed, in which order."""

    def __init__(self) -> None:
        self._layers: dict[Layer, None] = {}

    def follow(self, event: Any) -> frozenset[Layer]:
        """Return the layers to be forgotten after a layer came or went.

        Parameters
        ----------
        event : napari.utils.events.Event or None
            Of the list of layers; None if it is no closing: undo and redo take layers
            out, too.
        """
        if event is None:
            return frozenset()
        if event.type == "removed":
            self._layers[event.value] = None
        else:
            self._layers.pop(event.value, None)
        gone = [*self._layers][:-_KEPT]
        for layer in gone:
            del self._layers[layer]
        return frozenset(gone)


def without(actions: Iterable[Action], layers: Container[Layer]) -> tuple[Action, ...]:
    """Return actions without what is about some layers."""
    found = (action.without(layers) for action in actions)
    return tuple(action for action in found if action is not None)
