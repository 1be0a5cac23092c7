"""Uneven illumination: a smooth field by which an image is multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Width of the smooth field, as a share of the image's longest side.
_WIDTH = 0.17
# The field is found on blocks, this many along the longest side.
_BLOCKS = 64
# Farther from 1 than this it explains classes, not illumination.
RANGE = (0.5, 2.0)


def bias_field(
    seen: NDArray[np.floating], expected: NDArray[np.floating], valid: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Find the smooth field B that makes ``seen ≈ B · expected``.

    Parameters
    ----------
    seen, expected : (*S) ndarray of float
        Precision-weighted sums Σ_k Q_k μ_k x / v_k and Σ_k Q_k μ_k² / v_k, ≥ 0.
    valid : (*S) ndarray of bool
        Pixels that count.

    Returns
    -------
    (*S) ndarray of float32
        Ratio of both after a wide Gaussian window, of mean 1 where valid, between
        0.5 and 2.

    References
    ----------
    W. M. Wells, W. E. L. Grimson, R. Kikinis, F. A. Jolesz (1996). Adaptive
    segmentation of MRI data. IEEE Transactions on Medical Imaging 15(4), 429-442.

    Examples
    --------
    >>> image = np.full((40, 40), 2.0)
    >>> valid = np.ones((40, 40), bool)
    >>> bool(np.allclose(bias_field(image, image, valid), 1))
    True
    """
    shape = valid.shape
    step = max(1, -(-max(shape) // _BLOCKS))
    width = [_WIDTH * max(shape) / step if n > 1 else 0.0 for n in shape]
    fields = [
        ndimage.gaussian_filter(_shrink(part * valid, step), width, mode="constant")
        for part in (seen, expected)
    ]
    least = 1e-9 * float(fields[1].max()) + np.finfo(np.float64).tiny
    ratio = np.clip(fields[0] / np.maximum(fields[1], least), *RANGE)
    at = [(np.arange(n) + 0.5) / step - 0.5 for n in shape]
    found = ratio
    for axis, positions in enumerate(at):
        found = _interpolate(found, positions, axis)
    found /= found[valid].mean() if valid.any() else 1.0
    result: NDArray[np.float32] = np.clip(found, *RANGE).astype(np.float32)
    return result


def _shrink(array: NDArray[np.floating], step: int) -> NDArray[np.float64]:
    """Sum over blocks of `step` along each axis."""
    out = np.asarray(array, np.float64)
    for axis, n in enumerate(array.shape):
        out = np.add.reduceat(out, np.arange(0, n, step), axis=axis)
    return out


def _interpolate(
    array: NDArray[np.float64], positions: NDArray[np.float64], axis: int
) -> NDArray[np.float64]:
    """Interpolate linearly along one axis; constant beyond both ends."""
    last = array.shape[axis] - 1
    low = np.clip(np.floor(positions), 0, max(last - 1, 0)).astype(np.intp)
    high = np.minimum(low + 1, last)
    share = np.clip(positions - low, 0, 1)
    shape = [1] * array.ndim
    shape[axis] = len(positions)
    share = share.reshape(shape)
    first, second = array.take(low, axis), array.take(high, axis)
    out: NDArray[np.float64] = first + share * (second - first)
    return out
