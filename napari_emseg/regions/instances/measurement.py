"""Objects measured: shapes in units, and what the channels show inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.pipeline.progress import Progress, finish, map_steps
from napari_emseg.regions.instances.intensities import (
    Channels,
    channels_of,
    measure_channels,
)
from napari_emseg.regions.instances.object_table import ObjectTable
from napari_emseg.regions.instances.objects import Objects
from napari_emseg.regions.instances.shape_measures import measure_shapes, shape_names
from napari_emseg.select.components import hard_mask

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Columns = dict[str, NDArray[Any]]

# Powers of the unit of length that measures have.
_POWERS = {"area": 2, "volume": 3, "perimeter": 1, "equivalent_diameter": 1}
_POWERS |= {"axis_major": 1, "axis_middle": 1, "axis_minor": 1, "nearest": 1}
_POWERS |= {f"centroid_{axis}": 1 for axis in "zyx"}
_SUPERSCRIPTS = {1: "", 2: "²", 3: "³"}
_MICRONS = {"um", "micron", "microns", "micrometer", "micrometers", "μm"}
_PIXELS = {"", "pixel", "pixels", "px"}


def measure(
    objects: Objects | ArrayLike,
    image: Any = None,
    *,
    scale: Sequence[float] | None = None,
    units: str | None = None,
    channel_names: Sequence[str] | None = None,
    stains: str | None = None,
    tissue: ArrayLike | None = None,
    properties: Iterable[str] | None = None,
    per_plane: bool | None = None,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    full_scale: float | None = None,
) -> ObjectTable:
    """Measure objects: their shapes, and what an image shows inside of them.

    Region properties, in the words of scikit-image: a row for each label. As
    ``regionprops``, with mean intensity by channel.

    Parameters
    ----------
    objects : Objects, or (…, Y, X) array_like of int
        Labels of objects; 0 is none. One number in several planes of a series is one
        object in each of them.
    image : (…, Y, X) or (…, Y, X, C) array_like, dict or list of these, optional
        What they were found in, or another image of the same shape: as for
        `napari_emseg.segment`, or several channels, by name if they have one.
    scale : sequence of float, optional
        Lengths of a pixel along the axes of space, or all axes; 1 by default.
    units : str, optional
        Of these lengths, such as "um"; pixels by default.
    channel_names : sequence of str, optional
        Names of the channels of `image`.
    stains : str, optional
        Of an RGB image of tissue, measure the densities of its stains, too: "he",
        "hdab", or two or three vectors, as of `Params.stains`; "od": the optical
        densities of red, green and blue.
    tissue : (…, Y, X) array_like of bool, optional
        What densities and fractions of the summary refer to, as of the class of the
        tissue; objects outside count as tissue, too. The whole image by default.
    properties : iterable of str, optional
        Names of columns, if not all are wanted.
    per_plane : bool, optional
        Take the last two axes for space, rather than three; by default as the objects
        were found.
    rgb, channel_axis, full_scale
        As for `napari_emseg.segment`.

    Returns
    -------
    ObjectTable
        "label", "class", "class_name"; "plane" in a series (a number for each axis
        before those of space); "pixels"; "area" or "volume"; "perimeter";
        "equivalent_diameter"; "axis_major", "axis_middle" of volumes, and "axis_minor",
        of the ellipse of the same second moments; "eccentricity"; "solidity", share of
        the convex hull; "circularity", 4π area / perimeter², at most 1; "centroid_y"
        and so on; "first_y", "last_y" and so on, the box in pixels; "touches_border",
        whether the rim of the image cuts it; "nearest", distance from centroid to
        centroid of the nearest object; and for each channel "mean", "min", "max" and
        "std", with its name. In pixels that are not as long as wide, perimeters are
        not a number.

    Raises
    ------
    ValueError
        If these are no labels, or image, tissue, scale or names do not fit them.

    Notes
    -----
    Measures of planes are those of `skimage.measure.regionprops_table` [1]_; solidity
    of volumes is that of the hull of the voxels' corners.

    References
    ----------
    .. [1] S. van der Walt et al., "scikit-image: image processing in Python", PeerJ 2,
       e453, 2014.

    Examples
    --------
    >>> import numpy as np, napari_emseg as emseg
    >>> labels = np.array([[1, 1, 0], [0, 0, 2]])
    >>> table = emseg.measure(labels, {"DAPI": labels * 10})
    >>> table["area"].tolist(), table["mean DAPI"].tolist()
    ([2.0, 1.0], [10.0, 20.0])
    """
    return finish(
        iter_measure(
            objects,
            image,
            scale=scale,
            units=units,
            channel_names=channel_names,
            stains=stains,
            tissue=tissue,
            properties=properties,
            per_plane=per_plane,
            rgb=rgb,
            channel_axis=channel_axis,
            full_scale=full_scale,
        )
    )


def iter_measure(
    objects: Objects | ArrayLike,
    image: Any = None,
    *,
    scale: Sequence[float] | None = None,
    units: str | None = None,
    channel_names: Sequence[str] | None = None,
    stains: str | None = None,
    tissue: ArrayLike | None = None,
    properties: Iterable[str] | None = None,
    per_plane: bool | None = None,
    rgb: bool | None = None,
    channel_axis: int | None = None,
    full_scale: float | None = None,
) -> Generator[Progress, None, ObjectTable]:
    """Measure objects in steps, as `measure`; to cancel, stop iterating."""
    given = objects if isinstance(objects, Objects) else Objects.of(objects)
    labels = given.labels
    if labels.size == 0:
        raise ValueError(f"labels of shape {labels.shape} have no pixel; pass others")
    if not isinstance(units, str | None):
        raise TypeError(f"units={units!r}, but a name is needed, such as 'um'")
    flat = given.per_plane if per_plane is None else per_plane
    n_space = 2 if flat else min(labels.ndim, 3)
    lead, space = labels.shape[:-n_space], labels.shape[-n_space:]
    sides = pixel_lengths(scale, labels.ndim, n_space)
    channels = None
    if image is not None:
        channels = channels_of(
            image,
            labels.shape,
            names=channel_names,
            stains=stains,
            rgb=rgb,
            channel_axis=channel_axis,
            full_scale=full_scale,
        )
    elif channel_names is not None or stains is not None:
        raise ValueError("names of channels, and stains, are of an image; pass it, too")
    shapes, of_image = _wanted(properties, n_space, channels)
    area = _tissue_pixels(tissue, labels) * float(np.prod(sides))
    parts: list[Columns] = []
    planes = labels.reshape(-1, *space)
    for place, (index, plane) in enumerate(zip(np.ndindex(lead), planes, strict=True)):

        def told(step: Progress, place: int = place) -> Progress:
            done = place * step.total + step.done
            return Progress(step.stage, done, len(planes) * step.total)

        ids = given.ids
        if len(planes) > 1:
            ids = np.flatnonzero(np.bincount(plane.ravel())[1:]) + 1
        part: Columns = {"label": ids, "class": given.classes[ids]}
        for name, at in zip(plane_names(len(lead)), index, strict=True):
            part[name] = np.full(len(ids), at)
        steps = measure_shapes(plane, ids, shapes, sides)
        part |= yield from map_steps(steps, told)
        if channels is not None and of_image:
            more = measure_channels(plane, ids, channels, index, of_image)
            part |= yield from map_steps(more, told)
        parts.append(part)
    columns = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    names = {number: given.name_of(number) for number in np.unique(given.classes)}
    classes = np.array([names[number] for number in columns["class"].tolist()], str)
    ahead = ["label", "class"]
    columns = {name: columns.pop(name) for name in ahead} | {
        "class_name": classes,
        **columns,
    }
    if properties is not None:
        some = [properties] if isinstance(properties, str) else properties
        chosen = {*ahead, "class_name", *plane_names(len(lead)), *some}
        columns = {name: c for name, c in columns.items() if name in chosen}
    return ObjectTable(columns, _units_of(columns, units), area, len(planes))


def pixel_lengths(
    scale: Sequence[float] | None, ndim: int, n_space: int
) -> tuple[float, ...]:
    """Return the lengths of a pixel along the axes of space, the last ones.

    Raises
    ------
    ValueError
        If there is not one for each, or one is not positive.

    Examples
    --------
    >>> pixel_lengths((1, 0.5, 0.5), 3, 2), pixel_lengths(None, 3, 2)
    ((0.5, 0.5), (1.0, 1.0))
    """
    sides = np.ones(n_space) if scale is None else np.asarray(scale, float)
    if (
        sides.ndim != 1
        or not n_space <= len(sides) <= ndim
        or not (np.isfinite(sides) & (sides > 0)).all()
    ):
        raise ValueError(
            f"scale={scale!r}, but labels of {ndim} axes need a positive length of a "
            f"pixel for each of the last {n_space}, or for all"
        )
    return tuple(sides[-n_space:].tolist())


def plane_names(count: int) -> list[str]:
    """Return the names of the columns that tell the plane of an object.

    Examples
    --------
    >>> plane_names(1), plane_names(2)
    (['plane'], ['plane_0', 'plane_1'])
    """
    return ["plane"] if count == 1 else [f"plane_{axis}" for axis in range(count)]


def _wanted(
    properties: Iterable[str] | None, n_space: int, channels: Channels | None
) -> tuple[list[str], list[str]]:
    """Return the names of the columns of shape, and of the image."""
    shapes = shape_names(n_space)
    of_image = [] if channels is None else channels.columns()
    if properties is None:
        return shapes, of_image
    some = [properties] if isinstance(properties, str) else [*properties]
    own = {"label", "class", "class_name", *plane_names(1)}
    unknown = [name for name in some if name not in {*shapes, *of_image, *own}]
    if unknown:
        raise ValueError(
            f"there is no measure {unknown[0]!r}; pass some of "
            f"{', '.join(shapes + of_image)}"
        )
    size = "area" if n_space == 2 else "volume"
    return [n for n in shapes if n in {*some, size}], [n for n in of_image if n in some]


def _tissue_pixels(tissue: ArrayLike | None, labels: NDArray[Any]) -> int:
    if tissue is None:
        return labels.size
    mask = hard_mask(tissue, labels.shape)
    return int(np.count_nonzero(mask | (labels > 0)))


def _units_of(columns: Columns, units: str | None) -> dict[str, str]:
    """Return the units of columns; pixels are not told."""
    if units is None or units.lower() in _PIXELS:
        return {}
    unit = "µm" if units.lower() in _MICRONS else units
    return {
        name: f"{unit}{_SUPERSCRIPTS[power]}"
        for name, power in _POWERS.items()
        if name in columns
    }
