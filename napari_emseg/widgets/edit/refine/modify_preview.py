"""The preview of what grow, shrink, smooth, border and feather would select."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, Qt, QTimer

from napari_emseg import select
from napari_emseg.layers import selects
from napari_emseg.layers.selection import outline
from napari_emseg.select.label_masks import FULL
from napari_emseg.widgets.common.qt import connect
from napari_emseg.widgets.edit.context import modify_step
from napari_emseg.widgets.edit.overlay import LINE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QPushButton, QSpinBox

    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.session import Session

REST = 120  # ms that the number must rest
KIND = "modify"
# Pixels of the largest volume that is worked on for a preview.
MOST = 2**24
# Coverage whose outlines are shown, in 255ths: where a soft one begins and ends.
HARD, SOFT = (FULL // 2 + 1,), (FULL // 10, FULL - FULL // 10)
SAY = "{} by {} px: Enter applies it, Escape takes the preview away"
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_POINTED = (QEvent.Type.HoverEnter, QEvent.Type.FocusIn)
_LEFT = (QEvent.Type.HoverLeave, QEvent.Type.FocusOut)


# Qt is untyped here, so a class of it is Any to mypy.
class ModifyPreview(QObject):  # type: ignore[misc]
    """Shows the outline that a button would make, for the number of now.

    While the number is changed, it is that of the button which was pointed at or
    pressed last; and that of a button while one points at it.

    Parameters
    ----------
    session : Session
        What is selected, and where it is shown.
    field : QSpinBox
        The number, in pixels.
    buttons : mapping of str to (QPushButton, str)
        By operation: the button, and the name of its number.
    """

    def __init__(
        self,
        session: Session,
        field: QSpinBox,
        buttons: Mapping[str, tuple[QPushButton, str]],
    ) -> None:
        super().__init__(field)
        self._session, self._field, self._buttons = session, field, dict(buttons)
        self.operation = next(iter(self._buttons))
        self._shown = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._show)
        field.valueChanged.connect(self._timer.start)
        # Keys go to the line that is typed in.
        for part in (field, field.lineEdit()):
            part.installEventFilter(self)
        for name, (button, _) in self._buttons.items():
            button.setAttribute(Qt.WidgetAttribute.WA_Hover)
            button.installEventFilter(self)
            connect(button.pressed, partial(self._press, name), button)
        session.selection_changed.connect(self.clear)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the mouse over the buttons; take Enter and Escape."""
        if not hasattr(self, "_session"):
            # Qt tells of events to the end; garbage collection clears this before.
            return False
        kind = event.type()
        own = next((n for n, (one, _) in self._buttons.items() if one is watched), None)
        if kind == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape and self.active:
                self.clear()
                return True
            if own is None and event.key() in _ENTER and self.active:
                self._apply()
                return True
        elif own is not None and kind in _POINTED:
            self.operation = own
            self._timer.start()
        left = own is not None and kind in _LEFT and not self._field.hasFocus()
        if left or (watched is self._field and kind == QEvent.Type.FocusOut):
            self.clear()
        return False

    @property
    def active(self) -> bool:
        """Whether a preview is shown, or about to be."""
        return self._shown or self._timer.isActive()

    def clear(self) -> None:
        """Take the preview away."""
        self._timer.stop()
        self._session.background.drop(KIND)
        if self._shown:
            self._shown = False
            self._session.preview.clear()

    def _press(self, name: str) -> None:
        self.operation = name
        self.clear()

    def _apply(self) -> None:
        self.clear()
        self._field.interpretText()
        self._buttons[self.operation][0].click()

    def _show(self) -> None:
        """Work out what the button would select, in the background, and show it."""
        session, plane = self._session, self._session.shown()
        if plane is None or session.background.running:
            return
        place = session.around(plane)
        part = session.selection_in(place)
        if part is None or not selects(part) or np.prod(place.shape) > MOST:
            return
        button, name = self._buttons[self.operation]
        step = modify_step(self.operation, name, self._field.value(), place)
        context = session.context(place)
        fixed = (plane.at[axis] for axis in place.axes)
        flat = tuple(slice(None) if at is None else at for at in fixed)
        width = session.preview.line_width(plane)
        here: Plane = plane
        levels = SOFT if self.operation == "feather" else HARD

        def work() -> NDArray[np.uint8]:
            after = select.to_bytes(context.find(step).mask)[flat]
            lines = np.zeros(after.shape, np.uint8)
            for least in levels:
                hard = np.where(after >= least, np.uint8(FULL), np.uint8(0))
                lines[outline(hard, width) > 0] = LINE
            return lines

        def then(lines: NDArray[Any]) -> None:
            self._shown = True
            height, width = here.shape
            session.preview.values(here, lines, (slice(0, height), slice(0, width)))
            session.say(SAY.format(button.text(), self._field.value()))

        session.background.preview(work, then, KIND)
