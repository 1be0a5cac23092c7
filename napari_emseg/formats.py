"""Decoders of the image formats: from the bytes of a file to honest pixels.

Palettes, inks, inverted greys, samples that stand first: what the format says is
undone here, so that nothing behind it has to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import imageio.v3 as iio
import numpy as np
import tifffile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

# A format is known by how its files begin.
MAGIC = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpeg": (b"\xff\xd8\xff",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
_PNG_COLOR, _PNG_ALPHA = 2, 4  # bits of the color type in a PNG's header


def read_png(path: Path) -> tuple[NDArray[Any], None]:
    """Read a PNG file as bool, grey, RGB or RGBA, 8 or 16 bits deep."""
    pixels, _ = read_picture(path)
    with path.open("rb") as file:
        depth, kind = file.read(26)[24:]
    # Pillow, which has now proved the file whole, makes 8 bits of deep colors.
    if depth == 16 and kind & (_PNG_COLOR | _PNG_ALPHA):
        deep = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if deep is None:
            raise ValueError("OpenCV cannot decode its 16-bit colors")
        has_alpha = deep.shape[-1] == 4
        return cv2.cvtColor(
            deep, cv2.COLOR_BGRA2RGBA if has_alpha else cv2.COLOR_BGR2RGB
        ), None
    return pixels, None


def read_picture(path: Path) -> tuple[NDArray[Any], None]:
    """Read any file that Pillow knows as bool, grey, RGB or RGBA."""
    with iio.imopen(path, "r", plugin="pillow") as file:
        about = file.metadata(index=0, exclude_applied=False)
        mode = about["mode"]
        if mode in ("LA", "PA") or (mode != "I;16" and "transparency" in about):
            return np.asarray(file.read(index=0, mode="RGBA")), None
        wanted = "RGB" if mode in ("P", "CMYK") else None
        return np.asarray(file.read(index=0, mode=wanted)), None


def read_png_numbers(path: Path) -> NDArray[Any]:
    """Read a PNG file without looking up its palette."""
    with iio.imopen(path, "r", plugin="pillow") as file:
        mode = file.metadata(index=0, exclude_applied=False)["mode"]
        return np.asarray(file.read(index=0, mode="P" if mode == "P" else None))


def read_tiff_numbers(path: Path) -> NDArray[Any]:
    """Read the first series of a TIFF file as it is stored."""
    return np.asarray(tifffile.imread(path))


def read_tiff(path: Path) -> tuple[NDArray[Any], int | None]:
    """Read the first series of a TIFF file, channels last."""
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page = series.keyframe
        pixels, axes = series.asarray(), series.axes
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


def _colors(
    pixels: NDArray[Any], kind: tifffile.PHOTOMETRIC, *, alpha: bool
) -> tuple[NDArray[Any], int | None]:
    """Make RGB or RGBA of the samples of a TIFF file where they are colors."""
    samples = pixels.shape[-1]
    if kind in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR):
        if samples > 4:
            return pixels, pixels.ndim - 1
        return pixels[..., : 4 if alpha else 3], None
    if kind is tifffile.PHOTOMETRIC.SEPARATED and samples == 4:
        top = np.iinfo(pixels.dtype).max
        inks = pixels.astype(np.float32) / top
        light = (1 - inks[..., :3]) * (1 - inks[..., 3:])
        return np.rint(light * top).astype(pixels.dtype), None
    if kind in (tifffile.PHOTOMETRIC.CIELAB, tifffile.PHOTOMETRIC.ICCLAB):
        raise ValueError("its colors are Lab; convert it to RGB")
    if alpha and samples == 2:
        return pixels[..., (0, 0, 0, 1)], None
    return pixels, pixels.ndim - 1


READERS: dict[str, Callable[[Path], tuple[NDArray[Any], int | None]]] = {
    "png": read_png,
    "jpeg": read_picture,
    "tiff": read_tiff,
}
# JPEG is missing because it changes the numbers that it stores.
NUMBER_READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    "png": read_png_numbers,
    "tiff": read_tiff_numbers,
}
