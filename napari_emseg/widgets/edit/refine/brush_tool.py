"""The selection brush: paints on the selection, and erases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.recipe.step import Step
from napari_emseg.widgets.edit.context import ImageKey
from napari_emseg.widgets.edit.gestures import Gesture, Point, inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.layers import Part, Plane
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session

# Corners of the circle that shows the brush.
_CORNERS = 48


class BrushTool(Gesture):
    """Adds what is under the brush and like its center, or whole regions; or erases.

    What it is about to select is shown while one paints.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._path: list[Point] = []
        self._mode = "add"
        self._found: NDArray[Any] | None = None
        self._shown = 0  # points of the path that are in it
        self._asked: ImageKey | None = None

    def hover(self, plane: Plane, point: Point) -> None:
        """Show the brush."""
        if not inside(plane, point):
            self.session.preview.clear()
            return
        turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
        circle = np.column_stack([np.sin(turn), np.cos(turn)]) * self._radius
        self.session.preview.path(plane, circle + np.array(point), closed=True)

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Start to paint; what is selected already stays, unless it is erased."""
        picture = self.session.picture(plane)
        self._mode = "subtract" if mode == "subtract" else "add"
        self.plane, self._path = plane, [_rounded(point)]
        self._found, self._shown = None, 0
        if self.session.options.regions:
            self._make_regions(picture)
        self._show()

    def drag(self, point: Point, spot: Point) -> None:
        """Paint on."""
        if self.plane is not None and _rounded(point) != self._path[-1]:
            self._path.append(_rounded(point))
            self._show()

    def release(self) -> None:
        """Select what was painted, or take it away."""
        plane = self.plane
        if plane is None:
            return
        find = self._finder(self.session.picture(plane), self._path)
        self.drop()
        self._select(plane, find, self._mode)

    def drop(self) -> None:
        """Forget what is being painted."""
        self._path, self._found = [], None
        super().drop()

    @property
    def _radius(self) -> float:
        return max(self.session.options.brush / 2, 0.5)

    def _make_regions(self, picture: Part) -> None:
        """Make the hierarchy; the panel shows meanwhile that there is work."""
        session, key = self.session, ImageKey.of(picture)
        if not key.same(self._asked):
            self._asked = key
            session.background.run(lambda: session.cache.tree(picture), lambda _: None)

    def _finder(self, picture: Part, path: list[Point]) -> Find:
        """Return what finds the step of a path."""
        session, options = self.session, self.session.options
        given: dict[str, Any] = {"path": tuple(path), "radius": self._radius}
        if options.regions:
            return lambda: Step.of("brush_regions", **given, level=options.level)
        given["sample_size"] = options.sample_size
        limit = options.tolerance

        def find() -> Step:
            scaled = session.cache.scaled(picture, limit)
            return Step.of("brush", **given, tolerance=scaled)

        return find

    def _show(self) -> None:
        """Show what is painted; only what came since the last time is worked out."""
        plane = self.plane
        if plane is None:
            return
        here: Plane = plane
        count = len(self._path)
        find = self._finder(self.session.picture(here), self._path[self._shown :])
        context = self.session.context(here)

        def then(mask: NDArray[Any]) -> None:
            if self.plane is not here:
                return
            self._found = mask if self._found is None else self._found | mask
            self._shown = count - 1
            self.session.preview.area(here, self._found)

        self.session.background.preview(lambda: context.find(find()).mask, then)


def _rounded(point: Point) -> Point:
    """Return a point as recipes have it: to a hundredth of a pixel."""
    return round(float(point[0]), 2), round(float(point[1]), 2)
