"""Slice interpolation: what lies between planes in which something was drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.select.components import hard_mask
from napari_emseg.select.morphology import distance_to

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray

__all__ = ["interpolate"]


def interpolate(selection: ArrayLike) -> BoolArray:
    """Select what lies between the planes in which something is selected.

    Planes in which something is selected stay as they are; each one between two of
    them gets the shape that lies between theirs: where the mean of the signed
    distances to the two outlines, weighted by how near the planes are, is positive
    [1]_ [2]_. Shapes that do not overlap may have nothing between them. From a few
    slices to a volume.

    Parameters
    ----------
    selection : (…, Z, Y, X) array_like of bool or float
        Of a soft one, pixels of at least half coverage. Points of axes before the last
        three are apart, as points in time are.

    Returns
    -------
    (…, Z, Y, X) ndarray of bool
        Holds the selection.

    Raises
    ------
    ValueError
        If there are fewer than three axes, fewer than two planes with something
        selected, or no plane between them.

    References
    ----------
    .. [1] S. P. Raya, J. K. Udupa, "Shape-based interpolation of multidimensional
       objects", IEEE Transactions on Medical Imaging 9(1), 32-42, 1990.
    .. [2] G. T. Herman, J. Zheng, C. A. Bucholtz, "Shape-based interpolation", IEEE
       Computer Graphics and Applications 12(3), 69-79, 1992.

    Examples
    --------
    >>> drawn = np.zeros((5, 9, 9), bool)
    >>> drawn[0, 4, 4] = drawn[4, 2:7, 2:7] = True
    >>> interpolate(drawn).sum(axis=(1, 2)).tolist()
    [1, 1, 9, 9, 25]
    """
    out = hard_mask(selection).copy()
    if out.ndim < 3:
        raise ValueError(
            f"selection has shape {out.shape}, but planes are needed to go between; "
            "pass (Z, Y, X)"
        )
    gaps = list(find_gaps(out))
    check_gaps(out, gaps, "selected")
    for index, below, above in gaps:
        volume = out[index]
        volume[below + 1 : above] = between(
            volume[below], volume[above], above - below - 1
        )
    return out


def find_gaps(mask: BoolArray) -> list[tuple[tuple[int, ...], int, int]]:
    """Return the pairs of planes with something in them and empty ones between.

    Each is the index of the axes before Z, and the two planes.
    """
    filled = np.asarray(mask.any(axis=(-2, -1)))
    found = []
    for index in np.ndindex(filled.shape[:-1]):
        planes = np.flatnonzero(filled[index]).tolist()
        found += [(index, a, b) for a, b in pairwise(planes) if b > a + 1]
    return found


def check_gaps(
    mask: BoolArray, gaps: list[tuple[tuple[int, ...], int, int]], what: str
) -> None:
    """Raise ValueError if there are no two planes, or none that lies between them."""
    if gaps:
        return
    count = int(mask.any(axis=(-2, -1)).sum(axis=-1).max(initial=0))
    if count < 2:
        raise ValueError(
            f"something is {what} in {count} plane{'' if count == 1 else 's'} of "
            f"{mask.shape[-3]}, but interpolation goes between two; draw in another "
            "plane too"
        )
    raise ValueError(
        f"the {count} planes in which something is {what} lie next to each other, so "
        "there is none between them; leave some out between those that you draw in"
    )


def between(below: BoolArray, above: BoolArray, count: int) -> BoolArray:
    """Return the shapes between those of two planes, evenly spaced.

    Parameters
    ----------
    below, above : (Y, X) ndarray of bool
        Something in each.
    count : int
        Number of planes between.

    Returns
    -------
    (count, Y, X) ndarray of bool
    """
    out = np.zeros((count, *below.shape), bool)
    # Nothing between goes beyond both; one pixel more has the outlines.
    box = bounding_box(below | above, 1)
    first, last = _signed_distance(below[box]), _signed_distance(above[box])
    for place in range(count):
        share = np.float32((place + 1) / (count + 1))
        out[place][box] = first + share * (last - first) > 0
    return out


def _signed_distance(mask: BoolArray) -> NDArray[np.float32]:
    """Return the distance to the outline in pixels, positive inside."""
    if mask.all():  # nothing is outside: the outline is farther than anything
        return np.full(mask.shape, sum(mask.shape), np.float32)
    # The outline lies between the pixels, half a pixel from those on both sides.
    signed = np.where(mask, distance_to(~mask) - 0.5, 0.5 - distance_to(mask))
    return signed.astype(np.float32)
