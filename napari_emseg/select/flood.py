"""Flood fill: the connected piece of like color around a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage as ndi

from napari_emseg.engine.image.opencv_limits import FLOOD_SIDE
from napari_emseg.select.color_distance import SELECTED
from napari_emseg.select.components import connected_to, neighborhood
from napari_emseg.select.gap_closing import fill_with_gaps_closed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.select.color_index import Window

# Half the side of the window that is looked at first, per number of axes.
_NEAR = {2: 128, 3: 24}


def flood(
    shape: tuple[int, ...],
    read: Callable[[Window], NDArray[np.uint8]],
    sample: Window,
    connectivity: int,
    soft: bool,
    gap: int = 0,
) -> BoolArray | FloatArray:
    """Return the piece around a sample, found in a window that grows as needed.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape of the image.
    read : callable
        Gives the score 0..255 of a window.
    sample : tuple of slice
        Each near pixel of it starts a piece.
    connectivity : {4, 8}
    soft : bool
        Give the coverage inside the piece, and of the pixels that touch it.
    gap : int, optional
        Width in pixels of passages that are closed.
    """
    if gap > 0:
        everything = tuple(slice(0, length) for length in shape)
        near = read(everything)
        found = fill_with_gaps_closed(near >= SELECTED, sample, gap, connectivity)
        return _softened(found, near, connectivity) if soft else found
    reach = _NEAR[min(len(shape), 3)]
    apart = len(shape) - min(len(shape), 3)
    window = sample[:apart] + tuple(
        slice(max(part.start - reach, 0), min(part.stop + reach, length))
        for part, length in zip(sample[apart:], shape[apart:], strict=True)
    )
    # Only what is looked at is ever written to, so the rest takes no memory.
    known = np.empty(shape, np.uint8)
    known[window] = read(window)
    while True:
        near = known[window]
        inner = tuple(
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip(sample, window, strict=True)
        )
        found = _fill(near >= SELECTED, inner, connectivity)
        strips = _strips(found, window, shape, reach)
        if not strips:
            break
        for strip in strips:
            known[strip] = read(strip)
            window = tuple(
                slice(min(a.start, b.start), max(a.stop, b.stop))
                for a, b in zip(window, strip, strict=True)
            )
    if not soft:
        out = np.zeros(shape, bool)
        out[window] = found
        return out
    coverage = np.zeros(shape, np.float32)
    coverage[window] = _softened(found, near, connectivity)
    return coverage


def _softened(
    found: BoolArray, near: NDArray[np.uint8], connectivity: int
) -> FloatArray:
    """Return the coverage of a piece, and of the pixels that touch it."""
    around = ndi.binary_dilation(found, neighborhood(found.ndim, connectivity))
    # What touches it in a gap that is closed is of like color.
    rim = np.where(around, np.minimum(near, SELECTED - 1), np.uint8(0))
    return np.asarray(as_coverage(np.where(found, near, rim), soft=True))


def _fill(hard: BoolArray, inner: Window, connectivity: int) -> BoolArray:
    """Return the pieces of a mask that have a pixel in a window of it."""
    if hard.ndim > 2 or max(hard.shape) > FLOOD_SIDE:
        seeds = np.zeros_like(hard)
        seeds[inner] = hard[inner]
        return connected_to(hard, seeds, connectivity)
    # A fill visits only what it finds; components would number everything.
    image = hard.view(np.uint8)
    found = np.zeros((hard.shape[0] + 2, hard.shape[1] + 2), np.uint8)
    flags = connectivity | 1 << 8 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    for y, x in np.argwhere(hard[inner]).tolist():
        y, x = y + inner[0].start, x + inner[1].start
        if not found[y + 1, x + 1]:
            cv2.floodFill(image, found, (x, y), 0, 0, 0, flags)
    return found[1:-1, 1:-1].astype(bool)


def _strips(
    found: BoolArray, window: Window, shape: tuple[int, ...], reach: int
) -> list[Window]:
    """Return the windows to search next: beyond the sides that a piece touches."""
    out = []
    for axis in range(max(found.ndim - 3, 0), found.ndim):
        part = window[axis]
        more = max(part.stop - part.start, reach)
        low, high = max(part.start - more, 0), min(part.stop + more, shape[axis])
        sides = []
        if low < part.start and found.take(0, axis).any():
            sides.append(slice(low, part.start))
        if part.stop < high and found.take(-1, axis).any():
            sides.append(slice(part.stop, high))
        out += [(*window[:axis], side, *window[axis + 1 :]) for side in sides]
        # What comes later spans what has been added so far.
        for side in sides:
            part = slice(min(part.start, side.start), max(part.stop, side.stop))
        window = (*window[:axis], part, *window[axis + 1 :])
    return out


def as_coverage(near: NDArray[np.uint8], soft: bool) -> BoolArray | FloatArray:
    """Return scores as coverage 0..1, or as a mask."""
    return near * np.float32(1 / 255) if soft else near >= SELECTED
