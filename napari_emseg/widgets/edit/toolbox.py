"""The active tool, which gets mouse and keys of the canvas."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_emseg.layers.history import changing_together
from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.common.qt import show_errors
from napari_emseg.widgets.edit.scribble_tool import ScribbleTool
from napari_emseg.widgets.edit.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.components import ViewerModel

    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.gestures import Gesture, Point
    from napari_emseg.widgets.edit.session import Session
    from napari_emseg.widgets.edit.tools import Tool


# Keys while a tool is active: what they do, and the method that does it.
WITH_TOOL = (
    ("Escape", "Cancel; forget scribbles", "escape"),
    ("Enter", "Close the path", "finish"),
    ("Backspace", "Take the last point back", "back"),
    ("Space", "Hold to move the view", "hold_to_pan"),
)


class Toolbox:
    """Activates one tool at a time, and passes mouse and keys on to it.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose canvas is worked on.
    session : Session
        What is worked on.

    Attributes
    ----------
    tool_keys : list of Key
        The key of each tool.
    keys : Keys
        Bound while a tool is active, those of the tools included.
    """

    changed = Signal(str)

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self._tool: Tool | None = None
        self._gesture: Gesture | None = None
        # Kept, since some remember what took long to find.
        self._gestures: dict[str, Gesture] = {}
        self._watched: Any = None  # the active layer
        self._moving = False  # whether the view is, instead of the tool
        self._passed_over: list[tuple[int, Callable[..., Any]]] = []
        self.tool_keys = [
            Key(t.key, t.title, show_errors(partial(self.take, t.name))) for t in TOOLS
        ]
        self.keys = Keys(
            viewer,
            [
                *self.tool_keys,
                *(Key(key, title, _call(self, name)) for key, title, name in WITH_TOOL),
            ],
        )

    @property
    def name(self) -> str:
        """Name of the active tool; empty if there is none."""
        return "" if self._tool is None else self._tool.name

    def take(self, name: str) -> None:
        """Take a tool; its own name again, or an empty one, puts it away.

        Raises
        ------
        ValueError
            If it cannot be used now.
        """
        wanted = next((tool for tool in TOOLS if tool.name == name), None)
        if wanted is self._tool:
            wanted = None
        if wanted is not None and (reason := wanted.why_not(self._session)):
            raise ValueError(f"{reason[0].lower()}{reason[1:]}")
        # Strokes and the preview go together.
        strokes = wanted is None and isinstance(self._gesture, ScribbleTool)
        away = changing_together(self._viewer.layers) if strokes else nullcontext()
        with away:
            if self._tool is not None:
                self._stop()
            if wanted is not None:
                self._start(wanted)
            else:
                self._session.preview.hide()
        self.changed.emit(self.name)

    def silence(self, *_: object) -> None:
        """Tell nobody of tools any more, as those who listened are gone."""
        self.changed.disconnect()

    def drop(self, event: object = None) -> None:
        """Cancel the gesture, as something else is displayed or edited."""
        if self._gesture is not None and self._gesture.plane is not None:
            self._gesture.drop()
        self._session.preview.clear()

    def check(self, event: object = None) -> None:
        """Put the tool away if it cannot be used any more, and say why."""
        self.drop()
        reason = "" if self._tool is None else self._tool.why_not(self._session)
        if reason:
            self.take("")
            self._session.say(f"{reason}.")

    def escape(self) -> None:
        """Cancel the gesture, or else what is under way; or forget scribbles."""
        gesture = self._gesture
        if gesture is None:
            self._session.background.cancel()
        elif gesture.plane is not None or not self._session.background.cancel():
            gesture.cancel()

    def _start(self, tool: Tool) -> None:
        viewer = self._viewer
        if tool.name not in self._gestures:
            self._gestures[tool.name] = tool.make(self._session)
        self._tool, self._gesture = tool, self._gestures[tool.name]
        # Callbacks of others stay, and are called, too; this one comes first.
        viewer.mouse_drag_callbacks.insert(0, self._on_press)
        viewer.mouse_drag_callbacks.append(self._after_press)
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.mouse_double_click_callbacks.append(self._on_double_click)
        viewer.events.mouse_over_canvas.connect(self._on_leave)
        viewer.dims.events.current_step.connect(self.drop)
        viewer.dims.events.ndisplay.connect(self.check)
        viewer.dims.events.order.connect(self.check)
        selection = viewer.layers.selection
        selection.events.active.connect(self._on_active, position="last")
        self._moving = False
        self.keys.bind()
        self._on_active()
        # Seen on the canvas, whichever panel is in front.
        viewer.cursor.style = "crosshair"

    def _stop(self) -> None:
        viewer, gesture = self._viewer, self._gesture
        self._tool = self._gesture = None
        for callbacks, own in (
            (viewer.mouse_drag_callbacks, self._on_press),
            (viewer.mouse_drag_callbacks, self._after_press),
            (viewer.mouse_move_callbacks, self._on_move),
            (viewer.mouse_double_click_callbacks, self._on_double_click),
        ):
            # Someone may have emptied the list.
            if own in callbacks:
                callbacks.remove(own)
        viewer.events.mouse_over_canvas.disconnect(self._on_leave)
        viewer.cursor.style = "standard"
        viewer.dims.events.current_step.disconnect(self.drop)
        viewer.dims.events.ndisplay.disconnect(self.check)
        viewer.dims.events.order.disconnect(self.check)
        viewer.layers.selection.events.active.disconnect(self._on_active)
        self._watch(None)
        self.keys.release()
        if isinstance(gesture, ScribbleTool):
            gesture.remove_strokes()
        elif gesture is not None:
            gesture.drop()

    def _on_active(self, event: object = None) -> None:
        """Take the mouse from the active layer."""
        self._watch(self._viewer.layers.selection.active)

    def _watch(self, layer: Any) -> None:
        if self._watched is not None:
            self._watched.events.mode.disconnect(self._on_mode)
        self._watched = layer
        if layer is not None:
            layer.mode = "pan_zoom"
            layer.events.mode.connect(self._on_mode)

    def _on_mode(self, event: Any) -> None:
        """Make room for one of napari's own tools."""
        if str(event.source.mode) != "pan_zoom":
            self.take("")

    def _at(self, event: Any) -> tuple[Plane, Point]:
        plane = self._session.plane()
        return plane, plane.point(event.position)

    def _mode(self, event: Any) -> str:
        held = set(event.modifiers)
        # Some window managers move windows with Alt.
        add, subtract = "Shift" in held, not held.isdisjoint({"Alt", "Control"})
        if add or subtract:
            return "intersect" if add and subtract else "add" if add else "subtract"
        return self._session.options.mode

    def _on_press(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        gesture = self._gesture
        # That of another panel, which was taken later, may have handled it.
        if gesture is None or event.button != 1 or event.handled or self._moving:
            return
        event.handled = True
        self._pass_over()
        show_errors(lambda: self._press(gesture, event))()
        camera = getattr(viewer, "scene", viewer).camera
        camera.mouse_pan = False
        try:
            yield
            self._after_press()
            while event.type == "mouse_move":
                show_errors(lambda: gesture.drag(self._at(event)[1], _spot(event)))()
                yield
            if gesture is self._gesture:
                show_errors(gesture.release)()
        finally:
            active = viewer.layers.selection.active
            camera.mouse_pan = active is None or active.mouse_pan

    def _pass_over(self) -> None:
        """Leave napari's own callbacks out of this press: with Alt, they zoom."""
        callbacks = self._viewer.mouse_drag_callbacks
        first = callbacks.index(self._on_press)
        self._passed_over = [
            (place, call)
            for place, call in enumerate(callbacks)
            if place > first and _of_napari(call)
        ]
        for _, call in self._passed_over:
            callbacks.remove(call)

    def _after_press(self, *_: object) -> None:
        """Put them back, when all callbacks were called."""
        while self._passed_over:
            self._viewer.mouse_drag_callbacks.insert(*self._passed_over.pop(0))

    def _press(self, gesture: Gesture, event: Any) -> None:
        try:
            plane, point = self._at(event)
            gesture.press(plane, point, _spot(event), self._mode(event))
        except (ValueError, TypeError):
            gesture.drop()
            raise

    def _on_move(self, viewer: ViewerModel, event: Any) -> None:
        # Without a plane or an image there is nothing to show, and moving the mouse
        # is no reason to complain.
        if self._gesture is None:
            return
        try:
            self._gesture.hover(*self._at(event))
        except ValueError:
            self._session.preview.clear()

    def _on_leave(self, event: object = None) -> None:
        """Forget the preview of a click when the mouse leaves the canvas."""
        gesture = self._gesture
        left = not self._viewer.mouse_over_canvas
        if left and gesture is not None and gesture.plane is None:
            self._session.background.drop()
            self._session.preview.clear()

    def _on_double_click(self, viewer: ViewerModel, event: Any) -> None:
        show_errors(self.finish)()

    def finish(self) -> None:
        """Close the path that is drawn."""
        if self._gesture is not None:
            self._gesture.finish()

    def back(self) -> None:
        """Take the last point of a path back."""
        if self._gesture is not None:
            self._gesture.back()

    def hold_to_pan(self) -> Iterator[None]:
        """Move the view instead of the tool until the key is released."""
        self._moving = True
        yield
        self._moving = False


def _of_napari(call: Callable[..., Any]) -> bool:
    return getattr(call, "__module__", "").startswith("napari.components.")


def _spot(event: Any) -> Point:
    x, y = event.pos[:2]
    return float(x), float(y)


def _call(toolbox: Toolbox, name: str) -> Callable[[], Any]:
    """Return what a key calls: a generator as it is, else with its errors shown."""
    call = getattr(toolbox, name)
    return call if inspect.isgeneratorfunction(call) else show_errors(call)
