"""How many objects there are of each class, how dense, how many positive."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.layers.classes import class_name
from napari_emseg.layers.instances.measured_layers import source_of
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import form_rows, number_box, push_button
from napari_emseg.widgets.objects.filter_rows import measures_of
from napari_emseg.widgets.objects.object_rows import RIGHT, cell_text

if TYPE_CHECKING:
    from napari_emseg.regions.instances import ObjectTable
    from napari_emseg.widgets.objects.object_session import ObjectSession

SUMMARY = "summary"  # a kind of previews
NOTHING, WHOLE = "nothing", "whole image"
# Rows that are shown; a file has all of them.
_MOST = 500


# Qt is untyped here, so a class of it is Any to mypy.
class ObjectSummary(QWidget):  # type: ignore[misc]
    """The summary of the objects that the filter leaves.

    Parameters
    ----------
    session : ObjectSession

    Attributes
    ----------
    tissue, measure : QComboBox
        What densities refer to, and what tells positive objects.
    least : QDoubleSpinBox
        From which value on.
    by_plane : QCheckBox
    cells : QTableWidget
    csv : QPushButton
    summary : ObjectTable or None
    """

    def __init__(self, session: ObjectSession) -> None:
        super().__init__()
        self._session = session
        self.summary: ObjectTable | None = None
        self.tissue, self.measure = QComboBox(), QComboBox()
        self.tissue.setToolTip("What densities and fractions refer to.")
        self.measure.setToolTip("Objects are positive if this reaches a value.")
        for box in (self.tissue, self.measure):
            box.setMinimumContentsLength(7)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        self.least = number_box(
            QDoubleSpinBox(), (-1e12, 1e12), 0.0, "The smallest value of a positive."
        )
        self.least.setDecimals(3)
        self.by_plane = QCheckBox("Each plane")
        self.cells = QTableWidget(0, 0)
        self.cells.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.cells.verticalHeader().hide()
        self.cells.verticalHeader().setDefaultSectionSize(20)
        self.csv = push_button("Summary as CSV…", "Write the summary.", None)
        side = QVBoxLayout()
        side.setSpacing(3)
        line = form_rows([("≥", self.least)])
        for part in (plain_label("Density per"), self.tissue, plain_label("Positive")):
            side.addWidget(part)
        side.addWidget(self.measure)
        side.addLayout(line)
        side.addWidget(self.by_plane)
        side.addStretch(1)
        side.addWidget(self.csv)
        page = QHBoxLayout(self)
        page.setContentsMargins(4, 4, 4, 4)
        page.setSpacing(4)
        page.addWidget(self.cells, 1)
        page.addLayout(side)
        self.tissue.currentIndexChanged.connect(self._on_tissue)
        self.measure.currentIndexChanged.connect(self._on_measure)
        self.least.valueChanged.connect(self.refresh)
        self.by_plane.toggled.connect(self.refresh)
        session.layer_changed.connect(self._offer_tissue)
        session.table_changed.connect(self.reload)
        session.filter_changed.connect(self.refresh)
        self._offer_tissue()
        self.reload()

    def reload(self) -> None:
        """Offer the measures of the table, and sum it up."""
        table = self._session.table
        names = [] if table is None else measures_of(table)
        before = self.measure.currentText()
        self.measure.blockSignals(True)
        self.measure.clear()
        self.measure.addItems([NOTHING, *names])
        self.measure.setCurrentText(before if before in names else NOTHING)
        self.measure.blockSignals(False)
        self.least.setEnabled(self.measure.currentIndex() > 0)
        self.by_plane.setVisible(
            table is not None and any(name.startswith("plane") for name in table)
        )
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Sum up in the background."""
        session, table, inside = self._session, self._session.table, None
        inside = session.inside()
        if table is None or inside is None:
            session.background.drop(SUMMARY)
            self._show(None)
            return
        name = self.measure.currentText()
        positive = {name: self.least.value()} if name in table else None
        by_plane = self.by_plane.isChecked() and self.by_plane.isVisibleTo(self)

        def work() -> ObjectTable:
            return table.rows(inside).summary(positive, by_plane=by_plane)

        session.background.preview(work, self._show, SUMMARY)

    def _offer_tissue(self) -> None:
        layer = self._session.layer
        source = None if layer is None else source_of(self._session.viewer, layer)
        self.tissue.blockSignals(True)
        self.tissue.clear()
        self.tissue.addItem(WHOLE, 0)
        self.tissue.blockSignals(False)
        self._session.tissue = 0
        if source is None:
            return
        data = source.data

        def then(found: list[int]) -> None:
            if layer is self._session.layer:
                for number in found:
                    self.tissue.addItem(class_name(source, number), number)

        self._session.background.preview(
            partial(classes_in, data), then, "classes of tissue"
        )

    def _on_tissue(self, _: int) -> None:
        self._session.tissue = int(self.tissue.currentData() or 0)
        self._session.measure()

    def _on_measure(self, _: int) -> None:
        table, name = self._session.table, self.measure.currentText()
        known = table is not None and name in table
        self.least.setEnabled(known)
        if table is not None and known and len(table):
            middle = float(np.nanmedian(np.asarray(table[name], float)))
            self.least.setValue(middle if np.isfinite(middle) else 0.0)
        self.refresh()

    def _show(self, summary: ObjectTable | None) -> None:
        self.summary = summary
        if summary is None:
            self.cells.setRowCount(0)
            self.cells.setColumnCount(0)
            return
        names = [name for name in summary if name != "class"]
        titles = dict(zip(summary, summary.headings(), strict=True))
        count = min(len(summary), _MOST)
        self.cells.setRowCount(count)
        self.cells.setColumnCount(len(names))
        self.cells.setHorizontalHeaderLabels(
            [titles[name].replace("_", " ") for name in names]
        )
        for column, name in enumerate(names):
            for row in range(count):
                item = QTableWidgetItem(_text(name, summary[name][row]))
                if summary[name].dtype.kind not in "US":
                    item.setTextAlignment(RIGHT)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.cells.setItem(row, column, item)
        self.cells.resizeColumnsToContents()


def classes_in(data: Any) -> list[int]:
    """Return the classes that labels have.

    Parameters
    ----------
    data : (…) array_like of int
        Of a layer; of several scales, the finest first.
    """
    finest = data[0] if isinstance(data, list | tuple) else data
    found = np.unique(np.asarray(finest))
    return [int(number) for number in found if number > 0]


def _text(name: str, value: Any) -> str:
    """Return a value of the summary; shares as percent."""
    if name == "fraction":
        return f"{100 * value:.3g} %"
    if name == "positive_percent":
        return f"{value:.3g} %"
    return cell_text(value)
