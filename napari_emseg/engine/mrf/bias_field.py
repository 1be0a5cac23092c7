"""Uneven illumination: a smooth field by which an image is multiplied."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Width of the smooth field, as a share of the image's longest side.
_WIDTH = 0.17
# The field is found on blocks, this many along the longest side.
_BLOCKS = 64
# Pixels that are looked at together.
_PART = 2**16
# Farther from 1 than this it explains classes, not illumination.
RANGE = (0.5, 2.0)
# How much each class may follow the field, in logarithms of both: light multiplies all.
# A field that is smoothed has less than all of its range; in phantoms, classes follow
# light .5 to 2.1 times, and where there is none, at least one 2.4 to 20 times or not at
# all.
_FOLLOWS = (0.45, 2.2)
# Classes of a smaller share tell nothing, and what only one class of this share shows
# may be its own.
_TOLD, _LARGE = 0.02, 0.1


def multiplies_all(slopes: NDArray[np.float64], shares: NDArray[np.float64]) -> bool:
    """Tell whether a field is light: whether all classes follow it.

    Parameters
    ----------
    slopes : (K,) ndarray of float64
        How much the logarithm of each class changes with that of the field; 1 where it
        is multiplied by it.
    shares : (K,) ndarray of float64
        Of the pixels that each class has.

    Returns
    -------
    bool
        False if a field explains only what some of the classes are like, as it does
        where the content of an image is uneven, or noise; and if there are no two
        classes that show more.

    Examples
    --------
    >>> halves = np.array([0.5, 0.5])
    >>> multiplies_all(np.array([1.2, 1.0]), halves)
    True
    >>> multiplies_all(np.array([1.8, 0.1]), halves)
    False
    """
    told = slopes[shares >= _TOLD]
    least, most = float(told.min(initial=np.inf)), float(told.max(initial=-np.inf))
    if np.count_nonzero(shares >= _LARGE) < 2:
        return False
    return _FOLLOWS[0] <= least <= most <= _FOLLOWS[1]


def block_side(shape: tuple[int, ...]) -> int:
    """Return the side of the blocks that the field is found on, in pixels."""
    return max(1, -(-max(shape) // _BLOCKS))


def parts(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield boxes that make up an image, each of whole blocks.

    Examples
    --------
    >>> list(parts((3, 4)))
    [(slice(0, 3, None), slice(0, 4, None))]
    """
    side = block_side(shape)
    lengths = list(shape)
    for axis in range(len(shape) - 1):
        others = math.prod(lengths) // max(lengths[axis], 1)
        lengths[axis] = max(_PART // max(side * others, 1), 1) * side
    starts = [range(0, n, step) for n, step in zip(shape, lengths, strict=True)]
    for corner in product(*starts):
        yield tuple(
            slice(start, min(start + step, n))
            for start, step, n in zip(corner, lengths, shape, strict=True)
        )


def shrink(array: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return the sums over blocks of a side along each axis.

    Examples
    --------
    >>> shrink(np.ones((2, 3)), 2)
    array([[4., 2.]])
    """
    for axis, n in enumerate(array.shape):
        array = np.add.reduceat(array, np.arange(0, n, side), axis=axis)
    return array


def bias_field(
    seen: NDArray[np.float64], expected: NDArray[np.float64], valid: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Find the smooth field B that makes ``seen ≈ B · expected``.

    Parameters
    ----------
    seen, expected : (…) ndarray of float64
        Precision-weighted sums Σ_k Q_k μ_k x / v_k and Σ_k Q_k μ_k² / v_k, ≥ 0, over
        the valid pixels of each block; see `shrink`.
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
    side = block_side(shape)
    width = [_WIDTH * max(shape) / side if n > 1 else 0.0 for n in shape]
    fields = [
        ndimage.gaussian_filter(part, width, mode="constant")
        for part in (seen, expected)
    ]
    least = 1e-9 * float(fields[1].max()) + np.finfo(np.float64).tiny
    ratio = np.clip(fields[0] / np.maximum(fields[1], least), *RANGE)

    def enlarged(box: tuple[slice, ...]) -> NDArray[np.float64]:
        found = ratio
        for axis, part in enumerate(box):
            at = (np.arange(part.start, part.stop) + 0.5) / side - 0.5
            found = _interpolate(found, at, axis)
        return found

    # Twice, because double precision everywhere takes more memory than time.
    total = sum(float(enlarged(box)[valid[box]].sum()) for box in parts(shape))
    mean = total / float(np.count_nonzero(valid)) if valid.any() else 1.0
    out = np.empty(shape, np.float32)
    for box in parts(shape):
        out[box] = np.clip(enlarged(box) / mean, *RANGE)
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
