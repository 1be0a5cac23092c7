"""The form of tool options: tolerance, sample, softness, width; those of one tool."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QSpinBox,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import connect, number_box
from napari_emseg.widgets.edit.tools import SETTINGS, TOOLS

if TYPE_CHECKING:
    from napari_emseg.widgets.edit.session import Session

# What is written beside them; a check box says it itself.
TITLES = {
    "tolerance": "Tolerance",
    "sample_size": "Sample",
    "level": "Coarseness",
    "brush": "Brush",
    "gap": "Gaps",
    "feather": "Soft edge",
}
# Options that the arguments of an operation do not tell, and those without effect.
MORE = {"scribbles": {"brush", "classes"}, "brush": {"brush", "regions", "level"}}
LESS = {"color_range": {"contiguous"}}
PER_LINE, LINES = 2, 2
NOT_NOW = "\nNot now,"
SAMPLES = {"1 pixel": 1, "3 × 3": 3, "5 × 5": 5, "11 × 11": 11, "31 × 31": 31}


# Qt is untyped here, so a class of it is Any to mypy.
class ToolOptions(QWidget):  # type: ignore[misc]
    """The session's options as a form, of which those of a tool are in sight.

    Parameters
    ----------
    session : Session
        Whose options are set.

    Attributes
    ----------
    rows : dict of str to QWidget
        By name of the option.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._tool = session, ""
        self.rows: dict[str, Any] = {}
        self._fill()
        session.tolerance_changed.connect(self._show_tolerance)
        session.level_changed.connect(self._show_level)

    def _fill(self) -> None:
        options = self._session.options
        tolerance = number_box(
            QDoubleSpinBox(),
            (0, 1000),
            options.tolerance,
            "Difference of color that counts as the same: ΔE for RGB, for other images "
            "percent of their range.",
        )
        tolerance.setDecimals(1)
        connect(tolerance.valueChanged, partial(self._set, "tolerance"), tolerance)
        level = number_box(
            QDoubleSpinBox(),
            (0, 1),
            options.level,
            "How coarse the regions of the region tool are: 0 for the finest, 1 for "
            "the whole image.",
        )
        level.setSingleStep(0.05)
        connect(level.valueChanged, partial(self._set, "level"), level)
        sample = QComboBox()
        sample.addItems(list(SAMPLES))
        sample.setToolTip("The wand takes the mean color of so many pixels.")
        sample.currentTextChanged.connect(self._set_sample_size)
        feather = number_box(
            QDoubleSpinBox(),
            (0, 500),
            0,
            "How soft the edge of what is selected next is. The button Feather "
            "makes that soft which is selected already.",
        )
        feather.setDecimals(1)
        feather.setSuffix(" px")
        connect(feather.valueChanged, partial(self._set, "feather"), feather)
        brush = number_box(
            QSpinBox(),
            (1, 500),
            options.brush,
            "Width of scribbles and of the selection brush; [ and ] change it.",
        )
        brush.setSuffix(" px")
        connect(brush.valueChanged, partial(self._set, "brush"), brush)
        contiguous = QCheckBox("Contiguous")
        contiguous.setToolTip(
            "Wand and class tool take only the piece clicked on, scribbles only what "
            "they touch, instead of everything like it."
        )
        contiguous.setChecked(options.contiguous)
        connect(contiguous.toggled, partial(self._set, "contiguous"), contiguous)
        gap = number_box(
            QSpinBox(),
            (0, 99),
            options.gap,
            "The wand does not leak through gaps that are so wide.",
        )
        gap.setSuffix(" px")
        connect(gap.valueChanged, partial(self._set, "gap"), gap)
        regions = QCheckBox("Regions")
        regions.setToolTip(
            "The selection brush takes whole regions that it is moved over; how coarse "
            "they are, Coarseness says."
        )
        connect(regions.toggled, partial(self._set, "regions"), regions)
        regions.toggled.connect(self._offer)
        classes = QCheckBox("Draw classes")
        classes.setToolTip(
            "Scribbles draw the selected class into the labels, instead of selecting "
            "an object."
        )
        connect(classes.toggled, partial(self._set, "classes"), classes)
        self.rows = {
            "tolerance": tolerance,
            "sample_size": sample,
            "level": level,
            "brush": brush,
            "gap": gap,
            "regions": regions,
            "contiguous": contiguous,
            "classes": classes,
            "feather": feather,
        }
        self._titles = {name: plain_label(title) for name, title in TITLES.items()}
        grid = self._grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        for column in range(2 * PER_LINE):
            grid.setColumnStretch(column, column % 2)
        # Nothing below jumps when another tool is taken.
        height = max(row.sizeHint().height() for row in self.rows.values())
        for line in range(LINES):
            grid.setRowMinimumHeight(line, height)
        self.show_of("")

    def show_of(self, tool: str) -> None:
        """Show the options that matter to a tool; none without one."""
        self._tool = tool
        self._offer()
        wanted = options_of(tool)
        shown = [name for name in self.rows if name in wanted]
        for name, row in self.rows.items():
            for part in (self._titles.get(name), row):
                if part is not None:
                    self._grid.removeWidget(part)
                    part.setVisible(False)
        for place, name in enumerate(shown):
            line, column = place // PER_LINE, place % PER_LINE * 2
            title, row = self._titles.get(name), self.rows[name]
            if title is None:
                self._grid.addWidget(row, line, column, 1, 2)
            else:
                self._grid.addWidget(title, line, column)
                self._grid.addWidget(row, line, column + 1)
                title.setVisible(True)
            row.setVisible(True)

    def _offer(self, *_: object) -> None:
        """Gray what does nothing while the brush takes regions, or takes none."""
        brush, regions = self._tool == "brush", self._session.options.regions
        for name, idle in (
            ("tolerance", brush and regions),
            ("sample_size", brush and regions),
            ("level", brush and not regions),
        ):
            row = self.rows[name]
            row.setEnabled(not idle)
            tip = row.toolTip().partition(NOT_NOW)[0]
            state = "is" if regions else "is not"
            why = f"{NOT_NOW} as Regions {state} checked." if idle else ""
            row.setToolTip(tip + why)

    def resize_brush(self, steps: int) -> None:
        """Make the brush of scribbles wider or narrower by a tenth, or a pixel."""
        box = self.rows["brush"]
        box.setValue(box.value() + steps * max(1, box.value() // 10))

    def _set_sample_size(self, text: str) -> None:
        self._set("sample_size", SAMPLES[text])

    def _set(self, name: str, value: Any) -> None:
        if getattr(self._session.options, name) != value:
            setattr(self._session.options, name, value)
            self._session.option_changed.emit(name)

    def _show_tolerance(self, tolerance: float) -> None:
        self.rows["tolerance"].setValue(tolerance)

    def _show_level(self, level: float) -> None:
        self.rows["level"].setValue(level)


def options_of(tool: str) -> frozenset[str]:
    """Return the names of the options that matter to a tool, by its name.

    Examples
    --------
    >>> sorted(options_of("region"))
    ['feather', 'level']
    >>> options_of("")
    frozenset()
    """
    found = next((one for one in TOOLS if one.name == tool), None)
    if found is None:
        return frozenset()
    known = SETTINGS.intersection(found.operation.args.model_fields)
    return frozenset({"feather", *known, *MORE.get(tool, ())} - LESS.get(tool, set()))
