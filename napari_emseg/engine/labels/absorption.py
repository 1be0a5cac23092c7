"""The absorption of small regions by their neighbors, the smallest first.

By its definition one region after another joins a neighbor, which may depend on all
that joined before. Regions of one size are decided for together all the same: from a
guess, each is decided for as if all before it had been decided for as guessed, until
nothing changes. Then each decision is right if those before it are.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array

    Numbers = NDArray[np.integer[Any]]

# Pixels that are looked at together.
_PART = 2**16
# Pixels of regions that are decided for together.
_BLOCK = 2**13
# Regions above this size, or fewer than one of so many pixels, are taken one by one.
_ONE_BY_ONE, _FEW = 64, 256
# Longer runs of regions that one neighbor absorbs are summed up each by itself.
_RUN = 32
# Regions taken one by one between two steps, and a mask of 32 bits.
_STEPS, _LOW = 2**12, 2**32 - 1
_NEVER = 2**31 - 1


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
        self.min_size = min_size = min(min_size, self.flat.size + 1)
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
        self.size[0] = max(min_size, 1)
        # Of regions that are decided for together, their place among them.
        self.place = np.full(count, -1, np.int32)
        # Of regions that others leave or join, who is the first to do so.
        self.first = np.full(0 if sums is None else count, _NEVER, np.int32)
        # Hosts that are asked for.
        self.wanted = np.zeros(0 if sums is None else count, bool)
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
        if size == 1:
            # A place for each region is less than a list of all pixels.
            of_region: Numbers = np.empty(len(self.host), kind)
            for part in self._parts(len(self.flat)):
                yield None
                region = self.flat[part]
                own = np.flatnonzero(self.size[region] == 1)
                of_region[region[own]] = own + part.start
            single = np.flatnonzero(self.size == 1).astype(np.int32)
            for start in range(0, len(single), block):
                ids = single[start : start + block]
                yield of_region[ids], ids
            return
        total = len(self.flat) if self.pixels is None else len(self.pixels)
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
            left.append(place[(pixels >= size) & (pixels < self.min_size)])
            own = pixels == size
            places.append(place[own])
            owners.append(region[own])
        self.pixels = np.concatenate(left)
        region = np.concatenate(owners)
        order = np.argsort(region, kind="stable")
        place, region = np.concatenate(places)[order], region[order]
        step = max(block // size, 1) * size
        for start in range(0, len(region), step):
            yield place[start : start + step], region[start : start + step]

    def join_size(self, size: int) -> Generator[None, None, None]:
        """Let the regions of a size join their neighbors, in their order."""
        for found in self._find(size):
            yield
            if found is None:
                continue
            pixels, owners = found
            # They come sorted.
            first, length = _groups(owners)
            ids, owner = owners[first], np.repeat(np.arange(len(first)), length)
            # Those that have grown meanwhile wait.
            still = (self.size[ids] == size) & (self.host[ids] == ids)
            sides, neighbors = self._sides(pixels)
            owner = owner[sides]
            neighbors = self.host[self.host[neighbors]]
            counts = still[owner] & (neighbors > 0) & (neighbors != ids[owner])
            number = np.cumsum(still) - 1
            self._join(ids[still], number[owner[counts]], neighbors[counts])
        # A host of this size has grown, and is absorbed by none before the next size.
        self.host = self.host[self.host]

    def _sides(self, pixels: Numbers) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return which of some pixels each of their sides is of, and what is there."""
        index = np.arange(len(pixels))
        sides, neighbors = [], []
        stride = 1
        for axis in reversed(range(len(self.shape))):
            length = self.shape[axis]
            if axis >= len(self.shape) - 3:
                at = pixels // stride % length
                for there, step in ((at > 0, -stride), (at < length - 1, stride)):
                    sides.append(index[there])
                    neighbors.append(self.flat[pixels[there] + step])
            stride *= length
        side = np.concatenate(sides)
        order = np.argsort(side, kind="stable")
        return side[order], np.concatenate(neighbors)[order]

    def _join(
        self, ids: NDArray[np.int32], owner: NDArray[np.intp], sides: NDArray[np.int32]
    ) -> None:
        """Let regions join one after another.

        Parameters
        ----------
        ids : (n,) ndarray of int32
            Regions of one size, rising.
        owner : (S,) ndarray of int
            Which of them each side is of, rising; those without sides stay.
        sides : (S,) ndarray of int32
            The region beyond each side.
        """
        # Place of each region beyond a side among those that join, or -1.
        self.place[ids] = np.arange(len(ids), dtype=np.int32)
        place = self.place[sides]
        count = np.bincount(owner, minlength=len(ids))
        first = np.cumsum(count) - count
        decided, new = np.zeros((2, len(ids)), np.int32)
        # Without features, a region waits for those beside it that come before it.
        earlier = (place >= 0) & (place < owner)
        waits = np.bincount(owner[earlier], minlength=len(ids))
        ready = count > 0
        if self.sums is None:
            ready &= waits == 0
        todo = np.flatnonzero(ready)
        del earlier, ready
        again = np.zeros(len(ids), bool)
        while todo.size:
            rows = _rows(first, count, todo)
            who, target, at = owner[rows], sides[rows], place[rows]
            # What was absorbed before is part of its host.
            host = np.where((at >= 0) & (at < who), decided[at], 0)
            # Who has absorbed another before is not of this size any more.
            grown = who[host == ids[who]]
            target = np.where(host > 0, host, target)
            new[todo] = 0
            self._decide(new, ids, who, target, decided)
            new[grown] = 0
            if self.sums is None:
                decided[todo] = new[todo]
                after = at[at > who]
                np.subtract.at(waits, after, 1)
                todo = np.unique(after[waits[after] == 0])
                continue
            # The earliest comes last, as the last of several values stays.
            changed = todo[new[todo] != decided[todo]][::-1].copy()
            touched = np.stack([ids[changed], decided[changed], new[changed]], axis=1)
            decided[changed] = new[changed]
            if not changed.size:
                break
            # Who is beside those, or among what they join, may have to do otherwise if
            # its turn comes later.
            self.first[touched] = changed[:, np.newaxis]
            self.first[0] = _NEVER
            hit = self.first[sides] < owner
            hit |= (self.first[decided[place]] < owner) & (place >= 0)
            hosts = self.place[touched[:, 1:]]
            later = hosts[hosts > changed[:, np.newaxis]]
            self.first[touched] = _NEVER
            again[owner[hit]] = again[later] = True
            todo = np.flatnonzero(again & (count > 0))
            again[:] = False
        self.place[ids] = -1
        joined = np.flatnonzero(decided)
        one, other = ids[joined], decided[joined]
        self.host[one] = other
        np.add.at(self.size, other, self.size[one])
        if self.sums is not None:
            for column in self.sums.T:
                np.add.at(column, other, column[one])

    def _decide(
        self,
        new: NDArray[np.int32],
        ids: NDArray[np.int32],
        who: NDArray[np.intp],
        target: NDArray[np.int32],
        decided: NDArray[np.int32],
    ) -> None:
        """Choose the region that each of some regions joins, from those beside it."""
        keys = np.sort(who.astype(np.int64) << 32 | target)
        first, length = _groups(keys)
        who, target = keys[first] >> 32, keys[first] & _LOW
        cost = -length.astype(np.float64)
        if self.sums is not None:
            self.wanted[target] = True
            joined = np.flatnonzero(decided)
            joined = joined[self.wanted[decided[joined]]]
            self.wanted[target] = False
            sums, size = _Events(ids, joined, decided, self).state(target, who)
            own = self.sums[ids[who]] / self.size[ids[who], np.newaxis]
            gap = sums / size[:, np.newaxis] - own
            cost = np.einsum("nd,nd->n", gap, gap) / length
        start, count = _groups(who)
        least = np.minimum.reduceat(cost, start)
        best = np.flatnonzero(cost == np.repeat(least, count))
        # The last of several values stays, which is the first of equal ones.
        new[who[best[::-1]]] = target[best[::-1]]

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
            sides, neighbor = self._sides(pixels)
            neighbor, region = self.host[neighbor], region[sides]
            counts = (neighbor > 0) & (neighbor != region)
            pair = region[counts].astype(np.int64) << 32 | neighbor[counts]
            found, sides = np.unique(pair, return_counts=True)
            keys.append(found)
            lengths.append(sides)
        pairs, group = np.unique(np.concatenate(keys), return_inverse=True)
        total_length = np.bincount(group, np.concatenate(lengths), len(pairs))
        return pairs.tolist(), total_length.astype(np.int64).tolist()


def _groups(values: Numbers) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where groups of equal values begin, and how many are in each."""
    begins = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    first = np.flatnonzero(begins)
    length = np.full(len(first), len(values))
    length[:-1] = first[1:]
    return first, length - first


def _rows(
    first: NDArray[np.intp], count: NDArray[np.intp], of: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the rows of some groups, of which each has its rows one after another."""
    length = count[of]
    rows = np.arange(int(length.sum()))
    rows += np.repeat(first[of] - np.cumsum(length) + length, length)
    return rows


class _Events:
    """What regions of one size join, as far as it is decided; sorted by their hosts.

    Parameters
    ----------
    ids : (n,) ndarray of int32
        The regions.
    joined : (m,) ndarray of int
        Places of those of them that matter.
    decided : (n,) ndarray of int32
        What they join.
    before : _Absorption
        Sizes and sums before.
    """

    def __init__(
        self,
        ids: NDArray[np.int32],
        joined: NDArray[np.intp],
        decided: NDArray[np.int32],
        before: _Absorption,
    ) -> None:
        self.keys = np.sort(decided[joined].astype(np.int64) << 32 | joined)
        self.joined, host = self.keys & _LOW, self.keys >> 32
        self.before = before
        if before.sums is None:
            return
        first, count = _groups(host)
        self.rank = np.arange(len(host)) - np.repeat(first, count)
        own = ids[self.joined]
        self.sums = before.sums[own]
        self.pixels = before.size[host] + before.size[own] * (self.rank + 1)
        # In their order, as sums of floats depend on it.
        self.sums[first] += before.sums[host[first]]
        for start, length in zip(
            first[count > _RUN].tolist(), count[count > _RUN].tolist(), strict=True
        ):
            run = self.sums[start : start + length]
            np.cumsum(run, axis=0, out=run)
        short = np.repeat(count <= _RUN, count)
        for rank in range(1, min(int(count.max(initial=0)), _RUN)):
            at = np.flatnonzero(short & (self.rank == rank))
            self.sums[at] += self.sums[at - 1]

    def last(self, host: Numbers, who: Numbers) -> NDArray[np.intp]:
        """Return the last event of a host before somebody's turn, or -1."""
        if not len(self.keys):
            return np.full(len(who), -1)
        host = host.astype(np.int64)
        found = np.searchsorted(self.keys, host << 32 | who) - 1
        return np.where((found >= 0) & (self.keys[found] >> 32 == host), found, -1)

    def state(self, host: Numbers, who: Numbers) -> tuple[Float64Array, Numbers]:
        """Return sums and sizes of hosts at somebody's turn."""
        assert self.before.sums is not None
        sums, size = self.before.sums[host], self.before.size[host]
        last = self.last(host, who)
        seen = last >= 0
        sums[seen], size[seen] = self.sums[last[seen]], self.pixels[last[seen]]
        return sums, size
