"""What waits until the user pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_emseg.layers.old_objects import OldObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel

AT_FIRST, LENGTH = 200, 1000  # ms
# Of the mouse's and the keyboard's events, those that people make.
INPUT = frozenset(
    (
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.Wheel,
        QEvent.Type.KeyPress,
    )
)


# Qt is untyped here, so a class of it is Any to mypy.
class Pause(QObject):  # type: ignore[misc]
    """Does something when mouse and keyboard have been at rest for a second.

    Parameters
    ----------
    parent : QObject
        With which it ends.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._act: Callable[[], None] | None = None
        self._watching = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_timeout)

    def wait(self, act: Callable[[], None]) -> None:
        """Do something when the user pauses, instead of what waits."""
        self._act = act
        # To look at all events of what is under way would slow it down.
        self._timer.start(LENGTH if self._watching else AT_FIRST)

    def eventFilter(self, watched: QObject, event: Any) -> bool:
        """Begin to wait anew with each event of the user's."""
        if event.type() in INPUT:
            self._timer.start(LENGTH)
        return False

    def _on_timeout(self) -> None:
        if not self._watching:
            QApplication.instance().installEventFilter(self)
            self._watching = True
            self._timer.start(LENGTH)
        elif QApplication.mouseButtons().value:  # a drag that rests
            self._timer.start(LENGTH)
        else:
            QApplication.instance().removeEventFilter(self)
            self._watching = False
            act, self._act = self._act, None
            assert act is not None
            act()


def collect_in_pauses(viewer: ViewerModel, parent: QObject) -> OldObjects:
    """Return what keeps collections of garbage for pauses, while a panel holds it."""
    return OldObjects(viewer, Pause(parent).wait)
