"""What comes and goes with an edit of a layer, whoever undoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.events import Event

from napari_emseg.layers.history import redo_steps, undo_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    from napari_emseg.layers.history import Steps

# An event of layers whose edits are followed.
_TURNED = "emseg_turned"


def follow_undo(layer: Labels, turn: Callable[[], None]) -> None:
    """Call a function each time the latest edit of a layer is undone or redone.

    Parameters
    ----------
    layer : napari.layers.Labels
        Whose own history is followed, as long as it knows that edit.
    turn : callable
        Called in turns: when the edit is gone, when it is back, and so on.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Labels
    >>> layer, seen = Labels(np.zeros((2, 2), int)), []
    >>> layer.paint((0, 0), 1)
    >>> follow_undo(layer, lambda: seen.append(int(layer.data[0, 0])))
    >>> layer.undo()
    >>> layer.redo()
    >>> seen
    [0, 1]
    """
    # Napari turns a step around when it undoes it; what is in it stays the same.
    steps = undo_steps(layer)
    if not steps:
        return
    edit = steps[-1][0]
    done = True

    def holds(steps: Steps | None) -> bool:
        return any(edit is end for step in steps or () for end in (step[0], step[-1]))

    def follow(event: object) -> None:
        nonlocal done
        undo, redo = undo_steps(layer), redo_steps(layer)
        if holds(redo if done else undo):
            done = not done
            turn()
        elif not holds(undo if done else redo):
            for emitter in emitters:
                emitter.disconnect(follow)

    if _TURNED not in layer.events.emitters:
        layer.events.add(**{_TURNED: Event})
    # Napari tells of its own keys; but of nothing while the layer is hidden.
    emitters = layer.events.set_data, layer.events.emitters[_TURNED]
    for emitter in emitters:
        emitter.connect(follow)


def undo_edit(layer: Labels) -> None:
    """Undo the latest edit of a layer, and what follows it, even if it is hidden."""
    layer.undo()
    _tell(layer)


def redo_edit(layer: Labels) -> None:
    """Redo the edit of a layer that was undone last, and what follows it."""
    layer.redo()
    _tell(layer)


def _tell(layer: Labels) -> None:
    if _TURNED in layer.events.emitters:
        layer.events.emitters[_TURNED]()
