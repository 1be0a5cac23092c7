"""Changes of hue, saturation and color."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.adjust.blend import Canvas, check_range
from napari_emseg.engine.image.color_space import convert
from napari_emseg.select import color_range
from napari_emseg.select.checks import check_colors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import FloatArray


def hue_saturation(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    hue: float = 0.0,
    saturation: float = 0.0,
    lightness: float = 0.0,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Turn hues, and change how saturated and how light colors are.

    Parameters
    ----------
    image, selection, rgb
        As for all functions of `napari_emseg.adjust`.
    hue : float, optional
        Degrees; 120 turns red into green.
    saturation, lightness : float, optional
        -1..1: -1 is gray, or black; 1 is twice as saturated, or white.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If a number is out of bounds, or the image is not RGB.

    Examples
    --------
    >>> red = np.full((1, 1, 3), (200, 0, 0), np.uint8)
    >>> hue_saturation(red, hue=120)[0, 0].tolist()
    [0, 200, 0]
    """
    check_range("saturation", saturation, -1, 1)
    check_range("lightness", lightness, -1, 1)
    check_range("hue", hue, -360, 360)
    canvas = Canvas.of(image, selection, channel_axis=None, rgb=rgb)
    canvas.need_rgb("hue_saturation")

    def change(x: FloatArray, _: Any) -> FloatArray:
        if hue % 360 == saturation == lightness == 0:
            return x
        hls = _recode(x, cv2.COLOR_RGB2HLS)
        hls[..., 0] = (hls[..., 0] + hue) % 360
        toward = np.float32(lightness > 0)
        hls[..., 1] += abs(lightness) * (toward - hls[..., 1])
        hls[..., 2] = np.clip(hls[..., 2] * (1 + saturation), 0, 1)
        return _recode(hls, cv2.COLOR_HLS2RGB)

    return canvas.change(change)


def desaturate(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    amount: float = 1.0,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Take color away and keep the lightness L of Lab.

    The picture becomes black and white, or grayscale.

    Parameters
    ----------
    image, selection, rgb
        As for all functions of `napari_emseg.adjust`.
    amount : float, optional
        0..1; 1 leaves gray.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If the amount is out of bounds, or the image is not RGB.

    Examples
    --------
    >>> red = np.full((1, 1, 3), (200, 0, 0), np.uint8)
    >>> desaturate(red)[0, 0].tolist()
    [98, 98, 98]
    """
    check_range("amount", amount, 0, 1)
    canvas = Canvas.of(image, selection, channel_axis=None, rgb=rgb)
    canvas.need_rgb("desaturate")

    def change(x: FloatArray, _: Any) -> FloatArray:
        if amount == 0:
            return x
        lab = _recode(x, cv2.COLOR_RGB2LAB)
        lab[..., 1:] *= np.float32(1 - amount)
        return _recode(lab, cv2.COLOR_LAB2RGB)

    return canvas.change(change)


def replace_color(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    color: ArrayLike,
    by: ArrayLike,
    tolerance: float = 20.0,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Give pixels of one color another one; shades and texture stay.

    Also known as recoloring.

    Parameters
    ----------
    image, selection, rgb
        As for all functions of `napari_emseg.adjust`.
    color, by : (3,) array_like
        Old and new color in the units of the image.
    tolerance : float, optional
        ΔE up to which a pixel counts as of the old color, with a soft end as of
        `napari_emseg.select.color_range`.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If a color is not possible in this image, or it is not RGB.

    Examples
    --------
    >>> red = np.full((1, 1, 3), (200, 0, 0), np.uint8)
    >>> replace_color(red, color=(200, 0, 0), by=(0, 0, 200))[0, 0].tolist()
    [0, 0, 200]
    """
    canvas = Canvas.of(image, selection, channel_axis=None, rgb=rgb)
    canvas.need_rgb("replace_color")
    check_colors(by, canvas.picture)
    weight = color_range(image, colors=color, tolerance=tolerance, soft=True, rgb=True)
    lab = convert(canvas.unit([color, by]), "lab")
    shift = lab[1] - lab[0]

    def change(x: FloatArray, window: Any) -> FloatArray:
        shifts = weight[window][..., np.newaxis] * shift
        found = _recode(_recode(x, cv2.COLOR_RGB2LAB) + shifts, cv2.COLOR_LAB2RGB)
        return np.where(shifts.any(axis=-1, keepdims=True), found, x)

    return canvas.change(change)


def _recode(x: FloatArray, code: int) -> FloatArray:
    flat = np.ascontiguousarray(x, np.float32).reshape(1, -1, 3)
    return np.asarray(cv2.cvtColor(flat, code), np.float32).reshape(x.shape)
