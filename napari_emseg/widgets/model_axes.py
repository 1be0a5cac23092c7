"""Which two features to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTOMATIC = "principal axes"


# Qt is untyped here, so a class of it is Any to mypy.
class Axes(QWidget):  # type: ignore[misc]
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
        row.addWidget(QLabel("Axes"))
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
        self.across.addItems([AUTOMATIC, *names])
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
