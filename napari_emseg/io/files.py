"""Pictures and label images on disk: what the command line and the panel share.

Files are recognized by their first bytes, not by their names.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import tifffile

from napari_emseg.engine.image.lazy_image import fits_rgb
from napari_emseg.io import decoders
from napari_emseg.io.byte_budget import ByteBudget
from napari_emseg.io.damage import damage_told
from napari_emseg.io.image_content import ImageContent
from napari_emseg.io.pillow_picture import (
    read_jpeg,
    read_png,
    read_png_numbers,
    stored_otherwise,
)
from napari_emseg.io.pixel_size import spacing_of
from napari_emseg.io.png_chunks import note_of
from napari_emseg.io.safe_write import JPEG, TIFF, check_sides, check_target, new_file
from napari_emseg.io.tiff_pages import picture_of
from napari_emseg.io.tiff_picture import (
    axes_of,
    channel_names_of,
    read_tiff,
    read_tiff_numbers,
    tiff_stored_otherwise,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

LABEL_SUFFIXES = (*TIFF, ".png")
# Name of the text of a PNG file that holds what its labels are.
NOTE = "napari-emseg"
PICTURE_SUFFIXES = (*TIFF, ".png", *JPEG)


def read_image(
    path: str | os.PathLike[str],
    *,
    upright: bool = True,
    stack: bool = False,
    converted: bool = True,
    max_bytes: int | None = None,
) -> tuple[NDArray[Any], int | None]:
    """Read a PNG, JPEG or TIFF file.

    Loads stacks and multi-channel TIFF files, too.

    Parameters
    ----------
    path : path
        Where the file is. Its contents decide how it is read.
    upright : bool, optional
        Turn a picture that lies on its side, by the tag "Orientation" of EXIF or TIFF,
        as it is meant to be seen; if not, it is read as it is stored.
    stack : bool, optional
        Leave channels that stand before Y and X in a TIFF file where they are, and
        take them for slices of a stack, as napari's own reader does.
    converted : bool, optional
        Convert colors from the profile that the file embeds or names (ICC; cICP, or
        gAMA with cHRM of PNG; EXIF) to sRGB; and leave out what GDAL's tag declares as
        no data: floats are NaN there, colors transparent, and other whole numbers
        become floats if the value occurs. So it is with alpha behind other channels.
    max_bytes : int, optional
        Bytes of memory that the file may unfold to, by default 1 GiB, or 64 times its
        size if that is more; or as the environment variable
        ``NAPARI_EMSEG_MAX_BYTES`` says. Pixels that are not compressed, and all there,
        are read in any case.

    Returns
    -------
    pixels : (Y, X), (Z, Y, X), (..., Y, X, 3 or 4) or (..., Y, X, C) ndarray
        In native byte order. Palettes, CMYK, YCbCr and gray with alpha become RGB or
        RGBA; alpha that colors are multiplied with is divided out; samples or channels
        that stand first are moved to the end. Frames of an animation are a stack.
    channel_axis : int or None
        The last axis if it holds channels that are not RGB, or RGB beyond what
        `napari_emseg.segment` takes for it; otherwise None.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no file of this name.
    ValueError
        It is no PNG, JPEG or TIFF, or is damaged, or uses something rare, or unfolds
        to more than is allowed.

    Warns
    -----
    UserWarning
        Images of full size, frames, empty or damaged parts, a damaged color profile or
        pixels without data are left out.

    Notes
    -----
    Of TIFF, the first page of full size is read: thumbnails, masks and levels of
    pyramids ("NewSubfileType") are passed over. Gray that counts darkness
    ("WhiteIsZero") is turned to light; floats of this kind stay as they are, as in
    ImageJ, which inverts only how they are shown.

    Labels of an upright picture are upright, too. In a program that shows the picture
    as it is stored, as napari's own reader does ("File > Open"), they do not fit;
    ``napari-emseg open`` reads it as here.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_labels(path := f"{folder}/a.png", np.array([[1, 2], [3, 3]]))
    ...     read_image(path)[0].tolist()
    [[1, 2], [3, 3]]
    """
    found = _read(
        Path(path),
        max_bytes,
        upright=upright,
        stack=stack,
        converted=converted,
        spaced=False,
        told=None,
    )
    return found.pixels, found.channel_axis


def read_with_spacing(
    path: str | os.PathLike[str],
    *,
    stack: bool = False,
    axes: str | None = None,
    max_bytes: int | None = None,
) -> ImageContent:
    """Read an image and the lengths of its pixels; the file is opened once for both.

    The lengths are also known as pixel size or voxel spacing.

    Parameters
    ----------
    path, stack, max_bytes
        As for `read_image`.
    axes : str, optional
        Letters of the axes as they stand in the file. Where channels are elsewhere than
        the file says, no axis is moved, and a warning says so.

    Returns
    -------
    ImageContent
        Pixels, axis of the channels, and what the file tells of them.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "gray.png")
    ...     write_picture(path, np.zeros((2, 3, 3), np.uint8))
    ...     read_with_spacing(path).pixels.shape
    (2, 3, 3)
    """
    return _read(
        Path(path),
        max_bytes,
        upright=True,
        stack=stack,
        converted=True,
        spaced=True,
        told=axes,
    )


def _read(
    path: Path,
    max_bytes: int | None,
    *,
    spaced: bool,
    stack: bool,
    told: str | None,
    **how: bool,
) -> ImageContent:
    kind = decoders.kind_of(path)
    spacing = axes = None
    as_stored, names = False, tuple[str, ...]()
    with damage_told(path, "make or fetch it again"):
        budget = ByteBudget.of(path.stat().st_size, max_bytes)
        if kind == "tiff":
            with tifffile.TiffFile(path) as tiff:
                picture = picture_of(tiff)
                as_stored = picture.is_named_otherwise(told)
                found = read_tiff(picture, budget, stack=stack or as_stored, **how)
                spacing = spacing_of(picture) if spaced else None
                axes = axes_of(picture, found)
                names = () if as_stored else channel_names_of(picture, found)
        else:
            found = (read_png if kind == "png" else read_jpeg)(path, budget, **how)
    native = found.pixels.dtype.newbyteorder("=")
    pixels = np.ascontiguousarray(found.pixels, dtype=native)
    return ImageContent(
        pixels,
        None if as_stored else found.channel_axis,
        spacing,
        found.full_scale,
        found.profile,
        axes,
        as_stored,
        names,
    )


def ways_as_stored(path: str | os.PathLike[str]) -> dict[str, bool]:
    """Return the keywords of `read_image` that match napari's own reader.

    Parameters
    ----------
    path : path
        A PNG, JPEG or TIFF file.

    Returns
    -------
    dict of str to bool
        Keywords that make a difference: ``upright=False`` if it lies on its side,
        ``stack=True`` if channels stand before Y and X, ``converted=False`` if it has
        colors that are not sRGB, or a number that means "no data". Empty, too, if
        there is no such file, or one that cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_labels(path := f"{folder}/a.png", np.array([[1, 2], [3, 3]]))
    ...     ways_as_stored(path)
    {}
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), damage_told(path, "make or fetch it again"):
            warnings.simplefilter("ignore")
            told = _stored_otherwise(path)
    except (OSError, ValueError):
        return {}
    keywords = {"upright": False, "stack": True, "converted": False}
    return {way: value for way, value in keywords.items() if told.get(way)}


def _stored_otherwise(path: Path) -> dict[str, bool]:
    """Return in which ways a file is read other than it is stored."""
    kind = decoders.kind_of(path)
    if kind != "tiff":
        return stored_otherwise(path, kind)
    with tifffile.TiffFile(path) as tiff:
        return tiff_stored_otherwise(picture_of(tiff))


def read_labels(
    path: str | os.PathLike[str], *, max_bytes: int | None = None
) -> NDArray[Any]:
    """Read a label image as `write_labels` writes it.

    Parameters
    ----------
    path : path
        A TIFF or PNG file of whole numbers. Of a palette, the numbers are read, and of
        gray of few bits what is stored.
    max_bytes : int, optional
        As for `read_image`.

    Returns
    -------
    (Y, X) or (Z, Y, X) ndarray of an integer type
        The labels.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no file of this name.
    ValueError
        It cannot be read or does not hold labels.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_labels(path := f"{folder}/a.png", np.array([[1, 2], [3, 3]]))
    ...     read_labels(path).dtype.name
    'uint8'
    """
    path = Path(path)
    kind = decoders.kind_of(path)
    if kind == "jpeg":
        raise ValueError(
            f"{path} is a JPEG file, which does not keep numbers exactly; "
            "give labels as TIFF or PNG"
        )
    with damage_told(path, "write the labels again"):
        budget = ByteBudget.of(path.stat().st_size, max_bytes)
        if kind == "tiff":
            with tifffile.TiffFile(path) as tiff:
                labels = read_tiff_numbers(picture_of(tiff), budget)
        else:
            labels = read_png_numbers(path, budget)
    if labels.dtype.kind not in "bui" or (labels.ndim > 2 and kind == "png"):
        raise ValueError(
            f"{path} holds {labels.dtype} data of shape {labels.shape}, not labels; "
            "give a file of whole numbers without colors"
        )
    native = "u1" if labels.dtype.kind == "b" else labels.dtype.newbyteorder("=")
    return np.ascontiguousarray(labels, dtype=native)


def write_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    *,
    force: bool = False,
    metadata: Mapping[str, Any] | None = None,
    resolution: tuple[float, float] | None = None,
) -> None:
    """Write labels to a compressed TIFF or to a PNG file.

    Saves a label image, or a mask.

    Parameters
    ----------
    path : path
        Ends in .tif, .tiff or .png and decides the format.
    labels : (..., Y, X) array of an integer type
        Not negative. Stored with as few bits as the largest label needs.
    force : bool
        Replace a file that exists.
    metadata : mapping, optional
        What JSON can hold; kept in the description of a TIFF file, which
        `tifffile.TiffFile.shaped_metadata` gives back, or as a text of a PNG file.
    resolution : (float, float), optional
        Pixels per centimeter along X and Y, for the tags of a TIFF file.

    Raises
    ------
    FileExistsError
        The file exists and `force` is not given.
    ValueError, TypeError
        The ending, or the labels, do not suit.
    """
    path, values = Path(path), np.asarray(labels)
    if values.dtype.kind not in "ui":
        raise TypeError(f"labels are whole numbers, got {values.dtype}; convert them")
    if values.size == 0 or values.min() < 0:
        what = f"the smallest is {values.min()}" if values.size else "there are none"
        raise ValueError(f"labels count from 0, but {what}; renumber them")
    if values.ndim < 2:
        raise ValueError(f"labels of shape {values.shape} need axes Y and X; add them")
    values = values.astype(np.min_scalar_type(int(values.max())), copy=False)
    check_target(path, LABEL_SUFFIXES, force=force, ndim=values.ndim)
    if path.suffix.lower() in TIFF:
        with new_file(path, force=force) as temporary:
            tifffile.imwrite(
                temporary,
                values,
                compression="zlib",
                photometric="minisblack",
                metadata=dict(metadata or {}),
                resolution=resolution,
                resolutionunit=None if resolution is None else "CENTIMETER",
            )
        return
    if values.dtype.itemsize > 2:
        raise ValueError(
            f"label {values.max()} does not fit into the 16 bits of a PNG; "
            f"write {path.with_suffix('.tif').name} instead"
        )
    with new_file(path, force=force) as temporary:
        note = None if metadata is None else note_of(NOTE, json.dumps(dict(metadata)))
        form: dict[str, Any] = {"plugin": "pillow", "extension": ".png"}
        iio.imwrite(temporary, values, pnginfo=note, **form)


def write_picture(
    path: str | os.PathLike[str], picture: ArrayLike, *, force: bool = False
) -> None:
    """Write a color picture to a PNG, JPEG or TIFF file.

    To save what was edited or painted.

    Parameters
    ----------
    path : path
        Its ending decides the format.
    picture : (..., Y, X, 3 or 4) array_like of uint8
        RGB or RGBA. JPEG leaves the alpha out; only TIFF takes stacks, uint16 and
        float.
    force : bool
        Replace a file that exists.

    Raises
    ------
    FileExistsError, ValueError
        The file exists and `force` is not given, the ending does not suit, or this is
        no picture.
    """
    path, values = Path(path), np.asarray(picture)
    suffix = path.suffix.lower()
    if values.ndim < 3 or values.shape[-1] not in (3, 4):
        raise ValueError(
            f"a picture of shape {values.shape} has no colors; give it a last axis of "
            "3 or 4, or write numbers with write_labels"
        )
    check_sides(path, values.shape)
    if values.dtype != np.uint8 and not (suffix in TIFF and fits_rgb(values)):
        raise ValueError(
            f"a picture of {values.dtype} is not what {path} can hold; convert it to "
            "uint8, or write uint16, or float in [0, 1], to a .tif file"
        )
    check_target(path, PICTURE_SUFFIXES, force=force, ndim=values.ndim - 1)
    with new_file(path, force=force) as temporary:
        if suffix in TIFF:
            tifffile.imwrite(temporary, values, compression="zlib", photometric="rgb")
        elif suffix == ".png":
            iio.imwrite(temporary, values, plugin="pillow", extension=suffix)
        else:
            opaque = np.ascontiguousarray(values[..., :3])
            # Into a file, Pillow writes JPEG without noticing that the disk is full.
            temporary.write_bytes(
                iio.imwrite(
                    "<bytes>", opaque, plugin="pillow", extension=suffix, quality=95
                )
            )


def write_text(
    path: str | os.PathLike[str],
    text: str,
    suffixes: tuple[str, ...],
    *,
    force: bool = False,
) -> None:
    """Write a text file, in UTF-8.

    Parameters
    ----------
    path : path
        Has one of the endings.
    text : str
    suffixes : tuple of str
        The endings that suit.
    force : bool
        Replace a file that exists.

    Raises
    ------
    FileExistsError, ValueError
        The file exists and `force` is not given, or the ending does not suit.
    """
    path = Path(path)
    check_target(path, suffixes, force=force)
    with new_file(path, force=force) as temporary:
        temporary.write_text(text, "utf-8")


def paint(labels: NDArray[Any], colors: ArrayLike) -> NDArray[np.uint8]:
    """Return a picture of `labels`, every class in its color.

    A color overlay in the mean colors of classes, or in any others.

    Parameters
    ----------
    labels : (...) ndarray of an integer type
        Values 0 to K.
    colors : (K, 3) array of float
        RGB in [0, 1] of the classes 1 to K.

    Returns
    -------
    (..., 3) or (..., 4) ndarray of uint8
        RGB; RGBA if there are pixels without a class (0), which are transparent.

    Examples
    --------
    >>> paint(np.array([[1, 2]]), [[1, 0, 0], [0, 0, 1]]).tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    classes = np.rint(np.clip(np.asarray(colors, np.float64), 0, 1) * 255)
    table = np.zeros((len(classes) + 1, 4), np.uint8)
    table[1:, :3] = classes
    table[1:, 3] = 255
    # One number of four bytes for each pixel is several times faster than rows.
    rgba = np.take(table.view(np.uint32)[:, 0], labels)[..., None].view(np.uint8)
    opaque = labels.size and labels.min() > 0
    return np.ascontiguousarray(rgba[..., :3]) if opaque else rgba
