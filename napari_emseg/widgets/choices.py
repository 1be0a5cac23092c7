"""What is to be compared, as the user chooses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QLineEdit, QWidget

from napari_emseg.params import Params
from napari_emseg.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSES = "3 5 7 10"
_ACROSS = 4
_TITLES = {"color": "Colors", "method": "Methods", "init": "Starts"}


# Qt is untyped here, so a class of it is Any to mypy.
class Choices(QWidget):  # type: ignore[misc]
    """Numbers of classes, and check boxes for color spaces, methods and starts.

    Attributes
    ----------
    classes : QLineEdit
        Numbers, or "auto", separated by spaces or commas.
    boxes : dict of str to dict of str to QCheckBox
        By field of `Params` and its values.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._base = Params()
        self.classes = QLineEdit(CLASSES)
        self.classes.setToolTip("Numbers from 1 to 64, or auto, separated by spaces.")
        self.classes.textChanged.connect(lambda _: self.changed.emit())
        self.boxes: dict[str, dict[str, QCheckBox]] = {}
        self._rows: dict[str, list[QWidget]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(3)
        for column in range(1, 1 + _ACROSS):
            grid.setColumnStretch(column, 1)
        grid.addWidget(QLabel("Classes"), 0, 0)
        grid.addWidget(self.classes, 0, 1, 1, _ACROSS)
        fields = Params.model_json_schema()["properties"]
        row = 1
        for name, title in _TITLES.items():
            row = self._add(grid, row, name, title, fields[name])

    def show_params(self, params: Params) -> None:
        """Start from other parameters."""
        self._base = params
        for name, boxes in self.boxes.items():
            value = getattr(params, name)
            if value in ("auto", "none"):
                value = "lab"
            for choice, box in boxes.items():
                box.setChecked(choice == value)

    def show_colors(self, shown: bool) -> None:
        """Show the color spaces, which only RGB images can be converted to."""
        for widget in self._rows["color"]:
            widget.setVisible(shown)

    def count(self, *, rgb: bool) -> int:
        """Count the settings; 0 if they cannot be."""
        try:
            return len(self.read(rgb=rgb))
        except ValueError:
            return 0

    def read(self, *, rgb: bool) -> tuple[Params, ...]:
        """Return the settings.

        Raises
        ------
        ValueError
            If there are none, too many, or a number cannot be.
        """
        chosen = {
            name: [choice for choice, box in boxes.items() if box.isChecked()]
            for name, boxes in self.boxes.items()
        }
        if not rgb:
            chosen["color"] = ["auto"]
        for name, values in chosen.items():
            if not values:
                raise ValueError(
                    f"no {_TITLES[name].lower()} are chosen; check one at least"
                )
        return settings(self._base, **chosen, n_classes=self._numbers())

    def _numbers(self) -> Sequence[int | str]:
        words = self.classes.text().replace(",", " ").split()
        if not words:
            raise ValueError(f"no numbers of classes are given; type some: {CLASSES}")
        numbers: list[int | str] = []
        for word in words:
            if word != "auto" and not (word.isdecimal() and 1 <= int(word) <= 64):
                raise ValueError(
                    f"{word!r} is no number of classes; give numbers from 1 to 64, or "
                    "auto"
                )
            numbers.append(word if word == "auto" else int(word))
        return numbers

    def _add(
        self, grid: QGridLayout, row: int, name: str, title: str, field: Any
    ) -> int:
        """Add a check box for each value of a field; return the next free row."""
        label = QLabel(title)
        grid.addWidget(label, row, 0)
        self.boxes[name] = {}
        self._rows[name] = [label]
        # "auto" is one of the others, and so is "none".
        values = [value for value in field["enum"] if value not in ("auto", "none")]
        for place, value in enumerate(values):
            box = QCheckBox(field["names"][value])
            box.setToolTip(field["description"])
            box.toggled.connect(lambda _: self.changed.emit())
            grid.addWidget(box, row + place // _ACROSS, 1 + place % _ACROSS)
            self.boxes[name][value] = box
            self._rows[name].append(box)
        return row + -(-len(values) // _ACROSS)
