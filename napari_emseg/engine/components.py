"""Connected components of labels, and the absorption of small ones."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import label as connected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cells import Float64Array


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


def neighbor_pairs(regions: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """List the pairs (P, 2) of regions that share a side, each once, lower first.

    Region 0 is nobody's neighbor. Sides are those of `components`.
    """
    count = int(regions.max()) + 1
    keys = []
    for axis in range(max(regions.ndim - 3, 0), regions.ndim):
        a = np.moveaxis(regions, axis, 0)
        first, second = a[:-1], a[1:]
        differ = (first != second) & (first > 0) & (second > 0)
        one, two = first[differ].astype(np.int64), second[differ].astype(np.int64)
        keys.append(np.unique(np.minimum(one, two) * count + np.maximum(one, two)))
    pairs = np.unique(np.concatenate(keys))
    return np.stack([pairs // count, pairs % count], axis=1)


def absorb_small(
    regions: NDArray[np.int32], sums: Float64Array, min_size: int
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Let regions below a size join the neighbor of nearest mean, smallest first.

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
    near: list[set[int]] = [set() for _ in range(len(sums))]
    for one, two in neighbor_pairs(regions).tolist():
        near[one].add(two)
        near[two].add(one)
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
        host = int(around[np.einsum("nd,nd->n", gap, gap).argmin()])
        keeper[region] = host
        size[host] += size[region]
        sums[host] += sums[region]
        for other in near[region]:
            near[other].discard(region)
            if other != host:
                near[other].add(host)
                near[host].add(other)
        near[region].clear()
        if size[host] < min_size:
            heapq.heappush(heap, (int(size[host]), host))
    while not np.array_equal(keeper, keeper[keeper]):
        keeper = keeper[keeper]
    kept, number = np.unique(keeper, return_inverse=True)
    return number.astype(np.int32)[regions], kept
