"""Play, pause, and a slider: what moves through the iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from napari_emseg.widgets.parts import push_button

if TYPE_CHECKING:
    from collections.abc import Callable

# Milliseconds between two iterations that are played, at least.
BEAT = 150
PLAY, PAUSE = "▶", "❚❚"


# Qt is untyped here, so a class of it is Any to mypy.
class Transport(QWidget):  # type: ignore[misc]
    """A row to play iterations, or to go to any of them.

    Parameters
    ----------
    ready : callable
        Tells whether the iteration is seen, so that the next one may come.

    Attributes
    ----------
    moved : Signal
        Another iteration is to be shown; with its index, from 0.
    button : QPushButton
        Plays and pauses.
    slider : QSlider
        The index.
    """

    moved = Signal(int)

    def __init__(self, ready: Callable[[], bool]) -> None:
        super().__init__()
        self._ready = ready
        self.button = push_button(PLAY, "Play the iterations.", self.play)
        self.button.setFixedWidth(36)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setToolTip("The iteration that is shown.")
        self.slider.valueChanged.connect(self._on_value)
        self._count = QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.button)
        row.addWidget(self.slider, 1)
        row.addWidget(self._count)
        self._timer = QTimer(self)
        self._timer.setInterval(BEAT)
        self._timer.timeout.connect(self._on_beat)
        self.set_length(0)

    @property
    def index(self) -> int:
        """The iteration that is shown, from 0."""
        return int(self.slider.value())

    @property
    def at_end(self) -> bool:
        """Whether that is the last one."""
        return bool(self.slider.value() == self.slider.maximum())

    @property
    def playing(self) -> bool:
        """Whether the iterations go by on their own."""
        return bool(self._timer.isActive())

    def set_length(self, length: int) -> None:
        """Offer so many iterations, and stand at the last, without a signal."""
        self.pause()
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(length - 1, 0))
        self.slider.setValue(length - 1)
        self.slider.blockSignals(False)
        for widget in (self.slider, self.button):
            widget.setEnabled(length > 1)
        self._write(length)

    def play(self) -> None:
        """Let the iterations go by, from the first if the last is shown; or pause."""
        if self.playing:
            self.pause()
            return
        if self.at_end:
            self.slider.setValue(0)
        self._timer.start()
        self.button.setText(PAUSE)
        self.button.setToolTip("Stay at this iteration.")

    def pause(self) -> None:
        """Stay at the iteration that is shown."""
        self._timer.stop()
        self.button.setText(PLAY)
        self.button.setToolTip("Play the iterations.")

    def _on_beat(self) -> None:
        if not self._ready():
            return
        if self.at_end:
            self.pause()
        else:
            self.slider.setValue(self.slider.value() + 1)

    def _on_value(self, value: int) -> None:
        self._write(self.slider.maximum() + 1)
        self.moved.emit(value)

    def _write(self, length: int) -> None:
        width = len(str(length))
        self._count.setText(
            f"{self.index + 1:>{width}} of {length}" if length else "no iterations"
        )
