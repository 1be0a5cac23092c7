"""What somebody points at: places and colors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.features import convert

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine.features import FloatArray, Picture


def check_points(points: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Give points inside an image as (N, ndim) whole numbers.

    Raises
    ------
    ValueError
        If one is outside, or has not one number for each axis.
    """
    at = np.atleast_2d(np.asarray(points, np.float64))
    ndim = len(shape)
    if at.ndim != 2 or at.shape[1] != ndim:
        raise ValueError(
            f"points have shape {at.shape}, but (N, {ndim}) is needed: one row for "
            f"each point, one number for each axis of an image of shape {shape}"
        )
    # NaN fails the comparison.
    if not ((at >= -0.5) & (at < np.array(shape) - 0.5)).all():
        raise ValueError(
            f"point {at.tolist()} is not inside an image of shape {shape}; point "
            "at a pixel"
        )
    return np.floor(at + 0.5).astype(np.intp)


def check_colors(colors: ArrayLike, picture: Picture) -> FloatArray:
    """Convert colors in the units of an image to features (N, D).

    Raises
    ------
    ValueError
        If one is not possible in this image.
    """
    given = np.atleast_2d(np.asarray(colors))
    if given.ndim != 2 or given.shape[1] != picture.channels:
        raise ValueError(
            f"colors have shape {given.shape}, but (N, {picture.channels}) is needed: "
            "one number for each channel"
        )
    if given.dtype.kind not in "buif" or not np.isfinite(given).all():
        raise ValueError(f"colors are {given.tolist()}; pass finite numbers")
    if not picture.rgb:
        return given.astype(np.float32)
    full = 1.0 if picture.dtype.kind == "f" else float(np.iinfo(picture.dtype).max)
    if given.min() < 0 or given.max() > full:
        raise ValueError(
            f"colors are {given.tolist()}, but those of an RGB image of type "
            f"{picture.dtype} are 0 to {full:g}"
        )
    return convert(given.astype(np.float32) / np.float32(full), "lab")
