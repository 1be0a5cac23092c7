"""The one history of a viewer, which its panels share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from napari_emseg.layers.undo.action_history import ActionHistory

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

# Those that are open, by the number of their viewer.
_OPEN: WeakValueDictionary[int, ActionHistory] = WeakValueDictionary()


def history_of(viewer: ViewerModel) -> ActionHistory:
    """Return the one history that the panels of a viewer share; each closes it.

    It begins when the first of them opens it, and ends when the last closes it.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> one, other = history_of(viewer), history_of(viewer)
    >>> one is other
    True
    >>> one.close(), other.close(), history_of(viewer) is one
    (None, None, False)
    """
    # Napari passes a proxy to panels.
    viewer = getattr(viewer, "__wrapped__", viewer)
    found = _OPEN.get(id(viewer))
    if found is None or not found.shared_by(viewer):
        found = _OPEN[id(viewer)] = ActionHistory(viewer)
    return found


def note_added(viewer: ViewerModel, layer: Layer, text: str = "") -> None:
    """Record that a layer was added, if a panel keeps a history of the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    found = _OPEN.get(id(viewer))
    if found is not None and found.shared_by(viewer):
        found.added(layer, text=text)
        found.close()


def take_back(viewer: ViewerModel) -> bool | None:
    """Undo the last action of a viewer; None if no panel keeps its history.

    Returns
    -------
    bool or None
        Whether there was any.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    found = _OPEN.get(id(viewer))
    if found is None or not found.shared_by(viewer):
        return None
    try:
        return found.take_back()
    finally:
        found.close()
