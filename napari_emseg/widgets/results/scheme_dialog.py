"""Dialog that shows what becomes of classes in a scheme, before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.layers.classes import class_color, class_name
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import ScrollArea, pluralize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Labels

    from napari_emseg.exchange import ClassScheme

SWATCH = 14  # pixels
KEEP = "keep as it is"


# Qt is untyped here, so a class of it is Any to mypy.
class SchemeDialog(QDialog):  # type: ignore[misc]
    """Dialog that asks which class of a scheme each class of a result becomes.

    Parameters
    ----------
    layer : napari.layers.Labels
        The result.
    scheme : ClassScheme
    numbers : dict of int to int
        What is proposed: number of the scheme by number of the result.
    parent : QWidget or None
        The window.

    Attributes
    ----------
    chosen : Signal
        With the numbers that were agreed to, as `numbers`.
    rows : dict of int to QComboBox
        What each class becomes.
    """

    chosen = Signal(object)  # PySide loses numbers as keys of a dict

    def __init__(
        self,
        layer: Labels,
        scheme: ClassScheme,
        numbers: Mapping[int, int],
        parent: QWidget | None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Apply class scheme")
        self.rows: dict[int, QComboBox] = {}
        inner = QWidget()
        grid = QGridLayout(inner)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setColumnStretch(3, 1)
        for line, (number, proposed) in enumerate(numbers.items()):
            swatch = plain_label()
            color = QColor.fromRgbF(*class_color(layer, number).tolist())
            swatch.setPixmap(_square(color))
            box = QComboBox()
            box.setIconSize(QSize(SWATCH, SWATCH))
            for one in scheme.classes:
                box.addItem(QIcon(_square(QColor(one.color))), one.name, one.number)
            taken = {one.number for one in scheme.classes}
            if number not in taken:
                box.addItem(KEEP, number)
            box.setCurrentIndex(max(box.findData(proposed), 0))
            box.currentIndexChanged.connect(self._on_choice)
            self.rows[number] = box
            grid.addWidget(swatch, line, 0)
            grid.addWidget(plain_label(class_name(layer, number)), line, 1)
            grid.addWidget(plain_label("→"), line, 2)
            grid.addWidget(box, line, 3)
        self.news = plain_label()
        kind = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kind.Ok | kind.Cancel)
        self.buttons.button(kind.Ok).setText("Add layer")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        page = QVBoxLayout(self)
        page.addWidget(plain_label("Each class becomes the one of the nearest color:"))
        page.addWidget(ScrollArea(inner))
        page.addWidget(self.news)
        page.addWidget(self.buttons)
        self.setMinimumWidth(380)
        self.accepted.connect(self._on_accept)
        self._on_choice()

    @property
    def numbers(self) -> dict[int, int]:
        """Number of the scheme by number of the result, as it is shown."""
        return {number: int(box.currentData()) for number, box in self.rows.items()}

    def _on_accept(self) -> None:
        self.chosen.emit(self.numbers)

    def _on_choice(self, *_: object) -> None:
        after = len({*self.numbers.values()})
        text = f"{pluralize(len(self.rows), 'class', 'es')}"
        lost = len(self.rows) - after
        merged = "" if not lost else f", as {pluralize(lost, 'class', 'es')} merge"
        self.news.setText(
            f"{text} → {after}{merged}. The labels stay as they are, too."
        )


def _square(color: QColor) -> QPixmap:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(color)
    return picture
