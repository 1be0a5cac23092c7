"""Polygons along pixel edges, traced from labels: exact, with holes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order
from skimage.measure import label as connected

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Indices = NDArray[np.int64]

# The four pixels around a corner, by their place in rows of `_around`.
_NW, _NE, _SW, _SE = range(4)
# Opposite, beside in the row, beside in the column.
_NEIGHBORS = {
    _NW: (_SE, _NE, _SW),
    _NE: (_SW, _NW, _SE),
    _SW: (_NE, _SE, _NW),
    _SE: (_NW, _SW, _NE),
}
# Where an outline goes on to, with its inside on the right: from a corner of the pixel
# in that quadrant, and from one around it. It came the way that it goes from the other.
_RIGHT, _DOWN, _LEFT, _UP = range(4)
_GOES = {_SE: _RIGHT, _SW: _DOWN, _NW: _LEFT, _NE: _UP}
_CAME = {_SE: _UP, _SW: _RIGHT, _NW: _DOWN, _NE: _LEFT}
_BACK = {_RIGHT: _LEFT, _LEFT: _RIGHT, _UP: _DOWN, _DOWN: _UP}
# Pixels that are filled at once.
_CHUNK = 2**22


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """Polygons with holes, by planes and labels.

    A ring is closed without saying its first point again. The rings of a polygon lie
    one after the other, the outer one first.

    Attributes
    ----------
    points : (N, 2) ndarray
        Corners (y, x) of all rings; whole numbers are corners of pixels, so that the
        pixel in row 0 and column 0 has its center at (0.5, 0.5).
    rings : (R + 1,) ndarray of int64
        Where each ring starts in `points`; the last entry is N.
    starts : (P + 1,) ndarray of int64
        Where each polygon starts in `rings`; the last entry is R.
    labels : (P,) ndarray of int
        The label of each polygon.
    planes : (P, ndim - 2) ndarray of int64
        Index of the plane that it lies in, for each axis before Y and X.
    shape : (…, Y, X)
        Of the labels.

    Examples
    --------
    >>> found = trace(np.array([[2, 2, 2], [2, 0, 2], [2, 2, 2]]))
    >>> [ring.tolist() for ring in found.rings_of(0)]
    [[[0, 0], [0, 3], [3, 3], [3, 0]], [[1, 1], [2, 1], [2, 2], [1, 2]]]
    >>> found.labels.tolist(), found.areas.tolist()
    ([2], [8.0])
    """

    points: NDArray[Any]
    rings: Indices
    starts: Indices
    labels: NDArray[Any]
    planes: Indices
    shape: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of polygons."""
        return len(self.labels)

    def rings_of(self, polygon: int) -> list[NDArray[Any]]:
        """Return the rings of a polygon, each (n, 2), the outer one first."""
        first, last = self.starts[polygon], self.starts[polygon + 1]
        bounds = self.rings[first : last + 1]
        return [self.points[a:b] for a, b in itertools.pairwise(bounds)]

    @property
    def areas(self) -> NDArray[np.float64]:
        """Area of each polygon in pixels, (P,), holes taken out."""
        if not len(self):
            return np.zeros(0)
        sums = np.abs(_ring_areas(self.points, self.rings))
        sign = np.full(len(sums), -1.0)
        sign[self.starts[:-1]] = 1
        return np.asarray(np.add.reduceat(sign * sums, self.starts[:-1]))

    @property
    def after(self) -> Indices:
        """For each point, (N,), the index of the next one of its ring."""
        return _after(self.rings)

    @property
    def groups(self) -> Indices:
        """Where polygons of another label or plane begin, and P: (G + 1,)."""
        if not len(self):
            return np.zeros(1, np.int64)
        same = self.labels[1:] == self.labels[:-1]
        same &= (self.planes[1:] == self.planes[:-1]).all(axis=1)
        return np.concatenate([[0], np.flatnonzero(~same) + 1, [len(self)]])


class _Nodes(NamedTuple):
    """Corners of outlines in one plane, each (N,), by rows.

    Attributes
    ----------
    at : ndarray of int64
        The corner in an array of (Y + 1, X + 1).
    pieces : ndarray of int32
        The connected piece whose outline it is.
    goes, came : ndarray of int8
        Directions.
    around : ndarray of bool
        Whether the outline turns around a pixel of something else.
    """

    at: Indices
    pieces: NDArray[np.int32]
    goes: NDArray[np.int8]
    came: NDArray[np.int8]
    around: NDArray[np.bool_]


def trace(labels: ArrayLike) -> Polygons:
    """Trace the outlines of labels, exactly along the edges of pixels.

    A label image is vectorized.

    Parameters
    ----------
    labels : (…, Y, X) array_like of int or bool
        0 is outside of all.

    Returns
    -------
    Polygons
        One for each connected piece of a label in its plane; pixels touch along sides.
        Only corners are points. Each polygon is valid as of the OGC's simple features
        [1]_: rings do not cross themselves or others, and touch at most in points.
        Outer rings turn from +X to +Y, holes the other way.

    Raises
    ------
    ValueError
        If these are no labels.

    Notes
    -----
    At a corner where two pixels of a label meet diagonally, the outline goes straight
    across if they are connected elsewhere (what lies between is a hole that touches the
    outline), and turns if not. So no ring passes a corner twice.

    References
    ----------
    .. [1] "OpenGIS Implementation Specification for Geographic information - Simple
       feature access", OGC 06-103r4, 2011.

    Examples
    --------
    >>> labels = np.array([[1, 1, 2], [1, 2, 2]])
    >>> found = trace(labels)
    >>> found.labels.tolist(), found.areas.tolist()
    ([1, 2], [3.0, 3.0])
    >>> (rasterize(found) == labels).all()
    np.True_
    """
    values = check_labels(labels)
    shape = values.shape
    parts = [_trace_plane(values[at]) for at in np.ndindex(shape[:-2])]
    counts = [len(part[3]) for part in parts]
    index = np.array([*np.ndindex(shape[:-2])], np.int64).reshape(len(parts), -1)
    return Polygons(
        np.concatenate([part[0] for part in parts]),
        _joined([part[1] for part in parts]),
        _joined([part[2] for part in parts]),
        np.concatenate([part[3] for part in parts]),
        np.repeat(index, counts, axis=0),
        shape,
    )


def rasterize(polygons: Polygons) -> NDArray[np.unsignedinteger[Any]]:
    """Fill polygons with their labels.

    From polygons to a mask, or a label image.

    Parameters
    ----------
    polygons : Polygons
        In any order, with any points; what lies outside the shape is left out.

    Returns
    -------
    (…, Y, X) ndarray of the smallest unsigned type that holds the labels
        A pixel has the label of the last polygon that has its center inside: within an
        odd number of rings; on the outline, if the inside is below or right. Else 0.

    Examples
    --------
    >>> labels = np.array([[1, 1, 0], [1, 2, 1], [0, 1, 1]])
    >>> (rasterize(trace(labels)) == labels).all()
    np.True_
    """
    most = int(polygons.labels.max()) if len(polygons) else 0
    out = np.zeros(polygons.shape, np.min_scalar_type(most))
    *before, height, width = polygons.shape
    if not len(polygons) or out.size == 0:
        return out
    y0, x0 = polygons.points.T
    y1, x1 = polygons.points[polygons.after].T
    low = _first_center(np.minimum(y0, y1), height)
    rows = _first_center(np.maximum(y0, y1), height) - low
    # Edges between which no center of a row lies are never crossed.
    edges = np.flatnonzero(rows)
    rows = rows[edges]
    sizes = np.diff(polygons.rings[polygons.starts])
    owner = np.repeat(np.arange(len(polygons)), sizes)[edges]
    crossed = ranges(low[edges], rows)
    tall = np.repeat(edges, rows)
    slope = (x1 - x0)[tall] / (y1 - y0)[tall]
    at = x0[tall] + (crossed + 0.5 - y0[tall]) * slope
    # Sorted, two and two of a row are where its inside begins and ends.
    key = np.repeat(owner, rows) * height + crossed
    key = np.sort(key * (width + 1) + _first_center(at, width))
    line, begin = np.divmod(key[::2], width + 1)
    length = key[1::2] % (width + 1) - begin
    polygon, row = np.divmod(line, height)
    plane = np.zeros(len(polygons), np.int64)
    if before:
        plane = np.ravel_multi_index(tuple(polygons.planes.T), tuple(before))
    first = (plane[polygon] * height + row) * width + begin
    values = polygons.labels.astype(out.dtype)[polygon]
    cuts = np.searchsorted(
        np.cumsum(length), np.arange(_CHUNK, length.sum() + _CHUNK, _CHUNK)
    )
    flat, start = out.reshape(-1), 0
    for cut in (cuts + 1).tolist():
        part = slice(start, cut)
        flat[ranges(first[part], length[part])] = np.repeat(values[part], length[part])
        start = cut
    return out


def check_labels(labels: ArrayLike) -> NDArray[Any]:
    """Return labels as an array of whole numbers, at least Y and X, none negative.

    Raises
    ------
    ValueError
        If they are something else.
    """
    values = np.asarray(labels)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind not in "ui" or values.ndim < 2:
        raise ValueError(
            f"labels have shape {values.shape} and type {values.dtype}, but whole "
            "numbers with at least Y and X are needed; pass the labels of a result"
        )
    if values.dtype.kind == "i" and values.size and values.min() < 0:
        raise ValueError(
            f"labels count from 0, but the smallest is {values.min()}; renumber them"
        )
    return values


def _trace_plane(
    labels: NDArray[Any],
) -> tuple[NDArray[np.int32], Indices, Indices, NDArray[Any]]:
    """Return points, rings, starts and labels of `Polygons` in one plane."""
    height, width = labels.shape
    pieces = np.zeros((height + 2, width + 2), np.int32)
    if labels.size:
        pieces[1:-1, 1:-1] = connected(labels, background=0, connectivity=1)
    nodes = _nodes(pieces)
    count = len(nodes.at)
    if count == 0:
        none = np.zeros(1, np.int64)
        return np.zeros((0, 2), np.int32), none, none, labels[:0, 0]
    y, x = np.divmod(nodes.at, width + 1)
    after = _linked(nodes, x * (height + 1) + y)
    n_rings, ring = connected_components(_graph(after), connection="strong")
    # The first corner of each ring, by rows: it tells whether the ring is a hole.
    first = np.empty(n_rings, np.int64)
    first[ring[::-1]] = np.arange(count)[::-1]
    piece, hole = nodes.pieces[first], nodes.around[first]
    # A first corner has a pixel of its piece to the lower right, or if it is that of a
    # hole, above.
    label = labels[y[first] - hole, x[first]]
    order = np.lexsort((first, hole, piece, label))
    # As one path through all rings, they are followed in one go.
    first = first[order]
    before = np.empty(count, np.int64)
    before[after] = np.arange(count)
    after[before[first]] = np.roll(first, -1)
    path = depth_first_order(_graph(after), first[0], return_predecessors=False)
    sizes = np.bincount(ring, minlength=n_rings)[order]
    return (
        np.stack([y[path], x[path]], axis=1).astype(np.int32),
        np.concatenate([[0], np.cumsum(sizes)]),
        np.append(np.flatnonzero(~hole[order]), n_rings),
        label[order][~hole[order]],
    )


def _nodes(pieces: NDArray[np.int32]) -> _Nodes:
    """Find the corners of the outlines of connected pieces, with a frame of 0."""
    across, along = pieces[:, 1:] != pieces[:, :-1], pieces[1:] != pieces[:-1]
    turns = (across[:-1] | across[1:]) & (along[:, :-1] | along[:, 1:])
    at = np.flatnonzero(turns)
    y, x = np.divmod(at, turns.shape[1])
    around = [pieces[y + dy, x + dx] for dy in (0, 1) for dx in (0, 1)]
    found = []
    for place, (opposite, row, column) in _NEIGHBORS.items():
        own, beside, across_, below = (
            around[n] for n in (place, opposite, row, column)
        )
        goes, came = _GOES[place], _CAME[place]
        inner = np.flatnonzero(
            (own != 0) & (own != beside) & (own != across_) & (own != below)
        )
        found.append((inner, own[inner], goes, came, False))
        outer = np.flatnonzero((across_ == below) & (below != own) & (below != 0))
        found.append((outer, below[outer], _BACK[came], _BACK[goes], True))
    which = np.concatenate([one[0] for one in found])
    order = np.argsort(which, kind="stable")
    sizes = [len(one[0]) for one in found]

    def spread(column: int, dtype: type) -> NDArray[Any]:
        return np.repeat(np.array([one[column] for one in found], dtype), sizes)[order]

    return _Nodes(
        at[which[order]],
        np.concatenate([one[1] for one in found])[order],
        spread(2, np.int8),
        spread(3, np.int8),
        spread(4, np.bool_),
    )


def _linked(nodes: _Nodes, by_columns: Indices) -> NDArray[np.int32]:
    """Return the next corner of each.

    Sides of one direction in one line do not overlap, so that in the order of the line,
    the first that begins is the first that ends.
    """
    after = np.empty(len(nodes.at), np.int32)
    rows = np.arange(len(nodes.at))  # they are in this order
    columns = np.argsort(by_columns)
    for direction in (_RIGHT, _DOWN, _LEFT, _UP):
        order = rows if direction in (_RIGHT, _LEFT) else columns
        begin = order[nodes.goes[order] == direction]
        after[begin] = order[nodes.came[order] == direction]
    return after


def _graph(after: NDArray[np.int32]) -> csr_array:
    """Return the graph in which a link leads from each corner to the next."""
    count = len(after)
    return csr_array((np.ones(count), after, np.arange(count + 1, dtype=np.int32)))


def _ring_areas(points: NDArray[Any], rings: Indices) -> NDArray[np.float64]:
    """Return the signed area of each ring, positive from +X to +Y."""
    y, x = points.T.astype(np.float64)
    following = _after(rings)
    return np.add.reduceat(x * y[following] - x[following] * y, rings[:-1]) / 2


def _after(rings: Indices) -> Indices:
    following = np.arange(1, rings[-1] + 1)
    following[rings[1:] - 1] = rings[:-1]
    return following


def _joined(parts: list[Indices]) -> Indices:
    """Join lists of offsets, each of which begins with 0 and ends with its total."""
    sizes = np.concatenate([np.diff(part) for part in parts])
    return np.concatenate([[0], np.cumsum(sizes)])


def _first_center(at: NDArray[Any], size: int) -> Indices:
    """Return the first pixel, 0 to `size`, whose center is not before a place."""
    return np.ceil(at - 0.5).clip(0, size).astype(np.int64)


def ranges(first: Indices, lengths: Indices) -> Indices:
    """Return the numbers from each first one on, as many as its length says."""
    ends = np.cumsum(lengths)
    count = int(ends[-1]) if len(ends) else 0
    return np.repeat(first - ends + lengths, lengths) + np.arange(count)
