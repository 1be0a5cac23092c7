"""Tones: brightness, levels, curves, and plain paint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.adjust.blend import Canvas, check_range

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import FloatArray


def brightness_contrast(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Make brighter or darker, and stretch or compress around the middle.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    brightness : float, optional
        -1..1, added as a share of the full range of values.
    contrast : float, optional
        -1..1: -1 leaves a plain gray, 0 changes nothing, 1 leaves two values.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If a number is out of bounds, or the selection does not fit.

    Examples
    --------
    >>> brightness_contrast(np.array([[50, 100]], np.uint8), brightness=0.2)
    array([[101, 151]], dtype=uint8)
    """
    check_range("brightness", brightness, -1, 1)
    check_range("contrast", contrast, -1, 1)
    slope = np.float32(np.tan((min(contrast, 1 - 1e-6) + 1) * np.pi / 4))
    offset = np.float32(brightness + 0.5 - 0.5 * float(slope))
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    return canvas.change(lambda x, _: x * slope + offset)


def levels(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    black: float | None = None,
    white: float | None = None,
    gamma: float = 1.0,
    out_black: float | None = None,
    out_white: float | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Stretch values between black and white, and bend what lies between.

    Black point, white point and gamma correction.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    black, white : float, optional
        Values, in the units of the image, that become the darkest and the brightest;
        the ends of its range by default.
    gamma : float, optional
        Above 1 makes the middle brighter.
    out_black, out_white : float, optional
        What they become; the ends of the range by default.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If black is not below white, or gamma is not positive.

    Examples
    --------
    >>> levels(np.array([[50, 110, 150]], np.uint8), black=50, white=150)
    array([[  0, 153, 255]], dtype=uint8)
    """
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    ends = (canvas.low, canvas.high)
    first, last = _pair(black, white, ends)
    to_first, to_last = _pair(out_black, out_white, ends)
    if not np.isfinite([first, last, to_first, to_last]).all():
        raise ValueError(
            f"black={black}, white={white}, out_black={out_black} and "
            f"out_white={out_white} are not all finite; correct them, or leave them out"
        )
    if not first < last:
        raise ValueError(f"black={first:g} is not below white={last:g}; exchange them")
    if not gamma > 0:
        raise ValueError(f"gamma={gamma}, but a positive number is needed")
    a, b, c, d = canvas.unit([first, last, to_first, to_last])

    def change(x: FloatArray, _: Any) -> FloatArray:
        return c + (d - c) * np.clip((x - a) / (b - a), 0, 1) ** np.float32(1 / gamma)

    return canvas.change(change)


def curves(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    points: ArrayLike,
    channel: int | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Send values through a smooth curve without overshoots [1]_.

    The tone curve of picture editors, a monotone spline.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    points : (N, 2) array_like
        Two or more pairs of value and new value, in the units of the image. Before
        the first and after the last the curve is level.
    channel : int, optional
        The only channel to change; all by default.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If the points make no curve, or there is no such channel.

    References
    ----------
    .. [1] F. N. Fritsch, J. Butland, "A method for constructing local monotone
       piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5(2), 300-304, 1984.

    Examples
    --------
    >>> curves(np.array([[0, 100, 255]], np.uint8), points=[(0, 255), (255, 0)])
    array([[255, 155,   0]], dtype=uint8)
    """
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    pairs = np.asarray(points, np.float64)
    if pairs.ndim != 2 or pairs.shape[1:] != (2,) or len(pairs) < 2:
        raise ValueError(
            f"points have shape {pairs.shape}; pass two or more (value, new)"
        )
    pairs = pairs[np.argsort(pairs[:, 0])]
    if not (np.isfinite(pairs).all() and (np.diff(pairs[:, 0]) > 0).all()):
        raise ValueError("points give several new values for one, or none; drop some")
    if channel is not None and not 0 <= channel < canvas.picture.channels:
        raise ValueError(
            f"channel={channel}, but there are 0 to {canvas.picture.channels - 1}"
        )
    from scipy.interpolate import PchipInterpolator  # takes a while

    knots = canvas.unit(pairs).astype(np.float64)
    curve = PchipInterpolator(knots[:, 0], knots[:, 1])

    def change(x: FloatArray, _: Any) -> FloatArray:
        part = slice(None) if channel is None else slice(channel, channel + 1)
        out = x.copy()
        out[..., part] = curve(np.clip(x[..., part], knots[0, 0], knots[-1, 0]))
        return out

    return canvas.change(change)


def fill(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    color: ArrayLike,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Paint the selection.

    The paint bucket of picture editors, for what is selected.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    color : float or (C,) array_like
        In the units of the image.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If the color has not one number, or one for each channel, or is not finite
        where the image cannot hold that.

    Examples
    --------
    >>> fill(np.zeros((1, 3)), [[0, 0.5, 1]], color=8)
    array([[0., 4., 8.]])
    """
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    paint = np.atleast_1d(np.asarray(color, np.float64))
    if paint.shape not in ((1,), (canvas.picture.channels,)):
        raise ValueError(
            f"color has shape {paint.shape}, but the image has "
            f"{canvas.picture.channels} channel(s); pass one number for each"
        )
    if canvas.picture.dtype.kind != "f" and not np.isfinite(paint).all():
        raise ValueError(
            f"color={color!r} does not fit an image of type {canvas.picture.dtype}; "
            "pass finite numbers"
        )
    unit = canvas.unit(paint)
    return canvas.change(lambda x, _: np.broadcast_to(unit, x.shape))


def _pair(
    first: float | None, last: float | None, ends: tuple[float, float]
) -> tuple[float, float]:
    return ends[0] if first is None else first, ends[1] if last is None else last
