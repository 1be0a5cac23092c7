"""Bonds between neighboring pixels: how far apart they are, and how different."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Offset = tuple[int, ...]

# Bonds below e^_LEAST bind nothing. Their products with posteriors would be denormal
# numbers, which are a hundred times slower.
_LEAST = -20.0
# Numbers between this and its inverse have squares that float32 can hold.
_SQUARABLE = 2.0**40


def neighbors(n_axes: int, *, full: bool = True) -> dict[Offset, float]:
    """Return one half of the neighborhood and the weight of each offset.

    Parameters
    ----------
    n_axes : {2, 3}
        Axes of the image.
    full : bool
        8 or 26 neighbors; otherwise only the 4 or 6 that share a side.

    Returns
    -------
    dict of offset to weight
        The inverse of the distance: 1, .707 across an edge, .577 across a corner.

    Examples
    --------
    >>> [(d, round(g, 3)) for d, g in neighbors(2).items()]
    [((0, 1), 1.0), ((1, -1), 0.707), ((1, 0), 1.0), ((1, 1), 0.707)]
    """
    origin = (0,) * n_axes
    ahead = (d for d in product((-1, 0, 1), repeat=n_axes) if d > origin)
    lengths = {d: float(np.linalg.norm(d)) for d in ahead}
    return {d: 1 / s for d, s in lengths.items() if full or s == 1}


def pairs(shape: tuple[int, ...], offset: Offset) -> tuple[tuple[slice, ...], ...]:
    """Return the slices of all first and all second pixels of the pairs of an offset.

    Examples
    --------
    >>> pairs((4, 5), (1, -1))
    ((slice(0, 3, None), slice(1, 5, None)), (slice(1, 4, None), slice(0, 4, None)))
    """
    steps = list(zip(offset, shape, strict=True))
    first = tuple(slice(max(0, -d), n - max(0, d)) for d, n in steps)
    second = tuple(slice(max(0, d), n - max(0, -d)) for d, n in steps)
    return first, second


def contrast(
    guide: NDArray[np.float32], offset: Offset, scale: float
) -> NDArray[np.float32]:
    """Return exp(−|c_p − c_q|² / (2 scale)) of the pairs of an offset.

    Parameters
    ----------
    guide : (D, *S) ndarray of float32
        Features, plane by plane.
    offset : tuple of int
        From the first to the second pixel of a pair.
    scale : float
        Squared difference at which the weight has fallen to .61.

    Returns
    -------
    ndarray of float32
        At the first pixels of `pairs`.
    """
    first, second = pairs(guide.shape[1:], offset)
    return closeness(guide[:, *second] - guide[:, *first], scale)


def closeness(away: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return exp(−|d|² / (2 scale)) of differences d (D, *S)."""
    unit = 2.0 ** -(max(int(np.frexp(scale)[1]), -250) // 2)
    if not 1 / _SQUARABLE < unit < _SQUARABLE:
        # A power of two changes no digit.
        away, scale = away * np.float32(unit), scale * unit**2
    # Far beyond an edge, any number will do.
    with np.errstate(over="ignore"):
        total = away[0] * away[0]
        square = np.empty_like(total)
        for plane in away[1:]:
            total += np.multiply(plane, plane, out=square)
        total *= np.float32(-0.5 / scale)
    # Two bounds take numpy a third of the time of one.
    np.clip(total, _LEAST, 0, out=total)
    cv2.exp(flat := total.reshape(-1), flat)
    return total
