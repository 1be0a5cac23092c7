"""Mouse and keys for a viewer's canvas."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from unittest.mock import patch

import napari
import napari.settings
import npe2
import numpy as np
import pytest
from napari._qt.threads.status_checker import StatusChecker
from napari._qt.widgets.qt_welcome import QtWelcomeWidget
from napari.settings import NapariSettings
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_emseg.layers import old_objects

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
        QTest.qWait(8)  # napari looks at the mouse every 5 ms

    def move(self, point, *, by=(0, 0), buttons=False, keys=()):
        self.spot = self.find(point) + QPointF(*by)
        self.send(QEvent.Type.MouseMove, buttons=buttons, keys=keys)

    def press(self, point, keys=()):
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
def _settings_are_not_written():
    """Spare each viewer the file of all its settings, written anew at each dock.

    What the plugin prefers is still written: that has a class of its own.
    """
    with patch.object(NapariSettings, "save", lambda *_, **__: None):
        yield


@pytest.fixture(scope="session", autouse=True)
def _what_panels_pass_over_stays_out_of_collections():
    """Let no panel that closes end what `viewer` spares the collections here.

    What panels themselves spare them has tests of its own.
    """
    spared = SimpleNamespace(freeze=lambda: None, unfreeze=lambda: None)
    with patch.object(old_objects, "gc", spared):
        yield


@pytest.fixture(autouse=True)
def _own_preferences(tmp_path, monkeypatch):
    """Keep what tests prefer away from what the user does."""
    monkeypatch.setattr(napari.settings, "_CFG_PATH", str(tmp_path / "settings.yaml"))
    monkeypatch.setattr(napari.settings, "_PLUGIN_SETTINGS", {})


@pytest.fixture
def viewer(make_napari_viewer):
    # napari collects garbage at each layer that goes, and when the viewer closes. What
    # was there before is none, and looking through it takes a fifth of the time.
    gc.freeze()
    return make_napari_viewer(show=True)


@pytest.fixture(scope="module")
def kept_viewer(qapp, tmp_path_factory):
    """Yield a viewer that the tests of a module share, and leave as it was."""
    with pytest.MonkeyPatch.context() as patched:
        path = tmp_path_factory.mktemp("kept") / "settings.yaml"
        patched.setattr(napari.settings, "_CFG_PATH", str(path))
        patched.setattr(napari.settings, "_PLUGIN_SETTINGS", {})
        patched.setattr(StatusChecker, "start", lambda *_: None)
        napari.settings.get_settings().reset()
        gc.freeze()
        viewer = napari.Viewer(show_welcome_screen=False)
        yield viewer
        viewer.close()
    del viewer
    QApplication.processEvents()
    gc.collect()


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
