"""Stains of an image: their densities, and their vectors from examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.engine.image.color_space import unit_rgb
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.image.stain_separation import (
    optical_density,
    read_vectors,
    separate,
    vectors_of,
    vectors_text,
)
from napari_emseg.pipeline.tiles import slab, tiles

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import Float64Array, FloatArray
    from napari_emseg.engine.image.lazy_image import LazyImage

# Pixels that are separated together.
_SLAB = 2**20


def stain_densities(
    image: ArrayLike,
    stains: str | ArrayLike = "he",
    *,
    rgb: bool | None = None,
    full_scale: float | None = None,
) -> FloatArray:
    """Return how much of each stain the pixels of a picture of tissue hold [1]_.

    Parameters
    ----------
    image : (…, Y, X, 3|4) array_like
        RGB(A), as for `segment`.
    stains : str or (2|3, 3) array_like of float, optional
        ``"he"``: hematoxylin and eosin; ``"hdab"``: hematoxylin and diaminobenzidine;
        ``"hed"``: all three; or vectors of other stains, as of `Params` or
        `stain_vectors`; ``"od"``: the optical density of red, green and blue instead.
    rgb, full_scale
        As for `segment`.

    Returns
    -------
    (…, Y, X, S) ndarray of float32
        100 times the optical density (to base 10) along the unit vector of each stain.

    Raises
    ------
    ValueError
        If the image is not RGB, or these are no vectors of stains.

    References
    ----------
    .. [1] A. C. Ruifrok, D. A. Johnston, "Quantification of histochemical staining by
       color deconvolution", Analytical and Quantitative Cytology and Histology 23(4),
       291-299, 2001.

    Examples
    --------
    >>> pixels = np.array([[[1, 1, 1], [0.1, 1, 1]]])
    >>> stain_densities(pixels, [[1, 0, 0], [0, 1, 0]], rgb=True).round(2) + 0
    array([[[  0.,   0.],
            [100.,   0.]]], dtype=float32)
    """
    picture = _tissue(image, rgb, full_scale)
    kind = stains if isinstance(stains, str) else vectors_text(stains)
    if not isinstance(kind, str):
        raise ValueError(
            f"stains={stains!r} are no vectors; pass two or three rows of red, green "
            "and blue, or 'he', 'hed', 'hdab' or 'od'"
        )
    count = 3 if kind == "od" else len(vectors_of(kind))
    out = np.empty((*picture.shape, count), np.float32)
    for tile in tiles(picture.shape, slab(picture.shape, _SLAB)):
        part = unit_rgb(picture.read(tile.write), picture.full_scale)
        out[tile.write] = (
            optical_density(part) if kind == "od" else separate(part, kind)
        )
    return out


def stain_vectors(
    image: ArrayLike,
    *masks: ArrayLike,
    rgb: bool | None = None,
    full_scale: float | None = None,
) -> Float64Array:
    """Estimate the vectors of stains from places that hold one stain each [1]_.

    Parameters
    ----------
    image : (…, Y, X, 3|4) array_like
        RGB(A), as for `segment`.
    *masks : (…, Y, X) array_like of bool
        Two or three, one for each stain: where there is that one alone.
    rgb, full_scale
        As for `segment`.

    Returns
    -------
    (2|3, 3) ndarray of float64
        The mean optical density of each mask, of length 1, rounded as `Params` keeps
        it: ``Params(color="stains", stains=…)``.

    Raises
    ------
    ValueError
        If the image is not RGB, a mask has another shape or no stain in it, or two
        masks have the same color.

    References
    ----------
    .. [1] A. C. Ruifrok, D. A. Johnston, "Quantification of histochemical staining by
       color deconvolution", Analytical and Quantitative Cytology and Histology 23(4),
       291-299, 2001.

    Examples
    --------
    >>> image = np.zeros((2, 2, 3)) + [[[0.1, 1, 1]], [[1, 0.1, 0.1]]]
    >>> first = np.array([[True, True], [False, False]])
    >>> stain_vectors(image, first, ~first, rgb=True)
    array([[1.    , 0.    , 0.    ],
           [0.    , 0.7071, 0.7071]])
    """
    picture = _tissue(image, rgb, full_scale)
    if len(masks) not in (2, 3):
        raise ValueError(
            f"{len(masks)} masks were given, but two or three stains are told apart; "
            "pass a mask for each"
        )
    rows = []
    for number, given in enumerate(masks, start=1):
        mask = np.asarray(given)
        if mask.shape != picture.shape:
            raise ValueError(
                f"mask {number} has shape {mask.shape}, but the image {picture.shape}; "
                "pass masks of this image"
            )
        mask = mask >= 0.5 if mask.dtype.kind == "f" else mask.astype(bool)
        mean = _mean_density(picture, mask)
        length = float(np.linalg.norm(mean))
        # Less than the noise of white paper.
        if not length > 1:
            raise ValueError(
                f"mask {number} holds no stain, only what is as bright as white; "
                "select a place where there is one stain alone"
            )
        rows.append(np.maximum(mean, 0) / length)
    return read_vectors(vectors_text(rows))


def _tissue(image: ArrayLike, rgb: bool | None, full_scale: float | None) -> LazyImage:
    picture = as_lazy_image(image, rgb=rgb, full_scale=full_scale)
    if not picture.rgb:
        raise ValueError(
            f"the image has {picture.channels} channel(s), but stains are told from "
            "red, green and blue; take an RGB image, with rgb=True if it is not seen "
            "as one"
        )
    return picture


def _mean_density(picture: LazyImage, mask: NDArray[Any]) -> Float64Array:
    total, count = np.zeros(3), 0
    for tile in tiles(picture.shape, slab(picture.shape, _SLAB)):
        inside = mask[tile.write]
        if inside.any():
            part = unit_rgb(picture.read(tile.write), picture.full_scale)[inside]
            total += optical_density(part).sum(axis=0)
            count += len(part)
    return total / max(count, 1)
