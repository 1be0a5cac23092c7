"""A part of an image, as integers of its pixels or of cells of two by two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.image.color_space import convert
from napari_emseg.engine.kept_property import kept_property
from napari_emseg.engine.mrf.flat_grid import (
    count_four,
    even,
    four,
    halve,
    repeat_into,
    repeat_labels,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_emseg.engine.mrf.fixed_point import Integers, Unit

    Features = NDArray[np.float32]
    Mask = NDArray[np.bool_]

# Deviation of a pixel from the mean of its cell from which on it is looked at by
# itself: gray levels of 8 bit, or a share of a deviation of the filter.
_LEVELS, _SHARE = 12, 0.6
# Values that are converted at once.
_STRIP = 2**18


class TilePicture:
    """A part of an image.

    Parameters
    ----------
    values : (*S, C) ndarray
        Features, or channels of RGB(A).
    valid : (*S) ndarray of bool or None
        Pixels that count.
    color : (str, float) or None
        Color space and the value that is white, if values are channels: then cells are
        means of channels, not of features, which takes a quarter of the conversions.
    halved : bool
        Whether it is looked at in cells, not pixels.
    """

    def __init__(
        self,
        values: NDArray[Any],
        valid: Mask | None,
        color: tuple[str, float] | None,
        *,
        halved: bool,
    ) -> None:
        self.shape = values.shape[:-1]
        self.values, self.valid = values, valid
        self._color, self._halved = color, halved

    @kept_property
    def valid_cells(self) -> Mask | None:
        """Where a pixel counts, if the others do not: cells or pixels."""
        if self.valid is None or not self._halved:
            return self.valid
        return count_four(self.valid) > 0

    def encode(self, units: Sequence[Unit]) -> list[Integers]:
        """Return features (D, …) of the cells, or of the pixels, in each unit."""
        values = self.values
        if self._halved and self._color is not None:
            values = self._mean_values()
        shape = values.shape[:-1]
        out = [np.empty((len(unit.center), *shape), np.int16) for unit in units]
        # Row by row, so that what is in between stays in the cache.
        rows = max(1, _STRIP // max(1, values[0].size))
        for start in range(0, len(values), rows):
            part = slice(start, start + rows)
            # Plane by plane, what follows is three times as fast.
            planes = np.moveaxis(self._convert(values[part]), -1, 0)
            features = np.moveaxis(np.ascontiguousarray(planes), 0, -1)
            for unit, found in zip(units, out, strict=True):
                unit.encode(features, out=found[:, part])
        if self._halved and self._color is None:
            return [halve(found, self.valid) for found in out]
        return out

    def pixels(self, places: NDArray[np.intp]) -> Features:
        """Return features (m, D) of pixels, by their numbers."""
        return self._convert(self._rows.take(places, axis=0))

    def detail(self, unit: Unit, deviation: float) -> Mask:
        """Return cells (y, x) whose mean hides a pixel.

        Parameters
        ----------
        unit : Unit
            Of the features.
        deviation : float
            What the filter takes for texture, in features.
        """
        if self._color is not None:
            gray = self._gray(self._color[1])
            mean = np.empty(self._cells[::-1], np.uint8)
            if self.valid is None:
                size, how = self._cells, cv2.INTER_AREA
                cv2.resize(even(gray), size, dst=mean, interpolation=how)
            else:
                mean[...] = halve(gray.astype(np.int16)[np.newaxis], self.valid)[0]
            away = cv2.absdiff(gray, repeat_labels(mean, self.shape))
            found = np.empty(self.shape, np.uint8)
            cv2.threshold(away, _LEVELS, 255, cv2.THRESH_BINARY, dst=found)
        else:
            found = np.zeros(self.shape, np.uint8)
            least = _SHARE * deviation / unit.step
            wide = np.empty((1, *self.shape), np.uint16)
            for plane in unit.encode(self._convert(self.values)):
                cells = halve(plane[np.newaxis], self.valid)
                repeat_into(wide, cells.view(np.uint16))
                far = np.abs(plane - wide[0].view(np.int16)) > least
                np.maximum(found, far.view(np.uint8) * np.uint8(255), out=found)
        if self.valid is not None:
            found[~self.valid] = 0
        return cv2.resize(even(found), self._cells, interpolation=cv2.INTER_AREA) > 0

    @kept_property
    def _rows(self) -> NDArray[Any]:
        """Values (N, C) of pixel after pixel; of a part of an image this is a copy."""
        return self.values.reshape(-1, self.values.shape[-1])

    @property
    def _cells(self) -> tuple[int, int]:
        rows, columns = self.shape
        return -(-columns // 2), -(-rows // 2)

    def _mean_values(self) -> NDArray[Any]:
        """Return the means (y, x, C) of the channels over what counts of each cell."""
        means = cv2.resize(even(self.values), self._cells, interpolation=cv2.INTER_AREA)
        if self.valid is not None:
            count = count_four(self.valid)
            y, x = np.nonzero((count > 0) & (count < 4))
            total = np.zeros((y.size, means.shape[-1]), np.int64)
            for at in four(y, x, self.shape):
                total += np.where(self.valid[at][:, np.newaxis], self.values[at], 0)
            number = count[y, x].astype(np.int64)[:, np.newaxis]
            means[y, x] = (2 * total + number) // (2 * number)
        return means

    def _convert(self, values: NDArray[Any]) -> Features:
        if self._color is None:
            return np.asarray(values, np.float32)
        return convert(values, *self._color)

    def _gray(self, white: float) -> NDArray[np.uint8]:
        colors = np.ascontiguousarray(self.values[..., :3])
        gray = cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY)
        if gray.dtype != np.uint8 or white != 255:
            gray = cv2.convertScaleAbs(gray, alpha=255 / white)
        return np.asarray(gray, np.uint8)
