"""What was in the histories of layers when somebody looked the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_emseg.layers.history import redo_steps, undo_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Labels


class SeenSteps:
    """Both ends of the histories of layers: if they are the same, so is all between.

    Steps come, go and turn at the ends alone.

    Parameters
    ----------
    record : object, optional
        What was made of them; another one counts as a change, too.
    layers : iterable of napari.layers.Labels, optional

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Labels
    >>> layer, record = Labels(np.zeros((2, 2), int)), object()
    >>> seen = SeenSteps(record, [layer])
    >>> seen.same(record, [layer])
    True
    >>> layer.paint((0, 0), 1)
    >>> seen.same(record, [layer])
    False
    """

    def __init__(self, record: object = None, layers: Iterable[Labels] = ()) -> None:
        # Objects, not their numbers, which others get when these are gone.
        self._objects: list[Any] = [record]
        self._counts: list[int] = []
        for layer in layers:
            self._objects += layer, layer.data
            for steps in (undo_steps(layer) or (), redo_steps(layer) or ()):
                self._objects += (steps[0], steps[-1]) if steps else ()
                self._counts.append(len(steps))

    def same(self, record: object, layers: Iterable[Labels]) -> bool:
        """Return whether nothing was done since."""
        now = SeenSteps(record, layers)
        return self._counts == now._counts and all(
            one is two for one, two in zip(self._objects, now._objects, strict=True)
        )
