"""The form of tool options: tolerance, sample, softness, width."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from napari_emseg.widgets.common.qt import form_rows, number_box

if TYPE_CHECKING:
    from napari_emseg.widgets.edit.session import Session

SAMPLES = {"1 pixel": 1, "3 × 3": 3, "5 × 5": 5, "11 × 11": 11, "31 × 31": 31}


# Qt is untyped here, so a class of it is Any to mypy.
class ToolOptions(QWidget):  # type: ignore[misc]
    """The session's options as a form.

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
        self._session = session
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
        tolerance.valueChanged.connect(partial(self._set, "tolerance"))
        level = number_box(
            QDoubleSpinBox(),
            (0, 1),
            options.level,
            "How coarse the regions of the region tool are: 0 for the finest, 1 for "
            "the whole image.",
        )
        level.setSingleStep(0.05)
        level.valueChanged.connect(partial(self._set, "level"))
        sample = QComboBox()
        sample.addItems(list(SAMPLES))
        sample.setToolTip("The wand takes the mean color of so many pixels.")
        sample.currentTextChanged.connect(
            lambda text: self._set("sample_size", SAMPLES[text])
        )
        feather = number_box(
            QDoubleSpinBox(), (0, 500), 0, "Softness of new selections."
        )
        feather.setDecimals(1)
        feather.setSuffix(" px")
        feather.valueChanged.connect(partial(self._set, "feather"))
        brush = number_box(
            QSpinBox(),
            (1, 500),
            options.brush,
            "Width of scribbles and of the selection brush; [ and ] change it.",
        )
        brush.setSuffix(" px")
        brush.valueChanged.connect(partial(self._set, "brush"))
        contiguous = QCheckBox("Contiguous")
        contiguous.setToolTip(
            "Wand and class tool take only the piece clicked on, scribbles only what "
            "they touch, instead of everything like it."
        )
        contiguous.setChecked(options.contiguous)
        contiguous.toggled.connect(partial(self._set, "contiguous"))
        gap = number_box(
            QSpinBox(),
            (0, 99),
            options.gap,
            "The wand does not leak through gaps that are so wide.",
        )
        gap.setSuffix(" px")
        gap.valueChanged.connect(partial(self._set, "gap"))
        regions = QCheckBox("Regions")
        regions.setToolTip(
            "The selection brush takes whole regions that it is moved over; Level says "
            "how coarse they are."
        )
        regions.toggled.connect(partial(self._set, "regions"))
        classes = QCheckBox("Draw classes")
        classes.setToolTip(
            "Scribbles draw the selected class into the labels, instead of selecting "
            "an object."
        )
        classes.toggled.connect(partial(self._set, "classes"))
        grid = form_rows(
            [
                ("Tolerance", tolerance, "Sample", sample),
                ("Level", level, "Feather", feather),
                ("Brush", brush, "Gaps", gap),
            ]
        )
        grid.addWidget(contiguous, 3, 0, 1, 2)
        grid.addWidget(classes, 3, 2, 1, 2)
        grid.addWidget(regions, 4, 0, 1, 2)
        grid.setContentsMargins(0, 0, 0, 0)
        self.setLayout(grid)
        self.rows = {
            "tolerance": tolerance,
            "level": level,
            "sample_size": sample,
            "feather": feather,
            "brush": brush,
            "gap": gap,
            "regions": regions,
            "contiguous": contiguous,
            "classes": classes,
        }

    def resize_brush(self, steps: int) -> None:
        """Make the brush of scribbles wider or narrower by a tenth, or a pixel."""
        box = self.rows["brush"]
        box.setValue(box.value() + steps * max(1, box.value() // 10))

    def _set(self, name: str, value: Any) -> None:
        setattr(self._session.options, name, value)

    def _show_tolerance(self, tolerance: float) -> None:
        self.rows["tolerance"].setValue(tolerance)

    def _show_level(self, level: float) -> None:
        self.rows["level"].setValue(level)
