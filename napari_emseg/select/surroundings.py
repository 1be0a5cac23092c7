"""What surrounds a pixel of a mask: distances, maxima, means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.features import BoolArray, FloatArray

# Gaussians are cut off at this multiple of their standard deviation.
TRUNCATE = 4.0
# Coverage is grown by small disks one after another: their sum is a large disk. That
# of radius 5 has the most even outline: (5, 0), (4, 3), (3, 4), (0, 5) are on it.
_DISK = 5


def distance_to(mask: BoolArray) -> NDArray[np.floating[Any]]:
    """Distance of each pixel to the nearest of a mask, in pixels."""
    if mask.ndim != 2:
        return np.asarray(ndi.distance_transform_edt(~mask))
    outside = (~mask).view(np.uint8)
    found = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Square roots in float32: a distance of 5 must not come out as 5 + ε.
    return np.sqrt(np.rint(found * found))


def dilate(coverage: FloatArray, pixels: float) -> FloatArray:
    """Largest coverage (…) within a distance of 1 pixel or more."""
    steps = max(int(pixels / _DISK) - 1, 0)
    out = coverage
    for radius in [_DISK] * steps + [pixels - _DISK * steps]:
        reach = int(radius)
        ball = np.indices((2 * reach + 1,) * coverage.ndim) - reach
        disk = (ball**2).sum(axis=0) <= radius**2
        if out.ndim == 2:
            out = np.asarray(cv2.dilate(out, disk.astype(np.uint8)), np.float32)
        else:
            found = ndi.grey_dilation(out, footprint=disk, mode="constant")
            out = np.asarray(found, np.float32)
    return out


def blurred(values: FloatArray, sigma: float) -> FloatArray:
    """Filter (…) float32 with a Gaussian along all axes; at the sides, values go on."""
    if values.ndim != 2:
        found = ndi.gaussian_filter(values, sigma, mode="nearest", truncate=TRUNCATE)
        return np.clip(np.asarray(found, np.float32), 0, 1)
    side = 2 * int(np.ceil(TRUNCATE * sigma)) + 1
    smooth = cv2.GaussianBlur(
        values, (side, side), sigma, borderType=cv2.BORDER_REPLICATE
    )
    return np.clip(np.asarray(smooth, np.float32), 0, 1)
