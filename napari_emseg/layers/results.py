"""Segmentations as Labels layers, and the parts of images that they belong to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.transforms import Affine

from napari_emseg.layers.classes import class_colormap
from napari_emseg.layers.edits import HISTORY_BYTES
from napari_emseg.layers.renewal import renew
from napari_emseg.layers.runs import Run, note_run
from napari_emseg.layers.table import features_of, pixel_size
from napari_emseg.recipe import Recipe, segment_step

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.colormaps import DirectLabelColormap
    from numpy.typing import NDArray

    from napari_emseg.layers.edits import Plan
    from napari_emseg.segment import Segmentation
    from napari_emseg.table import Table

# Which part of an image: for each axis the index of a slice, None for all of it.
At: TypeAlias = tuple[int | None, ...]

# Key of our entry in a layer's metadata: it also tells our results from others.
KEY = "emseg"
# Key of our entry in the metadata of what is drawn over results: selections, previews.
MARK = "emseg selection"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What napari shows of a segmentation besides its labels.

    Attributes
    ----------
    colormap : napari.utils.colormaps.DirectLabelColormap
        The classes' mean colors for labels 1..K, other colors for labels beyond.
    table : dict of str to ndarray
        The table of the classes, of which `add_to` makes the layer's features.
    """

    colormap: DirectLabelColormap
    table: Table


def prepare(seg: Segmentation) -> Look:
    """Work out the look of a segmentation; needs no viewer and any thread may do it.

    Parameters
    ----------
    seg : Segmentation
        The result to show.

    Returns
    -------
    Look
        For `add_to`.
    """
    colormap = class_colormap(seg.class_colors)
    # Fills the map's cache here rather than in the viewer's thread.
    colormap.map(np.zeros(1, seg.labels.dtype))
    return Look(colormap, seg.table())


def warm_up() -> None:
    """Do beforehand what a first Labels layer would wait for; any thread may.

    Napari compiles its mapping of labels to colors, which can take seconds, loads what
    it keeps features in, and works dashes out for outlines.
    """
    import_module("pandas")
    with suppress(ImportError, AttributeError):
        # It is kept by a cache of that module's own.
        import_module("vispy.visuals.line.dash_atlas").DashAtlas()
    class_colormap(np.zeros((1, 3))).map(np.zeros(1, np.uint8))


def add_to(
    viewer: ViewerModel,
    seg: Segmentation,
    image_layer: Image | None = None,
    *,
    replace: Labels | None = None,
    at: At | None = None,
    look: Look | None = None,
    undo: bool = True,
    plan: Plan | None = None,
    max_bytes: int = HISTORY_BYTES,
) -> Labels:
    """Show a segmentation as a Labels layer that lies exactly on its image.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where the layer goes.
    seg : Segmentation
        The result to show; its labels are copied.
    image_layer : napari.layers.Image, optional
        Layer of the segmented image. It gives the name, scale, translation,
        rotation, shear, affine, units and axis labels.
    replace : napari.layers.Labels, optional
        An earlier result in `viewer`. It takes the new labels, colors, features
        and place; its name stays. All this is one step of its undo history if shape
        and type of the labels are the same; if not, the history ends.
    at : tuple of int or None, optional
        Which part of the image was segmented: for each of its axes the index of
        the slice, or None for the whole axis. A sliced axis is one pixel long in
        the new layer, and lies at its place. By default the whole image if the
        shapes are equal, else the part that the viewer displays.
    look : Look, optional
        What `prepare` returned for `seg`, if that was done beforehand.
    undo : bool, optional
        False ends the undo history of `replace` in any case.
    plan : Plan, optional
        What `plan_edit` returned for the labels of `replace`, if that was done
        beforehand.
    max_bytes : int, optional
        What the undo history of `replace` may hold, as for `apply_edit`.

    Returns
    -------
    napari.layers.Labels
        The new layer, or `replace`. Its ``features`` have one row for each
        label, 0 included; ``metadata["emseg"]`` holds the parameters, the
        version, the name of the image, `at`, and the recipe as `recipe_of` reads it.

    Raises
    ------
    ValueError
        If the labels do not fit the image, or `replace` is not in `viewer`.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.components import ViewerModel
    >>> import napari_emseg as emseg
    >>> viewer = ViewerModel()
    >>> image = viewer.add_image(np.repeat([0, 255], 8).reshape(4, 4), scale=(2, 2))
    >>> seg = emseg.segment(image.data, n_classes=2)
    >>> layer = emseg.add_to(viewer, seg, image)
    >>> layer.name, layer.scale.tolist(), layer.data[0, 0].item()
    ('Image classes', [2.0, 2.0], 1)
    """
    if replace is not None and replace not in viewer.layers:
        raise ValueError(
            f"layer {replace.name!r} is not in this viewer, so it cannot be updated; "
            "leave out `replace` to get a new layer"
        )
    at = _part(viewer, seg.labels, image_layer, at)
    labels, place = _place(seg.labels, image_layer, at)
    look = look or prepare(seg)
    features = _features(look, seg, labels.shape, place)
    attributes = place | {"colormap": look.colormap, "features": features}
    recipe = Recipe(steps=(segment_step(seg, at),)).model_dump(mode="json")
    run = Run.of(seg, recipe["steps"][0])
    note = {
        "version": version("napari-emseg"),
        "params": seg.params.model_dump(),
        "image": None if image_layer is None else image_layer.name,
        "at": at,
        "recipe": recipe,
    }
    if replace is None:
        name = "classes" if image_layer is None else f"{image_layer.name} classes"
        layer = Labels(labels, name=name, metadata={KEY: note}, **attributes)
        note_run(layer, run)
        add_result(viewer, layer)
        return layer
    attributes["metadata"] = replace.metadata | {KEY: note}
    renew(replace, labels, attributes, run, undo=undo, plan=plan, max_bytes=max_bytes)
    return replace


def add_result(viewer: ViewerModel, layer: Labels) -> None:
    """Add a layer on top, but below the selection, which would be seen no more."""
    place = len(viewer.layers)
    while place > 0 and MARK in viewer.layers[place - 1].metadata:
        place -= 1
    viewer.layers.insert(place, layer)


def displayed(viewer: ViewerModel, layer: Image | Labels) -> At:
    """Tell which part of a layer the viewer displays.

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
        If the sliders stand outside the layer.

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


def image_data(layer: Image | Labels, at: At | None = None) -> Any:
    """Return an image's finest data, or the part of it that `at` tells.

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


def is_result(layer: object) -> bool:
    """Tell whether a layer was made by `add_to`."""
    return isinstance(layer, Labels) and KEY in layer.metadata


def placement(layer: Layer, at: At) -> dict[str, Any]:
    """Return the attributes of a layer that lies on a part of another.

    Parameters
    ----------
    layer : napari.layers.Layer
        Where the part is.
    at : tuple of int or None
        The part: for each axis the index of a slice, which is one pixel long in the
        new layer, or None for the whole axis.

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


def _part(
    viewer: ViewerModel,
    labels: NDArray[np.unsignedinteger],
    image_layer: Image | None,
    at: At | None,
) -> At | None:
    """Return the part of the image that was segmented."""
    if image_layer is None:
        return None
    if at is not None:
        return at
    shape = spatial_shape(image_layer)
    if labels.shape == shape:
        return (None,) * len(shape)
    return displayed(viewer, image_layer)


def _place(
    labels: NDArray[np.unsignedinteger], image_layer: Image | None, at: At | None
) -> tuple[NDArray[np.unsignedinteger], dict[str, Any]]:
    """Return an own copy of the labels and the layer attributes that place it."""
    if image_layer is None or at is None:
        return labels.copy(), {}
    shape = spatial_shape(image_layer)
    sliced = [axis for axis, index in enumerate(at) if index is not None]
    part = tuple(size for axis, size in enumerate(shape) if axis not in sliced)
    if labels.shape != part:
        raise ValueError(
            f"labels of shape {labels.shape} do not fit image {image_layer.name!r} of "
            f"shape {shape}, nor its displayed part; give the layer of the segmented "
            "image, and `at` if only a slice of it was segmented"
        )
    return np.expand_dims(labels, sliced).copy(), placement(image_layer, at)


def _features(
    look: Look, seg: Segmentation, shape: tuple[int, ...], place: dict[str, Any]
) -> dict[str, list[Any]]:
    """Return what napari shows about each label under the pointer."""
    scale = place.get("scale", (1.0,) * len(shape))
    size, heading = pixel_size(scale, place.get("units"), shape)
    rgb = seg.source.picture.rgb
    return features_of(look.table, seg.labels.size, rgb=rgb, size=size, heading=heading)
