"""Marks on the canvas: objects that are chosen, left out, or would be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.layers import displayed_plane
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.widgets.common.navigation import show_point
from napari_emseg.widgets.edit.overlay import AREA, LINE, Overlay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.layers import Plane
    from napari_emseg.regions.instances import Objects
    from napari_emseg.widgets.objects.object_session import ObjectSession

MARKS = "marks"  # a kind of previews
OUT = 3
COLORS: dict[int | None, Any] = {
    None: "transparent",
    0: "transparent",
    AREA: "cyan",
    LINE: "yellow",
    OUT: (0.0, 0.0, 0.0, 0.75),
}
# Pixels that are drawn at once: more are felt.
_MOST = 2**22


class ObjectMarks:
    """Draws over the canvas what is chosen and what the filter leaves out.

    Parameters
    ----------
    session : ObjectSession

    Attributes
    ----------
    overlay : Overlay
    """

    def __init__(self, session: ObjectSession) -> None:
        self._session = session
        self.overlay = Overlay(session.viewer, COLORS, opacity=1.0)
        self._outlined = False
        session.chosen_changed.connect(self.refresh)
        session.filter_changed.connect(self.refresh)
        session.table_changed.connect(self.refresh)
        session.found.connect(self.outline)

    def refresh(self, event: object = None) -> None:
        """Draw what is chosen, and what is left out."""
        session = self._session
        layer, objects, inside = session.layer, session.objects, session.inside()
        chosen, table = session.chosen, session.table
        nothing = inside is None or not (len(chosen) or not inside.all())
        if layer is None or objects is None or table is None or nothing:
            session.background.drop(MARKS)
            if not self._outlined:
                self.overlay.clear()
            return
        try:
            plane = displayed_plane(session.viewer, layer)
        except ValueError:
            self.overlay.clear()
            return
        colors = np.zeros(len(objects.classes), np.uint8)
        step = 1
        if inside is not None and not inside.all():
            colors[table["label"][~inside]] = OUT
            # They may be all over the plane.
            step = max(1, int(np.ceil(np.sqrt(np.prod(plane.shape) / _MOST))))
        colors[chosen[chosen < len(colors)]] = AREA
        data, width = plane.data(), self.overlay.line_width(plane)

        def work() -> tuple[NDArray[np.uint8], Any]:
            labels = np.asarray(data[::step, ::step])
            # What was painted since has no color yet.
            values = np.take(colors, labels, mode="clip")
            box = bounding_box(values > 0)
            values = values[box].copy()
            thick = -(-width // step)
            values[_inner(np.where(values == AREA, labels[box], 0), thick)] = 0
            return values, box

        self._draw(plane, work, step)

    def outline(self, result: tuple[Objects, Plane | None] | None) -> None:
        """Draw the outlines of objects that are not made yet."""
        session = self._session
        made, where = (None, None) if result is None else result
        self._outlined = made is not None and where is not None
        if made is None or where is None:
            self.refresh()
            return
        plane = where
        if np.prod(plane.shape) > _MOST:
            return

        def work() -> tuple[NDArray[np.uint8], Any]:
            values = outlines_of(made.labels.reshape(plane.shape)) * np.uint8(LINE)
            box = bounding_box(values > 0)
            return values[box].copy(), box

        session.choose([])
        self._draw(plane, work)

    def forget_outlines(self) -> None:
        """Take away the outlines of objects that are not made."""
        if self._outlined:
            self._outlined = False
            self.overlay.clear()

    def go_to(self, number: int) -> None:
        """Move sliders and camera to an object."""
        session = self._session
        table, layer = session.table, session.layer
        if table is None or layer is None or layer not in session.viewer.layers:
            return
        row = int(np.flatnonzero(table["label"] == number)[0])
        planes = [name for name in table if name.startswith("plane")]
        point = [float(table[name][row]) for name in planes]
        sides = []
        for axis in "zyx":
            if f"first_{axis}" in table:
                ends = [float(table[f"{end}_{axis}"][row]) for end in ("first", "last")]
                point.append(sum(ends) / 2)
                sides.append(ends[1] - ends[0] + 1)
        point = [0.0] * (layer.ndim - len(point)) + point
        show_point(session.viewer, layer, point, max(sides))

    def hide(self) -> None:
        """Take all marks away."""
        self._outlined = False
        self.overlay.hide()

    def _draw(self, plane: Plane, work: Any, step: int = 1) -> None:
        viewer = self._session.viewer

        def then(result: tuple[NDArray[np.uint8], Any]) -> None:
            values, box = result
            if plane.layer not in viewer.layers:
                return
            self.overlay.lie_over(self._session.layer)
            if 0 < values.size <= _MOST:
                self.overlay.values(plane, values, box, step)
            else:
                self.overlay.clear()

        self._session.background.preview(work, then, MARKS)


def outlines_of(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the pixels of objects at which another object, or none, begins.

    Examples
    --------
    >>> outlines_of(np.array([[1, 1, 1, 2, 2, 2, 0]])).astype(int)
    array([[0, 0, 1, 1, 0, 1, 0]])
    """
    found = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        one = labels[1:] if axis == 0 else labels[:, 1:]
        other = labels[:-1] if axis == 0 else labels[:, :-1]
        apart = one != other
        (found[1:] if axis == 0 else found[:, 1:])[...] |= apart
        (found[:-1] if axis == 0 else found[:, :-1])[...] |= apart
    return found & (labels > 0)


def _inner(labels: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Return the pixels of objects that are farther than a width from their outline."""
    inside = ~outlines_of(labels) & (labels > 0)
    if width > 1 and inside.size:
        kernel = np.ones((2 * width - 1, 2 * width - 1), np.uint8)
        inside = cv2.erode(inside.astype(np.uint8), kernel).astype(bool)
    return inside
