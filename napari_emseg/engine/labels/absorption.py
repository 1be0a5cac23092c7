"""The absorption of small regions by their neighbors, the smallest first.

By its definition one region after another joins a neighbor, which may depend on all
that joined before. Regions of one size are decided for together all the same (`turns`).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.labels.turns import Turns, groups, sorting

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array

    Numbers = NDArray[np.integer[Any]]

# Pixels that are looked at together.
_PART = 2**16
# Pixels of regions that are decided for together.
_BLOCK = 2**14
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
    work = _Absorption(regions, min_size, sums)
    yield
    for size in range(1, min(min_size, _ONE_BY_ONE + 1)):
        if work.count_small() * _FEW < regions.size:
            break
        if size == 2:
            yield from work.link()
        yield from work.join_size(size)
    host = yield from work.join_one_by_one()
    return host


class _Absorption:
    """Regions on their way: what belongs to which, and how large that is."""

    def __init__(
        self, regions: NDArray[np.int32], min_size: int, sums: Float64Array | None
    ) -> None:
        # Behind each row, column and plane is no region: what is beside a pixel needs
        # no test of borders, as what is before the first is behind the last.
        near = min(regions.ndim, 3)
        room = [(0, 0)] * (regions.ndim - near) + [(0, 1)] * near
        padded = np.pad(regions, room)
        self.steps = [stride // padded.itemsize for stride in padded.strides[-near:]]
        # The region that each pixel belongs to by now.
        self.flat = padded.reshape(-1)
        self.min_size = min(min_size, self.flat.size + 1)
        self.sums = sums
        count = int(self.flat.max(initial=0)) + 1
        self.kind = np.int32 if self.flat.size < 2**31 - 1 else np.int64
        # Pixels of each region; 0 once it is absorbed.
        self.size: Numbers = np.zeros(count, self.kind)
        numbers = regions.reshape(-1)
        for start in range(0, numbers.size, _PART):
            found = numbers[start : start + _PART]
            low = int(found.min())
            sizes = np.bincount(found - low)
            self.size[low : low + len(sizes)] += sizes.astype(self.kind)
        # What is no region is too large to be absorbed, and never a neighbor.
        self.size[0] = np.iinfo(self.kind).max
        # Room for numbers among the regions that are looked at together.
        self.number = np.zeros(count, np.int32)
        # One pixel of each region.
        self.first: Numbers = np.full(count, -1, self.kind)
        for part in self._parts():
            place = np.arange(part.start, part.stop, dtype=self.kind)
            self.first[self.flat[part]] = place
        self.next: Numbers = np.empty(0, self.kind)

    def _parts(self) -> Iterator[slice]:
        for start in range(0, len(self.flat), _PART):
            yield slice(start, min(start + _PART, len(self.flat)))

    def link(self) -> Generator[None, None, None]:
        """Make a ring of the pixels of each small region, once single ones have joined.

        Each leads to the next, and the last to the first.
        """
        self.next = np.arange(len(self.flat), dtype=self.kind)
        met = np.zeros(len(self.size), bool)
        for part in self._parts():
            yield
            region = self.flat[part]
            pixels = self.size[region]
            own = np.flatnonzero((pixels > 1) & (pixels < self.min_size))
            own = own[sorting(region[own])]
            place = own + part.start
            begin, length = groups(region[own])
            heads, ids = place[begin], region[own[begin]]
            self.next[place[:-1]] = place[1:]
            self.next[place[begin + length - 1]] = heads
            again = met[ids]
            self._join_rings(heads[again], self.first[ids[again]])
            self.first[ids] = heads
            met[ids] = True

    def _join_rings(self, rings: Numbers, hosts: Numbers) -> None:
        """Let the rings of some pixels join those of others, of which equal ones touch.

        No two of the rings that join are the same.
        """
        begin, length = groups(hosts)
        leads = self.next[rings]
        after = np.roll(leads, 1)
        after[begin] = self.next[hosts[begin]]
        self.next[hosts[begin]] = leads[begin + length - 1]
        self.next[rings] = after

    def count_small(self) -> int:
        """Return how many regions are below the size."""
        return int(np.count_nonzero((self.size > 0) & (self.size < self.min_size)))

    def join_size(self, size: int) -> Generator[None, None, None]:
        """Let the regions of a size join their neighbors, in their order."""
        count = int(np.count_nonzero(self.size == size))
        step = max(_BLOCK // size, 1)
        # Parts of so many numbers that each has about as many regions of this size.
        width = len(self.size) * step // max(count, 1) + 1
        for low in range(0, len(self.size), width):
            part = self.size[low : low + width]
            ids = np.flatnonzero(part == size).astype(np.int32) + np.int32(low)
            for start in range(0, len(ids), step):
                yield
                some = ids[start : start + step]
                # Those that have grown meanwhile wait.
                some = some[self.size[some] == size]
                if some.size:
                    self._join(some, size)

    def _join(self, ids: NDArray[np.int32], size: int) -> None:
        """Let regions of one size join others."""
        pixels = np.empty((size, len(ids)), self.kind)
        pixels[0] = self.first[ids]
        for before, after in pairwise(pixels):
            self.next.take(before, out=after, mode="clip")
        sides = self._beside(ids, pixels)
        lengths = (sides > 0).astype(np.int16)
        if size > 1:
            sides, lengths = _each_once(sides)
        turns = Turns(ids, sides, lengths, self.size, self.sums, self.number)
        host = turns.hosts()
        joined = np.flatnonzero(host)
        one, other = ids[joined], host[joined]
        self.flat[pixels[:, joined]] = other
        np.add.at(self.size, other, self.kind(size))
        self.size[one] = 0
        if self.sums is not None:
            for column in self.sums.T:
                np.add.at(column, other, column[one])
        if size == 1:
            return
        # Only those that stay small are gone through again.
        stays = np.flatnonzero(self.size[other] < self.min_size)
        stays = stays[sorting(other[stays])]
        self._join_rings(self.first[one[stays]], self.first[other[stays]])

    def _beside(self, ids: Numbers, pixels: Numbers) -> NDArray[np.int32]:
        """Return what is beside the pixels (size, n) of regions, 0 if nothing else."""
        out = np.empty((2 * len(self.steps), *pixels.shape), np.int32)
        for axis, step in enumerate(self.steps):
            for side, place in enumerate((pixels - step, pixels + step)):
                beside = self.flat[place]
                beside[beside == ids] = 0
                out[2 * axis + side] = beside
        return out.reshape(len(out) * len(pixels), len(ids))

    def join_one_by_one(self) -> Generator[None, None, NDArray[np.int32]]:
        """Let all regions that are left join, one after another.

        Returns
        -------
        (R + 1,) ndarray of int32
            The region that each has come to belong to.
        """
        # Rings and room for numbers are not needed any more.
        self.next = np.empty(0, self.kind)
        self.number = np.empty(0, np.int32)
        near: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for pair, length in zip(*(yield from self._borders()), strict=True):
            one, other = pair >> 32, pair & _LOW
            near[one][other] = near[other][one] = length
        size, sums = self.size, self.sums
        host = np.arange(len(size), dtype=np.int32)
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
        return host[self.flat[self.first]]

    def _borders(self) -> Generator[None, None, tuple[list[int], list[int]]]:
        """Return small regions and their neighbors as keys, and their common sides."""
        keys, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for part in self._parts():
            yield
            region = self.flat[part]
            own = np.flatnonzero(self.size[region] < self.min_size)
            region = region[own]
            neighbor = self._beside(region, own[np.newaxis] + part.start)
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
