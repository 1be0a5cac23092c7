"""Reach: how far a stroke changes the class of what is around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from skimage.segmentation import watershed

from napari_emseg.engine.scribbles.stroke_model import (
    compare,
    nearest_distances,
    path_cost,
    path_distances,
    slope,
    texture,
    with_positions,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

# Nats per unit of evidence: logistic regression on the pixels that corrections of 57
# boxes (BSDS500, train) should have changed, each correction counting the same; four
# strokes each of two kinds, through all that is wrong and through the middle of it.
_WEIGHTS = {
    "constant": 2.85,
    "nearest": 0.51,
    "color": -0.85,
    "path": 0.32,
    "length": 0.13,
    "depth": -1.14,
    "basin": 1.21,
    "likeness": 1.22,
}
# What is farther from a stroke than it is from the outline, so many times, stays; of
# what has no outline near, or of less than so many pixels, this share stays.
_FAR, _SHARE, _ENOUGH = 2.0, 0.1, 20
# What is farther than so many times is out of reach.
_LIMIT = 6.0
# How far a stroke is from the outline, at least, in pixels.
_LEAST = 2.0
# How far from the outline counts at most, in depths of the stroke.
_DEEPEST = 4.0
# Distance from an outline that is not there, in pixels; and what is beyond doubt.
_NOWHERE, _SURE = 1e3, 100.0


def reach(
    features: FloatArray,
    smoothed: FloatArray,
    labels: NDArray[np.uint8],
    strokes: NDArray[np.uint8],
    wanted: int,
) -> FloatArray:
    """Return how much speaks for a new class, in nats, at each pixel.

    Strokes that lie in the other class say that it is wrong around them. How far, is
    told by paths without edges and by like color, place and texture, each compared
    with what is far from these strokes, by the likeness to the wanted class, and by the
    outline: a stroke is drawn along the middle of what is wrong.

    Parameters
    ----------
    features, smoothed : (Y, X, C) ndarray of float32
        In units where 100 is the whole range; the first is the brightness.
    labels : (Y, X) ndarray of uint8
        The classes at hand, 1 or 2.
    strokes : (Y, X) ndarray of uint8
        Classes 1 and 2; 0 is none. One of the wanted class lies in the other.
    wanted : int
        The class that pixels may get.

    Returns
    -------
    (Y, X) ndarray of float32
        -inf where the class is as wanted already, and under strokes of the other one.
    """
    own = labels == wanted
    drawn = (strokes == wanted) & ~own
    open_ = ~own & (strokes != 3 - wanted)
    deep = _distance(own) if own.any() else np.full(own.shape, _NOWHERE, np.float32)
    away, nearest = cv2.distanceTransformWithLabels(
        (~drawn).astype(np.uint8),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )
    at_stroke = np.zeros(int(nearest.max()) + 1, np.float32)
    at_stroke[nearest[drawn]] = deep[drawn]
    depth = max(float(np.median(deep[drawn])), _LEAST)
    open_ &= away <= _LIMIT * depth
    stays = _stays(open_, away, deep, depth)
    marks = np.zeros(own.shape, np.uint8)
    marks[stays | (strokes == 3 - wanted)] = 1
    marks[drawn] = 2
    odds = np.full(own.shape, -np.inf, np.float32)
    if not (marks == 1).any():  # nothing else is there
        odds[open_] = _SURE
        return odds
    grain = texture(np.ascontiguousarray(features[..., 0]))
    looks = np.concatenate([smoothed, grain], axis=-1)
    places = with_positions(looks)
    near = _nearest(places, [marks == 1, marks == 2], open_)
    path = path_distances(path_cost(smoothed, grain), marks)[:, open_]
    basin = watershed(slope(features, 1.0), marks.astype(np.int32)) == 2
    layers = deep[open_] / (at_stroke[nearest[open_]] + np.float32(0.5))
    evidence = {
        "constant": np.ones(1, np.float32),
        "nearest": _for_second(near),
        "color": np.log1p(near[1]),
        "path": _for_second(path),
        "length": np.log(path[1] + np.float32(0.05)),
        "depth": np.minimum(layers, _DEEPEST),
        "basin": basin[open_] - np.float32(0.5),
    }
    if own.any():
        evidence["likeness"] = _for_second(_nearest(looks, [marks == 1, own], open_))
    odds[open_] = sum(np.float32(_WEIGHTS[kind]) * x for kind, x in evidence.items())
    return odds


def _nearest(looks: FloatArray, samples: list[BoolArray], where: BoolArray) -> Any:
    """Return distances (2, N) of the looks at N pixels to those of two samples."""
    asked = looks[where][np.newaxis]
    return np.stack([nearest_distances(looks[mask], asked)[0] for mask in samples])


def _distance(mask: BoolArray) -> FloatArray:
    return np.asarray(
        cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    )


def _for_second(distances: FloatArray) -> FloatArray:
    """Return what two distances (2, N) say for the second class, -1 to 1."""
    first, second = compare(distances)
    return second - first


def _stays(
    open_: BoolArray, away: FloatArray, deep: FloatArray, depth: float
) -> BoolArray:
    """Return what is too far from a stroke to be meant."""
    found = open_ & (away > _FAR * depth + 2) & (deep > 1)
    if np.count_nonzero(found) >= _ENOUGH:
        return found
    return open_ & (away >= np.quantile(away[open_], 1 - _SHARE)) & (away > 0)
