"""What every panel owes its users: keys, tooltips, and text that can be read."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollBar,
    QTabBar,
    QWidget,
)

import napari_emseg as emseg
from napari_emseg.layers import add_to
from napari_emseg.widgets.compare.panel import open_compare

KINDS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)
PANELS = ("Segment", "Select and edit", "Model", "Compare")
LEFT = Qt.MouseButton.LeftButton
pytestmark = pytest.mark.styled


@pytest.fixture(params=PANELS)
def panel(request, viewer):
    """Return each panel in turn, as it is with a result in a small window."""
    viewer.window.resize(1280, 800)
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[:, 30:] = (190, 60, 40)
    picture[:, 55:] = (230, 225, 210)
    image = viewer.add_image(picture, name="stripes")
    add_to(viewer, emseg.segment(picture, n_classes=3), image)
    if request.param == "Compare":
        panel = open_compare(viewer)
    else:
        _, panel = viewer.window.add_plugin_dock_widget("napari-emseg", request.param)
    if request.param == "Segment":
        panel.form.expand(True)
    if request.param == "Model":
        wait_until(lambda: panel.figures.loaded)
    QTest.qWait(100)
    return getattr(panel, "native", panel)


def wait_until(holds):
    """Let Qt work until something holds, for a minute at most."""
    for _ in range(6000):
        if holds():
            return
        QTest.qWait(10)
    raise TimeoutError


def controls(panel):
    """Return what can be used, without the parts that it is made of."""
    return [
        widget
        for widget in panel.findChildren(QWidget)
        if isinstance(widget, KINDS)
        and not isinstance(widget, QScrollBar)
        and widget.isVisible()
        and not isinstance(
            widget.parent(), (QComboBox, QAbstractSpinBox, QTabBar, QAbstractItemView)
        )
        and not widget.objectName().startswith("qt_")
        and widget.window() is panel.window()
    ]


def test_every_control_says_what_it_does(panel):
    def tip(widget):
        while widget is not panel.parent():
            if widget.toolTip():
                return widget.toolTip()
            widget = widget.parentWidget()
        return ""

    found = controls(panel)
    assert len(found) > 4
    assert [widget for widget in found if len(tip(widget)) < 5] == []


def test_no_text_is_cut(panel):
    texts = [*panel.findChildren(QPushButton), *panel.findChildren(QLabel)]
    shown = [one for one in texts if one.isVisible() and one.text()]
    assert shown
    for one in shown:
        if isinstance(one, QLabel) and one.wordWrap():
            continue
        assert one.fontMetrics().horizontalAdvance(one.text()) <= one.width(), (
            one.text()
        )


# A virtual display has no window manager that would do it, and Qt 6 no other way.
by_force = pytest.mark.filterwarnings("ignore:.*setActiveWindow:DeprecationWarning")


@by_force
def test_the_tab_key_goes_down_the_panel_and_misses_nothing(panel):
    reached = []
    QApplication.setActiveWindow(panel.window())
    usable = [one for one in controls(panel) if one.isEnabled()]
    first = min(usable, key=lambda one: place(panel, one))
    first.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(4 * len(usable)):
        focused = QApplication.focusWidget()
        if focused is None or not panel.isAncestorOf(focused):
            break
        if focused in reached:
            break
        reached.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    stops = [one for one in reached if one in usable]
    missed = set(usable) - set(stops)
    # Of buttons of which one is down, Tab finds that, and arrows the others.
    assert [one for one in missed if not (group(one) and group(one).exclusive())] == []
    heights = [place(panel, one)[0] for one in stops]
    # Widgets of one row differ by a few pixels.
    assert all(low - 15 <= high for low, high in pairwise(heights))


def group(widget):
    return widget.group() if isinstance(widget, QAbstractButton) else None


def place(panel, widget):
    spot = widget.mapTo(panel, QPoint())
    return spot.y(), spot.x()


@by_force
@pytest.mark.parametrize("panel", ["Select and edit"], indirect=True)
def test_a_click_on_a_button_does_not_take_the_keys(panel):
    QApplication.setActiveWindow(panel.window())
    panel.image.setFocus()
    assert panel.image.hasFocus()
    for button in (
        panel.commands.buttons["All"],
        panel.toolbar.buttons["wand"],
    ):
        QTest.mouseClick(button, LEFT)
        assert not button.hasFocus()
