"""Paths that follow edges from one point to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.hierarchy.build import comparable
from napari_emseg.select.checks import read_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.image.lazy_image import LazyImage

# Pixels of the path and next to it may belong to either side; which one, the mean
# colors tell of a square of so many pixels.
_BAND, _SQUARE = 3, 9
# So many pixels of the path are looked at together.
_PART = 256
# How many standard deviations lie at least between sides that differ.
_APART = 2.0
# What is looked at around the way, in pixels and in shares of its length.
_MARGIN, _WIDER = 32, 0.25


def snap(
    picture: LazyImage, start: NDArray[np.intp], stop: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the path (M, 2) of pixels from start to stop that follows edges best.

    Only a part of the picture is read, so that a path is found while the pointer
    moves, however large the picture.
    """
    margin = _MARGIN + int(_WIDER * np.abs(stop - start).max())
    low = np.maximum(np.minimum(start, stop) - margin, 0)
    high = np.minimum(np.maximum(start, stop) + margin + 1, picture.shape)
    values = picture.read((slice(low[0], high[0]), slice(low[1], high[1])))
    tool = cv2.segmentation.IntelligentScissorsMB()
    tool.setEdgeFeatureCannyParameters(32, 100)
    tool.setGradientMagnitudeMaxLimit(200)
    tool.applyImage(_as_bytes(values, picture))
    tool.buildMap((int(start[1] - low[1]), int(start[0] - low[0])))
    found = tool.getContour((int(stop[1] - low[1]), int(stop[0] - low[0])))
    return np.asarray(found).reshape(-1, 2)[:, ::-1].astype(np.intp) + low


def refine_sides(
    picture: LazyImage, mask: NDArray[np.bool_], path: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return a mask whose pixels along a path joined the side of more similar color.

    A path runs through pixels, so that by itself it cannot tell on which side those
    are. Where the two sides hardly differ, they stay where they were.

    Parameters
    ----------
    picture : LazyImage
    mask : (Y, X) ndarray of bool
        What the path goes around.
    path : (M, 2) ndarray of int
        Its pixels (y, x).

    Returns
    -------
    (Y, X) ndarray of bool
    """
    band, out = _widen(path, mask.shape), mask.copy()
    for part in np.array_split(path, len(path) // _PART + 1):
        low = np.maximum(part.min(axis=0) - _SQUARE, 0)
        high = part.max(axis=0) + _SQUARE + 1
        window = slice(low[0], high[0]), slice(low[1], high[1])
        features, _ = read_plane(
            picture.read(window),
            channel_axis=None if picture.rgb else 2,
            rgb=True if picture.rgb else None,
            full_scale=picture.full_scale,
        )
        inside, free = mask[window], ~band[window]
        (a, var_a, seen_a), (b, var_b, seen_b) = (
            _near(features, side & free) for side in (inside, ~inside)
        )
        apart = ((a - b) ** 2).sum(axis=-1)
        clear = seen_a & seen_b & (apart > _APART**2 * (var_a + var_b) / 2)
        clear &= _widen(part - low, inside.shape)
        nearer = ((features - a) ** 2).sum(axis=-1) < ((features - b) ** 2).sum(axis=-1)
        out[window][clear] = nearer[clear]
    return out


def _widen(path: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the mask of the pixels of a path, and of those next to it."""
    line = np.zeros(shape, np.uint8)
    line[tuple(path.T)] = 1
    return np.asarray(cv2.dilate(line, np.ones((_BAND, _BAND), np.uint8))) > 0


def _near(
    features: NDArray[np.float32], side: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Mean, variance of all channels together, and whether there are pixels."""

    def total(values: NDArray[np.float32]) -> NDArray[np.float32]:
        size = (_SQUARE, _SQUARE)
        constant = cv2.BORDER_CONSTANT
        sums = [
            cv2.boxFilter(
                np.ascontiguousarray(channel),
                -1,
                size,
                normalize=False,
                borderType=constant,
            )
            for channel in np.moveaxis(values, -1, 0)
        ]
        return np.stack(sums, axis=-1)

    weight = side.astype(np.float32)[..., np.newaxis]
    count = total(weight)
    least: NDArray[np.float32] = np.maximum(count, np.float32(1))
    mean: NDArray[np.float32] = total(features * weight) / least
    square = total(features**2 * weight) / least
    return mean, (square - mean**2).sum(axis=-1), count[..., 0] > 0.5


def _as_bytes(values: NDArray[np.generic], picture: LazyImage) -> NDArray[np.uint8]:
    """Return one to three channels in 0..255, with the contrast of the features."""
    features, _ = read_plane(
        values,
        channel_axis=None if picture.rgb else 2,
        rgb=True if picture.rgb else None,
        full_scale=picture.full_scale,
    )
    if features.shape[-1] > 3:
        features = comparable(features)
    if features.shape[-1] == 2:
        features = np.concatenate([features, np.zeros_like(features[..., :1])], axis=-1)
    low = features.min(axis=(0, 1))
    # Lightness covers 0..100 and is spread over all of 8 bit.
    return np.clip((features - low) * 2.55, 0, 255).astype(np.uint8)
