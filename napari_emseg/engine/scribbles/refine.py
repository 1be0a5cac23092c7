"""Cut: score maps become outlines that follow edges and keep to the strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.labels.connected_components import components
from napari_emseg.engine.mrf.mean_field import edge_scale, mean_field
from napari_emseg.engine.scribbles.stroke_model import smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray

# The bond between neighbors of equal color, in nats, at smoothing 1.
STRENGTH = 4.0
# Tiles in which an outline is drawn at full resolution, and how far they look
# around; sweeps of mean field there, and at first.
_TILE, _HALO = 256, 16
_SWEEPS, _SWEEPS_FIRST = 4, 10
# Half the window of local linear models, in pixels of low resolution, and what
# counts as no contrast in it, in squared units of the features.
_RADIUS, _RIDGE = 4, 20.0


def solve(
    score: FloatArray,
    smoothed: FloatArray,
    strokes: NDArray[np.uint8],
    *,
    strength: float,
) -> FloatArray:
    """Smooth evidence between neighbors of like color; strokes are certain.

    Parameters
    ----------
    score : (K, Y, X) ndarray of float32
        Log-probabilities up to a constant.
    smoothed : (Y, X, C) ndarray of float32
        Features whose contrast separates neighbors.
    strokes : (Y, X) ndarray of uint8
        Classes 1..K; 0 is unknown.
    strength : float
        Of the bond between neighbors, in nats.

    Returns
    -------
    (K, Y, X) ndarray of float32
        Probabilities.
    """
    fixed = np.flatnonzero(strokes)
    score = score.copy()
    flat = score.reshape(len(score), -1)
    flat[:, fixed] = -100.0
    flat[strokes.ravel()[fixed] - 1, fixed] = 0.0
    return mean_field(score, guide=smoothed, strength=strength, sweeps=_SWEEPS_FIRST)


def refine(
    posterior: FloatArray, small: FloatArray, features: FloatArray, *, strength: float
) -> NDArray[np.uint8]:
    """Draw outlines found at low resolution at that of the image.

    Around each outline, scores are locally linear in the features [1]_: what is fitted
    at low resolution is evaluated at full resolution, and mean field has the last
    word. Only tiles with an outline are worked on: most of an image has none.

    Parameters
    ----------
    posterior : (K, y, x) ndarray of float32
        Probabilities at low resolution.
    small : (y, x, C) ndarray of float32
        Features at low resolution.
    features : (Y, X, C) ndarray of float32
        In units where 100 is the whole range.
    strength : float
        Of the bond between neighbors, in nats.

    Returns
    -------
    (Y, X) ndarray of uint8
        Classes 1..K.

    References
    ----------
    .. [1] K. He, J. Sun, X. Tang, "Guided image filtering", PAMI 35(6), 1397-1409,
       2013.
    """
    shape = features.shape[:2]
    labels = (posterior.argmax(axis=0) + 1).astype(np.uint8)
    if labels.shape == shape:
        return labels
    labels = cv2.resize(labels, shape[::-1], interpolation=cv2.INTER_NEAREST)
    labels = labels.astype(np.uint8, copy=False)
    before = labels.copy()
    models = _linear_models(np.log(np.maximum(posterior, 0.01)), small)
    scale = edge_scale(features)
    for y in range(0, shape[0], _TILE):
        for x in range(0, shape[1], _TILE):
            # Even starts, as mean field's lattices have them.
            y0, x0 = max(0, y - _HALO), max(0, x - _HALO)
            part = (
                slice(y0, min(y + _TILE + _HALO, shape[0])),
                slice(x0, min(x + _TILE + _HALO, shape[1])),
            )
            if before[part].min() == before[part].max():
                continue
            guide = smooth(features[part])
            score = _evaluate(models, guide, (y0, x0), shape)
            found = mean_field(
                score, guide=guide, scale=scale, strength=strength, sweeps=_SWEEPS
            ).argmax(axis=0)
            inner = found[y - y0 :, x - x0 :][:_TILE, :_TILE]
            labels[y : y + _TILE, x : x + _TILE] = inner + 1
    return labels


def _linear_models(score: FloatArray, guide: FloatArray) -> FloatArray:
    """Fit score (K, y, x) ≈ a·guide + b around each pixel: (K, C + 1, y, x)."""
    window = (2 * _RADIUS + 1, 2 * _RADIUS + 1)
    planes = np.ascontiguousarray(np.moveaxis(guide, -1, 0))
    count = len(planes)

    def mean(plane: FloatArray) -> FloatArray:
        return cv2.blur(plane, window).astype(np.float32, copy=False)

    means = [mean(plane) for plane in planes]
    spread = np.empty((*guide.shape[:2], count, count), np.float32)
    for i in range(count):
        for j in range(i, count):
            shared = mean(planes[i] * planes[j]) - means[i] * means[j]
            spread[..., i, j] = spread[..., j, i] = shared
        spread[..., i, i] += _RIDGE
    models = np.empty((len(score), count + 1, *guide.shape[:2]), np.float32)
    for model, plane in zip(models, score, strict=True):
        level = mean(plane)
        tied = [mean(p * plane) - m * level for p, m in zip(planes, means, strict=True)]
        slopes = np.linalg.solve(spread, np.stack(tied, axis=-1)[..., np.newaxis])
        offset = level - sum(slopes[..., i, 0] * m for i, m in enumerate(means))
        for i in range(count):
            model[i] = mean(np.ascontiguousarray(slopes[..., i, 0]))
        model[count] = mean(offset)
    return models


def _evaluate(
    models: FloatArray,
    guide: FloatArray,
    origin: tuple[int, int],
    shape: tuple[int, int],
) -> FloatArray:
    """Evaluate models at a tile (Y, X, C) of an image of some shape: (K, Y, X)."""
    zoom = np.array(models.shape[2:]) / shape
    shift = (np.array(origin) + 0.5) * zoom - 0.5
    matrix = np.array([[zoom[1], 0, shift[1]], [0, zoom[0], shift[0]]])
    size = guide.shape[1::-1]
    score = np.zeros((len(models), *guide.shape[:2]), np.float32)
    for total, model in zip(score, models, strict=True):
        for i, plane in enumerate(model):
            grown = cv2.warpAffine(
                plane,
                matrix,
                size,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            total += grown * guide[..., i] if i < len(model) - 1 else grown
    return score


def keep_touched(
    labels: NDArray[np.uint8], strokes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Keep pieces of a class that a stroke touches; the others join the nearest.

    Parameters
    ----------
    labels : (Y, X) ndarray of uint8
        Classes 1..K; those under strokes are the strokes'.
    strokes : (Y, X) ndarray of uint8
        Classes 1..K, somewhere; 0 is unknown.

    Returns
    -------
    (Y, X) ndarray of uint8

    Examples
    --------
    >>> labels = np.array([[1, 1, 2, 1, 2]], np.uint8)
    >>> strokes = np.array([[1, 0, 0, 0, 2]], np.uint8)
    >>> keep_touched(labels, strokes)
    array([[1, 1, 1, 2, 2]], dtype=uint8)
    """
    pieces = components(labels)
    touched = np.zeros(int(pieces.max()) + 1, bool)
    touched[pieces[strokes > 0]] = True
    kept = touched[pieces]
    # Each pixel gets the number of the nearest kept one.
    nearest = cv2.distanceTransformWithLabels(
        (~kept).astype(np.uint8),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )[1]
    names = np.zeros(int(nearest.max()) + 1, np.uint8)
    names[nearest[kept]] = labels[kept]
    return names[nearest]
