"""Results side by side, one in each cell of napari's grid."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.layers import add_to
from napari_emseg.layers.history import changing_together
from napari_emseg.layers.undo.shared_history import note_added
from napari_emseg.widgets.common.canvas_widget import find_canvas

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_emseg.layers import LayerStyle, PictureLayers, SliceIndex
    from napari_emseg.pipeline.segmentation import Segmentation

OPACITY = 0.7  # of napari's own Labels layers
GRID = (True, 1)  # enabled, stride
FONT = 8  # points of a name in its cell


class Gallery:
    """Layers of results in a grid, next to their image; other layers are hidden.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where.
    picture : PictureLayers
        What was segmented.
    at : tuple of int or None
        Which part of it; None is all.
    count : int
        How many results there will be: their cells are made at once, where napari can.

    Attributes
    ----------
    image : napari.layers.Image
        The layer that gives the picture its name and place.
    layers : list of napari.layers.Labels
        One for each result.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        picture: PictureLayers,
        at: SliceIndex | None,
        count: int,
    ) -> None:
        self.picture, self.at = picture, at
        self.image = image = picture.lead
        self.layers: list[Labels] = []
        self._viewer, self._count = viewer, count
        # Since napari 0.9 the grid belongs to the canvas.
        self._grid: Any = getattr(viewer, "canvas", viewer).grid
        self._camera: Any = getattr(viewer, "scene", viewer).camera
        self._before = self._state()
        self._view = (self._camera.center, self._camera.zoom)
        self._hidden = [
            layer for layer in viewer.layers if layer.visible and layer is not image
        ]
        self._image_seen = image.visible
        self._shape = (-1, -1)
        if hasattr(viewer, "canvas"):  # before, what is hidden has cells, too
            self._shape = self._cells(1 + count)
        with changing_together(viewer.layers):
            for layer in self._hidden:
                layer.visible = False
            image.visible = True
            self._name(image, True)
            self._set_grid((*GRID, self._shape))
        # Or what was magnified before is all that is seen until a first result comes.
        viewer.reset_view()

    def add(self, seg: Segmentation, title: str, style: LayerStyle) -> Labels:
        """Show one more result.

        Parameters
        ----------
        seg : Segmentation
            Of the image.
        title : str
            What it is called, in the layer list and on the canvas.
        style : LayerStyle
            Of `prepare_style`.

        Returns
        -------
        napari.layers.Labels
        """
        with changing_together(self._viewer.layers):
            layer = add_to(self._viewer, seg, self.picture, at=self.at, look=style)
            note_added(self._viewer, layer, f"took a result of {self.image.name}")
            layer.name = title
            layer.opacity = 1.0
            self._name(layer, True)
        self.layers.append(layer)
        if -1 in self._shape:  # there is less room for each now
            self._viewer.reset_view()
        return layer

    def close_up(self) -> None:
        """Leave no cells for results that do not come."""
        few = len(self.layers) < self._count and -1 not in self._shape
        if few and self._state() == (*GRID, self._shape):
            self._grid.shape = self._shape = self._cells(1 + len(self.layers))
            self._viewer.reset_view()

    def close(self, keep: Labels | None = None) -> None:
        """Remove the results but one, and show everything else as it was."""
        with changing_together(self._viewer.layers):
            self._set_grid(self._before)
            for layer in self.layers:
                if layer is not keep and layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
            self._show_others()
        self.layers = []
        if keep is not None:
            keep.name = f"{self.image.name} classes"
            keep.opacity = OPACITY
            self._name(keep, False)
            self._viewer.layers.selection.active = keep

    def leave(self) -> None:
        """Leave the results as layers like any others, of which one is seen.

        A grid that the user has changed meanwhile stays, with all that is in it.
        """
        if self._state() != (*GRID, self._shape):
            return
        left = [layer for layer in self.layers if layer in self._viewer.layers]
        active = self._viewer.layers.selection.active
        with changing_together(self._viewer.layers):
            self._set_grid(self._before)
            self._show_others()
            for layer in left:
                layer.opacity = OPACITY
                layer.visible = layer is (active if active in left else left[-1])
                self._name(layer, False)

    def _cells(self, count: int) -> tuple[int, int]:
        """Return rows and columns in which the picture is seen largest."""
        canvas = find_canvas(self._viewer)
        if canvas is None:
            return -1, -1  # as napari likes
        extent = self._viewer.layers.extent.world[:, list(self._viewer.dims.displayed)]
        height, width = np.ptp(extent, axis=0)[-2:]
        room = canvas.height(), canvas.width()
        return largest_cells(count, room, (float(height), float(width)))

    def _state(self) -> tuple[Any, ...]:
        return self._grid.enabled, self._grid.stride, tuple(self._grid.shape)

    def _set_grid(self, state: tuple[Any, ...]) -> None:
        self._grid.enabled, self._grid.stride, self._grid.shape = state

    def _show_others(self) -> None:
        """Show what was there before as it was seen before."""
        for layer in self._hidden:
            layer.visible = True
        self.image.visible = self._image_seen
        self._name(self.image, False)
        self._camera.center, self._camera.zoom = self._view

    def _name(self, layer: Image | Labels, shown: bool) -> None:
        """Write the name of a layer into its cell, where napari can (0.9)."""
        if hasattr(layer, "name_overlay"):
            layer.name_overlay.font_size = FONT
            layer.name_overlay.visible = shown


def largest_cells(
    count: int, room: tuple[float, float], picture: tuple[float, float]
) -> tuple[int, int]:
    """Return rows and columns of a grid whose cells show a picture largest.

    Parameters
    ----------
    count : int
        Cells that are needed.
    room, picture : (height, width)
        Of the canvas, and of what is in each cell.

    Examples
    --------
    >>> largest_cells(5, (750, 545), (400, 600))
    (3, 2)
    >>> largest_cells(5, (300, 1800), (400, 600))
    (1, 5)
    """

    def zoom(columns: int) -> float:
        cell = room[0] / ceil(count / columns), room[1] / columns
        return min(cell[0] * picture[1], cell[1] * picture[0])

    columns = max(range(1, count + 1), key=zoom)
    return ceil(count / columns), columns
