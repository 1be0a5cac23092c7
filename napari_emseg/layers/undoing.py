"""What goes and comes back with an edit, as the user undoes and redoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_emseg.layers.edits import REDO, UNDO

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels


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
    >>> layer, told = Labels(np.zeros((2, 2), int)), []
    >>> layer.paint((0, 0), 1)
    >>> follow_undo(layer, lambda: told.append(int(layer.data[0, 0])))
    >>> layer.undo()
    >>> layer.redo()
    >>> told
    [0, 1]
    """
    # Napari turns a step around when it undoes it; what is in it stays the same.
    edit = getattr(layer, UNDO)[-1][0]
    done = True

    def holds(queue: str) -> bool:
        steps = getattr(layer, queue, ())
        return any(edit is end for step in steps for end in (step[0], step[-1]))

    def follow(event: object) -> None:
        nonlocal done
        if holds(REDO if done else UNDO):
            done = not done
            turn()
        elif not holds(UNDO if done else REDO):
            layer.events.set_data.disconnect(follow)

    layer.events.set_data.connect(follow)
