"""Pixels in one padded row, where each neighbor is a constant distance away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np

from napari_emseg.engine.kept_property import kept_property
from napari_emseg.engine.mrf.potts import neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike, NDArray

    T = TypeVar("T", bound=np.generic)

# Pixels between two rows, and around all: the farthest neighbor that is looked at.
PAD = 4
# Ranges of elements are multiples of this: OpenCV takes four numbers for a color.
_UNIT = 64


class FlatGrid:
    """A grid of pixels whose planes are flat arrays with a frame.

    Every operation on neighbors is one on contiguous memory, and the frame makes the
    border no special case.

    Parameters
    ----------
    shape : tuple of int
        Two or three axes.

    Attributes
    ----------
    shape : tuple of int
        The same.
    size : int
        Elements of a plane.
    start, stop : int
        The elements that operations are done on: all pixels, and some of the frame.

    Examples
    --------
    >>> grid = FlatGrid((2, 3))
    >>> plane = grid.full((), np.uint8, 0)
    >>> grid.view(plane)[...] = [[1, 2, 3], [4, 5, 6]]
    >>> row = plane[grid.start : grid.stop]
    >>> row[: grid.step((1, 0)) + 1]
    array([1, 2, 3, 0, 0, 0, 0, 4], dtype=uint8)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._padded = (shape[0], *(n + PAD for n in shape[1:]))
        strides = np.cumprod((1, *self._padded[:0:-1]))[::-1]
        self._strides = tuple(int(s) for s in strides)
        margin = PAD * sum(self._strides)
        self.start = margin
        self._end = margin + shape[0] * self._strides[0]
        self.stop = margin + -(-(self._end - margin) // _UNIT) * _UNIT
        self.size = self.stop + margin

    def full(self, lead: tuple[int, ...], dtype: DTypeLike, value: int) -> NDArray[Any]:
        """Return planes (*lead, size) of one value."""
        shape = (*lead, self.size)
        return np.full(shape, value, dtype) if value else np.zeros(shape, dtype)

    def view(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Return the pixels (…, *shape) of planes (…, size), without a copy."""
        inside = planes[..., self.start : self._end]
        inside = inside.reshape(*planes.shape[:-1], *self._padded)
        if len(self.shape) == 3:
            inside = inside[..., : self.shape[1], :]
        return inside[..., : self.shape[-1]]

    def lay(
        self, pixels: NDArray[Any], valid: NDArray[np.bool_] | None, value: int
    ) -> NDArray[Any]:
        """Return pixels (…, *shape) as planes, of one value where none counts."""
        planes = self.full(pixels.shape[: -len(self.shape)], pixels.dtype, value)
        inside = self.view(planes)
        inside[...] = pixels
        if valid is not None:
            inside[..., ~valid] = value
        return planes

    def clear(self, planes: NDArray[Any], valid: NDArray[np.bool_] | None) -> None:
        """Write 0 between the rows, and where pixels (*shape) do not count."""
        inside = planes[..., self.start : self._end]
        inside = inside.reshape(*planes.shape[:-1], *self._padded)
        planes[..., self._end : self.stop] = 0
        inside[..., self.shape[-1] :] = 0
        if len(self.shape) == 3:
            inside[..., self.shape[1] :, :] = 0
        if valid is not None:
            self.view(planes)[..., ~valid] = 0

    def step(self, offset: tuple[int, ...]) -> int:
        """Return the distance to a neighbor."""
        return sum(d * s for d, s in zip(offset, self._strides, strict=True))

    @kept_property
    def ahead(self) -> list[tuple[int, int, float]]:
        """Half of the neighbors: distance in elements, axes crossed, inverse length."""
        return [
            (self.step(offset), int(np.count_nonzero(offset)), near)
            for offset, near in neighbors(len(self.shape)).items()
        ]

    def blocks(self, length: int) -> Iterator[tuple[int, int]]:
        """Yield the elements in ranges of about a length."""
        length = max(1024, length // _UNIT * _UNIT)
        for start in range(self.start, self.stop, length):
            yield start, min(start + length, self.stop)


def halve(
    planes: NDArray[np.int16], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.int16]:
    """Average the pixels that count of each two by two, rounding halves up.

    Parameters
    ----------
    planes : (N, Y, X) ndarray of int16
        Pixels.
    valid : (Y, X) ndarray of bool, optional
        Those that count.

    Returns
    -------
    (N, ⌈Y/2⌉, ⌈X/2⌉) ndarray of int16
        Any number where none counts.
    """
    rows, columns = (n + n % 2 for n in planes.shape[1:])
    out = np.empty((len(planes), rows // 2, columns // 2), np.int16)
    for plane, half in zip(planes, out, strict=True):
        cv2.resize(
            even(plane), half.shape[::-1], dst=half, interpolation=cv2.INTER_AREA
        )
    if valid is not None:
        count = count_four(valid)
        y, x = np.nonzero((count > 0) & (count < 4))
        total = np.zeros((len(planes), y.size), np.int64)
        for at in four(y, x, planes.shape[1:]):
            total += np.where(valid[at], planes[:, *at], 0)
        out[:, y, x] = (2 * total + count[y, x]) // (2 * count[y, x])
    return out


def even(plane: NDArray[T]) -> NDArray[T]:
    """Repeat the last row and the last column where their number is odd."""
    odd = [n % 2 for n in plane.shape[:2]]
    if not any(odd):
        return plane
    return np.pad(
        plane, [(0, n) for n in odd] + [(0, 0)] * (plane.ndim - 2), mode="edge"
    )


def count_four(valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Count the pixels that count of each two by two; the last ones are repeated."""
    rows = even(valid).astype(np.uint8)
    rows = rows[0::2] + rows[1::2]
    return rows[:, 0::2] + rows[:, 1::2]


def four(
    y: NDArray[np.intp], x: NDArray[np.intp], shape: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield where the pixels of some cells of two by two are, one of each at a time."""
    for dy in (0, 1):
        for dx in (0, 1):
            yield (
                np.minimum(2 * y + dy, shape[0] - 1),
                np.minimum(2 * x + dx, shape[1] - 1),
            )


def repeat_into(out: NDArray[np.uint16], cells: NDArray[np.uint16]) -> None:
    """Write each cell (N, y, x) into its two by two pixels (N, Y, X)."""
    rows, columns = out.shape[1:]
    for plane, half in zip(out, cells, strict=True):
        # One multiplication makes two of each.
        twice = half.astype(np.uint32)
        twice *= np.uint32(65537)
        wide = twice.view(np.uint16)[:, :columns]
        plane[0::2] = wide
        plane[1::2] = wide[: rows // 2]


def repeat_labels(
    labels: NDArray[np.uint8], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Repeat labels (y, x) of cells for their two by two pixels (Y, X)."""
    rows, columns = labels.shape
    out = np.empty((rows, 2, columns), np.uint16)
    out[:, 0] = labels
    out[:, 0] *= np.uint16(257)
    out[:, 1] = out[:, 0]
    wide = out.view(np.uint8).reshape(2 * rows, 2 * columns)
    return np.ascontiguousarray(wide[: shape[0], : shape[1]])
