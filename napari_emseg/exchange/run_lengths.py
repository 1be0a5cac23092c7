"""Run lengths of masks, column by column, as COCO has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.exchange.polygons import ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def run_lengths(labels: NDArray[Any]) -> dict[int, list[int]]:
    """Return the run lengths of each label of a plane.

    Parameters
    ----------
    labels : (Y, X) ndarray of int
        0 is none.

    Returns
    -------
    dict of int to list of int
        By rising labels: how many pixels outside, inside, outside… come one after the
        other, down the first column, then down the next.

    Examples
    --------
    >>> run_lengths(np.array([[1, 1], [0, 2]]))
    {1: [0, 1, 1, 1, 1], 2: [3, 1]}
    """
    flat = labels.T.ravel()
    cuts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    begin = np.concatenate([[0], cuts])
    end = np.concatenate([cuts, [flat.size]])
    inside = flat[begin] != 0
    begin, end = begin[inside], end[inside]
    owner = flat[begin]
    order = np.argsort(owner, kind="stable")
    owner, begin, end = owner[order], begin[order], end[order]
    if not len(owner):
        return {}
    first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    before = np.concatenate([[0], end[:-1]])
    before[first] = 0
    runs = np.stack([begin - before, end - begin], axis=1).ravel().tolist()
    bounds = [*(2 * first).tolist(), len(runs)]
    rest = (flat.size - end[[*first[1:] - 1, -1]]).tolist()
    return {
        label: [*runs[a:b], last] if last else runs[a:b]
        for label, a, b, last in zip(
            owner[first].tolist(), bounds[:-1], bounds[1:], rest, strict=True
        )
    }


def fill_runs(
    shape: tuple[int, int], counts: Sequence[Sequence[int]], values: Sequence[int]
) -> NDArray[np.unsignedinteger[Any]]:
    """Return a plane in which masks are filled with values, later ones over earlier.

    Parameters
    ----------
    shape : (Y, X)
    counts : sequence of sequences of int
        Run lengths of each mask, as of `run_lengths`.
    values : sequence of int
        One for each mask.

    Returns
    -------
    (Y, X) ndarray of the smallest unsigned type that holds the values

    Raises
    ------
    ValueError
        If the runs of a mask are not as many pixels as the plane has.

    Examples
    --------
    >>> fill_runs((2, 2), [[0, 1, 1, 1, 1], [3, 1]], [1, 2])
    array([[1, 1],
           [0, 2]], dtype=uint8)
    """
    height, width = shape
    out = np.zeros((width, height), np.min_scalar_type(max(values, default=0)))
    flat = out.reshape(-1)
    sizes = np.array([len(runs) for runs in counts], np.int64)
    runs = np.array([run for some in counts for run in some], np.int64)
    ends = np.cumsum(runs)
    last = np.cumsum(sizes)
    total = ends[last - 1] if len(last) else last
    sums = np.diff(total, prepend=0)
    if (runs < 0).any() or (sums != flat.size).any():
        raise ValueError(
            f"a mask has {sums[sums != flat.size][:1].tolist()} pixels, but the image "
            f"{flat.size}"
        )
    place = np.arange(len(runs)) - np.repeat(last - sizes, sizes)
    inside = place % 2 == 1
    begin = ends - runs - np.repeat(total - sums, sizes)
    owner = np.repeat(np.asarray(values), sizes)
    lengths = runs[inside]
    flat[ranges(begin[inside], lengths)] = np.repeat(owner[inside], lengths)
    return np.ascontiguousarray(out.T)


def read_counts(given: Any) -> list[int]:
    """Return run lengths that are given as a list, or compressed to a text.

    Raises
    ------
    ValueError
        If they are neither.

    Notes
    -----
    A text holds numbers in digits of base 32, the lowest first, with a bit that says
    that more follow; from the third one on, the difference to the one two before.

    Examples
    --------
    >>> read_counts("11201")
    [1, 1, 2, 1, 3]
    """
    if isinstance(given, list) and all(type(run) is int for run in given):
        return given
    if not isinstance(given, str):
        raise ValueError("run lengths are neither a list of whole numbers nor a text")
    found: list[int] = []
    value, shift = 0, 0
    for letter in given:
        digit = ord(letter) - 48
        if not 0 <= digit < 64:
            raise ValueError(f"{letter!r} is no digit of run lengths")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        found.append(value + found[-2] if len(found) > 2 else value)
        value, shift = 0, 0
    return found
