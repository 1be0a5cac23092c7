"""What of the labels of a layer was edited by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.layers.history import undo_steps

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.layers.history import Atom


class ManualEdits:
    """Knows which steps of undo histories were fits, and which were made by hand."""

    def __init__(self) -> None:
        # Atoms keep their identity when a step is undone and redone, steps do not.
        self._atoms: list[Atom] = []

    def add_fit(self, layer: Labels) -> None:
        """Remember that the latest step of a layer is a fit."""
        steps = undo_steps(layer)
        if steps:
            self._atoms += steps[-1]

    def edited(self, layer: Labels) -> NDArray[np.bool_]:
        """Return the pixels of a layer that were edited by hand, and not undone.

        Returns
        -------
        (…) ndarray of bool
            As far as the undo history reaches back.

        Examples
        --------
        >>> from napari.layers import Labels
        >>> layer = Labels(np.zeros((1, 5), np.uint8))
        >>> layer.data_setitem((np.array([0]), np.array([3])), 2)
        >>> ManualEdits().edited(layer)
        array([[False, False, False,  True, False]])
        """
        found = np.zeros(layer.data.shape, bool)
        known = {id(atom) for atom in self._atoms}
        for step in undo_steps(layer) or ():
            for atom in step:
                if id(atom) not in known:
                    _mark(found, atom)
        return found


def _mark(found: NDArray[np.bool_], atom: Atom) -> None:
    if len(atom) == 4:
        where, mask, _, _ = atom
        found[where] |= True if mask is None else mask
        return
    index, old, new = atom
    if all(isinstance(part, slice) for part in index):
        found[index] |= np.asarray(old != new)
    else:
        found[index] = True
