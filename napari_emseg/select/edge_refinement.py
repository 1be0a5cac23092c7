"""Refined edges: a mask becomes coverage that follows hair and soft outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.engine.scribbles.guided_matte import REACH, guided_alpha
from napari_emseg.pipeline.parallel import one_thread
from napari_emseg.pipeline.tiles import tiles
from napari_emseg.select import morphology
from napari_emseg.select.checks import read_plane
from napari_emseg.select.components import as_selection, hard_mask
from napari_emseg.select.morphology import distance_to

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_emseg.engine._types import BoolArray, FloatArray

__all__ = ["refine_edge"]

_TILE = 512
# Contrast 1 would divide by 0: the steepest edge is so steep.
_STEEPEST = 0.999


def refine_edge(
    image: ArrayLike,
    selection: ArrayLike,
    *,
    radius: int = 8,
    smooth: float = 0.0,
    feather: float = 0.0,
    contrast: float = 0.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> FloatArray:
    """Make the edge of a selection follow the picture: hair, fur, blurred outlines.

    The outline is rounded off, then the colors near it tell how much of each pixel
    belongs to the thing, by linear models of local windows [1]_, as for
    `napari_emseg.adjust.cut_out` with ``edge="hair"``; the coverage may be
    softened, or made steeper, after that. Also known as refine edge, or select and
    mask.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        As for `napari_emseg.segment`; one plane.
    selection : (Y, X) array_like of bool or float in [0, 1]
        Coverage counts from a half; what is soft is looked at anew, too, if there is a
        radius.
    radius : int, optional
        How far from the outline, in pixels, the edge may be soft. 0 leaves it where it
        is.
    smooth : float, optional
        Round the outline off first, in pixels, as `smooth` does.
    feather : float, optional
        Soften the coverage afterwards, in pixels, as `feather` does.
    contrast : float, optional
        Make the coverage steeper around a half, 0 to 1. At 1 the edge is hard.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    (Y, X) ndarray of float32
        Coverage; 0 at pixels that are not finite or fully transparent.

    Raises
    ------
    ValueError
        If the image is not one plane, the shapes differ, or an option is out of
        bounds.

    See Also
    --------
    napari_emseg.adjust.cut_out : cuts out by this coverage, with clean colors.

    References
    ----------
    .. [1] K. He, J. Sun, X. Tang, "Guided image filtering", IEEE Trans. PAMI 35(6),
       1397-1409, 2013.

    Examples
    --------
    The picture fades over six pixels, the selection does not:

    >>> import numpy as np
    >>> from napari_emseg import select
    >>> ramp = np.clip((np.arange(60) - 26) / 6, 0, 1)
    >>> image = np.tile((200 * ramp).astype(np.uint8), (40, 1))
    >>> found = select.refine_edge(image, image > 100, radius=6)
    >>> bool(np.abs(found[20] - ramp).max() < 0.1)
    True
    """
    features, inside = read_plane(image, channel_axis=channel_axis, rgb=rgb)
    before = as_selection(selection, inside.shape)
    if not (radius >= 0 and radius % 1 == 0):
        raise ValueError(
            f"radius={radius}, but a whole number of pixels is needed; pass 0 or more"
        )
    if not 0 <= contrast <= 1:
        raise ValueError(f"contrast={contrast} is not in 0..1; pass a share")
    start = morphology.smooth(before, smooth)
    hard = hard_mask(start)
    alpha = np.asarray(start, np.float32).copy()
    if radius > 0:
        near = near_outline(hard, radius)
        if start.dtype != bool:
            near |= (start > 0) & (start < 1)
        with one_thread():
            alpha = _matte(features / np.float32(100), hard, near, int(radius))
    if feather != 0:
        alpha = morphology.feather(alpha, feather)
    if contrast > 0:
        slope = np.float32(1 / (1 - min(contrast, _STEEPEST)))
        alpha = np.clip((alpha - np.float32(0.5)) * slope + np.float32(0.5), 0, 1)
    return np.where(inside, alpha, np.float32(0))


def near_outline(hard: BoolArray, radius: float) -> BoolArray:
    """Return which pixels (Y, X) are within a distance of the outline of a mask."""
    if hard.all() or not hard.any():
        return np.zeros(hard.shape, bool)
    return np.where(hard, distance_to(~hard), distance_to(hard)) <= radius


def _matte(
    guide: FloatArray, hard: BoolArray, near: BoolArray, radius: int
) -> FloatArray:
    """Return alpha (Y, X) by the colors on both sides of an outline."""
    solid = hard.astype(np.float32)
    alpha = solid.copy()
    for tile in tiles(near.shape, (_TILE, _TILE), REACH * radius):
        if near[tile.write].any():
            part, within = guide[tile.read], near[tile.read]
            found = guided_alpha(part, solid[tile.read], within, radius)
            alpha[tile.write] = found[tile.inner]
    return alpha
