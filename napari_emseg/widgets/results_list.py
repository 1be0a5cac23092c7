"""The list of what was compared, with the criteria."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_emseg.sweep import best, space_name
from napari_emseg.widgets.parts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_emseg.sweep import Row

CRITERIA = ("BIC", "ICL")
_LEAST = 120  # pixels of height


# Qt is untyped here, so a class of it is Any to mypy.
class ResultsList(QTreeWidget):  # type: ignore[misc]
    """A line for each setting: its title, BIC and ICL, the best in bold."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Setting", *CRITERIA])
        self.setMinimumHeight(_LEAST)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setStyleSheet(
            "QTreeWidget, QHeaderView { font-size: 12px }"
            "QTreeWidget::item { padding: 3px 0px }"
        )
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(
            "Larger BIC and ICL are better, the best of each color space is bold. They "
            "do not compare different color spaces, and K-means has none."
        )
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, 1 + len(CRITERIA)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            self.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignRight)

    @property
    def chosen(self) -> int | None:
        """Which line is chosen, from 0."""
        place = self.indexOfTopLevelItem(self.currentItem())
        return None if place < 0 else place

    def add(self, title: str) -> None:
        """Add a line, whose criteria come later."""
        item = QTreeWidgetItem([title, "", ""])
        for column in range(1, 1 + len(CRITERIA)):
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
        self.addTopLevelItem(item)

    def judge(self, rows: Sequence[Row]) -> None:
        """Write the criteria of all lines."""
        for column, name in enumerate(CRITERIA, start=1):
            top = best(rows, name.lower())
            for place, row in enumerate(rows):
                value = getattr(row, name.lower())
                item = self.topLevelItem(place)
                text = "–" if value is None else f"{value:,.0f}".replace("-", "−")
                item.setText(column, text)
                font = item.font(column)
                font.setBold(top.get(space_name(row)) == place)
                item.setFont(column, font)
                item.setToolTip(0, _about(row))

    def choose(self, place: int) -> None:
        """Choose a line."""
        self.setCurrentItem(self.topLevelItem(place))


def _about(row: Row) -> str:
    """Say what the line has no room for."""
    kind = "inertia" if row.order is None else "log-likelihood"
    return (
        f"{row.title}\n{counted(row.seg.n_classes, 'class', 'es')} in "
        f"{space_name(row)}, {kind} {row.objective:.5g} per pixel, "
        f"{len(row.seg.objective)} iterations, {row.seconds:.2g} s"
    )
