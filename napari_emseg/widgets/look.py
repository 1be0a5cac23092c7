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
    found = np.asarray(layer.data) == label
    if not found.any():
        raise ValueError(f"class {label} has no pixels in {layer.name!r}")
    show_point(viewer, layer, find_middle(found))


def find_middle(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the pixel of a mask that is nearest to the mean of all its pixels.

    Parameters
    ----------
    mask : (…) ndarray of bool
        At least one pixel is True.

    Returns
    -------
    (N,) ndarray of int
        Its index along each axis; the distance is the sum of those along the axes.

    Examples
    --------
    >>> find_middle(np.array([[1, 0, 0, 0, 1], [1, 0, 0, 1, 1]], bool)).tolist()
    [1, 3]
    """
    axes = range(mask.ndim)
    counts = [
        np.count_nonzero(mask, axis=tuple(other for other in axes if other != axis))
        for axis in axes
    ]
    mean = np.array([count @ np.arange(len(count)) / count.sum() for count in counts])
    # Millions of pixels are not listed to find the one: it is sought around the mean.
    reach = 1.0
    while True:
        low = np.maximum(np.ceil(mean - reach), 0).astype(int)
        high = np.floor(mean + reach).astype(int) + 1
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
        near = np.argwhere(mask[box]) + low
        away = np.abs(near - mean).sum(axis=1)
        if len(near) and away.min() <= reach:
            return np.asarray(near[away.argmin()])
        reach *= 2


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
