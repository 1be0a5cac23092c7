"""The table of tools: what each is called, and what it selects."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Labels

from napari_emseg import select
from napari_emseg.recipe.step import Step
from napari_emseg.widgets.edit.gestures import (
    Clicking,
    Dragging,
    Gesture,
    Picking,
    Point,
)
from napari_emseg.widgets.edit.region_tool import RegionTool
from napari_emseg.widgets.edit.scribble_tool import ScribbleTool

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_emseg.layers import Plane
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session


class Tool(NamedTuple):
    """A row of the table of tools.

    Attributes
    ----------
    name, title, key, help : str
        Name of the icon, title, the key that activates it while another tool is
        active, and what the user does.
    make : callable
        Returns the gesture.
    """

    name: str
    title: str
    key: str
    help: str
    make: Callable[[Session], Gesture]


def _wand(
    session: Session, plane: Plane, point: Point, *, everywhere: bool = False
) -> Find:
    picture, given = session.picture(plane), session.options.tolerance
    options = {
        "point": _pixel(point),
        "contiguous": session.options.contiguous and not everywhere,
        "sample_size": session.options.sample_size,
    }

    def find() -> Step:
        ready = session.prepared(picture)
        limit = given if ready.picture.rgb else ready.span * given / 100
        return Step.of("wand", tolerance=limit, **options)

    return find


def _class(session: Session, plane: Plane, point: Point) -> Find:
    if not isinstance(plane.layer, Labels):
        raise ValueError(
            "the class tool selects classes of a Labels layer, but none is chosen; "
            "segment the image, or choose one in the panel"
        )
    contiguous = session.options.contiguous
    step = Step.of("by_label", point=_pixel(point), contiguous=contiguous)
    return lambda: step


def _pixel(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _box(session: Session, plane: Plane, path: list[Point]) -> Find:
    session.picture(plane)
    low = np.maximum(np.min([path[0], path[-1]], axis=0) + 0.5, 0)
    high = np.max([path[0], path[-1]], axis=0) + 0.5
    if (np.rint(np.minimum(high, plane.shape)) <= np.rint(low)).any():
        raise ValueError(
            "this box holds no pixel of the image; drag from corner to corner around "
            "the object"
        )
    step = Step.of("box", box=(*low.tolist(), *high.tolist()))
    return lambda: step


def _scissors(session: Session, plane: Plane, path: list[Point]) -> Find:
    session.picture(plane)
    step = Step.of("scissors", points=_held(plane, path))
    return lambda: step


def _held(plane: Plane, path: list[Point]) -> list[tuple[int, int]]:
    """Pixels of a path, those outside of the plane moved to its sides."""
    high = np.array(plane.shape) - 1
    return [
        (int(y), int(x))
        for y, x in np.clip(np.rint(np.asarray(path)), 0, high).tolist()
    ]


def _outline(name: str, points: str) -> Callable[..., Find]:
    """Return what fills the outline of a path, without looking at the image."""

    def draw(session: Session, plane: Plane, path: list[Point]) -> Find:
        if len(path) < 3:
            raise ValueError(
                "a line goes around nothing; draw around what is to be selected"
            )
        step = Step.of(name, **{points: path})
        return lambda: step

    return draw


def _corners(name: str) -> Callable[..., Find]:
    def draw(session: Session, plane: Plane, path: list[Point]) -> Find:
        step = Step.of(name, corner=path[0], opposite=path[-1])
        return lambda: step

    return draw


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
    return select.scissors_path(data, points, rgb=picture.layer.rgb)


def _drag(draw: Callable[..., Find], trace: Callable[..., Any]) -> Any:
    return lambda session: Dragging(session, draw, trace)


def _click(draw: Callable[..., Find], trace: Callable[..., Any]) -> Any:
    return lambda session: Clicking(session, draw, trace)


def _pick(pick: Callable[..., Find]) -> Any:
    return lambda session: Picking(session, pick)


CLICKS = "Backspace takes the last point back, Enter or a double click closes."
PRESS = "Press and drag to the right for more tolerance, to the left for less."
COARSER = "Press and drag to the right for a larger one, to the left for a smaller one."
TOOLS = (
    Tool("wand", "Magic wand", "W", f"Click a color. {PRESS}", _pick(_wand)),
    Tool(
        "color_range",
        "Color range",
        "Q",
        f"Click a color to select it everywhere. {PRESS}",
        _pick(partial(_wand, everywhere=True)),
    ),
    Tool("class", "Class", "J", "Click a class or a piece of it.", _pick(_class)),
    Tool("region", "Region", "H", f"Click a region. {COARSER}", RegionTool),
    Tool(
        "scribbles",
        "Scribbles",
        "Shift+D",
        "Paint strokes on the object, and around it with Alt. Escape forgets them.",
        ScribbleTool,
    ),
    Tool("box", "Object in a box", "K", "Drag a box around it.", _drag(_box, _frame)),
    Tool(
        "lasso",
        "Lasso",
        "N",
        "Draw around it.",
        _drag(_outline("lasso", "path"), _as_it_is),
    ),
    Tool(
        "polygon",
        "Polygon",
        "G",
        f"Click corners. {CLICKS}",
        _click(_outline("polygon", "points"), _as_it_is),
    ),
    Tool(
        "scissors",
        "Scissors",
        "Shift+S",
        f"Click points along an edge; the path follows it. {CLICKS}",
        _click(_scissors, _snapped),
    ),
    Tool(
        "rectangle",
        "Rectangle",
        "Shift+R",
        "Drag from corner to corner.",
        _drag(_corners("rectangle"), _frame),
    ),
    Tool(
        "ellipse",
        "Ellipse",
        "Shift+E",
        "Drag from corner to corner.",
        _drag(_corners("ellipse"), _oval),
    ),
)
