"""Flood fill that does not leak through gaps of a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage as ndi

from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.select.components import connected_to, neighborhood
from napari_emseg.select.morphology import distance_to

if TYPE_CHECKING:
    from napari_emseg.engine._types import BoolArray
    from napari_emseg.select.color_index import Window

# Pixels up to which a filter is faster than distances.
_KERNEL = 12.0


def fill_with_gaps_closed(
    near: BoolArray, sample: Window, gap: int, connectivity: int
) -> BoolArray:
    """Return the piece of a mask around a sample that is joined by wide passages.

    A disk one pixel wider than the gap is moved around in the mask, as it is for an
    opening [1]_. Where it gets to is the piece, and besides what it does not reach
    into, such as corners: as far as the gap is wide, up to halfway to what other disks
    cover.

    Parameters
    ----------
    near : (…, Y, X) ndarray of bool
        Pixels of like color.
    sample : tuple of slice
        Each pixel of it in the mask starts a piece.
    gap : int
        Width in pixels of what is too narrow; 1 or more. Of odd ones, a passage one
        pixel wider is too narrow, too.
    connectivity : {4, 8}

    References
    ----------
    .. [1] J. Serra, "Image analysis and mathematical morphology", Academic Press, 1982.
    """
    start = np.zeros_like(near)
    start[sample] = near[sample]
    piece = connected_to(near, start, connectivity)
    if not piece.any() or piece.all():
        return piece
    # A disk never lies in two pieces, so nothing beside this one matters.
    box = bounding_box(piece, 1)
    out = np.zeros_like(near)
    out[box] = _without_gaps(
        np.ascontiguousarray(piece[box]),
        np.ascontiguousarray(start[box]),
        gap,
        connectivity,
    )
    return out


def _without_gaps(
    near: BoolArray, start: BoolArray, gap: int, connectivity: int
) -> BoolArray:
    """Return what `fill_with_gaps_closed` returns, of a piece that holds the start."""
    radius = (gap + 1) / 2
    wide = ~_within(~near, radius)
    if not wide.any():
        return near
    covered = _within(wide, radius)
    # From a corner, a disk is near that covers no part of the sample.
    begin = _spread(start, near, None, 2 * gap, connectivity, until=covered)
    begin &= covered
    if not begin.any():
        return connected_to(near & ~covered, start, connectivity)
    own = connected_to(wide, wide & _within(begin, radius), connectivity)
    inner, other = _within(own, radius), wide & ~own
    both = inner & _within(other, radius)
    if both.any():  # disks of both sides reach into a gap
        part = bounding_box(both, int(radius) + 1)
        nearer = distance_to(own[part]) < distance_to(other[part])
        inner[part] &= nearer | ~both[part]
    return _spread(inner, near, covered & ~inner, gap, connectivity)


def _within(mask: BoolArray, radius: float) -> BoolArray:
    """Return which pixels are within a distance of a mask."""
    if mask.ndim != 2 or radius > _KERNEL:
        if not mask.any():
            return mask
        return np.asarray(distance_to(mask) <= radius, bool)
    reach = int(radius)
    down, across = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disk = (down**2 + across**2 <= radius**2).astype(np.uint8)
    found = cv2.dilate(mask.view(np.uint8), disk, borderValue=0)
    return np.asarray(found, np.uint8).view(bool)


def _spread(
    start: BoolArray,
    within: BoolArray,
    against: BoolArray | None,
    steps: int,
    connectivity: int,
    *,
    until: BoolArray | None = None,
) -> BoolArray:
    """Return what so many steps reach inside a mask.

    Parameters
    ----------
    start, within : (…, Y, X) ndarray of bool
    against : (…, Y, X) ndarray of bool, optional
        It spreads at the same pace, and keeps what both reach at once.
    steps : int
        Pixels.
    connectivity : {4, 8}
    until : (…, Y, X) ndarray of bool, optional
        Where the first step that gets there is the last.
    """
    own, other = start & within, against
    for _ in range(steps):
        if until is not None and (own & until).any():
            break
        wider = _step(own, connectivity) & within
        if other is not None:
            other = (_step(other, connectivity) & within & ~own) | other
            wider &= ~other
        if not (wider & ~own).any():
            break
        own |= wider
    return own


def _step(mask: BoolArray, connectivity: int) -> BoolArray:
    around = neighborhood(mask.ndim, connectivity)
    if mask.ndim != 2:
        return np.asarray(ndi.binary_dilation(mask, around), bool)
    found = cv2.dilate(mask.view(np.uint8), around.astype(np.uint8))
    return np.asarray(found, np.uint8).view(bool)
