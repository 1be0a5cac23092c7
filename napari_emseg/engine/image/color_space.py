"""Features: what is clustered, made from an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.engine.image.stain_separation import (
    optical_density,
    separate,
    vectors_of,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage

# Squared differences of larger values leave the range of float32. Real images do
# not have such values, but some mark missing pixels with the largest number there is.
LARGEST = 1e18
# And those of smaller ones, all digits.
SMALLEST = 1e-37

_CODES = {
    "lab": cv2.COLOR_RGB2LAB,
    "ab": cv2.COLOR_RGB2LAB,
    "luv": cv2.COLOR_RGB2LUV,
    "hsv": cv2.COLOR_RGB2HSV,
    "hs": cv2.COLOR_RGB2HSV,
    "hls": cv2.COLOR_RGB2HLS,
    "ycrcb": cv2.COLOR_RGB2YCrCb,
    "xyz": cv2.COLOR_RGB2XYZ,
    "gray": cv2.COLOR_RGB2GRAY,
}
# Spaces without lightness, and of densities: light is no factor of their features.
_CHROMA = ("ab", "hs", "chromaticity")
_STAINS = ("he", "hed", "hdab", "stains")
_DENSITIES = (*_STAINS, "od")
# Color of pixels darker than this share of white fades to gray: it is noise there.
DARK = 0.05
# Spaces which OpenCV gives in 0..1 are stretched to 0..100, as L of Lab is, so
# that a tolerance, a variance floor or a K-means move means alike in all of them.
PERCENT = np.float32(100)


# The color space of gray pictures in RGB: one of three equal channels, as it is.
PLANE = "plane"


def native(color: str) -> bool:
    """Tell whether features of a color space are in the image's own units."""
    return color in ("none", PLANE)


def brightness(
    means: NDArray[np.float64], color: str, channels: int = 1
) -> NDArray[np.float64]:
    """Return what classes (K, D) are numbered by, (K,): the dark have small numbers.

    The first feature, or the sum of so many channels that are no colors; of stains,
    minus the density of all.
    """
    kind, _, vectors = color.partition(":")
    if kind not in _DENSITIES:
        return means[:, :channels].sum(axis=1) if channels > 1 else means[:, 0]
    count = 3 if kind == "od" else len(vectors_of(vectors or kind))
    return np.asarray(-means[:, :count].sum(axis=1))


def has_light(color: str) -> bool:
    """Tell whether light multiplies the features of a color space."""
    return color.partition(":")[0] not in (*_CHROMA, *_DENSITIES)


def resolve_color(picture: LazyImage, color: str) -> str:
    """Return the conversion that ``"auto"`` stands for; refuse impossible ones.

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


def unit_rgb(values: NDArray[Any], full_scale: float | None = None) -> FloatArray:
    """Scale RGB values to float32, white to 1; alpha is dropped."""
    rgb = np.asarray(values[..., :3], np.float32)
    most = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    white = full_scale or most
    if white == 1:
        return rgb
    rgb = rgb / np.float32(white)
    # Nothing is whiter than white, hot pixels neither.
    return rgb if white == most else np.minimum(rgb, 1)


def convert(
    values: NDArray[Any], color: str, full_scale: float | None = None
) -> FloatArray:
    """Convert channels to features.

    Parameters
    ----------
    values : (…, C) ndarray
        As `LazyImage.read` gives them.
    color : str
        A color space of `resolve_color`'s answers, or `PLANE`. After ``"stains:"`` are
        vectors, as `read_vectors` takes them.
    full_scale : float, optional
        The value that is white in RGB, as `LazyImage.full_scale`; that of the type by
        default.

    Returns
    -------
    (…, D) ndarray of float32
        ``"lab"`` and ``"luv"``: L in 0..100. ``"hsv"`` and ``"hls"``: value or
        lightness first, then saturation as a plane vector in the direction of the
        hue (an angle has no mean; a vector has). ``"ab"`` and ``"hs"`` are the same
        without light; ``"chromaticity"`` is the share of red and of green in the sum.
        Stains are 100 times optical densities, as of `separate`, and ``"od"`` those of
        red, green and blue, as of `optical_density`. All others in 0..100,
        except ``"none"``: the values as they are, and `PLANE`: the first channel as it
        is.
    """
    if native(color):
        values = values[..., :1] if color == PLANE else values
        # Values beyond float32 become infinite, which `usable` knows about.
        with np.errstate(over="ignore"):
            return np.asarray(values, np.float32)
    rgb = unit_rgb(values, full_scale)
    if color == "rgb":
        return rgb * PERCENT
    kind, _, vectors = color.partition(":")
    if kind in _STAINS:
        return separate(rgb, vectors or kind)
    if kind == "od":
        return np.asarray(optical_density(rgb), np.float32)
    if kind == "chromaticity":
        return _chromaticity(rgb)
    flat = np.ascontiguousarray(rgb.reshape(1, -1, 3))
    out = cv2.cvtColor(flat, _CODES[color]).reshape(*rgb.shape[:-1], -1)
    if color == "ab":
        return np.ascontiguousarray(out[..., 1:])
    if color == "hs":
        value = out[..., 2:]
        plane = _hue_to_plane(out, light=2)[..., 1:]
        return np.asarray(plane * (PERCENT * value / np.maximum(value, DARK)))
    if color in ("hsv", "hls"):
        out = _hue_to_plane(out, light=2 if color == "hsv" else 1)
    if color not in ("lab", "luv"):
        out = out * PERCENT
    return np.asarray(out, np.float32)


def _chromaticity(rgb: FloatArray) -> FloatArray:
    """Return the share (…, 2) of red and green; that of the dark fades to a third."""
    total = rgb.sum(axis=-1, keepdims=True)
    least = np.float32(3 * DARK)
    gray = np.maximum(least - total, 0) / 3
    share = (rgb[..., :2] + gray) / np.maximum(total, least)
    return np.asarray(PERCENT * share, np.float32)


def _hue_to_plane(cylinder: NDArray[Any], *, light: int) -> FloatArray:
    hue = np.deg2rad(cylinder[..., 0])
    saturation = cylinder[..., 3 - light]
    return np.stack(
        [cylinder[..., light], saturation * np.cos(hue), saturation * np.sin(hue)],
        axis=-1,
    ).astype(np.float32)


def variance_floor(dtype: DTypeLike, color: str, step: float = 1.0) -> float | None:
    """Return the variance that quantization alone causes, or None if unknown.

    A step q that rounds values leaves a variance of q²/12 (Sheppard's correction);
    no class can be known to be narrower. Colors count in steps of 8 bit.
    """
    if not native(color):
        return float((PERCENT / 255) ** 2 / 12)
    if np.dtype(dtype).kind in "bui":
        return step**2 / 12
    return None


def check_size(most: float) -> None:
    """Refuse features whose largest is too small for squares in single precision.

    Raises
    ------
    ValueError
        If they are.
    """
    if 0 < most < SMALLEST:
        raise ValueError(
            f"the values of the image are at most {most:.2g} away from 0, which is too "
            "near for single precision; multiply them, such as by 1e30"
        )


def _within(high: Any, low: Any) -> Any:
    """Compare in float64: half floats cannot hold the limit, nor integers infinity."""
    most = np.float64(LARGEST)
    return (high < most) & (low > -most)


def usable(
    values: NDArray[Any], *, rgb: bool, mask: BoolArray | None = None
) -> BoolArray | None:
    """Return which pixels take part; None means all.

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
    """Return the features from which illumination scales all others in proportion.

    Lab and Luv are linear in the cube root of intensity only from L = -16 on.
    """
    return np.array([-16.0, 0, 0]) if color in ("lab", "luv") else np.zeros(1)
