"""The absorption of small regions by their neighbors, the smallest first.

By its definition one region after another joins a neighbor, which may depend on all
that joined before. Regions of one size are decided for together all the same (`turns`).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.labels.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array

    Numbers = NDArray[np.integer[Any]]

# Pixels that are looked at together.
_PART = 2**16
# Pixels of regions that are decided for together.
_BLOCK = 2**14
# A list of pixels is made if one of so many belongs to a small region.
_SPARE = 4
# Regions above this size, or fewer than one of so many pixels, are taken one by one.
_ONE_BY_ONE, _FEW = 64, 256
# Regions taken one by one between two steps, and a mask of 32 bits.
_STEPS, _LOW = 2**12, 2**32 - 1


def iter_absorb(
    regions: NDArray[np.int32], min_size: int, sums: Float64Array | None = None
) -> Generator[None, None, NDArray[np.int32]]:
    """Decide which region each region below a size joins.

    Parameters
    ----------
    regions : (…) ndarray of int32
        Regions 1..R, connected along sides within the last three axes; 0 is none.
    min_size : int
        Regions of fewer pixels are absorbed, unless they have no neighbor.
    sums : (R + 1, D) ndarray of float64, optional
        Sum of the features over each region, which is written to.

    Yields
    ------
    None
        After each part of the work; to cancel, stop iterating.

    Returns
    -------
    (R + 1,) ndarray of int32
        The region that each region belongs to in the end. It joins the neighbor with
        the longest common border; with features, that with the least |m_a − m_b|² / s,
        where m are means and s is the length of the border. Of equal ones the first.
    """
    work = _Absorption(np.ascontiguousarray(regions), min_size, sums)
    yield
    for size in range(1, min(min_size, _ONE_BY_ONE + 1)):
        if work.small_regions() * _FEW < regions.size:
            break
        yield from work.join_size(size)
    yield from work.join_one_by_one()
    return work.host


class _Absorption:
    """Regions on their way: what belongs to which, and how large that is."""

    def __init__(
        self, regions: NDArray[np.int32], min_size: int, sums: Float64Array | None
    ) -> None:
        self.shape = regions.shape
        self.flat = regions.reshape(-1)
        self.min_size = min(min_size, self.flat.size + 1)
        self.sums = sums
        count = int(self.flat.max(initial=0)) + 1
        self.host = np.arange(count, dtype=np.int32)
        self.kind = np.int32 if self.flat.size < 2**31 - 1 else np.int64
        self.size: Numbers = np.zeros(count, self.kind)
        for part in self._parts(len(self.flat)):
            found = self.flat[part]
            low = int(found.min())
            sizes = np.bincount(found - low)
            self.size[low : low + len(sizes)] += sizes.astype(self.kind)
        # What is no region is too large to be absorbed, and never a neighbor.
        self.size[0] = np.iinfo(self.kind).max
        # Room for numbers among the regions that are looked at together.
        self.number = np.zeros(count, np.int32)
        # Pixels of small regions, once there are fewer.
        self.pixels: Numbers | None = None

    @staticmethod
    def _parts(count: int) -> Iterator[slice]:
        for start in range(0, count, _PART):
            yield slice(start, min(start + _PART, count))

    def _is_root(self) -> BoolArray:
        return self.host == np.arange(len(self.host), dtype=np.int32)

    def small_regions(self) -> int:
        """Return how many regions are below the size."""
        return int(np.count_nonzero((self.size < self.min_size) & self._is_root()))

    def _find(self, size: int) -> Iterator[tuple[Numbers, Numbers] | None]:
        """Yield pixels of the regions of a size, and their regions, in order.

        While they are looked for, None comes first.
        """
        kind, block = self.kind, _BLOCK
        if size == 1 and self._singles_rise():
            # They need no list.
            for part in self._parts(len(self.flat)):
                yield None
                region = self.flat[part]
                own = np.flatnonzero(self.size[region] == 1)
                for start in range(0, len(own), block):
                    at = own[start : start + block]
                    yield at + part.start, region[at]
            return
        total = len(self.flat) if self.pixels is None else len(self.pixels)
        # A list of most pixels is more than it spares.
        small = (self.size < self.min_size) & self._is_root()
        lists = int(self.size[small].sum()) * _SPARE < len(self.flat)
        left: list[Numbers] = [np.empty(0, kind)]
        places: list[Numbers] = [np.empty(0, kind)]
        owners = [np.empty(0, np.int32)]
        for part in self._parts(total):
            yield None
            if self.pixels is None:
                place = np.arange(part.start, part.stop, dtype=kind)
            else:
                place = self.pixels[part]
            region = self.host[self.flat[place]]
            pixels = self.size[region]
            if lists:
                left.append(place[(pixels >= size) & (pixels < self.min_size)])
            own = pixels == size
            places.append(place[own])
            owners.append(region[own])
        if lists:
            self.pixels = np.concatenate(left)
        del left
        region = np.concatenate(owners)
        order = np.argsort(region, kind="stable")
        place, region = np.concatenate(places)[order], region[order]
        step = max(block // size, 1) * size
        for start in range(0, len(region), step):
            yield place[start : start + step], region[start : start + step]

    def _singles_rise(self) -> bool:
        """Tell whether regions of one pixel come in the order of their numbers."""
        last = 0
        for part in self._parts(len(self.flat)):
            region = self.flat[part]
            single = region[self.size[region] == 1]
            if single.size:
                if single[0] <= last or np.any(single[1:] <= single[:-1]):
                    return False
                last = int(single[-1])
        return True

    def join_size(self, size: int) -> Generator[None, None, None]:
        """Let the regions of a size join their neighbors, in their order."""
        for found in self._find(size):
            yield
            if found is None:
                continue
            pixels, owners = found
            # They come sorted, so many pixels of each.
            ids = owners[::size]
            # Those that have grown meanwhile wait.
            still = np.flatnonzero((self.size[ids] == size) & (self.host[ids] == ids))
            if still.size:
                self._join(ids[still], pixels.reshape(-1, size)[still])
        # A host of this size has grown, and is absorbed by none before the next size.
        self.host = self.host[self.host]

    def _join(self, ids: Numbers, pixels: Numbers) -> None:
        """Let regions of one size, each with its row of pixels, join others."""
        sides = self._beside(ids, pixels)
        lengths = (sides > 0).astype(np.int16)
        if pixels.shape[1] > 1:
            sides, lengths = _each_once(sides)
        turns = Turns(ids, sides, lengths, self.size, self.sums, self.number)
        host = turns.hosts()
        joined = np.flatnonzero(host)
        one, other = ids[joined], host[joined]
        self.host[one] = other
        np.add.at(self.size, other, self.size[one])
        if self.sums is not None:
            for column in self.sums.T:
                np.add.at(column, other, column[one])

    def _beside(self, ids: Numbers, pixels: Numbers) -> NDArray[np.int32]:
        """Return what is beside the pixels (n, size) of regions, 0 if nothing else."""
        axes = range(max(len(self.shape) - 3, 0), len(self.shape))
        pixels = np.ascontiguousarray(pixels.T)
        out = np.zeros((2 * len(axes), *pixels.shape), np.int32)
        stride = 1
        for axis in reversed(axes):
            length = self.shape[axis]
            at = pixels // stride % length
            for side, (there, step) in enumerate(
                ((at > 0, -stride), (at < length - 1, stride))
            ):
                beside = self.flat[np.where(there, pixels + step, pixels)]
                beside = self.host[self.host[beside]]
                beside[beside == ids] = 0
                out[2 * axis + side - 2 * axes[0]] = beside
            stride *= length
        return out.reshape(len(out) * pixels.shape[0], len(ids))

    def join_one_by_one(self) -> Generator[None, None, None]:
        """Let all regions that are left join, one after another."""
        near: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for pair, length in zip(*(yield from self._borders()), strict=True):
            one, other = pair >> 32, pair & _LOW
            near[one][other] = near[other][one] = length
        size, sums, host = self.size, self.sums, self.host
        heap = [(int(size[region]), region) for region in near]
        heap = [entry for entry in heap if entry[0] < self.min_size]
        heapq.heapify(heap)
        steps = 0
        while heap:
            steps += 1
            if steps % _STEPS == 0:
                yield
            pixels, region = heapq.heappop(heap)
            around = near[region]
            # An entry is stale if its region grew or was absorbed meanwhile.
            if host[region] != region or size[region] != pixels or not around:
                continue
            if sums is None:
                taker = max(around, key=lambda other: (around[other], -other))
            else:
                others = np.array(sorted(around))
                gap = sums[others] / size[others, np.newaxis] - sums[region] / pixels
                sides = [around[other] for other in others.tolist()]
                cost = np.einsum("nd,nd->n", gap, gap) / sides
                taker = int(others[cost.argmin()])
                sums[taker] += sums[region]
            host[region] = taker
            size[taker] += pixels
            for other, length in around.items():
                del near[other][region]
                if other != taker:
                    both = near[taker].get(other, 0) + length
                    near[taker][other] = near[other][taker] = both
            del near[region]
            if size[taker] < self.min_size:
                heapq.heappush(heap, (int(size[taker]), taker))
        while not np.array_equal(host, host[host]):
            host = host[host]
        self.host = host

    def _borders(self) -> Generator[None, None, tuple[list[int], list[int]]]:
        """Return small regions and their neighbors as keys, and their common sides."""
        keys, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        total = len(self.flat) if self.pixels is None else len(self.pixels)
        for part in self._parts(total):
            yield
            pixels = np.arange(part.start, part.stop)
            if self.pixels is not None:
                pixels = self.pixels[part]
            region = self.host[self.flat[pixels]]
            small = self.size[region] < self.min_size
            pixels, region = pixels[small], region[small]
            neighbor = self._beside(region, pixels[:, np.newaxis])
            pair = (region.astype(np.int64) << 32 | neighbor)[neighbor > 0]
            found, sides = np.unique(pair, return_counts=True)
            keys.append(found)
            lengths.append(sides)
        pairs, group = np.unique(np.concatenate(keys), return_inverse=True)
        total_length = np.bincount(group, np.concatenate(lengths), len(pairs))
        return pairs.tolist(), total_length.astype(np.int64).tolist()


def _each_once(
    sides: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
    """Return the regions (m, n) beside each of n, each once, and how many sides."""
    rows = np.sort(np.ascontiguousarray(sides.T), axis=1)
    begins = np.ones(rows.shape, bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=begins[:, 1:])
    rank = np.cumsum(begins, axis=1)
    shape = int(rank.max()), len(rows)
    first = np.flatnonzero(begins)
    who, rank = first // rows.shape[1], rank.reshape(-1)[first] - 1
    out, lengths = np.zeros(shape, np.int32), np.zeros(shape, np.int16)
    out[rank, who] = rows.reshape(-1)[first]
    lengths[rank, who] = np.diff(first, append=rows.size)
    # What is no region has no border.
    lengths[out == 0] = 0
    return out, lengths
