"""Controls of the panel "Model": play, pause, slider, and choice of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSlider, QWidget

from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import push_button

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        self._count = plain_label()
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
        """Whether the iterations are played."""
        return bool(self._timer.isActive())

    def set_length(self, length: int) -> None:
        """Set the number of iterations and show the last one, without a signal."""
        self.pause()
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(length - 1, 0))
        self.slider.setValue(length - 1)
        self.slider.blockSignals(False)
        for widget in (self.slider, self.button):
            widget.setEnabled(length > 1)
        self._write(length)

    def play(self) -> None:
        """Play the iterations, from the first if the last is shown; or pause."""
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
            f"iteration {self.index + 1:>{width}} of {length}"
            if length
            else "no iterations"
        )


AUTOMATIC, PLAIN = "principal axes", "both features"


# Qt is untyped here, so a class of it is Any to mypy.
class FeatureAxes(QWidget):  # type: ignore[misc]
    """A row to choose two features, or the axes of most variance.

    Attributes
    ----------
    changed : Signal
        Something else was chosen.
    across, up : QComboBox
        The features.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.across, self.up = QComboBox(), QComboBox()
        self.across.setToolTip("What grows to the right.")
        self.up.setToolTip("What grows upwards.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(plain_label("Axes"))
        for box in (self.across, self.up):
            box.setMinimumContentsLength(6)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            row.addWidget(box, 1)
            box.activated.connect(self._on_choice)

    @property
    def count(self) -> int:
        """How many features there are to choose from."""
        return max(int(self.across.count()) - 1, 0)

    @property
    def pair(self) -> tuple[int, int] | None:
        """The numbers of the features; None for the axes of most variance."""
        first = int(self.across.currentIndex()) - 1
        if first < 0:
            return None
        return first, int(self.up.currentData())

    def offer(self, names: Sequence[str]) -> None:
        """Offer other features; what is chosen stays if these are the same."""
        if list(names) == [self.across.itemText(i + 1) for i in range(self.count)]:
            return
        self.across.clear()
        self.across.addItems([AUTOMATIC if len(names) > 2 else PLAIN, *names])
        self._offer_second()

    def _on_choice(self) -> None:
        self._offer_second()
        self.changed.emit()

    def _offer_second(self) -> None:
        """Offer all features but the first one; the choice stays if it can."""
        chosen, first = self.up.currentText(), self.across.currentIndex() - 1
        self.up.clear()
        self.up.setVisible(first >= 0)
        if first < 0:
            return
        for number in range(self.count):
            if number != first:
                self.up.addItem(self.across.itemText(number + 1), number)
        self.up.setCurrentText(chosen)
