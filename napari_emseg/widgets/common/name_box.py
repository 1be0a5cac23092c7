"""Boxes that choose among names, of which the beginning and the end are seen."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from napari_emseg.widgets.common.plain_text import as_it_stands

GAP = 24  # pixels beside a name in the list
FRAME = 2  # pixels beside it in the box


def show_both_ends(box: QComboBox, tip: str = "") -> None:
    """Let a box leave out the middle of a long name, and show all of it in a tooltip.

    Names of layers often differ at the end alone: "coffee classes", "coffee classes
    [1]". The box no longer asks for the width of the longest.

    Parameters
    ----------
    box : QComboBox
        That cannot be edited.
    tip : str, optional
        What is said beneath the name; the tooltip that it has by default.
    """
    policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    box.setSizeAdjustPolicy(policy)
    box.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
    box.setToolTip(tip or box.toolTip())
    box.installEventFilter(_Ends(box, box.toolTip()))


def elided_name(box: QComboBox) -> str:
    """Return what of the chosen name is seen."""
    option, kind = _option_of(box), QStyle.ComplexControl.CC_ComboBox
    part = QStyle.SubControl.SC_ComboBoxEditField
    room = box.style().subControlRect(kind, option, part, box).width() - FRAME
    middle = Qt.TextElideMode.ElideMiddle
    return str(box.fontMetrics().elidedText(box.currentText(), middle, room))


# Qt is untyped here, so a class of it is Any to mypy.
class _Ends(QObject):  # type: ignore[misc]
    """Filter for the events that draw a box, explain it, or open its list."""

    def __init__(self, box: QComboBox, tip: str) -> None:
        super().__init__(box)
        self._tip = tip

    def eventFilter(self, box: QObject, event: QEvent) -> bool:
        """Draw the box; give it and its list what they need of the whole names."""
        if not isinstance(box, QComboBox):
            # Qt tells of events to the end, when a box is no box any more.
            return False
        kind = event.type()
        if kind == QEvent.Type.ToolTip:
            name = box.currentText()
            box.setToolTip(as_it_stands(f"{name}\n{self._tip}" if name else self._tip))
        elif kind in (QEvent.Type.MouseButtonPress, QEvent.Type.KeyPress):
            metrics, names = box.fontMetrics(), map(box.itemText, range(box.count()))
            widest = max(map(metrics.horizontalAdvance, names), default=0)
            box.view().setMinimumWidth(widest + GAP)
        elif kind == QEvent.Type.Paint:
            _draw(box)
            return True
        return False


def _draw(box: QComboBox) -> None:
    """Draw a box as Qt does, but for the middle of its name."""
    option = _option_of(box)
    if box.currentIndex() < 0 and box.placeholderText():
        faint = option.palette.brush(QPalette.ColorRole.PlaceholderText)
        option.palette.setBrush(QPalette.ColorRole.ButtonText, faint)
        option.currentText = box.placeholderText()
    else:
        option.currentText = elided_name(box)
    painter = QStylePainter(box)
    painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
    painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
    painter.end()


def _option_of(box: QComboBox) -> QStyleOptionComboBox:
    option = QStyleOptionComboBox()
    option.initFrom(box)
    option.frame = box.hasFrame()
    option.iconSize = box.iconSize()
    if box.view().isVisible():
        option.state |= QStyle.StateFlag.State_On
    return option
