"""A slider with two handles under the histogram of what it bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QKeyEvent, QMouseEvent, QPaintEvent

BARS = 48
HEIGHT, MARGIN, HANDLE = 44, 7, 5  # pixels
ACCENT = QColor("#1f9ed8")


# Qt is untyped here, so a class of it is Any to mypy.
def find_ends(values: NDArray[Any]) -> tuple[float, float]:
    """Return where bars of some finite values begin and end.

    Values that differ by rounding alone are one: no bars fit between them.
    """
    low, high = (float(values.min()), float(values.max())) if len(values) else (0, 1)
    apart = high - low > 1e-9 * max(abs(low), abs(high))
    return low, high if apart else low + 1


class RangeSlider(QWidget):  # type: ignore[misc]
    """Bounds of values over their histogram; a handle at its end bounds nothing.

    Handles are dragged; the arrow keys move the one that was dragged last.

    Attributes
    ----------
    low, high : float
        The bounds; infinite at the ends.
    moved : Signal
        A handle was moved.
    """

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = -np.inf, np.inf
        self._ends = (0.0, 1.0)
        self._counts = np.zeros(BARS, int)
        self._steps = False  # whether values are whole numbers
        self._held = 0  # the handle: -1 the low one, 1 the high one
        self._last = 1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return a width for a panel, and the height of bars and handles."""
        return QSize(160, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Return the width that handles need."""
        return QSize(80, HEIGHT)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self._ends

    def load(self, values: NDArray[Any]) -> None:
        """Show the histogram of some values; bounds stay where they are."""
        fine = values[np.isfinite(values)] if len(values) else values
        self._ends = find_ends(fine)
        self._steps = values.dtype.kind in "iub"
        self._counts, _ = np.histogram(np.asarray(fine, float), BARS, self._ends)
        self.update()

    def place(self, low: float, high: float) -> None:
        """Move the handles without telling."""
        self.low, self.high = low, high
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the nearer handle."""
        x = event.position().x()
        away = [abs(x - self._spot(side)) for side in (-1, 1)]
        # On one spot, it is the one that can move there.
        tie = x >= self._spot(1) and away[0] == away[1]
        self._held = self._last = (
            -1 if away[0] < away[1] or (away[0] == away[1] and not tie) else 1
        )
        self._move_to(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the handle."""
        if self._held:
            self._move_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let it go."""
        self._held = 0

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Bound nothing any more."""
        self.place(-np.inf, np.inf)
        self._held = 0
        self.moved.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the handle by a pixel."""
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        if way is None:
            super().keyPressEvent(event)
            return
        self._held = self._last
        self._move_to(self._spot(self._last) + way)
        self._held = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, those outside of the bounds pale, and the handles."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        base = float(self.height() - 2 * HANDLE - 2)
        width = (self.width() - 2 * MARGIN) / BARS
        # Few are seen, too.
        tall = np.sqrt(self._counts / max(int(self._counts.max(initial=0)), 1))
        low, high = self._spot(-1), self._spot(1)
        for place, share in enumerate(tall):
            left = MARGIN + place * width
            middle = left + width / 2
            color = QColor(ACCENT if low <= middle <= high else ink)
            color.setAlphaF(0.9 if low <= middle <= high else 0.25)
            if share > 0:
                up = max(share * (base - 2), 1.5)
                painter.fillRect(QRectF(left, base - up, max(width - 1, 1), up), color)
        line = QColor(ink)
        line.setAlphaF(0.4)
        painter.setPen(line)
        painter.drawLine(QPointF(MARGIN, base), QPointF(self.width() - MARGIN, base))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink if self.isEnabled() else line)
        for spot in (low, high):
            painter.drawEllipse(QPointF(spot, base + HANDLE + 1), HANDLE, HANDLE)
        painter.end()

    def _spot(self, side: int) -> float:
        """Return where a handle is, in pixels."""
        low, high = self._ends
        value = np.clip(self.low if side < 0 else self.high, low, high)
        return MARGIN + float(value - low) / (high - low) * (self.width() - 2 * MARGIN)

    def _move_to(self, x: float) -> None:
        low, high = self._ends
        room = max(self.width() - 2 * MARGIN, 1)
        share = min(max((x - MARGIN) / room, 0.0), 1.0)
        value = low + share * (high - low)
        if self._steps:
            value = float(np.rint(value))
        if self._held < 0:
            self.low = -np.inf if share <= 0 else min(value, self.high)
        else:
            self.high = np.inf if share >= 1 else max(value, self.low)
        self.update()
        self.moved.emit()
