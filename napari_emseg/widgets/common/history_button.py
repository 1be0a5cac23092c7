"""The list of what was done, behind a button that says the last of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPoint, QSize, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_emseg.widgets.common.plain_text import as_it_stands

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QResizeEvent

    from napari_emseg.layers import Action, ActionHistory

NOTHING = "Nothing done yet"
START = "As it was at first"
PADDING = 26  # pixels of a button beside its text
WIDTH, MOST_ROWS = 280, 14


# Qt is untyped here, so a class of it is Any to mypy.
class HistoryButton(QPushButton):  # type: ignore[misc]
    """Button that says what was done last, and opens the list of all that was done.

    Parameters
    ----------
    go_to : callable
        Takes how many actions are to be done; called when one is chosen in the list.

    Attributes
    ----------
    list : HistoryList or None
        The list while it is open.
    """

    def __init__(self, go_to: Callable[[int], None]) -> None:
        super().__init__()
        self._go_to = go_to
        self._history: ActionHistory | None = None
        self._full = NOTHING
        self.list: HistoryList | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        # However long its text is, the panel keeps its width.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setStyleSheet("text-align: left; padding: 3px 6px")
        self.clicked.connect(self.open_list)
        self._show()

    def follow(self, history: ActionHistory) -> None:
        """Say what is done in a history from now on."""
        self._history = history
        history.changed.connect(self._show)
        self._show()

    def leave(self) -> None:
        """Follow it no more."""
        if self._history is not None:
            self._history.changed.disconnect(self._show)
        self._history = None

    def open_list(self) -> None:
        """Open the list above the button."""
        history = self._history
        if history is None:
            return
        self.list = HistoryList(self, history.done, history.undone, self._go_to)
        height = self.list.sizeHint().height()
        self.list.move(self.mapToGlobal(QPoint(0, -height)))
        self.list.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text where the button ends."""
        super().resizeEvent(event)
        self._cut()

    def _show(self) -> None:
        done = () if self._history is None else self._history.done
        self._full = said(done[-1]) if done else NOTHING
        self.setToolTip(
            as_it_stands(
                f"{self._full}.\nHistory: click for all that was done, and go back to "
                "any of it."
            )
        )
        self._cut()

    def _cut(self) -> None:
        room = max(self.width() - PADDING, 0)
        mode = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(f"↶ {self._full}", mode, room))


# Qt is untyped here, so a class of it is Any to mypy.
class HistoryList(QFrame):  # type: ignore[misc]
    """Window with a row for each action, the latest at the end.

    What was undone is gray below the chosen row; a click or Enter goes there.

    Parameters
    ----------
    button : HistoryButton
        Opens it.
    done, undone : tuple of Action
        As of an `ActionHistory`.
    go_to : callable
        Takes how many actions are to be done.

    Attributes
    ----------
    rows : QListWidget
        The first is how it was before all actions.
    """

    def __init__(
        self,
        button: HistoryButton,
        done: tuple[Action, ...],
        undone: tuple[Action, ...],
        go_to: Callable[[int], None],
    ) -> None:
        super().__init__(button, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._go_to = go_to
        title = QLabel("<b>History</b>")
        title.setToolTip("Click a row to go there; what comes after it is undone.")
        self.rows = QListWidget()
        self.rows.setToolTip(title.toolTip())
        self.rows.setAccessibleName("History")
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for text in (START, *map(said, done)):
            self.rows.addItem(text)
        self.rows.setCurrentRow(len(done))
        for action in reversed(undone):
            item = QListWidgetItem(said(action))
            font = item.font()
            font.setItalic(True)
            item.setFont(font)
            item.setForeground(self.palette().placeholderText())
            self.rows.addItem(item)
        self.rows.itemClicked.connect(self._choose)
        self.rows.installEventFilter(self)
        page = QVBoxLayout(self)
        page.setContentsMargins(8, 6, 8, 8)
        page.addWidget(title)
        page.addWidget(self.rows)
        shown = min(self.rows.count(), MOST_ROWS)
        height = max(self.rows.sizeHintForRow(0), 16) * shown
        self.rows.setFixedHeight(height + 2 * self.rows.frameWidth() + 4)
        self.setFixedSize(self.sizeHint())
        self.rows.scrollToItem(self.rows.currentItem())
        self.rows.setFocus()

    def sizeHint(self) -> QSize:
        """Return the size of some rows."""
        return QSize(WIDTH, super().sizeHint().height())

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Go to the row with the focus when Enter is pressed."""
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        ):
            self._choose()
            return True
        return bool(super().eventFilter(watched, event))

    def _choose(self, *_: object) -> None:
        row = self.rows.currentRow()
        self.close()
        self._go_to(row)


def said(action: Action) -> str:
    """Return what an action is called in the list."""
    text = action.text or "edited"
    return f"{text[0].upper()}{text[1:]}"
