"""Filters: what looks at the surroundings of a pixel, plane by plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.adjust.blend import Canvas, check_range
from napari_emseg.engine.image import opencv_limits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import FloatArray

# A Gaussian is cut off at this multiple of its standard deviation.
_TRUNCATE = 4
_INPAINT = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
# OpenCV's marching adds about one gray level to what it finds, floats or not.
_STEPS = np.float32(65535)


def blur(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    radius: float = 2.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Blur each plane with a Gaussian; pixels that are not finite stay apart.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    radius : float, optional
        Standard deviation in pixels.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If the radius is not positive.

    Examples
    --------
    >>> blur(np.array([[0, 0, 90, 0, 0]]), radius=0.5)
    array([[ 0, 10, 71, 10,  0]])
    """
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    margin = _margin(radius)
    return canvas.change(lambda x, _: _blurred(x, radius), margin=margin)


def sharpen(
    image: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    amount: float = 1.0,
    radius: float = 2.0,
    threshold: float = 0.0,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Sharpen each plane by an unsharp mask.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    amount : float, optional
        How much of the difference to the blurred image is added.
    radius : float, optional
        Standard deviation of the blur in pixels.
    threshold : float, optional
        Smaller differences stay, as a share 0..1 of the full range.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Examples
    --------
    >>> sharpen(np.array([[50, 50, 100, 100]], np.uint8), radius=0.5)
    array([[ 50,  45, 105, 100]], dtype=uint8)
    """
    check_range("amount", amount, 0, 100)
    check_range("threshold", threshold, 0, 1)
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)

    def change(x: FloatArray, _: Any) -> FloatArray:
        with np.errstate(invalid="ignore"):  # what is not finite stays so
            detail = x - _blurred(x, radius)
        detail[abs(detail) < threshold] = 0
        return x + np.float32(amount) * detail

    return canvas.change(change, margin=_margin(radius))


def inpaint(
    image: ArrayLike,
    selection: ArrayLike,
    *,
    radius: float = 3.0,
    method: str = "telea",
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Replace the selection by what is around it, plane by plane.

    Also known as inpainting, or the removal of an object.

    Parameters
    ----------
    image, selection, channel_axis, rgb
        As for all functions of `napari_emseg.adjust`.
    radius : float, optional
        How far around each pixel to look, in pixels.
    method : {"telea", "navier-stokes"}, optional
        Marching from outside in [1]_, or by fluid flow [2]_.

    Returns
    -------
    (…) ndarray
        Of the image's shape and type.

    Raises
    ------
    ValueError
        If the method is unknown, or everything is selected.

    References
    ----------
    .. [1] A. Telea, "An image inpainting technique based on the fast marching
       method", J. Graphics Tools 9(1), 23-34, 2004.
    .. [2] M. Bertalmio, A. L. Bertozzi, G. Sapiro, "Navier-Stokes, fluid dynamics,
       and image and video inpainting", CVPR 2001.

    Examples
    --------
    >>> image = np.full((5, 5), 40, np.uint8)
    >>> image[2, 2] = 255
    >>> int(inpaint(image, image == 255)[2, 2])
    40
    """
    if method not in _INPAINT:
        raise ValueError(
            f"method={method!r} is unknown; pass one of {', '.join(_INPAINT)}"
        )
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    margin = _margin(radius)

    def change(x: FloatArray, window: Any) -> FloatArray:
        holes = canvas.coverage[window].reshape(x.shape[-3:-1]) > 0
        if holes.all():
            raise ValueError(
                "everything is selected, so there is nothing to paint from"
            )
        mask = holes.astype(np.uint8)
        planes = np.moveaxis(x.reshape(*x.shape[-3:]), -1, 0) * _STEPS
        done = [
            opencv_limits.inpaint(p, mask, radius, _INPAINT[method]) for p in planes
        ]
        return np.stack(done, axis=-1).reshape(x.shape) / _STEPS

    return canvas.change(change, margin=margin, whole=True)


def _blurred(x: FloatArray, radius: float) -> FloatArray:
    """Return (…, Y, X, C) blurred along Y and X; what is not finite has no weight."""
    side = 2 * int(np.ceil(_TRUNCATE * radius)) + 1

    def gauss(plane: FloatArray) -> FloatArray:
        found = cv2.GaussianBlur(
            plane, (side, side), radius, borderType=cv2.BORDER_REPLICATE
        )
        return np.asarray(found, np.float32)

    planes = np.moveaxis(x.reshape(x.shape[-3:]), -1, 0)
    out = []
    for plane in planes:
        finite = np.isfinite(plane)
        if finite.all():
            out.append(gauss(np.ascontiguousarray(plane)))
            continue
        weight = gauss(finite.astype(np.float32))
        mean = gauss(np.where(finite, plane, np.float32(0)))
        out.append(np.where(finite, mean / np.maximum(weight, 1e-9), plane))
    return np.stack(out, axis=-1).reshape(x.shape)


def _margin(radius: float) -> int:
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius={radius}, but a positive number of pixels is needed")
    opencv_limits.check_blur(radius)
    return int(np.ceil(_TRUNCATE * radius))
