"""What a run tells while it is under way: from the panel to whoever watches."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel


# Qt is untyped here, so a class of it is Any to mypy.
class RunEvents(QObject):  # type: ignore[misc]
    """Signals of the runs in one viewer, all in the thread of Qt.

    Attributes
    ----------
    started : Signal
        A run of a `OutputPlan` begins, with the job.
    stepped : Signal
        It has come to a `FitState`, with the state.
    ended : Signal
        It is over, with a result or without.
    """

    started = Signal(object)
    stepped = Signal(object)
    ended = Signal()


_FEEDS: WeakKeyDictionary[ViewerModel, RunEvents] = WeakKeyDictionary()


def run_events_of(viewer: ViewerModel) -> RunEvents:
    """Return the one feed of a viewer."""
    # Napari passes a proxy to panels.
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _FEEDS:
        _FEEDS[viewer] = RunEvents()
    return _FEEDS[viewer]
