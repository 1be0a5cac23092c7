"""Editor of a curve through points that can be dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget
from scipy.interpolate import PchipInterpolator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from qtpy.QtGui import QKeyEvent, QMouseEvent, QPaintEvent

SIDE, MARGIN, RADIUS = 240, 8, 4  # pixels
GRAB = 10.0  # pixels around a point where the mouse takes it
APART = 0.02  # how close two points may come
STEP = 0.01  # of an arrow key
_ARROWS = {
    Qt.Key.Key_Left: (-STEP, 0.0),
    Qt.Key.Key_Right: (STEP, 0.0),
    Qt.Key.Key_Down: (0.0, -STEP),
    Qt.Key.Key_Up: (0.0, STEP),
}


# Qt is untyped here, so a class of it is Any to mypy.
class CurveBox(QWidget):  # type: ignore[misc]
    """Editor of a curve of new values over old ones; both 0 to 1.

    A click beside the curve's points makes one, dragging moves it, Delete or a double
    click removes it, arrow keys move it by a hundredth. The ends only go up and down.

    Parameters
    ----------
    heights : (N,) array_like of float, optional
        Histogram of the old values, drawn behind the curve.
    """

    changed = Signal()

    def __init__(self, heights: ArrayLike = ()) -> None:
        super().__init__()
        self._points = [(0.0, 0.0), (1.0, 1.0)]
        self._current = 1
        self._dragged = False
        shown = np.sqrt(np.asarray(heights, float))
        self._heights = shown / shown.max() if shown.any() else np.zeros(0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip(
            "Click to set a point, drag it, or move it with the arrow keys; Delete or "
            "a double click removes it."
        )

    @property
    def points(self) -> list[list[float]]:
        """Pairs of old and new value, sorted by the old one."""
        return [list(point) for point in self._points]

    def put(self, points: Sequence[Sequence[float]]) -> None:
        """Show other points."""
        self._points = sorted((float(x), float(y)) for x, y in points)
        self._current = len(self._points) - 1
        self._tell()

    @property
    def current(self) -> tuple[float, float]:
        """The point that was touched last."""
        return self._points[self._current]

    def sizeHint(self) -> QSize:
        """Return a square."""
        return QSize(SIDE, SIDE)

    def minimumSizeHint(self) -> QSize:
        """Return a size at which points can be hit."""
        return QSize(SIDE // 2, SIDE // 2)

    def spot(self, point: tuple[float, float]) -> QPointF:
        """Where a point is drawn."""
        frame = self._frame()
        x, y = point
        return QPointF(
            frame.left() + x * frame.width(), frame.bottom() - y * frame.height()
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select the point under the mouse, or add one."""
        self._dragged = True
        if self._take(event):
            return
        x, y = self._value(event.position())
        if all(abs(x - old) >= APART for old, _ in self._points):
            self._points.append((x, y))
            self._points.sort()
            self._current = self._points.index((x, y))
            self._tell()
        else:
            self._dragged = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the point."""
        if self._dragged:
            self._move(*self._value(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop moving the point."""
        self._dragged = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Remove the point."""
        self._dragged = False
        if self._take(event):
            self._remove()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move or remove the point, or go to the next one."""
        if event.key() in _ARROWS:
            (x, y), (right, up) = self.current, _ARROWS[event.key()]
            self._move(x + right, y + up)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._remove()
        elif event.key() == Qt.Key.Key_Space:
            self._current = (self._current + 1) % len(self._points)
            self._tell()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw histogram, grid, curve and points."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame, colors = self._frame(), self.palette()
        faint = colors.color(QPalette.ColorRole.Text)
        faint.setAlphaF(0.25)
        self._paint_histogram(painter, frame, faint)
        painter.setPen(QPen(faint, 1))
        for part in range(5):
            x = frame.left() + part / 4 * frame.width()
            y = frame.top() + part / 4 * frame.height()
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
        line = colors.color(QPalette.ColorRole.Text)
        painter.setPen(QPen(line, 1.5))
        x = np.linspace(0, 1, 101)
        spots = [self.spot(point) for point in zip(x, self._curve(x), strict=True)]
        painter.drawPolyline(QPolygonF(spots))
        for place, point in enumerate(self._points):
            chosen = place == self._current
            base = colors.color(QPalette.ColorRole.Base)
            painter.setBrush(line if chosen else base)
            painter.drawEllipse(self.spot(point), RADIUS, RADIUS)

    def _paint_histogram(self, painter: QPainter, frame: QRectF, color: object) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        count = len(self._heights)
        for place, height in enumerate(self._heights):
            left = frame.left() + place / count * frame.width()
            high = height * frame.height()
            bar = QRectF(left, frame.bottom() - high, frame.width() / count, high)
            painter.drawRect(bar)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _frame(self) -> QRectF:
        return QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)

    def _take(self, event: QMouseEvent) -> bool:
        """Select the point under the mouse; return whether there is one."""
        at = event.position()
        apart = [(self.spot(point) - at).manhattanLength() for point in self._points]
        nearest = int(np.argmin(apart))
        if apart[nearest] > GRAB:
            return False
        if nearest != self._current:
            self._current = nearest
            self._tell()
        return True

    def _value(self, at: QPointF) -> tuple[float, float]:
        frame = self._frame()
        x = (at.x() - frame.left()) / frame.width()
        y = (frame.bottom() - at.y()) / frame.height()
        return float(np.clip(x, 0, 1)), float(np.clip(y, 0, 1))

    def _curve(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        old, new = np.array(self._points).T
        return np.asarray(PchipInterpolator(old, new)(x))

    def _move(self, x: float, y: float) -> None:
        place, last = self._current, len(self._points) - 1
        if place in (0, last):
            x = self._points[place][0]
        else:
            low, high = self._points[place - 1][0], self._points[place + 1][0]
            x = float(np.clip(x, low + APART, high - APART))
        point = x, float(np.clip(y, 0, 1))
        if point != self._points[place]:
            self._points[place] = point
            self._tell()

    def _remove(self) -> None:
        if 0 < self._current < len(self._points) - 1:
            del self._points[self._current]
            self._current -= 1
            self._tell()

    def _tell(self) -> None:
        self.update()
        self.changed.emit()
