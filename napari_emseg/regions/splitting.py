"""Parts of a label, and labels decided by the majority of neighbors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.labels.absorption import iter_absorb
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.pipeline.progress import finish
from napari_emseg.pipeline.segment import segment
from napari_emseg.select.morphology import blurred

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray

    Labels = NDArray[np.integer[Any]]
    Box = tuple[slice, ...]
    Options = Mapping[str, Any]
    Method = Callable[
        [BoolArray, Box, tuple[int, ...], ArrayLike | None, int | None, Options], Labels
    ]


def _pieces(
    inside: BoolArray,
    _box: Box,
    _shape: tuple[int, ...],
    _image: ArrayLike | None,
    n_parts: int | None,
    options: Options,
) -> Labels:
    if n_parts is not None or options:
        raise ValueError(
            "connected pieces are as many as they are; leave n_parts and other options "
            "out, or pass method='classes' or 'watershed'"
        )
    return components(inside.astype(np.uint8))


def _classes(
    inside: BoolArray,
    box: Box,
    shape: tuple[int, ...],
    image: ArrayLike | None,
    n_parts: int | None,
    options: Options,
) -> Labels:
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
    reader_kwargs = {"rgb": True} if picture.rgb else {"channel_axis": -1}
    params.setdefault("n_classes", 2 if n_parts is None else n_parts)
    return segment(picture.read(box), mask=inside, **reader_kwargs, **params).labels


def _watershed(
    inside: BoolArray,
    _box: Box,
    _shape: tuple[int, ...],
    _image: ArrayLike | None,
    n_parts: int | None,
    options: Options,
) -> Labels:
    """Return the parts of a watershed of the distance to the outline."""
    if set(options) - {"depth"}:
        raise TypeError(f"watershed takes depth, not {', '.join(options)}")
    depth = float(options.get("depth", 1.0))
    if not depth > 0:
        raise ValueError(f"depth={depth}, but a positive number of pixels is needed")
    # What lies outside the box, and outside the image, is not of this label.
    distance = ndi.distance_transform_edt(np.pad(inside, 1))
    distance = np.asarray(distance)[(slice(1, -1),) * inside.ndim]
    summits, count = ndi.label(
        h_maxima(distance, depth), ndi.generate_binary_structure(inside.ndim, 3)
    )
    summits = np.asarray(summits)
    if n_parts is not None and count > n_parts:
        number = np.arange(1, count + 1)
        height = np.asarray(ndi.maximum(distance, summits, number))
        highest = number[np.argsort(-height, kind="stable")[:n_parts]]
        summits = np.where(np.isin(summits, highest), summits, 0)
    found: Labels = watershed(-distance, summits, mask=inside)
    return found


PARTS: dict[str, Method] = {
    "components": _pieces,
    "classes": _classes,
    "watershed": _watershed,
}


def majority(labels: Labels, sigma: float, locked: tuple[int, ...]) -> Labels:
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
        box = tuple(
            slice(max(part.start - reach, 0), part.stop + reach) for part in found
        )
        weights = blurred((labels[box] == value).astype(np.float32), sigma)
        wins = weights > best[box]
        best[box][wins] = weights[wins]
        out[box][wins] = value
    return out


def absorb(labels: Labels, fixed: BoolArray, min_size: int) -> Labels:
    """Return labels whose small pieces joined the neighbor with the longest border.

    Parameters
    ----------
    labels : (…) ndarray of int
    fixed : (…) ndarray of bool
        Pixels that take no part; label 0 is among them.
    min_size : int
        Pieces of fewer pixels are absorbed, smallest first.
    """
    regions = components(np.where(fixed, labels.dtype.type(0), labels))
    label_of = np.zeros(int(regions.max(initial=0)) + 1, labels.dtype)
    label_of[regions] = labels
    host = finish(iter_absorb(regions, min_size))
    return np.where(fixed, labels, label_of[host][regions])
