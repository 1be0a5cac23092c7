"""Boxes: what a rough box around an object holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.hierarchy.contours import resize
from napari_emseg.engine.image.color_space import usable
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.scribbles.novelty import find_novelty
from napari_emseg.engine.scribbles.refine import STRENGTH, refine, solve
from napari_emseg.engine.scribbles.stroke_model import gather_evidence, smooth
from napari_emseg.pipeline.parallel import one_thread
from napari_emseg.pipeline.progress import finish
from napari_emseg.select.checks import check_smoothing, read_plane, reduced
from napari_emseg.select.components import connected_to

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage

__all__ = ["box"]

# Share of the box's sides that is looked at around it, and the resolution at which
# the object is looked for.
_AROUND = 0.35
_PIXELS = 30_000
# The middle of a box: where the squared distance from its center, the box's half
# sides being 1, is below this.
_MIDDLE = 0.05
# Nats per unit of evidence in the first and second round, as in `strokes.WEIGHTS`;
# "outside" is the squared distance from the center. Logistic regression on the
# pixels of 57 boxes (BSDS500, train).
_ROUNDS: tuple[dict[str, float], ...] = (
    {
        "constant": 0.70,
        "outside": -1.71,
        "color": 0.0,
        "nearest": 2.50,
        "straight": -1.49,
        "path": 1.47,
        "basin": 0.39,
    },
    {
        "constant": 0.13,
        "outside": -1.16,
        "color": 0.13,
        "nearest": 1.31,
        "straight": -0.84,
        "path": 0.89,
        "basin": 0.55,
    },
)
# Strokes of the second round: the surest pixels, as many as these shares of the
# object's and the background's expected size.
_SURE_OBJECT, _SURE_BACKGROUND = 0.7, 0.5
# Nats for and against what has colors of its own: less than the bond between
# neighbors, so that its outline is smooth.
_SURE = 3.0


def box(
    image: ArrayLike,
    box: tuple[float, float, float, float],
    *,
    plane: int | None = None,
    smoothing: float = 1.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> BoolArray:
    """Select the object in a box.

    What is outside the box counts as strokes of the background, and the middle of
    the box as a stroke of the object; evidence is gathered from both as in
    `scribbles`, with a preference for the middle. The surest pixels of both kinds
    are the strokes of a second round. Of all answers, the one is given whose overlap
    with the object can be expected to be largest [1]_.

    An object of several colors does not resemble its middle: where all that was found
    lies in one piece of colors that are rarer around the box than in it [2]_, and which
    the box does not cut [3]_, that piece is the answer.

    In a volume, the object is followed from the plane of the box to both sides: in
    the next plane it is what the same box holds there, as far as that touches what
    was found before; it ends where that has rather the color of the box's
    surroundings. Known from GrabCut: nothing but a box is drawn.

    Parameters
    ----------
    image : ([Z,] Y, X) or ([Z,] Y, X, 3|4) array_like
        As for `napari_emseg.segment`; a plane or a volume.
    box : (y0, x0, y1, x1) tuple of float
        In pixels, y1 and x1 exclusive; a little larger than the object. Parts
        outside the image do not count.
    plane : int, optional
        Of a volume, the plane (z) that the box was drawn on.
    smoothing : float, optional
        How smooth outlines are; 0 lets each pixel decide for itself.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    ([Z,] Y, X) ndarray of bool
        True in the object; False outside the box, and at pixels that are not finite
        or fully transparent.

    Raises
    ------
    TypeError
        If the image's type cannot be used.
    ValueError
        If the box holds no pixel of the image, or `plane` is missing or not in it.

    See Also
    --------
    scribbles : for objects that a box does not tell from their surroundings.

    References
    ----------
    .. [1] S. Nowozin, "Optimal decisions from probabilistic models: the
       intersection-over-union case", CVPR 2014.
    .. [2] C. Elkan, K. Noto, "Learning classifiers from only positive and unlabeled
       data", KDD 2008.
    .. [3] V. Lempitsky, P. Kohli, C. Rother, T. Sharp, "Image segmentation with a
       bounding box prior", ICCV 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.zeros((60, 60), np.uint8)
    >>> image[20:40, 20:40] = 200
    >>> bool((select.box(image, (17, 17, 43, 43)) == (image > 0)).all())
    True
    """
    return finish(
        iter_box(
            image,
            box,
            plane=plane,
            smoothing=smoothing,
            channel_axis=channel_axis,
            rgb=rgb,
        )
    )


def iter_box(
    image: ArrayLike,
    box: tuple[float, float, float, float],
    *,
    plane: int | None = None,
    smoothing: float = 1.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> Generator[None, None, BoolArray]:
    """Return what `box` returns, plane by plane; to cancel, stop iterating."""
    picture = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb)
    check_smoothing(smoothing)
    corners = _check_box(box, picture.shape[-2:])
    depth = _check_plane(plane, picture.shape)
    if plane is None:
        return _in_plane(picture.read(), picture, corners, smoothing)
    found = np.zeros(picture.shape, bool)
    found[plane] = _in_plane(_plane(picture, plane), picture, corners, smoothing)
    colors = _two_sides(_plane(picture, plane), picture, corners, found[plane])
    for way in (1, -1):
        z = plane
        while colors is not None and 0 <= z + way < depth:
            yield None
            values = _plane(picture, z + way)
            if not _countable(values, picture).any():
                break
            held = _in_plane(values, picture, corners, smoothing)
            held = connected_to(held, held & found[z])
            here = _two_sides(values, picture, corners, held)
            if here is None or _nearer_to_surroundings(here[0], colors):
                break
            z += way
            found[z] = held
    return found


def _in_plane(
    values: NDArray[Any],
    picture: LazyImage,
    corners: NDArray[np.int64],
    smoothing: float,
) -> BoolArray:
    """Return the mask (Y, X) of the object in a plane of values (Y, X, C)."""
    features, inside = read_plane(
        values,
        channel_axis=None if picture.rgb else 2,
        rgb=True if picture.rgb else None,
        full_scale=picture.full_scale,
    )
    view = _surroundings(corners, inside.shape)
    near = np.ascontiguousarray(features[view])
    frame = corners - np.array([view[0].start, view[1].start] * 2)
    selected = np.zeros(inside.shape, bool)
    with one_thread():
        selected[view] = _find(near, frame, STRENGTH * smoothing)
    y0, x0, y1, x1 = corners
    held = np.zeros(inside.shape, bool)
    held[y0:y1, x0:x1] = inside[y0:y1, x0:x1]
    return selected & held


def _check_plane(plane: int | None, shape: tuple[int, ...]) -> int:
    """Return the number of planes; reject a plane that is not among them."""
    if len(shape) > 3 or (len(shape) == 3) != (plane is not None):
        raise ValueError(
            f"an image of shape {shape} and plane={plane} do not fit: pass one plane, "
            "or a volume (Z, Y, X) and the plane that the box was drawn on"
        )
    depth = shape[0] if len(shape) == 3 else 1
    if plane is not None and not 0 <= plane < depth:
        raise ValueError(
            f"plane={plane} is none of the {depth} planes of the volume; pass 0 to "
            f"{depth - 1}"
        )
    return depth


def _plane(picture: LazyImage, z: int) -> NDArray[Any]:
    """Return the values (Y, X, C) of a plane of a volume."""
    return picture.read((slice(z, z + 1),))[0]


def _countable(values: NDArray[Any], picture: LazyImage) -> BoolArray:
    """Return which pixels (Y, X) count."""
    found = usable(values, rgb=picture.rgb)
    return np.ones(values.shape[:2], bool) if found is None else found


def _two_sides(
    values: NDArray[Any],
    picture: LazyImage,
    corners: NDArray[np.int64],
    mask: BoolArray,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the mean values (C,) of an object and of what is around it in its box.

    None if there is no object, or it leaves nothing around it.
    """
    view = _surroundings(corners, mask.shape)
    inside, counts = mask[view], _countable(values, picture)[view]
    own, around = inside & counts, ~inside & counts
    if not (own.any() and around.any()):
        return None
    seen = values[view].astype(np.float64)
    return seen[own].mean(axis=0), seen[around].mean(axis=0)


def _nearer_to_surroundings(
    color: NDArray[np.float64],
    sides: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> bool:
    own, around = (float(((color - side) ** 2).sum()) for side in sides)
    return around < own


def _check_box(
    box: tuple[float, float, float, float], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    given = np.asarray(box, np.float64)
    if given.shape != (4,) or not np.isfinite(given).all():
        raise ValueError(f"box is {box}; pass four finite numbers (y0, x0, y1, x1)")
    corners = np.rint(np.clip(given, 0, np.array(shape * 2))).astype(np.int64)
    if (corners[2:] <= corners[:2]).any():
        raise ValueError(
            f"box {box} holds no pixel of an image of shape {shape}; pass "
            "(y0, x0, y1, x1) with y0 < y1 and x0 < x1 inside the image"
        )
    return corners


def _surroundings(
    corners: NDArray[np.int64], shape: tuple[int, ...]
) -> tuple[slice, slice]:
    """Return the surroundings of the box, and the box in them."""
    margin = (_AROUND * (corners[2:] - corners[:2])).astype(np.int64) + 4
    low = np.maximum(corners[:2] - margin, 0)
    high = np.minimum(corners[2:] + margin, shape)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _find(features: FloatArray, frame: NDArray[np.int64], strength: float) -> BoolArray:
    """Return the mask of the object in a box (y0, x0, y1, x1) of (Y, X, C) features."""
    shape = reduced(features.shape[:2], _PIXELS)
    small = resize(features, shape)
    smoothed = smooth(small)
    y, x = np.indices(shape, np.float32) + np.float32(0.5)
    scale = np.array(shape * 2) / np.array(features.shape[:2] * 2)
    y0, x0, y1, x1 = frame * scale
    down, right = 2 * (y - y0) / (y1 - y0) - 1, 2 * (x - x0) / (x1 - x0) - 1
    held = (abs(down) < 1) & (abs(right) < 1)
    outside = np.asarray(down**2 + right**2, np.float32)
    marks = _first_marks(outside, held)
    # Too small to tell its middle from its corners, or too thin for the reduced plane.
    if not ((marks == 1).any() and held.any()):
        return np.ones(features.shape[:2], bool)
    for weights in _ROUNDS:
        odds = weights["constant"] + weights["outside"] * outside
        for kind, part in gather_evidence(small, smoothed, marks).items():
            odds += weights[kind] * (part[1] - part[0])
        with np.errstate(over="ignore"):  # a chance of 0 is right then
            chance = np.where(held, 1 / (1 + np.exp(-odds)), 0)
        marks = _next_marks(chance, held, marks)
    least = best_threshold(chance[held])
    odds -= np.log(least / (1 - least))
    new = find_novelty(smoothed, held, held & (odds > 0))
    if new is not None:
        odds = np.where(new, _SURE, -_SURE)
    score = np.where(held, odds, -100).astype(np.float32)
    free = np.zeros(shape, np.uint8)
    posterior = solve(
        np.stack([np.zeros_like(score), score]), smoothed, free, strength=strength
    )
    return refine(posterior, small, features, strength=strength) == 2


def _first_marks(outside: FloatArray, held: BoolArray) -> NDArray[np.uint8]:
    """Return marks: 2 in the middle of the box, 1 outside of it."""
    marks = np.where(held, 0, 1).astype(np.uint8)
    if held.all():  # the box is the whole image: its corners must do
        marks[outside >= np.quantile(outside, 0.95)] = 1
    marks[outside <= max(_MIDDLE, float(outside.min()))] = 2
    return marks


def _next_marks(
    chance: FloatArray, held: BoolArray, before: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return marks of the surest pixels: 2 of the object, 1 of the background."""
    ranked = np.sort(chance[held])[::-1]
    count, expected = len(ranked), float(ranked.sum())
    sure = ranked[min(int(_SURE_OBJECT * expected), count - 1)]
    low = count - 1 - int(_SURE_BACKGROUND * (count - expected))
    marks = np.where(held, 0, 1).astype(np.uint8)
    marks[held & (chance <= ranked[max(low, 0)])] = 1
    marks[held & (chance >= sure)] = 2
    # Where all pixels are alike, none is surer than another.
    return marks if (marks == 1).any() else before


def best_threshold(chance: FloatArray) -> float:
    """Return the probability above which pixels give the largest expected overlap.

    Parameters
    ----------
    chance : (N,) ndarray of float
        Probability of each pixel to belong to the object.

    Returns
    -------
    float
        The threshold t for which Σ p [p ≥ t] / (Σ [p ≥ t] + Σ p [p < t]) is
        largest, within 0.01..0.99: the expected intersection over the expected
        union.

    Examples
    --------
    >>> best_threshold(np.array([0.9, 0.6, 0.4, 0.1]))
    0.4
    """
    ranked = np.sort(chance)[::-1].astype(np.float64)
    common = np.cumsum(ranked)
    union = np.arange(1, len(ranked) + 1) + common[-1] - common
    return float(np.clip(ranked[(common / union).argmax()], 0.01, 0.99))
