"""Long names in boxes: both ends are seen, all of it is told."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox

from napari_emseg.widgets.common.name_box import elided_name, show_both_ends

NAME = "a photograph with a long name classes"


@pytest.fixture
def box(qtbot):
    box = QComboBox()
    show_both_ends(box, "What is edited.")
    box.setMinimumContentsLength(6)
    box.setPlaceholderText("none yet")
    box.addItems([NAME, f"{NAME} [1]"])
    qtbot.addWidget(box)
    box.resize(140, 24)
    box.show()
    return box


def test_names_that_differ_at_the_end_do_so_in_the_box(box):
    pictures = []
    for place in range(2):
        box.setCurrentIndex(place)
        pictures.append(box.grab().toImage())
        seen = elided_name(box)
        assert seen.startswith("a p")
        assert seen.endswith(NAME[-3:] if place == 0 else "[1]")
        assert "…" in seen
    assert pictures[0] != pictures[1]
    box.resize(500, 24)
    assert elided_name(box) == f"{NAME} [1]"


def test_what_is_drawn_is_what_qt_draws_of_short_names(qtbot, box):
    plain = QComboBox()
    plain.setPlaceholderText("none yet")
    qtbot.addWidget(plain)
    plain.show()
    for one in (box, plain):
        one.clear()
        one.resize(200, 24)
        one.addItem("coffee")
        one.setCurrentIndex(0)
    assert box.grab().toImage() == plain.grab().toImage()
    for one in (box, plain):
        one.setCurrentIndex(-1)
    assert box.grab().toImage() == plain.grab().toImage()


def test_all_of_a_name_is_in_the_tooltip_and_in_the_list(box):
    box.setCurrentIndex(1)
    at = QPoint(3, 3)
    QApplication.sendEvent(
        box, QHelpEvent(QEvent.Type.ToolTip, at, box.mapToGlobal(at))
    )
    assert box.toolTip() == f"{NAME} [1]\nWhat is edited."
    QTest.mouseClick(box, Qt.MouseButton.LeftButton)
    metrics = box.view().fontMetrics()
    assert box.view().minimumWidth() >= metrics.horizontalAdvance(f"{NAME} [1]")
    box.hidePopup()
