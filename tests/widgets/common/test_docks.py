"""Panels beside each other in napari's window."""

from __future__ import annotations

import gc
import weakref
from functools import partial

import napari
import napari_console
import numpy as np
import pytest
from napari._app_model import get_app_model
from napari._qt.qt_viewer import QtViewer
from napari.components import ViewerModel
from napari.errors import MultipleReaderError
from napari.settings import get_settings
from napari_console import QtConsole
from psygnal import Signal
from qtpy.QtCore import QCoreApplication, QEvent, Qt
from qtpy.QtGui import QAction
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QMainWindow,
    QTabBar,
    QWidget,
)

import napari_emseg as emseg
from napari_emseg.cli import window
from napari_emseg.layers import old_objects
from napari_emseg.widgets.common import docks as shared
from napari_emseg.widgets.common.canvas_widget import find_canvas
from napari_emseg.widgets.common.docks import SETTLING, UNSAFE_TO_COLLECT, Docking
from napari_emseg.widgets.common.navigation import sees_all
from napari_emseg.widgets.compare.panel import CompareWidget, open_compare
from napari_emseg.widgets.edit import EditWidget
from napari_emseg.widgets.model import ModelWidget
from napari_emseg.widgets.points_panel import PointsWidget, open_points
from napari_emseg.widgets.segment import SegmentWidget

# Napari's own: viewers of tests have none.
GET_CONSOLE = QtViewer._get_console
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


@pytest.mark.parametrize("way", ["menu", "package", "command"])
def test_the_bar_of_a_panel_names_it_whichever_way_it_was_opened(docks, way):
    """Napari's own names differ, and none has room for the name of the plugin, too."""
    if way == "menu":
        menu("segment")
    elif way == "package":
        docks.viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    else:
        shared.open_panel(docks.viewer, SegmentWidget, "Segment")
    docks.wait_for("Segment")
    [dock] = [one for one in docks.window.findChildren(QDockWidget) if titled(one)]
    for floating in (True, False):
        dock.setFloating(floating)
        assert dock.titleBarWidget().title.text() == "Segment"


def test_the_menu_knows_the_panel_that_the_command_opened(docks):
    shared.open_panel(docks.viewer, SegmentWidget, "Segment")
    docks.wait_for("Segment")
    menu("segment")
    docks.wait_for()
    assert len([*filter(titled, docks.window.findChildren(QDockWidget))]) == 1


def test_the_figures_of_points_are_in_front(docks):
    open_points(docks.viewer)
    docks.wait_for("Model")


def titled(dock):
    return dock.windowTitle() == "Segment"


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
    docks.wait_for("Select and edit")
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


class Source:
    """Something that a panel follows."""

    changed = Signal(str)


class DockedPanel(QWidget):
    """A panel in a dock, with a log of what is called."""

    def __init__(self, dock, source):
        super().__init__()
        self.log = log = []
        reactions = [(source.changed, log.append)]
        self.docking = Docking(
            self,
            ViewerModel(),
            reactions,
            lambda: log.append("open"),
            lambda: log.append("close"),
        )
        dock.setWidget(self)


def destroy(widget):
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)
    with pytest.raises(RuntimeError):
        widget.parent()


class TestDocking:
    @pytest.fixture
    def dock(self, qtbot):
        dock = QDockWidget()
        qtbot.addWidget(dock)
        return dock

    @pytest.fixture
    def source(self):
        return Source()

    @pytest.fixture
    def panel(self, dock, source):
        return DockedPanel(dock, source)

    def test_a_docked_panel_reacts(self, panel, source):
        source.changed.emit("a")
        assert panel.log == ["open", "a"]
        assert panel.docking.opened

    def test_a_panel_in_another_dock_is_still_the_same(self, panel, source, qtbot):
        other = QDockWidget()
        qtbot.addWidget(other)
        other.setWidget(panel)
        source.changed.emit("a")
        assert panel.log == ["open", "a"]

    def test_a_closed_panel_does_not_react(self, panel, source):
        for _ in range(2):
            panel.setParent(None)
            assert not panel.docking.opened
            source.changed.emit("a")
            assert panel.log == ["open", "close"]

    def test_a_panel_that_is_docked_again_reacts_once(self, panel, source, dock):
        for _ in range(2):
            panel.setParent(None)
            panel.log.clear()
            dock.setWidget(panel)
            source.changed.emit("a")
            assert panel.log == ["open", "a"]
            assert panel.docking.opened

    @pytest.mark.parametrize("closed", [False, True])
    def test_a_panel_that_is_destroyed_does_not_react(self, panel, source, closed):
        if closed:
            panel.setParent(None)
        destroy(panel)
        source.changed.emit("a")
        assert panel.log == ["open", "close"]
        assert not panel.docking.opened

    def test_a_panel_that_only_its_dock_knows_is_closed_with_it(self, source):
        dock = QDockWidget()
        log = DockedPanel(dock, source).log
        destroy(dock)
        source.changed.emit("a")
        assert log == ["open", "close"]


def count_listeners(viewer):
    """Return how many callbacks of this package the viewer has, and where."""
    found = {}
    emitters = [viewer.events, viewer.dims.events, viewer.layers.events]
    emitters += [viewer.layers.selection.events]
    emitters += [getattr(viewer, "scene", viewer).camera.events]
    emitters += [layer.events for layer in viewer.layers]
    for number, group in enumerate(emitters):
        for name, emitter in group.emitters.items():
            own = [
                call
                for call in emitter.callbacks
                if isinstance(call, tuple)
                and (alive := call[0]()) is not None
                and type(alive).__module__.startswith("napari_emseg.widgets")
                and type(alive).__name__ != "Inspector"
            ]
            if own:
                found[number, name] = len(own)
    return found


PANELS = {
    SegmentWidget: "segment",
    EditWidget: "edit",
    ModelWidget: "model",
    CompareWidget: "compare",
    PointsWidget: "points",
}


def open_panel(viewer, kind):
    """Dock a panel, and start something in it that takes a while."""
    if kind is PointsWidget:
        return open_points(viewer)
    if kind is CompareWidget:
        panel = open_compare(viewer)
        panel.page.choices.classes.setText("2 3 4 5 6")
        panel.compare()
        return panel
    title = {"edit": "Select and edit"}.get(PANELS[kind], kind.__name__[:-6])
    panel = viewer.window.add_plugin_dock_widget("napari-emseg", title)[1]
    if kind is SegmentWidget:
        panel.run()
    elif kind is EditWidget:
        panel.toolbox.take("wand")
        panel.session.choose(panel.session.plane(), lambda: np.ones((60, 80), bool))
    return panel


def queue_of(panel):
    return panel.runner if isinstance(panel, SegmentWidget) else panel.background


@pytest.mark.parametrize("kind", PANELS, ids=PANELS.values())
class TestClosed:
    """Nothing of a panel that was closed reacts, and nothing keeps it."""

    @pytest.fixture(autouse=True)
    def _image(self, viewer, stripes):
        image = viewer.add_image(stripes, name="stripes")
        emseg.add_to(viewer, emseg.segment(stripes, n_classes=2), image)

    def test_it_leaves_the_viewer(self, viewer, qtbot, kind, told):
        before = count_listeners(viewer)
        owners = (viewer, *viewer.layers)
        keys = [dict(owner.keymap) for owner in owners]
        panel = open_panel(viewer, kind)
        assert count_listeners(viewer) != before
        queue = queue_of(panel)
        viewer.window.remove_dock_widget("all")
        names = [layer.name for layer in viewer.layers if layer.name != "selection"]
        assert not queue.running
        for _ in range(3):
            QTest.qWait(100)
        old = [layer for layer in viewer.layers if layer.name == "selection"]
        for layer in old:
            viewer.layers.remove(layer)
        assert [layer.name for layer in viewer.layers] == names
        assert count_listeners(viewer) == before
        assert [dict(owner.keymap) for owner in owners] == keys
        viewer.layers.clear()
        viewer.theme = "light"
        viewer.dims.ndisplay = 3
        QTest.qWait(50)
        assert not viewer.layers
        assert not told

    @pytest.mark.skipif(UNSAFE_TO_COLLECT, reason="this PySide would crash")
    def test_it_can_be_collected(self, viewer, kind, monkeypatch):
        monkeypatch.setattr(old_objects, "gc", gc)
        gone = weakref.ref(open_panel(viewer, kind))
        viewer.window.remove_dock_widget("all")
        viewer.layers.selection.active = None
        for _ in range(20):
            QTest.qWait(50)
            gc.collect()
            if gone() is None:
                break
        else:
            pytest.fail(f"kept by {[type(one) for one in gc.get_referrers(gone())]}")
        gc.freeze()  # else each layer that goes has all tests looked through

    def test_it_works_when_it_is_docked_again(self, viewer, qtbot, kind, told):
        panel = open_panel(viewer, kind)
        listeners = count_listeners(viewer)
        viewer.window.remove_dock_widget("all")
        viewer.window.add_dock_widget(panel, name="again")
        if kind is EditWidget:
            panel.toolbox.take("wand")
        queue = queue_of(panel)
        done = []
        queue.run(lambda: 1, done.append)
        qtbot.waitUntil(lambda: done == [1], timeout=20_000)
        if kind is not PointsWidget:  # "Model" was closed, too
            assert {key for _, key in count_listeners(viewer)} >= {
                key for (number, key) in listeners if number < 4
            }
        assert not told


@pytest.mark.whole_window
def test_garbage_in_any_order(viewer, stripes):
    """Qt tells of the end of a widget whose Python half is already cleared."""
    image = viewer.add_image(stripes, name="stripes")
    emseg.add_to(viewer, emseg.segment(stripes, n_classes=2), image)
    for kind in PANELS:
        # Many, as it is a matter of chance which of them is cleared first.
        for docked in (True, False) * 3:
            panel = kind(viewer)
            if docked:
                viewer.window.add_dock_widget(panel)
                viewer.window.remove_dock_widget("all")
            del panel
            gc.collect()
        QApplication.processEvents()


def test_results_after_the_window_was_closed(viewer, stripes, told):
    viewer.add_image(stripes, name="stripes")
    queues = [queue_of(open_panel(viewer, kind)) for kind in PANELS]
    assert any(queue.running for queue in queues)
    viewer.window.close()
    assert all(queue.idle for queue in queues)
    QTest.qWait(500)
    assert not told


class Console(QWidget):
    """Napari's console without its kernel: the names in it, and where it is from."""

    min_depth = 1
    _capture, _in_napari = QtConsole._capture, QtConsole._in_napari

    def __init__(self, viewer, *, style_sheet):
        super().__init__()
        self.names = {}
        self.push = self.names.update
        self.print_action = QAction()
        self._capture()


def test_the_package_is_in_the_console(viewer, qtbot, monkeypatch, tmp_path):
    """Whether it is opened after the panel or before; nothing else of ours is there."""
    inner = viewer.window._qt_viewer
    monkeypatch.setattr(QtViewer, "_get_console", GET_CONSOLE)
    monkeypatch.setattr(napari_console, "QtConsole", Console)
    monkeypatch.setattr(napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(napari, "run", partial(QtViewer.console.fget, inner))
    monkeypatch.setattr(window, "_leave_signals_to_the_system", lambda: None)
    path = tmp_path / "a.png"
    image = np.zeros((4, 5), np.uint8)
    window.show([(image, {"name": "a"}, "image")], [path])
    names = inner.console.names
    assert names["emseg"] is emseg
    ours = {name for name in vars(window) if name.strip("_") == name}
    assert not {*ours, "panel", "layers", "paths"} & {*names}
    assert viewer.layers["a"].source.path == str(path)
    assert viewer.layers["a"].source.reader_plugin == "napari-emseg"
    # The picture fits what the panel leaves of the window.
    center = (1.5, 2.0)
    camera = getattr(viewer, "scene", viewer).camera
    camera.center = (0, 90, 90)
    qtbot.waitUntil(lambda: camera.center[1:] == center, timeout=5000)
    del names["emseg"]
    menu("edit")
    assert names["emseg"] is emseg
    names.clear()
    inner.console = None


def test_files_of_the_plugin_are_opened_without_a_question(viewer, tmp_path):
    """Once a panel was open, and unless the user has chosen another reader."""
    path = tmp_path / "a.emseg.tif"
    emseg.files.write_labels(path, np.eye(4, dtype=np.uint8))
    with pytest.raises(MultipleReaderError):  # which napari makes a question of
        viewer.open(path, plugin=None)
    menu("segment")
    [layer] = viewer.open(path, plugin=None)
    assert (layer.source.reader_plugin, layer._type_string) == (
        "napari-emseg",
        "labels",
    )
    plugins = get_settings().plugins
    assert [*plugins.extension2reader] == ["*.emseg.tif", "*.emseg.tiff"]
    chosen = {"*.emseg.tif": "napari", "*.emseg.tiff": "napari-emseg"}
    plugins.extension2reader = chosen
    menu("edit")
    assert plugins.extension2reader == chosen


@pytest.mark.styled
@pytest.mark.parametrize("cut", [False, True])
def test_the_picture_is_seen_whole_beside_a_new_panel(viewer, qtbot, cut):
    viewer.add_image(np.zeros((300, 600), np.uint8))
    viewer.reset_view()
    if cut:
        # Napari fits a first picture to a canvas that is a bit wider than it is then.
        camera = getattr(viewer, "scene", viewer).camera
        camera.zoom = 1.015 * find_canvas(viewer).width() / 600
    assert sees_all(viewer) != cut
    open_panel(viewer, SegmentWidget)
    qtbot.waitUntil(lambda: find_canvas(viewer).width() < 500)
    qtbot.waitUntil(lambda: sees_all(viewer))
    viewer.window.remove_dock_widget("all")
    # What was zoomed in stays so.
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom = 3.0
    open_panel(viewer, SegmentWidget)
    QTest.qWait(2 * SETTLING)
    assert camera.zoom == 3.0
