"""The table of the classes of a result, as a tab beside the other panels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.layers import is_objects, is_selection
from napari_emseg.layers.classes import class_color
from napari_emseg.layers.layer_features import columns_of
from napari_emseg.widgets.common.docks import Docking, share_dock
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import push_button

if TYPE_CHECKING:
    import napari.components

NAME = "Class table"
LABEL = "index"  # what napari calls the column that says which label a row is of
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


# Qt is untyped here, so a class of it is Any to mypy.
class ClassListing(QWidget):  # type: ignore[misc]
    """Panel with a row for each class of the result that is active, or the uppermost.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the results are.

    Attributes
    ----------
    layer : napari.layers.Labels or None
        The result.
    table : QTableWidget
        Its rows.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        viewer = self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.layer: Labels | None = None
        self._filling = False
        self._title = plain_label()
        self._title.setWordWrap(True)
        table = self.table = QTableWidget()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.verticalHeader().hide()
        table.setSortingEnabled(True)
        table.setStyleSheet("QTableWidget, QHeaderView { font-size: 12px }")
        table.itemSelectionChanged.connect(self._on_row)
        commands = "napari_emseg.widgets.manifest_commands"
        self.export = push_button(
            "Export…",
            "Write the table as CSV.",
            lambda: import_module(commands).export_class_table(viewer),
        )
        page = QVBoxLayout(self)
        page.setContentsMargins(6, 6, 6, 6)
        for part in (self._title, table, self.export):
            page.addWidget(part)
        share_dock(self, NAME)
        layers = viewer.layers
        reactions = [
            (layers.selection.events.active, self.refresh),
            (layers.events.inserted, self.refresh),
            (layers.events.removed, self.refresh),
        ]
        self._docking = Docking(self, viewer, reactions, self.refresh, self._leave)

    def refresh(self, event: object = None) -> None:
        """Show the classes of the result that is meant now."""
        layers = self._viewer.layers
        found = filter(_has_table, (layers.selection.active, *reversed(layers)))
        layer = next(found, None)
        if layer is None or layer is not self.layer:
            self._leave()
            self.layer = layer
            for emitter in self._emitters():
                emitter.connect(self._fill)
            self._fill()

    def _leave(self) -> None:
        for emitter in self._emitters():
            emitter.disconnect(self._fill)
        self.layer = None

    def _emitters(self) -> list[Any]:
        events = None if self.layer is None else self.layer.events
        return [] if events is None else [events.features, events.colormap, events.name]

    def _fill(self, event: object = None) -> None:
        layer, table = self.layer, self.table
        columns: dict[str, list[Any]] = {} if layer is None else columns_of(layer)
        labels = [int(label) for label in columns.pop(LABEL, [])]
        self._title.setText("No result yet." if layer is None else layer.name)
        self.export.setEnabled(layer is not None)
        self._filling = True
        table.setSortingEnabled(False)  # rows would move while they are filled
        table.setColumnCount(len(columns) + 1)
        table.setHorizontalHeaderLabels(["label", *columns])
        classes = [row for row, label in enumerate(labels) if label > 0]
        table.setRowCount(len(classes))
        for place, row in enumerate(classes):
            label = _cell(labels[row])
            color = class_color(layer, labels[row])
            label.setData(Qt.ItemDataRole.DecorationRole, QColor.fromRgbF(*color))
            table.setItem(place, 0, label)
            for column, values in enumerate(columns.values(), start=1):
                table.setItem(place, column, _cell(values[row]))
        table.setSortingEnabled(True)
        table.resizeColumnsToContents()
        self._filling = False

    def _on_row(self) -> None:
        """Choose the class of a row, as a click in the list of classes does."""
        rows = self.table.selectionModel().selectedRows()
        if self.layer is not None and rows and not self._filling:
            self.layer.selected_label = rows[0].data()


def _has_table(layer: Any) -> bool:
    others = is_selection(layer) or is_objects(layer)
    return isinstance(layer, Labels) and not others and len(layer.features) > 0


def _cell(value: Any) -> QTableWidgetItem:
    """Return a cell that is sorted by its value; what is unknown is empty."""
    cell = QTableWidgetItem()
    if value == value:  # not NaN
        cell.setData(Qt.ItemDataRole.DisplayRole, value)
    if not isinstance(value, str):
        cell.setTextAlignment(RIGHT)
    return cell
