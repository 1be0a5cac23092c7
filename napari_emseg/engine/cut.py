"""Cut: score maps become outlines that follow edges and keep to the strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_emseg.engine.components import components
from napari_emseg.engine.spatial import edge_scale, mean_field
from napari_emseg.engine.strokes import resize, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.features import FloatArray

# The bond between neighbors of equal color, in nats, at smoothing 1.
STRENGTH = 4.0
# Tiles in which an outline is drawn at full resolution, and how far they look
# around; sweeps of mean field there, and at first.
_TILE, _HALO = 256, 16
_SWEEPS, _SWEEPS_FIRST = 4, 10


def solve(
    score: FloatArray,
    smoothed: FloatArray,
    strokes: NDArray[np.uint8],
    *,
    strength: float,
) -> FloatArray:
    """Let neighbors of like color agree; strokes are certain.

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
    posterior: FloatArray,
    features: FloatArray,
    *,
    strength: float,
) -> NDArray[np.uint8]:
    """Draw outlines found at low resolution at that of the image.

    Only tiles with an outline are worked on: most of an image has none.

    Parameters
    ----------
    posterior : (K, y, x) ndarray of float32
        Probabilities at low resolution.
    features : (Y, X, C) ndarray of float32
        In units where 100 is the whole range.
    strength : float
        Of the bond between neighbors, in nats.

    Returns
    -------
    (Y, X) ndarray of uint8
        Classes 1..K.
    """
    shape = features.shape[:2]
    if posterior.shape[1:] == shape:
        return (posterior.argmax(axis=0) + 1).astype(np.uint8)
    score = np.stack([resize(plane, shape) for plane in posterior])
    np.log(np.maximum(score, 0.01), out=score)
    labels = (score.argmax(axis=0) + 1).astype(np.uint8)
    before = labels.copy()
    scale = edge_scale(features)
    if not strength or not scale:
        return labels
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
            found = mean_field(
                score[:, *part],
                guide=smooth(features[part]),
                scale=scale,
                strength=strength,
                sweeps=_SWEEPS,
            ).argmax(axis=0)
            inner = found[y - y0 :, x - x0 :][:_TILE, :_TILE]
            labels[y : y + _TILE, x : x + _TILE] = inner + 1
    return labels


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
