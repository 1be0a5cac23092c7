"""Outlines of objects in a plane, all at once: perimeters and convex hulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array

    IntArray = NDArray[np.integer[Any]]
    Runs = tuple[IntArray, IntArray, IntArray, IntArray]

# Length of the outline in one of its pixels: how it runs there is told by a sum of 1,
# 2 for each neighbor by a side, and 10 by a corner, that are of the outline, too.
_LENGTHS = np.zeros(50)
_LENGTHS[[5, 7, 15, 17, 25, 27]] = 1
_LENGTHS[[21, 33]] = np.sqrt(2)
_LENGTHS[[13, 23]] = (1 + np.sqrt(2)) / 2
_SIDES = ((0, -1), (0, 1), (-1, 0), (1, 0))
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
# A point so near to an edge of a hull lies on it.
_CLOSE = 1e-9


def add_perimeters(sums: Float64Array, rows: IntArray, top: int, bottom: int) -> None:
    """Add the perimeters of what lies in some lines of a plane.

    They are those of `skimage.measure.perimeter` of each object alone [1]_.

    Parameters
    ----------
    sums : (N + 1,) ndarray of float64
        What is added to.
    rows : (L, X) ndarray of int
        Objects 0..N of the lines, and of the two before and after them, where there
        are any, as a pixel tells by those whether it is of the outline of its own.
    top, bottom : int
        The first of the lines, and the one after the last.

    References
    ----------
    .. [1] K. Benkrid, D. Crookes, "Design and FPGA implementation of a perimeter
       estimator", Queen's University of Belfast, 2000.
    """
    framed = np.pad(rows, 1)
    inner = framed[1:-1, 1:-1]
    alone = np.zeros(rows.shape, bool)
    for dy, dx in _SIDES:
        alone |= inner != _moved(framed, dy, dx)
    outline = np.pad(np.where(alone, inner, 0), 1)
    y, x = np.nonzero(outline[top + 1 : bottom + 1, 1:-1])
    y += top + 1
    x += 1
    own = outline[y, x]
    kind = np.ones(len(own), np.intp)
    for weight, steps in ((2, _SIDES), (10, _CORNERS)):
        for dy, dx in steps:
            kind += weight * (outline[y + dy, x + dx] == own)
    sums += np.bincount(own, _LENGTHS[kind], len(sums))


def _moved(framed: IntArray, dy: int, dx: int) -> IntArray:
    height, width = framed.shape
    return framed[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx]


def runs_of(rows: IntArray) -> Runs:
    """Return the runs of pixels of one object in the lines, line by line.

    Parameters
    ----------
    rows : (L, X) ndarray of int
        Objects; 0 is none.

    Returns
    -------
    number, line, first, last : (R,) ndarray of int
        The object, the line, and the first and the last pixel in it.

    Examples
    --------
    >>> [found.tolist() for found in runs_of(np.array([[1, 0, 1, 2], [0, 2, 2, 0]]))]
    [[1, 1, 2, 2], [0, 0, 0, 1], [0, 2, 3, 1], [0, 2, 3, 2]]
    """
    change = np.ones((len(rows), rows.shape[1] + 1), bool)
    np.not_equal(rows[:, 1:], rows[:, :-1], out=change[:, 1:-1])
    line, first = np.divmod(np.flatnonzero(change[:, :-1]), rows.shape[1])
    last = np.flatnonzero(change[:, 1:]) % rows.shape[1]
    number = rows[line, first]
    some = number > 0
    return number[some], line[some], first[some], last[some]


def row_ends(runs: Runs) -> Runs:
    """Return where each object begins and ends in each line.

    Parameters
    ----------
    runs : tuple of (R,) ndarray of int
        What `runs_of` gives.

    Returns
    -------
    number, line, first, last : (Q,) ndarray of int
        The object, the line, and its first and last pixel there; by objects, then by
        lines.

    Examples
    --------
    >>> runs = runs_of(np.array([[1, 0, 1, 2], [0, 2, 2, 0]]))
    >>> [found.tolist() for found in row_ends(runs)]
    [[1, 2, 2], [0, 0, 1], [0, 3, 1], [2, 3, 2]]
    """
    order = np.argsort(runs[0], kind="stable")
    number, line, first, last = (part[order] for part in runs)
    differ = (number[1:] != number[:-1]) | (line[1:] != line[:-1])
    head = np.append(np.ones(min(1, len(number)), bool), differ)
    tail = np.append(differ, np.ones(min(1, len(number)), bool))
    return number[head], line[head], first[head], last[tail]


def convex_sizes(
    number: IntArray, line: IntArray, first: IntArray, last: IntArray, count: int
) -> NDArray[np.int64]:
    """Return the pixels of the convex hull of each object.

    They are those of `skimage.morphology.convex_hull_image` of each object alone, whose
    hull is that of the middles of the sides of its pixels.

    Parameters
    ----------
    number, line, first, last : (R,) ndarray of int
        As `row_ends` gives them for a whole plane.
    count : int
        Number of objects N.

    Returns
    -------
    (N + 1,) ndarray of int64
    """
    # All lines of all objects stand on one axis, with a gap between two objects.
    low = np.zeros(count + 1, np.int64)
    high = np.full(count + 1, -1, np.int64)
    low[number[::-1]] = line[::-1]
    high[number] = line
    height = high - low + 1
    shift = np.cumsum(height + 1) - (height + 1) - low
    place = line + shift[number]
    rows = np.repeat(np.arange(count + 1), height)
    here = np.arange(len(rows)) + (np.cumsum(height + 1) - np.cumsum(height) - 1)[rows]
    above = np.maximum(here - 0.5, (low + shift)[rows])
    below = np.minimum(here + 0.5, (high + shift)[rows])

    def reach(side: IntArray) -> Float64Array:
        chosen = _hull(number, place, side)
        x, y = place[chosen].astype(float), side[chosen].astype(float)
        # A pixel reaches half a pixel along its line, or from the lines beside it.
        ways = (np.interp(at, x, y) for at in (above, below))
        return np.maximum(np.interp(here, x, y) + 0.5, np.maximum(*ways))

    right = np.floor(reach(last) + _CLOSE)
    left = np.ceil(-reach(-first) - _CLOSE)
    found = np.bincount(rows, right - left + 1, count + 1)
    return np.asarray(found, np.int64)


def _hull(number: IntArray, place: IntArray, side: IntArray) -> NDArray[np.intp]:
    """Return the places of the points that are corners of the upper convex hull.

    A point on or below the segment between its neighbors is none: such points are left
    out, all at once, until there are none.
    """
    left = np.arange(len(number))
    while len(left) > 2:
        owner, x, y = number[left], place[left], side[left]
        before, here, after = slice(None, -2), slice(1, -1), slice(2, None)
        cross = (x[here] - x[before]) * (y[after] - y[before]) - (
            y[here] - y[before]
        ) * (x[after] - x[before])
        out: BoolArray = (cross >= 0) & (owner[before] == owner[after])
        if not out.any():
            break
        left = left[np.concatenate([[True], ~out, [True]])]
    return left
