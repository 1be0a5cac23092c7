"""Matting: objects cut out of a picture, with soft edges and clean colors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_emseg.adjust.blend import Canvas
from napari_emseg.engine.scribbles.guided_matte import REACH, guided_alpha
from napari_emseg.pipeline.tiles import bounding_box, tiles
from napari_emseg.select.components import hard_mask
from napari_emseg.select.edge_refinement import near_outline
from napari_emseg.select.morphology import distance_to

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

EDGES = ("crisp", "soft", "hair")
METHODS = ("guided", "closed-form")
# Pixels from the outline in which the edge may be soft, where none are given; and how
# far steps of a crisp outline are evened out.
_RADIUS = {"crisp": 1, "soft": 4, "hair": 16}
_EVEN = 1.0
# From so many pixels outside of a mask on, evening out reaches nothing.
_BEYOND = 32
# Coverage of what has the color of the object alone, and the widest soft edge that is
# looked across for it, in pixels.
_SOLID, _WIDEST = 0.98, 32
_TILE = 512


def cut_out(
    image: ArrayLike,
    selection: ArrayLike,
    *,
    edge: str | None = None,
    radius: int | None = None,
    method: str | None = None,
    decontaminate: bool = True,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Cut the selected thing out, with transparency around its outline.

    A crisp edge is antialiased: a pixel that an even outline would cut is partly
    transparent, all others are opaque or not there. Soft edges fade inside the
    outline. Hair is looked for on both sides of it. Also known as background
    removal, or alpha matting.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) array_like
        One plane, gray or RGB. Alpha counts as full coverage times alpha.
    selection : (Y, X) array_like of bool or float
        The thing. Coverage is the opacity of crisp edges; for others it counts from a
        half.
    edge : {"crisp", "soft", "hair"}, optional
        What the edge is like. The first two never reach farther out than a pixel. By
        default it is crisp; or hair, if a radius or a method for it is given.
    radius : int, optional
        How far from the outline, in pixels, the edge may be soft: 4 by default, 16 for
        hair. Crisp edges have none.
    method : {"guided", "closed-form"}, optional
        Of hair; the first by default. Colors near the outline tell how opaque a pixel
        is: by linear models of local windows [1]_, in which pixels far from the outline
        have the most say; or by closed-form matting [2]_, slower, with the package
        pymatting.
    decontaminate : bool, optional
        Give pixels that are partly transparent the color of the object alone [3]_.
    channel_axis, rgb
        As for `napari_emseg.segment`.

    Returns
    -------
    (Y, X, 4) ndarray
        RGBA, not premultiplied; of the image's type for RGB and 8 bit, otherwise
        float32 in [0, 1].

    Raises
    ------
    ImportError
        If pymatting is needed and missing.
    ValueError
        If the image is not one plane of gray or RGB, or an option is out of bounds.

    References
    ----------
    .. [1] K. He, J. Sun, X. Tang, "Guided image filtering", IEEE Trans. PAMI 35(6),
       1397-1409, 2013.
    .. [2] A. Levin, D. Lischinski, Y. Weiss, "A closed-form solution to natural image
       matting", IEEE Trans. PAMI 30(2), 228-242, 2008.
    .. [3] M. Forte, "Approximate fast foreground colour estimation", ICIP 2021.

    Examples
    --------
    >>> image = np.zeros((40, 40, 3), np.uint8)
    >>> image[10:30, 10:30] = (200, 60, 20)
    >>> found = cut_out(image, image[..., 0] > 0)
    >>> found[20, 20].tolist(), found[0, 0, 3]
    ([200, 60, 20, 255], np.uint8(0))
    """
    canvas = Canvas.of(image, selection, channel_axis=channel_axis, rgb=rgb)
    picture = canvas.picture
    if len(picture.shape) != 2 or picture.channels not in (1, 3):
        raise ValueError(
            f"image has {len(picture.shape)} spatial axes and {picture.channels} "
            "channel(s); pass one plane of gray or RGB"
        )
    if edge is None:
        edge = "crisp" if radius is None and method is None else "hair"
    method = method or METHODS[0]
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; pass one of {METHODS}")
    if edge not in EDGES:
        raise ValueError(f"edge={edge!r} is unknown; pass one of {EDGES}")
    if radius is None or edge == "crisp":
        radius = _RADIUS[edge]
    if not (radius >= 1 and radius % 1 == 0):
        raise ValueError(
            f"radius={radius}, but a whole number of pixels is needed; pass 1 or more"
        )
    radius = int(radius)
    values = picture.read()
    unit = np.nan_to_num(canvas.unit(values[..., : picture.channels]))
    opaque = np.ones((), np.float32)
    if values.shape[-1] == 4:
        most = _opaque(picture.dtype)
        # What has the scale of the colors does not reach that of the type.
        scale = most if values[..., 3].max() > canvas.high else canvas.high
        opaque = np.asarray(values[..., 3] / scale, np.float32)
    hard = hard_mask(canvas.coverage)
    if edge == "hair":
        alpha, color = _hair(
            unit, hard, canvas.coverage, radius, method, decontaminate=decontaminate
        )
    else:
        alpha = np.asarray(canvas.coverage, np.float32)
        if canvas.coverage.dtype == bool and hard.any() and not hard.all():
            alpha = _even(hard) if edge == "crisp" else _faded(hard, radius)
        elif edge == "soft" and hard.any() and not hard.all():
            alpha = _faded(hard, radius)
        color = unit
        if decontaminate and edge == "crisp" and canvas.coverage.dtype != bool:
            color = _from_coverage(unit, alpha)
        elif decontaminate and ((alpha > 0) & ~hard).any():
            color = _from_inside(unit, hard, alpha)
    return _rgba(canvas, values, color, alpha * opaque, changed=color is not unit)


def _even(hard: BoolArray) -> FloatArray:
    """Return alpha (Y, X) of a mask: its outline, evened out, cuts pixels."""
    alpha = np.zeros(hard.shape, np.float32)
    # OpenCV rounds in another way at the end of rows, which vectors of pixels do not
    # fill; so vectors begin where they would in the whole picture.
    box = tuple(
        slice(part.start // _BEYOND * _BEYOND, part.stop)
        for part in bounding_box(hard, _BEYOND)
    )
    alpha[box] = _even_part(hard[box])
    return alpha


def _even_part(hard: BoolArray) -> FloatArray:
    depth = np.where(hard, distance_to(~hard) - 0.5, 0.5 - distance_to(hard))
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), _EVEN)
    # What is thinner than the blur stays, and so does a gap.
    least = np.where(hard, np.float32(0.5), np.float32(0))
    return np.clip(depth + np.float32(0.5), least, least + np.float32(0.5))


def _faded(hard: BoolArray, radius: int) -> FloatArray:
    """Return alpha (Y, X) that rises inside the outline of a mask."""
    alpha = np.zeros(hard.shape, np.float32)
    box = bounding_box(hard, 1)
    part = np.clip((distance_to(~hard[box]) - 0.5) / radius, 0, 1)
    alpha[box] = part * part * (3 - 2 * part)
    return alpha


def _from_inside(unit: FloatArray, hard: BoolArray, alpha: FloatArray) -> FloatArray:
    """Return colors (Y, X, C): outside of a mask, that of the nearest pixel in it."""
    outside = (alpha > 0) & ~hard
    color = unit.copy()
    box = bounding_box(hard | outside)
    hard, outside, colors = hard[box], outside[box], unit[box]
    nearest = cv2.distanceTransformWithLabels(
        (~hard).view(np.uint8),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )[1]
    names = np.zeros(int(nearest.max()) + 1, np.intp)
    names[nearest[hard]] = np.flatnonzero(hard)
    flat = colors.reshape(-1, unit.shape[-1])
    color[box][outside] = flat[names[nearest[outside]]]
    return color


def _from_coverage(unit: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return colors (Y, X, C): of what is soft, those of the object alone."""
    soft, solid = (alpha > 0) & (alpha < 1), alpha >= _SOLID
    if not soft.any() or not solid.any():
        return unit
    width = float(np.quantile(distance_to(solid)[soft], 0.9))
    radius = int(np.clip(np.ceil(width), 1, _WIDEST))
    color = unit.copy()
    for tile in tiles(soft.shape, (_TILE, _TILE), REACH * radius):
        if soft[tile.write].any():
            clean = _foreground(unit[tile.read], alpha[tile.read], radius)
            color[tile.write] = clean[tile.inner]
    return color


def _hair(
    unit: FloatArray,
    hard: BoolArray,
    coverage: BoolArray | FloatArray,
    radius: int,
    method: str,
    *,
    decontaminate: bool,
) -> tuple[FloatArray, FloatArray]:
    """Return alpha (Y, X) by the colors on both sides of an outline, and colors."""
    near = near_outline(hard, radius)
    if coverage.dtype != bool:
        near |= (coverage > 0) & (coverage < 1)
    solid = hard.astype(np.float32)
    alpha = solid.copy()
    if method == "closed-form" and near.any() and not near.all():
        alpha = _closed_form(unit, hard, near)
    color = unit
    if near.any():
        color = unit.copy()
        for tile in tiles(near.shape, (_TILE, _TILE), REACH * radius):
            if not near[tile.write].any():
                continue
            part, within = unit[tile.read], near[tile.read]
            found = alpha[tile.read]
            if method == "guided":
                found = guided_alpha(part, solid[tile.read], within, radius)
            alpha[tile.write] = found[tile.inner]
            if decontaminate:
                clean = _foreground(part, found, radius)
                color[tile.write] = clean[tile.inner]
    return alpha, color


def _closed_form(unit: FloatArray, hard: BoolArray, near: BoolArray) -> FloatArray:
    try:
        matting = import_module("pymatting")
    except ImportError as error:
        raise ImportError(
            "method='closed-form' needs the package pymatting; install "
            "napari-emseg[matting], or use method='guided'"
        ) from error
    trimap = np.where(near, 0.5, hard.astype(np.float64))
    guide = np.broadcast_to(unit, (*near.shape, 3)).astype(np.float64)
    return np.asarray(matting.estimate_alpha_cf(guide, trimap), np.float32)


def _foreground(image: FloatArray, alpha: FloatArray, radius: int) -> FloatArray:
    """Return the color (Y, X, C) of the object alone, estimated from coarse to fine."""
    thing = behind = image
    share = alpha[..., np.newaxis]

    def average(x: FloatArray, weight: FloatArray, side: int) -> FloatArray:
        total = cv2.blur(weight, (side, side))[..., np.newaxis]
        found = cv2.blur(x * weight[..., np.newaxis], (side, side))
        found = np.asarray(found).reshape(x.shape)
        return np.where(total > 1e-4, found / np.maximum(total, 1e-4), x)

    for side in (4 * radius + 1, radius // 2 * 2 + 1):
        thing = average(thing, alpha, side)
        behind = average(behind, 1 - alpha, side)
        rest = image - share * thing - (1 - share) * behind
        thing = np.clip(thing + share * rest, 0, 1)
    return np.where(share == 1, image, thing)


def _rgba(
    canvas: Canvas,
    values: NDArray[Any],
    color: FloatArray,
    alpha: FloatArray,
    *,
    changed: bool,
) -> NDArray[Any]:
    """Return color and alpha together; unchanged colors keep their values."""
    picture = canvas.picture
    dtype = picture.dtype
    exact = picture.rgb or dtype == np.uint8
    if not exact:
        return np.dstack([np.broadcast_to(color, (*alpha.shape, 3)), alpha])
    given = np.ascontiguousarray(values[..., : picture.channels])
    if dtype.itemsize <= 2 and dtype.kind == "u":
        # OpenCV lays channels side by side twenty times as fast as numpy.
        code = cv2.COLOR_GRAY2RGBA if picture.channels == 1 else cv2.COLOR_RGB2RGBA
        out = np.asarray(cv2.cvtColor(given, code))
    else:
        out = np.empty((*picture.shape, 4), dtype)
        out[..., :3] = given
    if changed:
        other = (alpha > 0) & (alpha < 1)
        out[other, :3] = canvas.restore(color[other])
    most = _opaque(dtype)
    whole = alpha if dtype.kind == "f" else np.rint(alpha * most)
    if out.size:
        cv2.insertChannel(whole.astype(dtype), out, 3)
    return out


def _opaque(dtype: np.dtype[Any]) -> float:
    """Return the alpha of what is opaque, whatever white is."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
