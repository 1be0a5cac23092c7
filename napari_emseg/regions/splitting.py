"""Edits that take their time, in steps: splitting, absorbing, smoothing outlines.

To cancel one is to stop iterating.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.labels.absorption import iter_absorb
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.params import Params
from napari_emseg.pipeline.segment import iter_segment
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.regions.edit import (
    Edit,
    EditableLabels,
    free_labels,
    one_of,
    whole_number,
)
from napari_emseg.select.morphology import blurred

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray

    Labels = NDArray[np.integer[Any]]
    Box = tuple[slice, ...]
    Options = Mapping[str, Any]
    LabelSteps = Generator[Any, None, Labels]
    EditSteps = Generator[Any, None, Edit]
    Method = Callable[
        [BoolArray, Box, tuple[int, ...], ArrayLike | None, int | None, Options],
        LabelSteps,
    ]


def _pieces(
    inside: BoolArray,
    _box: Box,
    _shape: tuple[int, ...],
    _image: ArrayLike | None,
    n_parts: int | None,
    options: Options,
) -> LabelSteps:
    if n_parts is not None or options:
        raise ValueError(
            "connected pieces are as many as they are; leave n_parts and other options "
            "out, or pass method='classes' or 'watershed'"
        )
    yield None
    return components(inside.astype(np.uint8))


def _classes(
    inside: BoolArray,
    box: Box,
    shape: tuple[int, ...],
    image: ArrayLike | None,
    n_parts: int | None,
    options: Options,
) -> LabelSteps:
    """Return the classes of a mixture fitted to the colors inside the label."""
    if image is None:
        raise ValueError("method='classes' looks at colors; pass image=")
    reader_kwargs = {name: options.get(name) for name in ("channel_axis", "rgb")}
    params = {name: options[name] for name in options.keys() - reader_kwargs}
    picture = as_lazy_image(image, **reader_kwargs)
    if picture.shape != shape:
        raise ValueError(
            f"image has the spatial shape {picture.shape}, but the labels are {shape}; "
            "pass the image that they belong to"
        )
    params.setdefault("n_classes", 2 if n_parts is None else n_parts)
    steps = iter_segment(
        picture.read(box),
        Params(**params),
        mask=inside,
        channel_axis=None if picture.rgb else -1,
        rgb=picture.rgb or None,
    )
    return (yield from steps).labels


def _watershed(
    inside: BoolArray,
    _box: Box,
    _shape: tuple[int, ...],
    _image: ArrayLike | None,
    n_parts: int | None,
    options: Options,
) -> LabelSteps:
    """Return the parts of a watershed of the distance to the outline."""
    if set(options) - {"depth"}:
        raise TypeError(f"watershed takes depth, not {', '.join(options)}")
    depth = float(options.get("depth", 1.0))
    if not depth > 0:
        raise ValueError(f"depth={depth}, but a positive number of pixels is needed")
    # What lies outside the box, and outside the image, is not of this label.
    distance = ndi.distance_transform_edt(np.pad(inside, 1))
    distance = np.asarray(distance)[(slice(1, -1),) * inside.ndim]
    yield None
    peaks = h_maxima(distance, depth)
    yield None
    summits, count = ndi.label(peaks, ndi.generate_binary_structure(inside.ndim, 3))
    summits = np.asarray(summits)
    if n_parts is not None and count > n_parts:
        number = np.arange(1, count + 1)
        height = np.asarray(ndi.maximum(distance, summits, number))
        highest = number[np.argsort(-height, kind="stable")[:n_parts]]
        summits = np.where(np.isin(summits, highest), summits, 0)
    yield None
    found: Labels = watershed(-distance, summits, mask=inside)
    return found


PARTS: dict[str, Method] = {
    "components": _pieces,
    "classes": _classes,
    "watershed": _watershed,
}


def iter_split(
    labels: ArrayLike,
    label: int,
    method: str = "components",
    *,
    image: ArrayLike | None = None,
    n_parts: int | None = None,
    min_size: int = 1,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
    **options: Any,
) -> EditSteps:
    """Take a label apart, as `napari_emseg.regions.split` does, in steps."""
    target = EditableLabels.of(labels, selection, locked)
    number = target.check(label)
    inside = target.free & (target.labels == number)
    box = bounding_box(inside)
    if method not in PARTS:
        raise ValueError(
            f"method={method!r} is unknown; pass one of {', '.join(PARTS)}"
        )
    if n_parts is not None and whole_number("n_parts", n_parts) < 1:
        raise ValueError(f"n_parts={n_parts}, but there is one part at least")
    if not inside.any():
        return target.edit(target.labels)
    within = inside[box]
    part = tuple(
        slice(outer.start + inner.start, outer.start + inner.stop)
        for outer, inner in zip(target.box, box, strict=True)
    )
    found = yield from PARTS[method](
        within, part, target.whole.shape, image, n_parts, options
    )
    at, size = np.unique(found[within], return_inverse=True, return_counts=True)[1:]
    keeps = size < min_size
    keeps[size.argmax()] = True
    more = int(np.count_nonzero(~keeps))
    free = free_labels(target.whole, more, locked=target.locked)
    new = target.with_room(*free)
    names = np.full(len(size), number, new.dtype)
    names[~keeps] = free
    new[inside] = names[at]
    return target.edit(new)


def iter_smooth_boundaries(
    labels: ArrayLike,
    radius: float,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> EditSteps:
    """Round outlines off as `napari_emseg.regions.smooth_boundaries` does, in steps."""
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius={radius}, but a positive number of pixels is needed")
    target = EditableLabels.of(
        labels, selection, locked, reach=int(np.ceil(4 * radius))
    )
    return target.edit((yield from _majority(target.labels, radius, target.locked)))


def iter_absorb_small(
    labels: ArrayLike,
    min_size: int,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> EditSteps:
    """Absorb small pieces, as `napari_emseg.regions.absorb_small` does, in steps."""
    target = EditableLabels.of(labels, selection, locked, reach=None)
    fixed = one_of(target.labels, [0, *target.locked])
    yield None
    regions = components(np.where(fixed, target.labels.dtype.type(0), target.labels))
    yield None
    label_of = np.zeros(int(regions.max(initial=0)) + 1, target.labels.dtype)
    label_of[regions] = target.labels
    yield None
    host = yield from iter_absorb(regions, min_size)
    new = label_of[host][regions]
    np.copyto(new, target.labels, where=fixed)
    return target.edit(new)


def _majority(labels: Labels, sigma: float, locked: tuple[int, ...]) -> LabelSteps:
    """Return for each pixel the label with the most weight around it.

    Parameters
    ----------
    labels : (…) ndarray of int
    sigma : float
        Standard deviation in pixels of the Gaussian that weighs the pixels.
    locked : tuple of int
        Labels that do not count.

    Returns
    -------
    (…) ndarray of int
        Ties go to the smaller label.
    """
    best = np.zeros(labels.shape, np.float32)
    out = labels.copy()
    if labels.size == 0:
        return out
    reach = int(np.ceil(4 * sigma))
    values, at = np.unique(labels, return_inverse=True)
    boxes = ndi.find_objects(at.reshape(labels.shape) + 1)
    for value, found in zip(values.tolist(), boxes, strict=True):
        if value in locked or found is None:
            continue
        yield None
        box = tuple(
            slice(max(part.start - reach, 0), part.stop + reach) for part in found
        )
        weights = blurred((labels[box] == value).astype(np.float32), sigma)
        wins = weights > best[box]
        best[box][wins] = weights[wins]
        out[box][wins] = value
    return out
