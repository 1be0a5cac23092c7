"""Touching objects told apart: basins of the distance to the outline, and merging."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage as ndi

from napari_emseg.engine.labels.connected_components import components

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

    IntArray = NDArray[np.integer[Any]]

# Standard deviation in pixels of the Gaussian over distances: outlines are stairs.
_SIGMA = 0.7
# A neck tells two objects apart if it is narrower than the smaller one by so many
# pixels, and by this share of that one's radius.
_DEPTH, _SHARE = 0.75, 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Basins:
    """Basins of the distance to the outline, and the necks between them.

    Attributes
    ----------
    labels : (…) ndarray of int32
        Basins 1..B of the objects; 0 outside. Each is connected by sides.
    peaks : (B,) ndarray of float32
        Largest distance to the outline in each basin, in pixels.
    sizes : (B,) ndarray of int64
        Pixels of each basin.
    pairs : (P, 2) ndarray of int64
        Basins 1..B that touch, the widest neck first.
    necks : (P,) ndarray of float32
        Half the width of the neck between the two, in pixels.
    """

    labels: NDArray[np.int32]
    peaks: FloatArray
    sizes: NDArray[np.int64]
    pairs: NDArray[np.int64]
    necks: FloatArray

    def merged(self, depth: float = 1.0, min_size: float = 0) -> NDArray[np.int64]:
        """Return the object of each basin.

        A peak stands for an object of its own if each way from it to a higher one goes
        down far enough (its dynamics [1]_), measured in what is a neck for an object
        of its size. Otherwise, and if it has fewer pixels than `min_size`, it belongs
        to the neighbor with the widest neck.

        Parameters
        ----------
        depth : float, optional
            Larger numbers split less; infinity not at all.
        min_size : float, optional
            Pixels of the smallest object that is cut off from another.

        Returns
        -------
        (B + 1,) ndarray of int64
            Numbers 1..N without gaps, in the order of the basins; 0 for 0.

        References
        ----------
        .. [1] M. Grimaud, "A new measure of contrast: the dynamics", Image Algebra and
           Morphological Image Processing III, SPIE 1769, 292-305, 1992.
        """
        count = len(self.peaks)
        if not len(self.pairs):
            return np.arange(count + 1)
        parent = [*range(count + 1)]
        height = [0.0, *_in_necks(self.peaks).tolist()]
        size = [0, *self.sizes.tolist()]

        def root(one: int) -> int:
            while parent[one] != one:
                parent[one] = parent[parent[one]]
                one = parent[one]
            return one

        levels = _in_necks(self.necks).tolist()
        for (first, second), level in zip(self.pairs.tolist(), levels, strict=True):
            high, low = root(first), root(second)
            if high == low:
                continue
            if height[high] < height[low]:
                high, low = low, high
            least = min(size[high], size[low])
            if height[low] - level < depth or least < min_size:
                parent[low] = high
                size[high] += size[low]
        roots = np.array([root(one) for one in range(count + 1)])
        return np.unique(roots, return_inverse=True)[1]


def _in_necks(distance: FloatArray) -> NDArray[np.float64]:
    """Return distances so that one is the depth of a neck, at any distance.

    That depth is a number of pixels near 0, and a share of the distance far from it.
    """
    return np.log1p(distance.astype(np.float64) * (_SHARE / _DEPTH)) / _SHARE


def find_basins(
    mask: BoolArray, spacing: Sequence[float] | None = None
) -> Generator[None, None, Basins]:
    """Find the basins of the distance to the outline of a mask.

    The distance [2]_ is smoothed, and each pixel belongs to the peak that steepest
    ascent leads to: a watershed [1]_ by topographic distance [3]_, without a queue.

    Parameters
    ----------
    mask : (…) ndarray of bool
        Two or three axes.
    spacing : sequence of float, optional
        Lengths of a pixel along each axis; 1 by default.

    Returns
    -------
    Basins

    References
    ----------
    .. [1] L. Vincent, P. Soille, "Watersheds in digital spaces: an efficient algorithm
       based on immersion simulations", IEEE Transactions on Pattern Analysis and
       Machine Intelligence 13(6), 583-598, 1991.
    .. [2] N. Malpica et al., "Applying watershed algorithms to the segmentation of
       clustered nuclei", Cytometry 28(4), 289-297, 1997.
    .. [3] F. Meyer, "Topographic distance and watershed lines", Signal Processing
       38(1), 113-125, 1994.
    """
    sides = relative_spacing(spacing, mask.ndim)
    distance = smooth_distance(mask, sides)
    yield None
    found = yield from _ascend(distance, mask, sides)
    # Steps over corners may leave a basin, or the piece, in parts.
    labels = components(found)
    del found
    yield None
    flat = labels.ravel()
    count = int(flat.max(initial=0))
    peaks = np.zeros(count + 1, np.float32)
    np.maximum.at(peaks, flat, distance.ravel())
    sizes = np.bincount(flat, minlength=count + 1)
    pairs, necks = _necks(labels, distance)
    return Basins(labels, peaks[1:], sizes[1:], pairs, necks)


def relative_spacing(spacing: Sequence[float] | None, ndim: int) -> NDArray[np.float64]:
    """Return lengths of a pixel in units of the shortest, so that distances are pixels.

    Examples
    --------
    >>> relative_spacing((2.0, 0.5, 0.5), 3)
    array([4., 1., 1.])
    """
    if spacing is None:
        return np.ones(ndim)
    sides = np.asarray(spacing, float)[-ndim:]
    return sides / sides.min()


def smooth_distance(mask: BoolArray, sides: NDArray[np.float64]) -> FloatArray:
    """Return the smoothed distance to the outline of a mask, for what is inside of it.

    The rim of the image is no outline: what it cuts goes on behind it.
    """
    if mask.all():
        return np.ones(mask.shape, np.float32)
    if mask.ndim == 2 and (sides == 1).all():
        image = np.ascontiguousarray(mask).view(np.uint8)
        distance = cv2.distanceTransform(image, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    else:
        distance = ndi.distance_transform_edt(mask, sampling=sides)
        distance = np.asarray(distance, np.float32)
    smooth = ndi.gaussian_filter(distance, _SIGMA / sides, truncate=3)
    return np.asarray(smooth, np.float32)


def _ascend(
    height: FloatArray, mask: BoolArray, sides: NDArray[np.float64]
) -> Generator[None, None, IntArray]:
    """Return for each pixel the place, from 1, of the peak that it ascends to."""
    kind = np.int32 if height.size < 2**31 else np.int64
    place = np.arange(height.size, dtype=kind).reshape(height.shape)
    target = place.copy()
    steepest = np.zeros(height.shape, np.float32)
    for offset in _half_of_neighbors(height.ndim):
        low, high = _shifted(height.shape, offset)
        slope = (height[high] - height[low]) / np.float32(
            np.hypot.reduce(offset * sides)
        )
        both = mask[low] & mask[high]
        # Of equal heights, the later pixel is the higher one: no circles.
        up = both & ((slope > steepest[low]) | ((slope == 0) & (steepest[low] == 0)))
        np.copyto(target[low], place[high], where=up)
        np.copyto(steepest[low], slope, where=up)
        down = both & (-slope > steepest[high])
        np.copyto(target[high], place[low], where=down)
        np.copyto(steepest[high], -slope, where=down)
        yield None
    inside = np.flatnonzero(mask)
    flat = target.ravel()
    here = flat[inside]
    while True:
        there = flat[here]
        if np.array_equal(there, here):
            break
        flat[inside] = here = there
        yield None
    out = np.zeros(height.size, kind)
    out[inside] = here + 1
    return np.reshape(out, height.shape)


def _necks(
    labels: NDArray[np.int32], height: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the pairs (P, 2) of basins that share a side, and the highest pass."""
    count = int(labels.max(initial=0)) + 1
    keys, passes = [], []
    for axis in range(labels.ndim):
        low, high = _shifted(labels.shape, np.eye(labels.ndim, dtype=int)[axis])
        first, second = labels[low], labels[high]
        differ = (first != second) & (first > 0) & (second > 0)
        one, two = first[differ].astype(np.int64), second[differ].astype(np.int64)
        keys.append(np.minimum(one, two) * count + np.maximum(one, two))
        passes.append(np.minimum(height[low][differ], height[high][differ]))
    key, level = np.concatenate(keys), np.concatenate(passes)
    order = np.lexsort((-level, key))
    key, level = key[order], level[order]
    best = np.append(True, key[1:] != key[:-1])[: len(key)]
    key, level = key[best], level[best]
    order = np.argsort(-level, kind="stable")
    key = key[order]
    return np.stack([key // count, key % count], axis=1), level[order]


def _half_of_neighbors(ndim: int) -> list[NDArray[np.int64]]:
    """Return one of each two opposite offsets to the neighbors of a pixel."""
    every = product((-1, 0, 1), repeat=ndim)
    return [np.array(offset) for offset in every if offset > (0,) * ndim]


def _shifted(
    shape: tuple[int, ...], offset: NDArray[np.int64]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the pixels that have a neighbor at an offset, and those neighbors."""
    steps = list(zip(offset.tolist(), shape, strict=True))
    here = tuple(slice(max(-step, 0), size - max(step, 0)) for step, size in steps)
    there = tuple(slice(max(step, 0), size - max(-step, 0)) for step, size in steps)
    return here, there
