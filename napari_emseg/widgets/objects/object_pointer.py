"""Mouse on objects: click to choose or to merge, draw a line to split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_emseg.layers import displayed_plane
from napari_emseg.widgets.common.docks import find_panel
from napari_emseg.widgets.common.qt import show_errors
from napari_emseg.widgets.edit.panel import EditWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel

    from napari_emseg.widgets.objects.object_marks import ObjectMarks
    from napari_emseg.widgets.objects.object_session import ObjectSession

CHOOSE, MERGE, SPLIT = "choose", "merge", "split"
# Pixels of the screen that a mouse moves in a click.
CLICK = 4


class ObjectPointer:
    """What the mouse does on the canvas while the panel is in front.

    Parameters
    ----------
    session : ObjectSession
    marks : ObjectMarks
    in_front : callable
        Returns whether the panel is seen: a click behind it is none of its business.

    Attributes
    ----------
    mode : {"choose", "merge", "split"}
    changed : psygnal.Signal
        The mode is another one.
    """

    changed = Signal(str)

    def __init__(
        self, session: ObjectSession, marks: ObjectMarks, in_front: Callable[[], bool]
    ) -> None:
        self._session, self._marks, self._in_front = session, marks, in_front
        self.mode = CHOOSE
        self._first = 0  # the object that others are merged with

    def take(self, mode: str) -> None:
        """Take another mode; that of a moment ago puts it away."""
        wanted = CHOOSE if mode == self.mode else mode
        if wanted != CHOOSE:
            layer = self._session.need()
            panel = find_panel(self._session.viewer, EditWidget)
            if panel is not None:
                panel.toolbox.take("")
            self._session.viewer.layers.selection.active = layer
            layer.mode = "pan_zoom"
        self.mode, self._first = wanted, 0
        self.changed.emit(wanted)

    def start(self) -> None:
        """Listen to the mouse."""
        self._session.viewer.mouse_drag_callbacks.append(self._on_press)

    def stop(self) -> None:
        """Listen no more."""
        callbacks = self._session.viewer.mouse_drag_callbacks
        if self._on_press in callbacks:
            callbacks.remove(self._on_press)
        self.mode = CHOOSE

    def _on_press(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        layer = self._session.layer
        active = viewer.layers.selection.active
        painting = active is not None and str(active.mode) != "pan_zoom"
        if (
            event.button != 1
            or event.handled
            or painting
            or layer is None
            or layer not in viewer.layers
            or not self._in_front()
        ):
            return
        if self.mode == SPLIT:
            yield from self._draw(viewer, event)
            return
        spot, moved = np.array(event.pos[:2], float), False
        yield
        while event.type == "mouse_move":
            moved |= bool(np.abs(np.array(event.pos[:2]) - spot).max() > CLICK)
            yield
        if not moved:
            show_errors(lambda: self._click(event))()

    def _click(self, event: Any) -> None:
        session = self._session
        layer = session.need()
        number = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        number = int(number or 0)
        if self.mode == MERGE:
            self._merge(number)
            return
        if any(key in event.modifiers for key in ("Shift", "Control", "Meta")):
            if number:
                session.choose(np.setxor1d(session.chosen, [number]).tolist())
        else:
            session.choose([number] if number else [])

    def _merge(self, number: int) -> None:
        session = self._session
        if not number:
            self._first = 0
            session.choose([])
        elif not self._first:
            self._first = number
            session.choose([number])
            session.said.emit("Click the object to merge it with.")
        elif number != self._first:
            # The largest keeps its number, so the next click begins anew.
            first, self._first = self._first, 0
            session.choose([])
            session.merge([first, number])

    def _draw(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        session = self._session
        layer = session.need()
        event.handled = True
        camera = getattr(viewer, "scene", viewer).camera
        camera.mouse_pan = False
        path: list[tuple[float, float]] = []
        try:
            plane = displayed_plane(viewer, layer)
            path.append(plane.point(event.position))
            yield
            while event.type == "mouse_move":
                path.append(plane.point(event.position))
                self._marks.overlay.path(plane, path)
                yield
            if len(path) > 1:
                fixed = [float(index or 0) for index in plane.at]
                full = []
                for point in path:
                    whole = [*fixed]
                    for axis, value in zip(plane.axes, point, strict=True):
                        whole[axis] = value
                    full.append(whole)
                show_errors(lambda: session.split(full))()
        except ValueError as error:
            session.said.emit(str(error))
        finally:
            self._marks.overlay.clear()
            active = viewer.layers.selection.active
            camera.mouse_pan = active is None or active.mouse_pan
