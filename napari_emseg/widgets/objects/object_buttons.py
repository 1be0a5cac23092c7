"""The buttons of the panel: what is done to objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from napari_emseg.widgets.common.qt import even_rows, push_button
from napari_emseg.widgets.objects.object_pointer import MERGE, SPLIT
from napari_emseg.widgets.objects.script_copy import copy_script

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_emseg.widgets.objects.object_pointer import ObjectPointer
    from napari_emseg.widgets.objects.object_session import ObjectSession


DELETE = "Remove the chosen objects."
KEEP = "Remove all but the chosen ones."
NONE_CHOSEN = "no object is chosen; click one on the canvas, or a row of the table"


# Qt is untyped here, so a class of it is Any to mypy.
class ObjectButtons(QWidget):  # type: ignore[misc]
    """Buttons that correct, filter and write objects.

    Parameters
    ----------
    session : ObjectSession
    pointer : ObjectPointer
    call : callable
        Returns a function that does some work, and says errors in the panel's line.

    Attributes
    ----------
    delete, keep, remove_filtered, merge, line, delete_selected, keep_selected
        They change the objects.
    show_table, csv, python : QPushButton
        They tell about them.
    """

    def __init__(
        self,
        session: ObjectSession,
        pointer: ObjectPointer,
        call: Callable[[Callable[[], Any]], Callable[[], None]],
    ) -> None:
        super().__init__()
        self._session, self._pointer = session, pointer

        def button(title: str, tip: str, work: Callable[[], Any]) -> Any:
            return push_button(title, tip, call(work))

        self.remove_filtered = button(
            "Remove outside",
            "Remove what the ranges leave out.",
            session.remove_filtered,
        )
        self.delete = button(
            "Delete",
            DELETE,
            lambda: session.without(session.chosen),
        )
        self.keep = button(
            "Keep",
            KEEP,
            lambda: session.keep(session.chosen),
        )
        self.merge = button(
            "Merge",
            "Make the chosen objects one; without any, click one, then another.",
            self._merge,
        )
        self.line = button(
            "Split by line",
            "Draw a line on the canvas through objects.",
            self._split,
        )
        self.merge.setCheckable(True)
        self.line.setCheckable(True)
        self.keep_selected = button(
            "Keep selection",
            "Remove all that the selection of Select and edit does not touch.",
            lambda: session.by_selection(keep=True),
        )
        self.delete_selected = button(
            "Delete selection",
            "Remove what the selection of Select and edit touches.",
            lambda: session.by_selection(keep=False),
        )
        self.show_table = push_button(
            "Table and plot", "Show all measures below.", None
        )
        self.csv = push_button("CSV…", "Write the table.", None)
        self.python = button(
            "Copy as Python",
            "A script that does the same.",
            lambda: copy_script(session),
        )
        layout = even_rows(
            [
                [self.delete, self.keep, self.remove_filtered],
                [self.merge, self.line],
                [self.delete_selected, self.keep_selected],
                [self.show_table, self.csv, self.python],
            ]
        )
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)

    def offer(self) -> None:
        """Gray what cannot be done."""
        there = self._session.layer is not None
        some = there and len(self._session.chosen) > 0
        for widget, tip in ((self.delete, DELETE), (self.keep, KEEP)):
            widget.setEnabled(some)
            widget.setToolTip(tip if some else f"{tip}\nNot now: {NONE_CHOSEN}.")
        for widget in (
            self.merge,
            self.line,
            self.remove_filtered,
            self.keep_selected,
            self.delete_selected,
            self.show_table,
            self.csv,
            self.python,
        ):
            widget.setEnabled(there)

    def follow(self, mode: str) -> None:
        """Show which mode the mouse is in."""
        self.merge.setChecked(mode == MERGE)
        self.line.setChecked(mode == SPLIT)

    def _merge(self) -> None:
        if len(self._session.chosen) > 1:
            self.merge.setChecked(False)
            self._session.merge(self._session.chosen)
        else:
            self._pointer.take(MERGE)

    def _split(self) -> None:
        self._pointer.take(SPLIT)
