"""A ring that shows for a moment where on the canvas something is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QEvent, QObject, QRectF, Qt, QVariantAnimation
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel

DURATION = 1600  # ms
# Parts of that time in which the ring closes in, and in which it fades.
CLOSING, FADING = 0.2, 0.4
# Screen pixels: how small the ring may be, and how much wider it begins.
LEAST, START = 28, 60
MOST = 0.9  # of the canvas's shorter side
RIM = 6  # pixels for the line
_AWAY = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.Wheel,
    QEvent.Type.KeyPress,
    QEvent.Type.Resize,
    QEvent.Type.Hide,
}


# Qt is untyped here, so a class of it is Any to mypy.
class Marker(QWidget):  # type: ignore[misc]
    """A ring around the middle of a canvas, which leaves by itself.

    It is no layer, lets the mouse through, and goes at once when the user does
    something on the canvas.

    Parameters
    ----------
    canvas : QWidget
        What it lies on.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._diameter = LEAST
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()
        self._time = QVariantAnimation(self)
        self._time.setDuration(DURATION)
        self._time.setStartValue(0.0)
        self._time.setEndValue(1.0)
        self._time.valueChanged.connect(lambda _: self.update())
        self._time.finished.connect(self.hide)
        canvas.installEventFilter(self)

    def flash(self, diameter: float) -> None:
        """Show the ring.

        Parameters
        ----------
        diameter : float
            Of what it goes around, in pixels of the screen.
        """
        canvas = self.parentWidget()
        most = MOST * min(canvas.width(), canvas.height()) - START
        self._diameter = int(max(min(diameter, most), LEAST))
        side = self._diameter + START + 2 * RIM
        left, top = (canvas.width() - side) // 2, (canvas.height() - side) // 2
        self.setGeometry(left, top, side, side)
        self._time.stop()
        self.show()
        self.raise_()
        self._time.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Go when the canvas is used, as the place may move away."""
        if self.isVisible() and event.type() in _AWAY:
            self._time.stop()
            self.hide()
        return False

    def paintEvent(self, event: Any) -> None:
        """Draw the ring as it is at this time: light, with a dark seam."""
        time = self._time.currentValue() or 0.0
        closing = max(1 - time / CLOSING, 0.0) ** 2
        opacity = min((1 - time) / FADING, 1.0)
        inset = RIM + START / 2 * (1 - closing)
        ring = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(opacity)
        for color, width in ((QColor(0, 0, 0, 160), 5.0), (QColor("white"), 2.0)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(ring)
        painter.end()


_MARKERS: WeakKeyDictionary[ViewerModel, Marker] = WeakKeyDictionary()


def marker_of(viewer: ViewerModel) -> Marker | None:
    """Return the one marker of a viewer; None without a window."""
    if viewer not in _MARKERS:
        # Private, so it is looked for before it is used.
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        canvas = None if window is None else window.findChild(QOpenGLWidget)
        if canvas is None:
            return None
        _MARKERS[viewer] = Marker(canvas)
    return _MARKERS[viewer]
