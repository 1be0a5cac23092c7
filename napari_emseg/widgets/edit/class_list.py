"""The list of classes: color, name, pixels, shown, locked."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QDrag, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
)

from napari_emseg.layers.classes import (
    class_color,
    class_keys,
    class_name,
    class_shown,
)
from napari_emseg.layers.undo.class_changes import keying, locking, painting, renaming
from napari_emseg.widgets.common.qt import connect
from napari_emseg.widgets.common.status_line import tell_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Labels
    from qtpy.QtGui import QContextMenuEvent, QDragMoveEvent, QDropEvent, QKeyEvent
    from qtpy.QtWidgets import QAbstractItemDelegate, QWidget

    from napari_emseg.layers import ActionHistory
    from napari_emseg.layers.undo.action import Change
    from napari_emseg.widgets.common.background import BackgroundQueue

SHOWN, LOCKED, NAME, PIXELS = range(4)
HEADER = ("Show", "Lock", "Class", "Pixels")
SWATCH = 14  # pixels
# Height in pixels, and rows that are seen without scrolling: at most and at least.
ROW, IN_SIGHT, FEWEST = 20, 8, 4
KEYS = range(1, 10)
CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked
# Counting the pixels of a large layer waits until nobody draws.
COUNTS = "counts"
# Thousands of cells or nuclei would take longer to list than to draw.
MAX_ROWS = 400


class Listed(Protocol):
    """What a list needs: labels, their locks, and where changes of them go."""

    @property
    def labels(self) -> Labels | None:
        """The labels that are listed."""

    @property
    def locked(self) -> set[int]:
        """Classes that no action changes."""

    @property
    def background(self) -> BackgroundQueue:
        """Where pixels are counted."""

    @property
    def action_history(self) -> ActionHistory:
        """All that was done in the viewer."""

    def make(self, change: Change, text: str) -> None:
        """Make a change that is no edit, as an action."""


# Qt is untyped here, so a class of it is Any to mypy.
class ClassList(QTableWidget):  # type: ignore[misc]
    """A row for each class of the session's labels.

    Names are edited in place, a double click on the number of pixels asks for a
    color, the current row is the selected label of napari's brush, and rows that are
    dragged onto another one are to be merged with it.

    Parameters
    ----------
    session : Listed
        Whose labels are listed.
    share : bool, optional
        Whether a share of the labeled pixels is shown instead of their number, and
        classes are not dragged.
    """

    # The class that was dropped on, and those that were dragged there.
    dropped = Signal(object)

    def __init__(self, session: Listed, *, share: bool = False) -> None:
        super().__init__(0, len(HEADER))
        self._session, self._share = session, share
        self._filling = False
        self._total = 0  # labeled pixels
        self._shown: Labels | None = None
        self._dragged: list[int] = []
        # What is to be shown when a name that is being typed is done.
        self._postponed: tuple[Labels | None, dict[int, int]] | None = None
        self.setHorizontalHeaderLabels([*HEADER[:-1], "Share"] if share else HEADER)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(ROW)
        self.verticalHeader().setDefaultSectionSize(ROW)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setIconSize(QSize(SWATCH, SWATCH))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(10)
        for column in range(len(HEADER)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        number = "share" if share else "pixels"
        tip = (
            "Click a row to select the class, with Ctrl or Shift several. Double click "
            f"the name to rename it, the {number} to change the color."
        )
        drag = " Drag classes onto another one to merge them."
        self.setToolTip(tip if share else tip + drag)
        self.setDragEnabled(not share)
        self.setAcceptDrops(not share)
        self.setDragDropOverwriteMode(True)
        self.itemChanged.connect(self._on_edit)
        self.itemSelectionChanged.connect(self._on_select)
        # A click with Ctrl tells that a row is chosen before it is the current one.
        self.currentItemChanged.connect(self._on_select)
        self.cellDoubleClicked.connect(self._on_double_click)

    def apply_theme(self, theme_name: str) -> None:
        """Draw unchecked boxes, which napari's theme hides in lists."""
        frame = get_theme(theme_name).icon.as_hex()
        self.setStyleSheet(
            f"QTableWidget::indicator:unchecked {{ border: 1px solid {frame};"
            " border-radius: 2px }"
        )

    @property
    def labels(self) -> list[int]:
        """Classes of the chosen rows, the current one first."""
        if self._shown is not self._session.labels:
            return []
        rows = {index.row() for index in self.selectionModel().selectedRows()}
        current = self.currentRow()
        ordered = sorted(rows, key=lambda row: (row != current, row))
        return [self._label(row) for row in ordered]

    def reload(self) -> None:
        """Count the pixels again in the background, then show the classes."""
        layer = self._session.labels
        if layer is not self._shown:
            # What is done in rows of other labels would be done to these.
            self._fill(layer, {})
        if layer is None or not isinstance(layer.data, np.ndarray):
            self._fill(layer, {})
            return
        self._session.background.preview(
            lambda: _count(layer), lambda counts: self._fill(layer, counts), COUNTS
        )

    def follow_brush(self) -> None:
        """Choose the class of napari's brush; none if it has no pixels yet."""
        layer = self._session.labels
        if layer is None or int(layer.selected_label) in self.labels[:1]:
            return
        with self._quietly():
            self.clearSelection()
            self._select(int(layer.selected_label), add=False)

    def recolor(self) -> None:
        """Ask for a color of the current class."""
        layer, label = self._session.labels, self._label(self.currentRow())
        if layer is None or label < 0:
            return
        old = QColor.fromRgbF(*class_color(layer, label).tolist())
        title = f"Color of {class_name(layer, label)}"
        color = QColorDialog.getColor(old, self, title)
        if color.isValid():
            self._session.make(*painting(layer, label, color.getRgbF()[:3]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave letters and digits to the tools; Qt would look for rows by them."""
        if event.text().strip() and event.key() != Qt.Key.Key_F2:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer the keys that fill the selection with the class that is clicked."""
        layer, label = self._shown, self._label(self.rowAt(event.pos().y()))
        if layer is None or layer is not self._session.labels or label < 0:
            return
        menu = self.key_menu(layer, label)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def key_menu(self, layer: Labels, label: int) -> QMenu:
        """Return a menu in which a class gets a key."""
        menu, keys = QMenu(self), class_keys(layer)
        menu.addSection("Key that fills with it")
        for key in (*KEYS, None):
            text, owner = f"&{key}" if key else "None", keys.get(key)
            if owner is not None and owner != label:
                text += f"   of {class_name(layer, owner)}"
            action = menu.addAction(text)
            action.setCheckable(True)
            has = label in keys.values() if key is None else owner == label
            action.setChecked(has != (key is None))
            change = partial(keying, layer, label, key)
            connect(action.triggered, partial(self._bind, change), action)
        return menu

    def _bind(self, change: Callable[[], tuple[Any, ...]], *_: object) -> None:
        self._session.make(*change())

    def closeEditor(
        self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint
    ) -> None:
        """Show what was not shown while a name was typed."""
        super().closeEditor(editor, hint)
        postponed, self._postponed = self._postponed, None
        if postponed is not None:
            self._fill(*postponed)

    def startDrag(self, actions: Qt.DropAction) -> None:
        """Start to drag the chosen classes; they stay in the list."""
        self._dragged = self.labels
        rows = [index.row() for index in self.selectionModel().selectedRows()]
        drag = QDrag(self)
        drag.setMimeData(self.mimeData([self.item(row, NAME) for row in rows]))
        drag.setPixmap(self.item(rows[0], NAME).icon().pixmap(SWATCH, SWATCH))
        drag.exec(Qt.DropAction.CopyAction)
        self._dragged = []

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Show which class the dragged ones would be merged with."""
        super().dragMoveEvent(event)
        event.setAccepted(self._under(event) not in (-1, *self._dragged))

    def dropEvent(self, event: QDropEvent) -> None:
        """Emit `dropped` with the classes that are to be merged."""
        label = self._under(event)
        if event.source() is self and label not in (-1, *self._dragged):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.dropped.emit([label, *self._dragged])
        else:
            event.ignore()
        # Qt's own would put text into the row.
        self.setState(QAbstractItemView.State.NoState)
        self.viewport().update()

    def sizeHint(self) -> QSize:
        """Return the height of some rows."""
        return QSize(240, self._height())

    def minimumSizeHint(self) -> QSize:
        """Return the height of some rows."""
        return QSize(200, self._height())

    def _height(self) -> int:
        header = self.horizontalHeader().sizeHint().height()
        # What few classes leave empty is room for what scrolls above them.
        rows = min(max(self.rowCount() + 1, FEWEST), IN_SIGHT)
        return header + rows * ROW + 2 * self.frameWidth()

    def _label(self, row: int) -> int:
        item = self.item(row, NAME)
        return -1 if item is None else int(item.data(Qt.ItemDataRole.UserRole))

    def _under(self, event: QDropEvent) -> int:
        return self._label(self.rowAt(round(event.position().y())))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._filling = self._filling, True
        try:
            yield
        finally:
            self._filling = before

    def _fill(self, layer: Labels | None, counts: dict[int, int]) -> None:
        if layer is not self._session.labels:
            return
        # Other rows would close the editor, and what was typed would be lost.
        editing = self.state() == QAbstractItemView.State.EditingState
        if editing and layer is self._shown:
            self._postponed = layer, counts
            return
        chosen = self.labels if layer is self._shown else []
        self._shown = layer
        with self._quietly():
            rows = list(counts.items())[:MAX_ROWS]
            self._total = sum(counts.values())
            if self.rowCount() != len(rows):
                self.setRowCount(len(rows))
                self.updateGeometry()
            for row, (label, pixels) in enumerate(rows):
                self._fill_row(row, layer, label, pixels)
            if len(counts) > MAX_ROWS:
                self._add_note(f"and {len(counts) - MAX_ROWS:,} more")
            self.clearSelection()
            for label in reversed(chosen):
                self._select(label, add=True)
            if layer is not None and not self.labels:
                self._select(int(layer.selected_label), add=False)

    def _fill_row(self, row: int, layer: Any, label: int, pixels: int) -> None:
        enabled = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        enabled |= Qt.ItemFlag.ItemIsDragEnabled | Qt.ItemFlag.ItemIsDropEnabled
        shown, locked = class_shown(layer, label), label in self._session.locked
        for column, state in ((SHOWN, shown), (LOCKED, locked)):
            item = QTableWidgetItem()
            item.setFlags(enabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(CHECKED if state else UNCHECKED)
            self.setItem(row, column, item)
        name = QTableWidgetItem(_swatch(layer, label), class_name(layer, label))
        name.setFlags(enabled | Qt.ItemFlag.ItemIsEditable)
        name.setData(Qt.ItemDataRole.UserRole, label)
        drag = "" if self._share else "; drag onto another to merge"
        name.setToolTip(
            f"Label {label}. Double click to rename{drag}; right click to choose the "
            "key that fills with it."
        )
        self.setItem(row, NAME, name)
        share = f"{100 * pixels / max(self._total, 1):.1f} %"
        number = QTableWidgetItem(share if self._share else f"{pixels:,}")
        number.setFlags(enabled)
        number.setToolTip(
            f"{pixels:,} pixels, {share}. Double click to change the color."
        )
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        number.setTextAlignment(right)
        self.setItem(row, PIXELS, number)

    def _add_note(self, text: str) -> None:
        """Add a row without a class."""
        row = self.rowCount()
        self.insertRow(row)
        for column in range(len(HEADER)):
            item = QTableWidgetItem(text if column == NAME else "")
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            item.setData(Qt.ItemDataRole.UserRole, -1)
            self.setItem(row, column, item)

    def _select(self, label: int, *, add: bool) -> None:
        for row in range(self.rowCount()):
            if self._label(row) == label:
                if not add:
                    self.selectRow(row)
                    return
                model = self.selectionModel()
                model.setCurrentIndex(
                    self.model().index(row, NAME),
                    model.SelectionFlag.Select | model.SelectionFlag.Rows,
                )

    def _on_edit(self, item: QTableWidgetItem) -> None:
        layer = self._shown
        if self._filling or layer is None or layer is not self._session.labels:
            return
        label, checked = self._label(item.row()), item.checkState() == CHECKED
        session, name = self._session, item.text()
        if item.column() == SHOWN and checked != class_shown(layer, label):
            session.make(*painting(layer, label, shown=checked))
        elif item.column() == LOCKED and checked != (label in session.locked):
            # At once: what is asked for next must leave the class alone.
            session.action_history.do(
                *locking(layer, session.locked, label, locked=checked)
            )
        elif item.column() == NAME and name != class_name(layer, label):
            try:
                session.make(*renaming(layer, label, name))
            except ValueError as error:
                tell_error(str(error))
                with self._quietly():
                    item.setText(class_name(layer, label))

    def _on_select(self, *_: object) -> None:
        layer, labels = self._session.labels, self.labels
        if self._filling or layer is None:
            return
        if labels:
            layer.selected_label = labels[0]

    def _on_double_click(self, row: int, column: int) -> None:
        if column == PIXELS:
            self.recolor()


def _count(layer: Labels) -> dict[int, int]:
    data = layer.data.ravel()
    if data.dtype.kind == "u" and data.dtype.itemsize <= 2:
        pixels = np.bincount(data)
        found = np.flatnonzero(pixels)
        pixels = pixels[found]
    else:
        found, pixels = np.unique(data, return_counts=True)
    counts = zip(found.tolist(), pixels.tolist(), strict=True)
    return {label: count for label, count in counts if label != 0}


def _swatch(layer: Labels, label: int) -> QIcon:
    picture = QPixmap(SWATCH, SWATCH)
    picture.fill(QColor.fromRgbF(*class_color(layer, label).tolist()))
    swatch = QIcon(picture)
    # Otherwise that of a chosen row is tinted.
    swatch.addPixmap(picture, QIcon.Mode.Selected)
    return swatch
