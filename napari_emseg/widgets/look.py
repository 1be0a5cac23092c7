"""Where the viewer looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


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
    world = np.asarray(layer.data_to_world(middle))
    ahead = viewer.dims.ndim - len(world)
    for axis, value in enumerate(world):
        if axis + ahead not in viewer.dims.displayed:
            viewer.dims.set_point(axis + ahead, value)
    camera = getattr(viewer, "scene", viewer).camera
    shown = [world[axis - ahead] for axis in viewer.dims.displayed]
    camera.center = (*camera.center[: 3 - len(shown)], *map(float, shown))
