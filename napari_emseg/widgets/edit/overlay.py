"""The preview of a tool, drawn over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_emseg.layers import add_quietly, placement, show
from napari_emseg.layers.geometry import expand_slice
from napari_emseg.layers.metadata import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.layers import Plane

AREA, LINE = 1, 2
NAME = "preview"
_COLORS: dict[int | None, Any] = {
    None: "transparent",
    0: "transparent",
    AREA: "cyan",
    LINE: "yellow",
}


class Overlay:
    """A layer over one plane, added by the first drawing and removed by `hide`.

    Until then it stays, empty at times: adding and removing layers takes napari so long
    that it is felt.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where it is shown.
    colors : dict, optional
        Of what is drawn, as napari takes them.
    opacity : float, optional
        Of the layer.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        colors: Mapping[int | None, Any] | None = None,
        opacity: float = 0.5,
    ) -> None:
        self._viewer, self._opacity = viewer, opacity
        self._colors = dict(_COLORS if colors is None else colors)
        self._layer: Labels | None = None
        self._plane: Plane | None = None
        self._drawn: tuple[slice, slice] | None = None
        self._step = 1

    @property
    def shown(self) -> NDArray[np.uint8]:
        """What is drawn, (Y, X): `AREA`, `LINE`, or 0; without pixels if nothing is."""
        if self._layer is None or self._plane is None or self._drawn is None:
            return np.zeros((0, 0), np.uint8)
        return self._canvas(self._plane).copy()

    def area(self, plane: Plane, mask: NDArray[Any]) -> None:
        """Show a selection: (Y, X) of bool, or coverage."""
        canvas = self._start(plane)
        canvas[:] = mask if mask.dtype == bool else mask >= 0.5
        self._finish(tuple(slice(0, size) for size in plane.shape))

    def values(
        self,
        plane: Plane,
        values: NDArray[np.uint8],
        box: tuple[slice, slice],
        step: int = 1,
    ) -> None:
        """Show numbers of colors in a box (y, x) of a plane, and nothing around it.

        Each stands for a square of `step` pixels; the box counts these.
        """
        self._start(plane, step)[box] = values
        self._finish(box)

    def path(
        self,
        plane: Plane,
        points: Sequence[Sequence[float]] | NDArray[Any],
        *,
        closed: bool = False,
        width: int = 0,
    ) -> None:
        """Show a path through points (y, x); `width` pixels wide, 0 for a thin line."""
        canvas = self._start(plane)
        spots = np.rint(np.asarray(points, float)).astype(np.int32)
        thick = width or self.line_width(plane)
        cv2.polylines(canvas, [spots[:, np.newaxis, ::-1]], closed, LINE, thick)
        margin = thick + 1
        low = np.maximum(spots.min(axis=0) - margin, 0)
        high = np.minimum(spots.max(axis=0) + margin + 1, plane.shape)
        box = tuple(
            slice(int(a), max(int(b), int(a))) for a, b in zip(low, high, strict=True)
        )
        self._finish(box)

    def clear(self) -> None:
        """Show nothing."""
        if self._layer is not None and self._drawn is not None:
            box = self._erase()
            self._show(box)

    def hide(self) -> None:
        """Remove the layer."""
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = self._plane = self._drawn = None

    def lie_over(self, layer: Labels | None) -> None:
        """Lie over a layer that was added since, from the next drawing on."""
        layers = list(self._viewer.layers)
        there = self._layer in layers and layer in layers
        if there and layers.index(self._layer) < layers.index(layer):
            self.hide()

    def _start(self, plane: Plane, step: int = 1) -> NDArray[np.uint8]:
        """Return the empty pixels of a plane."""
        same = (
            self._plane is not None
            and _over(self._plane, plane)
            and self._plane.axes == plane.axes
            and self._plane.shape == plane.shape
            and self._step == step
            and self._layer in self._viewer.layers
        )
        if not same:
            self.hide()
            self._step = step
            self._add(plane)
        self._old = self._erase()
        assert self._layer is not None
        assert self._plane is not None
        if self._plane.at != plane.at:
            self._plane = plane
            self._layer.translate = self._place(plane)["translate"]
        return self._canvas(plane)

    def _finish(self, box: tuple[slice, ...]) -> None:
        y, x = box
        self._drawn = y, x
        old_y, old_x = self._old or self._drawn
        self._show(
            (
                slice(min(y.start, old_y.start), max(y.stop, old_y.stop)),
                slice(min(x.start, old_x.start), max(x.stop, old_x.stop)),
            )
        )

    def _erase(self) -> tuple[slice, slice] | None:
        box, self._drawn = self._drawn, None
        if box is not None and self._layer is not None and self._plane is not None:
            self._canvas(self._plane)[box] = 0
        return box

    def _show(self, box: tuple[slice, slice] | None) -> None:
        if box is None or self._layer is None or self._plane is None:
            return
        where = [slice(0, 1)] * self._layer.ndim
        for axis, part in zip(self._plane.axes, box, strict=True):
            where[axis] = part
        if all(part.stop > part.start for part in where):
            show(self._layer, tuple(where))

    def _add(self, plane: Plane) -> None:
        self._layer = Labels(
            expand_slice(np.zeros(self._size(plane), np.uint8), plane.at),
            name=NAME,
            opacity=self._opacity,
            colormap=DirectLabelColormap(color_dict=self._colors),
            metadata={MARK: NAME},
            **self._place(plane),
        )
        self._plane = plane
        add_quietly(self._viewer, self._layer)

    def _size(self, plane: Plane) -> tuple[int, ...]:
        return tuple(-(-size // self._step) for size in plane.shape)

    def _canvas(self, plane: Plane) -> NDArray[np.uint8]:
        """Return the pixels that are drawn in, a view."""
        assert self._layer is not None
        pixels: NDArray[np.uint8] = self._layer.data.reshape(self._size(plane))
        return pixels

    def _place(self, plane: Plane) -> dict[str, Any]:
        """Return where the layer lies: the middle of its first pixel, and its scale."""
        middle = (self._step - 1) / 2
        at = [middle if index is None else index for index in plane.at]
        found = placement(plane.layer, at)
        scale = np.array(found["scale"], float)
        scale[plane.axes] *= self._step
        return found | {"scale": scale}

    def line_width(self, plane: Plane) -> int:
        """Return the width in pixels of a line that is seen at the present zoom."""
        camera = getattr(self._viewer, "scene", self._viewer).camera
        size = float(np.max(np.abs(np.asarray(plane.layer.scale)[plane.axes])))
        return max(1, round(1.5 / (camera.zoom * size)))


def _over(one: Plane, other: Plane) -> bool:
    """Return whether what lies over a plane lies over another, but for its slice."""
    same = one.layer is other.layer
    return same or (one.layer.ndim == other.layer.ndim and one.lies_on(other))
