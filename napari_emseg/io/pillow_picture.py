"""PNG and JPEG files, by Pillow: as large as their bytes allow, all frames, no less.

Pillow's own limit of pixels is one for the whole process, so that setting it takes a
lock, which a process that is forked meanwhile inherits locked. The classes of its two
formats, opened directly, have none; the budget of bytes stands in its place.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

import imagecodecs
import numpy as np
from PIL import JpegImagePlugin, MpoImagePlugin, PngImagePlugin

from napari_emseg.io.color_profile import (
    ADOBE_RGB,
    PRIMARIES,
    find_profile,
    gray_profile,
    rgb_profile,
)
from napari_emseg.io.damage import UnfitError
from napari_emseg.io.full_scale import full_scale_of_bits
from napari_emseg.io.orientation import turned
from napari_emseg.io.png_chunks import (
    ALPHA,
    COLOR,
    PALETTE,
    PngChunks,
    check_rows,
    read_chunks,
    too_few,
)
from napari_emseg.io.tiff_colors import light_of_inks
from napari_emseg.io.tiff_pages import ORIENTATION
from napari_emseg.io.tiff_picture import DecodedPicture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from napari_emseg.io.byte_budget import ByteBudget

_SLAB = 2**20  # bytes that are copied at once
_TYPES = {"1": np.dtype(bool), "I": np.dtype("u2"), "I;16": np.dtype("u2")}
_DEPTHS = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # bytes of a pixel in Pillow; else 4
_EXIF, _INTEROP, _COLOR_SPACE = 0x8769, 0xA005, 0xA001
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of their headers
_SCAN, _END, _MARKER = (
    b"\xff\xda",
    b"\xff\xd9",
    re.compile(rb"\xff[^\x00\xd0-\xd7\xff]"),
)
_LAYERS = re.compile(r"cannot handle (\d+)-bit layers")  # what Pillow says
_BLOCK = 8
_CUTS = (1, 2, 3, 4, 6, 8, 16, 32)  # bytes
# Gammas by their numbers in ITU-T H.273; None is the curve of sRGB.
_SRGB_CURVE, _BT709 = 13, 1
_TRANSFER = {8: 1.0, 4: 2.2, 5: 2.8, _SRGB_CURVE: None}
_SRGB_GAMMA = 0.45455


def read_png(
    path: Path, budget: ByteBudget, *, upright: bool, converted: bool
) -> DecodedPicture:
    """Read a PNG file as bool, gray, RGB or RGBA, 8 or 16 bits deep; all its frames.

    Parameters
    ----------
    path : Path
    budget : ByteBudget
        For the reading.
    upright, converted : bool
        As for `napari_emseg.files.read_image`.

    Raises
    ------
    ValueError
        The file holds less than it declares.

    Warns
    -----
    UserWarning
        Frames are left out, or a color profile is.
    """
    chunks = read_chunks(path)
    kind = chunks.color_type
    with chunks.open() as file, PngImagePlugin.PngImageFile(file) as image:
        clear = kind & (COLOR | ALPHA) or b"tRNS" in chunks.first
        if chunks.depth == 16 and clear:
            # Pillow makes 8 bits of deep colors, and keeps no deep gray clear.
            budget.check(2 * 2 * 4 * image.width * image.height)
            pixels, colored = _deep_colors(chunks), True
            if image.n_frames > 1:
                _tell_first(path, image.n_frames, "frames")
        else:
            mode = _mode_of(image)
            palette = image.palette.palette if image.palette else b""
            pixels, colored = _decode(image, budget, mode), mode in ("RGB", "RGBA")
            check_rows(chunks, pixels)
            if kind == PALETTE and image.mode == "P":  # as it is, unless it is animated
                _check_palette(image, len(palette) // 3)
        profile = None
        if converted and pixels.dtype != bool:
            channels = 3 if kind & COLOR else 1
            data = _profile_of_png(image, chunks, channels)
            profile = find_profile(data, channels, path.name)
        orientation = _orientation(image, path) if upright else 1
    bits = chunks.first.get(b"sBIT")
    white = full_scale_of_bits(min(bits), pixels) if bits else None
    if profile is not None:
        pixels = profile.convert_picture(pixels, rgb=colored, white=white or 0)
    y = pixels.ndim - 2 - colored
    pixels = turned(pixels, orientation, y=y, x=y + 1)
    return DecodedPicture(pixels, None, white, profile.name if profile else None)


def read_png_numbers(path: Path, budget: ByteBudget) -> NDArray[Any]:
    """Read a PNG file upright, without looking up its palette, as stored."""
    chunks = read_chunks(path)
    depth, kind = chunks.depth, chunks.color_type
    if kind & (COLOR | ALPHA) and kind != PALETTE:
        raise UnfitError(
            "it holds colors, not labels; give a file of whole numbers without colors"
        )
    with chunks.open() as file, PngImagePlugin.PngImageFile(file) as image:
        pixels = _decode(image, budget, image.mode)
        check_rows(chunks, pixels)
        if 1 < depth < 8 and kind != PALETTE:
            pixels //= 255 // (2**depth - 1)  # Pillow stretches gray to 8 bits
        y = pixels.ndim - 2
        return turned(pixels, _orientation(image, path), y=y, x=y + 1)


def read_jpeg(
    path: Path, budget: ByteBudget, *, upright: bool, converted: bool
) -> DecodedPicture:
    """Read a JPEG file as gray or RGB.

    Parameters
    ----------
    path, budget, upright, converted
        As for `read_png`.

    Raises
    ------
    ValueError
        The file cannot hold what it declares.

    Warns
    -----
    UserWarning
        Rows are missing, pictures are left out, or a color profile is.
    """
    with path.open("rb") as file, _open_jpeg(file) as image:
        # The first scan has a bit for each block of 8 x 8, however empty they are.
        _check_possible(path, image, image.width * image.height // 64 // 8)
        if isinstance(image, MpoImagePlugin.MpoImageFile):
            _tell_equals(path, image)
        mode = image.mode
        pixels = _decode(image, budget, mode)
        _tell_rows(path, pixels, inks=mode == "CMYK")
        if "progressive" in image.info and _lacks_scans(path.read_bytes()):
            warnings.warn(
                f"{path.name} is damaged: it ends before its last scan, so that "
                "details or colors are missing",
                stacklevel=2,
            )
        data = image.info.get("icc_profile") if converted else None
        if converted and not data and mode == "RGB" and _is_adobe_rgb(image):
            data = rgb_profile(ADOBE_RGB, gamma=563 / 256)
        profile = find_profile(data, pixels.shape[2] if mode != "L" else 1, path.name)
        orientation = _orientation(image, path) if upright else 1
    if profile is not None:
        pixels = profile.convert_picture(pixels, rgb=mode != "L")
    elif mode == "CMYK":
        pixels = light_of_inks(pixels, 255)
    return DecodedPicture(
        turned(pixels, orientation), profile=profile.name if profile else None
    )


def _check_palette(image: Image, count: int) -> None:
    """Refuse numbers of colors that the palette does not have; Pillow shows black."""
    largest = image.getextrema()[1]
    if isinstance(largest, int | float) and largest >= count:
        raise ValueError(
            f"it has the color number {largest} in a palette of {count} colors"
        )


def _open_jpeg(file: BinaryIO) -> JpegImagePlugin.JpegImageFile:
    try:
        return JpegImagePlugin.jpeg_factory(file)
    except SyntaxError as error:
        bits = _LAYERS.search(str(error))
        if bits is None:
            raise
        raise UnfitError(
            f"its samples have {bits[1]} bits, and 8 are read; convert it to PNG or "
            "TIFF of 16 bits"
        ) from error


def stored_otherwise(path: Path, kind: str) -> dict[str, bool]:
    """Return in which ways a PNG or JPEG file is read other than it is stored.

    Returns
    -------
    dict of str to bool
        "upright" if it is turned, and "converted" if its colors are.
    """
    chunks = read_chunks(path) if kind == "png" else None
    file = path.open("rb") if chunks is None else chunks.open()
    is_png = chunks is not None
    known = PngImagePlugin.PngImageFile if is_png else JpegImagePlugin.JpegImageFile
    with file, known(file) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if chunks is not None:
            channels = 3 if chunks.color_type & COLOR else 1
            data = _profile_of_png(image, chunks, channels)
        else:
            channels = {"L": 1, "CMYK": 4}.get(image.mode, 3)
            data = image.info.get("icc_profile")
            if not data and channels == 3 and _is_adobe_rgb(image):
                data = rgb_profile(ADOBE_RGB, gamma=563 / 256)
        profile = find_profile(data, channels, path.name)
        return {
            "upright": _orientation(image, path) in range(2, 9),
            "converted": profile is not None,
        }


def _mode_of(image: Image) -> str:
    """Return the mode of Pillow's that a picture is read in."""
    mode = image.mode
    if mode in ("LA", "PA") or (mode != "I;16" and "transparency" in image.info):
        return "RGBA"
    return "RGB" if mode == "P" else mode


def _decode(image: Any, budget: ByteBudget, mode: str) -> NDArray[Any]:
    """Return the pixels of all frames, which are as many as there are, or one."""
    frames = range(getattr(image, "n_frames", 1))
    if getattr(image, "default_image", False):
        frames = frames[1:]  # the first is for programs that show no animation
    if isinstance(image, MpoImagePlugin.MpoImageFile):
        frames = frames[:1]
    if len(frames) > 1 and mode not in ("L", "I;16", "I"):
        mode = "RGBA" if mode == "RGBA" else "RGB"
    dtype = _TYPES.get(mode, np.dtype("u1"))
    channels = {"RGB": (3,), "RGBA": (4,), "CMYK": (4,)}.get(mode, ())
    width, height = image.size
    count = width * height
    drawn = _DEPTHS.get(image.mode, 4) * (1 if len(frames) == 1 else 3)
    values = max(1, *channels) if channels else 1
    need = count * (drawn + len(frames) * values * dtype.itemsize)
    budget.check(need)
    pixels = np.empty((len(frames), height, width, *channels), dtype)
    step = max(1, _SLAB // (4 * width))
    for number, frame in enumerate(frames):
        if frame or len(frames) > 1:
            image.seek(frame)
        image.load()
        for top in range(0, height, step):
            rows = image.crop((0, top, width, min(top + step, height)))
            if rows.mode != mode:
                rows = rows.convert(mode)
            pixels[number, top : top + step] = np.asarray(rows)
    return pixels if len(frames) > 1 else pixels[0]


def _deep_colors(chunks: PngChunks) -> NDArray[Any]:
    with chunks.open() as file:
        pixels = np.asarray(imagecodecs.png_decode(file.read()))
    return pixels[..., (0, 0, 0, 1)] if pixels.shape[-1] == 2 else pixels


def _tell_first(path: Path, number: int, what: str) -> None:
    warnings.warn(
        f"of {number} {what} in {path.name} the first is read; save others as files "
        "of their own",
        stacklevel=2,
    )


def _tell_equals(path: Path, image: MpoImagePlugin.MpoImageFile) -> None:
    """Warn of pictures in a JPEG that are as large as the first.

    Phones put smaller copies, depths and gains of the first behind it.
    """
    size, equals = image.size, 1
    for frame in range(1, image.n_frames):
        try:
            image.seek(frame)
        except Exception:  # programs that change the first drop others, not their index
            continue
        equals += image.size == size
    image.seek(0)
    if equals > 1:
        _tell_first(path, equals, "pictures")


def _orientation(image: Any, path: Path) -> int:
    """Return how a picture is turned: 1 is upright."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception as error:  # damaged EXIF raises whatever comes
        warnings.warn(
            f"the EXIF of {path.name} is damaged ({error}), so that the picture is "
            "taken for upright",
            stacklevel=2,
        )
        return 1


def _is_adobe_rgb(image: Any) -> bool:
    """Tell whether a camera notes Adobe RGB in its EXIF, as most do, and no profile."""
    try:
        exif = image.getexif()
        space = exif.get_ifd(_EXIF).get(_COLOR_SPACE)
        return space == 2 or exif.get_ifd(_INTEROP).get(1) == "R03"
    except Exception:  # damaged EXIF raises whatever comes, and is told of elsewhere
        return False


def _check_possible(path: Path, image: Any, least: int) -> None:
    if least > path.stat().st_size:
        raise ValueError(too_few(path, *image.size))


def _tell_rows(path: Path, pixels: NDArray[Any], *, inks: bool) -> None:
    """Warn of a JPEG whose data end before its last block.

    Its decoder makes what is missing gray without a word. That gray is not in the
    picture itself if the data lose a few bytes more and blocks change that lie further
    from the end than so few bytes can be: each block has a bit or more.
    """
    gray = 127 if inks else 128
    if (pixels[-1, -_BLOCK:] != gray).any():
        return
    data = path.read_bytes()
    header = data.find(_SCAN) + 2
    start = header + int.from_bytes(data[header : header + 2])
    end = _MARKER.search(data, start)
    if end is None:
        return
    height, width = (-(-size // _BLOCK) for size in pixels.shape[:2])
    for cut in _CUTS:
        if end.start() - cut <= start:
            return
        shorter = io.BytesIO(data[: end.start() - cut] + data[end.start() :])
        with JpegImagePlugin.JpegImageFile(shorter) as image:
            changed = np.asarray(image) != pixels
        changed = changed.reshape(*pixels.shape[:2], -1).any(axis=-1)
        if not changed.any():
            continue
        row = int(np.flatnonzero(changed.any(axis=1))[-1]) // _BLOCK
        column = int(np.flatnonzero(changed[row * _BLOCK :].any(axis=0))[-1]) // _BLOCK
        missing = width * height - (row * width + column + 1)
        if missing > 8 * cut + _BLOCK:
            warnings.warn(
                f"{path.name} is damaged: about {missing / (width * height):.1%} of "
                f"its {len(pixels)} rows are missing, and gray",
                stacklevel=2,
            )
        return


def _lacks_scans(data: bytes) -> bool:
    """Tell whether a progressive JPEG ends before each coefficient has all its bits.

    A program that saves what came of it so far gives it an end all the same.
    """
    unsent: dict[int, set[int]] = {}
    at = 2
    while (found := _MARKER.search(data, at)) and found[0] != _END:
        at = found.start() + 2
        kind, body = found[0][1], at + 2
        if kind in _FRAMES and not unsent:
            count = data[body + 5]
            unsent = {one: {*range(64)} for one in data[body + 6 :: 3][:count]}
        elif found[0] == _SCAN:
            end = body + 1 + 2 * data[body]
            first, last, bits = data[end : end + 3]
            if not bits & 15:  # the lowest, too
                for one in data[body + 1 : end : 2]:
                    unsent.get(one, set()).difference_update(range(first, last + 1))
        at += int.from_bytes(data[at : at + 2])
    return any(unsent.values())


def _profile_of_png(image: Any, chunks: PngChunks, channels: int) -> bytes | None:
    """Return the profile that a PNG embeds, or describes by its primaries."""
    if channels == 3 and (code := chunks.first.get(b"cICP")) and len(code) == 4:
        primaries, transfer = code[0], code[1]
        if transfer == _BT709:
            transfer = _SRGB_CURVE  # shown alike
        if primaries in PRIMARIES and transfer in _TRANSFER:
            return rgb_profile(PRIMARIES[primaries], gamma=_TRANSFER[transfer])
        warnings.warn(
            f"{chunks.path.name} has colors of the kind {primaries}, "
            f"{transfer} (cICP), which are taken for sRGB; convert it to sRGB",
            stacklevel=2,
        )
        return None
    if data := image.info.get("icc_profile"):
        return bytes(data)
    gamma, points = image.info.get("gamma"), image.info.get("chromaticity")
    if "srgb" in image.info or not gamma or not points or len(points) != 8:
        return None
    white, *corners = ((*points[at : at + 2], 1.0) for at in range(0, 8, 2))
    curve = None if abs(gamma - _SRGB_GAMMA) < 0.005 else 1 / gamma
    try:
        if channels == 1:
            return curve and gray_profile(curve)
        return rgb_profile(
            tuple(number for corner in corners for number in corner),
            white=white,
            gamma=curve,
        )
    except RuntimeError:  # as all errors of imagecodecs
        warnings.warn(
            f"{chunks.path.name} names primaries or a gamma that cannot be (cHRM, "
            "gAMA), which are left out; colors are taken for sRGB",
            stacklevel=2,
        )
        return None
