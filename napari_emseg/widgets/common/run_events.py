"""Signals of the runs in a viewer, from the panel to those that follow them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel


# Qt is untyped here, so a class of it is Any to mypy.
class RunEvents(QObject):  # type: ignore[misc]
    """Signals of the runs in one viewer, all in the thread of Qt.

    Attributes
    ----------
    started : Signal
        A run begins, with a function that returns its `SegmentationInput`.
    stepped : Signal
        Another state of the run, a `FitState`.
    ended : Signal
        The run is over, with a result or without.
    """

    started = Signal(object)
    stepped = Signal(object)
    ended = Signal()

    def end(self) -> None:
        """Tell that a run is over; nobody hears it if the viewer has gone, too."""
        if isalive(self):
            self.ended.emit()


_RUN_EVENTS: WeakKeyDictionary[ViewerModel, RunEvents] = WeakKeyDictionary()


def run_events_of(viewer: ViewerModel) -> RunEvents:
    """Return the signals of a viewer."""
    # Napari passes a proxy to panels.
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _RUN_EVENTS:
        _RUN_EVENTS[viewer] = RunEvents()
    return _RUN_EVENTS[viewer]
