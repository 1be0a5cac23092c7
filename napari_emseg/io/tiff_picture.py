"""TIFF files as pictures and as numbers, with what they tell of their values."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from tifffile import PHOTOMETRIC

from napari_emseg.engine.image.lazy_image import RGB_DTYPES
from napari_emseg.io import tiff_colors
from napari_emseg.io.color_profile import ColorProfile, find_profile
from napari_emseg.io.damage import UnfitError
from napari_emseg.io.full_scale import full_scale_of
from napari_emseg.io.no_data import find_flagged, flag_of, leave_out, tell_left_out
from napari_emseg.io.orientation import turned
from napari_emseg.io.tiff_pages import check_pages

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

    from napari_emseg.io.byte_budget import ByteBudget
    from napari_emseg.io.tiff_pages import TiffPicture

_PROFILE = 34675
# What tifffile calls axes of which it knows nothing.
NAMELESS = "QI"


class DecodedPicture(NamedTuple):
    """What a decoder makes of a file.

    Attributes
    ----------
    pixels : ndarray
        Channels or colors last, unless they are slices of a stack.
    channel_axis : int or None
        The last axis if it holds channels that are not RGB.
    full_scale : float or None
        The value of white, where the file declares another than the largest.
    profile : str or None
        Name of the color profile that colors were converted from.
    """

    pixels: NDArray[Any]
    channel_axis: int | None = None
    full_scale: float | None = None
    profile: str | None = None


def read_tiff(
    picture: TiffPicture,
    budget: ByteBudget,
    *,
    upright: bool,
    stack: bool,
    converted: bool,
) -> DecodedPicture:
    """Read the picture of an open file, channels last unless they are a stack.

    Parameters
    ----------
    picture : TiffPicture
    budget : ByteBudget
        For the reading.
    upright, stack, converted : bool
        As for `napari_emseg.files.read_image`.
    """
    picture.tell_others()
    _tell_of_ome(picture)
    pages = picture.unlike_pages or (picture,)
    flags = [flag_of(one.page, picture.name) if converted else None for one in pages]
    holes = any(flag is not None for flag in flags) or (
        converted and any(tiff_colors.is_beside_channels(one.page) for one in pages)
    )
    # Pages that are read one by one stand beside the stack that they become.
    copies = _widened(picture.page, flagged=holes) + (len(pages) > 1)
    check_pages(picture, budget, copies)
    found = [
        _read_alike(one, flag, upright=upright, stack=stack, converted=converted)
        for one, flag in zip(pages, flags, strict=True)
    ]
    first = found[0]
    if len(found) == 1:
        return first
    if any(one.pixels.shape != first.pixels.shape for one in found):
        warnings.warn(
            f"of {len(found)} pages of {picture.name} the first is read; others lie "
            "otherwise, or have other kinds of colors: save them as files of their own",
            stacklevel=2,
        )
        return first
    pixels = np.stack([one.pixels for one in found])
    profile = next((one.profile for one in found if one.profile), None)
    axis = None if first.channel_axis is None else first.channel_axis + 1
    return DecodedPicture(pixels, axis, first.full_scale, profile)


def _read_alike(
    picture: TiffPicture,
    flag: float | None,
    *,
    upright: bool,
    stack: bool,
    converted: bool,
) -> DecodedPicture:
    """Read pages whose tags tell the same of their values; a flag is no data."""
    page, name = picture.page, picture.name
    stored, axes = upright_samples(picture, upright=upright)
    flagged = None if flag is None else find_flagged(stored, flag)
    white = full_scale_of(picture.tiff, page, stored)
    if flag is not None and flagged is not None and stored.dtype.kind == "f":
        if page.photometric == PHOTOMETRIC.RGB and "S" in axes and 0 <= flag <= 1:
            # Black and white are colors unless all bands are.
            flagged &= flagged.all(axis=axes.index("S"), keepdims=True)
        tell_left_out(flagged, flag, name, "values")
        stored, flagged = leave_out(stored, flagged, rgb=False), None
    as_stack = stack and picture.has_leading_channels
    light = (
        _Light(stored, None)
        if as_stack
        else _light(stored, axes, picture, white=white or 0, converted=converted)
    )
    pixels = light.pixels
    if flag is not None and flagged is not None:
        letter = next((one for one in "SC" if one in axes), None)
        if letter and not as_stack:
            flagged = np.moveaxis(flagged, axes.index(letter), -1)
            flagged = flagged[..., : flagged.shape[-1] - tiff_colors.count_alphas(page)]
            if light.rgb:  # a color, unless all its bands are the value
                flagged = np.logical_and.reduce(flagged, axis=-1)
            else:
                flagged = flagged[..., : pixels.shape[-1]]
        if flagged.any():
            tell_left_out(flagged, flag, name, "pixels" if light.rgb else "values")
            pixels = leave_out(pixels, flagged, rgb=light.rgb)
    return DecodedPicture(pixels, light.channel_axis, white, light.profile)


def axes_of(picture: TiffPicture, found: DecodedPicture) -> str | None:
    """Return the letters of the axes of a picture as it was read.

    Parameters
    ----------
    picture : TiffPicture
        The file: OME, ImageJ, or another that names its axes.
    found : DecodedPicture
        What was read.

    Returns
    -------
    str or None
        As for `napari_emseg.segment`; None if the file does not tell all of them.
    """
    stored = picture.series.axes
    if any(axis in NAMELESS for axis in stored):
        return None
    axes = "".join(axis for axis in stored if axis not in "SC")
    if found.pixels.ndim == len(axes) + 1:
        axes += "S" if found.channel_axis is None else "C"
    if found.channel_axis is None and found.pixels.ndim == len(stored):
        axes = stored  # also where channels were left before Y and X
    whole = len(axes) == found.pixels.ndim and {"Y", "X"} <= {*axes}
    return axes if whole and len({*axes}) == len(axes) else None


def channel_names_of(picture: TiffPicture, found: DecodedPicture) -> tuple[str, ...]:
    """Return the names that OME has of the channels; none unless each has its own.

    Parameters
    ----------
    picture : TiffPicture
        The file.
    found : DecodedPicture
        What was read.
    """
    text = picture.tiff.ome_metadata
    if text is None or found.channel_axis is None:
        return ()
    try:
        channels = ElementTree.fromstring(text).findall("{*}Image/{*}Pixels/{*}Channel")
    except ElementTree.ParseError:  # of which who reads the pixels warns
        return ()
    names = [str(one.get("Name") or "").strip() for one in channels]
    whole = len(names) == found.pixels.shape[-1] == len({*names} - {""})
    return tuple(names) if whole else ()


def _tell_of_ome(picture: TiffPicture) -> None:
    """Warn of a description that is no longer OME, so that axes are guessed."""
    text = str(picture.tiff.pages.first.description)
    if "<OME" not in text:
        return
    try:
        ElementTree.fromstring(text)
        whole = picture.tiff.is_ome
    except ElementTree.ParseError:
        whole = False
    if whole:
        return
    warnings.warn(
        f"the OME description of {picture.name} is damaged, so that its axes are "
        f"guessed ({picture.series.axes}), and nothing tells the size of its pixels",
        stacklevel=2,
    )


class _Light(NamedTuple):
    """Pixels of which nothing but their meaning is left to be known."""

    pixels: NDArray[Any]
    channel_axis: int | None
    rgb: bool = False
    profile: str | None = None


def _widened(page: tifffile.TiffPage, *, flagged: bool) -> float:
    """Return how many bytes come of one: of palettes, and where some are no data."""
    dtype = page.dtype
    if page.photometric == PHOTOMETRIC.PALETTE:
        return 7.0 if flagged else 3.0
    if not flagged or dtype is None or dtype.kind == "f":
        return 1.0
    return np.result_type(dtype, np.float32).itemsize / dtype.itemsize


def upright_samples(picture: TiffPicture, *, upright: bool) -> tuple[NDArray[Any], str]:
    """Return samples as they are stored, and their axes; Y and X upright if wanted."""
    pixels, axes = tiff_colors.decode(picture)
    if not upright or not {"Y", "X"} <= {*axes}:
        return pixels, axes
    at = {"y": axes.index("Y"), "x": axes.index("X")}
    return turned(pixels, picture.orientation, **at), axes


def _light(
    pixels: NDArray[Any],
    axes: str,
    picture: TiffPicture,
    *,
    white: float,
    converted: bool,
) -> _Light:
    """Return samples as light, channels last."""
    page, name = picture.page, picture.name
    try:
        kind = PHOTOMETRIC(page.photometric)
    except ValueError:
        raise UnfitError(
            f"its colors are of the unknown kind {page.photometric}; convert it to RGB"
        ) from None
    if kind in (PHOTOMETRIC.LOGL, PHOTOMETRIC.LOGLUV):
        raise UnfitError("its colors are LogLuv; convert it to RGB, or to floats")
    data = page.tags.valueof(_PROFILE) if converted else None
    data = data if isinstance(data, bytes) else None
    if kind is PHOTOMETRIC.CFA:
        warnings.warn(
            f"{name} holds what a sensor behind a mosaic of color filters saw, and is "
            "read as gray; develop it to have colors",
            stacklevel=2,
        )
    if "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
    numbers = "S" not in axes or (
        pixels.shape[-1] == 2 and tiff_colors.count_alphas(page) == 1
    )
    if kind is PHOTOMETRIC.PALETTE and page.colormap is not None and numbers:
        colors = tiff_colors.looked_up(pixels, page)
        return _in_srgb(colors, find_profile(data, 3, name))
    if kind is PHOTOMETRIC.PALETTE:
        warnings.warn(
            f"{name} has numbers of colors, and no palette: they are read as gray",
            stacklevel=2,
        )
    if kind is PHOTOMETRIC.MINISWHITE:
        pixels = tiff_colors.inverted(pixels, page)
    if "S" in axes:
        if tiff_colors.are_inks(page, pixels.shape[-1]) and pixels.dtype.kind in "uf":
            inks = tiff_colors.inks_of(pixels[..., :4], page)
            full = tiff_colors.white_of_any(page, pixels)
            profile = find_profile(data, 4, name)
            light = (
                _in_srgb(inks, profile, white)
                if profile is not None
                else _Light(tiff_colors.light_of_inks(inks, full), None, rgb=True)
            )
            more = pixels[..., 4:]
            return light._replace(
                pixels=tiff_colors.with_more(light.pixels, more, page, name)
            )
        pixels, colored = tiff_colors.colors_of(pixels, page, name)
        if not colored:
            if converted:
                pixels = tiff_colors.without_alpha(pixels, page, name)
            return _Light(pixels, pixels.ndim - 1)
        profile = find_profile(data, 1 if page.samplesperpixel == 2 else 3, name)
        return _in_srgb(pixels, profile, white)
    if "C" in axes:
        pixels = np.moveaxis(pixels, axes.index("C"), -1)
        return _Light(pixels, pixels.ndim - 1)
    if data and (pixels.dtype in RGB_DTYPES or _is_light(pixels)):
        return _in_srgb(pixels, find_profile(data, 1, name), white, rgb=False)
    return _Light(pixels, None)


def _is_light(pixels: NDArray[Any]) -> bool:
    """Tell whether floats lie between black and white."""
    return pixels.dtype.kind == "f" and bool(pixels.min() >= 0 and pixels.max() <= 1)


def _in_srgb(
    pixels: NDArray[Any],
    profile: ColorProfile | None,
    white: float = 0,
    *,
    rgb: bool = True,
) -> _Light:
    """Return a picture in sRGB."""
    if profile is None:
        return _Light(pixels, None, rgb)
    white = white if pixels.dtype.kind == "u" else 0
    pixels = profile.convert_picture(pixels, rgb=rgb, white=white)
    return _Light(pixels, None, rgb, profile.name)


def read_tiff_numbers(picture: TiffPicture, budget: ByteBudget) -> NDArray[Any]:
    """Read the picture of an open file upright, without looking up its palette.

    Parameters
    ----------
    picture : TiffPicture
    budget : ByteBudget
        For the reading.

    Raises
    ------
    UnfitError
        It has colors.
    """
    series = picture.series
    if "S" in series.axes:
        raise UnfitError(
            f"{series.dtype} data of shape {series.shape} are colors, not labels; "
            "give a file of whole numbers without colors"
        )
    picture.tell_others()
    check_pages(picture, budget)
    return upright_samples(picture, upright=True)[0]


def tiff_stored_otherwise(picture: TiffPicture) -> dict[str, bool]:
    """Return in which ways a TIFF file is read other than it is stored.

    Returns
    -------
    dict of str to bool
        "upright" if it is turned, "stack" if channels stand first, and "converted" if
        its colors are, or if it may have pixels without data.
    """
    page = picture.page
    data = page.tags.valueof(_PROFILE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = 3 if page.photometric == PHOTOMETRIC.PALETTE else page.samplesperpixel
        colors = {1: 1, 2: 1, 3: 3}.get(samples, 4)
        if page.photometric == PHOTOMETRIC.RGB:
            colors = 3
        profile = find_profile(data, colors, "") if isinstance(data, bytes) else None
        flag = flag_of(page, "")
    return {
        "upright": picture.orientation in range(2, 9),
        "stack": picture.has_leading_channels,
        "converted": profile is not None
        or flag is not None
        or tiff_colors.is_beside_channels(page),
    }
