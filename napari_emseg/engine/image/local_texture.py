"""Roughness: how far pixels are from those around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array

    Planes = NDArray[np.float32]

# What differs from its surroundings of this width, in pixels, is texture; its power is
# averaged over so wide a place; and the calmest of five places, so far apart, counts.
_FINE, _WIDE, _ASIDE = 2.0, 4.0, 6
# Parts of a unit, and of a kernel, that are told apart; and the largest number of them
# whose sums have no rounding in float64.
_FRACTION, _MOST = 2.0**10, 2.0**32


def _radius(sigma: float) -> int:
    return int(np.ceil(3 * sigma))


# Pixels that a result depends on, to each side.
REACH = _radius(_FINE) + _radius(_WIDE) + _ASIDE


def local_deviation(planes: Planes, valid: NDArray[np.bool_] | None = None) -> Planes:
    """Measure the local deviation of a plane, all features together [1]_.

    Of five places around a pixel the calmest is measured [2]_, so that the step
    between two flat parts is less than texture.

    Parameters
    ----------
    planes : (D, Y, X) ndarray of float32
        Features, in units of which a thousandth does not matter.
    valid : (Y, X) ndarray of bool, optional
        Pixels that take part.

    Returns
    -------
    (Y, X) ndarray of float32
        In the units of `planes`; 0 where not valid. A part of an image gives the
        whole's result, bit for bit, `REACH` pixels inside its borders.

    References
    ----------
    .. [1] D. Martin, C. Fowlkes, J. Malik, "Learning to detect natural image
       boundaries using local brightness, color, and texture cues", IEEE PAMI
       26(5), 530-549, 2004, for what texture adds to color.
    .. [2] M. Kuwahara, K. Hachimura, S. Eiho, M. Kinoshita, "Processing of
       RI-angiocardiographic images", Digital Processing of Biomedical Images,
       187-202, 1976.

    Examples
    --------
    >>> stripes = np.tile(np.array([46, 54], np.float32), (40, 20))[np.newaxis]
    >>> local_deviation(stripes)[20, 18:22].round(1)
    array([4., 4., 4., 4.], dtype=float32)
    """
    weight = None if valid is None else valid.astype(np.float64)
    power: Float64Array = np.zeros(planes.shape[1:])
    for plane in planes:
        away = plane - _mean(plane, weight, _FINE)
        away *= away
        power += away
    power = _mean(power, weight, _WIDE)
    places = np.zeros((2 * _ASIDE + 1,) * 2, np.uint8)
    places[_ASIDE, ::_ASIDE] = places[::_ASIDE, _ASIDE] = 1
    if valid is not None:
        power[~valid] = np.inf
    power = np.asarray(cv2.erode(power, places), np.float64)
    if valid is not None:
        power[~valid] = 0
    return np.sqrt(power).astype(np.float32)


def _mean(
    plane: NDArray[np.floating], weight: Float64Array | None, sigma: float
) -> Float64Array:
    """Average the valid pixels around each of a plane (Y, X).

    Of fixed-point numbers with exact sums, so that it does not depend on how a part of
    the image is laid out in memory.
    """
    radius = _radius(sigma)
    kernel = np.rint(cv2.getGaussianKernel(2 * radius + 1, sigma) * _FRACTION)
    kernel[radius] += _FRACTION - kernel.sum()
    kernel /= _FRACTION

    def blur(array: Float64Array) -> Float64Array:
        edge = cv2.BORDER_REFLECT_101
        return np.asarray(
            cv2.sepFilter2D(array, cv2.CV_64F, kernel, kernel, borderType=edge),
            np.float64,
        )

    scaled = np.asarray(plane, np.float64) * _FRACTION
    fixed: Float64Array = np.rint(scaled)
    np.maximum(fixed, -_MOST, out=fixed)
    np.minimum(fixed, _MOST, out=fixed)
    if weight is not None:
        fixed *= weight
    fixed = blur(fixed)
    if weight is not None:
        fixed /= np.maximum(blur(weight), 1 / _FRACTION)
    fixed /= _FRACTION
    return fixed
