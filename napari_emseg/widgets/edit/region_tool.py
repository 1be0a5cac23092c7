"""The region tool: regions of the hierarchy of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_emseg import select
from napari_emseg.layers import fingerprint
from napari_emseg.pipeline.image_hierarchy import hierarchy
from napari_emseg.recipe.step import Step
from napari_emseg.widgets.edit.context import SelectionResult
from napari_emseg.widgets.edit.gestures import CLICK, Picking, Point

if TYPE_CHECKING:
    from napari_emseg.engine.hierarchy.region_tree import RegionTree
    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session

    # Layer, slice and fingerprint of an image, and its data.
    Key: TypeAlias = tuple[tuple[Any, Any, int], Any]

PER_PIXEL = 0.002  # level per pixel that a region is dragged on the canvas


class RegionTool(Picking):
    """Shows the region under the pointer; pressed and dragged, it changes the level.

    The hierarchy of an image is made once, in the background, and kept while the
    image stays the same.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, self._region)
        self._start_level = 0.0
        self._asked: Key | None = None
        self._kept: tuple[Key, RegionTree] | None = None

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

    def _region(self, session: Session, plane: Plane, point: Point) -> Find:
        picture = session.picture(plane)
        level = session.options.level
        pixel = round(point[0]), round(point[1])
        mark = fingerprint(picture.data())
        key = (picture.layer, picture.at, mark), picture.layer.data
        if not _same(self._asked, key):
            # The panel shows that there is work as long as this takes.
            self._asked = key
            session.background.run(lambda: self._tree(picture, key), lambda _: None)

        def find() -> SelectionResult:
            mask = select.region_at(self._tree(picture, key), pixel, level)
            return SelectionResult(mask, Step.of("region_at", point=pixel, level=level))

        return find

    def _tree(self, picture: Plane, key: Key) -> RegionTree:
        """Return the hierarchy; the one thread of the background makes it."""
        if self._kept is None or not _same(self._kept[0], key):
            tree = hierarchy(np.asarray(picture.data()), rgb=picture.layer.rgb)
            self._kept = key, tree
        return self._kept[1]


def _same(old: Key | None, new: Key) -> bool:
    """Whether two keys are of one image; its data are compared by identity."""
    return old is not None and old[0] == new[0] and old[1] is new[1]
