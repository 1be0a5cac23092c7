"""The distance of colors to the nearest of some reference colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.select.color_index import ColorIndex

# The score is 0..255; from here on a color is within the tolerance.
SELECTED = 128
# Soft coverage ends at this multiple of the tolerance.
REACH = 1.5
# Pixels compared at once: what is computed of them stays in the cache.
_CHUNK = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """The score of the distance to the nearest of some colors.

    Attributes
    ----------
    anchors : (N, D) ndarray of float32
        Few colors.
    tolerance : float
        Largest distance that counts as near.
    soft : bool
        Whether the score has steps, or is 0 or 255.
    others : (N, D) ndarray of float32, optional
        Colors that are not wanted: what is as near to one as to the others, and within
        the tolerance, is not near.
    """

    anchors: FloatArray
    tolerance: float
    soft: bool
    others: FloatArray | None = None

    def __call__(self, features: FloatArray) -> NDArray[np.uint8]:
        """Return the score of (…, D) features, 0..255."""
        flat = features.reshape(-1, features.shape[-1])
        out = np.empty(len(flat), np.uint8)
        for start in range(0, len(flat), _CHUNK):
            part = slice(start, start + _CHUNK)
            columns = np.ascontiguousarray(flat[part].T)
            away = _nearest(columns, self.anchors)
            out[part] = _grade(away, self.tolerance, self.soft)
            if self.others is None or len(self.others) == 0:
                continue
            apart = _nearest(columns, self.others)
            against = 255 - _grade(apart, self.tolerance, self.soft)
            lost = np.minimum(out[part], against)
            out[part] = np.where(apart <= away, lost, out[part])
        return out.reshape(features.shape[:-1])


@dataclass(frozen=True, slots=True, eq=False)
class NearestColors:
    """The score of the distance to the nearest of many colors.

    Attributes
    ----------
    tree : cKDTree
        The colors.
    tolerance : float
        Largest distance that counts as near.
    soft : bool
        Whether the score has steps, or is 0 or 255.
    """

    tree: cKDTree
    tolerance: float
    soft: bool

    @classmethod
    def of(cls, colors: FloatArray, tolerance: float, soft: bool) -> NearestColors:
        """Return the set of (N, D) colors; equal ones count once."""
        return cls(cKDTree(np.unique(colors, axis=0)), tolerance, soft)

    def __call__(self, features: FloatArray) -> NDArray[np.uint8]:
        """Return the score of (…, D) features, 0..255."""
        flat = features.reshape(-1, features.shape[-1])
        reach = self.tolerance * (REACH if self.soft else 1)
        with np.errstate(invalid="ignore"):
            within = (flat >= self.tree.mins - reach) & (
                flat <= self.tree.maxes + reach
            )
        candidates = np.flatnonzero(within.all(axis=1))
        distance = np.full(len(flat), np.inf, np.float32)
        # The tree leaves out what is exactly as far as the bound.
        bound = np.nextafter(np.float32(reach), np.float32(np.inf))
        distance[candidates] = self.tree.query(
            flat[candidates], distance_upper_bound=float(bound)
        )[0]
        graded = _grade(distance, self.tolerance, self.soft)
        return graded.reshape(features.shape[:-1])


def near_colors(windows: FloatArray, colors: FloatArray, tolerance: float) -> BoolArray:
    """Return which pixels of windows have a hard score of 1, as `Anchors` gives it.

    Parameters
    ----------
    windows : (D, B, K, K) ndarray of float32
        Features.
    colors : (B, D) ndarray of float32
        The color of each window that its pixels are compared with.
    tolerance : float
        Largest distance that counts as near.

    Returns
    -------
    (B, K, K) ndarray of bool
    """
    with np.errstate(invalid="ignore", over="ignore"):
        gap = windows - colors.T[:, :, np.newaxis, np.newaxis]
        gap *= gap
        return np.sqrt(gap.sum(axis=0)) <= np.float32(tolerance)


def _nearest(columns: FloatArray, anchors: FloatArray) -> FloatArray:
    """Return the distance of features (D, N) to the nearest of some colors."""
    nearest = np.full(columns.shape[1], np.inf, np.float32)
    # What is not finite is masked by the caller.
    with np.errstate(invalid="ignore", over="ignore"):
        for anchor in anchors:
            gap = columns - anchor[:, np.newaxis]
            gap *= gap
            np.minimum(nearest, gap.sum(axis=0), out=nearest)
        return np.sqrt(nearest)


def _grade(distance: FloatArray, tolerance: float, soft: bool) -> NDArray[np.uint8]:
    """Return distances as scores 0..255, half of it at the tolerance."""
    near = distance <= np.float32(tolerance)
    # A tolerance of 0 has no ramp.
    if not soft or np.float32(tolerance) == 0:
        return near.astype(np.uint8) * np.uint8(255)
    # What is far away is as far as matters: its share could be too large for a float.
    # So is what is not finite.
    share = np.fmin(distance, REACH * tolerance) / tolerance
    ramp = np.rint(np.clip(REACH - share, 0, 1) * 255)
    ramp = np.where(near, np.maximum(ramp, SELECTED), np.minimum(ramp, SELECTED - 1))
    return ramp.astype(np.uint8)


def check_tolerance(
    tolerance: float | None, scene: ColorIndex, default: float = 12.0
) -> float:
    """Return the tolerance in the units of the features.

    Raises
    ------
    ValueError
        If it is negative or not finite.
    """
    if tolerance is None:
        return default if scene.picture.rgb else scene.span * default / 100
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(
            f"tolerance={tolerance}, but a difference of colors is needed; pass a "
            "number from 0"
        )
    return float(tolerance)
