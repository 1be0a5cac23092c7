"""The range of an image's values, whatever a few of them say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, Float64Array

# Share of the values that may be brighter than white: hot pixels.
_HOT = 1e-3
# Share of the values that tell the range of nearly all, and what are no hot pixels.
_MOST, _BULK = 0.99, 1e-2
# Of fewer values, or of fewer different ones, none is extreme; of more than these, some
# are looked at.
_FEW, _LEVELS, _SAMPLE = 256, 5, 2**14
# How many widths away the ground of an image may be.
_GROUND = 8.0


def full_scale(parts: Iterable[NDArray[Any]], dtype: np.dtype[Any]) -> float:
    """Return the value that is white in an RGB image.

    Cameras and scanners of 10, 12 or 14 bit leave the upper bits of 16 empty.

    Parameters
    ----------
    parts : iterable of ndarray
        All values of the image, without alpha, in parts of any shape; read only if
        the type does not tell.
    dtype : numpy.dtype
        Their type: float, uint8 or uint16.

    Returns
    -------
    float
        1 for floats, 255 for 8 bit; for 16 bit the smallest 2ⁿ - 1, n from 8 on, that
        no more than one value in a thousand exceeds.

    Examples
    --------
    >>> full_scale([np.array([[0, 4000, 1000]], np.uint16)], np.dtype("uint16"))
    4095.0
    """
    if dtype.kind == "f":
        return 1.0
    if dtype.itemsize == 1:
        return 255.0
    counts = np.zeros(256)
    for part in parts:
        flat = np.ascontiguousarray(part, dtype).reshape(1, -1)
        # By their upper byte: bins end where powers of two do.
        counts += cv2.calcHist([flat], [0], None, [256], [0, 2**16]).ravel()
    above = counts[::-1].cumsum()[::-1]
    bits = range(8, 16)
    enough = (n for n in bits if above[2 ** (n - 8)] <= _HOT * above[0])
    return float(2 ** next(enough, 16) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """The range that nearly all values have, where a few lie far outside.

    Attributes
    ----------
    low, high : (D,) ndarray of float64
        Of each feature; infinite where none of its values is extreme.
    """

    low: Float64Array
    high: Float64Array

    def holds(self, values: NDArray[Any]) -> BoolArray:
        """Return which of (…, D) values are not extreme, (…)."""
        inside: BoolArray = (values >= self.low) & (values <= self.high)
        return np.logical_and.reduce(inside, axis=-1)

    def clip(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return (…, D) values, extremes as far outside as the range is wide."""
        with np.errstate(invalid="ignore"):
            width = np.nan_to_num(self.high - self.low, posinf=0)
        low, high = self.low - width, self.high + width
        kind = values.dtype if values.dtype.kind == "f" else np.float64
        return np.clip(values, low.astype(kind), high.astype(kind))


def usual_range(
    points: NDArray[Any], weights: Float64Array | None = None
) -> tuple[Float64Array, Float64Array]:
    """Return the range of values without hot pixels and marks of missing data.

    More cautious than `find_core`: a black ground belongs to an image.

    Parameters
    ----------
    points : (D, N) ndarray
        Finite values of D features, N > 0.
    weights : (N,) ndarray of float64, optional
        How often each occurs; once by default.

    Returns
    -------
    low, high : (D,) ndarray of float64
        The smallest and the largest value if none is extreme.

    Examples
    --------
    >>> usual_range(np.append(np.arange(1000), 65535)[np.newaxis])
    (array([0.]), array([999.]))
    """
    core = find_core(points, weights, heavy=_GROUND)
    low = points.min(axis=1).astype(np.float64)
    high = points.max(axis=1).astype(np.float64)
    if core is None:
        return low, high
    return np.maximum(low, core.low), np.minimum(high, core.high)


def find_core(
    points: NDArray[Any],
    weights: Float64Array | None = None,
    *,
    apart: float = 3.0,
    heavy: float = 3.0,
) -> Core | None:
    """Find the range of all values but the extreme ones.

    A value is extreme if it is several times farther from the shortest range that holds
    99 % of the others than this is wide: hot pixels, and numbers that mark missing
    data, however many pixels have them.

    Parameters
    ----------
    points : (D, N) ndarray
        Finite values of D features.
    weights : (N,) ndarray of float64, optional
        How often each occurs; once by default.
    apart : float, optional
        How many widths away extreme values are.
    heavy : float, optional
        And those that more than one pixel in a hundred has.

    Returns
    -------
    Core or None
        None if no value is extreme.

    Examples
    --------
    >>> values = np.append(np.arange(1000), [-9999.0] * 300)
    >>> core = find_core(values[np.newaxis])
    >>> core.low, core.high
    (array([0.]), array([999.]))
    >>> core.clip(np.array([[-9999.0], [500.0]])).ravel()
    array([-999.,  500.])
    """
    count = points.shape[1]
    if (count if weights is None else weights.sum()) < _FEW:
        return None
    step = -(-count // _SAMPLE)
    low, high = np.full(len(points), -np.inf), np.full(len(points), np.inf)
    for d, x in enumerate(points):
        # The ends are always looked at: one hot pixel is an end.
        ends = np.array([x.argmin(), x.argmax()])
        index = np.concatenate([np.arange(0, count, step), ends])
        mass = np.ones(len(index)) if weights is None else weights[index]
        inner = _inner(x[index].astype(np.float64), mass, (apart, heavy))
        if inner is not None:
            # Not only of those that were looked at.
            near = x[(x >= inner[0]) & (x <= inner[1])]
            low[d], high[d] = near.min(), near.max()
    return Core(low, high) if np.isfinite(low).any() else None


def _inner(
    x: Float64Array, mass: Float64Array, apart: tuple[float, float]
) -> tuple[float, float] | None:
    """Return where values (N,) begin to be extreme; None if none is."""
    values, place = np.unique(x, return_inverse=True)
    mass = np.bincount(place, mass).astype(np.float64)
    far = np.where(mass > _BULK * mass.sum(), apart[1], apart[0])
    start, stop = 0, len(values)
    found = True
    while found and stop - start > _LEVELS:
        found = False
        # What an end is compared with must not hold it.
        for a, b in ((start, stop), (start + 1, stop), (start, stop - 1)):
            first, last = _shortest(values[a:b], mass[a:b])
            away = np.maximum(first - values, values - last)
            near = np.flatnonzero(away <= far * (last - first))
            near = near[(near >= start) & (near < stop)]
            if last > first and near[-1] + 1 - near[0] < stop - start:
                start, stop, found = int(near[0]), int(near[-1]) + 1, True
                break
    if stop - start == len(values):
        return None
    first, last = _shortest(values[start:stop], mass[start:stop])
    reach = apart[0] * (last - first)
    return min(values[start], first - reach), max(values[stop - 1], last + reach)


def _shortest(values: Float64Array, mass: Float64Array) -> tuple[float, float]:
    """Return the ends of the shortest range that holds 99 % of rising values."""
    along = np.cumsum(mass)
    free = (1 - _MOST) * along[-1]
    starts = np.concatenate([[0.0], along[:-1]])
    first = np.flatnonzero(starts <= free * (1 + 1e-9))
    need = starts[first] + _MOST * along[-1]
    last = np.minimum(np.searchsorted(along, need * (1 - 1e-9)), len(values) - 1)
    best = int((values[last] - values[first]).argmin())
    return float(values[first[best]]), float(values[last[best]])
