"""Slices and planes of layers, their pixels and their places."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

from napari_emseg.engine.image.axes import ChannelStack
from napari_emseg.engine.image.lazy_image import check_known
from napari_emseg.regions import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_emseg.engine._types import SliceIndex


# How far apart the corners of two planes may lie, in pixels, that count as one.
_CLOSE = 0.01
# Sides of pixels that differ by such a share are alike.
_EVEN = 0.01
# Places along each axis that a fingerprint looks at.
_SIDE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A plane or a volume of a layer: the scope of an edit.

    Attributes
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        The layer, scaled and rotated as it may be.
    at : tuple of int or None
        For each axis the index of the slice; None for the axes of the part.
    """

    layer: Image | Labels
    at: SliceIndex

    @property
    def axes(self) -> list[int]:
        """The axes of the layer's data that the part has, in rising order."""
        return [axis for axis, index in enumerate(self.at) if index is None]

    @property
    def shape(self) -> tuple[int, ...]:
        """Size in pixels along each of its axes."""
        return tuple(spatial_shape(self.layer)[axis] for axis in self.axes)

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Lengths of a pixel along its axes; None if they are alike, or not lengths."""
        sides = np.abs(np.asarray(self.layer.scale, float)[self.axes])
        units = {str(self.layer.units[axis]) for axis in self.axes}
        if len(units) > 1 or np.ptp(sides) <= _EVEN * sides.max() or not sides.all():
            return None
        return tuple(sides.tolist())

    @property
    def where(self) -> tuple[slice, ...]:
        """The part as a box of the layer's data."""
        return tuple(
            slice(0, size) if index is None else slice(index, index + 1)
            for index, size in zip(self.at, spatial_shape(self.layer), strict=True)
        )

    def data(self) -> Any:
        """The layer's finest data here, ([Z,] Y, X) or with channels last, a view."""
        return image_data(self.layer, self.at)

    @property
    def reading(self) -> dict[str, Any]:
        """How `data` are read: the keyword ``rgb``, or ``channel_axis``."""
        return {"rgb": self.layer.rgb}

    @property
    def plain(self) -> Part:
        """The same part of the layer alone, without further channels."""
        return self

    def coordinates(
        self, world: Sequence[float] | NDArray[np.float64]
    ) -> tuple[float, ...]:
        """Pixel coordinates ([z,] y, x) in the part of a point of the world.

        Whole numbers are the centers of pixels.
        """
        found = np.asarray(self.layer.world_to_data(world))[-len(self.at) :]
        return tuple(float(found[axis]) for axis in self.axes)

    def world(self, point: Sequence[float]) -> NDArray[np.float64]:
        """The point of the world of a pixel ([z,] y, x) of the part."""
        found = [float(index or 0) for index in self.at]
        for axis, value in zip(self.axes, point, strict=True):
            found[axis] = value
        return np.asarray(self.layer.data_to_world(found))

    def edit(self, labels: NDArray[Any], box: tuple[slice, ...] | None = None) -> Edit:
        """Return an edit of the part, or of a box of it.

        Parameters
        ----------
        labels : ([Z,] Y, X) ndarray of int
            Of the box.
        box : tuple of slice, optional
            In the part; by default all of it.
        """
        where = list(self.where)
        if box is not None:
            for axis, part in zip(self.axes, box, strict=True):
                where[axis] = part
        return Edit(tuple(where), expand_slice(labels, self.at))

    def lies_on(self, other: Part) -> bool:
        """Whether the pixels of two parts cover each other one by one."""
        if self.shape != other.shape:
            return False
        ends = np.diag(np.subtract(self.shape, 1))
        corners = [(0,) * len(self.shape), *map(tuple, ends.tolist())]
        apart = [
            np.subtract(other.coordinates(self.world(corner)), corner)
            for corner in corners
        ]
        return bool(np.abs(apart).max() < _CLOSE)


@dataclass(frozen=True, slots=True, eq=False)
class Plane(Part):
    """A plane of a layer; made by `displayed_plane`."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        y, x = (spatial_shape(self.layer)[axis] for axis in self.axes)
        return y, x

    def point(
        self, world: Sequence[float] | NDArray[np.float64]
    ) -> tuple[float, float]:
        """Pixel coordinates (y, x) in the plane of a point of the world."""
        y, x = self.coordinates(world)
        return y, x


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


def fingerprint(data: Any) -> int:
    """Return a number that differs after data were changed in place.

    Napari sends no event for ``layer.data[:] = …``, which keeps the array. So a grid
    of places is compared, which is fast; a change that lies between them is missed.

    Parameters
    ----------
    data : array_like
        An image. What is not simply an array in memory, such as a memory map or a Dask
        array, would have to be read, and has 0.

    Examples
    --------
    >>> image = np.zeros((300, 400))
    >>> before = fingerprint(image)
    >>> image[100:] = 1
    >>> fingerprint(image) == before
    False
    """
    if isinstance(data, ChannelStack):
        marks = [fingerprint(part) for part in data.parts]
        return zlib.crc32(np.array(marks, np.uint32).tobytes()) if all(marks) else 0
    if type(data) is not np.ndarray:
        return 0
    grid = tuple(slice(None, None, max(size // _SIDE, 1)) for size in data.shape)
    return zlib.crc32(data[grid].tobytes())


def displayed(viewer: ViewerModel, layer: Image | Labels) -> SliceIndex:
    """Return the slice of a layer that the viewer displays.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Its sliders and its order of axes count.
    layer : napari.layers.Image or Labels
        A layer of that viewer; of several scales, the finest counts.

    Returns
    -------
    tuple of int or None
        For each axis of the layer the index of the displayed slice, in pixels, or
        None if the axis lies on the canvas.

    Raises
    ------
    ValueError
        If the sliders stand outside the layer, or it does not know its size.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> stack = viewer.add_image(np.zeros((9, 4, 4)))
    >>> viewer.dims.set_current_step(0, 7)
    >>> displayed(viewer, stack)
    (7, None, None)
    """
    check_known(spatial_shape(layer), f"layer {layer.name!r}")
    ahead = viewer.dims.ndim - layer.ndim
    point = np.asarray(layer.world_to_data(viewer.dims.point))[-layer.ndim :]
    at: list[int | None] = []
    for axis, size in enumerate(spatial_shape(layer)):
        if axis + ahead in viewer.dims.displayed:
            at.append(None)
            continue
        index = int(np.round(point[axis]))
        if not 0 <= index < size:
            raise ValueError(
                f"the displayed slice lies outside {layer.name!r} (slice {index} of "
                f"{size} along axis {axis}); move the slider, or take the whole volume"
            )
        at.append(index)
    return tuple(at)


def image_data(layer: Image | Labels, at: SliceIndex | None = None) -> Any:
    """Return an image's finest data, or a slice of it.

    Parameters
    ----------
    layer : napari.layers.Image
        Data of any kind that slices: NumPy, Dask, Zarr.
    at : tuple of int or None, optional
        Index of the slice for each axis, None for the whole axis.

    Returns
    -------
    array-like
        A view, nothing is read or computed; an axis of RGB stays last.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    if at is None:
        return data
    return data[tuple(slice(None) if index is None else index for index in at)]


def spatial_shape(layer: Image | Labels) -> tuple[int, ...]:
    """Return the shape of a layer's finest data, without the axis of RGB."""
    return tuple(image_data(layer).shape[: layer.ndim])


def expand_slice(data: NDArray[Any], at: SliceIndex | None) -> NDArray[Any]:
    """Return data of a part of a layer with all axes of the layer, without a copy.

    Parameters
    ----------
    data : ndarray
        The part; channels may follow its axes.
    at : tuple of int or None
        The part: for each axis of the layer the index of a slice, or None for the
        whole axis. None is the whole layer.
    """
    return np.expand_dims(
        data, tuple(axis for axis, index in enumerate(at or ()) if index is not None)
    )


def same_place(one: Image | Labels, other: Image | Labels) -> bool:
    """Return whether the pixels of two layers of one shape lie on each other."""
    far = np.diag(np.maximum(np.array(spatial_shape(one)) - 1.0, 1.0))
    corners = np.vstack([np.zeros(one.ndim), far])
    apart = [
        np.subtract(other.world_to_data(one.data_to_world(corner)), corner)
        for corner in corners
    ]
    return one.ndim == other.ndim and bool(np.abs(apart).max() < _CLOSE)


def placement(layer: Layer, at: Sequence[float | None]) -> dict[str, Any]:
    """Return the attributes of a layer that lies on a part of another.

    Parameters
    ----------
    layer : napari.layers.Layer
        Where the part is.
    at : tuple of int or None
        The part: for each axis the index of a slice, which is one pixel long in the
        new layer, or None for the whole axis. It may lie between two.

    Returns
    -------
    dict
        Scale, translation, rotation, shear, affine, units and axis labels.
    """
    to_physical = Affine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
    )
    return {
        "scale": layer.scale,
        "translate": to_physical([index or 0 for index in at]),
        "rotate": layer.rotate,
        "shear": layer.shear,
        # The matrix, because two layers with one Affine object would move together.
        "affine": np.array(layer.affine.affine_matrix),
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }
