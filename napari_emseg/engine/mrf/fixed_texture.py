"""Roughness of a picture of integers: how far pixels are from those around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.mrf.edge_preserving import EdgePreservingFilter
    from napari_emseg.engine.mrf.fixed_point import Integers, Unit

# Deviations e-fold over this many units of lightness, as those of `features`.
_TEXTURE = 10.0
_MOST = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Windows:
    """How local texture is.

    Attributes
    ----------
    fine : int
        What differs from its surroundings, averaged twice over this width, is texture.
    wide : int
        Its power is averaged twice over this width.
    aside : int
        The calmest of five places, so far apart, counts, so that steps are less.
    """

    fine: int
    wide: int
    aside: int

    @property
    def reach(self) -> int:
        """Pixels that a result depends on, to each side."""
        return 2 * (self.fine // 2) + 2 * (self.wide // 2) + self.aside


# Widths are odd: then no mean is halfway between two integers, and all ways of
# rounding agree.
FULL, HALF = Windows(5, 9, 6), Windows(3, 5, 3)


def texture_power(
    planes: Integers, valid: NDArray[np.bool_] | None, windows: Windows
) -> Integers:
    """Return half the power of local deviations, all features together.

    Parameters
    ----------
    planes : (D, Y, X) ndarray of int16
        Features.
    valid : (Y, X) ndarray of bool or None
        Pixels that count.
    windows : Windows
        How local.

    Returns
    -------
    (Y, X) ndarray of int16
        In squared units, up to 2¹⁵ - 1, where the pixels count.
    """
    weight = None if valid is None else valid.astype(np.int16)
    power = np.zeros(planes.shape[1:], np.int16)
    square = np.empty_like(power)
    for plane in planes:
        away = cv2.subtract(plane, _mean(plane, weight, windows.fine))
        cv2.multiply(away, away, dst=square)
        np.right_shift(square, 1, out=square)
        cv2.add(power, square, dst=power)
    power = _mean(power, weight, windows.wide)
    if valid is not None:
        power[~valid] = _MOST
    aside = windows.aside
    rows, columns = planes.shape[1:]
    around = np.pad(power, aside, constant_values=_MOST)
    for y, x in ((0, aside), (2 * aside, aside), (aside, 0), (aside, 2 * aside)):
        np.minimum(power, around[y : y + rows, x : x + columns], out=power)
    return power


def _mean(plane: Integers, weight: Integers | None, width: int) -> Integers:
    """Average the pixels that count over a box, twice; those outside do not."""
    for _ in range(2):
        if weight is not None:
            plane = _weigh(plane, weight, width)
            continue
        found = np.empty_like(plane)
        cv2.blur(plane, (width, width), dst=found, borderType=cv2.BORDER_CONSTANT)
        # Along the borders are fewer pixels.
        reach = width // 2
        for axis in (0, 1):
            every = (slice(None),) * axis
            for wide, border in (
                (slice(None, 2 * reach), slice(None, reach)),
                (slice(-2 * reach, None), slice(-reach, None)),
            ):
                strip = plane[(*every, wide)]
                part = _weigh(strip, np.ones_like(strip), width)
                found[(*every, border)] = part[(*every, border)]
        plane = found
    return plane


def _weigh(plane: Integers, weight: Integers, width: int) -> Integers:
    """Average over a box, pixels by their weights, 0 or 1."""
    total, count = (
        cv2.boxFilter(
            part,
            cv2.CV_32S,
            (width, width),
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        ).astype(np.float32)
        for part in (plane * weight, weight)
    )
    total /= np.maximum(count, np.float32(1))
    return np.rint(total, out=total).astype(np.int16)


def texture_table(
    edge_filter: EdgePreservingFilter,
    unit: Unit,
    line: tuple[float, float] = (0.0, 1.0),
) -> Integers:
    """Return what becomes of each power: a feature, in the unit of the others.

    Parameters
    ----------
    edge_filter : EdgePreservingFilter
        What lightness is among the features, and how much of texture counts.
    unit : Unit
        Of the features.
    line : (a, b)
        a + b t instead of a texture t.

    Returns
    -------
    (2**15,) ndarray of int16
        For powers 0 to 2¹⁵ - 1.
    """
    power = 2 * np.arange(_MOST + 1) * (unit.step / edge_filter.unit) ** 2
    texture = np.log1p(np.sqrt(power)) * edge_filter.amount * edge_filter.unit
    found = line[0] + line[1] * _TEXTURE * texture
    return np.rint(np.clip(found / unit.step, 0, 8000)).astype(np.int16)
