"""What grow and the like would select is shown before they do it."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_emseg import select
from napari_emseg.layers.selection import outline
from napari_emseg.widgets.edit.actions import Actions
from napari_emseg.widgets.edit.buttons import EditButtons
from napari_emseg.widgets.edit.class_list import ClassList
from napari_emseg.widgets.edit.context import MODIFY

KEYS = Qt.Key


@pytest.fixture
def buttons(qtbot, desk):
    classes = ClassList(desk.session)
    buttons = EditButtons(Actions(desk.session), classes)
    for widget in (classes, buttons):
        qtbot.addWidget(widget)
    desk.session.choose(desk.plane, lambda: desk.truth == 2, "new")
    desk.wait()
    return buttons


@pytest.fixture
def settle(desk, buttons):
    def wait():
        timer = buttons.modify_preview._timer
        desk.qtbot.waitUntil(lambda: not timer.isActive(), timeout=5000)
        desk.wait()
        return desk.session.preview.shown > 0

    return wait


def lines(desk, name, pixels):
    mask = getattr(select, name)(desk.truth == 2, pixels)
    width = desk.session.preview.line_width(desk.plane)
    ends = (0.1, 0.9) if name == "feather" else (0.5,)
    found = [outline(select.to_bytes(mask >= end), width) > 0 for end in ends]
    return np.any(found, axis=0)


def hover(button, kind):
    QApplication.sendEvent(button, QEvent(kind))


def test_the_outline_of_each_button_is_that_of_its_result(desk, buttons, settle):
    for name, (title, _, _) in MODIFY.items():
        hover(buttons.buttons[title], QEvent.Type.HoverEnter)
        buttons.pixels.setValue(2)
        settle()
        buttons.pixels.setValue(4)
        np.testing.assert_array_equal(settle(), lines(desk, name, 4))
        assert len(desk.done) == 1
        hover(buttons.buttons[title], QEvent.Type.HoverLeave)
        assert not settle().any()


def test_enter_applies_it_as_one_step_and_escape_does_not(desk, buttons, settle):
    hover(buttons.buttons["Shrink"], QEvent.Type.HoverEnter)
    buttons.pixels.setValue(2)
    assert settle().any()
    QTest.keyClick(buttons.pixels, KEYS.Key_Escape)
    assert not settle().any()
    assert len(desk.done) == 1
    buttons.pixels.setValue(3)
    assert settle().any()
    QTest.keyClick(buttons.pixels, KEYS.Key_Return)
    assert not settle().any()
    expected = select.shrink(desk.truth == 2, 3)
    np.testing.assert_array_equal(desk.selected, expected)
    assert desk.done[1:] == ["shrank the selection by 3 px"]
    # Without a preview, Enter is no command.
    QTest.keyClick(buttons.pixels, KEYS.Key_Return)
    desk.wait()
    assert len(desk.done) == 2
    assert desk.replayed().steps


def test_the_button_takes_the_preview_away_and_so_does_leaving(desk, buttons, settle):
    buttons.pixels.setValue(5)
    assert settle().any()
    QTest.mouseClick(buttons.buttons["Grow"], Qt.MouseButton.LeftButton)
    assert not settle().any()
    np.testing.assert_array_equal(desk.selected, select.grow(desk.truth == 2, 5))
    buttons.pixels.setValue(6)
    assert settle().any()
    QApplication.sendEvent(buttons.pixels, QFocusEvent(QEvent.Type.FocusOut))
    assert not settle().any()


def test_with_nothing_selected_nothing_is_shown(desk, buttons, settle):
    Actions(desk.session).nothing()
    desk.wait()
    buttons.pixels.setValue(7)
    assert not settle().any()
