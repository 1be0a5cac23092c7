"""From the samples of a TIFF file to light: palettes, inks, YCbCr, alpha, bits."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from tifffile import COMPRESSION, PHOTOMETRIC

from napari_emseg.engine.image.lazy_image import fits_rgb
from napari_emseg.io.color_profile import look_up
from napari_emseg.io.damage import UnfitError
from napari_emseg.io.full_scale import bits_of
from napari_emseg.io.no_data import leave_out, make_quiet
from napari_emseg.io.tiff_pages import JPEGS

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

    from napari_emseg.io.tiff_pages import TiffPicture

_SLAB = 2**20  # pixels that are converted at once
_ASSOCIATED, _ALPHAS = 1, (1, 2)
_COEFFICIENTS, _REFERENCE, _DOT_RANGE, _INK_SET = 529, 532, 336, 332
_OTHER_INKS = 2
# Decoders of these give RGB where a file says YCbCr: WebP, JPEG XL, and others.
_DECODED_TO_RGB = (*JPEGS, 22610, 34927, 34934, 50001, 50002, 52546)
# A fourth sample that nobody declares is taken for alpha if so many of its values are
# clear or opaque: infrared is not.
_ALPHA_SHARE = 0.9


def decode(picture: TiffPicture) -> tuple[NDArray[Any], str]:
    """Return the samples of a picture as they are stored, and the letters of its axes.

    Raises
    ------
    UnfitError
        Nobody here can decode them.
    """
    series, page = picture.series, picture.page
    if _is_full_ycbcr(page):
        page.subsampling = (1, 1)
    if (
        page.photometric == PHOTOMETRIC.YCBCR
        and page.is_subsampled
        and (page.compression not in JPEGS or page.planarconfig == 2)
    ):
        return _decode_subsampled(picture), "YXS"
    pixels = np.asarray(series.asarray())
    if pixels.shape != tuple(series.shape):
        raise ValueError(
            f"it holds pixels of shape {pixels.shape}, and declares "
            f"{tuple(series.shape)}"
        )
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    make_quiet(pixels)
    return pixels, series.axes


def _is_full_ycbcr(page: tifffile.TiffPage) -> bool:
    """Tell whether YCbCr is as fine as its light, though the tag for that is missing.

    It would be coarser by default, but holds as many bytes as if it were not.
    """
    return (
        page.photometric == PHOTOMETRIC.YCBCR
        and page.subsampling is None
        and page.compression == COMPRESSION.NONE
        and page.dtype is not None
        and sum(page.databytecounts) >= page.size * page.dtype.itemsize
    )


def _decode_subsampled(picture: TiffPicture) -> NDArray[Any]:
    """Return RGB of YCbCr whose colors are coarser than its light, by libtiff."""
    page = picture.page
    if len(picture.series.pages) != 1 or len(page.treeindex) != 1:
        raise UnfitError(
            "its YCbCr colors are coarser than its light, in several pages; convert it "
            "to RGB"
        )
    data = Path(picture.tiff.filehandle.path).read_bytes()
    try:
        found = imagecodecs.tiff_decode(data, index=page.index, asrgb=True)
    except RuntimeError as error:  # as all errors of imagecodecs
        raise UnfitError(
            f"its YCbCr colors cannot be decoded ({error}); convert it to RGB"
        ) from error
    return np.asarray(found[..., :3])


def is_rgb_already(page: tifffile.TiffPage) -> bool:
    """Tell whether the decoder has turned YCbCr into RGB."""
    if page.planarconfig == 2 and page.compression in JPEGS:
        return False
    return page.compression in _DECODED_TO_RGB or page.is_subsampled


def white_of(page: tifffile.TiffPage, dtype: np.dtype[Any]) -> int:
    """Return the largest value that the bits of a sample can have."""
    bits = page.bitspersample
    whole = bits_of(dtype)
    if dtype.kind == "u" and isinstance(bits, int) and bits < whole:
        return int(2**bits - 1)
    return int(np.iinfo(dtype).max)


def inverted(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Return light of samples that count darkness ("WhiteIsZero").

    Floats, which have no largest value, stay as they are: they are measurements, and
    ImageJ, too, inverts only how they are shown.

    Parameters
    ----------
    pixels : ndarray
        Samples last, if there are several; alpha stays as it is.
    page : tifffile.TiffPage
    """
    if pixels.dtype.kind == "f":
        return pixels
    light = (
        np.subtract(white_of(page, pixels.dtype), pixels, dtype=pixels.dtype)
        if pixels.dtype.kind == "u"
        else np.invert(pixels)
    )
    if alphas := count_alphas(page):
        light[..., -alphas:] = pixels[..., -alphas:]
    return light


def looked_up(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Return RGB of the numbers of a palette; RGBA if there is alpha beside them.

    Parameters
    ----------
    pixels : (...) or (..., 2) ndarray
        Numbers, and alpha if the page declares it.
    page : tifffile.TiffPage
    """
    if count_alphas(page):
        alpha = pixels[..., 1] >> (bits_of(pixels.dtype) - 8)
        light = _colors_of_numbers(pixels[..., 0], page)
        colors = np.concatenate([light, alpha[..., None].astype(np.uint8)], axis=-1)
        first = page.extrasamples[0]
        return divided(colors, 255) if first == _ASSOCIATED else colors
    return _colors_of_numbers(pixels, page)


def _colors_of_numbers(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    colormap = np.asarray(page.colormap)
    # Old programs write 8 bits where the standard has 16; libtiff looks, too.
    deep = colormap.max() > np.iinfo(np.uint8).max
    colors = (colormap.T >> 8 if deep else colormap.T).astype(np.uint8)
    if pixels.size and int(pixels.max()) >= len(colors):
        raise ValueError(
            f"it has the color number {int(pixels.max())} in a palette of {len(colors)}"
        )
    return look_up(colors, pixels)


def colors_of(
    pixels: NDArray[Any], page: tifffile.TiffPage, name: str
) -> tuple[NDArray[Any], bool]:
    """Return RGB or RGBA of samples where they are colors.

    Parameters
    ----------
    pixels : (..., S) ndarray
        As stored.
    page : tifffile.TiffPage
    name : str
        Of the file, for warnings.

    Returns
    -------
    pixels : (..., 3), (..., 4) or (..., S) ndarray
    colored : bool
        Whether they are RGB or RGBA; otherwise they are channels.

    Raises
    ------
    UnfitError
        They are Lab.

    Warns
    -----
    UserWarning
        A fourth sample that is not declared is taken for alpha, or is left out.
    """
    kind, samples = PHOTOMETRIC(page.photometric), pixels.shape[-1]
    extra = tuple(page.extrasamples)
    alpha = bool(extra) and extra[0] in _ALPHAS
    if kind in (PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB):
        raise UnfitError("its colors are Lab; convert it to RGB")
    if kind in (PHOTOMETRIC.RGB, PHOTOMETRIC.YCBCR) and 3 <= samples <= 4:
        if kind is PHOTOMETRIC.YCBCR and not is_rgb_already(page):
            if pixels.dtype.kind != "u":
                return pixels, False
            pixels = _from_ycbcr(pixels, page)
        if not fits_rgb(pixels[..., :3]):
            # Light beyond white (HDR), and types that no color is made of here.
            if samples == 4 and not alpha:
                warnings.warn(
                    f"{name} does not declare what its fourth sample is, which is "
                    "left out",
                    stacklevel=2,
                )
                pixels = pixels[..., :3]
            return pixels, False
        if samples == 4:
            pixels = _with_alpha(pixels, extra, white_of_any(page, pixels), name)
        return pixels, True
    if alpha and samples == 2:
        pixels = pixels[..., (0, 0, 0, 1)]
        if extra[0] == _ASSOCIATED:
            pixels = divided(pixels, white_of_any(page, pixels))
        return pixels, True
    return pixels, False


def white_of_any(page: tifffile.TiffPage, pixels: NDArray[Any]) -> float:
    """Return the value of white of whole numbers, and 1 for floats."""
    return 1.0 if pixels.dtype.kind == "f" else white_of(page, pixels.dtype)


def _with_alpha(
    pixels: NDArray[Any], extra: tuple[int, ...], white: float, name: str
) -> NDArray[Any]:
    """Return RGBA of four samples if the fourth is alpha, otherwise RGB."""
    if extra and extra[0] in _ALPHAS:
        return divided(pixels, white) if extra[0] == _ASSOCIATED else pixels
    last = pixels[..., 3]
    ends = np.count_nonzero((last == 0) | (last == white))
    if ends < _ALPHA_SHARE * last.size or last.max() != white:
        warnings.warn(
            f"{name} does not declare what its fourth sample is; as it is neither "
            "clear nor opaque in most pixels, it is no alpha, and is left out",
            stacklevel=2,
        )
        return pixels[..., :3]
    # libtiff takes it for alpha that colors are multiplied with; where a color is
    # brighter than that can be, it is not.
    multiplied = bool((pixels[..., :3] <= last[..., None]).all())
    warnings.warn(
        f"{name} does not declare what its fourth sample is; it is taken for alpha",
        stacklevel=2,
    )
    return divided(pixels, white) if multiplied else pixels


def count_alphas(page: tifffile.TiffPage) -> int:
    """Return how many of the last samples of a page are declared as alpha."""
    extra = tuple(page.extrasamples) if page.samplesperpixel > 1 else ()
    others = [at for at, kind in enumerate(extra) if kind not in _ALPHAS]
    return len(extra) - 1 - max(others, default=-1)


def is_beside_channels(page: tifffile.TiffPage) -> bool:
    """Tell whether there is alpha beside samples that are no gray, RGB or inks."""
    samples = page.samplesperpixel
    colors = samples in (2, 4) or are_inks(page, samples)
    return count_alphas(page) > 0 and not colors


def without_alpha(
    pixels: NDArray[Any], page: tifffile.TiffPage, name: str
) -> NDArray[Any]:
    """Return channels without the alpha behind them, and without what it hides.

    Parameters
    ----------
    pixels : (..., S) ndarray
        Channels, and perhaps alpha, as the page declares.
    page : tifffile.TiffPage
    name : str
        Of the file, for the warning.

    Returns
    -------
    (..., C) ndarray
        Floats that are not a number where alpha is 0, if it is anywhere.

    Warns
    -----
    UserWarning
        Pixels are left out.
    """
    alphas = count_alphas(page)
    if not 0 < alphas < pixels.shape[-1]:
        return pixels
    kept, alpha = pixels[..., :-alphas], pixels[..., -alphas]
    clear = ~(alpha > 0)
    number = int(np.count_nonzero(clear))
    if not number:
        return kept
    warnings.warn(
        f"{number} pixels of {name} ({number / clear.size:.1%}) are clear by its "
        "alpha, and are left out",
        stacklevel=2,
    )
    hidden = np.broadcast_to(clear[..., None], kept.shape)
    return leave_out(kept, hidden, rgb=False)


def divided(pixels: NDArray[Any], white: float) -> NDArray[Any]:
    """Return RGBA whose colors are no longer multiplied with alpha.

    Parameters
    ----------
    pixels : (..., 4) ndarray
    white : float
        Value of white.

    Examples
    --------
    >>> divided(np.array([[100, 50, 0, 128]], np.uint8), 255).tolist()
    [[199, 100, 0, 128]]
    """
    result = np.array(pixels)
    rows = result.reshape(-1, 4)
    for start in range(0, len(rows), _SLAB):
        part = rows[start : start + _SLAB]
        alpha = part[:, 3:].astype(np.float64)
        clear = alpha == 0
        alpha[clear] = white
        color = part[:, :3] * (white / alpha)
        if result.dtype.kind != "f":
            color = np.rint(color)
        part[:, :3] = np.where(clear, 0, color.clip(0, white))
    return result


def are_inks(page: tifffile.TiffPage, samples: int) -> bool:
    """Tell whether samples are cyan, magenta, yellow and black, and perhaps alpha."""
    return (
        page.photometric == PHOTOMETRIC.SEPARATED
        and samples >= 4
        and page.tags.valueof(_INK_SET) != _OTHER_INKS
    )


def with_more(
    light: NDArray[Any], more: NDArray[Any], page: tifffile.TiffPage, name: str
) -> NDArray[Any]:
    """Return RGB with the samples behind its inks if they are alpha.

    Warns
    -----
    UserWarning
        They are something else, such as further inks, and are left out.
    """
    if not more.shape[-1]:
        return light
    extra = tuple(page.extrasamples)
    if not extra or extra[0] not in _ALPHAS:
        warnings.warn(
            f"{name} has {more.shape[-1]} samples beside its four inks, which are "
            "left out",
            stacklevel=2,
        )
        return light
    colors = np.concatenate([light, more[..., :1]], axis=-1)
    if extra[0] == _ASSOCIATED:
        return divided(colors, white_of_any(page, colors))
    return colors


def inks_of(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Return inks of which 0 is none, and the largest value all.

    Parameters
    ----------
    pixels : (..., 4) ndarray of an unsigned type
    page : tifffile.TiffPage
        Its tag "DotRange" may tell that the ends are exchanged.
    """
    dots = page.tags.valueof(_DOT_RANGE)
    if isinstance(dots, tuple) and len(dots) >= 2 and dots[0] > dots[1]:
        return np.subtract(white_of(page, pixels.dtype), pixels, dtype=pixels.dtype)
    return pixels


def light_of_inks(inks: NDArray[Any], white: float) -> NDArray[Any]:
    """Return RGB of inks by the simplest rule, where no profile tells of them.

    Examples
    --------
    >>> light_of_inks(np.array([[0, 255, 0, 0]], np.uint8), 255).tolist()
    [[255, 0, 255]]
    """
    rows = inks.reshape(-1, 4)
    result = np.empty((len(rows), 3), inks.dtype)
    for start in range(0, len(rows), _SLAB):
        part = rows[start : start + _SLAB].astype(np.float32) / np.float32(white)
        light = (1 - part[:, :3]) * (1 - part[:, 3:]) * np.float32(white)
        result[start : start + _SLAB] = (
            light if inks.dtype.kind == "f" else np.rint(light)
        )
    return result.reshape(*inks.shape[:-1], 3)


def _from_ycbcr(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Return RGB (and a fourth sample as it is) of YCbCr, by the tags of the file."""
    white = white_of(page, pixels.dtype)
    half = (white + 1) // 2
    black = [0.0, half, half]
    bright = [float(white)] * 3
    reference = _numbers(page.tags.valueof(_REFERENCE), 6)
    # tifffile itself writes the numbers of 8 bits for any depth.
    if reference and reference[1] > white // 257:
        black, bright = reference[::2], reference[1::2]
    red, green, blue = _numbers(page.tags.valueof(_COEFFICIENTS), 3) or (
        0.299, 0.587, 0.114,
    )  # fmt: skip
    if not green or any(one == two for one, two in zip(black, bright, strict=True)):
        raise ValueError("its tags of YCbCr cannot be")
    spans = (white, half - 1, half - 1)
    result = np.array(pixels)
    rows = result.reshape(-1, pixels.shape[-1])
    for start in range(0, len(rows), _SLAB):
        part = rows[start : start + _SLAB]
        y, cb, cr = (
            (part[:, c].astype(np.float64) - black[c])
            * (spans[c] / (bright[c] - black[c]))
            for c in range(3)
        )
        r = y + (2 - 2 * red) * cr
        b = y + (2 - 2 * blue) * cb
        g = (y - red * r - blue * b) / green
        for c, light in enumerate((r, g, b)):
            part[:, c] = np.rint(light).clip(0, white)
    return result


def _numbers(value: Any, count: int) -> list[float]:
    """Return a tag of fractions or numbers as floats; none if it is not that."""
    try:
        found = np.asarray(value, np.float64).ravel()
    except (TypeError, ValueError):
        return []
    if found.size == 2 * count:
        with np.errstate(all="ignore"):
            found = found[::2] / found[1::2]
    return found.tolist() if found.size == count and np.isfinite(found).all() else []
