"""Scribbles: rough strokes by hand become exact outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.cut import (
    WEIGHTS,
    gather_evidence,
    keep_touched,
    slope,
    smooth,
    solve,
)
from napari_emseg.engine.features import (
    BoolArray,
    FloatArray,
    as_picture,
    convert,
    resolve_color,
    usable,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Pixels with no evidence either way go to the background: strokes around an object
# keep more distance from its outline than strokes in it. In nats.
_BACKGROUND = 1.4
# The bond between neighbors of equal color, in nats, at smoothing 1.
_STRENGTH = 4.0
_MAX_CLASSES = 255


def scribbles(
    image: ArrayLike,
    scribbles: ArrayLike,
    *,
    background: int | None = 1,
    smoothing: float = 1.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[np.uint8]:
    """Give each pixel the class of the strokes that it belongs to.

    Each class is a mixture fitted to the colors and the texture under its strokes.
    A pixel goes where its color fits, where strokes of like color are near, and
    where a path leads from a stroke without crossing edges [1]_; neighbors of like
    color stay together [2]_. Every piece of a class touches one of its strokes.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        As for `napari_emseg.segment`; one plane.
    scribbles : (Y, X) array_like of int
        Classes 1..255 of the pixels under the strokes, at least two different
        ones; 0 elsewhere.
    background : int, optional
        The class of strokes around the others. A pixel halfway between strokes goes
        to it, since one draws at some distance around a thing, but close to the
        outline inside it. None treats all classes alike.
    smoothing : float, optional
        How smooth outlines are; 0 lets each pixel decide for itself.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    (Y, X) ndarray of uint8
        The classes of the strokes, everywhere; 0 only at pixels that are not finite
        or fully transparent. ``scribbles(...) == 2`` is the selection of class 2.

    Raises
    ------
    TypeError
        If the image's type or that of the scribbles cannot be used.
    ValueError
        If the image is not one plane, the shapes differ, or there are not strokes of
        at least two classes.

    References
    ----------
    .. [1] X. Bai, G. Sapiro, "Geodesic matting: a framework for fast interactive
       image and video segmentation and matting", IJCV 82(2), 113-132, 2009.
    .. [2] Y. Boykov, M.-P. Jolly, "Interactive graph cuts for optimal boundary &
       region segmentation of objects in N-D images", ICCV 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.zeros((20, 20), np.uint8)
    >>> image[5:15, 5:15] = 200
    >>> strokes = np.zeros((20, 20), np.uint8)
    >>> strokes[1, 2:18] = 1
    >>> strokes[10, 8:12] = 2
    >>> found = select.scribbles(image, strokes)
    >>> bool(((found == 2) == (image == 200)).all())
    True
    """
    features, inside = _read(image, channel_axis, rgb)
    strokes, classes = _check_strokes(scribbles, inside)
    if not (np.isfinite(smoothing) and smoothing >= 0):
        raise ValueError(f"smoothing is {smoothing}, but a number from 0 is needed")
    bias = np.zeros(len(classes), np.float32)
    if background is not None:
        bias[classes == background] = _BACKGROUND
    found = _decide(features, strokes, bias, _STRENGTH * smoothing)
    labels = classes[found - 1]
    labels[~inside] = 0
    return labels


def _read(
    image: Any, channel_axis: int | None, rgb: bool | None
) -> tuple[FloatArray, BoolArray]:
    """Make features (Y, X, C) in 0..100, and tell which pixels count."""
    picture = as_picture(image, channel_axis=channel_axis, rgb=rgb)
    if len(picture.shape) != 2:
        raise ValueError(
            f"image has {len(picture.shape)} spatial axes, but strokes are drawn on "
            "one plane; pass one slice, or channel_axis for channels"
        )
    values = picture.read()
    valid = usable(values, rgb=picture.rgb)
    inside = np.ones(picture.shape, bool) if valid is None else valid
    if not inside.any():
        raise ValueError("image has no finite, visible pixel; pass one that has")
    color = resolve_color(picture, "auto")
    features = convert(values, color)
    if color == "none":
        features = _stretch(features, inside)
    features[~inside] = features[inside].mean(axis=0)
    return features, inside


def _stretch(features: FloatArray, inside: BoolArray) -> FloatArray:
    """Stretch channels so that the range of their bulk is 100 in all together."""
    sample = features[inside].astype(np.float64)
    low, high = np.percentile(sample, (0.5, 99.5), axis=0)
    low = np.where(high > low, low, sample.min(axis=0))
    high = np.where(high > low, high, sample.max(axis=0))
    span = np.where(high > low, high - low, 1) * np.sqrt(features.shape[-1])
    return ((np.clip(features, low, high) - low) * (100 / span)).astype(np.float32)


def _check_strokes(
    scribbles: ArrayLike, inside: BoolArray
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Number the classes of the strokes 1..K; give also their own numbers."""
    given = np.asarray(scribbles)
    if given.dtype.kind not in "bui":
        raise TypeError(
            f"scribbles are of type {given.dtype}; pass integers: 0 for no stroke, "
            "1 for the background, 2 and more for objects"
        )
    if given.shape != inside.shape:
        raise ValueError(
            f"scribbles have shape {given.shape}, but the image is {inside.shape}; "
            "draw them on this image"
        )
    if given.min() < 0 or given.max() > _MAX_CLASSES:
        raise ValueError(
            f"scribbles have classes from {given.min()} to {given.max()}, but 0 (no "
            f"stroke) to {_MAX_CLASSES} are possible"
        )
    marked = np.where(inside, given, 0).astype(np.uint8)
    classes = np.unique(marked[marked > 0])
    if len(classes) < 2:
        have = f"only of class {classes[0]}" if len(classes) else "nowhere"
        raise ValueError(
            f"there are strokes {have}, but classes are told apart by strokes of at "
            "least two; draw one on the background too"
        )
    return (np.searchsorted(classes, marked) + (marked > 0)).astype(np.uint8), classes


def _decide(
    features: FloatArray,
    strokes: NDArray[np.uint8],
    bias: FloatArray,
    strength: float,
) -> NDArray[np.uint8]:
    """Find the classes 1..K of all pixels."""
    smoothed = smooth(features)
    score = np.zeros((len(bias), *strokes.shape), np.float32)
    score += bias[:, np.newaxis, np.newaxis]
    for kind, part in gather_evidence(features, smoothed, strokes).items():
        score += np.float32(WEIGHTS[kind]) * part
    posterior = solve(score, smoothed, strokes, strength=strength)
    labels = (posterior.argmax(axis=0) + 1).astype(np.uint8)
    return keep_touched(labels, strokes, slope(features, 1.0))
