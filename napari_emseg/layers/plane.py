"""The plane of a layer that the viewer displays, in its own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.layers.results import At, displayed, image_data, spatial_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

# How far apart the corners of two planes may lie, in pixels, that count as one.
_CLOSE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class PlaneEdit:
    """Other labels for a box of a layer, as `apply_edit` takes them."""

    where: tuple[slice, ...]
    labels: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A plane of a layer; made by `displayed_plane`.

    Attributes
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        The layer, scaled and rotated as it may be.
    at : tuple of int or None
        For each axis the index of the slice; None for the two axes of the plane.
    """

    layer: Image | Labels
    at: At

    @property
    def axes(self) -> list[int]:
        """The two axes of the layer's data that the plane has, in rising order."""
        return [axis for axis, index in enumerate(self.at) if index is None]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        y, x = (spatial_shape(self.layer)[axis] for axis in self.axes)
        return y, x

    @property
    def where(self) -> tuple[slice, ...]:
        """The plane as a box of the layer's data."""
        return tuple(
            slice(0, size) if index is None else slice(index, index + 1)
            for index, size in zip(self.at, spatial_shape(self.layer), strict=True)
        )

    def data(self) -> Any:
        """The layer's finest data in this plane, (Y, X) or (Y, X, channels), a view."""
        return image_data(self.layer, self.at)

    def point(
        self, world: Sequence[float] | NDArray[np.float64]
    ) -> tuple[float, float]:
        """Pixel coordinates (y, x) in the plane of a point of the world.

        Whole numbers are the centers of pixels.
        """
        found = np.asarray(self.layer.world_to_data(world))[-len(self.at) :]
        y, x = (float(found[axis]) for axis in self.axes)
        return y, x

    def world(self, point: Sequence[float]) -> NDArray[np.float64]:
        """The point of the world of a pixel (y, x) of the plane."""
        found = [float(index or 0) for index in self.at]
        for axis, value in zip(self.axes, point, strict=True):
            found[axis] = value
        return np.asarray(self.layer.data_to_world(found))

    def edit(
        self, labels: NDArray[Any], box: tuple[slice, ...] | None = None
    ) -> PlaneEdit:
        """Return an edit of the plane, or of a box of it.

        Parameters
        ----------
        labels : (Y, X) ndarray of int
            Of the box.
        box : tuple of slice, optional
            In the plane; by default all of it.
        """
        where = list(self.where)
        if box is not None:
            for axis, part in zip(self.axes, box, strict=True):
                where[axis] = part
        across = tuple(axis for axis, index in enumerate(self.at) if index is not None)
        return PlaneEdit(tuple(where), np.expand_dims(labels, across))

    def lies_on(self, other: Plane) -> bool:
        """Whether the pixels of two planes cover each other one by one."""
        if self.shape != other.shape:
            return False
        corners = [(0, 0), (0, self.shape[1] - 1), (self.shape[0] - 1, 0)]
        apart = [
            np.subtract(other.point(self.world(corner)), corner) for corner in corners
        ]
        return bool(np.abs(apart).max() < _CLOSE)


def displayed_plane(viewer: ViewerModel, layer: Image | Labels) -> Plane:
    """Return the plane of a layer that the viewer displays.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Its sliders and its order of axes count.
    layer : napari.layers.Image or napari.layers.Labels
        A layer of that viewer, of two axes or more.

    Raises
    ------
    ValueError
        If the viewer displays no plane of it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> stack = viewer.add_labels(np.zeros((9, 4, 6), int), scale=(1, 2, 2))
    >>> viewer.dims.set_current_step(0, 7)
    >>> plane = displayed_plane(viewer, stack)
    >>> plane.at, plane.shape, plane.point((7, 6, 4))
    ((7, None, None), (4, 6), (3.0, 2.0))
    """
    at = displayed(viewer, layer)
    if viewer.dims.ndisplay != 2 or at.count(None) != 2:
        raise ValueError(
            f"the viewer does not display one plane of {layer.name!r}, which tools "
            "need; switch to the 2D view, and to its own last two axes"
        )
    return Plane(layer, at)
