"""Selections by scribbles: classes or a mask from rough strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.hierarchy.contours import resize
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.scribbles.component_owners import share_components
from napari_emseg.engine.scribbles.half_light import balance
from napari_emseg.engine.scribbles.refine import STRENGTH, keep_touched, refine, solve
from napari_emseg.engine.scribbles.separation import separation
from napari_emseg.engine.scribbles.stroke_model import (
    WEIGHTS,
    compare,
    gather_evidence,
    nearest_distances,
    shrink_strokes,
    slope,
    smooth,
    widen_strokes,
)
from napari_emseg.engine.user_warnings import collect_warnings
from napari_emseg.pipeline.parallel import one_thread
from napari_emseg.pipeline.segment import segment
from napari_emseg.pipeline.source import MAX_CLASSES
from napari_emseg.select.checks import check_smoothing, read_plane, reduced

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

__all__ = ["scribble_mask", "scribbles"]


# Larger images are solved at a lower resolution first: a person waits.
_PIXELS = 2**18
# Pixels with no evidence either way go to the background: strokes around an object
# keep more distance from its outline than strokes in it. In nats.
_BACKGROUND = 1.5
# Components of a mixture of the whole image, the chance that all of them are wrong,
# and what strokes of like color count, in nats per unit.
_COMPONENTS, _UNSURE, _NEAREST = 8, 0.02, 2.0
# As much as there is for mixtures.
_MOST_SMOOTHING = 10.0
_MAX_CLASSES = 255


def scribbles(
    image: ArrayLike,
    scribbles: ArrayLike,
    *,
    background: int | None = 1,
    smoothing: float = 1.0,
    contiguous: bool = True,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[np.uint8]:
    """Return labels: for each pixel the class of the strokes that it belongs to.

    Each class is a mixture fitted to the colors and the texture under its strokes.
    A pixel goes where its color fits, where strokes of like color are near, and
    where a path leads from a stroke without crossing edges [1]_; neighbors of like
    color stay together [2]_. Every piece of a class touches one of its strokes.

    If not `contiguous`, strokes mean everything like what is under them, wherever
    it is: a mixture of more components than classes is fitted to the whole image,
    and each component belongs to the classes whose strokes it explains [3]_. What has
    their color, but is not set off by edges as steep as those around what is under the
    strokes, such as nuclei out of focus, is less like it [4]_. Between two classes,
    outlines lie where both sides have half of the light, but for textures. Seeded,
    interactive segmentation.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        As for `napari_emseg.segment`; one plane.
    scribbles : (Y, X) array_like of int
        Classes 1..255 of the pixels under the strokes, at least two different
        ones; 0 elsewhere.
    background : int, optional
        The class of strokes around the others. A pixel halfway between strokes goes
        to it, since one draws at some distance around a thing, but close to the
        outline inside it. None treats all classes alike.
    smoothing : float, optional
        How smooth outlines are; 0 lets each pixel decide for itself.
    contiguous : bool, optional
        True: this object, every piece of it under a stroke. False: everything like
        it, such as all nuclei of which one has a stroke; `background` does not count.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is RGB(A); guessed by default.

    Returns
    -------
    (Y, X) ndarray of uint8
        The classes of the strokes, everywhere; 0 only at pixels that are not finite
        or fully transparent. ``scribbles(...) == 2`` is the selection of class 2.

    Raises
    ------
    TypeError
        If the image's type or that of the scribbles cannot be used.
    ValueError
        If the image is not one plane, the shapes differ, or there are not strokes of
        at least two classes.

    See Also
    --------
    box : when a box around the object is enough.

    References
    ----------
    .. [1] X. Bai, G. Sapiro, "Geodesic matting: a framework for fast interactive
       image and video segmentation and matting", IJCV 82(2), 113-132, 2009.
    .. [2] Y. Boykov, M.-P. Jolly, "Interactive graph cuts for optimal boundary &
       region segmentation of objects in N-D images", ICCV 2001.
    .. [3] D. J. Miller, H. S. Uyar, "A mixture of experts classifier with learning
       based on both labelled and unlabelled data", NIPS 9, 571-577, 1996.
    .. [4] L. Najman, M. Schmitt, "Geodesic saliency of watershed contours and
       hierarchical segmentation", IEEE Trans. PAMI 18(12), 1163-1173, 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.zeros((20, 20), np.uint8)
    >>> image[5:15, 5:10] = image[5:15, 13:17] = 200
    >>> strokes = np.zeros((20, 20), np.uint8)
    >>> strokes[1, 2:18] = 1
    >>> strokes[8:12, 7] = 2
    >>> found = select.scribbles(image, strokes)
    >>> int((found == 2).sum())
    50
    >>> found = select.scribbles(image, strokes, contiguous=False)
    >>> int((found == 2).sum())
    90
    """
    features, inside = read_plane(image, channel_axis=channel_axis, rgb=rgb)
    strokes, classes = _check_strokes(scribbles, inside)
    check_smoothing(smoothing)
    bias = np.zeros(len(classes), np.float32)
    if background is not None:
        bias[classes == background] = _BACKGROUND
    with one_thread():
        if contiguous:
            found = _decide(features, strokes, bias, STRENGTH * smoothing)
        else:
            lab = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb).rgb
            found = _decide_alike(features, inside, strokes, smoothing, lab=lab)
    labels = classes[found - 1]
    labels[~inside] = 0
    return labels


def _check_strokes(
    scribbles: ArrayLike, inside: BoolArray
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the strokes with their classes numbered 1..K, and the original numbers."""
    given = np.asarray(scribbles)
    if given.dtype.kind not in "bui":
        raise TypeError(
            f"scribbles are of type {given.dtype}; pass integers: 0 for no stroke, "
            "1 for the background, 2 and more for objects"
        )
    if given.shape != inside.shape:
        raise ValueError(
            f"scribbles have shape {given.shape}, but the image is {inside.shape}; "
            "draw them on this image"
        )
    if given.min() < 0 or given.max() > _MAX_CLASSES:
        raise ValueError(
            f"scribbles have classes from {given.min()} to {given.max()}, but 0 (no "
            f"stroke) to {_MAX_CLASSES} are possible"
        )
    marked = np.where(inside, given, 0).astype(np.uint8)
    classes = np.unique(marked[marked > 0])
    if len(classes) < 2:
        have = f"only of class {classes[0]}" if len(classes) else "nowhere"
        raise ValueError(
            f"there are strokes {have}, but classes are told apart by strokes of at "
            "least two; draw one on the background too"
        )
    return (np.searchsorted(classes, marked) + (marked > 0)).astype(np.uint8), classes


def _decide(
    features: FloatArray, strokes: NDArray[np.uint8], bias: FloatArray, strength: float
) -> NDArray[np.uint8]:
    """Return the classes 1..K of all pixels."""
    marks = shrink_strokes(strokes, reduced(strokes.shape, _PIXELS))
    shape = marks.shape
    small = resize(features, shape)
    smoothed = smooth(small)
    score = np.zeros((len(bias), *shape), np.float32)
    score += bias[:, np.newaxis, np.newaxis]
    for kind, part in gather_evidence(small, smoothed, marks).items():
        score += np.float32(WEIGHTS[kind]) * part
    posterior = solve(score, smoothed, marks, strength=strength)
    labels = refine(posterior, small, features, strength=strength)
    labels = np.where(strokes > 0, strokes, labels)
    return keep_touched(labels, strokes)


def _decide_alike(
    features: FloatArray,
    inside: BoolArray,
    strokes: NDArray[np.uint8],
    smoothing: float,
    *,
    lab: bool,
) -> NDArray[np.uint8]:
    """Return the classes 1..K of all pixels, wherever they are."""
    count = int(strokes.max())
    # Each class is looked for at each pixel.
    pixels = _PIXELS * _COMPONENTS // max(_COMPONENTS, count)
    marks = shrink_strokes(strokes, reduced(strokes.shape, pixels))
    shape = marks.shape
    small = resize(features, shape)
    drawn = marks > 0
    # Fewer components, if the image has no more, will do.
    seen = resize(inside.astype(np.float32), shape) >= 0.5
    with collect_warnings():
        seg = segment(
            small,
            mask=drawn | seen,
            channel_axis=-1,
            n_classes=min(max(_COMPONENTS, 2 * count), MAX_CLASSES),
            distribution="gaussian",
            smoothing=min(smoothing, _MOST_SMOOTHING),
        )
    share = share_components(seg.model, small[drawn], marks[drawn])
    found = np.tensordot(share.T, seg.probabilities(), axes=1)
    smoothed = smooth(small)
    away = [
        nearest_distances(smoothed[marks == k + 1], smoothed)
        for k in range(share.shape[1])
    ]
    score = np.log(found + _UNSURE) + _NEAREST * compare(np.stack(away))
    score = score.astype(np.float32)
    looks = np.where(drawn, marks, score.argmax(axis=0) + 1).astype(np.uint8)
    score += separation(slope(small, 1.0), looks, marks)
    score -= score.max(axis=0)
    strength = STRENGTH * smoothing
    wide = widen_strokes(strokes, features)
    fixed = wide if shape == strokes.shape else widen_strokes(marks, small)
    posterior = solve(score, smoothed, fixed, strength=strength)
    if count == 2:
        light = small
        if lab:
            light = np.asarray(cv2.cvtColor(small, cv2.COLOR_Lab2LRGB), np.float32)
        posterior = balance(posterior, light, fixed, seen)
    labels = refine(posterior, small, features, strength=strength)
    return np.where(wide > 0, wide, labels)


def scribble_mask(
    image: ArrayLike,
    strokes: ArrayLike,
    *,
    label: int = 2,
    background: int | None = 1,
    smoothing: float = 1.0,
    contiguous: bool = True,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[np.bool_]:
    """Return the mask of the pixels that belong to the strokes of one class.

    The foreground, if `label` is its class.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array_like
        One plane, as for `scribbles`.
    strokes : (Y, X) array_like of int
        Classes 1 to 255 under the strokes; 0 elsewhere.
    label : int, optional
        The class whose pixels are selected.
    background, smoothing, contiguous, channel_axis, rgb
        As for `scribbles`.

    Returns
    -------
    (Y, X) ndarray of bool
        Where `scribbles` returns this class.

    Raises
    ------
    TypeError, ValueError
        As `scribbles`.

    See Also
    --------
    scribbles : returns the classes of all strokes.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_emseg import select
    >>> image = np.zeros((20, 20), np.uint8)
    >>> image[5:15, 5:15] = 200
    >>> strokes = np.zeros((20, 20), np.uint8)
    >>> strokes[1, 2:18], strokes[10, 8:12] = 1, 2
    >>> bool((select.scribble_mask(image, strokes) == (image == 200)).all())
    True
    """
    found = scribbles(
        image,
        strokes,
        background=background,
        smoothing=smoothing,
        contiguous=contiguous,
        channel_axis=channel_axis,
        rgb=rgb,
    )
    return np.asarray(found == label)
