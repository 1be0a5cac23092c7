"""The region tool: regions of the hierarchy of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.widgets.edit.context import ImageKey
from napari_emseg.widgets.edit.gestures import CLICK, Picking, Point

if TYPE_CHECKING:
    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.gestures import Pick
    from napari_emseg.widgets.edit.session import Session

PER_PIXEL = 0.002  # level per pixel that a region is dragged on the canvas


class RegionTool(Picking):
    """Shows the region under the pointer; pressed and dragged, it changes the level.

    The hierarchy of an image is made once, in the background, and kept while the
    image stays the same.

    Parameters
    ----------
    session, pick
        As for `Picking`.
    """

    def __init__(self, session: Session, pick: Pick) -> None:
        super().__init__(session, self._region)
        self._find = pick
        self._start_level = 0.0
        self._asked: ImageKey | None = None

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Show the region at a point."""
        self._start_level = self.session.options.level
        super().press(plane, point, spot, mode)

    def drag(self, point: Point, spot: Point) -> None:
        """Make it larger to the right and down, smaller to the left and up."""
        if self.plane is None:
            return
        way = sum(new - old for new, old in zip(spot, self._spot, strict=True))
        if abs(way) < CLICK:
            way = 0.0
        level = float(np.clip(self._start_level + PER_PIXEL * way, 0, 1))
        if self._set_level(round(level, 2)):
            self._show(self.plane, self._point)

    def drop(self) -> None:
        """Select nothing, at the level of before."""
        if self.plane is not None:
            self._set_level(self._start_level)
        super().drop()

    def _set_level(self, level: float) -> bool:
        changed = level != self.session.options.level
        if changed:
            self.session.options.level = level
            self.session.level_changed.emit(level)
        return changed

    def _region(
        self, session: Session, plane: Plane, point: Point, *, flat: bool = False
    ) -> Find:
        picture = session.picture(plane)
        key = ImageKey.of(picture)
        if not key.same(self._asked):
            # The panel shows that there is work as long as this takes.
            self._asked = key
            session.background.run(lambda: session.cache.tree(picture), lambda _: None)
        return self._find(session, plane, point, flat=flat)
