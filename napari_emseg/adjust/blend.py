"""An image to be changed inside a selection: values as 0..1, blended by coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.image.value_range import usual_range
from napari_emseg.pipeline.tiles import bounding_box, tiles
from napari_emseg.select.components import as_selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage

    Window = tuple[slice, ...]

# Pixels that are changed at once.
_SLAB = 2**18


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """An image, what of it is selected, and how its values become 0..1.

    Attributes
    ----------
    picture : LazyImage
        The image.
    coverage : (…) ndarray of bool or float32
        The selection.
    low, high : float
        What 0 and 1 stand for: black and white of RGB and 8 bit, otherwise the smallest
        and the largest finite value, hot pixels and marks of missing data aside.
    """

    picture: LazyImage
    coverage: BoolArray | FloatArray
    low: float
    high: float

    @classmethod
    def of(
        cls,
        image: ArrayLike,
        selection: ArrayLike | None,
        *,
        channel_axis: int | None,
        rgb: bool | None,
    ) -> Canvas:
        """Return the target of an image and a selection of it; None selects everything.

        Raises
        ------
        TypeError, ValueError
            If one cannot be used, or they do not fit.
        """
        picture = as_lazy_image(image, channel_axis=channel_axis, rgb=rgb)
        if selection is None:
            coverage: BoolArray | FloatArray = np.ones(picture.shape, bool)
        else:
            coverage = as_selection(selection, picture.shape)
        dtype = picture.dtype
        if picture.rgb or dtype == np.uint8:
            high = picture.full_scale if picture.rgb else 255.0
            return cls(picture, coverage, 0.0, high)
        values = np.asarray(picture.source[...])
        if dtype.kind == "f":
            values = values[np.isfinite(values)]
        if values.size == 0:
            raise ValueError("image has no finite value; pass one that has")
        (low,), (high,) = (
            end.tolist()
            for end in usual_range(values.reshape(1, -1).astype(np.float64))
        )
        # What float32 cannot tell apart has no range.
        same = high - low < float(np.finfo(np.float32).tiny)
        return cls(picture, coverage, low, low + 1 if same else high)

    def need_rgb(self, what: str) -> None:
        """Reject images without color."""
        if not self.picture.rgb:
            raise ValueError(
                f"{what} needs RGB (a last axis of 3 or 4, uint8, uint16 or float in "
                f"[0, 1]), but the image has {self.picture.channels} channel(s)"
            )

    def unit(self, values: Any) -> Any:
        """Return values of the image as 0..1."""
        given = np.asarray(values)
        if given.dtype.kind == "u" and given.dtype.itemsize <= 2 and self.low == 0:
            return np.multiply(given, np.float32(1 / self.high), dtype=np.float32)
        given = given.astype(np.float64)
        return ((given - self.low) / (self.high - self.low)).astype(np.float32)

    def restore(self, unit: NDArray[Any]) -> NDArray[Any]:
        """Return 0..1 as values of the image's type, clipped to what it can hold."""
        dtype = self.picture.dtype
        values = np.asarray(unit, np.float64) * (self.high - self.low) + self.low
        if self.picture.rgb:
            # White stays what it is.
            values = np.clip(values, self.low, self.high)
        if dtype.kind == "f":
            return values.astype(dtype)
        if dtype.kind == "b":
            return values >= 0.5
        bounds = np.iinfo(dtype)
        # The largest 64-bit integers are no floats; the next smaller float is taken.
        most = np.nextafter(float(bounds.max), 0) if dtype.itemsize == 8 else bounds.max
        return np.clip(np.rint(values), bounds.min, most).astype(dtype)

    def change(
        self,
        how: Callable[[FloatArray, Window], FloatArray],
        *,
        margin: int = 0,
        whole: bool = False,
    ) -> NDArray[Any]:
        """Return a changed copy of the image.

        Parameters
        ----------
        how : callable
            Takes (…, C) values 0..1 without alpha and the window that they fill, and
            gives the changed ones, in an array of their own.
        margin : int, optional
            How many pixels around each, along Y and X, it looks at.
        whole : bool, optional
            Whether it must see whole planes of the selection. It is called for parts
            of them otherwise.
        """
        picture = self.picture
        out = picture.read()
        source = picture.source
        # Arrays of others (dask, zarr) cannot tell whose memory they gave.
        if not isinstance(source, np.ndarray) or np.may_share_memory(out, source):
            out = out.copy()
        before = out.copy() if margin > 0 and not whole else out
        for window, around in self._windows(margin, whole):
            inner = tuple(
                slice(part.start - wide.start, part.stop - wide.start)
                for part, wide in zip(window, around, strict=True)
            )
            unit = self.unit(before[around][..., : picture.channels])
            made = how(unit, around)[inner]
            unit = unit[inner]
            new = self.mix(unit, made, window)
            # What is as before keeps its bytes, which float32 cannot hold all.
            changed = (new != unit) & ~(np.isnan(new) & np.isnan(unit))
            old = out[window][..., : picture.channels]
            np.copyto(old, self.restore(new), where=changed)
        return self.layout(out)

    def mix(self, unit: FloatArray, new: FloatArray, window: Window) -> FloatArray:
        """Return a blend of old and new values in 0..1 by the coverage."""
        share = self.coverage[window][..., np.newaxis]
        if share.dtype == bool:
            return np.where(share, new, unit)
        if self.picture.rgb or self.picture.dtype == np.uint8:
            # Half of what is brighter than white is not white.
            new = np.clip(new, 0, 1)
        return np.where(share > 0, unit + share * (new - unit), unit)

    def layout(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return (…, C) values in the axes of the image."""
        axis = self.picture.channel_axis
        if axis is None:
            return values[..., 0]
        return np.ascontiguousarray(np.moveaxis(values, -1, axis))

    def _windows(self, margin: int, whole: bool) -> Iterator[tuple[Window, Window]]:
        """Yield parts of the box of the selection, each with its surroundings."""
        box = bounding_box(self.coverage)
        if self.coverage[box].size == 0:
            return
        shape = self.coverage.shape
        lengths = [part.stop - part.start for part in box]
        size = [1] * len(lengths)
        size[-2:] = lengths[-2:]
        if margin == 0:
            size[1:] = lengths[1:]
            size[0] = max(1, _SLAB // int(np.prod(lengths[1:])))
        elif not whole:
            # Parts are several times as high as what they overlap by.
            size[-2] = max(4 * margin, _SLAB // lengths[-1], 1)
        for tile in tiles(shape, tuple(size), box=box):
            around = list(tile.write)
            for axis in (-2, -1) if margin > 0 else ():
                part = tile.write[axis]
                around[axis] = slice(
                    max(part.start - margin, 0), min(part.stop + margin, shape[axis])
                )
            yield (tuple(around) if whole else tile.write), tuple(around)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Reject a number that is not between two others."""
    if not low <= value <= high:
        raise ValueError(f"{name}={value} is out of bounds; pass {low} to {high}")
