"""Where the viewer looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.widgets.marker import marker_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels
    from numpy.typing import NDArray

# Places fill the canvas at least by so many pixels, and this often their size.
LEAST_SIZE, AROUND = 64.0, 3.0


def jump_to(viewer: ViewerModel, layer: Labels, label: int) -> None:
    """Show the middle of a class: that of its pixels that is nearest to their mean.

    Raises
    ------
    ValueError
        If there are no such pixels.

    Examples
    --------
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> labels = np.zeros((5, 8, 8), np.uint8)
    >>> labels[3, 2:5, 4:7] = 9
    >>> jump_to(viewer, viewer.add_labels(labels), 9)
    >>> viewer.dims.current_step[0]
    3
    """
    found = np.argwhere(np.asarray(layer.data) == label)
    if len(found) == 0:
        raise ValueError(f"class {label} has no pixels in {layer.name!r}")
    middle = found[np.abs(found - found.mean(axis=0)).sum(axis=1).argmin()]
    show_point(viewer, layer, middle)


def show_point(
    viewer: ViewerModel,
    layer: Labels,
    point: Sequence[float] | NDArray[Any],
    size: float | None = None,
) -> None:
    """Move sliders and camera to a point of a layer, and mark it for a moment.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
    layer : napari.layers.Labels
    point : sequence of float
        In the pixels of the layer.
    size : float, optional
        Of what is there, in pixels; it becomes visible with its surroundings. By
        default, and if it is seen larger already, the zoom stays.
    """
    world = np.asarray(layer.data_to_world(point))
    ahead = viewer.dims.ndim - len(world)
    for axis, value in enumerate(world):
        if axis + ahead not in viewer.dims.displayed:
            viewer.dims.set_point(axis + ahead, value)
    camera = getattr(viewer, "scene", viewer).camera
    shown = [world[axis - ahead] for axis in viewer.dims.displayed]
    camera.center = (*camera.center[: 3 - len(shown)], *map(float, shown))
    canvas = getattr(viewer, "canvas", None)
    side = max(abs(float(layer.scale[-1])), abs(float(layer.scale[-2])))
    if size is not None and canvas is not None:
        extent = max(LEAST_SIZE, AROUND * size) * side
        camera.zoom = max(camera.zoom, min(canvas.size) / extent)
    marker = marker_of(viewer)
    if marker is not None:
        marker.flash((size or 0.0) * side * camera.zoom)
