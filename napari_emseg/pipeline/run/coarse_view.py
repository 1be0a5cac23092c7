"""Coarse views of large images: tissue seen at any level, and every nth pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.image.lazy_image import LazyImage

# Glass that nobody spoke of is at least this share of the picture, and this bright.
_SHARE, _BRIGHT = 0.1, 0.75
# Pixels along a side of the median that takes single pixels away.
_MEDIAN = 5


class CoarseMask:
    """A mask of few pixels, seen as one of the size of an image.

    Parameters
    ----------
    coarse : (Y, X) ndarray of bool
        The mask.
    shape : tuple of int
        Of the image; axes before the last two have the same mask everywhere.

    Examples
    --------
    >>> mask = CoarseMask(np.array([[True, False]]), (4, 6))
    >>> mask[1:3, 1:5].astype(int).tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0]]
    """

    def __init__(self, coarse: NDArray[np.bool_], shape: tuple[int, ...]) -> None:
        self._coarse, self.shape = coarse, shape

    def __getitem__(self, where: tuple[Any, ...]) -> NDArray[np.bool_]:
        """Return a part, one pixel for each of the image."""
        parts = [*where, *map(slice, self.shape[len(where) :])]
        ranges = [
            np.arange(*part.indices(length))
            for part, length in zip(parts, self.shape, strict=True)
        ]
        rows, columns = (
            at * n // length
            for at, n, length in zip(
                ranges[-2:], self._coarse.shape, self.shape[-2:], strict=True
            )
        )
        lead = tuple(len(one) for one in ranges[:-2])
        found = self._coarse[np.ix_(rows, columns)]
        return np.broadcast_to(found, (*lead, *found.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it."""
        return np.array(self[()], dtype)

    def of_shape(self, shape: tuple[int, ...]) -> CoarseMask:
        """Return the same mask, seen as one of another size."""
        return CoarseMask(self._coarse, shape)

    def box(self) -> tuple[slice, ...]:
        """Return the smallest part of the image that holds the mask."""
        found = []
        for axis, length in enumerate(self.shape[-2:]):
            used = np.flatnonzero(self._coarse.any(axis=1 - axis))
            n = self._coarse.shape[axis]
            low, high = (used[0], used[-1] + 1) if used.size else (0, 0)
            found.append(slice(int(low * length // n), int(-(-high * length // n))))
        return (*map(slice, [0] * (len(self.shape) - 2), self.shape[:-2]), *found)


class CoarsePicture:
    """Every nth pixel of an array along Y and X; read when it is sliced.

    Parameters
    ----------
    array : array_like
        Anything that slices.
    axes : tuple of int
        Which axes are Y and X.
    step : int
        How many pixels are one.
    """

    def __init__(self, array: Any, axes: tuple[int, int], step: int) -> None:
        self._array, self._axes, self._step = array, axes, step
        self.dtype = array.dtype
        self.shape = tuple(
            -(-n // step) if axis in axes else int(n)
            for axis, n in enumerate(array.shape)
        )

    @classmethod
    def of(cls, picture: LazyImage, pixels: int) -> LazyImage:
        """Return a picture whose planes have few pixels; the same if they have."""
        step = 1
        while np.prod([-(-n // step) for n in picture.shape[-2:]]) > pixels:
            step += 1
        if step == 1:
            return picture
        space = [
            a for a in range(len(picture.source.shape)) if a != picture.channel_axis
        ]
        array = cls(picture.source, (space[-2], space[-1]), step)
        shape = tuple(array.shape[axis] for axis in space)
        white = picture.full_scale if picture.rgb else None
        return replace(picture, source=array, shape=shape, given_scale=white)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part."""
        given = key if isinstance(key, tuple) else (key,)
        where = []
        for axis, length in enumerate(self.shape):
            part = given[axis] if axis < len(given) else slice(None)
            start, stop, _ = part.indices(length)
            n = self._step if axis in self._axes else 1
            where.append(slice(start * n, min(stop * n, self._array.shape[axis]), n))
        return np.asarray(self._array[tuple(where)])


def find_tissue(
    picture: NDArray[np.uint8], *, doubtful: bool
) -> NDArray[np.bool_] | None:
    """Find what is no glass: pixels that have color.

    Chroma is the difference of the largest and the smallest of red, green and blue,
    after a median over 5 by 5 pixels; glass has less than Otsu's threshold [1]_.

    Parameters
    ----------
    picture : (Y, X, 3|4) ndarray of uint8
        A whole slide, at few pixels. Transparent pixels are no tissue.
    doubtful : bool
        Whether to find glass only where it is plain to see: at least a tenth of the
        picture, three quarters as bright as white or brighter in its median.

    Returns
    -------
    (Y, X) ndarray of bool, or None
        None where there is no glass, or no tissue.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE
       Trans. Syst. Man Cybern. 9(1), 62-66, 1979.

    Examples
    --------
    >>> slide = np.full((40, 40, 3), 245, np.uint8)
    >>> slide[10:20, 10:20] = (180, 60, 140)
    >>> int(find_tissue(slide, doubtful=True).sum())
    88
    """
    opaque = np.ones(picture.shape[:2], bool)
    if picture.shape[-1] == 4:
        opaque = picture[..., 3] > 0
    colors = np.ascontiguousarray(picture[..., :3])
    smooth = cv2.medianBlur(colors, _MEDIAN) if min(opaque.shape) >= _MEDIAN else colors
    chroma = smooth.max(axis=-1) - smooth.min(axis=-1)
    seen = chroma[opaque]
    if seen.size == 0 or seen.min() == seen.max():
        return None
    threshold, _ = cv2.threshold(seen.reshape(1, -1), 0, 255, cv2.THRESH_OTSU)
    tissue = (chroma > threshold) & opaque
    glass = opaque & ~tissue
    if doubtful:
        share = np.count_nonzero(glass) / opaque.sum()
        if share < _SHARE or np.median(smooth[glass]) < _BRIGHT * 255:
            return None
    return tissue if tissue.any() and glass.any() else None
