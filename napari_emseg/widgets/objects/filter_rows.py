"""Rows that filter objects: a measure, its histogram, and a range."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import connect
from napari_emseg.widgets.objects.range_slider import RangeSlider

if TYPE_CHECKING:
    from napari_emseg.regions.instances import ObjectTable
    from napari_emseg.widgets.objects.object_session import ObjectSession

# What the rows are of at first, if the table has it.
USUAL = (("area", "volume"), ("circularity", "solidity"))
# Columns that do not order objects.
_NO_MEASURE = {"label", "class", "class_name", "touches_border"}


def measures_of(table: ObjectTable) -> list[str]:
    """Return the columns of a table whose values are compared."""
    return [
        name
        for name in table
        if name not in _NO_MEASURE and table[name].dtype.kind in "iuf"
    ]


def number_text(value: float) -> str:
    """Return a number as short as it is told apart.

    Examples
    --------
    >>> number_text(12345.6), number_text(0.01234), number_text(7)
    ('12,346', '0.0123', '7')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


# Qt is untyped here, so a class of it is Any to mypy.
class FilterRows(QWidget):  # type: ignore[misc]
    """Ranges of measures, which filter table, figure and canvas.

    Parameters
    ----------
    session : ObjectSession

    Attributes
    ----------
    names : list of QComboBox
        The measure of each row.
    sliders : list of RangeSlider
    """

    def __init__(self, session: ObjectSession) -> None:
        super().__init__()
        self._session = session
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        self.names: list[QComboBox] = []
        self.sliders: list[RangeSlider] = []
        self._texts: list[QLabel] = []
        for row, _ in enumerate(USUAL):
            name, slider, text = QComboBox(), RangeSlider(), plain_label()
            name.setMinimumContentsLength(9)
            name.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            name.setToolTip("What objects are filtered by.")
            slider.setToolTip(
                "Drag the ends to leave objects out; a double click takes all again."
            )
            connect(name.currentIndexChanged, partial(self._on_name, row), name)
            slider.moved.connect(self._on_moved)
            grid.addWidget(name, 2 * row, 0)
            grid.addWidget(text, 2 * row, 1)
            grid.addWidget(slider, 2 * row + 1, 0, 1, 2)
            self.names.append(name)
            self.sliders.append(slider)
            self._texts.append(text)
        session.table_changed.connect(self.reload)
        session.layer_changed.connect(self.reset)
        self.reload()

    def reset(self) -> None:
        """Bound nothing any more."""
        for slider in self.sliders:
            slider.place(-np.inf, np.inf)
        self._on_moved()

    def reload(self) -> None:
        """Show the values of the objects as they are now."""
        table = self._session.table
        known = [] if table is None else measures_of(table)
        for row, box in enumerate(self.names):
            before = box.currentText()
            if before not in known:
                before = next((name for name in USUAL[row] if name in known), "")
                self.sliders[row].place(-np.inf, np.inf)
            box.blockSignals(True)
            box.clear()
            box.addItems(known)
            box.setCurrentText(before)
            box.blockSignals(False)
            self._load(row)
        self.setEnabled(bool(known))
        self._on_moved()

    def _load(self, row: int) -> None:
        table, name = self._session.table, self.names[row].currentText()
        known = table is not None and name in table
        values = table[name] if table is not None and known else np.zeros(0)
        self.sliders[row].load(values)

    def _on_name(self, row: int, _: int) -> None:
        self.sliders[row].place(-np.inf, np.inf)
        self._load(row)
        self._on_moved()

    def _on_moved(self) -> None:
        ranges: dict[str, tuple[float, float]] = {}
        table = self._session.table
        for box, slider, text in zip(
            self.names, self.sliders, self._texts, strict=True
        ):
            name = box.currentText()
            bounds = slider.low, slider.high
            if np.isfinite(bounds).any():
                low, high = ranges.get(name, (-np.inf, np.inf))
                ranges[name] = max(low, bounds[0]), min(high, bounds[1])
            shown = np.clip(bounds, *slider.ends)
            unit = "" if table is None else table.units.get(name, "")
            ends = " to ".join(number_text(float(value)) for value in shown)
            text.setText(f"{ends} {unit}".strip() if name else "")
        self._session.filter(ranges)
