"""Features: what is clustered, made from an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_emseg.engine.sliceable import as_sliceable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_emseg.engine.sliceable import Sliceable

FloatArray: TypeAlias = NDArray[np.float32]
BoolArray: TypeAlias = NDArray[np.bool_]

RGB_DTYPES = (np.dtype("uint8"), np.dtype("uint16"))
# An image with both sides above this and a last axis of 3 or 4 is meant as RGB,
# whatever its type; napari guesses by the same length.
_RGB_SIDE = 30
# Squared differences of larger values leave the range of float32. Real images do
# not have such values, but some mark missing pixels with the largest number there is.
LARGEST = 1e18
# Values that are read at once to find their range.
_SLAB = 2**22
# Interpolation may leave float images this far outside [0, 1].
_SLACK = 1e-3

_CODES = {
    "lab": cv2.COLOR_RGB2LAB,
    "luv": cv2.COLOR_RGB2LUV,
    "hsv": cv2.COLOR_RGB2HSV,
    "hls": cv2.COLOR_RGB2HLS,
    "ycrcb": cv2.COLOR_RGB2YCrCb,
    "xyz": cv2.COLOR_RGB2XYZ,
    "gray": cv2.COLOR_RGB2GRAY,
}
# Spaces which OpenCV gives in 0..1 are stretched to 0..100, as L of Lab is, so
# that a tolerance, a variance floor or a K-means move means alike in all of them.
PERCENT = np.float32(100)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
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
    """

    source: Sliceable
    shape: tuple[int, ...]
    channel_axis: int | None
    rgb: bool

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

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

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
        return np.ascontiguousarray(values, self.dtype)


def as_picture(
    image: Any, *, channel_axis: int | None = None, rgb: bool | None = None
) -> Picture:
    """Understand the axes of an image, or say why that cannot be.

    Parameters
    ----------
    image : array_like
        (…, Y, X), (…, Y, X, 3|4) RGB(A), or with channels at `channel_axis`. bool,
        integer or float; read only when sliced.
    channel_axis : int, optional
        Axis of the channels of an image that is not RGB.
    rgb : bool, optional
        Whether the last axis is red, green, blue and perhaps alpha. By default
        RGB is a last axis of 3 or 4 of uint8, uint16, or float in [0, 1].

    Returns
    -------
    Picture

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
    if len(shape) < 2 or 0 in shape:
        raise ValueError(
            f"image has shape {shape}, but at least two axes (Y, X) with at least "
            "one pixel each are needed"
        )
    if channel_axis is not None and rgb:
        raise ValueError("pass either channel_axis or rgb=True, not both")
    if channel_axis is not None:
        if not -len(shape) <= channel_axis < len(shape):
            raise ValueError(
                f"channel_axis={channel_axis} is not an axis of an image of shape "
                f"{shape}; pass a number from {-len(shape)} to {len(shape) - 1}"
            )
        channel_axis %= len(shape)
        rgb = False
    elif rgb or (rgb is None and _looks_rgb(image, shape, dtype)):
        _check_rgb(image, shape, dtype)
        channel_axis, rgb = len(shape) - 1, True
    spatial = tuple(n for axis, n in enumerate(shape) if axis != channel_axis)
    if len(spatial) < 2:
        raise ValueError(
            f"image of shape {shape} has {len(spatial)} spatial axis besides the "
            "channels, but Y and X are needed; add an axis of length 1"
        )
    return Picture(image, spatial, channel_axis, bool(rgb))


def _looks_rgb(image: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    if len(shape) < 3 or shape[-1] not in (3, 4) or dtype.kind == "b":
        return False
    if fits_rgb(image):
        return True
    if min(shape[-3:-1]) > _RGB_SIDE:
        raise ValueError(
            f"image of shape {shape} looks like RGB, but RGB is uint8, uint16 or float "
            f"in [0, 1] and this is {dtype} with other values; convert it, pass "
            "rgb=False for a stack of slices, or channel_axis=-1 for plain channels"
        )
    return False


def fits_rgb(image: Sliceable) -> bool:
    """Whether values can be colors: uint8, uint16, or float in [0, 1]."""
    dtype = np.dtype(image.dtype)
    return dtype.newbyteorder("=") in RGB_DTYPES or (
        dtype.kind == "f" and _in_unit_range(image)
    )


def slabs(source: Sliceable) -> Iterator[NDArray[Any]]:
    """Read an array piece by piece along its first axis, as little as need be."""
    step = max(1, _SLAB // int(np.prod(source.shape[1:])))
    for start in range(0, source.shape[0], step):
        yield np.asarray(source[start : start + step])


def _in_unit_range(image: Sliceable) -> bool:
    for values in slabs(image):
        finite = np.isfinite(values)
        low = values.min(where=finite, initial=0)
        high = values.max(where=finite, initial=0)
        if low < -_SLACK or high > 1 + _SLACK:
            return False
    return True


def _check_rgb(image: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if len(shape) < 3 or shape[-1] not in (3, 4):
        raise ValueError(
            f"rgb=True needs a last axis of 3 or 4 after Y and X, got shape {shape}"
        )
    if dtype.kind != "f" and dtype.newbyteorder("=") not in RGB_DTYPES:
        raise ValueError(
            f"RGB images are uint8, uint16 or float in [0, 1], got {dtype}; convert it"
        )
    if dtype.kind == "f" and not _in_unit_range(image):
        raise ValueError(
            "RGB images of type float must lie in [0, 1], but this one does not; "
            "divide by its full scale (255 for values from 8 bit)"
        )


def resolve_color(picture: Picture, color: str) -> str:
    """Say which conversion ``"auto"`` stands for, and refuse impossible ones.

    Raises
    ------
    ValueError
        If a color space is asked for and the image is not RGB.
    """
    if color == "auto":
        return "lab" if picture.rgb else "none"
    if color == "gray" and picture.channels == 1:
        return "none"
    if color != "none" and not picture.rgb:
        raise ValueError(
            f"image has {picture.channels} channel(s), but color={color!r} needs RGB "
            "(a last axis of 3 or 4, uint8, uint16 or float in [0, 1]); pass "
            "color='none', or choose 3 channels"
        )
    return color


def unit_rgb(values: NDArray[Any]) -> FloatArray:
    """Scale RGB values to float32 in [0, 1] by their type; alpha is dropped."""
    values = values[..., :3]
    if values.dtype.kind == "f":
        return np.asarray(values, np.float32)
    return np.asarray(values, np.float32) / np.float32(np.iinfo(values.dtype).max)


def convert(values: NDArray[Any], color: str) -> FloatArray:
    """Convert channels to features.

    Parameters
    ----------
    values : (…, C) ndarray
        As `Picture.read` gives them.
    color : str
        A color space of `resolve_color`'s answers.

    Returns
    -------
    (…, D) ndarray of float32
        ``"lab"`` and ``"luv"``: L in 0..100. ``"hsv"`` and ``"hls"``: value or
        lightness first, then saturation as a plane vector in the direction of the
        hue (an angle has no mean; a vector has). All others in 0..100, except
        ``"none"``: the values as they are.
    """
    if color == "none":
        # Values beyond float32 become infinite, which `usable` knows about.
        with np.errstate(over="ignore"):
            return np.asarray(values, np.float32)
    rgb = unit_rgb(values)
    if color == "rgb":
        return rgb * PERCENT
    flat = np.ascontiguousarray(rgb.reshape(1, -1, 3))
    out = cv2.cvtColor(flat, _CODES[color]).reshape(*rgb.shape[:-1], -1)
    if color in ("hsv", "hls"):
        out = _hue_to_plane(out, light=2 if color == "hsv" else 1)
    if color not in ("lab", "luv"):
        out = out * PERCENT
    return np.asarray(out, np.float32)


def _hue_to_plane(cylinder: NDArray[Any], *, light: int) -> FloatArray:
    hue = np.deg2rad(cylinder[..., 0])
    saturation = cylinder[..., 3 - light]
    return np.stack(
        [cylinder[..., light], saturation * np.cos(hue), saturation * np.sin(hue)],
        axis=-1,
    ).astype(np.float32)


def variance_floor(dtype: DTypeLike, color: str, step: float = 1.0) -> float | None:
    """Give the variance that quantisation alone causes, or None if unknown.

    A step q that rounds values leaves a variance of q²/12 (Sheppard's correction);
    no class can be known to be narrower. Colors count in steps of 8 bit.
    """
    if color != "none":
        return float((PERCENT / 255) ** 2 / 12)
    if np.dtype(dtype).kind in "bui":
        return step**2 / 12
    return None


def _within(high: Any, low: Any) -> Any:
    """Compare in float64: half floats cannot hold the limit, nor integers infinity."""
    most = np.float64(LARGEST)
    return (high < most) & (low > -most)


def usable(
    values: NDArray[Any], *, rgb: bool, mask: BoolArray | None = None
) -> BoolArray | None:
    """Tell which pixels take part; None means all.

    Left out are pixels outside `mask`, pixels with a value that is not finite or
    beyond ±10¹⁸ (a common mark for missing data), and fully transparent pixels of
    RGBA images.
    """
    parts = [] if mask is None else [mask]
    wide = values.dtype.kind == "f" or values.dtype.itemsize == 8
    # NaN fails every comparison.
    if wide and values.size > 0 and not _within(values.max(), values.min()):
        parts.append(_within(values, values).all(axis=-1))
    if rgb and values.shape[-1] == 4:
        opaque = values[..., 3] > 0
        if not opaque.all():
            parts.append(opaque)
    if not parts:
        return None
    return np.logical_and.reduce(parts)


def black(color: str) -> NDArray[np.float64]:
    """Give the features from which illumination scales all others in proportion.

    Lab and Luv are linear in the cube root of intensity only from L = -16 on.
    """
    return np.array([-16.0, 0, 0]) if color in ("lab", "luv") else np.zeros(1)
