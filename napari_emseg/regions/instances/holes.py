"""Holes in objects, told from the gaps between objects that touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage as ndi

from napari_emseg.select.components import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray

# Holes are at most this share of what is around them.
_LARGEST = 0.1
# An object fills so much of its convex hull. Three equal discs that touch each other
# fill 0.88 of theirs, and 0.91 if they overlap as far as there is a gap between them.
_SOLID = 0.93


def fill_objects(
    parts: NDArray[np.int32], free: BoolArray, *, join: bool
) -> NDArray[np.int32]:
    """Return objects with their holes filled, but not the gaps between them.

    What lies around a hole are parts of one object, which the hole was taken for the
    necks of, if together they are convex, as a nucleus with its nucleolus is.

    Parameters
    ----------
    parts : (Y, X) or (Z, Y, X) ndarray of int32
        Objects 1..N; 0 is none.
    free : (…) ndarray of bool
        Pixels that may be filled.
    join : bool
        Whether parts may be joined, which takes a plane.

    Returns
    -------
    (…) ndarray of int32
        Numbers 1..M without gaps.

    Examples
    --------
    >>> y, x = np.mgrid[:30, :30] - 14.5
    >>> halves = np.where(np.hypot(y, x) < 12, 1 + (x > 0), 0).astype(np.int32)
    >>> halves[np.hypot(y, x) < 3] = 0
    >>> joined = fill_objects(halves, halves == 0, join=True)
    >>> np.unique(joined).tolist(), bool(joined[15, 15] > 0)
    ([0, 1], True)
    """
    holes, count = _enclosed(parts)
    if count == 0:
        return parts
    hole, part = _beside(holes, parts)
    sizes = np.bincount(parts.ravel())
    area = np.bincount(holes.ravel(), minlength=count + 1)
    around = np.bincount(hole, sizes[part], count + 1)
    few = np.bincount(hole, minlength=count + 1)
    fine = (area <= _LARGEST * around) & (few > 0)
    fine[0] = False
    owner = np.arange(len(sizes))
    host = np.zeros(count + 1, np.int64)
    host[hole] = part
    boxes = ndi.find_objects(parts) if join and (fine & (few > 1)).any() else []
    first = np.searchsorted(hole, np.arange(count + 2))
    for number in np.flatnonzero(fine & (few > 1)).tolist():
        some = np.unique(owner[part[first[number] : first[number + 1]]])
        whole = np.flatnonzero(np.isin(owner, some))
        fine[number] = join and _convex(parts, holes, number, whole, boxes)
        if fine[number]:
            owner[whole] = host[number] = some[0]
    fills = fine[holes] & free
    made = np.where(fills, host[holes], parts)
    # Numbers of what was joined to others are not used any more.
    _, new = np.unique(owner, return_inverse=True)
    return new.astype(np.int32)[made]


def _convex(
    parts: NDArray[np.int32],
    holes: NDArray[np.int32],
    number: int,
    some: NDArray[np.int64],
    boxes: list[Any],
) -> bool:
    """Return whether some parts with a hole in them fill their convex hull."""
    here = [boxes[one - 1] for one in some.tolist()]
    box = tuple(
        slice(min(b[axis].start for b in here), max(b[axis].stop for b in here))
        for axis in range(parts.ndim)
    )
    whole = np.isin(parts[box], some) | (holes[box] == number)
    size = int(np.count_nonzero(whole))
    hull = cv2.convexHull(cv2.findNonZero(whole.astype(np.uint8)))
    # From the middles of pixels to their sides, as scikit-image has it: by Steiner's
    # formula, the hull grows by half of what it measures across, and a bit at its ends.
    edges = np.abs(np.diff(np.concatenate([hull, hull[:1]])[:, 0], axis=0)).max(axis=1)
    area = cv2.contourArea(hull) + edges.sum() / 2 + 1 / 2
    return bool(size >= _SOLID * area)


def _enclosed(parts: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Return what is enclosed, 1..H, and H; what reaches the rim is not."""
    found, count = pieces(parts == 0)
    inside = np.ones(count + 1, bool)
    inside[0] = False
    for axis in range(parts.ndim):
        for end in (0, -1):
            inside[np.take(found, end, axis)] = False
    number = np.where(inside, np.cumsum(inside), 0).astype(np.int32)
    return number[found], int(inside.sum())


def _beside(
    holes: NDArray[np.int32], parts: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of holes and parts that share a side, by holes."""
    count = int(parts.max(initial=0)) + 1
    keys = []
    for axis in range(parts.ndim):
        ahead = (slice(None),) * axis
        low, high = (*ahead, slice(None, -1)), (*ahead, slice(1, None))
        for one, other in ((low, high), (high, low)):
            at = np.nonzero((holes[one] > 0) & (parts[other] > 0))
            keys.append(holes[one][at].astype(np.int64) * count + parts[other][at])
    key = np.sort(np.concatenate(keys))
    key = key[np.append(True, key[1:] != key[:-1])[: len(key)]]
    return key // count, key % count
