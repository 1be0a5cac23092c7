"""Checks of what is drawn on a plane of an image, and the features of that plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine._types import FloatArray
from napari_emseg.engine.image.color_space import (
    LARGEST,
    convert,
    resolve_color,
    usable,
)
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.image.value_range import usual_range

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage


# How far extremes are from the others, in widths of the range of these.
_ROOM = 0.25


def read_plane(
    image: ArrayLike,
    *,
    channel_axis: int | None,
    rgb: bool | None,
    full_scale: float | None = None,
) -> tuple[FloatArray, BoolArray]:
    """Return the features of an image of one plane, and which pixels are usable.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        Or with channels at `channel_axis`.
    channel_axis, rgb, full_scale
        As for `napari_emseg.segment`.

    Returns
    -------
    features : (Y, X, C) ndarray of float32
        Lab of RGB images; otherwise the channels, stretched so that the bulk of the
        values covers 100 in all channels together. The mean color where a pixel
        does not count.
    inside : (Y, X) ndarray of bool
        False where a value is not finite, or fully transparent.

    Raises
    ------
    ValueError
        If there are more axes, or no pixel counts.
    """
    picture = as_lazy_image(
        image, channel_axis=channel_axis, rgb=rgb, full_scale=full_scale
    )
    if len(picture.shape) != 2:
        raise ValueError(
            f"image has {len(picture.shape)} spatial axes, but strokes and boxes are "
            "drawn on one plane; pass one slice, or channel_axis for channels"
        )
    values = picture.read()
    valid = usable(values, rgb=picture.rgb)
    inside = np.ones(picture.shape, bool) if valid is None else valid
    if not inside.any():
        raise ValueError(
            "the image has no usable pixel: all are transparent, not finite, or beyond "
            f"±{LARGEST:g}; pass another image, or replace or divide the values"
        )
    color = resolve_color(picture, "auto")
    features = convert(values, color, picture.full_scale)
    if color == "none":
        features = _stretch(features, inside)
    if valid is not None:
        features[~inside] = features[inside].mean(axis=0)
    return features, inside


def _stretch(features: FloatArray, inside: BoolArray) -> FloatArray:
    sample = features[inside].astype(np.float64)
    usual = usual_range(sample.T)
    below, above = sample.min(axis=0) < usual[0], sample.max(axis=0) > usual[1]
    sample = np.clip(sample, *usual)
    low, high = np.percentile(sample, (0.5, 99.5), axis=0)
    # A thing may be smaller than what the percentiles leave out.
    low = np.where(high > low, low, sample.min(axis=0))
    high = np.where(high > low, high, sample.max(axis=0))
    span = np.where(high > low, high - low, 1) * np.sqrt(features.shape[-1])
    # What is far outside keeps apart from the darkest and the brightest.
    room = _ROOM * (high - low)
    with np.errstate(invalid="ignore"):
        inner = np.clip(features, low - room * below, high + room * above)
    return ((inner - low) * (100 / span)).astype(np.float32)


def reduced(shape: tuple[int, ...], pixels: int) -> tuple[int, int]:
    """Return the shape, reduced to about `pixels` pixels if it has more.

    Examples
    --------
    >>> reduced((3000, 4000), 120_000)
    (300, 400)
    """
    factor = max(1.0, float(np.sqrt(shape[0] * shape[1] / pixels)))
    return max(1, round(shape[0] / factor)), max(1, round(shape[1] / factor))


def check_smoothing(smoothing: Any) -> None:
    """Reject what is not a number from 0."""
    if not (np.isfinite(smoothing) and smoothing >= 0):
        raise ValueError(f"smoothing is {smoothing}, but a number from 0 is needed")


def check_points(points: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return points inside an image as (N, ndim) whole numbers.

    Raises
    ------
    ValueError
        If one is outside, or has not one number for each axis.
    """
    at = np.atleast_2d(np.asarray(points, np.float64))
    ndim = len(shape)
    if at.ndim != 2 or at.shape[1] != ndim:
        raise ValueError(
            f"points have shape {at.shape}, but (N, {ndim}) is needed: one row for "
            f"each point, one number for each axis of an image of shape {shape}"
        )
    # NaN fails the comparison.
    if not ((at >= -0.5) & (at < np.array(shape) - 0.5)).all():
        raise ValueError(
            f"point {at.tolist()} is not inside an image of shape {shape}; point "
            "at a pixel"
        )
    return np.floor(at + 0.5).astype(np.intp)


def check_colors(colors: ArrayLike, picture: LazyImage) -> FloatArray:
    """Return colors in the units of an image as features (N, D).

    Raises
    ------
    ValueError
        If one is not possible in this image.
    """
    given = np.atleast_2d(np.asarray(colors))
    if given.ndim != 2 or given.shape[1] != picture.channels:
        raise ValueError(
            f"colors have shape {given.shape}, but (N, {picture.channels}) is needed: "
            "one number for each channel"
        )
    if given.dtype.kind not in "buif" or not np.isfinite(given).all():
        raise ValueError(f"colors are {given.tolist()}; pass finite numbers")
    if not picture.rgb:
        return given.astype(np.float32)
    full = picture.full_scale
    if given.min() < 0 or given.max() > full:
        raise ValueError(
            f"colors are {given.tolist()}, but those of an RGB image of type "
            f"{picture.dtype} with a white of {full:g} are 0 to {full:g}"
        )
    return convert(given.astype(np.float32) / np.float32(full), "lab")
