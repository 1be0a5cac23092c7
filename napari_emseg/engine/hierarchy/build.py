"""A hierarchy of regions: fine regions and the tree in which they merge."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_emseg.engine.hierarchy.contours import gather, resize
from napari_emseg.engine.hierarchy.merge_cost import BIAS, WEIGHTS, MergeStatistics
from napari_emseg.engine.hierarchy.region_graph import build, fine_regions
from napari_emseg.engine.hierarchy.region_tree import RegionTree, grow
from napari_emseg.engine.image.value_range import usual_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.hierarchy.region_graph import RegionGraph

    Float32Array = NDArray[np.float32]

    Record = Callable[[NDArray[np.intp], NDArray[np.intp], Float64Array], None]

# Larger images are analysed at about this many pixels (BSDS images have 154,401);
# scenes do not get more regions by more pixels.
_WORK_PIXELS = 160_000
_SHRINK_FROM = 1.5


def hierarchy(features: ArrayLike, *, valid: ArrayLike | None = None) -> RegionTree:
    """Find fine regions and the tree in which they merge [1]_.

    Small mixtures of different views of the image are asked where their posteriors
    change; basins of this evidence are merged in the order of a logistic regression
    that tells what people keep apart.

    Parameters
    ----------
    features : (Y, X, C) array_like
        One to three finite channels, lightness first, in the units of Lab (0..100);
        `comparable` brings other data into this form.
    valid : (Y, X) array_like of bool, optional
        Pixels that take part; all by default.

    Returns
    -------
    RegionTree

    Raises
    ------
    ValueError
        If the features are not of this shape.

    References
    ----------
    .. [1] After P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and
       hierarchical image segmentation", IEEE PAMI 33(5), 898-916, 2011.

    Examples
    --------
    >>> image = np.zeros((40, 60, 1), np.float32)
    >>> image[:, 20:] = 40
    >>> image[20:, 20:] = 80
    >>> hierarchy(image).cut(n_regions=3)[::39, ::59]
    array([[1, 2],
           [1, 3]], dtype=int32)
    """
    image = np.asarray(features, np.float32)
    if image.ndim != 3 or 0 in image.shape or image.shape[-1] > 3:
        raise ValueError(
            f"features have shape {image.shape}, but a hierarchy needs (Y, X, C) with "
            "at least one pixel and one to three channels; pass a single slice of a "
            "stack, and other channels through comparable()"
        )
    image = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    inside = None if valid is None else np.asarray(valid, bool)
    if inside is not None and not inside.any():
        return RegionTree(np.zeros(inside.shape, np.int32), *grow(0, []))
    if inside is not None and not inside.all():
        image = np.where(inside, image, _typical(image, inside))
    size = image.shape[1:]
    if not np.ptp(image, axis=(1, 2)).any():
        one = np.ones(size, np.int32) if inside is None else inside.astype(np.int32)
        return RegionTree(one, *grow(1, []))
    factor = np.sqrt(size[0] * size[1] / _WORK_PIXELS)
    if factor**2 <= _SHRINK_FROM:
        evidence = gather(image)
        fine = fine_regions(evidence.edge, inside)
        graph = build(fine, evidence)
    else:
        work = (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
        small = np.stack([resize(channel, work) for channel in image])
        within = None
        if inside is not None:
            within = resize(inside.astype(np.float32), work) > 0
        evidence = gather(small)
        graph = build(fine_regions(evidence.edge, within), evidence)
        fine = enlarge(graph.labels, image, inside)
    weights = np.fromiter(WEIGHTS.values(), np.float64)
    merges = merge_order(graph, weights, BIAS)
    return RegionTree(fine + np.int32(1), *grow(len(graph.area), merges))


def comparable(features: ArrayLike, *, valid: ArrayLike | None = None) -> Float32Array:
    """Convert channels of any kind to three or fewer in units like those of Lab.

    Parameters
    ----------
    features : (Y, X, D) array_like
        Values of any scale.
    valid : (Y, X) array_like of bool, optional
        Pixels that take part: their values must be finite. The others become 0.

    Returns
    -------
    (Y, X, min(D, 3)) ndarray of float32
        Principal components if there are more than three channels; the first has its
        values between the percentiles 1 and 99 spread over 0..80.
    """
    all_values = np.asarray(features, np.float64)
    inside = np.ones(all_values.shape[:2], bool)
    if valid is not None:
        inside = np.asarray(valid, bool)
    x = all_values[inside]
    if len(x) > 0:
        # What is far outside would be the first component.
        low, high = usual_range(x.T)
        margin = high - low
        x = np.clip(x, low - margin, high + margin)
    out = np.zeros((*inside.shape, min(all_values.shape[-1], 3)), np.float32)
    if len(x) == 0:
        return out
    x -= x.mean(axis=0)
    if x.shape[-1] > 3:
        vectors = np.linalg.eigh(x.T @ x / len(x))[1][:, ::-1][:, :3]
        # The sign of an eigenvector is chance; its largest entry shall be positive.
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[largest, np.arange(3)])
        x = x @ vectors
    low, high = np.percentile(x[:, 0], (1, 99))
    if high <= low:
        low, high = x.min(), x.max()
    if high > low:
        x *= 80 / (high - low)
    out[inside] = x
    return out


def _typical(image: Float32Array, inside: NDArray[np.bool_]) -> Float32Array:
    """Mean color of the pixels that take part, (C, 1, 1)."""
    return image.mean(axis=(1, 2), where=inside, keepdims=True)


def merge_order(
    graph: RegionGraph,
    weights: Float64Array,
    bias: float = 0.0,
    record: Record | None = None,
) -> list[tuple[int, int, float]]:
    """Merge the neighbors that are most alike, until none are left.

    Parameters
    ----------
    graph : RegionGraph
        n fine regions.
    weights : (W,) ndarray of float64
        Of the columns of `MergeStatistics.compare`.
    bias : float
        Added to their sum.
    record : callable, optional
        Is told regions, their neighbors and how they compare; for tuning.

    Returns
    -------
    list of (one, two, cost)
        The k-th makes node n + k.
    """
    n = len(graph.area)
    regions = MergeStatistics.of(graph)
    near: list[dict[int, int]] = [{} for _ in range(max(2 * n - 1, 0))]
    borders = list(graph.borders)
    for i, (a, b) in enumerate(graph.pairs.tolist()):
        near[a][b] = near[b][a] = i
    heap: list[tuple[float, int, int]] = []

    def push(ones: list[int], others: list[int], table: list[Float64Array]) -> None:
        if not others:
            return
        one, other = np.array(ones), np.array(others)
        comparison = regions.compare(one, other, np.array(table))
        if record is not None:
            record(one, other, comparison)
        for entry in zip(
            (comparison @ weights + bias).tolist(), ones, others, strict=True
        ):
            heapq.heappush(heap, entry)

    push(graph.pairs[:, 0].tolist(), graph.pairs[:, 1].tolist(), borders)
    alive = [True] * n
    merges: list[tuple[int, int, float]] = []
    while heap:
        cost, a, b = heapq.heappop(heap)
        if not (alive[a] and alive[b]):
            continue
        new = n + len(merges)
        merges.append((a, b, cost))
        alive[a] = alive[b] = False
        alive.append(True)
        regions.merge(a, b, new, float(borders[near[a][b]][0]))
        for old, other in ((a, b), (b, a)):
            for c, i in near[old].items():
                if c == other:
                    continue
                del near[c][old]
                if c in near[new]:
                    borders.append(borders[near[new][c]] + borders[i])
                    i = len(borders) - 1
                near[new][c] = near[c][new] = i
        around = near[new]
        push([new] * len(around), list(around), [borders[i] for i in around.values()])
    return merges


def enlarge(
    labels: NDArray[np.int32], image: Float32Array, inside: NDArray[np.bool_] | None
) -> NDArray[np.int32]:
    """Resize fine regions to the full size, borders at the edges of the image.

    Parameters
    ----------
    labels : (y, x) ndarray of int32
        Regions 0..n-1, -1 where no pixel takes part.
    image : (C, Y, X) ndarray of float32
        The larger image, in the units of Lab.
    inside : (Y, X) ndarray of bool or None
        Pixels that take part.

    Returns
    -------
    (Y, X) ndarray of int32
    """
    size = image.shape[1:]
    large = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
    large = np.asarray(large, np.int32).reshape(size)
    reach = int(np.ceil(size[0] / labels.shape[0]))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    # OpenCV's watershed keeps 0 for what it shall fill: outside becomes 1, region 0
    # becomes 2. Erosion knows 16 bit, not 32, which hold the fine regions easily.
    code = (large + 2).astype(np.uint16)
    core = cv2.erode(code, kernel) == cv2.dilate(code, kernel)
    # A region without a core is thin: all of it stays.
    kept = np.zeros(int(code.max()) + 1, bool)
    kept[code[core]] = True
    seeds = np.where(core | ~kept[code], code, 0).astype(np.int32)
    picture = np.zeros((*size, 3), np.uint8)
    for axis, channel in enumerate(image):
        gain, shift = (1.0, 128) if axis else (2.55, 0)
        picture[..., axis] = np.clip(channel * gain + shift, 0, 255)
    # It marks lines between regions, and the frame: these join a neighbor.
    grown = np.asarray(cv2.watershed(picture, seeds), np.int32).reshape(size)
    found = np.maximum(grown, 0).astype(np.uint16)
    for _ in range(2):
        found = np.where(found > 0, found, cv2.dilate(found, kernel[:3, :3]))
    grown = np.where(found > 0, found, code).astype(np.int32) - 2
    if inside is None:
        return grown
    lost = inside & (grown < 0)
    if lost.any():
        nearest = distance_transform_edt(
            grown < 0, return_distances=False, return_indices=True
        )
        grown[lost] = grown[tuple(nearest)][lost]
    return np.where(inside, grown, np.int32(-1))
