"""Novelty: the part of a region whose colors are rare around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage as ndi

from napari_emseg.engine.scribbles.stroke_model import fit_strokes

if TYPE_CHECKING:
    from napari_emseg.engine._types import BoolArray, FloatArray

__all__ = ["find_novelty"]

# Colors are told apart by so many classes: enough for an object of three colors and
# for surroundings with neighbors and uneven light; 8 to 14 do equally well.
_CLASSES = 10
# A color is new if it is at most so often around the region as in it. The first finds
# objects that have neighbors of their kind; uneven light, or a texture, may need less.
_SHARES = (1.0, 0.5, 0.25)
# One draws around an object rather than through it: new colors cross less than this of
# the region's rim. And of what is known of the object its piece holds at least this.
_CUT, _KNOWN = 0.1, 0.95


def find_novelty(
    features: FloatArray, region: BoolArray, known: BoolArray
) -> BoolArray | None:
    """Return the one piece of a region that has colors of its own.

    The region is a mixture of an object and of what is around the region. The more
    often a color is in it than around it, the more likely is the object [1]_. The
    colors are the classes of a mixture fitted to both; the object is the largest piece
    of new ones, with its holes. It is believed if it does not go on beyond the region's
    rim, as no tightly drawn region cuts its object [2]_, and if it holds what is known
    of the object.

    Parameters
    ----------
    features : (Y, X, C) ndarray of float32
        In units where 100 is the whole range.
    region : (Y, X) ndarray of bool
        What holds the object.
    known : (Y, X) ndarray of bool
        Pixels in the region that are the object's by other evidence.

    Returns
    -------
    (Y, X) ndarray of bool, or None
        None if no piece is to be believed, as where parts of the object look like what
        is around the region, or if there is nothing around it.

    References
    ----------
    .. [1] C. Elkan, K. Noto, "Learning classifiers from only positive and unlabeled
       data", KDD 2008.
    .. [2] V. Lempitsky, P. Kohli, C. Rother, T. Sharp, "Image segmentation with a
       bounding box prior", ICCV 2009.

    Examples
    --------
    >>> features = np.zeros((12, 12, 1), np.float32)
    >>> features[3:9, 3:9], features[5:7, 5:7] = 40, 90
    >>> region, known = np.zeros((2, 12, 12), bool)
    >>> region[2:10, 2:10] = known[5:7, 5:7] = True
    >>> found = find_novelty(features, region, known)
    >>> bool((found == (features[..., 0] > 0)).all())
    True
    """
    if region.all():
        return None
    flat = features.reshape(-1, features.shape[-1])
    labels = fit_strokes(flat, _CLASSES).predict(flat).reshape(region.shape)
    within = np.bincount(labels[region], minlength=_CLASSES + 1) / region.sum()
    around = np.bincount(labels[~region], minlength=_CLASSES + 1) / (~region).sum()
    rim = region & _widen(~region)
    for share in _SHARES:
        new = (around <= share * within)[labels]
        piece = _largest_piece(ndi.binary_fill_holes(new & region))
        whole = (piece & known).sum() >= _KNOWN * known.sum()
        cut = piece & _widen(new & ~region)
        if piece.any() and whole and cut[rim].mean() < _CUT:
            return piece
    return None


def _widen(mask: BoolArray) -> BoolArray:
    """Add the pixels around a mask."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3))) > 0)


def _largest_piece(mask: BoolArray) -> BoolArray:
    _, pieces, measures, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    sizes = measures[1:, cv2.CC_STAT_AREA]
    return pieces == 1 + sizes.argmax() if len(sizes) else mask
