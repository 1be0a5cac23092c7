"""Forms that take the place of a panel beside the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDockWidget, QMainWindow, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QCloseEvent


# Qt is untyped here, so a class of it is Any to mypy.
class _FormDock(QDockWidget):  # type: ignore[misc]
    """A dock whose closing cancels the dialog in it."""

    def __init__(self, dialog: QDialog, window: QMainWindow) -> None:
        super().__init__(dialog.windowTitle(), window)
        # Napari saves the state of its window by these.
        self.setObjectName(dialog.windowTitle())
        self._dialog = dialog
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        dialog.setWindowFlags(Qt.WindowType.Widget)
        column.addWidget(dialog)
        column.addStretch(1)
        self.setWidget(page)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel."""
        self._dialog.reject()
        event.accept()


def show_beside(panel: QWidget, dialog: QDialog) -> None:
    """Show a dialog as a tab over a panel, which comes back when it is answered.

    It does not cover the picture, nor make it smaller. If the panel is in no dock, the
    dialog is a window of its own.

    Parameters
    ----------
    panel : QWidget
        In a dock, or a part of what is.
    dialog : QDialog
        Before it is shown.
    """
    holder: QWidget | None = panel
    while holder is not None and not isinstance(holder, QDockWidget):
        holder = holder.parentWidget()
    window = None if holder is None else holder.parentWidget()
    if holder is None or not isinstance(window, QMainWindow) or holder.isFloating():
        dialog.show()
        return
    home: QDockWidget = holder
    dock = _FormDock(dialog, window)
    window.addDockWidget(window.dockWidgetArea(home), dock)
    window.tabifyDockWidget(home, dock)
    dialog.show()
    dock.show()
    dock.raise_()

    def leave(*_: object) -> None:
        window.removeDockWidget(dock)
        dock.deleteLater()
        home.show()
        home.raise_()

    dialog.finished.connect(leave)
