"""Volumes in layers: which axis is their depth, and which one is displayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Labels

from napari_emseg.engine.image.axes import CHANNELS, guess_axes, letters_of
from napari_emseg.layers.geometry import Part, displayed, spatial_shape
from napari_emseg.layers.metadata import entry_of

if TYPE_CHECKING:
    from napari.components import ViewerModel

_CHANNELS = frozenset({"c", "channel", "channels"})
# Names of axes along which planes do not lie on each other in space.
_NO_SPACE = frozenset({"t", "time"})


def depth_axis(layer: Image | Labels) -> int | None:
    """Return the axis along which the planes of a layer are a volume; None if none is.

    It is the one before the last two, or before those of channels.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        Its axes have the names that it tells; those of a result, the letters of its
        picture; those of an image without names, what is likely.

    Examples
    --------
    >>> import numpy as np
    >>> stack = np.zeros((9, 4, 6), int)
    >>> depth_axis(Labels(stack)), depth_axis(Labels(stack[:1]))
    (0, None)
    >>> depth_axis(Labels(stack[:, None], axis_labels=("z", "c", "y", "x")))
    0
    """
    shape, names = spatial_shape(layer), _names(layer)
    for axis in reversed(range(len(shape) - 2)):
        if names[axis] in _CHANNELS:
            continue
        return None if shape[axis] == 1 or names[axis] in _NO_SPACE else axis
    return None


def has_volume(layer: Image | Labels) -> bool:
    """Return whether planes of a layer are those of a volume.

    Examples
    --------
    >>> import numpy as np
    >>> stack = np.zeros((9, 4, 6), int)
    >>> has_volume(Labels(stack)), has_volume(Labels(stack[:1]))
    (True, False)
    >>> has_volume(Labels(stack, axis_labels=("time", "y", "x")))
    False
    """
    return depth_axis(layer) is not None


def displayed_volume(viewer: ViewerModel, layer: Image | Labels) -> Part:
    """Return the volume (Z, Y, X) of a layer that the viewer displays, or a plane of.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Its sliders count, as for the time.
    layer : napari.layers.Image or napari.layers.Labels
        A layer of that viewer.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> viewer = ViewerModel()
    >>> series = viewer.add_labels(np.zeros((5, 9, 4, 6), int))
    >>> viewer.dims.set_current_step(0, 3)
    >>> displayed_volume(viewer, series).at
    (3, None, None, None)
    """
    depth = depth_axis(layer)
    if depth is None:
        raise ValueError(
            f"{layer.name!r} has no volume: its axes before the last two are none, "
            "of one plane, or of time or channels; edit its planes"
        )
    return _part(viewer, layer, {depth, layer.ndim - 2, layer.ndim - 1})


def volume_on(viewer: ViewerModel, layer: Image | Labels, volume: Part) -> Part:
    """Return the volume of a layer that may lie on that of another layer.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Its sliders count.
    layer : napari.layers.Image or napari.layers.Labels
        A layer of that viewer.
    volume : Part
        Of another one; layers are aligned by their last axes.

    Raises
    ------
    ValueError
        If the layer has no such axes.
    """
    ahead = layer.ndim - len(volume.at)
    space = {axis + ahead for axis in volume.axes}
    if min(space) < 0:
        raise ValueError(
            f"{layer.name!r} has {layer.ndim} axes, but the volume of "
            f"{volume.layer.name!r} needs {len(volume.at)}; choose another layer"
        )
    return _part(viewer, layer, space)


def _part(viewer: ViewerModel, layer: Image | Labels, space: set[int]) -> Part:
    """Return the part of a layer along some axes that the viewer displays."""
    at = displayed(viewer, layer)
    if any(index is None and axis not in space for axis, index in enumerate(at)):
        raise ValueError(
            f"the viewer displays other axes of {layer.name!r} than those of its "
            "volume, which are its last ones but channels; change their order back"
        )
    whole = (None if axis in space else index for axis, index in enumerate(at))
    return Part(layer, tuple(whole))


def _names(layer: Image | Labels) -> list[str]:
    """Return the names of the axes of a layer, in small letters."""
    if isinstance(layer, Labels):
        axes = entry_of(layer).get("axes") or ""
        if len(axes) == layer.ndim + 1:  # channels that stand first have no axis
            axes = axes.replace(CHANNELS, "")
        if len(axes) == layer.ndim:
            return [*axes.lower()]
    elif not layer.rgb and letters_of(layer.axis_labels) is None:
        return [*guess_axes(spatial_shape(layer)).lower()]
    return [str(name).strip().lower() for name in layer.axis_labels]
