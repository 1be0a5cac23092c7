"""The round field of view of a dermatoscope, an endoscope or a microscope.

What lies in the dark corners outside of it is no part of the picture: taken for one, it
makes a class of its own, or joins the darkest thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from napari_emseg.engine._types import BoolArray, Float64Array
    from napari_emseg.engine.image.lazy_image import LazyImage

# About so many places along the longer side tell where the field is, and at least so
# many along the shorter one.
_SIDE, _LEAST = 160, 32
# Larger pictures are no view through a round opening, but many side by side.
_MOST = 2**26
# Dark is less than this share of the light in the field; the field begins where the
# light, median along a circle, is this share.
_DARK, _LIT = 0.6, 0.85
# Radii by half the shorter side: smaller ones are things, larger ones cut no corner.
_SMALLEST, _LARGEST = 0.95, 1.7
# How far the center may be off, likewise.
_OFF = 0.35
# Shares of the outline that lies on the circle, of dark places outside of it, and, at
# most, of dark places just inside.
_ROUND, _OUTSIDE, _INSIDE = 0.8, 0.95, 0.25
# Weights of red, green and blue in luma, in thousandths: sums of integers are exact.
_LUMA = np.array([299.0, 587.0, 114.0])


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """A circle, in pixels: its center and its radius."""

    y: float
    x: float
    radius: float

    def mask(self, shape: tuple[int, int]) -> BoolArray:
        """Return which pixels (Y, X) are inside."""
        rows, columns = (np.arange(n, dtype=np.float64) for n in shape)
        distance = ((rows - self.y) ** 2)[:, np.newaxis] + (columns - self.x) ** 2
        return np.asarray(distance <= self.radius**2)


def find_field(picture: LazyImage) -> FieldOfView | None:
    """Find the round field of view of a picture whose corners are dark.

    Parameters
    ----------
    picture : LazyImage
        RGB or gray, of at most 67 megapixels; others have none.

    Returns
    -------
    FieldOfView or None
        None unless the rest meets three dark corners or more along one circle, which
        the borders of the picture cut, and all beyond it is dark.

    Examples
    --------
    >>> from napari_emseg.engine.image.lazy_image import as_lazy_image
    >>> y, x = np.mgrid[-40:40, -50:50]
    >>> picture = np.where(y**2 + x**2 < 45**2, 200 + x // 9, 10).astype(np.uint8)
    >>> field = find_field(as_lazy_image(picture))
    >>> round(field.radius)
    44
    """
    plain = picture.rgb or picture.channels == 1
    if not plain or len(picture.shape) != 2 or picture.size > _MOST:
        return None
    if min(picture.shape) < _LEAST:
        return None
    step = -(-max(picture.shape) // _SIDE)
    place = slice(step // 2, None, step)
    values = picture.read((place, place)).astype(np.float64)
    if min(values.shape[:2]) < _LEAST or not np.isfinite(values).all():
        return None
    if picture.rgb and values.shape[-1] == 4 and (values[..., 3] == 0).any():
        return None  # what is transparent does not count anyway
    light = values[..., :3] @ _LUMA if picture.rgb else values[..., 0]
    if light.min() < 0:
        return None  # this is no light
    found = _circle(ndi.uniform_filter(light, 3))
    if found is None:
        return None
    # In eighths of a pixel, so that rounding in the last digit moves no border.
    y, x, radius = (round(8 * step * value) / 8 for value in found)
    return FieldOfView(y + step // 2, x + step // 2, radius)


def _circle(light: Float64Array) -> tuple[float, float, float] | None:
    """Return center and radius of the field in light (Y, X), if it is one."""
    half = min(light.shape) / 2
    middle = [(n - 1) / 2 for n in light.shape]
    away = _distance(light.shape, *middle)
    level = float(np.median(light[(away > 0.6 * half) & (away < 0.95 * half)]))
    dark = light < _DARK * level
    corners = _corners(dark)
    if corners is None:
        return None
    # Of scikit-image, this alone needs large parts of SciPy; few pictures come here.
    from skimage.measure import CircleModel

    y, x = np.nonzero(corners & ndi.binary_dilation(~dark))
    if len(y) < _LEAST:
        return None
    on = np.ones(len(y), bool)
    outline = np.stack([y, x], axis=1)
    for _ in range(6):
        circle = CircleModel.from_estimate(outline[on])
        if not circle:  # a straight line
            return None
        gap = circle.residuals(outline)
        on = gap <= max(2.5 * float(np.median(gap[on])), 0.02 * circle.radius)
    (center_y, center_x), radius = circle.center, circle.radius
    away = _distance(light.shape, center_y, center_x)
    beyond = away > 1.03 * radius
    within = (away > 0.88 * radius) & (away < 0.97 * radius)
    rim = (away > 0.91 * radius) & (away < 0.97 * radius)
    behind = (away > 1.03 * radius) & (away < 1.09 * radius)
    off = np.hypot(center_y - middle[0], center_x - middle[1])
    is_field = (
        _SMALLEST * half <= radius <= _LARGEST * half
        and off < _OFF * half
        and on.mean() > _ROUND
        and beyond.any()
        and dark[beyond].mean() > _OUTSIDE
        and dark[within].mean() < _INSIDE
        # A disc of one color is a thing, not a view of things.
        and np.ptp(light[away < 0.97 * radius]) > 0
        # The light of a lens or a lamp fades, rather than to end.
        and np.median(light[behind]) < _DARK * np.median(light[rim])
    )
    if not is_field:
        return None
    for share in np.arange(1, 0.7, -0.01):
        ring = (away > (share - 0.02) * radius) & (away <= share * radius)
        if np.median(light[ring]) >= _LIT * level:
            break
    return float(center_y), float(center_x), float(share * radius)


def _corners(dark: BoolArray) -> BoolArray | None:
    """Return the dark places that hang together with three corners or more."""
    pieces, count = ndi.label(dark)
    size = max(1, round(0.03 * min(dark.shape)))
    ends = slice(None, size), slice(-size, None)
    held = []
    for rows in ends:
        for columns in ends:
            number = np.bincount(pieces[rows, columns].ravel(), minlength=count + 1)
            if 4 * number[0] <= number.sum():
                held.append(int(number[1:].argmax()) + 1)
    return np.isin(pieces, held) if len(held) > 2 else None


def _distance(shape: tuple[int, ...], y: float, x: float) -> Float64Array:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(rows - y, columns - x))
