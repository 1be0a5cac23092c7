"""The contents of the panel "Compare": choices, buttons and list of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.params import Params
from napari_emseg.pipeline.sweep import best, settings, space_name
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import pluralize, push_button

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_emseg.pipeline.sweep import SweepRow

CLASSES = "3 5 7 10"
_ACROSS = 2
_TITLES = {"color": "Colors", "method": "Methods", "init": "Starts"}


# Qt is untyped here, so a class of it is Any to mypy.
class Choices(QWidget):  # type: ignore[misc]
    """Numbers of classes, and check boxes for color spaces, methods and starts.

    Attributes
    ----------
    classes : QLineEdit
        Numbers, or "auto", separated by spaces or commas.
    boxes : dict of str to dict of str to QCheckBox
        By field of `Params` and its values.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._base = Params()
        self.classes = QLineEdit(CLASSES)
        self.classes.setToolTip("Numbers from 1 to 64, or auto, separated by spaces.")
        self.classes.textChanged.connect(self._on_change)
        self.boxes: dict[str, dict[str, QCheckBox]] = {}
        self._rows: dict[str, list[QWidget]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(3)
        for column in range(1, 1 + _ACROSS):
            grid.setColumnStretch(column, 1)
        grid.addWidget(plain_label("Classes"), 0, 0)
        grid.addWidget(self.classes, 0, 1, 1, _ACROSS)
        fields = Params.model_json_schema()["properties"]
        row = 1
        for name, title in _TITLES.items():
            row = self._add(grid, row, name, title, fields[name])

    def show_params(self, params: Params) -> None:
        """Start from other parameters."""
        self._base = params
        for name, boxes in self.boxes.items():
            value = getattr(params, name)
            if value in ("auto", "none"):
                value = "lab"
            for choice, box in boxes.items():
                box.setChecked(choice == value)

    def show_colors(self, shown: bool) -> None:
        """Show the color spaces, which only RGB images can be converted to."""
        for widget in self._rows["color"]:
            widget.setVisible(shown)

    def count(self, *, rgb: bool) -> int:
        """Return the number of settings; 0 if they are not valid."""
        try:
            return len(self.read(rgb=rgb))
        except ValueError:
            return 0

    def read(self, *, rgb: bool) -> tuple[Params, ...]:
        """Return the settings.

        Raises
        ------
        ValueError
            If there are none, too many, or a number cannot be.
        """
        chosen = {
            name: [choice for choice, box in boxes.items() if box.isChecked()]
            for name, boxes in self.boxes.items()
        }
        if not rgb:
            chosen["color"] = ["auto"]
        for name, values in chosen.items():
            if not values:
                raise ValueError(
                    f"no {_TITLES[name].lower()} are chosen; check one at least"
                )
        return settings(self._base, **chosen, n_classes=self._numbers())

    def _on_change(self, _: object) -> None:
        self.changed.emit()

    def _numbers(self) -> Sequence[int | str]:
        words = self.classes.text().replace(",", " ").split()
        if not words:
            raise ValueError(f"no numbers of classes are given; type some: {CLASSES}")
        numbers: list[int | str] = []
        for word in words:
            if word != "auto" and not (word.isdecimal() and 1 <= int(word) <= 64):
                raise ValueError(
                    f"{word!r} is no number of classes; give numbers from 1 to 64, or "
                    "auto"
                )
            numbers.append(word if word == "auto" else int(word))
        return numbers

    def _add(
        self, grid: QGridLayout, row: int, name: str, title: str, field: Any
    ) -> int:
        """Add a check box for each value of a field; return the next free row."""
        label = plain_label(title)
        grid.addWidget(label, row, 0)
        self.boxes[name] = {}
        self._rows[name] = [label]
        # "auto" is one of the others, and so is "none".
        values = [value for value in field["enum"] if value not in ("auto", "none")]
        for place, value in enumerate(values):
            box = QCheckBox(field["names"][value])
            box.setToolTip(field["description"])
            box.toggled.connect(self._on_change)
            grid.addWidget(box, row + place // _ACROSS, 1 + place % _ACROSS)
            self.boxes[name][value] = box
            self._rows[name].append(box)
        return row + -(-len(values) // _ACROSS)


CRITERIA = ("BIC", "ICL")
MIN_HEIGHT = 120  # pixels of height


# Qt is untyped here, so a class of it is Any to mypy.
class ResultsList(QTreeWidget):  # type: ignore[misc]
    """A line for each setting: its title, BIC and ICL, the best in bold."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["Setting", *CRITERIA])
        self.setMinimumHeight(MIN_HEIGHT)
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

    def judge(self, rows: Sequence[SweepRow]) -> None:
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


def _about(row: SweepRow) -> str:
    """Return the tooltip of a line."""
    kind = row.seg.model.objective_name
    return (
        f"{row.title}\n{pluralize(row.seg.n_classes, 'class', 'es')} in "
        f"{space_name(row)}, {kind} {row.objective:.5g} per pixel, "
        f"{len(row.seg.objective)} iterations, {row.seconds:.2g} s"
    )


HINT = "Every setting gets a layer of its own; keep the one that you like."
NO_IMAGE = "Open an image, or a sample from the File menu."
HEIGHT = 32  # pixels of the buttons that begin and end work


# Qt is untyped here, so a class of it is Any to mypy.
class ComparePage(QWidget):  # type: ignore[misc]
    """The choices, the buttons, a progress bar, the status, and the results.

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
        self._done = 0
        self._progress = QTimer(self, singleShot=True)
        self._progress.timeout.connect(self._move_bar)

    def show_progress(self, done: int) -> None:
        """Move the bar, once what came of the last setting is drawn.

        Qt draws the whole window at once when a bar moves.
        """
        self._done = done
        self._progress.start(0)

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

    def _move_bar(self) -> None:
        self.bar.setValue(self._done)

    def _make(self) -> None:
        self.title = plain_label()
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
        self.status = plain_label(HINT)
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
