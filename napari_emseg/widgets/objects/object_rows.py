"""The table of objects as Qt's model: rows in order, values when they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_emseg.widgets.objects.range_slider import ACCENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.regions.instances import ObjectTable
    from napari_emseg.widgets.objects.object_session import ObjectSession

NARROW, WIDE = 64, 170  # pixels of a column
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


# Qt is untyped here, so a class of it is Any to mypy.
class ObjectRows(QAbstractTableModel):  # type: ignore[misc]
    """Some rows of a table, in some order.

    Attributes
    ----------
    table : ObjectTable or None
    rows : (R,) ndarray of int
        The rows of the table that are shown, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.table: ObjectTable | None = None
        self.rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self._names: list[str] = []
        self._headings: list[str] = []
        self._chosen: NDArray[np.bool_] = np.zeros(0, bool)
        self._order: tuple[str, bool] = ("label", False)
        self._color = QColor(ACCENT)
        self._color.setAlphaF(0.45)

    def load(self, table: ObjectTable | None, inside: NDArray[np.bool_] | None) -> None:
        """Show the rows of a table that a filter leaves."""
        self.beginResetModel()
        self.table = table
        titles = (
            {} if table is None else dict(zip(table, table.headings(), strict=True))
        )
        # Classes are told by name.
        titles.pop("class", None)
        self._names, self._headings = [*titles], [*titles.values()]
        self._chosen = np.zeros(0 if table is None else len(table), bool)
        self._arrange(inside)
        self.endResetModel()

    def filter(self, inside: NDArray[np.bool_] | None) -> None:
        """Show other rows of the same table."""
        self.layoutAboutToBeChanged.emit()
        self._arrange(inside)
        self.layoutChanged.emit()

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the rows by a column; equal ones stay in order."""
        if 0 <= column < len(self._names):
            self._order = self._names[column], order == Qt.SortOrder.DescendingOrder
            inside = np.zeros(len(self._chosen), bool)
            inside[self.rows] = True
            self.filter(inside)

    def highlight(self, ids: NDArray[np.int64]) -> int:
        """Color the rows of some objects; return the first of them, -1 without one."""
        if self.table is None:
            return -1
        self._chosen = np.isin(self.table["label"], ids)
        last = self.index(len(self.rows) - 1, len(self._names) - 1)
        self.dataChanged.emit(self.index(0, 0), last, [Qt.ItemDataRole.BackgroundRole])
        places = np.flatnonzero(self._chosen[self.rows])
        return int(places[0]) if len(places) else -1

    def ids(self, places: NDArray[np.intp]) -> NDArray[Any]:
        """Return the numbers of the objects in some rows."""
        if self.table is None:
            return np.zeros(0, np.int64)
        return self.table["label"][self.rows[places]]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value as text, where it stands, or its color."""
        if self.table is None or not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(self.table[self._names[index.column()]][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            text = self.table[self._names[index.column()]].dtype.kind in "US"
            return None if text else RIGHT
        if role == Qt.ItemDataRole.BackgroundRole and self._chosen[row]:
            return self._color
        return None

    def headerData(
        self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column with its unit."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return self._headings[section].replace("_", " ")
            if role == Qt.ItemDataRole.ToolTipRole:
                return f"{self._names[section]}: click to sort"
        return None

    def _arrange(self, inside: NDArray[np.bool_] | None) -> None:
        table = self.table
        if table is None:
            self.rows = np.zeros(0, np.intp)
            return
        name, falling = self._order
        values = table[name if name in table else "label"]
        if values.dtype.kind in "US":
            _, values = np.unique(values, return_inverse=True)
        # Not a number comes last either way.
        keys = np.asarray(values, float) * (-1 if falling else 1)
        order = np.argsort(keys, kind="stable")
        self.rows = order if inside is None else order[inside[order]]


def cell_text(value: Any) -> str:
    """Return a value of the table as text.

    Examples
    --------
    >>> cell_text(np.int64(12)), cell_text(1234.0), cell_text(0.12345), cell_text("a")
    ('12', '1234', '0.1235', 'a')
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, float | np.floating):
        return str(value)
    number = float(value)
    if not np.isfinite(number):
        return "–"
    if number.is_integer():
        return f"{number:.0f}"
    return f"{number:.1f}" if abs(number) >= 1000 else f"{number:.4g}"


class ObjectTableView(QTableView):  # type: ignore[misc]
    """The table on the screen; it and the session choose objects for each other.

    Parameters
    ----------
    session : ObjectSession

    Attributes
    ----------
    rows : ObjectRows
    picked : Signal
        A row was chosen alone, with the number of its object.
    """

    picked = Signal(int)

    def __init__(self, session: ObjectSession) -> None:
        super().__init__()
        self._session = session
        self._own = False  # whether this chose objects, rather than another part
        self.rows = ObjectRows()
        self.setModel(self.rows)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setToolTip("Click a row to see its object; click a heading to sort.")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(20)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.selectionModel().selectionChanged.connect(self._on_selection)
        session.table_changed.connect(self.reload)
        session.filter_changed.connect(self._on_filter)
        session.chosen_changed.connect(self._on_chosen)
        self.reload()

    def reload(self) -> None:
        """Show the table of the session."""
        columns = self.rows.columnCount()
        self.rows.load(self._session.table, self._session.inside())
        if self.rows.columnCount() != columns:
            metrics = self.horizontalHeader().fontMetrics()
            for column in range(self.rows.columnCount()):
                text = self.rows.headerData(column, Qt.Orientation.Horizontal)
                width = metrics.horizontalAdvance(text) + 30
                self.setColumnWidth(column, min(max(width, NARROW), WIDE))
        self._on_chosen()

    def _on_filter(self) -> None:
        self.rows.filter(self._session.inside())

    def _on_selection(self, *_: object) -> None:
        selection: QItemSelection = self.selectionModel().selection()
        parts = [np.arange(part.top(), part.bottom() + 1) for part in selection]
        places = np.concatenate(parts) if parts else np.zeros(0, np.intp)
        ids = self.rows.ids(np.unique(places)).tolist()
        self._own = True
        try:
            self._session.choose(ids)
        finally:
            self._own = False
        if len(ids) == 1:
            self.picked.emit(ids[0])

    def _on_chosen(self) -> None:
        first = self.rows.highlight(self._session.chosen)
        if self._own:
            return
        # Colors tell what is chosen; thousands of rows are too many for Qt's own.
        model = self.selectionModel()
        model.blockSignals(True)
        model.clear()
        if first >= 0:
            index = self.rows.index(first, 0)
            model.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.scrollTo(index)
        model.blockSignals(False)
        self.viewport().update()
