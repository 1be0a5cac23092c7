"""Connected components of labels, and the absorption of small ones."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import label as connected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array


def components(labels: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Number the connected pieces of each label 1..R; label 0 stays 0.

    Pixels touch along sides, not corners, and within the last three axes: points in
    time are apart.
    """
    out = np.empty(labels.shape, np.int32)
    count = 0
    for at in np.ndindex(labels.shape[:-3]):
        volume, found = connected(
            labels[at], background=0, connectivity=1, return_num=True
        )
        out[at] = np.where(volume > 0, volume + count, 0)
        count += found
    return out


def borders(
    regions: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the pairs of regions that share a side, and how many they share.

    Region 0 is nobody's neighbor. Sides are those of `components`.

    Parameters
    ----------
    regions : (…) ndarray of int
        Regions 1..R; 0 is no region.

    Returns
    -------
    pairs : (P, 2) ndarray of int64
        Each pair once, lower number first.
    lengths : (P,) ndarray of int64
        Number of sides of pixels between the two.

    Examples
    --------
    >>> pairs, lengths = borders(np.array([[1, 1, 2], [3, 3, 3]]))
    >>> pairs.tolist(), lengths.tolist()
    ([[1, 2], [1, 3], [2, 3]], [1, 2, 1])
    """
    count = int(regions.max()) + 1
    keys, counts = [], []
    for axis in range(max(regions.ndim - 3, 0), regions.ndim):
        a = np.moveaxis(regions, axis, 0)
        first, second = a[:-1], a[1:]
        differ = (first != second) & (first > 0) & (second > 0)
        one, two = first[differ].astype(np.int64), second[differ].astype(np.int64)
        key = np.minimum(one, two) * count + np.maximum(one, two)
        key, sides = np.unique(key, return_counts=True)
        keys.append(key)
        counts.append(sides)
    pairs, group = np.unique(np.concatenate(keys), return_inverse=True)
    lengths = np.zeros(len(pairs), np.int64)
    np.add.at(lengths, group, np.concatenate(counts))
    return np.stack([pairs // count, pairs % count], axis=1), lengths


def absorb_small(
    regions: NDArray[np.int32], sums: Float64Array, min_size: int
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Merge regions below a size into the most similar neighbor, smallest first.

    Most similar is the least |m_a − m_b|² / s: m are mean features, and s is the share
    of the border that runs along this neighbor, so that what an object surrounds
    joins it rather than a thing of its color that it touches at a corner.

    Parameters
    ----------
    regions : (…) ndarray of int32
        Regions 1..R; 0 is no region.
    sums : (R + 1, D) ndarray of float64
        Sum of the features over each region.
    min_size : int
        Regions of fewer pixels are absorbed, unless they have no neighbor.

    Returns
    -------
    regions : (…) ndarray of int32
        Renumbered 1..R', in the old order.
    keeper : (R' + 1,) ndarray of intp
        Old number of the region that each new one grew from.
    """
    size = np.bincount(regions.ravel(), minlength=len(sums)).astype(np.float64)
    size[0] = 0
    sums = sums.copy()
    near: list[dict[int, int]] = [{} for _ in range(len(sums))]
    pairs, lengths = borders(regions)
    for (one, two), length in zip(pairs.tolist(), lengths.tolist(), strict=True):
        near[one][two] = near[two][one] = length
    keeper = np.arange(len(sums))
    heap = [(int(n), r) for r, n in enumerate(size) if 0 < n < min_size]
    heapq.heapify(heap)
    while heap:
        pixels, region = heapq.heappop(heap)
        # An entry is stale if its region grew or was absorbed meanwhile.
        if keeper[region] != region or size[region] != pixels or not near[region]:
            continue
        around = np.fromiter(sorted(near[region]), np.intp)
        gap = sums[around] / size[around, np.newaxis] - sums[region] / size[region]
        sides = [near[region][other] for other in around.tolist()]
        host = int(around[(np.einsum("nd,nd->n", gap, gap) / sides).argmin()])
        keeper[region] = host
        size[host] += size[region]
        sums[host] += sums[region]
        for other, length in near[region].items():
            del near[other][region]
            if other != host:
                near[host][other] = near[host].get(other, 0) + length
                near[other][host] = near[host][other]
        near[region].clear()
        if size[host] < min_size:
            heapq.heappush(heap, (int(size[host]), host))
    while not np.array_equal(keeper, keeper[keeper]):
        keeper = keeper[keeper]
    kept, number = np.unique(keeper, return_inverse=True)
    return number.astype(np.int32)[regions], kept
