"""Decoders of the image formats: from the bytes of a file to honest pixels.

Palettes, inks, inverted grays, samples that stand first, pictures that lie on their
side: what the format says is undone here, so that nothing behind it has to know.
"""

from __future__ import annotations

import logging
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import imageio.v3 as iio
import numpy as np
import tifffile
from PIL import Image

from napari_emseg.engine.image.lazy_image import fits_rgb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# What tifffile notes of files that end too early, and of images in several files.
_CUT_OFF = ("invalid page offset", "incompletely written")
_ELSEWHERE = ("Missing data", "missing files", "is missing")


class UnfitError(ValueError):
    """A file is whole, but holds what cannot be used here; the message says all."""


class _Listener(logging.Handler):
    """Hears what tifffile writes to its log, where nobody would look for it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is said of our own file."""
        if record.thread == self._thread:
            said = record.getMessage()
            self.said.append(said.partition("> ")[2] or said)


@contextmanager
def losses_told(path: Path) -> Iterator[None]:
    """Refuse TIFF files that end too early; warn of those with parts elsewhere.

    Raises
    ------
    UnfitError
        Pages are missing from the file.

    Warns
    -----
    UserWarning
        Other files of an image are missing; what they hold counts as 0.
    """
    heard, log = _Listener(), logging.getLogger("tifffile")
    log.addHandler(heard)
    try:
        yield
    finally:
        log.removeHandler(heard)
    for said in heard.said:
        if any(words in said for words in _CUT_OFF):
            raise UnfitError(f"it ends too early ({said}); make or fetch it again")
    for said in heard.said:
        if any(words in said for words in _ELSEWHERE):
            warnings.warn(f"parts of {path.name} are missing: {said}", stacklevel=2)
            return


@contextmanager
def damage_told(path: Path, remedy: str) -> Iterator[None]:
    """Refuse a file that cannot be read, with the reason and the remedy.

    Raises
    ------
    ValueError
        Whatever happened inside, with the name of the file and the remedy.
    """
    try:
        with losses_told(path):
            yield
    except MemoryError:
        raise
    except UnfitError as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # decoders of damaged files raise whatever comes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path} cannot be read: {reason}; the file may be damaged or incomplete, "
            f"so {remedy}"
        ) from error


# A format is known by how its files begin.
MAGIC = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
# What others begin with, and where: to tell people what they gave.
OTHERS = {
    "BMP": (0, b"BM"),
    "GIF": (0, b"GIF8"),
    "WebP": (8, b"WEBP"),
    "HEIC or AVIF": (4, b"ftyp"),
    "JPEG 2000": (4, b"jP  "),
    "PDF": (0, b"%PDF"),
    "HDF5": (0, b"\x89HDF"),
    "NumPy": (0, b"\x93NUMPY"),
    "Zip": (0, b"PK"),
}
_ZARR = ("zarr.json", ".zgroup", ".zarray")  # what a folder of arrays has in it
_PNG_COLOR, _PNG_ALPHA = 2, 4  # bits of the color type in a PNG's header
# Tag of EXIF and TIFF; its values that exchange axes, and that turn rows or columns.
_ORIENTATION = 274
_SWAPPED, _FROM_BELOW, _FROM_RIGHT = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)
# Axes that tifffile gives to samples of a pixel, and to channels.
_CHANNELS = "SC"
# OpenCV can do no more pixels. Pillow by itself warns from 90 million on, and refuses
# 180 million: a size that panoramas and slides have.
_MOST = 2**30
_LIMIT = threading.Lock()


def kind_of(path: Path) -> str:
    """Return the format of an image file from its first bytes.

    Parameters
    ----------
    path : Path
        A file that can be read again and again, so no pipe.

    Returns
    -------
    {"png", "jpeg", "tiff"}

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        There is no file of this name.
    ValueError
        It is none that is read here.
    """
    if path.is_dir():
        if any((path / name).exists() for name in _ZARR):
            raise IsADirectoryError(
                f"{path} is a Zarr folder, which is not read here; open it in napari, "
                "or with zarr in Python and give napari_emseg.segment one of its arrays"
            )
        raise IsADirectoryError(
            f"{path} is a folder; give the files in it, such as {path / '*.png'}"
        )
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the name")
    if not path.is_file():
        raise ValueError(
            f"{path} is a pipe or a device, which cannot be read twice; write what "
            "comes out of it to a file, and give that"
        )
    with path.open("rb") as file:
        start = file.read(16)
    for kind, magics in MAGIC.items():
        if start.startswith(magics):
            return kind
    what = "does not begin like an image" if start else "is empty"
    for name, (at, magic) in OTHERS.items():
        if start[at:].startswith(magic):
            what = f"is a {name} file, which is not read here"
            raise ValueError(f"{path} {what}; convert it to PNG, JPEG or TIFF")
    raise ValueError(f"{path} {what}; give a PNG, JPEG or TIFF file")


def turned(
    pixels: NDArray[Any], orientation: int, *, y: int = 0, x: int = 1
) -> NDArray[Any]:
    """Return a stored picture upright.

    Parameters
    ----------
    pixels : ndarray
        As stored, with any number of axes.
    orientation : int
        Value of the tag of this name in EXIF [1]_ or TIFF; of any but 2 to 8 nothing
        changes.
    y, x : int, optional
        Its axes of rows and columns.

    Returns
    -------
    ndarray
        A view.

    Notes
    -----
    imageio turns palettes and gray with alpha along the wrong axis, tifffile does not
    turn at all, and OpenCV not where it keeps alpha: hence one function for all.

    References
    ----------
    .. [1] "Exchangeable image file format for digital still cameras: Exif Version
       2.32", CIPA DC-008, 2019, section 4.6.4.

    Examples
    --------
    >>> turned(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    if orientation in _SWAPPED:
        pixels = np.swapaxes(pixels, y, x)
    found = ((y, _FROM_BELOW), (x, _FROM_RIGHT))
    return np.flip(pixels, tuple(axis for axis, those in found if orientation in those))


def orientation_of(path: Path) -> int:
    """Return how a PNG or JPEG file is turned: 1 is upright, 2 to 8 are not."""
    with _pillow(path) as file:
        return _orientation(file.metadata(index=0, exclude_applied=False))


def orientation_of_tiff(tiff: tifffile.TiffFile) -> int:
    """Return how the first series of a file is turned, as `orientation_of`."""
    return int(tiff.series[0].keyframe.tags.valueof(_ORIENTATION, default=1))


def has_leading_channels(tiff: tifffile.TiffFile) -> bool:
    """Whether samples or channels stand before Y and X in a file, as a stack does."""
    axes = tiff.series[0].axes
    return any(0 <= axes.find(name) < axes.find("X") for name in _CHANNELS)


def read_png(path: Path, *, upright: bool) -> NDArray[Any]:
    """Read a PNG file as bool, gray, RGB or RGBA, 8 or 16 bits deep."""
    pixels, orientation = _decode(path)
    with path.open("rb") as file:
        depth, kind = file.read(26)[24:]
    # Pillow, which has now proved the file whole, makes 8 bits of deep colors.
    if depth == 16 and kind & (_PNG_COLOR | _PNG_ALPHA):
        deep = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if deep is None:
            raise ValueError("OpenCV cannot decode its 16-bit colors")
        has_alpha = deep.shape[-1] == 4
        pixels = cv2.cvtColor(
            deep, cv2.COLOR_BGRA2RGBA if has_alpha else cv2.COLOR_BGR2RGB
        )
    return turned(pixels, orientation if upright else 1)


def read_picture(path: Path, *, upright: bool) -> NDArray[Any]:
    """Read any file that Pillow knows as bool, gray, RGB or RGBA."""
    pixels, orientation = _decode(path)
    return turned(pixels, orientation if upright else 1)


def read_png_numbers(path: Path) -> NDArray[Any]:
    """Read a PNG file upright, without looking up its palette."""
    return turned(*_decode(path, colors=False))


def _orientation(about: dict[str, Any]) -> int:
    return int(about.get("Orientation", 1))


def _decode(path: Path, *, colors: bool = True) -> tuple[NDArray[Any], int]:
    """Return pixels as Pillow reads and the file stores them, and their orientation."""
    with _pillow(path) as file:
        about = file.metadata(index=0, exclude_applied=False)
        mode, wanted = about["mode"], None
        if not colors:
            wanted = "P" if mode == "P" else None
        elif mode in ("LA", "PA") or (mode != "I;16" and "transparency" in about):
            wanted = "RGBA"
        elif mode in ("P", "CMYK"):
            wanted = "RGB"
        pixels = np.asarray(file.read(index=0, mode=wanted))
        return pixels, _orientation(about)


@contextmanager
def _pillow(path: Path) -> Iterator[Any]:
    """Open a file with Pillow, as large as it may be."""
    with _LIMIT:  # which is one for the whole process
        usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, _MOST
        try:
            opened = iio.imopen(path, "r", plugin="pillow")
        except OSError as error:  # imageio's words say nothing of the reason
            raise error.__cause__ or error from None
        finally:
            Image.MAX_IMAGE_PIXELS = usual
    with opened as file:
        yield file


def read_tiff_numbers(path: Path) -> NDArray[Any]:
    """Read the first series of a TIFF file upright, without looking up its palette."""
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        if "S" in series.axes:
            raise UnfitError(
                f"{series.dtype} data of shape {series.shape} are colors, not labels; "
                "give a file of whole numbers without colors"
            )
        return _asarray(series, orientation_of_tiff(tiff))


def read_tiff(
    tiff: tifffile.TiffFile, *, upright: bool, stack: bool
) -> tuple[NDArray[Any], int | None]:
    """Read the first series of an open file, channels last unless they are a stack."""
    series, more = tiff.series[0], len(tiff.series) - 1
    if more:
        warnings.warn(
            f"of {more + 1} images in {tiff.filename} the first is read, which has the "
            f"shape {series.shape}; save others as files of their own",
            stacklevel=2,
        )
    page = series.keyframe
    orientation = orientation_of_tiff(tiff) if upright else 1
    pixels, axes = _asarray(series, orientation), series.axes
    if stack and has_leading_channels(tiff):
        return pixels, None
    kind = tifffile.PHOTOMETRIC(page.photometric)
    if kind is tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        colors = (page.colormap.T >> 8).astype(np.uint8)
        return np.take(colors, pixels, axis=0), None
    extra = page.extrasamples
    if kind is tifffile.PHOTOMETRIC.MINISWHITE:
        pixels = np.invert(pixels)
    if "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
        return _colors(pixels, kind, alpha=bool(extra) and extra[0] in (1, 2))
    if "C" in axes:
        pixels = np.moveaxis(pixels, axes.index("C"), -1)
        return pixels, pixels.ndim - 1
    return pixels, None


def _asarray(series: tifffile.TiffPageSeries, orientation: int) -> NDArray[Any]:
    """Read a series of a TIFF file upright, its axes in their order."""
    pixels, axes = np.asarray(series.asarray()), series.axes
    if not {"Y", "X"} <= {*axes}:
        return pixels
    return turned(pixels, orientation, y=axes.index("Y"), x=axes.index("X"))


def _colors(
    pixels: NDArray[Any], kind: tifffile.PHOTOMETRIC, *, alpha: bool
) -> tuple[NDArray[Any], int | None]:
    """Return RGB or RGBA of the samples of a TIFF file where they are colors."""
    samples = pixels.shape[-1]
    if kind in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
        if samples > 4:
            return pixels, pixels.ndim - 1
        if fits_rgb(pixels[..., :3]):
            return pixels[..., : 4 if alpha else 3], None
        # Light beyond white (HDR), and types that no color is made of here.
        return pixels[..., :3], pixels.ndim - 1
    if kind is tifffile.PHOTOMETRIC.SEPARATED and samples == 4:
        top = np.iinfo(pixels.dtype).max
        inks = pixels.astype(np.float32) / top
        light = (1 - inks[..., :3]) * (1 - inks[..., 3:])
        return np.rint(light * top).astype(pixels.dtype), None
    if kind in (tifffile.PHOTOMETRIC.CIELAB, tifffile.PHOTOMETRIC.ICCLAB):
        raise UnfitError("its colors are Lab; convert it to RGB")
    if alpha and samples == 2:
        return pixels[..., (0, 0, 0, 1)], None
    return pixels, pixels.ndim - 1


# JPEG is missing because it changes the numbers that it stores.
NUMBER_READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    "png": read_png_numbers,
    "tiff": read_tiff_numbers,
}
