"""Qt widgets and layouts that panels share: buttons, number boxes, rows, scrolling."""

from __future__ import annotations

from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.status_line import tell_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MIN_HEIGHT = 120  # pixels of a scroll area


def push_button(title: str, tip: str, call: Callable[[], Any] | None) -> QPushButton:
    """Return a button that leaves the keyboard focus on the canvas when clicked."""
    button = QPushButton(title)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if call is not None:
        connect(button.clicked, show_errors(call), button)
    return button


def focus_ring(theme_name: str) -> str:
    """Return a style sheet that shows which widget has the keys, in a theme's color."""
    color = get_theme(theme_name).text.as_hex()
    kinds = ("QPushButton", "QToolButton", "QComboBox", "QAbstractSpinBox", "QSlider")
    return ", ".join(f"{kind}:focus" for kind in (*kinds, "QTableView")) + (
        f" {{ border: 1px solid {color} }} QCheckBox:focus {{ color: {color};"
        " text-decoration: underline }"
    )


def connect(signal: Any, call: Callable[..., Any], owner: QObject) -> None:
    """Connect a function that no object has as its method, such as a partial.

    PySide hides from garbage collection what signals are connected to, but for methods:
    a function that knows a panel would keep it for good.

    Parameters
    ----------
    signal : Signal
        Of Qt.
    call : callable
        Takes all that the signal tells.
    owner : QObject
        Keeps the function as long as it lives.
    """
    kept = _Kept(call)
    vars(owner).setdefault("kept_calls", []).append(kept)
    signal.connect(kept.call)


def add_row(menu: QMenu, title: str, call: Callable[[], Any]) -> None:
    """Add a row to a menu, which forgets what it calls when it is cleared.

    PyQt connects the function that ``addAction`` is given for as long as the menu
    lives, so that one that is filled each time that it opens would keep them all.
    """
    action = menu.addAction(title)
    connect(action.triggered, show_errors(call), action)


def clear_menu(menu: QMenu) -> None:
    """Remove all rows of a menu, and the menus in it, which Qt would keep."""
    for inner in menu.findChildren(QMenu):
        inner.deleteLater()
    menu.clear()


class _Kept:
    """A function as a method."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def call(self, *told: Any) -> None:
        """Call it."""
        self._call(*told)


def show_errors(call: Callable[[], Any]) -> Callable[..., None]:
    """Return a function that shows errors to the user instead of raising them."""

    @wraps(call)
    def react(*_: object) -> None:
        try:
            call()
        except (ValueError, TypeError) as error:
            tell_error(str(error))

    return react


def pluralize(number: int, noun: str, ending: str = "s") -> str:
    """Return a number with its noun, such as "1 class" and "2 classes"."""
    return f"{number} {noun}{'' if number == 1 else ending}"


def number_box(box: Any, limits: tuple[float, float], value: float, tip: str) -> Any:
    """Set a number box up; it tells no number before that is complete."""
    box.setRange(*limits)
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    return box


def form_rows(rows: Sequence[Sequence[Any]]) -> QGridLayout:
    """Return a layout of rows of labels and widgets, in columns."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(6)
    grid.setVerticalSpacing(4)
    for row, parts in enumerate(rows):
        for column, part in enumerate(parts):
            widget = plain_label(part) if isinstance(part, str) else part
            grid.addWidget(widget, row, column)
            grid.setColumnStretch(column, 0 if isinstance(part, str) else 1)
    return grid


def even_rows(rows: Sequence[Sequence[QWidget]]) -> QGridLayout:
    """Return a layout of rows of widgets, each as wide as the others of its row."""
    wide = 12
    grid = QGridLayout()
    grid.setSpacing(3)
    for row, widgets in enumerate(rows):
        span = wide // len(widgets)
        for place, widget in enumerate(widgets):
            grid.addWidget(widget, row, place * span, 1, span)
    return grid


def order_tabs(layout: QLayout) -> None:
    """Set the order of the Tab key to that in which the widgets are displayed."""
    for one, other in pairwise(_stops(layout)):
        QWidget.setTabOrder(one, other)


def _stops(part: QWidget | QLayout | None) -> Iterator[QWidget]:
    """Yield the widgets in a layout where the Tab key stops."""
    if isinstance(part, QLayout):
        for item in map(part.itemAt, range(part.count())):
            # An empty box of choices is there too, though it is false.
            widget = item.widget()
            yield from _stops(item.layout() if widget is None else widget)
    elif isinstance(part, QScrollArea):
        yield from _stops(part.widget())
    elif isinstance(part, QTabWidget):
        yield part.tabBar()
    elif part is not None:
        stop = Qt.FocusPolicy.TabFocus
        if part.focusPolicy() & stop == stop:
            yield part
        else:
            yield from _stops(part.layout())


# napari and Qt are untyped here, so a class of theirs is Any to mypy.
class ScrollArea(QScrollArea):  # type: ignore[misc]
    """Area that shows a widget at its full height, or scrolls it if there is less room.

    Qt's own area asks for a height that does not depend on its contents.

    Parameters
    ----------
    widget : QWidget
        What is shown.
    """

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(widget)

    def sizeHint(self) -> QSize:
        """Return the size that the contents ask for, with the frame of the theme."""
        frame = 2 * self.frameWidth()
        return self.widget().sizeHint() + QSize(frame, frame)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the contents and of a scroll bar, and a small height."""
        height = self.widget().minimumSizeHint().height()
        frame = 2 * self.frameWidth()
        width = self.widget().minimumSizeHint().width() + frame
        if height > MIN_HEIGHT:
            width += self.verticalScrollBar().sizeHint().width()
        return QSize(width, min(height + frame, MIN_HEIGHT))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Update the size when the contents ask for another one."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def ask_path(
    parent: QWidget | None, title: str, name: str, kind: str, suffix: str
) -> tuple[Path, bool] | None:
    """Ask for the path of a new file.

    Parameters
    ----------
    parent : QWidget or None
        The window.
    title, name : str
        Of the dialog, and of the file by default.
    kind : str
        What it is, "Table (*.csv)".
    suffix : str
        What is added to a name without an ending.

    Returns
    -------
    (Path, bool) or None
        The file, and whether the user agreed to replace it; None if canceled.
    """
    chosen, _ = QFileDialog.getSaveFileName(parent, title, name, kind)
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix:
        return path, True
    # The dialog asked about another name than this.
    return path.with_name(path.name + suffix), False
