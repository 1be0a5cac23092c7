"""The tools of the panel: what the mouse does for each selection that is one."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Labels

from napari_emseg import select
from napari_emseg.recipe.operation_schema import OURS
from napari_emseg.recipe.operations import OPERATIONS, ROWS
from napari_emseg.recipe.step import Step
from napari_emseg.widgets.edit.context import PLANE, ToolSettings
from napari_emseg.widgets.edit.gestures import (
    Clicking,
    Dragging,
    Gesture,
    Picking,
    Point,
)
from napari_emseg.widgets.edit.refine.brush_tool import BrushTool
from napari_emseg.widgets.edit.refine.range_tool import RangeTool
from napari_emseg.widgets.edit.region_tool import RegionTool
from napari_emseg.widgets.edit.scribble_tool import ScribbleTool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_emseg.layers import Part, Plane
    from napari_emseg.recipe.operation_schema import Operation
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session

# Arguments of operations that the panel has a setting for.
SETTINGS = {field.name for field in fields(ToolSettings)} - OURS


class Tool(NamedTuple):
    """A tool of the panel.

    Attributes
    ----------
    name, title, key, help : str
        As of its `ToolLabel`.
    make : callable
        Returns the gesture.
    operation : Operation
        What it does.
    """

    name: str
    title: str
    key: str
    help: str
    make: Callable[[Session], Gesture]
    operation: Operation

    def why_not(self, session: Session) -> str:
        """Return why the tool cannot be used now; empty if it can."""
        if session.viewer.dims.ndisplay != 2:
            return SPACE
        if session.options.scope == PLANE:
            return ""
        if self.operation.name in FLAT:
            return f"{self.title} works in a plane: set Edit in to Plane"
        if "point" in self.operation.args.model_fields or self.name == "color_range":
            return ""
        shown = session.shown()
        if shown is not None and shown.axes != session.around(shown).axes[-2:]:
            return f"{self.title} cuts through the planes of Y and X: display these"
        return ""


# Why no tool can be used in the 3D view, and those that know no volumes.
SPACE = "Tools point at one plane: go back to the 2D view, with Ctrl+Y on the canvas"
FLAT = frozenset({"brush", "region_at", "scribbles"})


def _check(row: Operation, session: Session, place: Part) -> Part | None:
    """Return the part of the image if an operation looks at it.

    Raises
    ------
    ValueError
        If it lacks its image or its labels.
    """
    picture = None
    if not {"image", "colors", "tree"}.isdisjoint(row.inputs):
        picture = session.picture(place)
    if "labels" in row.inputs and not isinstance(place.layer, Labels):
        raise ValueError(
            "this tool selects classes of a Labels layer, but none is chosen; segment "
            "the image, or choose one in the panel"
        )
    return picture


def _pick(
    row: Operation,
    session: Session,
    plane: Plane,
    point: Point,
    *,
    flat: bool = False,
    **options: Any,
) -> Find:
    """Return what finds the step of an operation at a point.

    A preview is `flat`: in the plane, with the tolerance of what will be selected.
    """
    place = session.around(plane)
    picture = _check(row, session, place)
    shared = SETTINGS.intersection(row.args.model_fields) - {*options}
    options |= {name: getattr(session.options, name) for name in shared}
    spot = _within(plane if flat else place, plane, [point])[0]
    options["point"] = tuple(round(value) for value in spot)

    def find() -> Step:
        if picture is not None and "colors" in row.inputs and "tolerance" in options:
            scaled = session.cache.scaled(picture, options["tolerance"])
            return Step.of(row.name, **options | {"tolerance": scaled})
        return Step.of(row.name, **options)

    return find


def _pick_range(
    row: Operation,
    session: Session,
    plane: Plane,
    points: Sequence[Point],
    minus: Sequence[Point] = (),
    *,
    flat: bool = False,
) -> Find:
    """Return what finds the colors at points of a plane, but not those at others."""
    place = session.around(plane)
    picture = _check(row, session, place)
    assert picture is not None
    here, options = plane if flat else place, session.options
    limit = options.tolerance
    given = {
        name: [tuple(round(value) for value in at) for at in _within(here, plane, some)]
        for name, some in (("points", points), ("minus", minus))
        if some
    }

    def find() -> Step:
        scaled = session.cache.scaled(picture, limit)
        size = options.sample_size
        return Step.of(row.name, **given, tolerance=scaled, sample_size=size)

    return find


def _draw(row: Operation, session: Session, plane: Plane, path: list[Point]) -> Find:
    """Return what finds the step of an operation for a path."""
    place = session.around(plane)
    _check(row, session, place)
    known = row.args.model_fields
    if "corner" in known:
        step = Step.of(row.name, corner=path[0], opposite=path[-1])
    elif len(path) < 3:
        raise ValueError(
            "a line goes around nothing; draw around what is to be selected"
        )
    else:
        name = "path" if "path" in known else "points"
        given: Any = path
        if "shape" not in row.inputs:
            given = _within(place, plane, _held(plane, path))
        step = Step.of(row.name, **{name: given})
    return lambda: step


def _box(session: Session, plane: Plane, path: list[Point]) -> Find:
    place = session.around(plane)
    session.picture(place)
    low = np.maximum(np.min([path[0], path[-1]], axis=0) + 0.5, 0)
    high = np.max([path[0], path[-1]], axis=0) + 0.5
    if (np.rint(np.minimum(high, plane.shape)) <= np.rint(low)).any():
        raise ValueError(
            "this box holds no pixel of the image; drag from corner to corner around "
            "the object"
        )
    drawn = None if place is plane else plane.at[place.axes[0]]
    step = Step.of("box", box=(*low.tolist(), *high.tolist()), plane=drawn)
    return lambda: step


def _within(
    place: Part, plane: Plane, path: Sequence[Point]
) -> list[tuple[float, ...]]:
    """Return points of a plane as those of the volume that it is in."""
    found = []
    for point in path:
        own = iter(point)
        every = [next(own) if index is None else index for index in plane.at]
        found.append(tuple(every[axis] for axis in place.axes))
    return found


def _held(plane: Plane, path: list[Point]) -> list[tuple[int, int]]:
    """Pixels of a path, those outside of the plane moved to its sides."""
    high = np.array(plane.shape) - 1
    return [
        (int(y), int(x))
        for y, x in np.clip(np.rint(np.asarray(path)), 0, high).tolist()
    ]


def _as_it_is(session: Session, plane: Plane, path: list[Point]) -> list[Point]:
    return path


def _frame(session: Session, plane: Plane, path: list[Point]) -> list[Point]:
    (y0, x0), (y1, x1) = path[0], path[-1]
    return [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]


def _oval(session: Session, plane: Plane, path: list[Point]) -> Any:
    ends = np.array([path[0], path[-1]])
    turn = np.linspace(0, 2 * np.pi, 72)
    around = np.column_stack([np.sin(turn), np.cos(turn)])
    return ends.mean(axis=0) + around * np.ptp(ends, axis=0) / 2


def _snapped(session: Session, plane: Plane, path: list[Point]) -> Any:
    points = _held(plane, path)
    if len(points) < 2:
        return points
    picture = session.picture(plane)
    data = np.asarray(picture.data())
    return select.scissors_path(data, points, **picture.reading)


# Tools whose gesture their arguments do not tell, and other paths to show.
GESTURES: dict[str, Callable[[Session], Gesture]] = {
    "color_range": lambda session: RangeTool(
        session, partial(_pick_range, OPERATIONS["color_range"])
    ),
    "region_at": lambda session: RegionTool(
        session, partial(_pick, OPERATIONS["region_at"])
    ),
    "brush": BrushTool,
    "scribbles": ScribbleTool,
    "box": lambda session: Dragging(session, _box, _frame),
}
TRACES: dict[str, Callable[..., Any]] = {"ellipse": _oval, "scissors": _snapped}


def _gesture(row: Operation, session: Session) -> Gesture:
    """Return what the mouse does for an operation."""
    if row.name in GESTURES:
        return GESTURES[row.name](session)
    known = row.args.model_fields
    if "point" in known:
        return Picking(session, partial(_pick, row))
    kind = Clicking if "points" in known else Dragging
    trace = TRACES.get(row.name, _frame if "corner" in known else _as_it_is)
    return kind(session, partial(_draw, row), trace)


TOOLS = tuple(
    Tool(
        row.tool.icon or row.name,
        row.tool.title,
        row.tool.key,
        row.tool.help,
        partial(_gesture, row),
        row,
    )
    for row in ROWS
    if row.tool
)
