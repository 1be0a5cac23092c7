"""What is measured of a layer of objects: lengths of pixels, channels, the tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_emseg.layers.geometry import same_place, spatial_shape
from napari_emseg.layers.instances.object_layer import is_objects, place_scale
from napari_emseg.layers.metadata import (
    OBJECTS,
    picture_of_result,
    slice_of_result,
)
from napari_emseg.layers.volume import depth_axis

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


def space_of(layer: Labels, *, per_plane: bool = False) -> int:
    """Return the number of axes of space of a layer of labels: 2 or 3.

    Examples
    --------
    >>> stack = Labels(np.zeros((4, 5, 6), int))
    >>> space_of(stack), space_of(stack, per_plane=True)
    (3, 2)
    """
    # An axis of channels in between keeps planes apart.
    return 3 if depth_axis(layer) == layer.ndim - 3 and not per_plane else 2


def source_of(viewer: ViewerModel, layer: Labels) -> Labels | None:
    """Return the layer of classes that objects were found in; None if it is gone."""
    entry = layer.metadata.get(OBJECTS)
    name = entry.get("image") if isinstance(entry, dict) else None
    for one in viewer.layers:
        if one.name == name and isinstance(one, Labels) and not is_objects(one):
            return one if spatial_shape(one) == spatial_shape(layer) else None
    return None


def channels_on(
    viewer: ViewerModel, layer: Labels, image: Image | None
) -> dict[str, Any]:
    """Return the arguments of `napari_emseg.measure` for the image of a layer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    layer : napari.layers.Labels
        Objects.
    image : napari.layers.Image or None
        What is measured; with the other layers of its picture, if the classes that
        the objects are from were found in several.

    Returns
    -------
    dict
        ``image``, ``rgb`` and ``channel_axis``; empty without an image.

    Raises
    ------
    ValueError
        If the image has another shape, or lies elsewhere.
    """
    if image is None:
        return {}
    shape = spatial_shape(layer)
    source = source_of(viewer, layer)
    picture = None if source is None else picture_of_result(viewer, source)
    if picture is not None and source is not None and image in picture.layers:
        at = slice_of_result(source)
        if picture.several:
            named = zip(
                picture.layers, (one.data for one in picture.layers), strict=True
            )
            return {"image": {one.name: _part(data, at, shape) for one, data in named}}
        axis = picture.channel_axis
        if axis is not None:
            parts = {
                f"{number + 1}": _part(np.take(picture.data(), number, axis), at, shape)
                for number in range(spatial_shape(image)[axis])
            }
            return {"image": parts}
        return {"image": _part(picture.data(), at, shape), "rgb": bool(image.rgb)}
    if spatial_shape(image) != shape or not same_place(image, layer):
        raise ValueError(
            f"image {image.name!r} of shape {spatial_shape(image)} does not lie on "
            f"{layer.name!r} of shape {shape} pixel by pixel, so only shapes are "
            "measured; choose the image that the labels were made from"
        )
    data = image.data[0] if image.multiscale else image.data
    return {"image": data, "rgb": bool(image.rgb)}


def _part(data: Any, at: Any, shape: tuple[int, ...]) -> Any:
    """Return a part of a picture in the shape of labels, with colors last."""
    if at is not None:
        data = data[tuple(slice(None) if i is None else i for i in at)]
    spatial = len(shape) - sum(i is not None for i in at or ())
    return data.reshape((*shape, *data.shape[spatial:])) if at is not None else data


def place_of(layer: Labels, *, per_plane: bool) -> dict[str, Any]:
    """Return the lengths of pixels along the axes of space, as `place_scale`."""
    return place_scale(layer, space_of(layer, per_plane=per_plane))
