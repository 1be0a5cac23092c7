"""Gestures of the mouse on the canvas: one class for each kind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_emseg.layers import selects
from napari_emseg.recipe.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session

    Mask: TypeAlias = NDArray[Any]
    # What a picking tool looks at a pixel with, and a drawing one makes of a path.
    # With `flat`, in the plane alone whatever is edited.
    Pick: TypeAlias = Callable[..., Find]
    Draw: TypeAlias = Callable[[Session, Plane, list["Point"]], Find]
    # The path that is shown while one draws.
    Trace: TypeAlias = Callable[[Session, Plane, list["Point"]], Any]

Point: TypeAlias = tuple[float, float]

CLICK = 3.0  # pixels on the canvas that a click may be dragged
PER_PIXEL = 0.2  # tolerance per pixel that a pressed wand is dragged on the canvas


class Gesture:
    """What an active tool does with mouse and keys; nothing by default.

    Points are (y, x) in pixels of the plane that the user sees, whole numbers being
    centers of pixels; `spot` is (x, y) on the canvas.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.plane: Plane | None = None

    def hover(self, plane: Plane, point: Point) -> None:
        """Move without a button."""

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Press the left button; the mode is that of the keys, or of the panel."""

    def drag(self, point: Point, spot: Point) -> None:
        """Move with the left button."""

    def release(self) -> None:
        """Release the left button."""

    def finish(self) -> None:
        """Press Enter, or click twice."""

    def back(self) -> None:
        """Press Backspace."""

    def cancel(self) -> None:
        """Press Escape."""
        self.drop()

    def drop(self) -> None:
        """Cancel the gesture; nothing is selected."""
        self.plane = None
        self.session.background.drop()
        self.session.preview.clear()

    def _select(
        self,
        plane: Plane,
        find: Find,
        mode: str,
        again: Callable[..., Find] | None = None,
    ) -> None:
        """Select what is found, after what the user did before.

        With `again`, other options may change it until the next action.
        """
        place, choose = self.session.around(plane), self.session.choose
        self.session.do(partial(choose, place, find, mode, again=again, owner=self))


def inside(plane: Plane, point: Point) -> bool:
    """Return whether a point lies on a pixel of a plane."""
    return all(
        -0.5 <= p < size - 0.5 for p, size in zip(point, plane.shape, strict=True)
    )


class Picking(Gesture):
    """Gesture that previews a click; pressed and dragged, it changes the tolerance.

    Parameters
    ----------
    session : Session
    pick : callable
        Returns what finds the mask at a point.
    """

    def __init__(self, session: Session, pick: Pick) -> None:
        super().__init__(session)
        self._pick = pick
        self._point: Point = (0.0, 0.0)
        self._spot: Point = (0.0, 0.0)
        self._mode = "new"
        self._start = 0.0

    def hover(self, plane: Plane, point: Point) -> None:
        """Show what a click here would select."""
        if inside(plane, point):
            self._show(plane, point)
        else:
            self.drop()

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Take the color at a point."""
        if not inside(plane, point):
            raise ValueError(
                f"this is outside of {plane.layer.name!r}; click on one of its pixels"
            )
        self.plane, self._point, self._spot, self._mode = plane, point, spot, mode
        self._start = self.session.options.tolerance
        self._show(plane, point)

    def drag(self, point: Point, spot: Point) -> None:
        """Raise the tolerance to the right and down, lower it to the left and up."""
        if self.plane is None:
            return
        way = sum(new - old for new, old in zip(spot, self._spot, strict=True))
        if abs(way) < CLICK:
            way = 0.0
        tolerance = round(max(self._start + PER_PIXEL * way, 0.0), 1)
        if tolerance != self.session.options.tolerance:
            self.session.options.tolerance = tolerance
            self.session.tolerance_changed.emit(tolerance)
            self._show(self.plane, self._point)

    def release(self) -> None:
        """Select what is shown."""
        plane = self.plane
        if plane is None:
            return
        find, again, mode = self._chosen(plane)
        super().drop()
        self._select(plane, find, mode, again)

    def drop(self) -> None:
        """Cancel the gesture, and restore the tolerance."""
        if self.plane is not None and self.session.options.tolerance != self._start:
            self.session.options.tolerance = self._start
            self.session.tolerance_changed.emit(self._start)
        super().drop()

    def _chosen(self, plane: Plane) -> tuple[Find, Callable[..., Find], str]:
        """Return what finds the selection, what finds it again, and the mode."""
        again = partial(self._pick, self.session, plane, self._point)
        return again(), again, self._mode

    def _shown(self, plane: Plane, point: Point) -> Find:
        """Return what finds the preview of a point in a plane."""
        # A volume takes longer than one waits for a preview.
        return self._pick(self.session, plane, point, flat=True)

    def _show(self, plane: Plane, point: Point) -> None:
        def then(mask: Mask) -> None:
            self.session.preview.area(plane, mask)

        find = self._shown(plane, point)
        context = self.session.context(plane)
        self.session.background.preview(lambda: context.find(find()).mask, then)


class Dragging(Gesture):
    """Gesture that draws from the press to the release.

    Parameters
    ----------
    session : Session
    draw : callable
        Returns what finds the mask of the path.
    trace : callable
        Gives the corners (N, 2) that are shown for the path.
    """

    def __init__(self, session: Session, draw: Draw, trace: Trace) -> None:
        super().__init__(session)
        self._draw, self._trace = draw, trace
        self._path: list[Point] = []
        self._spot: Point = (0.0, 0.0)
        self._mode = "new"
        self._moved = False

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Start to draw."""
        self.plane, self._path, self._mode = plane, [point], mode
        self._spot, self._moved = spot, False

    def drag(self, point: Point, spot: Point) -> None:
        """Draw on."""
        if self.plane is None:
            return
        way = max(abs(a - b) for a, b in zip(spot, self._spot, strict=True))
        self._moved |= way >= CLICK
        self._path.append(point)
        shown = self._trace(self.session, self.plane, self._path)
        self.session.preview.path(self.plane, shown, closed=True)

    def release(self) -> None:
        """Select what was drawn; a mere click selects nothing at all."""
        plane, path = self.plane, self._path
        self.drop()
        if plane is None:
            return
        if self._moved:
            self._select(plane, self._draw(self.session, plane, path), self._mode)
        elif self._mode == "new":
            self.session.do(partial(self._deselect, plane))

    def _deselect(self, plane: Plane) -> None:
        place = self.session.around(plane)
        part = self.session.selection_in(place)
        if part is not None and selects(part):
            self.session.choose(place, lambda: Step.of("none"), "new")


class Clicking(Gesture):
    """Gesture that joins clicked points; Enter or a double click closes the path.

    Parameters
    ----------
    session, draw, trace
        As for `Dragging`; the path shown is computed in the background.
    """

    def __init__(self, session: Session, draw: Draw, trace: Trace) -> None:
        super().__init__(session)
        self._draw, self._trace = draw, trace
        self._path: list[Point] = []
        self._mode = "new"

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Set a point; the first one tells the plane and the mode."""
        if self.plane is None or not self._path:
            self.plane, self._path, self._mode = plane, [], mode
        # The second half of a double click.
        if not self._path or np.abs(np.subtract(point, self._path[-1])).max() >= 0.5:
            self._path.append(point)
        self._show(self._path)

    def hover(self, plane: Plane, point: Point) -> None:
        """Show the path to here."""
        if self._path:
            self._show([*self._path, point])

    def back(self) -> None:
        """Take the last point back."""
        if len(self._path) > 1:
            self._path.pop()
            self._show(self._path)
        else:
            self.drop()

    def finish(self) -> None:
        """Close the path and select what it goes around."""
        plane, path = self.plane, self._path
        self.drop()
        if plane is not None:
            self._select(plane, self._draw(self.session, plane, path), self._mode)

    def drop(self) -> None:
        """Forget the path."""
        self._path = []
        super().drop()

    def _show(self, path: list[Point]) -> None:
        plane, path = self.plane, list(path)
        if plane is None:
            return
        shown: Plane = plane

        def then(points: Any) -> None:
            self.session.preview.path(shown, points)

        self.session.background.preview(
            lambda: self._trace(self.session, shown, path), then
        )
