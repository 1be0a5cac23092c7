"""Fields of dialogs: numbers, colors, channels, curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from magicgui.widgets import FloatSlider, FloatSpinBox
from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QColorDialog,
    QComboBox,
    QDoubleSpinBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.edit.adjust.curve_editor import CurveBox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

BINS = 64
SWATCH = QSize(48, 16)
CHANNELS = {"All channels": None, "Red": 0, "Green": 1, "Blue": 2}


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedImage:
    """A sample of the pixels that are adjusted.

    Attributes
    ----------
    pixels : (N, C) ndarray
        Some of the pixels, without alpha.
    low, high : float
        Range of the image's values.
    """

    pixels: NDArray[Any]
    low: float
    high: float

    @property
    def mean(self) -> list[float]:
        """Mean color, 0 to 1, red, green and blue."""
        mean = self.unit(self.pixels.mean(axis=0, dtype=float))
        return np.broadcast_to(mean, 3).tolist() if len(mean) < 3 else mean.tolist()

    def unit(self, values: Any) -> NDArray[np.float64]:
        """Return values of the image scaled to 0..1."""
        found = (np.asarray(values, float) - self.low) / (self.high - self.low)
        return np.clip(found, 0, 1)

    def restore(self, unit: Any) -> list[Any]:
        """Return values from 0..1 in the range of the image."""
        values = np.asarray(unit, float) * (self.high - self.low) + self.low
        if self.pixels.dtype.kind in "iu":
            values = np.rint(values).astype(int)
        return list(values.tolist())

    def histogram(self) -> NDArray[np.float64]:
        """Return the histogram of the values over the range."""
        counts = np.histogram(self.unit(self.pixels), BINS, (0, 1))[0]
        return counts.astype(float)


class Field(NamedTuple):
    """A field of a dialog.

    Attributes
    ----------
    widget : QWidget
        What is shown.
    options : callable
        Gives what was entered, by name.
    changed : Signal
        Tells that it is another.
    put : callable
        Takes options, by name, of which its own are shown.
    """

    widget: QWidget
    options: Callable[[], dict[str, Any]]
    changed: Any
    put: Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Number:
    """Asks for a number between two others, which may have to be a whole one."""

    name: str
    least: float
    most: float
    start: float
    whole: bool = False
    unit: str = ""

    def make(self, subject: AdjustedImage) -> Field:
        """Return a slider, or a box where a slider would be too coarse."""
        times = 100 if self.unit == "%" else 1
        slides = self.most <= 5 or self.least < 0
        given: dict[str, Any] = {
            "min": self.least * times,
            "max": self.most * times,
            "value": self.start * times,
        }
        even = self.whole or self.unit in ("%", "°")
        kind = FloatSlider if slides and not self.whole else FloatSpinBox
        row = kind(**given, step=1 if even else None)
        native = row.native
        native.setMinimumWidth(200)
        # A slider has a box of its own for its number.
        box = (
            native if hasattr(native, "setSuffix") else native.findChild(QDoubleSpinBox)
        )
        if even:
            box.setDecimals(0)
        if self.unit:
            box.setSuffix(self.unit if self.unit == "°" else f" {self.unit}")

        def options() -> dict[str, Any]:
            value = float(row.value) / times
            return {self.name: round(value) if self.whole else value}

        def put(values: Mapping[str, Any]) -> None:
            if self.name in values:
                row.value = values[self.name] * times

        return Field(native, options, row.changed, put)


@dataclass(frozen=True)
class Color:
    """Asks for a color; at first it is the mean of what is selected."""

    name: str

    def make(self, subject: AdjustedImage) -> Field:
        """Return a button that shows it."""
        button = ColorButton(subject.mean)

        def options() -> dict[str, Any]:
            return {self.name: subject.restore(button.color)}

        def put(values: Mapping[str, Any]) -> None:
            if self.name in values:
                button.show_color(subject.unit(values[self.name]).tolist())

        return Field(button, options, button.changed, put)


@dataclass(frozen=True)
class Curve:
    """Asks for a curve, and for the channel that it is of."""

    name: str

    def make(self, subject: AdjustedImage) -> Field:
        """Return a curve over the histogram of what is selected."""
        part = CurvePart(subject)
        return Field(part, part.options, part.changed, part.put)


# Qt is untyped here, so a class of it is Any to mypy.
class ColorButton(QPushButton):  # type: ignore[misc]
    """Shows a color, and asks for another one when it is clicked."""

    changed = Signal()

    def __init__(self, color: Sequence[float]) -> None:
        super().__init__()
        self.setIconSize(SWATCH)
        self.clicked.connect(self._ask)
        self.color = list(color)
        self._show()

    def _ask(self) -> None:
        found = QColorDialog.getColor(QColor.fromRgbF(*self.color), self)
        if found.isValid():
            self.show_color(found.getRgbF()[:3])

    def show_color(self, color: Sequence[float]) -> None:
        """Take another color, 0 to 1."""
        self.color = list(color)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        picture, color = QPixmap(SWATCH), QColor.fromRgbF(*self.color)
        picture.fill(color)
        self.setIcon(QIcon(picture))
        self.setText(color.name())


class CurvePart(QWidget):  # type: ignore[misc]
    """A curve, the channel, and the numbers of the point that is moved."""

    changed = Signal()

    def __init__(self, subject: AdjustedImage) -> None:
        super().__init__()
        self._subject = subject
        self.box = CurveBox(subject.histogram())
        self.channel = QComboBox()
        self.channel.addItems(list(CHANNELS))
        self.channel.setVisible(subject.pixels.shape[1] == 3)
        self._numbers = plain_label()
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(self.channel)
        page.addWidget(self.box, 1)
        page.addWidget(self._numbers)
        self.box.changed.connect(self._on_change)
        self.channel.currentIndexChanged.connect(self.changed)
        self._on_change()

    def options(self) -> dict[str, Any]:
        """Points in the units of the image, and the channel if it is one of them."""
        found: dict[str, Any] = {"points": self._subject.restore(self.box.points)}
        channel = CHANNELS[self.channel.currentText()]
        return found if channel is None else {**found, "channel": channel}

    def put(self, values: Mapping[str, Any]) -> None:
        """Show the points and the channel of other options."""
        if "points" in values:
            self.box.put(self._subject.unit(values["points"]).tolist())
            channel = values.get("channel")
            self.channel.setCurrentIndex([*CHANNELS.values()].index(channel))

    def _on_change(self) -> None:
        old, new = self._subject.restore(self.box.current)
        self._numbers.setText(f"{old:.4g} becomes {new:.4g}")
        self.changed.emit()
