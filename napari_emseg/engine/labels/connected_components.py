"""Connected components of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import label as connected

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
