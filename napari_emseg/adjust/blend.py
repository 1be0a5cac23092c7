"""An image to be changed inside a selection: values as 0..1, blended by coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.image.value_range import usual_range
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.select.components import as_selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage

    Window = tuple[slice, ...]

# Pixels that are changed at once.
_SLAB = 2**20


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
        same = high - low < np.finfo(np.float32).tiny
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
        self, how: Callable[[FloatArray, Window], FloatArray], *, margin: int = 0
    ) -> NDArray[Any]:
        """Return a changed copy of the image.

        Parameters
        ----------
        how : callable
            Takes (…, C) values 0..1 without alpha and the window that they fill, and
            gives the changed ones, in an array of their own.
        margin : int, optional
            How many pixels around each, along Y and X, it looks at. Without any, it
            is called for parts of the image, otherwise for whole planes.
        """
        picture = self.picture
        out = picture.read()
        source = picture.source
        # Arrays of others (dask, zarr) cannot tell whose memory they gave.
        if not isinstance(source, np.ndarray) or np.may_share_memory(out, source):
            out = out.copy()
        for window in self._windows(margin):
            old = out[window][..., : picture.channels]
            unit = self.unit(old)
            new = self.mix(unit, how(unit, window), window)
            # What is as before keeps its bytes, which float32 cannot hold all.
            changed = (new != unit) & ~(np.isnan(new) & np.isnan(unit))
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

    def _windows(self, margin: int) -> Iterator[Window]:
        """Yield parts of the box of the selection, or its planes with a margin."""
        box = bounding_box(self.coverage)
        if self.coverage[box].size == 0:
            return
        if margin == 0:
            rest = int(np.prod([part.stop - part.start for part in box[1:]]))
            step = max(1, _SLAB // rest)
            for start in range(box[0].start, box[0].stop, step):
                yield (slice(start, min(start + step, box[0].stop)), *box[1:])
            return
        plane = tuple(
            slice(max(part.start - margin, 0), min(part.stop + margin, length))
            for part, length in zip(box[-2:], self.coverage.shape[-2:], strict=True)
        )
        for at in np.ndindex(*[part.stop - part.start for part in box[:-2]]):
            yield (
                *(
                    slice(part.start + n, part.start + n + 1)
                    for part, n in zip(box, at, strict=False)
                ),
                *plane,
            )


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Reject a number that is not between two others."""
    if not low <= value <= high:
        raise ValueError(f"{name}={value} is out of bounds; pass {low} to {high}")
