"""Channels that stand first: three planes that look like red, green and blue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from napari_emseg.engine.image.lazy_image import LazyImage

# Planes with a shorter side are not looked at; of larger ones, this much is.
_SIDE, _PART = 30, 512
# Standard deviation, in pixels, of the Gaussian that leaves structure and takes noise.
_SIGMA = 2.0
# Details of channels are in the same places: they correlate by .78 at least in
# photographs, by .75 in half of all stained tissue.
_ALIKE = 0.6
# Channels differ in level, by this share of their contrast: 19 of 20 photographs do.
# Neighbors in depth hardly do.
_LEVEL = 0.1
# What changes smoothly with depth is four times as different at twice the distance;
# red differs from blue up to 3.2 times as much as from green.
_SMOOTH = 3.3


def looks_channels_first(picture: LazyImage) -> bool:
    """Tell whether a stack of three planes looks like the channels of one picture.

    Parameters
    ----------
    picture : LazyImage
        Any; only (3, Y, X) of uint8 or float without channels can be one.

    Returns
    -------
    bool
        Whether the planes show the same details at different levels. Planes of a
        volume, or of a series, differ in their details or have one level.

    Examples
    --------
    >>> from napari_emseg.engine.image.lazy_image import as_lazy_image
    >>> plane = np.random.default_rng(0).random((64, 64))
    >>> looks_channels_first(as_lazy_image(np.stack([plane, 0.5 * plane, plane**2])))
    True
    >>> volume = np.random.default_rng(0).random((3, 64, 64))
    >>> looks_channels_first(as_lazy_image(volume))
    False
    """
    shape, dtype = picture.shape, picture.dtype
    if picture.channel_axis is not None or len(shape) != 3 or shape[0] != 3:
        return False
    if min(shape[1:]) <= _SIDE or not (dtype.kind == "f" or dtype == np.uint8):
        return False
    middle = tuple(slice(max(0, (n - _PART) // 2), (n + _PART) // 2) for n in shape[1:])
    planes = picture.read((slice(0, 3), *middle))[..., 0].astype(np.float32)
    if not np.isfinite(planes).all():
        return False
    contrast = planes.std(axis=(1, 2), dtype=np.float64)
    level = planes.mean(axis=(1, 2), dtype=np.float64)
    if contrast.min() == 0 or np.ptp(level) < _LEVEL * contrast.mean():
        return False
    planes /= contrast.astype(np.float32)[:, np.newaxis, np.newaxis]
    detail = [
        cv2.Laplacian(cv2.GaussianBlur(plane, (0, 0), _SIGMA), cv2.CV_32F)
        for plane in planes
    ]
    if min(float(part.std()) for part in detail) == 0:
        return False
    likeness = np.corrcoef([part.ravel() for part in detail])
    near, far = 1 - (likeness[0, 1] + likeness[1, 2]) / 2, 1 - likeness[0, 2]
    pairs = likeness[np.triu_indices(3, 1)]
    return bool(np.median(pairs) >= _ALIKE and far <= _SMOOTH * max(near, 1e-6))
