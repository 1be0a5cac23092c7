"""The tree in which fine regions merge, and its cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class RegionTree:
    """Fine regions and the binary tree in which they merge into one.

    Nodes 0..n-1 are the fine regions, n..2n-2 the merged ones in the order of their
    making; the last is the root.

    Attributes
    ----------
    labels : (Y, X) ndarray of int32
        Fine regions 1..n (node + 1); 0 for pixels that take no part.
    parent : (2 n - 1,) ndarray of intp
        The node that each is merged into; the root is its own parent.
    height : (2 n - 1,) ndarray of float64
        Estimated probability that a person keeps the two parts of a node apart, 0 for
        fine regions. Never lower than that of a part, 1 for parts that do not touch.

    Examples
    --------
    >>> fine = np.array([[1, 2, 3], [1, 2, 3]], np.int32)
    >>> tree = RegionTree(fine, *grow(3, [(0, 1, -2.0), (2, 3, 1.0)]))
    >>> tree
    RegionTree(2 x 3, 3 fine regions)
    >>> tree.parent
    array([3, 3, 4, 4, 4])
    >>> tree.cut(n_regions=2)
    array([[1, 1, 2],
           [1, 1, 2]], dtype=int32)
    """

    labels: NDArray[np.int32]
    parent: NDArray[np.intp]
    height: Float64Array

    def __repr__(self) -> str:
        """Return the number of regions as text."""
        shape = " x ".join(map(str, self.labels.shape))
        return f"RegionTree({shape}, {self.n_fine} fine regions)"

    @property
    def n_fine(self) -> int:
        """Number of fine regions n: the most that a cut can have."""
        return (len(self.parent) + 1) // 2

    def cut(
        self, n_regions: int | None = None, level: float | None = None
    ) -> NDArray[np.int32]:
        """Cut the tree into regions.

        Parameters
        ----------
        n_regions : int, optional
            How many regions; at most `n_fine` are given.
        level : float, optional
            A region for each highest node that is not higher than this: 0 gives the
            fine regions, 1 a single one. By default .5: parts stay apart if a person
            more likely than not keeps them apart.

        Returns
        -------
        (Y, X) ndarray of int32
            Regions 1..R in the order of their first fine regions; 0 for pixels that
            take no part. The cuts of one tree are nested.

        Raises
        ------
        TypeError
            If both are given, or `n_regions` is no integer.
        ValueError
            If `n_regions` is below 1 or `level` outside 0..1.
        """
        if n_regions is not None and level is not None:
            raise TypeError(
                f"cut got n_regions={n_regions} and level={level}, which are two ways "
                "to say the same; pass one of them"
            )
        n = self.n_fine
        if n_regions is not None:
            if not isinstance(n_regions, (int, np.integer)):
                raise TypeError(
                    f"n_regions={n_regions!r} is no whole number; pass 1 or more"
                )
            if n_regions < 1:
                raise ValueError(
                    f"n_regions={n_regions}, but a cut has at least one region; "
                    "pass 1 or more"
                )
            merged = max(n - int(n_regions), 0)
        else:
            level = 0.5 if level is None else float(level)
            if not 0 <= level <= 1:
                raise ValueError(
                    f"level={level} is not in 0..1; pass 0 for the fine regions, 1 "
                    "for a single one, or something between"
                )
            merged = int(np.searchsorted(self.height[n:], level, side="right"))
        return self._cut(merged)

    def _cut(self, merged: int) -> NDArray[np.int32]:
        """Return the labels of the tree after some merges."""
        n = self.n_fine
        node = np.arange(n + merged)
        # A parent has a higher number than its parts, so one pass from above is enough.
        for child in range(n + merged - 1, -1, -1):
            above = self.parent[child]
            if above < n + merged:
                node[child] = node[above]
        roots, region = np.unique(node[:n], return_inverse=True)
        first = np.full(len(roots), n)
        np.minimum.at(first, region, np.arange(n))
        rank = np.empty(len(roots), np.int32)
        rank[np.argsort(first)] = np.arange(1, len(roots) + 1)
        table = np.concatenate([np.zeros(1, np.int32), rank[region]])
        return table[self.labels]


def grow(
    n: int, merges: list[tuple[int, int, float]]
) -> tuple[NDArray[np.intp], Float64Array]:
    """Return merges as parents and heights of the nodes of a `RegionTree`.

    Parameters
    ----------
    n : int
        Number of fine regions.
    merges : list of (one, two, cost)
        The k-th makes node n + k. Nodes that are left over join on top.

    Returns
    -------
    parent : (2 n - 1,) ndarray of intp
    height : (2 n - 1,) ndarray of float64
        Running maximum of the costs, as log-odds brought to 0..1.
    """
    parent = np.arange(max(2 * n - 1, 0))
    height = np.zeros(len(parent))
    for k, (one, two, _) in enumerate(merges):
        parent[one] = parent[two] = n + k
    cost = np.array([merge[2] for merge in merges])
    done = n + len(merges)
    height[n:done] = expit(np.maximum.accumulate(cost))
    loose = [node for node in range(done) if parent[node] == node]
    for new in range(done, len(parent)):
        one, two = loose.pop(0), loose.pop(0)
        parent[one] = parent[two] = new
        height[new] = 1
        loose.insert(0, new)
    return parent, height
