"""Groups of widgets under a heading, some of which fold."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import plain_label

SPACE = 3  # pixels
CLOSED, OPEN = "▸", "▾"


# Qt is untyped here, so a class of it is Any to mypy.
class Section(QWidget):  # type: ignore[misc]
    """A heading with a line, and what belongs under it.

    Parameters
    ----------
    title : str
        The heading.
    *parts : QWidget
        Below each other.
    beside : QWidget, optional
        At the end of the heading.
    folded : bool, optional
        Whether a click on the heading shows and hides the rest, which is hidden at
        first; None for a heading that does not fold.

    Attributes
    ----------
    body : QWidget
        What folds.
    fold : QToolButton or None
        The heading that folds.
    """

    def __init__(
        self,
        title: str,
        *parts: QWidget,
        beside: QWidget | None = None,
        folded: bool | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self.fold: QToolButton | None = None
        if folded is None:
            heading: QWidget = plain_label(title)
        else:
            heading = self.fold = QToolButton()
            self.fold.setCheckable(True)
            self.fold.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.fold.setToolTip("Click to show or hide what is below.")
            self.fold.toggled.connect(self._on_fold)
        self._heading = heading
        line = QFrame()
        line.setFixedHeight(1)
        line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._line = line
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.setSpacing(6)
        top.addWidget(heading)
        top.addWidget(line, 1)
        if beside is not None:
            top.addWidget(beside, 3)
        self.body = QWidget()
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        for part in parts:
            column.addWidget(part)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(SPACE)
        page.addLayout(top)
        page.addWidget(self.body, 1)
        if self.fold is not None:
            self._on_fold(not folded)
            self.fold.setChecked(not folded)

    def apply_theme(self, theme_name: str) -> None:
        """Take the colors of a theme."""
        theme = get_theme(theme_name)
        text, line = theme.text.as_hex(), theme.highlight.as_hex()
        self._line.setStyleSheet(f"background-color: {line}")
        kind = type(self._heading).__name__
        self._heading.setStyleSheet(
            f"{kind} {{ font-weight: bold; color: {text}; border: 0px; padding: 0px;"
            " background: transparent }"
            f"{kind}:focus {{ text-decoration: underline }}"
        )

    def _on_fold(self, opened: bool) -> None:
        assert self.fold is not None
        self.fold.setText(f"{OPEN if opened else CLOSED} {self._title}")
        self.body.setVisible(opened)
