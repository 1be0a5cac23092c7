"""Measures of classes: how many pixels, which colors, how many pieces."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emseg.engine.labels.connected_components import components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Float64Array

# OpenCV counts in float32, which holds whole numbers up to here.
_EXACT = 2**24
# OpenCV 5 takes at most 128 channels, earlier versions 512.
_CHANNELS = 128
# Pixels whose pieces are found at once.
_SLAB = 2**24


class Measures:
    """Counts pixels and sums colors of the labels of an image, part by part.

    Parameters
    ----------
    labels : sequence of int
        The K labels that are measured; others are left out.
    channels : int
        Channels C of the image; may be 0.

    Examples
    --------
    >>> found = Measures([1, 2], channels=1)
    >>> found.add(np.array([1, 1, 2, 0]), np.array([[3], [5], [7], [9]]))
    >>> found.pixels, found.mean().ravel(), found.std().ravel()
    (array([2, 1]), array([4., 7.]), array([1., 0.]))
    """

    def __init__(self, labels: Sequence[int], channels: int) -> None:
        self._labels, self._order = np.unique(
            np.array(labels, np.int64), return_inverse=True
        )
        k = len(self._labels)
        self._pixels = np.zeros(k + 1, np.int64)
        # Pixels that are not finite have a label at most, but no color.
        self._summed = np.zeros(k + 1, np.int64)
        # Of values less the origin, as sums of squares of large numbers lose digits.
        self._sums = np.zeros((2, k + 1, channels))
        self._origin: Float64Array | None = None

    def add(self, labels: NDArray[np.integer[Any]], values: NDArray[Any]) -> None:
        """Count a part.

        Parameters
        ----------
        labels : (…) ndarray of int
            Labels of the part.
        values : (…, C) ndarray
            Its channels.
        """
        place = self._places(labels)
        flat = values.reshape(place.size, -1)
        k, channels = len(self._labels), self._sums.shape[2]
        if flat.dtype == np.uint8 and k < 256 and place.size < _EXACT and channels:
            self._add_bytes(place.astype(np.uint8), flat)
            return
        self._pixels += np.bincount(place, minlength=k + 1)
        fine = (place > 0) & np.isfinite(flat).all(axis=1)
        if not fine.any():
            return
        where, colors = place[fine], flat[fine].astype(np.float64)
        self._summed += np.bincount(where, minlength=k + 1)
        if self._origin is None:
            mean = colors.mean(axis=0)
            # Sums of whole numbers stay exact.
            self._origin = mean if flat.dtype.kind == "f" else np.rint(mean)
        for c, column in enumerate((colors - self._origin).T):
            self._sums[0, :, c] += np.bincount(where, column, k + 1)
            self._sums[1, :, c] += np.bincount(where, column**2, k + 1)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each label (K,)."""
        return self._pixels[1:][self._order]

    def mean(self) -> Float64Array:
        """Mean of each label and channel (K, C); NaN without pixels."""
        found = self._moments()[0]
        return found if self._origin is None else found + self._origin

    def std(self) -> Float64Array:
        """Standard deviation of each label and channel (K, C); NaN without pixels."""
        first, second = self._moments()
        return np.sqrt(np.maximum(second - first**2, 0))

    def _moments(self) -> Float64Array:
        """Mean values and mean squares (2, K, C), from the origin."""
        with np.errstate(invalid="ignore"):
            found = self._sums[:, 1:] / self._summed[1:, np.newaxis]
        return found[:, self._order]

    def _places(self, labels: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the place 1..K of each pixel's label; 0 for those left out."""
        flat = labels.ravel()
        k = len(self._labels)
        if np.array_equal(self._labels, np.arange(1, k + 1)):
            if flat.min(initial=0) >= 0 and flat.max(initial=0) <= k:
                return flat
            return np.where((flat >= 0) & (flat <= k), flat, 0)
        place = np.searchsorted(self._labels, flat)
        place = np.minimum(place, k - 1)
        return np.where(self._labels[place] == flat, place + 1, 0)

    def _add_bytes(self, place: NDArray[np.uint8], flat: NDArray[np.uint8]) -> None:
        """Count each label's values, of which there are 256; several times as fast."""
        k, channels = len(self._labels), self._sums.shape[2]
        image = np.ascontiguousarray(flat)[np.newaxis]
        steps = np.arange(256.0)
        for c in range(channels):
            # OpenCV takes an array of more channels for one of three axes.
            few = channels <= _CHANNELS
            column = cv2.extractChannel(image, c) if few else image[..., c].copy()
            images = [place[np.newaxis], column]
            counts = cv2.calcHist(
                images, [0, 1], None, [k + 1, 256], [0, k + 1, 0, 256]
            ).astype(np.float64)
            if c == 0:
                pixels = counts.sum(axis=1).astype(np.int64)
                self._pixels += pixels
                self._summed += pixels
            self._sums[0, :, c] += counts @ steps
            self._sums[1, :, c] += counts @ steps**2


def count_pieces(labels: Any, wanted: Sequence[int]) -> NDArray[np.int64]:
    """Return the number of connected pieces of some labels, as `components` finds them.

    Parameters
    ----------
    labels : (…, Y, X) array_like of int
        Anything that slices; it is read in slabs along the first axis of space.
    wanted : sequence of int
        K labels.

    Returns
    -------
    (K,) ndarray of int64

    Examples
    --------
    >>> count_pieces(np.array([[1, 2, 1, 0, 3]]), [1, 2, 4]).tolist()
    [2, 1, 0]
    """
    lead, space = labels.shape[:-3], labels.shape[-3:]
    step = max(1, _SLAB // max(1, int(np.prod(space[1:]))))
    counts: Counter[int] = Counter()
    for at in np.ndindex(lead):
        of, seams, last = [np.zeros(1, np.int64)], [np.zeros((2, 0), np.int64)], None
        total, plane = 0, tuple(slice(index, index + 1) for index in at)
        for start in range(0, space[0], step):
            part = np.asarray(labels[(*plane, slice(start, start + step))])
            part = part.reshape(part.shape[len(lead) :])
            regions = components(part).astype(np.int64)
            count = int(regions.max(initial=0))
            of_region = np.zeros(count + 1, np.int64)
            of_region[regions] = part
            of.append(of_region[1:])
            regions[regions > 0] += total
            total += count
            if last is not None:
                before, label = last
                same = (label == part[0]) & (part[0] != 0)
                pairs = np.stack([before[same], regions[0][same]])
                seams.append(np.unique(pairs, axis=1))
            last = regions[-1], part[-1]
        label_of, pairs = np.concatenate(of), np.concatenate(seams, axis=1)
        graph = coo_array((np.ones(pairs.shape[1], bool), pairs), (total + 1,) * 2)
        _, piece = connected_components(graph, directed=False)
        _, first = np.unique(piece, return_index=True)
        found, pieces = np.unique(label_of[first[first > 0]], return_counts=True)
        counts.update(dict(zip(found.tolist(), pieces.tolist(), strict=True)))
    return np.array([counts[label] for label in wanted], np.int64)
