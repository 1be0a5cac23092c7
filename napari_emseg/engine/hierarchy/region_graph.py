"""The graph of fine regions: pieces of an image, their borders, their statistics."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from skimage.segmentation import watershed

from napari_emseg.engine.hierarchy.ensemble import blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.hierarchy.contours import Evidence

    Float32Array = NDArray[np.float32]

# Fine regions that a tree is built on; more cost time and gained nothing.
FINE = 300
# Evidence is told apart to this many decimals.
_DECIMALS = 3
# Power of the smaller region's size in the order of the first, plain merging.
_SIZE_POWER = 0.3
# A border pixel of less evidence than this is a leak.
WEAK = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class RegionGraph:
    """Fine regions 0..n-1 and the borders between neighbors; all sums are additive.

    Attributes
    ----------
    labels : (Y, X) ndarray of int32
        Fine regions; -1 outside the mask.
    pairs : (m, 2) ndarray of intp
        Neighbors, lower number first.
    area : (n,) ndarray of float64
        As a share of the image.
    perimeter : (n,) ndarray of float64
        Border and frame, in units of the image's diagonal.
    frame : (n,) ndarray of float64
        The part of it on the frame.
    edge : (n,) ndarray of float64
        Sum of the evidence inside, as a share of the image.
    color : (n, 2 C) ndarray of float64
        Sums of colors and of their squares.
    memberships : (n, H) ndarray of float64
        Sums of the posteriors of all mixtures, side by side.
    starts : (mixtures,) ndarray of intp
        First column of each mixture in `memberships`.
    borders : (m, 3 + Q) ndarray of float64
        Length, number of weak pixels, and sums of evidence and cues, in units of the
        diagonal.
    """

    labels: NDArray[np.int32]
    pairs: NDArray[np.intp]
    area: Float64Array
    perimeter: Float64Array
    frame: Float64Array
    edge: Float64Array
    color: Float64Array
    memberships: Float64Array
    starts: NDArray[np.intp]
    borders: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Cracks:
    """Sides that pixels of different regions share.

    Attributes
    ----------
    one, two : (S,) ndarray of intp
        Flat indices of the two pixels.
    pairs : (m, 2) ndarray of intp
        Pairs of regions that touch, lower first.
    index : (S,) ndarray of intp
        Row of `pairs` of each side.
    """

    one: NDArray[np.intp]
    two: NDArray[np.intp]
    pairs: NDArray[np.intp]
    index: NDArray[np.intp]

    def lengths(self) -> Float64Array:
        """Count the sides of each pair, (m,)."""
        count = np.bincount(self.index, minlength=len(self.pairs))
        return count.astype(np.float64)

    def sums(self, values: Float32Array) -> Float64Array:
        """Sum an image of flat (Y·X,) values along each border, (m,)."""
        mean = (values[self.one] + values[self.two]) / 2
        out = np.bincount(self.index, mean, len(self.pairs))
        return np.asarray(out, np.float64)


def find_cracks(labels: NDArray[np.int32]) -> Cracks:
    """Find all sides between regions ≥ 0 of a label map."""
    number = np.arange(labels.size).reshape(labels.shape)
    flat = labels.ravel()
    ones, twos = [], []
    for one, two in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        a, b = labels.ravel()[one], flat[two]
        differ = (a != b) & (a >= 0) & (b >= 0)
        ones.append(one[differ])
        twos.append(two[differ])
    one, two = np.concatenate(ones), np.concatenate(twos)
    a, b = flat[one].astype(np.int64), flat[two].astype(np.int64)
    count = int(flat.max(initial=0)) + 1
    keys, index = np.unique(
        np.minimum(a, b) * count + np.maximum(a, b), return_inverse=True
    )
    return Cracks(one, two, np.stack([keys // count, keys % count], axis=1), index)


def fine_regions(
    edge: Float32Array, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """Cut an image into some `FINE` regions along the evidence.

    Parameters
    ----------
    edge : (Y, X) ndarray of float32
        Evidence of a contour.
    valid : (Y, X) ndarray of bool, optional
        Pixels that take part.

    Returns
    -------
    (Y, X) ndarray of int32
        Basins of the evidence, merged across the weakest borders first; 0..n-1, and
        -1 for pixels that do not take part.
    """
    # Rounding off what is no evidence at all keeps flat images whole; evidence that
    # is the same everywhere has no minimum, and so no basin.
    basins = watershed(np.round(blur(edge, 1.0), _DECIMALS))
    basins = np.maximum(basins, 1).astype(np.int32) - 1
    if valid is not None:
        basins = np.where(valid, basins, np.int32(-1))
    basins = renumber(basins)
    cracks = find_cracks(basins)
    size = np.bincount(basins[basins >= 0]).astype(np.float64).tolist()
    if len(size) <= FINE:
        return basins
    root = np.arange(len(size))
    near: list[dict[int, tuple[float, float]]] = [{} for _ in size]
    version = [0] * len(size)

    def cost(one: int, two: int) -> float:
        length, evidence = near[one][two]
        return float(evidence / length * min(size[one], size[two]) ** _SIZE_POWER)

    lengths, evidence = cracks.lengths(), cracks.sums(edge.ravel())
    for (a, b), *border in zip(
        cracks.pairs.tolist(), lengths.tolist(), evidence.tolist(), strict=True
    ):
        near[a][b] = near[b][a] = (border[0], border[1])
    heap = [(cost(a, b), a, b, 0, 0) for a, b in cracks.pairs.tolist()]
    heapq.heapify(heap)
    left = len(size)
    while heap and left > FINE:
        _, a, b, version_a, version_b = heapq.heappop(heap)
        if version[a] != version_a or version[b] != version_b:
            continue
        root[b] = a
        size[a] += size[b]
        version[a], version[b] = version[a] + 1, -1
        left -= 1
        del near[a][b]
        for c, (length, total) in near[b].items():
            if c == a:
                continue
            del near[c][b]
            before = near[a].get(c, (0.0, 0.0))
            near[a][c] = near[c][a] = (before[0] + length, before[1] + total)
        for c in near[a]:
            heapq.heappush(heap, (cost(a, c), a, c, version[a], version[c]))
    while (root != root[root]).any():
        root = root[root]
    return renumber(np.where(basins >= 0, root[basins], -1).astype(np.int32))


def renumber(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number the labels ≥ 0 anew 0..n-1, order kept; -1 stays."""
    used = np.zeros(int(labels.max(initial=-1)) + 2, bool)
    used[labels] = True
    used[-1] = False
    number = (np.cumsum(used) - 1).astype(np.int32)
    number[-1] = -1
    return number[labels]


def build(labels: NDArray[np.int32], evidence: Evidence) -> RegionGraph:
    """Measure fine regions and their borders.

    Parameters
    ----------
    labels : (Y, X) ndarray of int32
        Fine regions 0..n-1, -1 for pixels that do not take part.
    evidence : Evidence
        Of the same image.
    """
    height, width = labels.shape
    diagonal = np.hypot(height, width)
    n = int(labels.max(initial=-1)) + 1
    cracks = find_cracks(labels)
    lengths = cracks.lengths() / diagonal
    flat_edge = evidence.edge.ravel()
    mean = (flat_edge[cracks.one] + flat_edge[cracks.two]) / 2
    weak = np.bincount(cracks.index, mean < WEAK, len(cracks.pairs)) / diagonal
    borders = [lengths, weak, cracks.sums(flat_edge) / diagonal]
    borders += [cracks.sums(cue.ravel()) / diagonal for cue in evidence.cues]
    area = _sums(labels, None, n) / labels.size
    frame = np.zeros(n)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        frame += np.bincount(side[side >= 0], minlength=n) / diagonal
    perimeter = frame.copy()
    for column in cracks.pairs.T:
        perimeter += np.bincount(column, lengths, n)
    small, weight = _shrink(labels, evidence.views.color.shape[1:], n)
    weight = area / np.maximum(weight, 1)
    color = evidence.views.color.astype(np.float64)
    memberships = [p for part in evidence.opinions.values() for p in part]
    classes = [len(p) for p in memberships]
    return RegionGraph(
        labels=labels,
        pairs=cracks.pairs,
        area=area,
        perimeter=perimeter,
        frame=frame,
        edge=_sums(labels, evidence.edge, n) / labels.size,
        color=_columns(small, [*color, *color**2], n) * weight[:, np.newaxis],
        memberships=_columns(small, [q for p in memberships for q in p], n)
        * weight[:, np.newaxis],
        starts=np.cumsum([0, *classes[:-1]]),
        borders=np.stack(borders, axis=1),
    )


def _sums(
    labels: NDArray[np.int32], values: Float32Array | None, n: int
) -> Float64Array:
    inside = labels >= 0
    if inside.all():
        flat = None if values is None else values.ravel()
        return np.bincount(labels.ravel(), flat, n).astype(np.float64)
    flat = None if values is None else values[inside]
    return np.bincount(labels[inside], flat, n).astype(np.float64)


def _columns(
    labels: NDArray[np.int32], images: list[Float32Array], n: int
) -> Float64Array:
    return np.stack([_sums(labels, image, n) for image in images], axis=1)


def _shrink(
    labels: NDArray[np.int32], size: tuple[int, ...], n: int
) -> tuple[NDArray[np.int32], Float64Array]:
    """Resize labels to the size of the features without losing a region."""
    if labels.shape == size:
        return labels, _sums(labels, None, n)
    small = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
    small = np.asarray(small, np.int32).reshape(size)
    count = _sums(small, None, n)
    for lost in np.flatnonzero(count == 0):
        y, x = (axis[0] for axis in np.nonzero(labels == lost))
        small[y * size[0] // labels.shape[0], x * size[1] // labels.shape[1]] = lost
    return small, _sums(small, None, n)
