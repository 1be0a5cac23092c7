"""A scroll area that only scrolls where it must."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

LEAST = 120  # pixels of height


# napari and Qt are untyped here, so a class of theirs is Any to mypy.
class ScrollArea(QScrollArea):  # type: ignore[misc]
    """Shows a widget at its full height, and scrolls it where there is less room.

    Qt's own area asks for a height that does not depend on its contents.

    Parameters
    ----------
    widget : QWidget
        What is shown.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(widget)

    def sizeHint(self) -> QSize:
        """Ask for what the contents ask for, and for the frame of the theme."""
        frame = 2 * self.frameWidth()
        return self.widget().sizeHint() + QSize(frame, frame)

    def minimumSizeHint(self) -> QSize:
        """Ask for the width of the contents and of a scroll bar, and little height."""
        height = self.widget().minimumSizeHint().height()
        frame = 2 * self.frameWidth()
        width = self.widget().minimumSizeHint().width() + frame
        if height > LEAST:
            width += self.verticalScrollBar().sizeHint().width()
        return QSize(width, min(height + frame, LEAST))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask again when the contents ask for another size."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
