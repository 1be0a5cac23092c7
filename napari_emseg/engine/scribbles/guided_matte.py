"""Matte: how opaque pixels near an outline are, by the colors on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

# Say of a pixel near the outline, against 1 elsewhere, and side of the windows in
# radii: first, when only the mask is known, and again with a first alpha.
_PASSES = ((0.1, 2), (0.3, 1))
# Variance 0..1² below which colors in a window count as equal.
_EPSILON = 1e-4
# Radii around a pixel that its alpha depends on.
REACH = 7


def guided_alpha(
    guide: FloatArray, solid: FloatArray, near: BoolArray, radius: int
) -> FloatArray:
    """Return alpha near an outline, fitted twice to the colors of each window [1]_.

    Parameters
    ----------
    guide : (Y, X, C) ndarray of float32
        Colors, 0 to 1.
    solid : (Y, X) ndarray of float32
        The mask, 0 and 1.
    near : (Y, X) ndarray of bool
        Where alpha is looked for; elsewhere it is that of the mask.
    radius : int
        Of the windows, in pixels.

    References
    ----------
    .. [1] K. He, J. Sun, X. Tang, "Guided image filtering", IEEE Trans. PAMI 35(6),
       1397-1409, 2013.
    """
    alpha = solid
    for say, size in _PASSES:
        weight = np.where(near, np.float32(say), np.float32(1))
        found = _filter(guide, alpha, weight, size * radius, near)
        alpha = np.where(near, found, solid)
    return alpha


def _filter(
    guide: FloatArray,
    target: FloatArray,
    weight: FloatArray,
    radius: int,
    near: BoolArray,
) -> FloatArray:
    """Return (Y, X) filtered by a guide (Y, X, C), with weights of the pixels.

    Only what is `near` is right: only models that reach there are solved.
    """
    side = (2 * radius + 1,) * 2

    def mean(x: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(
            cv2.blur(x, side, borderType=cv2.BORDER_REPLICATE), np.float64
        )

    reaches = cv2.dilate(near.astype(np.uint8), np.ones(side, np.uint8)) > 0
    total = mean(weight.astype(np.float64))[reaches]

    def center(x: NDArray[Any]) -> NDArray[np.float64]:
        return mean(x * weight)[reaches] / total

    channels = [guide[..., c].astype(np.float64) for c in range(guide.shape[-1])]
    centers = [center(x) for x in channels]
    middle = center(target)
    n = len(channels)
    matrix = np.empty((len(total), n, n))
    vector = np.empty((len(total), n, 1))
    for i, x in enumerate(channels):
        vector[:, i, 0] = center(x * target) - centers[i] * middle
        for j in range(i + 1):
            covariance = center(x * channels[j]) - centers[i] * centers[j]
            matrix[:, i, j] = matrix[:, j, i] = covariance
        matrix[:, i, i] += _EPSILON
    slope = np.linalg.solve(matrix, vector)[..., 0]

    def spread(values: NDArray[Any]) -> NDArray[np.float64]:
        full = np.zeros(target.shape)
        full[reaches] = values
        return mean(full)

    out = spread(middle - (slope * np.stack(centers, axis=-1)).sum(axis=-1))
    for i, x in enumerate(channels):
        out += spread(slope[:, i]) * x
    return np.clip(out, 0, 1).astype(np.float32)
