"""The space of features: color, and if asked for texture and position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.image.color_space import convert

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray
    from napari_emseg.engine.image.feature_units import FeatureUnits
    from napari_emseg.engine.image.lazy_image import LazyImage

# Standard deviations of the Gaussians that take the mean away, in pixels; the local
# deviation is averaged over twice as much.
_SCALES = (2.0, 4.0)
# Local deviations e-fold over 10 units, as far as clearly different colors are apart.
_TEXTURE_UNIT = 10.0
# Position runs over 0..100 along the longest axis, as lightness does.
_SPAN = 100.0
# Standard deviation of lightness in photographs; other images are brought to it.
_LIGHTNESS = 22.0
# Numbers that are worked on while they are in the cache.
_STRIP = 2**14


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """What features are made of.

    Attributes
    ----------
    color : str
        Color space, resolved.
    texture, position : float
        Weights of the further features; 0 leaves them out.
    contrast : float
        Standard deviation of the leading color feature over the image; texture and
        position are brought to its units.
    low, high : float
        Values of the leading color feature beyond which texture does not see it: one
        hot pixel would be the texture of all around it.
    units : FeatureUnits or None
        How channels are ordered and scaled before they are worked on, if they are.
    factors : tuple of float
        What channels are multiplied by while they are; empty for 1.
    """

    color: str
    texture: float = 0.0
    position: float = 0.0
    contrast: float = _LIGHTNESS
    low: float = -np.inf
    high: float = np.inf
    units: FeatureUnits | None = None
    factors: tuple[float, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether a pixel's features depend on its own values alone."""
        return self.texture == 0 and self.position == 0

    @property
    def lead(self) -> int:
        """The color feature that texture is seen in, and that sets units."""
        return 0 if self.units is None else self.units.order[0]

    @property
    def halo(self) -> int:
        """Pixels around a part that its features depend on."""
        if self.texture == 0:
            return 0
        return sum(_radius(s) + _radius(2 * s) for s in _SCALES[-1:])

    @property
    def _unit(self) -> float:
        """How many units of this image are one of lightness."""
        return self.contrast / _LIGHTNESS if self.contrast > 0 else 1.0

    def dims(self, picture: LazyImage) -> int:
        """Return the number of features D."""
        pixel = np.zeros((1, picture.channels), picture.dtype)
        count = convert(pixel, self.color).shape[-1]
        if self.texture > 0:
            count += len(_SCALES)
        if self.position > 0:
            count += min(len(picture.shape), 3)
        return count

    def features(
        self, values: NDArray[np.generic], origin: tuple[int, ...], whole: LazyImage
    ) -> FloatArray:
        """Return the features of a part of an image.

        Parameters
        ----------
        values : (*S, C) ndarray
            Channels of the part, with `halo` pixels around it where there are any.
        origin : tuple of int
            Where the part begins in the image.
        whole : LazyImage
            The image.

        Returns
        -------
        (*S, D) ndarray of float32
            Color; local deviation of the first color feature at two scales, in
            logarithms [1]_; and position along the last two or three axes.

        References
        ----------
        .. [1] D. Martin, C. Fowlkes, J. Malik, "Learning to detect natural image
           boundaries using local brightness, color, and texture cues", IEEE PAMI
           26(5), 530-549, 2004, for what texture adds to color.
        """
        color = convert(values, self.color, whole.full_scale)
        if self.factors:
            color = color * np.array(self.factors, np.float32)
        if self.plain:
            return color
        # Written in their place at once: each pass over so much memory takes time.
        out = np.empty((*color.shape[:-1], self.dims(whole)), np.float32)
        count = color.shape[-1]
        for d in range(count):
            out[..., d] = color[..., d]
        if self.texture > 0:
            light = np.clip(color[..., self.lead], self.low, self.high)
            self._write_texture(light, out[..., count : count + len(_SCALES)])
            count += len(_SCALES)
        if self.position > 0:
            place = _position(color.shape[:-1], origin, whole)
            out[..., count:] = np.float32(self.position * self._unit) * place
        return out

    def _write_texture(self, light: FloatArray, out: FloatArray) -> None:
        """Write logarithms of the local deviations (*S, 2), plane by plane."""
        unit = np.float32(1 / self._unit)
        weight = np.float32(self.texture * self._unit)
        soft, away = np.empty((2, *light.shape[-2:]), np.float32)
        rows = max(1, _STRIP // max(1, light.shape[-1]))
        parts = [slice(y, y + rows) for y in range(0, len(soft), rows)]
        for at in np.ndindex(light.shape[:-2]):
            plane = np.ascontiguousarray(light[at]) * unit
            for i, sigma in enumerate(_SCALES):
                _blur(plane, sigma, soft)
                for part in parts:
                    np.subtract(plane[part], soft[part], out=away[part])
                    np.multiply(away[part], away[part], out=away[part])
                _blur(away, 2 * sigma, soft)
                for part in parts:
                    deviation = np.maximum(soft[part], 0, out=soft[part])
                    np.log1p(np.sqrt(deviation, out=deviation), out=deviation)
                    deviation *= _TEXTURE_UNIT
                    np.multiply(deviation, weight, out=out[(*at, part, ..., i)])


def _radius(sigma: float) -> int:
    return int(np.ceil(3 * sigma))


def _blur(plane: FloatArray, sigma: float, out: FloatArray) -> None:
    size = 2 * _radius(sigma) + 1
    cv2.GaussianBlur(
        plane, (size, size), sigma, dst=out, borderType=cv2.BORDER_REFLECT_101
    )


def _position(
    shape: tuple[int, ...], origin: tuple[int, ...], whole: LazyImage
) -> FloatArray:
    axes = range(max(len(shape) - 3, 0), len(shape))
    step = _SPAN / max(whole.shape[axis] for axis in axes)
    out = np.empty((*shape, len(axes)), np.float32)
    for i, axis in enumerate(axes):
        along = (np.arange(shape[axis]) + origin[axis]) * step
        out[..., i] = along.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return out
