"""The panels that are docked in a window."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from qtpy import PYSIDE6, PYSIDE_VERSION
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel, QMainWindow, QWidget

from napari_emseg.widgets.common.canvas_widget import hide_helpers, prepare_removal
from napari_emseg.widgets.common.navigation import KeptWhole
from napari_emseg.widgets.common.preferences import prefer_own_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.components
    from qtpy.QtCore import QSize

# The property of a widget that tells our panels from others: the title of their tab.
TITLE = "emsegPanel"
PLUGIN = "EM color segmentation"  # the display name of the manifest
# Layers of tools, which the list of layers does not show.
HELPERS = frozenset({"preview", "strokes", "adjusting", "iteration"})
SETTLING = 250  # ms until a new dock has its place
# Before 6.12, PySide frees some parts of a panel twice when Python collects it, which
# ends the process (6.10.3 and 6.11.3 do).
UNSAFE_TO_COLLECT = PYSIDE6 and [*map(int, PYSIDE_VERSION.split(".")[:2])] < [6, 12]


def find_panel(viewer: napari.components.ViewerModel, kind: type[Any]) -> Any:
    """Return the docked panel of a class, None if there is none."""
    window = getattr(viewer, "window", None)
    docked = {} if window is None else window.dock_widgets
    return next((found for found in docked.values() if isinstance(found, kind)), None)


def open_panel(viewer: Any, kind: type[Any], name: str) -> Any:
    """Return a docked panel, in front; it is made if there is none."""
    panel = find_panel(viewer, kind)
    if panel is None:
        panel = kind(viewer)
        # As napari's own menus name it, which show and hide it; by another name they
        # would make a second one. Its tab comes to the front when it is there.
        viewer.window.add_dock_widget(panel, name=f"{name} ({PLUGIN})")
        return panel
    dock = getattr(panel, "native", panel).parent()
    dock.show()
    dock.raise_()
    return panel


def share_dock(
    panel: QWidget, title: str, on_sight: Callable[[bool], None] = lambda seen: None
) -> None:
    """Dock a panel as a tab beside the other panels of the plugin.

    Napari puts the panels of its menus below each other, where none has enough room.
    It also leaves a panel behind others that is opened again, and closes one that lies
    behind them when its menu is asked for it; both come to the front instead.

    Parameters
    ----------
    panel : QWidget
        Before it is docked.
    title : str
        Of its tab, and of the bar above it.
    on_sight : callable, optional
        Takes whether the panel is in sight, when it comes in front of others, or goes
        behind them.
    """
    panel.setProperty(TITLE, title)
    panel.installEventFilter(_Tab(panel, on_sight))


def stop(timer: QTimer) -> None:
    """Stop a timer, unless it has gone with its panel."""
    if isalive(timer):
        timer.stop()


class _End:
    """Closes a panel's connection when the panel is destroyed."""

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close

    def close(self) -> None:
        """Close it."""
        self._close()


# Qt is untyped here, so a class of it is Any to mypy.
class Docking(QObject):  # type: ignore[misc]
    """Connection of a panel to the viewer, from when it is docked until it is closed.

    Napari takes a panel out of its dock to close it. Python deletes it much later, or
    never, if something still knows it.

    Parameters
    ----------
    panel : QWidget
        Before it is docked; it is taken as open already.
    viewer : napari.Viewer or napari.components.ViewerModel
        Its layers are removed without harm to its canvas while the panel is open. In
        its console, this package is ``emseg`` from now on.
    reactions : sequence of tuple of signal and callable
        Events of the viewer, and what is connected to them while the panel is open.
    on_open : callable
        Called now, and when the panel is docked again.
    on_close : callable
        Called when it is taken out of its dock, or destroyed with its window; by then
        its widgets may be no more.

    Attributes
    ----------
    opened : bool
        Whether the panel follows the viewer.
    """

    # Kept until they are closed: a window that goes takes its panel first, and with it
    # all else that refers to this object.
    _docked: ClassVar[set[Docking]] = set()
    _never_collected: ClassVar[list[QWidget]] = []

    def __init__(
        self,
        panel: QWidget,
        viewer: napari.components.ViewerModel,
        reactions: Sequence[tuple[Any, Callable[..., None]]],
        on_open: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        super().__init__(panel)
        if UNSAFE_TO_COLLECT:
            self._never_collected.append(panel)
        self.opened = False
        removing = (viewer.layers.events.removing, partial(prepare_removal, viewer))
        self._reactions = [removing, *reactions]
        self._on_open, self._on_close = on_open, on_close
        self._viewer = viewer
        self._whole: KeptWhole | None = None
        # Docks move a while after they are asked to.
        self._moved = QTimer(self)
        self._moved.setSingleShot(True)
        self._moved.timeout.connect(self._fit)
        panel.installEventFilter(self)
        # Not a partial: garbage collection clears it before Qt calls it, and then
        # that crashes; nor a method of this object, as PySide finds none by then.
        self._end = _End(self._close)
        panel.destroyed.connect(self._end.close)
        self._open()
        prefer_own_reader()
        if hasattr(viewer, "update_console"):
            # Whether the console is there already, or comes later.
            viewer.update_console({"emseg": import_module("napari_emseg")})

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the panel out of its dock, or into one."""
        if event.type() == QEvent.Type.ParentChange:
            if watched.parent() is None:
                self._close()
            else:
                self._docked.add(self)
                self._open()
        return False

    def _open(self) -> None:
        if not self.opened:
            self.opened = True
            self._whole = KeptWhole(self._viewer)
            self._moved.start(SETTLING)
            # When the list has its row.
            self._viewer.layers.events.inserted.connect(self._hide, position="last")
            for event, react in self._reactions:
                event.connect(react)
            self._on_open()

    def _hide(self, event: object = None) -> None:
        hide_helpers(self._viewer, HELPERS)

    def _fit(self) -> None:
        whole, self._whole = self._whole, None
        if self.opened and whole is not None:
            whole.fit()

    def _close(self, *_: object) -> None:
        self._docked.discard(self)
        if self.opened:
            self.opened = False
            self._viewer.layers.events.inserted.disconnect(self._hide)
            for event, react in self._reactions:
                event.disconnect(react)
            self._on_close()


# Qt is untyped here, so a class of it is Any to mypy.
class _Tab(QObject):  # type: ignore[misc]
    """Filter for the events that show or hide a panel."""

    def __init__(self, panel: QWidget, on_sight: Callable[[bool], None]) -> None:
        super().__init__(panel)
        self._panel, self._on_sight = panel, on_sight
        self._dock: QDockWidget | None = None
        self._behind = False
        self._sizes: WeakKeyDictionary[QMainWindow, QSize] = WeakKeyDictionary()
        # Qt is still at work on the dock when it tells.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Raise the panel when it is shown, or hidden while behind others."""
        if not hasattr(self, "_later"):
            # Qt tells of events to the end; garbage collection clears this before.
            return False
        shown = event.type() == QEvent.Type.Show and not event.spontaneous()
        if event.type() == QEvent.Type.ParentChange:
            # Before Qt makes room for a dock below the others.
            self._sizes.clear()
            for top in QApplication.topLevelWidgets() if watched.parent() else ():
                if isinstance(top, QMainWindow):
                    self._sizes[top] = top.size()
        if shown or (event.type() == QEvent.Type.Hide and self._behind):
            self._later.start(0)
        return False

    def _settle(self) -> None:
        dock = self._panel.parent()
        if not isinstance(dock, QDockWidget) or not dock.window().isVisible():
            return
        if dock is not self._dock:
            self._dock = dock
            dock.setWindowTitle(self._panel.property(TITLE))
            dock.visibilityChanged.connect(self._on_visibility)
            # Napari makes the bar anew then, and writes the plugin's name or that of
            # its package into it, whichever way the panel was opened.
            dock.topLevelChanged.connect(self._name_bar)
            dock.dockLocationChanged.connect(self._name_bar)
            self._name_bar()
            window = dock.window()
            if _join(dock) and window in self._sizes and not window.isMaximized():
                # It has grown for both, of which one is seen.
                QTimer.singleShot(0, partial(window.resize, self._sizes[window]))
            self._sizes.clear()
        dock.show()
        dock.raise_()

    def _name_bar(self, *_: object) -> None:
        assert self._dock is not None
        title = getattr(self._dock.titleBarWidget(), "title", None)
        if isinstance(title, QLabel):
            title.setText(self._panel.property(TITLE))

    def _on_visibility(self, visible: bool) -> None:
        self._on_sight(visible)
        assert self._dock is not None
        # To Qt, a tab behind others is not hidden. That it is hidden then comes here
        # before the panel is told.
        if visible or not self._dock.isHidden():
            self._behind = not visible


def _join(dock: QDockWidget) -> bool:
    """Make a dock a tab of the first dock of the plugin on the same side, if any."""
    window = dock.parent()
    if not isinstance(window, QMainWindow) or dock.isFloating():
        return False
    side = window.dockWidgetArea(dock)
    for other in window.findChildren(QDockWidget):
        ours = other.widget() is not None and other.widget().property(TITLE)
        placed = not (other.isFloating() or other.isHidden())
        if (
            ours
            and placed
            and other is not dock
            and window.dockWidgetArea(other) == side
        ):
            window.tabifyDockWidget(other, dock)
            return True
    return False
