"""Corrections: strokes add to the selection at hand, and take away from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.hierarchy.contours import resize
from napari_emseg.engine.image.color_space import usable
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.scribbles.refine import STRENGTH, refine, solve
from napari_emseg.engine.scribbles.stroke_model import smooth
from napari_emseg.engine.scribbles.stroke_reach import reach
from napari_emseg.pipeline.parallel import one_thread
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.select.checks import check_smoothing, read_plane, reduced
from napari_emseg.select.components import as_selection, connected_to, hard_mask
from napari_emseg.select.morphology import distance_to

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage

__all__ = ["correct"]

BACKGROUND, OBJECT = 1, 2
_OTHER = {BACKGROUND: OBJECT, OBJECT: BACKGROUND}
# The resolution at which a stroke's reach is found, and the highest at which its
# outline is drawn: a person waits.
_PIXELS, _FINE = 40_000, 2**19
# A pixel of low resolution is a stroke's if so much of it is.
_COVERED = 0.05
# Low-resolution pixels around what changes, where its outline is drawn.
_MARGIN = 3


def correct(
    image: ArrayLike,
    selection: ArrayLike,
    strokes: ArrayLike,
    *,
    smoothing: float = 1.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray | FloatArray:
    """Correct a selection by strokes on what is missing, and on what is too much.

    A stroke of the object that lies outside of the selection adds what it is drawn
    on; a stroke of the background inside it takes that away [1]_. How far a stroke
    reaches is told by edges, by color, texture and place, by what is selected
    already, and by the outline, as one draws along the middle of what is wrong. All
    else stays as it is: what a stroke changes touches it. Strokes that agree with
    the selection hold what they are on. Adds and subtracts.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        As for `napari_emseg.segment`; one plane.
    selection : (Y, X) array_like of bool or float in [0, 1]
        What is selected so far, such as by `box`; coverage counts from a half.
    strokes : (Y, X) array_like of int
        1 under strokes of the background, 2 under those of the object, 0 elsewhere.
    smoothing : float, optional
        How smooth outlines are; 0 lets each pixel decide for itself.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    (Y, X) ndarray of bool or float32
        The corrected selection, of the same kind. Pixels that are not finite or fully
        transparent are not added.

    Raises
    ------
    TypeError
        If the type of image, selection or strokes cannot be used.
    ValueError
        If the image is not one plane, a shape differs, or strokes hold other numbers.

    See Also
    --------
    box : the usual start.
    scribbles : strokes alone, of the object and around it.

    References
    ----------
    .. [1] C. Rother, V. Kolmogorov, A. Blake, "GrabCut: interactive foreground
       extraction using iterated graph cuts", SIGGRAPH 2004.

    Examples
    --------
    A box found the bright half of a thing; one stroke adds the other half:

    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.zeros((60, 60), np.uint8)
    >>> image[20:40, 10:30], image[20:40, 30:50] = 200, 120
    >>> strokes = np.zeros((60, 60), np.uint8)
    >>> strokes[30, 35:46] = 2
    >>> found = select.correct(image, image == 200, strokes)
    >>> bool((found == (image > 0)).all())
    True
    """
    picture = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb)
    if len(picture.shape) != 2:
        raise ValueError(
            f"image has {len(picture.shape)} spatial axes, but strokes are drawn on "
            "one plane; pass one slice, or channel_axis for channels"
        )
    before = as_selection(selection, picture.shape)
    marks = _check_strokes(strokes, picture.shape)
    check_smoothing(smoothing)
    values = picture.read()
    inside = usable(values, rgb=picture.rgb)
    mask = hard_mask(before).copy()
    with one_thread():
        for wanted in (OBJECT, BACKGROUND):
            wrong = (marks == wanted) & (mask != (wanted == OBJECT))
            if wanted == OBJECT and inside is not None:
                wrong &= inside
            if wrong.any():
                found = _change(picture, values, mask, marks, wanted, smoothing)
                found &= mask != (wanted == OBJECT)
                found &= (marks == 0) | (marks == wanted)
                if wanted == OBJECT and inside is not None:
                    found &= inside
                found |= wrong
                box = bounding_box(found)
                touched = connected_to(found[box], wrong[box], 8)
                mask[box][touched] = wanted == OBJECT
    return mask if before.dtype == bool else _soft(np.asarray(before, np.float32), mask)


def _check_strokes(strokes: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    given = np.asarray(strokes)
    if given.dtype.kind not in "bui":
        raise TypeError(
            f"strokes are of type {given.dtype}; pass integers: 0 for no stroke, 1 for "
            "the background, 2 for the object"
        )
    if given.shape != tuple(shape):
        raise ValueError(
            f"strokes have shape {given.shape}, but the image is {tuple(shape)}; draw "
            "them on this image"
        )
    if given.min() < 0 or given.max() > OBJECT:
        raise ValueError(
            f"strokes have numbers from {given.min()} to {given.max()}, but 0 (none), "
            "1 (background) and 2 (object) are possible"
        )
    return given.astype(np.uint8)


def _change(
    picture: LazyImage,
    values: NDArray[Any],
    mask: BoolArray,
    marks: NDArray[np.uint8],
    wanted: int,
    smoothing: float,
) -> BoolArray:
    """Return the pixels (Y, X) that strokes of a class give to that class."""
    shape, strength = reduced(mask.shape, _PIXELS), STRENGTH * smoothing
    small = _features(picture, values, shape)
    labels = (_share(mask, shape) >= 0.5).astype(np.uint8) + np.uint8(1)
    share = np.stack([_share(marks == k, shape) for k in (BACKGROUND, OBJECT)])
    drawn = (share.argmax(axis=0) + 1).astype(np.uint8)
    drawn[share.max(axis=0) <= _COVERED] = 0
    other = drawn == _OTHER[wanted]
    labels[other] = drawn[other]
    # A stroke thinner than a pixel may lie in one that is as wanted already.
    wrong = (marks == wanted) & (mask != (wanted == OBJECT))
    seeds = _share(wrong, shape) > 0
    labels[seeds], drawn[seeds] = _OTHER[wanted], wanted
    smoothed = smooth(small)
    odds = reach(small, smoothed, labels, drawn, wanted)
    own, never = labels == wanted, np.isinf(odds)
    # What is as wanted joins in, and pulls what is beside it.
    fixed = np.where(seeds | own, 2, np.where(never, 1, 0)).astype(np.uint8)
    score = np.stack([np.zeros_like(odds), np.where(never, 0, odds)])
    posterior = solve(score, smoothed, fixed, strength=strength)
    found = connected_to((posterior[1] > 0.5) & ~own, seeds, 8)
    if small.shape[:2] == mask.shape:
        return found
    # What no stroke touches is clearly none of it.
    posterior[:, ~(found | own)] = [[1.0], [0.0]]
    return _drawn_finely(picture, values, posterior, found, strength)


def _features(
    picture: LazyImage, values: NDArray[Any], shape: tuple[int, int]
) -> FloatArray:
    """Return the features (y, x, C) of values (Y, X, C), reduced to a shape."""
    if values.shape[:2] != shape and values.dtype in (np.uint8, np.uint16, np.float32):
        planes = np.split(values, range(4, values.shape[-1], 4), axis=-1)
        smaller = [
            cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA).reshape(
                *shape, -1
            )
            for plane in planes
        ]
        values = np.concatenate(smaller, axis=-1)
    found, _ = read_plane(
        values,
        channel_axis=None if picture.rgb else 2,
        rgb=True if picture.rgb else None,
        full_scale=picture.full_scale,
    )
    return resize(found, shape)


def _share(mask: BoolArray, shape: tuple[int, int]) -> FloatArray:
    """Return how much of each pixel of a smaller or larger shape a mask covers."""
    grow = shape[0] > mask.shape[0] or shape[1] > mask.shape[1]
    how = cv2.INTER_LINEAR if grow else cv2.INTER_AREA
    full = np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    return np.asarray(
        cv2.resize(full, shape[::-1], interpolation=how), np.float32
    ) / np.float32(255)


def _drawn_finely(
    picture: LazyImage,
    values: NDArray[Any],
    posterior: FloatArray,
    changed: BoolArray,
    strength: float,
) -> BoolArray:
    """Return what changes at the resolution of the image."""
    full = np.zeros(values.shape[:2], bool)
    box = bounding_box(changed, _MARGIN)
    scale = np.array(full.shape) / changed.shape
    window = tuple(
        slice(round(side.start * zoom), round(side.stop * zoom))
        for side, zoom in zip(box, scale.tolist(), strict=True)
    )
    part = np.ascontiguousarray(posterior[(slice(None), *box)])
    shape = full[window].shape
    features = _features(
        picture, values[window], reduced(shape, max(_FINE, part[0].size))
    )
    small = resize(features, part.shape[1:])
    labels = refine(part, small, features, strength=strength)
    near = cv2.dilate(changed[box].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    full[window] = (_share(labels == 2, shape) >= 0.5) & (_share(near, shape) > 0)
    return full


def _soft(before: FloatArray, mask: BoolArray) -> FloatArray:
    """Return coverage that follows a mask, soft where the outline stays."""
    was = hard_mask(before)
    changed = was != mask
    soft = (before > 0) & (before < 1) & ~changed
    if not changed.any() or not soft.any():
        return np.where(changed, mask, before).astype(np.float32)
    # A soft rim beside what changed is no outline any more, unless a part still is.
    ends = np.full(mask.shape, np.inf, np.float32)
    if mask.any() and not mask.all():
        ends = np.where(mask, distance_to(~mask), distance_to(mask))
    gone = changed | (soft & (distance_to(changed) < ends))
    return np.where(gone, mask, before).astype(np.float32)
