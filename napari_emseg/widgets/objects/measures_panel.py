"""The panel below the canvas: the table of objects, their plot and their summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import ask_path, pluralize, push_button
from napari_emseg.widgets.objects.object_plot import ObjectPlot
from napari_emseg.widgets.objects.object_rows import ObjectTableView
from napari_emseg.widgets.objects.object_session import NONE
from napari_emseg.widgets.objects.object_summary import ObjectSummary

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_emseg.regions.instances import ObjectTable
    from napari_emseg.widgets.objects.object_session import ObjectSession

MEASURES = "Object table"


# Qt is untyped here, so a class of it is Any to mypy.
class MeasuresWidget(QWidget):  # type: ignore[misc]
    """Table, plot and summary of the objects of the panel "Objects".

    Parameters
    ----------
    session : ObjectSession
    call : callable
        Returns a function that does some work, and says errors in the panel's line.

    Attributes
    ----------
    table : ObjectTableView
    plot : ObjectPlot
    summary : ObjectSummary
    csv : QPushButton
        Writes the rows that are shown.
    """

    def __init__(
        self,
        session: ObjectSession,
        call: Callable[[Callable[[], Any]], Callable[[], None]],
    ) -> None:
        super().__init__()
        self._session = session
        self.table = ObjectTableView(session)
        self.plot = ObjectPlot(session)
        self.summary = ObjectSummary(session)
        self.csv = push_button(
            "CSV…", "Write the rows that are shown, in their order.", call(self.export)
        )
        self.summary.csv.clicked.connect(call(self.export_summary))
        self._shown = plain_label()
        tabs = QTabWidget()
        tabs.addTab(self.plot, "Plot")
        tabs.addTab(self.summary, "Summary")
        line = QHBoxLayout()
        line.setContentsMargins(4, 0, 4, 0)
        line.addWidget(self._shown, 1)
        line.addWidget(self.csv)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.table, 1)
        column.addLayout(line)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(left)
        split.addWidget(tabs)
        split.setStretchFactor(0, 1)
        split.setSizes([600, 360])
        page = QVBoxLayout(self)
        page.setContentsMargins(2, 2, 2, 2)
        page.addWidget(split)
        for signal in (
            session.table_changed,
            session.filter_changed,
            session.chosen_changed,
        ):
            signal.connect(self._say)
        self._say()

    def export(self) -> None:
        """Ask for a file, and write the rows that are shown."""
        rows = self.table.rows
        if rows.table is None or self._session.layer is None:
            raise ValueError(NONE)
        found = rows.table.rows(rows.rows)
        self._write(found, self._session.layer.name, f"{len(found):,} objects")

    def export_summary(self) -> None:
        """Ask for a file, and write the summary."""
        summary = self.summary.summary
        if summary is None or self._session.layer is None:
            raise ValueError(NONE)
        name = f"{self._session.layer.name} summary"
        self._write(summary, name, pluralize(len(summary), "row"))

    def apply_theme(self) -> None:
        """Draw the plot in the colors of the theme."""
        self.plot.draw()

    def _write(self, table: ObjectTable, name: str, what: str) -> None:
        target = ask_path(self, "Export table", f"{name}.csv", "Table (*.csv)", ".csv")
        if target is None:
            return
        path, force = target
        session = self._session
        session.background.run(
            lambda: table.to_csv(path, force=force),
            lambda _: session.said.emit(f"Saved {Path(path).name}, {what}."),
        )

    def _say(self) -> None:
        session = self._session
        table, inside = session.table, session.inside()
        if table is None or inside is None:
            self._shown.setText("No objects yet.")
            return
        every = f"{len(table):,} object{'' if len(table) == 1 else 's'}"
        text = f"{int(inside.sum()):,} of {every}"
        if len(session.chosen):
            text += f", {len(session.chosen):,} chosen"
        self._shown.setText(text)
