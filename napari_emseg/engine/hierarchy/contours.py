"""Edge evidence: how much the two sides of each pixel look like different things."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.hierarchy.ensemble import (
    Views,
    blur,
    grain_features,
    grain_moments,
    local_texture,
    opinions,
)
from napari_emseg.engine.image.opencv_limits import bilateral

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32Array = NDArray[np.float32]

# Logistic regression of "a person drew a contour within 2 pixels" on the cues, at 6,000
# pixels of each of 60 training images of BSDS500 (P. Arbeláez et al., IEEE PAMI 33(5),
# 898-916, 2011).
CUES = {
    "disagree_color": 0.99,
    "disagree_place": 0.72,
    "discs_color": 1.81,
    "discs_place": 2.22,
    "discs_grain": 0.13,
    "lightness": -2.19,
    "color_fine": 2.74,
    "color_coarse": -0.72,
    "texture": 2.12,
    "energy_close": 0.55,
    "energy_around": -0.67,
    "energy_coarse": 0.29,
    "aligned_close": 0.36,
    "aligned_coarse": -0.54,
}
BIAS = -5.83
_ORIENTATIONS = 8
# Images of fewer pixels are not halved for the cues.
_HALVE_FROM = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of each pixel before any region is made.

    Attributes
    ----------
    edge : (Y, X) ndarray of float32
        Probability of a contour here, 0..1.
    cues : (Q, Y, X) ndarray of float32
        In the order of `CUES`: the square roots of `cues`, then `gradient_cues`.
    views : Views
        Features at h x w pixels, half the size unless the image is small.
    opinions : dict of lists of (K, h, w) ndarray of float32
        Posteriors of the ensemble.
    """

    edge: Float32Array
    cues: Float32Array
    views: Views
    opinions: dict[str, list[Float32Array]]


def gather(color: Float32Array) -> Evidence:
    """Collect the evidence of an image.

    Parameters
    ----------
    color : (C, Y, X) ndarray of float32
        Lightness first, in the units of Lab; 1 to 3 channels.

    Returns
    -------
    Evidence
    """
    size = color.shape[1:]
    views = look(color)
    posteriors = opinions(views)
    small = np.sqrt(np.maximum(cues(views, posteriors), 0))
    large = np.stack([resize(cue, size) for cue in small] + gradient_cues(color[0]))
    weights = np.fromiter(CUES.values(), np.float32)
    logit = np.tensordot(weights, large, 1) + np.float32(BIAS)
    return Evidence(1 / (1 + np.exp(-logit)), large, views, posteriors)


def look(color: Float32Array) -> Views:
    """Return the features of an image (C, Y, X), at half size unless it is small."""
    height, width = color.shape[1:]
    size = _view_size(height, width)
    # OpenCV's bilateral filter takes one or three channels.
    smooth = np.moveaxis(color, 0, -1)
    if smooth.shape[-1] == 2:
        smooth = smooth[..., [0, 1, 1]]
    if smooth.shape[-1] == 1:
        smooth = smooth[..., 0]
    smooth = bilateral(bilateral(smooth))
    smooth = smooth.reshape(height, width, -1)[..., : len(color)]
    lightness = np.ascontiguousarray(color[0])
    position = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return Views(
        np.stack([resize(c, size) for c in np.moveaxis(smooth, -1, 0)]),
        np.stack([resize(t, size) for t in local_texture(lightness)]),
        grain_features([resize(m, size) for m in grain_moments(lightness)]),
        position * (np.float32(100) / max(size)),
    )


def _view_size(height: int, width: int) -> tuple[int, int]:
    if height * width >= _HALVE_FROM:
        return (height + 1) // 2, (width + 1) // 2
    return height, width


def cues(views: Views, posteriors: dict[str, list[Float32Array]]) -> Float32Array:
    """Measure how views and posteriors change, (9, h, w); about 0 where they do not."""
    color, place, grain = (posteriors[name] for name in ("color", "place", "grain"))
    return np.stack(
        [
            disagreement(color),
            disagreement(place),
            disc_contrast(color[0], 3),
            disc_contrast(place[1], 7),
            disc_contrast(grain[0], 7),
            _gradient(views.color[:1], 1.0, 4.0),
            _gradient(views.color, 0.7, 5.0),
            _gradient(views.color, 2.0, 8.0),
            _gradient(views.texture, 1.5, 2.0),
        ]
    )


def disagreement(posteriors: list[Float32Array]) -> Float32Array:
    """Compare the posteriors two steps apart by 1 - Bhattacharyya's coefficient.

    The larger of both directions, averaged over the mixtures, (h, w).
    """
    total = np.zeros(posteriors[0].shape[1:], np.float32)
    for posterior in posteriors:
        root = np.sqrt(np.stack([blur(p, 1.0) for p in posterior]))
        wide = np.pad(root, ((0, 0), (1, 1), (1, 1)), mode="edge")
        across = (wide[:, 1:-1, 2:] * wide[:, 1:-1, :-2]).sum(axis=0)
        down = (wide[:, 2:, 1:-1] * wide[:, :-2, 1:-1]).sum(axis=0)
        total += 1 - np.minimum(across, down)
    return total / np.float32(len(posteriors))


def disc_contrast(posterior: Float32Array, radius: int) -> Float32Array:
    """Compare the two halves of a disc around each pixel [1]_.

    Parameters
    ----------
    posterior : (K, h, w) ndarray of float32
        Soft class memberships, which act as histograms with K bins.
    radius : int
        Of the disc, in pixels.

    Returns
    -------
    (h, w) ndarray of float32
        χ² distance of the halves, 0..1, the largest of eight orientations.

    References
    ----------
    .. [1] D. Martin, C. Fowlkes, J. Malik, "Learning to detect natural image
       boundaries using local brightness, color, and texture cues", IEEE PAMI 26(5),
       530-549, 2004.
    """
    whole, halves = _discs(radius)
    inverse = [1 / (4 * _correlate(p, whole) + 2e-3) for p in posterior]
    best = np.zeros(posterior.shape[1:], np.float32)
    for half in halves:
        contrast = np.zeros_like(best)
        for p, scale in zip(posterior, inverse, strict=True):
            difference = _correlate(p, half)
            contrast += difference * difference * scale
        np.maximum(best, contrast, out=best)
    return best


@cache
def _discs(radius: int) -> tuple[Float32Array, list[Float32Array]]:
    """Return kernels: the mean over a disc, and the differences of its halves."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    disc = np.hypot(y, x) <= radius + 0.3
    halves = []
    for angle in np.arange(_ORIENTATIONS) * np.pi / _ORIENTATIONS:
        side = np.clip(2 * (x * np.cos(angle) + y * np.sin(angle)), -1, 1) * disc
        halves.append((2 * side / np.abs(side).sum()).astype(np.float32))
    return (disc / disc.sum()).astype(np.float32), halves


def _correlate(image: Float32Array, kernel: Float32Array) -> Float32Array:
    out = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float32).reshape(image.shape)


def _gradient(channels: Float32Array, sigma: float, half: float) -> Float32Array:
    """Length g of the gradient at a scale over all channels, as g / (g + half)."""
    square = np.zeros(channels.shape[1:], np.float32)
    for channel in channels:
        smooth = blur(channel, sigma)
        for axes in ((1, 0), (0, 1)):
            slope = cv2.Sobel(smooth, -1, *axes, scale=sigma / 8)
            square += slope.reshape(square.shape) ** 2
    length = np.sqrt(square)
    return np.asarray(length / (length + np.float32(half)), np.float32)


def gradient_cues(lightness: Float32Array) -> list[Float32Array]:
    """Measure how strong the gradients are here and around, and how well they agree.

    A contour is straight and stands out from its surroundings; grass does neither.

    Parameters
    ----------
    lightness : (Y, X) ndarray of float32
        In the units of Lab.

    Returns
    -------
    list of (Y, X) ndarray of float32
        Log energy of the gradients close by, around, and around at a coarser scale;
        then their alignment close by, and around at the coarser scale: 0 if they point
        anywhere, near 1 if all lie along one line.

    Examples
    --------
    >>> ramp = np.tile(np.arange(60, dtype=np.float32), (40, 1))
    >>> [round(float(cue[20, 30]), 2) for cue in gradient_cues(ramp)]
    [0.41, 0.41, 0.41, 0.67, 0.67]
    """
    size = lightness.shape
    view = resize(lightness, _view_size(*size))
    close = _alignment(lightness, 0.7, 2.0)
    around = _alignment(view, 1.0, 6.0)
    coarse = _alignment(view, 2.0, 6.0)
    energies = (close[0], around[0], coarse[0])
    return [resize(plane, size) for plane in (*energies, close[1], coarse[1])]


def _alignment(
    lightness: Float32Array, sigma: float, reach: float
) -> tuple[Float32Array, Float32Array]:
    """Return log energy and alignment of the gradients within a Gaussian's reach."""
    smooth = blur(lightness, sigma)
    gx, gy = (
        cv2.Sobel(smooth, -1, *axes, scale=1 / 8).reshape(smooth.shape)
        for axes in ((1, 0), (0, 1))
    )
    xx, yy, xy = (blur(product, reach) for product in (gx * gx, gy * gy, gx * gy))
    # A faint gradient is chance, wherever it points.
    energy = xx + yy + np.float32(0.5)
    return np.log(energy), np.sqrt((xx - yy) ** 2 + 4 * xy**2) / energy


def resize(image: Float32Array, size: tuple[int, int]) -> Float32Array:
    """Resize (Y, X) or (Y, X, C) to `size`: means to shrink, bilinear to grow."""
    if image.shape[:2] == size:
        return image
    if image.ndim == 3:
        planes = np.ascontiguousarray(np.moveaxis(image, -1, 0))
        return np.stack([resize(plane, size) for plane in planes], axis=-1)
    smaller = size[0] < image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    out = cv2.resize(image, size[::-1], interpolation=method)
    return np.asarray(out, np.float32).reshape(size)
