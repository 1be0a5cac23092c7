"""The list of classes of which objects are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy

from napari_emseg.layers.classes import class_color, class_name, rename_class
from napari_emseg.layers.undo.class_changes import check_name
from napari_emseg.widgets.common.status_line import tell_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels

SWATCH, ROW = 12, 20  # pixels
# Classes that are seen at once; and that are listed.
_SEEN, _MOST = 5, 256


# Qt is untyped here, so a class of it is Any to mypy.
class ClassChoice(QListWidget):  # type: ignore[misc]
    """Classes with their colors; a click chooses one, with Ctrl several.

    Attributes
    ----------
    changed : Signal
        Other classes are chosen.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setIconSize(QSize(SWATCH, SWATCH))
        self.setUniformItemSizes(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Classes that objects are found in; Ctrl chooses several. Double click to "
            "rename."
        )
        self.itemSelectionChanged.connect(self.changed)
        self.itemChanged.connect(self._on_edit)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes that are chosen."""
        role = Qt.ItemDataRole.UserRole
        return tuple(sorted(item.data(role) for item in self.selectedItems()))

    def offer(self, layer: Labels | None, numbers: Sequence[int]) -> None:
        """Offer the classes of a layer; those that are chosen stay so."""
        before = self.classes
        self._layer = layer
        self.blockSignals(True)
        self.clear()
        for number in numbers[:_MOST]:
            assert layer is not None
            item = QListWidgetItem(_icon(layer, number), class_name(layer, number))
            item.setData(Qt.ItemDataRole.UserRole, number)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.addItem(item)
            item.setSelected(number in before)
        self.blockSignals(False)
        rows = min(max(len(numbers), 2), _SEEN)
        self.ensurePolished()
        height = self.sizeHintForRow(0) if numbers else ROW
        self.setFixedHeight(rows * height + 2 * self.frameWidth() + 2)
        if self.classes != before:
            self.changed.emit()

    def choose(self, numbers: Sequence[int]) -> None:
        """Choose classes, if they are there."""
        for row in range(self.count()):
            item = self.item(row)
            item.setSelected(item.data(Qt.ItemDataRole.UserRole) in numbers)

    def _on_edit(self, item: QListWidgetItem) -> None:
        number = item.data(Qt.ItemDataRole.UserRole)
        if self._layer is not None and item.text() != class_name(self._layer, number):
            try:
                name = check_name(self._layer, number, item.text())
            except ValueError as error:
                tell_error(str(error))
            else:
                rename_class(self._layer, number, name)
                self.changed.emit()
            item.setText(class_name(self._layer, number))


def _icon(layer: Labels, number: int) -> QIcon:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(QColor.fromRgbF(*map(float, class_color(layer, number))))
    icon = QIcon(picture)
    # Otherwise that of a chosen row is tinted.
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon
