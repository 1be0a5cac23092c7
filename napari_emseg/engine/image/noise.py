"""Noise of an image: how strong it is, and copies of the image with less of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array

    Planes = NDArray[np.float32]

# Second differences along both axes: blind to ramps, and to most edges.
_KERNEL = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32)
# Its gain for white noise, and the median of |x| of a normal distribution.
_GAIN, _MEDIAN = 6.0, 0.6745
# Radius of what is around a pixel that medians look at.
_AROUND = 2.0
# Salt and pepper: least share of the pixels of each of the two, and how many pixels
# at least; most of the eight neighbors that are alike; how far it is from what is
# around, in standard deviations of the image. Photographs have at most .05 % of both.
_LEAST_SHARE, _LEAST_COUNT = 1e-3, 8
_COMPANY = 2
_FAR = 0.25
# And in those of other noise, which may be cut off at the ends of the range.
_BEYOND = 4.0
# Share of the variance below which a feature is rounding.
_ROUNDING = 1e-2
# Blurring less than this changes nothing.
_LEAST_RADIUS = 0.3


def noise_level(planes: Planes, valid: NDArray[np.bool_]) -> Float64Array:
    """Estimate the standard deviation of white noise, feature by feature.

    Parameters
    ----------
    planes : (D, *S) ndarray of float32
        Features, plane by plane; S ends with Y and X.
    valid : (*S) ndarray of bool
        Pixels that count.

    Returns
    -------
    (D,) ndarray of float64
        In the units of the features: the median of the second differences, so that
        edges and impulses hardly count [1]_. 0 where no 3 x 3 pixels are valid.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", Computer Vision and Image
       Understanding 64(2), 300-302, 1996 (with a mean instead of the median).

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(0, 3, (1, 200, 200))
    >>> image[:, :, 100:] += 50
    >>> noise_level(image.astype(np.float32), np.ones((200, 200), bool)).round(1)
    array([3.])
    """
    found = []
    for plane in planes:
        parts = []
        for picture, inside in zip(pictures(plane), pictures(valid), strict=True):
            if min(picture.shape) < 3:
                continue
            whole = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8))
            second = cv2.filter2D(picture, -1, _KERNEL)
            parts.append(np.abs(second[1:-1, 1:-1][whole[1:-1, 1:-1] > 0]))
        values = np.concatenate(parts) if parts else np.empty(0, np.float32)
        found.append(_median(values))
    return np.array(found) / (_GAIN * _MEDIAN)


def _median(values: NDArray[np.float32]) -> float:
    """Return the median of finite values, 0 of none, in a third of the usual time."""
    if not values.size:
        return 0.0
    half = values.size // 2
    values.partition(half)
    middle = values[half]
    if values.size % 2 == 0:
        middle = (middle + values[:half].max()) / np.float32(2)
    return float(middle)


def pictures(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the (Y, X) pictures of an array of (…, Y, X)."""
    yield from array.reshape(-1, *array.shape[-2:])


def despeckle(planes: Planes, valid: NDArray[np.bool_] | None = None) -> Planes:
    """Remove impulses by medians of 5 x 5 and 3 x 3 pixels; edges stay sharp.

    Parameters
    ----------
    planes : (…, *S) ndarray of float32
        S ends with Y and X.
    valid : (*S) ndarray of bool, optional
        Pixels that count; the others look like those around them.

    Returns
    -------
    (…, *S) ndarray of float32

    Examples
    --------
    >>> image = np.zeros((9, 9), np.float32)
    >>> image[4, 4] = 1
    >>> float(despeckle(image).max())
    0.0
    """
    if valid is not None and not valid.all():
        planes = np.where(valid, planes, blur(planes, valid, _AROUND))
    found = [cv2.medianBlur(cv2.medianBlur(p, 5), 3) for p in pictures(planes)]
    out: Planes = np.stack(found).reshape(planes.shape).astype(np.float32)
    return out


def salt_and_pepper(planes: Planes, valid: NDArray[np.bool_]) -> float:
    """Estimate the share of impulses at both ends of the range.

    Parameters
    ----------
    planes : (D, *S) ndarray of float32
        Features, plane by plane; S ends with Y and X.
    valid : (*S) ndarray of bool
        Pixels that count.

    Returns
    -------
    float
        Share of the pixels at the least or at the largest value of a feature that
        stand out from what is around, almost alone: such noise has both, picked at
        random. 0 where there are hardly any of either.

    Examples
    --------
    >>> image = np.full((1, 100, 100), 0.5, np.float32)
    >>> chance = np.random.default_rng(0).random(image.shape)
    >>> image[chance < 0.02], image[chance > 0.98] = 0, 1
    >>> round(salt_and_pepper(image, np.ones((100, 100), bool)), 2)
    0.04
    """
    counted = int(np.count_nonzero(valid))
    if counted == 0:
        return 0.0
    least = max(_LEAST_COUNT, _LEAST_SHARE * counted)
    spread = [float(plane[valid].var(dtype=np.float64)) for plane in planes]
    most = 0.0
    for plane, variance in zip(planes, spread, strict=True):
        if variance <= _ROUNDING * sum(spread):
            continue
        seen = plane[valid]
        alone = [_alone((plane == end) & valid) for end in (seen.min(), seen.max())]
        if min(np.count_nonzero(some) for some in alone) < least:
            continue
        # Medians take long: few images come so far.
        away = np.abs(plane - despeckle(plane, valid))
        noise = float(np.median(away[valid])) / _MEDIAN
        far = away > max(_FAR * np.sqrt(variance), _BEYOND * noise)
        counts = [np.count_nonzero(some & far) for some in alone]
        if min(counts) >= least:
            most = max(most, float(sum(counts)) / counted)
    return most


def _alone(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the pixels of which few neighbors are marked as well."""
    around = [
        cv2.boxFilter(some, -1, (3, 3), normalize=False)
        for some in pictures(marked.astype(np.uint8))
    ]
    return marked & (np.stack(around).reshape(marked.shape) <= _COMPANY + 1)


def blur(planes: Planes, valid: NDArray[np.bool_], radius: float) -> Planes:
    """Average over a Gaussian window, of valid pixels only.

    Parameters
    ----------
    planes : (…, *S) ndarray of float32
        S ends with Y and X, the axes along which it is blurred.
    valid : (*S) ndarray of bool
        Pixels that count; the others are filled from around as far as the window
        goes, and 0 beyond.
    radius : float
        Standard deviation in pixels; below 0.3 the planes stay what they are.
    """
    if radius < _LEAST_RADIUS:
        return planes
    weights = valid.astype(np.float32)
    mass = np.stack([cv2.GaussianBlur(w, (0, 0), radius) for w in pictures(weights)])
    found = [cv2.GaussianBlur(p, (0, 0), radius) for p in pictures(planes * weights)]
    mass = np.maximum(mass.reshape(weights.shape), 1e-6)
    out: Planes = (np.stack(found).reshape(planes.shape) / mass).astype(np.float32)
    return out


def blur_radius(noise: Float64Array, spread: Float64Array, n_classes: int) -> float:
    """Choose how far to blur, so that noise is small beside the gaps between classes.

    Parameters
    ----------
    noise : (D,) ndarray
        Standard deviation of the noise.
    spread : (D,) ndarray
        Variance of the image.
    n_classes : int
        Classes are taken to be spread evenly over what the noise does not explain.

    Returns
    -------
    float
        Pixels, at most 3: then a gap is 8 times the noise that is left.

    Examples
    --------
    >>> blur_radius(np.zeros(1), np.ones(1), 4)
    0.0
    >>> 1 < blur_radius(np.array([0.7]), np.ones(1), 4) < 3
    True
    """
    power = float(noise @ noise)
    if n_classes < 2 or power <= 0:
        return 0.0
    signal = max(float(spread.sum()) - power, 1e-3 * power)
    gap = np.sqrt(12 * signal) / (n_classes - 1)
    return float(min(8 * np.sqrt(power) / gap / np.sqrt(4 * np.pi), 3.0))
