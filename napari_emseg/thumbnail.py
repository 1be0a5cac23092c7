"""Thumbnails of an image: how many of its pixels are independent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.order import effective_size
from napari_emseg.tiles import bounding_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.features import BoolArray
    from napari_emseg.engine.labeling import Model
    from napari_emseg.source import Source

# Pixels along the longer side of the part whose correlation is measured.
_SIDE = 256


def independent_pixels(source: Source, model: Model, total: float) -> float:
    """Count the independent pixels of an image.

    How far pixels depend on each other is read off a thumbnail of one plane, cut to
    where it is usable: what is outside of a mask does not matter.

    Parameters
    ----------
    source : Source
        The image.
    model : MixtureModel or KMeansModel
        Fitted to it: what the classes leave unexplained is what correlates.
    total : float
        Number of usable pixels.

    Returns
    -------
    float
        As `effective_size`.
    """
    at, values, within = _plane(source)
    box = bounding_box(within)
    plane, within = values[box], within[box]
    shrink = max(1.0, max(within.shape) / _SIDE)
    # An axis of one pixel cannot shrink. The other axes shrink with these, so that
    # places keep their proportions.
    size = tuple(max(1, round(n / shrink)) for n in within.shape)
    whole = tuple(max(1, round(n / shrink)) for n in source.picture.shape)
    thumbnail = shrunk(plane, size, None if within.all() else within)
    small = replace(source.picture, source=thumbnail, shape=whole)
    origin = tuple(round(n / shrink) for n in (*at, *(part.start for part in box)))
    part = thumbnail.reshape(*(1,) * len(at), *thumbnail.shape)
    found = source.space.features(part, origin, small).reshape(*size, -1)
    residual = found - model.predict_proba(found) @ model.means
    planes = np.moveaxis(residual.astype(np.float32), -1, 0)
    share = cv2.resize(
        within.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA
    ).reshape(size)
    # Where a mask is thin, no pixel of the thumbnail is usable by half.
    valid = share >= min(0.5, float(share.max()))
    kept = size[0] * size[1] / within.size
    return effective_size(planes, total * kept, valid)


def _plane(source: Source) -> tuple[tuple[int, ...], NDArray[Any], BoolArray]:
    """Read the plane next to the middle, or of those where a mask has most.

    Returns
    -------
    at : tuple of int
        Which one.
    values : (Y, X, C) ndarray
        Its channels.
    inside : (Y, X) ndarray of bool
        Which of its pixels are usable; some are, if any are.
    """
    *lead, height, width = source.picture.shape

    def rank(at: tuple[int, ...]) -> tuple[int, int]:
        most = 0 if source.mask is None else int(np.count_nonzero(source.mask[at]))
        return -most, sum(abs(i - n // 2) for i, n in zip(at, lead, strict=True))

    for at in sorted(np.ndindex(*lead), key=rank):
        values, found = source.read(tuple(slice(i, i + 1) for i in at))
        inside = np.ones((height, width), bool)
        if found is not None:
            inside = found.reshape(height, width)
        if inside.any():
            break
    return at, values.reshape(height, width, -1), inside


def shrunk(
    plane: NDArray[Any], shape: tuple[int, ...], within: BoolArray | None = None
) -> NDArray[Any]:
    """Shrink a plane, each pixel to the mean of those that it stands for.

    Parameters
    ----------
    plane : (Y, X, C) ndarray
        Finite where it counts.
    shape : (int, int)
        Pixels along both axes.
    within : (Y, X) ndarray of bool, optional
        Pixels that count. The others become average, and correlate with nothing.

    Returns
    -------
    (*shape, C) ndarray
        Of the type of the plane; integers are rounded.

    Examples
    --------
    >>> shrunk(np.array([[[1], [2]], [[4], [4]]]), (1, 1)).tolist()
    [[[3]]]
    """
    channels = []
    # One after another: large planes of floats take room.
    for values in np.moveaxis(plane, -1, 0):
        channel = values.astype(np.result_type(values, np.float32))
        if within is not None:
            channel[~within] = channel[within].mean(dtype=np.float64)
        found = cv2.resize(channel, shape[::-1], interpolation=cv2.INTER_AREA)
        channels.append(found if values.dtype.kind == "f" else np.rint(found))
    return np.stack(channels, axis=-1).astype(plane.dtype)
