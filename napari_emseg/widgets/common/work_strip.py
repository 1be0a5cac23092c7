"""Strip that shows that a panel is at work, and cancels it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.common.qt import push_button

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from qtpy.QtWidgets import QLabel

    from napari_emseg.widgets.common.background import BackgroundQueue

PATIENCE = 400  # ms of work until it is shown
BAR = 72, 6  # pixels


# Qt is untyped here, so a class of it is Any to mypy.
class WorkStrip(QWidget):  # type: ignore[misc]
    """A line of text, and beside it a bar and "Cancel" while a queue is at work.

    Escape cancels, too, from the first moment.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose canvas gets the key.
    queue : BackgroundQueue
        Of the panel.
    line : QLabel
        Where the panel says what it does.
    cancel : callable, optional
        Cancels; `queue.cancel` by default.

    Attributes
    ----------
    bar : QProgressBar
        Moves to and fro where it is not known how much there is to do.
    button : QPushButton
        "Cancel".
    keys : Keys
        Escape, bound while there is work.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        queue: BackgroundQueue,
        line: QLabel,
        cancel: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__()
        cancel = cancel or queue.cancel
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(*BAR)
        self.button = push_button(
            "Cancel", "Cancel what is under way (Escape).", cancel
        )
        self.keys = Keys(viewer, [Key("Escape", "Cancel what is under way", cancel)])
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.timeout.connect(self._on_delay)
        line.setWordWrap(True)
        line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(line, 1)
        row.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        # Nothing moves when they come.
        self.setMinimumHeight(self.button.sizeHint().height())
        self._show(False)
        queue.busied.connect(self._on_busy)
        queue.moved.connect(self._on_move)

    def apply_theme(self, theme_name: str) -> None:
        """Give the bar the accent color of a theme."""
        accent = get_theme(theme_name).current.as_hex()
        self.bar.setStyleSheet(f"QProgressBar::chunk {{ background-color: {accent} }}")
        self.button.setStyleSheet("QPushButton { padding: 2px 8px }")

    def _on_busy(self, busy: bool) -> None:
        if not busy:
            self._delay.stop()
            self.keys.release()
            self._show(False)
        elif not (self._delay.isActive() or self.button.isVisibleTo(self)):
            self.bar.setRange(0, 0)
            self.keys.bind()
            self._delay.start(PATIENCE)

    def _on_move(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _on_delay(self) -> None:
        self._show(True)

    def _show(self, shown: bool) -> None:
        self.bar.setVisible(shown)
        self.button.setVisible(shown)
