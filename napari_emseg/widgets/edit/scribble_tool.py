"""The scribble tool: strokes on a layer of their own, and what they select or draw."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg import select
from napari_emseg.layers import add_quietly, selects
from napari_emseg.layers.edits import preserved
from napari_emseg.layers.geometry import Plane
from napari_emseg.layers.selection import fits, new_selection
from napari_emseg.recipe.execute import call
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step
from napari_emseg.widgets.edit.gestures import Gesture, Point

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.layers.recipe_log import RecordedEdit
    from napari_emseg.widgets.edit.session import Changes, Session

NAME, KIND = "strokes", "strokes"
BACKGROUND, OBJECT = 1, 2
MAX_LABEL = 255


class ScribbleTool(Gesture):
    """Paints strokes; after each of them, what they select or draw is worked out anew.

    Strokes correct what is selected: they add, or take away if they subtract. With
    nothing selected, they select an object, those that subtract being its surroundings.
    Or they draw classes: the selected label of the labels layer, into what is selected.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._path: list[Point] = []
        self._class = OBJECT
        self._layer: Labels | None = None
        # What the strokes of that layer draw into; None is a selection.
        self._into: Labels | None = None

    def press(self, plane: Plane, point: Point, spot: Point, mode: str) -> None:
        """Start a stroke."""
        if self.session.options.classes:
            self._class = self._selected_class()
        else:
            self._class = BACKGROUND if mode == "subtract" else OBJECT
        self.plane, self._path = plane, [point]
        self._show()

    def drag(self, point: Point, spot: Point) -> None:
        """Continue the stroke."""
        if self.plane is not None:
            self._path.append(point)
            self._show()

    def release(self) -> None:
        """Add the stroke, and update what the strokes select or draw."""
        plane, path, label = self.plane, self._path, self._class
        self.drop()
        if plane is None:
            return
        self.session.picture(plane)
        labels = self.session.labels if self.session.options.classes else None
        options = self.session.options
        self.session.do(
            partial(
                self._paint,
                plane,
                path,
                label,
                options.brush,
                labels,
                contiguous=options.contiguous,
            )
        )

    def _paint(
        self,
        plane: Plane,
        path: list[Point],
        label: int,
        width: int,
        labels: Labels | None,
        *,
        contiguous: bool,
    ) -> None:
        """Add a stroke, and select or draw what follows from all strokes."""
        target = Plane(self._strokes(plane, labels), plane.at)
        # Strokes of one class select nothing yet, and a layer takes napari its time.
        before = np.asarray(target.data())
        chosen = self.session.selection_in(plane) if labels is None else None
        if labels is None and ((before != 0) & (before != label)).any():
            chosen = self.session.on_selection(plane)
        context = self.session.context(plane)
        locked = frozenset(self.session.locked)

        def make() -> RecordedEdit:
            marks = np.array(target.data())
            drawn = cv2.polylines(
                np.zeros(plane.shape, np.uint8), [_spots(path)], False, 1, width
            )
            marks[drawn > 0] = label
            changes: Changes = [(target.layer, target.edit(marks))]
            several = len(np.unique(marks[marks > 0])) > 1
            # "Everything like it" is no correction of what is selected.
            corrected = chosen is not None and contiguous and selects(chosen)
            if not (several or corrected) or (labels is None and chosen is None):
                return context.record(None, changes)
            if chosen is not None:
                step = Step.of("scribbles", strokes=pack(marks), contiguous=contiguous)
                if corrected:
                    step = Step.of("correct", strokes=pack(marks))
                found = np.asarray(call(step, context))
                after = select.to_bytes(found)
                changes.append((chosen.layer, chosen.edit(after)))
                return context.record(step, changes, found, after)
            assert labels is not None
            kept = preserved(labels, context.labels)
            step = Step.of(
                "draw",
                strokes=pack(marks),
                contiguous=contiguous,
                inside=context.area is not None,
                locked=sorted(locked.union(kept)),
            )
            changes.append((labels, plane.edit(call(step, context))))
            return context.record(step, changes)

        self.session.change(make)

    def cancel(self) -> None:
        """Drop the stroke that is being painted; without one, all strokes."""
        painting = self.plane is not None
        self.drop()
        if painting or self._layer not in self.session.viewer.layers:
            return
        plane = self.session.plane()
        if self._layer is None or not fits(self._layer, plane.layer):
            return
        target = Plane(self._layer, plane.at)
        if np.asarray(target.data()).any():
            self.session.apply(
                [(target.layer, target.edit(np.zeros(plane.shape, np.uint8)))]
            )

    def remove_strokes(self) -> None:
        """Remove the layer of the strokes."""
        self.drop()
        if self._layer in self.session.viewer.layers:
            self.session.viewer.layers.remove(self._layer)
        self._layer = None

    def _selected_class(self) -> int:
        labels = self.session.labels
        if labels is None or labels not in self.session.viewer.layers:
            raise ValueError(
                "strokes draw classes into a Labels layer, but none is chosen; choose "
                "one in the panel"
            )
        label = int(labels.selected_label)
        if not 1 <= label <= MAX_LABEL:
            raise ValueError(
                f"strokes draw the selected label, which is {label}; select one from "
                f"1 to {MAX_LABEL}"
            )
        if label in self.session.locked:
            raise ValueError(f"label {label} is locked; unlock it, or select another")
        return label

    def _strokes(self, plane: Plane, into: Labels | None) -> Labels:
        """Return the layer of the strokes; another one for another purpose."""
        layer, viewer = self._layer, self.session.viewer
        if layer is not None and layer in viewer.layers:
            if fits(layer, plane.layer) and self._into is into:
                return layer
            self.remove_strokes()
        layer = new_selection(viewer, plane.layer, name=NAME, kind=KIND)
        layer.colormap = _colors(self.session)
        layer.opacity = 0.8
        add_quietly(viewer, layer)
        self._layer, self._into = layer, into
        return layer

    def _show(self) -> None:
        if self.plane is not None:
            width = self.session.options.brush
            self.session.preview.path(self.plane, self._path, width=width)


def _spots(path: list[Point]) -> NDArray[np.int32]:
    # OpenCV draws nothing of a single point; a line of no length is a dot.
    points = path if len(path) > 1 else path * 2
    return np.rint(np.asarray(points)).astype(np.int32)[:, np.newaxis, ::-1]


def _colors(session: Session) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    colors: dict[int | None, Any] = {None: "magenta", 0: "transparent"}
    if session.options.classes and session.labels is not None:
        for label in range(1, MAX_LABEL + 1):
            colors[label] = session.labels.get_color(label)
    else:
        colors |= {BACKGROUND: "crimson", OBJECT: "lime"}
    return DirectLabelColormap(color_dict=colors)
