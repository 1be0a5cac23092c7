"""What can be an image: anything that slices, and what is mistaken for that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.image.axes import (
    CHANNELS,
    COLORS,
    check_axes,
    letters_of,
    unnamed_axes,
    view_of,
    without_channels,
)
from napari_emseg.engine.image.value_range import full_scale
from napari_emseg.engine.kept_property import kept_property

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_emseg.engine._types import Sliceable

RGB_DTYPES = (np.dtype("uint8"), np.dtype("uint16"))
# An image with both sides above this and a last axis of 3 or 4 is meant as RGB,
# whatever its type; napari guesses by the same length.
_RGB_SIDE = 30
# Values that are read at once to find their range.
_SLAB = 2**22
# And at most, where it takes so many to read whole chunks.
_MOST = 2**27
# Those that show whether a picture has color, nearly always.
_FEW = 2**10
# Interpolation may leave float images this far outside [0, 1].
_SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class LazyImage:
    """An image whose axes are understood; nothing is read or copied yet.

    Attributes
    ----------
    source : Sliceable
        Numpy, dask, zarr…: anything that slices.
    shape : tuple of int
        Spatial shape, (…, Y, X), without channels.
    channel_axis : int or None
        Axis of `source` that holds channels; None for scalar images.
    rgb : bool
        Whether the first three channels are red, green and blue.
    given_scale : float or None
        What the caller says is white in RGB.
    given_axes : str or None
        Letters of the axes of the image, if somebody told them.
    order : tuple of int
        The channels in the order in which they are read; empty for that of the image.
    """

    source: Sliceable
    shape: tuple[int, ...]
    channel_axis: int | None
    rgb: bool
    given_scale: float | None = None
    given_axes: str | None = None
    order: tuple[int, ...] = ()

    @property
    def axes(self) -> str:
        """Letters of the spatial axes; C is one of them if channels are planes."""
        if self.given_axes is None:
            return unnamed_axes(len(self.shape))
        if self.channel_axis is None:
            return self.given_axes
        return without_channels(self.given_axes)

    @property
    def all_axes(self) -> str:
        """Letters of all axes of `source`, as far as they are known or guessed."""
        if self.channel_axis is None:
            return self.axes
        letter = COLORS if self.rgb else CHANNELS
        place = self.channel_axis
        return self.axes[:place] + letter + self.axes[place:]

    def split(self) -> LazyImage:
        """Return the image with its channels as planes; of one channel, as it is.

        Raises
        ------
        ValueError
            If they are colors.
        """
        if self.rgb:
            raise ValueError(
                "channels='each' takes channels one by one, but red, green and blue "
                "are one color; pass rgb=False, or name their axis C in axes="
            )
        if self.channels == 1:
            return self
        shape = tuple(self.source.shape)
        return replace(self, shape=shape, channel_axis=None, given_axes=self.all_axes)

    def part(self, at: dict[int, int]) -> LazyImage:
        """Return a part, which has an index along some of the spatial axes."""
        pixels = [a for a in range(len(self.source.shape)) if a != self.channel_axis]
        fixed = {pixels[axis]: index for axis, index in at.items()}
        kept = [a for a in range(len(self.source.shape)) if a not in fixed]
        letters = "".join(self.all_axes[a] for a in kept)
        channel = self.channel_axis
        return replace(
            self,
            source=view_of(self.source, tuple(kept), fixed),
            shape=tuple(n for axis, n in enumerate(self.shape) if axis not in at),
            channel_axis=None if channel is None else kept.index(channel),
            given_scale=self.full_scale if self.rgb else None,
            given_axes=letters,
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return np.dtype(self.source.dtype).newbyteorder("=")

    @property
    def channels(self) -> int:
        """Number of channels that carry data: alpha does not count."""
        if self.rgb:
            return 3
        if self.channel_axis is None:
            return 1
        return self.source.shape[self.channel_axis]

    @kept_property
    def gray(self) -> bool:
        """Whether it is RGB whose three channels are equal everywhere."""
        if not self.rgb:
            return False
        # Nearly every color picture shows that it is one in its first pixels.
        row = int(np.prod(self.source.shape[-2:]))
        few = *(slice(0, 1),) * (len(self.shape) - 2), slice(0, max(1, _FEW // row))
        return _equal(np.asarray(self.source[few])) and all(
            _equal(part) for part in slabs(self.source)
        )

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

    @kept_property
    def full_scale(self) -> float:
        """The value that is white in RGB, of the whole image; 1 for other images."""
        if not self.rgb:
            return 1.0
        if self.given_scale is not None:
            return self.given_scale
        return full_scale((part[..., :3] for part in slabs(self.source)), self.dtype)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """What is read at once along each axis of space; None if single pixels are."""
        found = getattr(self.source, "chunks", None)
        if not found or len(found) != len(self.source.shape):
            return None
        # Dask lists the sizes of all chunks.
        sides = [max(one) if isinstance(one, tuple) else int(one) for one in found]
        return tuple(n for axis, n in enumerate(sides) if axis != self.channel_axis)

    def read(self, where: tuple[slice, ...] = ()) -> NDArray[Any]:
        """Read a part as a C-contiguous array of native byte order.

        Parameters
        ----------
        where : tuple of slice, optional
            One slice for each leading spatial axis; all by default.

        Returns
        -------
        (…, C) ndarray
            C is 1 for scalar images, 3 or 4 for RGB, else all channels.
        """
        if self.channel_axis is None:
            values = np.asarray(self.source[where])[..., np.newaxis]
        else:
            key = list(where) + [slice(None)] * (len(self.shape) - len(where))
            key.insert(self.channel_axis, slice(None))
            values = np.moveaxis(
                np.asarray(self.source[tuple(key)]), self.channel_axis, -1
            )
        if self.order:
            values = values[..., list(self.order)]
        if _is_planes(values) and values.dtype == self.dtype:
            # Several times as fast as numpy interleaves them.
            return cv2.merge([values[..., c] for c in range(values.shape[-1])])
        return np.ascontiguousarray(values, self.dtype)


def _is_planes(values: NDArray[Any]) -> bool:
    """Tell whether colors of a picture lie in memory one plane after another."""
    return (
        values.ndim == 3
        and values.shape[-1] in (3, 4)
        and values.dtype in RGB_DTYPES
        and values.size > 0
        and values.strides[1] == values.itemsize
        and values.strides[2] > values.strides[1]
    )


def as_lazy_image(
    image: Any,
    *,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    full_scale: float | None = None,
    axes: str | None = None,
) -> LazyImage:
    """Understand the axes of an image, or say why that cannot be.

    Parameters
    ----------
    image : array_like
        (…, Y, X), (…, Y, X, 3|4) RGB(A), or with channels at `channel_axis`; a last
        axis of 1 is one channel. bool, integer or float; read only when sliced.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is red, green, blue and perhaps alpha. By default
        RGB is a last axis of 3 or 4 of uint8, uint16, or float in [0, 1]. False: the
        last axis is X, of whatever length.
    full_scale : float, optional
        The value that is white in RGB; other images have none. By default that of the
        type, or of 16 bit that of the fewest bits which hold the values.
    axes : str, optional
        One letter for each axis, as for `check_axes`. By default what the ``dims`` of
        xarray tell, if they do.

    Returns
    -------
    LazyImage

    Raises
    ------
    TypeError
        If the values are complex, text, objects or dates, or it is no array at all.
    ValueError
        If the shape is empty or has fewer than two spatial axes, if it looks like RGB
        but its values do not fit, or if it is several arrays of different shapes.
    """
    image = as_sliceable(image)
    dtype, shape = np.dtype(image.dtype), tuple(image.shape)
    check_known(shape, "image")
    if len(shape) < 2 or 0 in shape:
        raise ValueError(
            f"image has shape {shape}, but at least two axes (Y, X) with at least "
            "one pixel each are needed"
        )
    if axes is not None and channel_axis is not None:
        raise ValueError(
            f"axes={axes!r} and channel_axis={channel_axis} both tell where channels "
            "are; pass one of them"
        )
    if axes is None and channel_axis is None and rgb is None:
        axes = _told(image, full_scale)
    if isinstance(getattr(image, "dims", None), tuple):
        # An array of xarray moves its axes by their names alone.
        image = as_sliceable(image.data)
    if axes is not None:
        axes = check_axes(axes, shape)
        image, channel_axis, rgb = _placed(image, axes, rgb)
        shape = tuple(image.shape)
    if channel_axis is not None and rgb:
        raise ValueError("pass either channel_axis or rgb=True, not both")
    if channel_axis is not None:
        if not isinstance(channel_axis, int | np.integer):
            raise TypeError(f"channel_axis={channel_axis!r}, but it is a whole number")
        if not -len(shape) <= channel_axis < len(shape):
            raise ValueError(
                f"channel_axis={channel_axis} is not an axis of an image of shape "
                f"{shape}; pass a number from {-len(shape)} to {len(shape) - 1}"
            )
        channel_axis %= len(shape)
        rgb = False
    elif rgb or (rgb is None and _looks_rgb(image, shape, dtype, full_scale)):
        _check_rgb(image, shape, dtype, full_scale)
        channel_axis, rgb = len(shape) - 1, True
    elif rgb is None and len(shape) > 2 and shape[-1] == 1:
        channel_axis = len(shape) - 1
    spatial = tuple(n for axis, n in enumerate(shape) if axis != channel_axis)
    if len(spatial) < 2:
        raise ValueError(
            f"image of shape {shape} has {len(spatial)} spatial axis besides the "
            "channels, but Y and X are needed; add an axis of length 1"
        )
    if full_scale is not None and not (np.isfinite(full_scale) and full_scale > 0):
        raise ValueError(
            f"full_scale={full_scale}, but it is the value of white; pass a number "
            "above 0, such as 4095 for 12 bit"
        )
    return LazyImage(image, spatial, channel_axis, bool(rgb), full_scale, axes)


def _told(image: Any, white: float | None) -> str | None:
    """Return what an array of xarray tells of its axes; None if it does not."""
    names = getattr(image, "dims", None)
    axes = letters_of(names) if isinstance(names, tuple) else None
    if axes is None or not axes.endswith(CHANNELS):
        return axes
    shape, dtype = tuple(image.shape), np.dtype(image.dtype)
    colored = _looks_rgb(image, shape, dtype, white)
    return axes[:-1] + COLORS if colored else axes


def _placed(
    image: Any, axes: str, rgb: bool | None
) -> tuple[Any, int | None, bool | None]:
    """Return an image with colors last, and which of its axes has channels."""
    colored = rgb if rgb is not None else COLORS in axes
    place = max(axes.find(CHANNELS), axes.find(COLORS))
    if place < 0 and rgb:
        raise ValueError(
            f"rgb=True, but axes={axes!r} has no colors (S) among them; name the axis "
            "of red, green and blue so, or leave rgb out"
        )
    if place < 0:
        return image, None, False
    if colored:
        return (
            np.moveaxis(image, place, -1) if place < len(axes) - 1 else image,
            None,
            True,
        )
    return image, place, None


def _looks_rgb(
    image: Any, shape: tuple[int, ...], dtype: np.dtype[Any], white: float | None
) -> bool:
    if len(shape) < 3 or shape[-1] not in (3, 4) or dtype.kind == "b":
        return False
    if fits_rgb(image, white):
        return True
    if min(shape[-3:-1]) > _RGB_SIDE:
        raise ValueError(
            f"image of shape {shape} looks like RGB, but RGB is uint8, uint16 or float "
            f"in [0, 1] and this is {dtype} with other values; convert it, pass "
            "rgb=False for a stack of slices, or channel_axis=-1 for plain channels"
        )
    return False


def fits_rgb(image: Sliceable, full_scale: float | None = None) -> bool:
    """Whether values can be colors: uint8, uint16, or float from 0 to white."""
    dtype = np.dtype(image.dtype)
    return dtype.newbyteorder("=") in RGB_DTYPES or (
        dtype.kind == "f" and _in_range(image, full_scale or 1.0)
    )


def slabs(source: Sliceable) -> Iterator[NDArray[Any]]:
    """Read an array piece by piece along its first axis, as little as need be."""
    row = int(np.prod(source.shape[1:]))
    step = max(1, _SLAB // row)
    chunks = getattr(source, "chunks", None)
    if chunks:
        # Whole chunks, or each of them would be read several times.
        high = max(chunks[0]) if isinstance(chunks[0], tuple) else int(chunks[0])
        high = -(-step // high) * high
        step = high if high * row <= _MOST else step
    for start in range(0, source.shape[0], step):
        yield np.asarray(source[start : start + step])


def _equal(values: NDArray[Any]) -> bool:
    """Tell whether red, green and blue (…, C) are equal, or none of them a number."""
    nan = values.dtype.kind == "f"
    red, green, blue = (values[..., channel] for channel in range(3))
    return np.array_equal(red, green, equal_nan=nan) and np.array_equal(
        green, blue, equal_nan=nan
    )


def _in_range(image: Sliceable, white: float) -> bool:
    for values in slabs(image):
        finite = np.isfinite(values)
        low = values.min(where=finite, initial=0)
        high = values.max(where=finite, initial=0)
        if low < -_SLACK * white or high > (1 + _SLACK) * white:
            return False
    return True


def _check_rgb(
    image: Any, shape: tuple[int, ...], dtype: np.dtype[Any], white: float | None
) -> None:
    if len(shape) < 3 or shape[-1] not in (3, 4):
        raise ValueError(
            f"rgb=True needs a last axis of 3 or 4 after Y and X, got shape {shape}"
        )
    if dtype.kind != "f" and dtype.newbyteorder("=") not in RGB_DTYPES:
        raise ValueError(
            f"RGB images are uint8, uint16 or float in [0, 1], got {dtype}; convert it"
        )
    if dtype.kind == "f" and not _in_range(image, white or 1.0):
        raise ValueError(
            f"RGB images of type float must lie in [0, {white or 1:g}], but this one "
            "does not; pass the value of white as full_scale= (255 for values from 8 "
            "bit), or divide by it"
        )


def as_sliceable(image: Any) -> Sliceable:
    """Return an array of any kind as it is, and lists of numbers as an array.

    Raises
    ------
    TypeError
        If it is something else, such as a file name, a layer, a folder of arrays, or
        holds no numbers.
    ValueError
        If it is several arrays of different sizes, as a pyramid is, or a masked array.
    """
    if isinstance(image, str | os.PathLike):
        raise TypeError(
            f"image is the name {os.fspath(image)!r}; read the file first, with "
            "napari_emseg.files.read_image"
        )
    found = image
    if not (hasattr(image, "shape") and hasattr(image, "dtype")):
        try:
            found = np.asarray(image)
        except ValueError:  # NumPy's way to say that parts differ in shape
            raise _pyramid(image) from None
    # napari's, which has a shape, and the levels as items.
    elif isinstance(image, Sequence):
        raise _pyramid(image)
    if np.ma.is_masked(found):
        raise ValueError(
            "image has masked values, which would count as any other; pass image.data, "
            "and where it is not masked as mask="
        )
    dtype = np.dtype(found.dtype)
    if dtype.kind in "buif":
        return found
    if found is image:
        raise TypeError(
            f"image has values of type {dtype}, which have no order in a space of "
            "colors; pass bool, integers or floats (of complex values, the modulus)"
        )
    raise TypeError(
        f"image is of type {type(image).__name__}, which is no array of numbers; pass "
        "one: of a napari layer its data, of a Zarr group one of its arrays"
    )


def _pyramid(image: Any) -> ValueError:
    return ValueError(
        f"image is of type {type(image).__name__} and holds arrays of different "
        "shapes, as a pyramid does; pass one of them, such as image[0]"
    )


def check_known(shape: tuple[float, ...], name: str) -> None:
    """Check that an array knows its shape.

    Parameters
    ----------
    shape : tuple of int
        Dask has NaN where it does not know.
    name : str
        What the array is called.

    Raises
    ------
    ValueError
        If an axis has no known size.

    Examples
    --------
    >>> check_known((4, 6), "image")
    """
    unknown = [axis for axis, size in enumerate(shape) if np.isnan(size)]
    if unknown:
        axes = ", ".join(map(str, unknown))
        raise ValueError(
            f"{name} does not know its size along axis {axes}, as arrays of Dask that "
            "were chosen by a condition; call compute_chunk_sizes() on its data first"
        )
