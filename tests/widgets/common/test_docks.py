"""Panels beside each other in napari's window."""

from __future__ import annotations

import pytest
from napari._app_model import get_app_model
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QTabBar

from napari_emseg.widgets.compare.panel import open_compare

TITLES = {"segment": "Segment", "edit": "Select and edit", "model": "Model"}


def menu(name):
    """Take an entry of the Plugins or Layers menu, which opens or closes a panel."""
    get_app_model().commands.execute_command(f"napari-emseg.{name}")
    QTest.qWait(100)


class Docks:
    def __init__(self, viewer, qtbot):
        self.viewer = viewer
        self.qtbot = qtbot

    @property
    def window(self) -> QMainWindow:
        return self.viewer.window._qt_window

    @property
    def bar(self):
        """The one row of tabs; None if there is none."""
        bars = [bar for bar in self.window.findChildren(QTabBar) if bar.count()]
        found = [bar for bar in bars if bar.parent() is self.window]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def front(self):
        """Titles of our panels that are seen."""
        docks = self.window.findChildren(QDockWidget)
        return [
            dock.windowTitle()
            for dock in docks
            if dock.windowTitle() in (*TITLES.values(), "Compare")
            and dock.isVisible()
            and not dock.visibleRegion().isEmpty()
        ]

    def wait_for(self, *titles):
        """Wait until these panels are in front, and no others."""
        front = sorted(titles)
        self.qtbot.waitUntil(lambda: sorted(self.front) == front, timeout=60_000)
        QTest.qWait(20)
        assert sorted(self.front) == front


@pytest.fixture
def docks(viewer, qtbot):
    viewer.window.resize(1280, 800)
    return Docks(viewer, qtbot)


def test_panels_of_the_menus_open_as_tabs_the_newest_in_front(docks):
    for name, title in TITLES.items():
        menu(name)
        docks.wait_for(title)
    open_compare(docks.viewer)
    docks.wait_for("Compare")
    texts = [docks.bar.tabText(place) for place in range(docks.bar.count())]
    assert texts == [*TITLES.values(), "Compare"]


def test_a_panel_behind_others_comes_to_the_front_and_one_in_front_closes(docks):
    menu("segment")
    menu("edit")
    menu("segment")
    docks.wait_for("Segment")
    menu("segment")
    docks.wait_for("Select and edit")
    menu("segment")
    docks.wait_for("Segment")


def test_a_click_on_a_tab_turns_to_it(docks):
    menu("segment")
    menu("edit")
    spot = docks.bar.tabRect(0).center()
    QTest.mouseClick(docks.bar, Qt.MouseButton.LeftButton, pos=spot)
    docks.wait_for("Segment")


def test_panels_of_others_stay_where_they_are(docks):
    other = docks.viewer.window.add_dock_widget(QLabel("other"), name="other")
    menu("segment")
    menu("model")
    assert docks.window.tabifiedDockWidgets(other) == []
    assert not other.visibleRegion().isEmpty()


def test_a_panel_that_floats_is_left_alone(docks):
    menu("segment")
    [dock] = [
        one
        for one in docks.window.findChildren(QDockWidget)
        if one.windowTitle() == "Segment"
    ]
    dock.setFloating(True)
    menu("edit")
    assert dock.isFloating()
    assert docks.bar is None
    docks.wait_for("Segment", "Select and edit")
