"""Regions of one size that join a neighbor one after another, decided for together.

What a region joins may depend on all that joined before. From a guess, each is decided
for as if all before it had been decided for as guessed, until nothing changes. Then
each decision is right if those before it are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array

    Numbers = NDArray[np.integer[Any]]
    Places = NDArray[np.intp]

# A guess does not wait for what comes just before each so many regions: rows of regions
# side by side would be gone through one after another.
_CUT = 8
# Longer runs of regions that one neighbor absorbs are summed up each by itself.
_RUN = 16
# Of more features, squares are added up as numpy does.
_FEW = 8


class Turns:
    """Some regions of one size, and the regions beside them.

    Parameters
    ----------
    ids : (n,) ndarray of int
        The regions, rising.
    sides : (m, n) ndarray of int32
        Regions beside each of them; 0 where there are fewer.
    lengths : (m, n) ndarray of int16
        Length of the common border. A region may come several times.
    size : (R + 1,) ndarray of int
        Pixels of all regions.
    sums : (R + 1, D) ndarray of float64, optional
        Sum of the features over each region.
    number : (R + 1,) ndarray of int32
        Room to work in.
    """

    def __init__(
        self,
        ids: Numbers,
        sides: NDArray[np.int32],
        lengths: Numbers,
        size: Numbers,
        sums: Float64Array | None,
        number: NDArray[np.int32],
    ) -> None:
        # Few regions matter, which get numbers of their own; 0 stays the first.
        beside = np.concatenate([np.zeros(1, np.int32), ids, sides.ravel()])
        number[beside] = index = np.arange(len(beside), dtype=np.int32)
        self.known = np.sort(beside[number[beside] == index])
        number[self.known] = index[: len(self.known)]
        self.own = number[ids].astype(np.intp)
        self.sides = number[sides].astype(np.intp)
        self.lengths = lengths
        self.order = np.arange(len(ids))
        self.place = np.full(len(self.known), len(ids))
        self.place[self.own] = self.order
        # Of what is beside a region, its place among those that join, or n.
        self.at = self.place[self.sides]
        self.earlier = self.at < self.order
        self.joins = (self.sides > 0).any(axis=0)
        # What belongs to what by now.
        self.host = np.arange(len(self.known))
        self.pixels = int(size[ids[0]])
        self.sums: Float64Array | None = None
        if sums is not None:
            self.size = size[self.known]
            self.sums = np.ascontiguousarray(sums[self.known].T)
            # Means of regions before all that join, and behind them room for those
            # after each of these.
            self.means = np.empty((len(self.sums), len(self.known) + len(ids)))
            mean = self.means[:, : len(self.known)]
            np.divide(self.sums, self.size, out=mean)
            # Nobody joins what is no region.
            mean[:, 0] = np.inf
            self.begin = np.zeros(len(self.known), np.intp)
            self.count = np.zeros(len(self.known), np.intp)

    def hosts(self) -> NDArray[np.int32]:
        """Return the region that each of the regions joins; 0 if it joins none."""
        todo = self._guess_in_waves() if self.sums is None else self._guess_at_once()
        seen = self.sides.copy()
        first = np.full(len(self.known), len(self.order))
        while todo.size:
            own = self.own[todo]
            target = self._beside(todo)
            new = self._choose(todo, target)
            old = self.host[own]
            # The earliest comes last, as the last of several values stays.
            differs = np.flatnonzero(new != old)[::-1].copy()
            changed = todo[differs]
            touched = np.stack([own[differs], old[differs], new[differs]], axis=1)
            self.host[own[differs]] = new[differs]
            # Who is beside those, or among what they join, may have to do otherwise if
            # its turn comes later.
            again = np.zeros(len(self.order) + 1, bool)
            near = [self.place[old[differs]], self.place[new[differs]]]
            if self.sums is None:
                near += list(self.at.take(changed, axis=1))
            else:
                seen[:, todo] = target
                first[touched] = changed[:, np.newaxis]
                again[:-1] = (first.take(seen) < self.order).any(axis=0)
                first[touched] = len(self.order)
            for place in near:
                again[place[place > changed]] = True
            todo = np.flatnonzero(again[:-1] & self.joins)
        host = self.host[self.own]
        return np.where(host == self.own, np.int32(0), self.known[host])

    def _beside(self, todo: Places) -> Places:
        """Return what is beside some regions when it is their turn."""
        side = self.sides.take(todo, axis=1)
        # What was absorbed before is part of its host.
        return np.where(self.earlier.take(todo, axis=1), self.host.take(side), side)

    def _choose(self, todo: Places, target: Places) -> Places:
        """Return what each of some regions joins of what is beside it, or itself."""
        state = target
        if self.sums is not None:
            state = self._states(todo, target)
        mean = None if self.sums is None else self.means.take(state, axis=1)
        best = self._best(todo, target, mean)
        own = self.own[todo]
        # Who has absorbed another before is not of this size any more.
        return np.where((target == own).any(axis=0), own, best)

    def _best(self, todo: Places, target: Places, mean: Float64Array | None) -> Places:
        """Return the best for each of some regions of what is beside it.

        Parameters
        ----------
        todo : (n,) ndarray of int
            Places of the regions.
        target : (m, n) ndarray of int
            What is beside each.
        mean : (D, m, n) ndarray of float64 or None
            Mean features of that, which are written to.
        """
        weight = self.lengths.take(todo, axis=1)
        length = np.zeros(target.shape, weight.dtype)
        for row, sides in zip(target, weight, strict=True):
            length += (target == row) * sides
        cost: NDArray[Any] = -length
        if mean is not None:
            mean -= self.means.take(self.own[todo], axis=1)[:, np.newaxis]
            cost = _squares(mean)
            cost /= np.maximum(length, 1)
        least = cost.min(axis=0)
        # Of equal ones the first.
        return np.where(cost == least, target, len(self.known)).min(axis=0)

    def _states(self, todo: Places, target: Places) -> Places:
        """Find the means of hosts, after all that joined them before some turns."""
        assert self.sums is not None
        host = self.host[self.own]
        joined = host != self.own
        if len(todo) < len(self.order):
            wanted = np.zeros(len(self.known), bool)
            wanted[target] = True
            joined &= wanted[host]
        who = np.flatnonzero(joined)
        if not who.size:
            return target
        who = who.take(sorting(host.take(who)))
        host = host.take(who)
        first, count = groups(host)
        rank = np.arange(1, len(host) + 1) - np.repeat(first, count)
        offset = len(self.known)
        after = self.means[:, offset : offset + len(who)]
        self._add_up(after, self.own[who], host, first, count)
        after /= self.size[host] + self.pixels * rank
        self.begin[host[first]], self.count[host[first]] = first, count
        # How many have joined by then: of each power of two, whether it is so many.
        flat = target.reshape(-1)
        most = self.count.take(flat)
        places = np.flatnonzero(most)
        flat, most = flat.take(places), most.take(places)
        turn = todo.take(places % len(todo))
        # The last that joined the host before; what comes before the first, if none.
        start = self.begin.take(flat) - 1
        found = start.copy()
        most += start
        step = 1 << int(count.max()).bit_length() >> 1
        while step:
            may = np.flatnonzero(found + step <= most)
            event = found.take(may) + step
            goes = who.take(event) < turn.take(may)
            found[may] = np.where(goes, event, event - step)
            step >>= 1
        self.count[host[first]] = 0
        state = target.copy()
        state.reshape(-1)[places] = np.where(found > start, found + offset, flat)
        return state

    def _add_up(
        self,
        out: Float64Array,
        own: Places,
        host: Places,
        first: Places,
        count: Places,
    ) -> None:
        """Add regions up, each group onto its host, in their order.

        The sum of floats depends on it.
        """
        assert self.sums is not None
        short = count <= _RUN
        for sums, run in zip(self.sums, out, strict=True):
            sums.take(own, out=run, mode="clip")
            run[first] += sums[host[first]]
        for start, length in zip(
            first[~short].tolist(), count[~short].tolist(), strict=True
        ):
            part = out[:, start : start + length]
            part.cumsum(axis=1, out=part)
        at, left = first[short], count[short]
        for rank in range(1, int(left.max(initial=0))):
            more = left > rank
            at, left = at[more], left[more]
            before, after = at + (rank - 1), at + rank
            for run in out:
                run[after] += run.take(before)

    def _guess_at_once(self) -> Places:
        """Guess what all regions join as if none had joined before.

        Returns
        -------
        (k,) ndarray of int
            Places of the regions for which the guess may be wrong.
        """
        todo = np.flatnonzero(self.joins)
        target = self.sides.take(todo, axis=1)
        best = self._best(todo, target, self.means.take(target, axis=1))
        # Who absorbs an earlier one does not join.
        place = self.place[best]
        grown = np.zeros(len(self.order) + 1, bool)
        grown[place[place > todo]] = True
        joins = ~grown.take(todo)
        self.host[self.own.take(todo[joins])] = best[joins]
        return todo

    def _guess_in_waves(self) -> Places:
        """Decide what regions without features join, each after those beside it.

        It is a guess only where they would wait for too many. Returns their places.
        """
        order, n = self.order, len(self.order)
        later = np.maximum(order, self.at)
        cut = (np.abs(order - self.at) == 1) & (later % _CUT == 0) & (self.at < n)
        waits = (self.earlier & ~cut).sum(axis=0)
        follows = ~(self.earlier | cut | (self.at == n))
        grown = np.zeros(len(self.known), bool)
        ready = np.flatnonzero((waits == 0) & self.joins)
        turn = np.empty(n, np.intp)
        while ready.size:
            after = self.at.take(ready, axis=1)[follows.take(ready, axis=1)]
            todo = ready[~grown.take(self.own.take(ready))]
            best, own = self._best(todo, self._beside(todo), None), self.own.take(todo)
            grown[best] = True
            # Of two that choose each other, none joins.
            joins = ~grown.take(own)
            self.host[own[joins]] = best[joins]
            np.subtract.at(waits, after, 1)
            after = after[waits.take(after) == 0]
            # Each once.
            turn[after] = index = np.arange(len(after))
            ready = after[turn.take(after) == index]
        return np.flatnonzero(self.joins & cut.any(axis=0))


def sorting(values: Numbers) -> Places:
    """Return the order that sorts numbers from 0 on.

    numpy sorts numbers of 16 bits by their digits, several times as fast as others.
    """
    order = np.argsort(values.astype(np.uint16), kind="stable")
    for shift in range(16, int(values.max(initial=0)).bit_length(), 16):
        digits = (values.take(order) >> shift).astype(np.uint16)
        order = order.take(np.argsort(digits, kind="stable"))
    return order


def groups(values: Numbers) -> tuple[Places, Places]:
    """Return where groups of equal values begin, and how many are in each."""
    begins = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    first = np.flatnonzero(begins)
    length = np.full(len(first), len(values))
    length[:-1] = first[1:]
    return first, length - first


def _squares(gaps: Float64Array) -> Float64Array:
    """Return the sum of squares over the first axis, in the order that numpy has.

    Two lanes make no other sum than ``np.einsum`` does, which takes longer.
    """
    if len(gaps) >= _FEW:
        rows = np.ascontiguousarray(np.moveaxis(gaps, 0, -1))
        return np.einsum("...d,...d->...", rows, rows)
    gaps *= gaps
    for row in range(2, len(gaps)):
        gaps[row % 2] += gaps[row]
    if len(gaps) > 1:
        gaps[0] += gaps[1]
    return gaps[0]
