"""Mouse and keys for a viewer's canvas."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pkgutil import resolve_name
from types import FunctionType, MethodType, SimpleNamespace
from unittest.mock import patch

import napari
import napari.settings
import npe2
import numpy as np
import pytest
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari._qt.layer_controls import qt_layer_controls_container
from napari._qt.qt_viewer import QtViewer
from napari._qt.threads.status_checker import StatusChecker
from napari._qt.widgets.qt_viewer_buttons import QtViewerPushButton
from napari._qt.widgets.qt_welcome import QtWelcomeWidget
from napari._vispy.camera import VispyCamera
from napari._vispy.layers.tiled_image import TiledImageNode
from napari._vispy.visuals.volume import Volume
from napari.settings import NapariSettings
from napari.utils.events import EmitterGroup, EventedModel, EventEmitter
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QDockWidget, QWidget

from napari_emseg.layers import old_objects
from napari_emseg.widgets.common.canvas_widget import prepare_removal
from napari_emseg.widgets.results.inspector import Inspector

OF_LABELS = [
    (path, name)
    for path, name in (
        ("napari.components.overlays.labels_polygon", "LabelsPolygonOverlay"),
        ("napari.components.overlays.labels_brush_stroke", "LabelsBrushStrokeOverlay"),
    )
    if find_spec(path)
]
KEYS = {
    "shift": Qt.KeyboardModifier.ShiftModifier,
    "alt": Qt.KeyboardModifier.AltModifier,
    "ctrl": Qt.KeyboardModifier.ControlModifier,
}


class Hand:
    """Moves the mouse and presses keys over the canvas of a viewer.

    Points are (y, x) in the pixels of a layer's displayed plane.
    """

    def __init__(self, viewer):
        self.viewer = viewer
        self.layer = None
        self.at = ()
        self.spot = QPointF()
        self.looked = False

    def look(self):
        """Have the window draw itself: then it knows what lies under the mouse.

        To draw it all the time is a fifth of the time of tests.
        """
        self.looked = True
        window = self.viewer.window._qt_window
        before = window.updatesEnabled()
        window.setUpdatesEnabled(True)
        QApplication.processEvents()
        window.setUpdatesEnabled(before)

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas.native

    def hold(self, *names):
        held = Qt.KeyboardModifier.NoModifier
        for name in names:
            held |= KEYS[name]
        return held

    def find(self, point):
        """Return where a pixel of the layer lies on the canvas."""
        world = np.asarray(self.layer.data_to_world((*self.at, *point)))
        shown = world[list(self.viewer.dims.displayed)]
        camera = getattr(self.viewer, "scene", self.viewer).camera
        middle = np.array([self.canvas.height(), self.canvas.width()]) / 2
        y, x = middle + (shown - np.array(camera.center[-2:])) * camera.zoom
        return QPointF(float(x), float(y))

    def send(self, kind, *, buttons=False, keys=()):
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        button = none if kind == QEvent.Type.MouseMove else left
        event = QMouseEvent(
            kind,
            self.spot,
            QPointF(self.canvas.mapToGlobal(self.spot.toPoint())),
            button,
            left if buttons else none,
            self.hold(*keys),
        )
        QApplication.sendEvent(self.canvas, event)
        # Vispy drops a move within 10 ms of another; napari looks at them every 5 ms.
        QTest.qWait(16)

    def move(self, point, *, by=(0, 0), buttons=False, keys=()):
        if not self.looked:
            self.look()
        self.spot = self.find(point) + QPointF(*by)
        self.send(QEvent.Type.MouseMove, buttons=buttons, keys=keys)

    def press(self, point, keys=()):
        self.look()
        self.move(point, keys=keys)
        self.send(QEvent.Type.MouseButtonPress, buttons=True, keys=keys)

    def release(self, keys=()):
        self.send(QEvent.Type.MouseButtonRelease, keys=keys)

    def click(self, point, keys=()):
        self.press(point, keys)
        self.release(keys)

    def drag(self, points, keys=()):
        self.press(points[0], keys)
        for point in points[1:]:
            self.move(point, buttons=True, keys=keys)
        self.release(keys)

    def double_click(self, point):
        self.click(point)
        self.send(QEvent.Type.MouseButtonDblClick, buttons=True)
        self.release()

    def key(self, name, *keys):
        code = getattr(Qt.Key, f"Key_{name}")
        QTest.keyClick(self.canvas, code, self.hold(*keys))
        QApplication.processEvents()

    def undo(self):
        self.key("Z", "ctrl")

    def redo(self):
        self.key("Z", "ctrl", "shift")


@pytest.fixture(scope="session", autouse=True)
def _plugins_are_found_once():
    """Read the manifests of all that is installed once, rather than for each panel."""
    npe2.PluginManager.instance().discover()
    with patch.object(npe2.PluginManager, "discover", lambda *_, **__: 0):
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_tips():
    """Spare each viewer the tips that it writes, and writes anew at every key it binds.

    They are for a welcome that is not shown; they take half of the time to open it.
    """
    with patch.object(QtWelcomeWidget, "refresh", lambda *_: None, create=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _buttons_keep_their_style():
    """Spare the buttons of napari a new style at each layer that is chosen."""
    with patch.object(QtViewerPushButton, "_refresh_qss", lambda *_: None, create=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _settings_are_not_written():
    """Spare each viewer the file of all its settings, written anew at each dock.

    What the plugin prefers is still written: that has a class of its own.
    """
    with patch.object(NapariSettings, "save", lambda *_, **__: None):
        yield


def is_of_whole_window(item):
    """Whether a test asks for all that napari shows and draws."""
    return item.get_closest_marker("whole_window") is not None


def is_of_style(item):
    """Whether a test looks at sizes that napari's style sheet decides."""
    return item.get_closest_marker("styled") is not None


@pytest.fixture(autouse=True)
def _layers_have_few_parts(request, monkeypatch):
    """Spare each layer what napari makes for it, and tests of panels do not look at.

    These are the controls of its looks, and what its polygon tool and brush draw with:
    more than half of the time to add it. A test of whole windows has them.
    """
    if is_of_whole_window(request.node):
        return
    monkeypatch.setattr(
        qt_layer_controls_container, "create_qt_layer_controls", lambda _: QWidget()
    )
    for path, name in OF_LABELS:
        # What is not visible has nothing to draw with, either.
        hidden = partial(resolve_name(f"{path}:{name}"), visible=False)
        monkeypatch.setattr(f"{path}.{name}", lambda make=hidden, **_: make())


def kind_of(fun):
    """Return what decides which arguments a function takes; None if that is unclear."""
    if isinstance(fun, EventEmitter):
        return EventEmitter
    if isinstance(fun, partial):  # those of overlays, a hundred for each layer
        kind = kind_of(fun.func)
        return kind and (kind, len(fun.args), *fun.keywords)
    plain = getattr(fun, "__func__", fun)
    if isinstance(plain, FunctionType) and not vars(plain):
        return plain.__code__, isinstance(fun, MethodType)
    return None


@pytest.fixture(scope="session", autouse=True)
def _signatures_are_read_once():
    """Remember which functions take an event: napari asks at each connection."""
    ask = EventEmitter._check_signature
    known = {}

    def check(fun):
        kind = kind_of(fun)
        if kind is None:
            return ask(fun)
        if kind not in known:
            known[kind] = ask(fun)
        return known[kind]

    with patch.object(EventEmitter, "_check_signature", staticmethod(check)):
        yield


class Later:
    """An attribute that is made when it is first asked for."""

    def __init__(self, name):
        self.name = name

    def __set__(self, owner, make):
        vars(owner)[self.name] = make

    def __get__(self, owner, kind=None):
        part = vars(owner)[self.name]
        if isinstance(part, partial):
            part = vars(owner)[self.name] = part()
        return part


def make_later(kind, *args, **options):
    """Return, in place of an instance, what makes it."""

    def make():
        part = object.__new__(kind)
        part.__init__(*args, **options)
        return part

    return partial(make)


@pytest.fixture(scope="session", autouse=True)
def _what_is_not_shown_is_not_drawn():
    """Spare each layer what draws it as a volume or in tiles, until it is shown so."""
    with ExitStack() as patches:
        for part in ("image:ImageLayerNode", "labels:LabelLayerNode"):
            owner = resolve_name(f"napari._vispy.layers.{part}")
            for name in ("_volume_node", "_tiledimage_node"):
                change = patch.object(owner, name, Later(name), create=True)
                patches.enter_context(change)
        for kind in (Volume, TiledImageNode):
            patches.enter_context(patch.object(kind, "__new__", make_later))
        yield


@pytest.fixture(scope="session", autouse=True)
def _events_are_found_by_name():
    """Look up the events of a model, and a name among them, without detours.

    Napari asks for both at each change, and reads all names.
    """

    def has(group, name):
        return name in group.emitters

    def events(model):
        private = model.__pydantic_private__
        if private is None:
            raise AttributeError("events")
        return private["_events"]

    with (
        patch.object(EmitterGroup, "__contains__", has, create=True),
        patch.object(EventedModel, "events", property(events)),
    ):
        yield


@pytest.fixture(scope="module", autouse=True)
def _what_panels_pass_over_stays_out_of_collections():
    """Let no panel that closes end what `viewer` spares the collections here.

    What panels themselves spare them has tests of its own.
    """
    spared = SimpleNamespace(
        freeze=lambda: None, unfreeze=lambda: None, collect=lambda: None
    )
    with patch.object(old_objects, "gc", spared):
        yield


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path, monkeypatch):
    """Keep what tests prefer away from what the user does."""
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(tmp_path / "settings.yaml"))
    monkeypatch.setattr(napari.settings, "_PLUGIN_SETTINGS", {})


def is_trace(callback):
    """Whether an emitter calls this for more than what stays.

    That is the Inspector, and the cameras that napari made for a grid.
    """
    if not isinstance(callback, tuple):
        return True
    owner = callback[0]()
    return owner is not None and not isinstance(owner, Inspector | VispyCamera)


def direct(window, kind):
    """Return the children of a kind that a window itself has."""
    return [one for one in window.children() if isinstance(one, kind)]


def is_open(widget):
    """Whether this is a dialog that is in sight."""
    return isinstance(widget, QDialog) and widget.isVisible()


def condition(viewer):
    """Return what a test may leave behind in a viewer without layers and panels."""
    window = viewer.window._qt_window
    models = [viewer, viewer.dims, viewer.layers, viewer.layers.selection]
    models += [getattr(viewer, "scene", viewer).camera, viewer.cursor]
    return {
        "listeners": [
            (number, name, count)
            for number, model in enumerate(models)
            for name, emitter in model.events.emitters.items()
            if (count := sum(map(is_trace, emitter.callbacks)))
            and name != "mouse_over_canvas"  # of napari's brush, which stays, too
        ],
        "keys": dict(viewer.keymap),
        "mouse": [
            list(getattr(viewer, f"mouse_{kind}_callbacks"))
            for kind in ("move", "drag", "wheel", "double_click")
        ],
        "docks": [one.objectName() for one in direct(window, QDockWidget)],
        "dialogs": [one for one in QApplication.topLevelWidgets() if is_open(one)],
        "theme": viewer.theme,
        "title": viewer.title,
        "size": window.size(),
        "dims": viewer.dims.model_dump(),
    }


class Lender:
    """Lends one viewer to many tests, and another one where a test left traces.

    A viewer takes longer to open and to close than most tests take with it.
    """

    def __init__(self):
        self._viewer = None
        self._new, self._camera, self._dims, self._sheet = {}, {}, {}, ""
        self._settings = {}

    def forget_settings(self):
        """Have the settings that napari comes with, which takes a while to reset."""
        settings = napari.settings.get_settings()
        if settings.model_dump() != self._settings:
            settings.reset()
            self._settings = settings.model_dump()

    def lend(self, *, styled, whole):
        # Napari collects garbage at each layer that goes. What was there before is
        # none, and looking through it takes a fifth of the time.
        gc.freeze()
        if self._viewer is None:
            viewer = self._viewer = napari.Viewer(show_welcome_screen=False)
            QApplication.processEvents()
            self._new = condition(viewer)
            self._camera = getattr(viewer, "scene", viewer).camera.model_dump()
            self._dims = viewer.dims.model_dump()
            self._sheet = viewer.window._qt_window.styleSheet()
        self.draw(False)
        self.dress(styled=styled, whole=whole)
        return self._viewer

    def draw(self, wanted):
        """Let the window draw itself or not: a fifth of the time goes into that.

        It does for tests of whole windows, and for those who move the mouse.
        """
        window = getattr(self._viewer and self._viewer.window, "_qt_window", None)
        if window is not None:
            window.setUpdatesEnabled(wanted)

    def dress(self, *, styled, whole):
        """Give the window its style sheet or not, and its look at all events or not.

        The first takes a tenth of the time. The second is for its menu bar, when
        that hides itself.
        """
        window = self._viewer.window._qt_window
        sheet = self._sheet if styled or whole else ""
        for part in (window, window._qt_viewer):
            if part.styleSheet() != sheet:
                part.setStyleSheet(sheet)
        QApplication.instance().removeEventFilter(window)
        if whole:
            QApplication.instance().installEventFilter(window)

    def take_back(self):
        viewer = self._viewer
        if not hasattr(viewer.window, "_qt_window"):  # the test has closed it
            self.close()
            return
        self.draw(False)
        viewer.window.remove_dock_widget("all")
        for note in [*NapariQtNotification._instances]:
            note.close()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        prepare_removal(viewer)  # no panel is open that would see to it
        viewer.layers.clear()
        getattr(viewer, "canvas", viewer).grid.enabled = False
        camera = getattr(viewer, "scene", viewer).camera
        for model, before in ((viewer.dims, self._dims), (camera, self._camera)):
            if model.model_dump() != before:
                model.update(before)
        viewer.theme = "dark"
        for _ in range(2):  # what is gone may have asked for more
            viewer.window._qt_window.resize(self._new["size"])
            QApplication.processEvents()
        if condition(viewer) != self._new:
            self.close()

    def close(self):
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None
            QApplication.processEvents()
            gc.unfreeze()
            gc.collect()
            gc.freeze()  # else pytest has all tests looked through when they end
            left = len(QtViewer._instances)
            QtViewer._instances.clear()
            assert not left, "something keeps a viewer that was closed"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Draw the window for a test of it as a whole, once it is made ready."""
    if (lender := item.funcargs.get("lender")) and is_of_whole_window(item):
        lender.draw(True)
    return (yield)


@pytest.fixture(scope="session")
def lender(qapp):
    """Yield what lends viewers, without threads and windows that tests do not need."""
    with (
        patch.object(StatusChecker, "start", lambda *_: None),
        patch.object(QtViewer, "_get_console", lambda *_: QWidget()),
    ):
        lender = Lender()
        yield lender
        lender.close()


@pytest.fixture
def viewer(request, lender, _own_preferences):
    """Return a viewer as it is when it was just opened."""
    lender.forget_settings()
    test = request.node
    yield lender.lend(styled=is_of_style(test), whole=is_of_whole_window(test))
    lender.take_back()


@pytest.fixture
def hand(viewer):
    return Hand(viewer)


@pytest.fixture
def told():
    """Return the list that collects notifications as (severity, message)."""
    seen = []

    def collect(note):
        seen.append((str(note.severity), note.message))

    notification_manager.notification_ready.connect(collect)
    yield seen
    notification_manager.notification_ready.disconnect(collect)
