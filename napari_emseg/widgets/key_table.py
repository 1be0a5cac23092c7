"""The table of keys, as the panel shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_emseg.widgets.keys import Key


# Qt is untyped here, so a class of it is Any to mypy.
class KeyTable(QDialog):  # type: ignore[misc]
    """A window that may stay open beside the viewer.

    Parameters
    ----------
    parent : QWidget
        Gives the look.
    sections : dict of str to sequence of (str, str)
        Heading, and keys with what they do.
    """

    def __init__(
        self, parent: QWidget, sections: Mapping[str, Sequence[tuple[str, str]]]
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 16)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for heading, rows in sections.items():
            place = grid.rowCount()
            grid.setRowMinimumHeight(place, 8)
            grid.addWidget(QLabel(f"<b>{heading}</b>"), place + 1, 0, 1, 2)
            for line, (key, title) in enumerate(rows, start=place + 2):
                name = QLabel(key)
                name.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(name, line, 0)
                grid.addWidget(QLabel(title), line, 1)


def shown(rows: Sequence[Key]) -> list[tuple[str, str]]:
    """Return keys as this system writes them, and what they do."""
    return [(coerce_keybinding(row.key).to_text(), row.title) for row in rows]
