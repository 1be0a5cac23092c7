"""What is seen of the panel "Compare"."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.widgets.choices import Choices
from napari_emseg.widgets.parts import push_button
from napari_emseg.widgets.results_list import ResultsList

HINT = "Every setting gets a layer of its own; keep the one that you like."
NO_IMAGE = "Open an image, or a sample from the File menu."
HEIGHT = 32  # pixels of the buttons that begin and end work


# Qt is untyped here, so a class of it is Any to mypy.
class ComparePage(QWidget):  # type: ignore[misc]
    """The choices, the buttons, a thin bar with a line of news, and the results.

    Attributes
    ----------
    title, status : QLabel
        Whose settings; what is going on.
    bar : QProgressBar
        How far it is.
    choices : Choices
        What is compared.
    results : ResultsList
        What came of it, line by line.
    start, stop, use, save, close_all : QPushButton
        What can be done.
    """

    def __init__(self) -> None:
        super().__init__()
        # Napari leaves the room below to panels that want it.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._make()
        self._lay_out()

    def show_results(self, shown: bool) -> None:
        """Show the list and what can be done with it, or hide both."""
        for widget in (self.results, self.use, self.save, self.close_all):
            widget.setVisible(shown)

    def show_theme(self, theme: str) -> None:
        """Give button and bar the accent color of one of napari's themes."""
        accent = get_theme(theme).current.as_hex()
        self.start.setStyleSheet(
            f"QPushButton:enabled:!hover {{ background-color: {accent} }}"
            "QPushButton { font-weight: bold }"
        )
        self.bar.setStyleSheet(f"QProgressBar::chunk {{ background-color: {accent} }}")

    def _make(self) -> None:
        self.title = QLabel()
        self.title.setWordWrap(True)
        self.choices = Choices()
        self.start = push_button("", "Segment the image with all settings.", None)
        self.stop = push_button("Cancel", "Stop; results that are there stay.", None)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        self.status = QLabel(HINT)
        self.status.setWordWrap(True)
        self.results = ResultsList()
        self.use = push_button(
            "Use this setting",
            "Keep this result, put its parameters into “Segment”, and remove the "
            "others.",
            None,
        )
        self.save = push_button(
            "Save sheet…",
            "All pictures with learning curves and criteria on one page, or the table "
            "alone.",
            None,
        )
        self.close_all = push_button(
            "Discard", "Remove all results of the comparison.", None
        )

    def _lay_out(self) -> None:
        page = QVBoxLayout(self)
        page.setContentsMargins(6, 6, 6, 6)
        page.setSpacing(6)
        page.addWidget(self.title)
        page.addWidget(self.choices)
        for high, widgets, shares in (
            (0, (self.start, self.stop), (3, 1)),
            (0, (self.bar,), (1,)),
            (0, (self.status,), (1,)),
            (100, (self.results,), (1,)),
            (0, (self.use, self.save, self.close_all), (3, 2, 2)),
        ):
            row = QHBoxLayout()
            for widget, share in zip(widgets, shares, strict=True):
                row.addWidget(widget, share)
            page.addLayout(row, high)
        for button in (self.start, self.stop):
            button.setMinimumHeight(HEIGHT)
        page.addStretch(1)
