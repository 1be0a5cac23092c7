"""Separation: what edges around the things that strokes mark say of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from skimage.morphology import reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray

# What a way out over an edge e times less steep than those around the strokes says
# against a class, in nats. Mean IoU of five sets of pictures with strokes is the same
# within .01 for 5 to 7.
_WEIGHT = 5.0
# An edge is at most so much less steep.
_LEAST = 1e-3
_SQUARE = np.ones((3, 3), np.uint8)


def separation(
    steep: FloatArray, labels: NDArray[np.uint8], strokes: NDArray[np.uint8]
) -> FloatArray:
    """Return what speaks against each class since no edge sets it off, in nats.

    The things under a class's strokes are set off by edges of a certain steepness: no
    way leads out of them that does not cross one. What like colors take for the class,
    but a way without such an edge leaves, is hardly one of these things; it may be a
    shadow, or out of focus. How steep the least edge is that ways out cross is the
    saliency of watersheds [1]_, which a reconstruction finds [2]_.

    Parameters
    ----------
    steep : (Y, X) ndarray of float32
        Length of the gradient.
    labels : (Y, X) ndarray of uint8
        What is taken for the classes 1..K; under strokes, these.
    strokes : (Y, X) ndarray of uint8
        Classes 1..K, each somewhere; 0 is none.

    Returns
    -------
    (K, Y, X) ndarray of float32
        At most 0.

    References
    ----------
    .. [1] L. Najman, M. Schmitt, "Geodesic saliency of watershed contours and
       hierarchical segmentation", IEEE Trans. PAMI 18(12), 1163-1173, 1996.
    .. [2] L. Vincent, "Morphological grayscale reconstruction in image analysis:
       applications and efficient algorithms", IEEE Trans. Image Processing 2(2),
       176-201, 1993.

    Examples
    --------
    The third thing of class 2 is set off by a tenth of what the first is:

    >>> steep = np.array([[0, 9, 0, 9, 0, 9, 0, 9, 0, 0.9, 0, 0.9, 0]], np.float32)
    >>> labels = np.array([[1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 1]], np.uint8)
    >>> strokes = np.array([[1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], np.uint8)
    >>> separation(steep, labels, strokes)[1, 0, [2, 6, 10]].round(1)
    array([  0. ,   0. , -11.5], dtype=float32)
    """
    grown = cv2.dilate(labels, _SQUARE), cv2.erode(labels, _SQUARE)
    # The steepest place of an edge may be a pixel beside the outline.
    ways = np.where(grown[0] != grown[1], cv2.dilate(steep, _SQUARE), steep.max())
    least = reconstruction(ways, steep, method="erosion")
    found = np.zeros((int(strokes.max()), *steep.shape), np.float32)
    for k, evidence in enumerate(found):
        usual = np.median(least[strokes == k + 1])
        # Strokes on what is not set off say nothing.
        if usual > 0:
            # What is not taken for the class is out already.
            out = np.where(labels == k + 1, least, steep)
            evidence[...] = _WEIGHT * np.log(np.clip(out / usual, _LEAST, 1))
    return found
