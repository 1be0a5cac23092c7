"""What the check sums of PNG files tell."""

from __future__ import annotations

import io
import warnings
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from napari_emseg.io.files import read_image, read_labels, ways_as_stored

RNG = np.random.default_rng(0)
RGB = cv2.GaussianBlur(RNG.integers(1, 256, (24, 32, 3), np.uint8), (0, 0), 2)
GRAY = RGB[..., 0]
MODES = ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"]


def png(mode, **how):
    """Return a PNG file with a comment before its pixels, and one behind."""
    about = PngImagePlugin.PngInfo()
    about.add_text("before", "hello")
    about.add(b"tEXt", b"behind\0hello", after_idat=True)
    image = (
        Image.fromarray(GRAY.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(np.dstack([RGB, GRAY])).convert(mode)
    )
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=about, **how)
    return out.getvalue()


def deep():
    return imagecodecs.png_encode(RGB.astype(np.uint16) * 257)


def place(data, name):
    """Return where the data of a chunk start, and how many bytes there are."""
    at = data.index(name) + 4
    return at, int.from_bytes(data[at - 8 : at - 4])


def flipped(data, at, bit=1):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


@pytest.mark.parametrize("bit", [1, 16, 128])
@pytest.mark.parametrize("mode", [*MODES, "deep", "frames"])
def test_a_flipped_bit_is_never_read(tmp_path, mode, bit):
    """Of pixels, of the palette, of the header, and of their check sums."""
    if mode == "deep":
        data = deep()
    elif mode == "frames":
        turned = Image.fromarray(RGB[::-1])
        data = png("RGB", save_all=True, append_images=[turned])
    else:
        data = png(mode)
    path = tmp_path / "a.png"
    for name in (b"IHDR", b"PLTE", b"IDAT", b"fdAT"):
        if name not in data:
            continue
        start, size = place(data, name)
        for at in {*range(start, start + size, 29), start + size + 3}:
            path.write_bytes(flipped(data, at, bit))
            with pytest.raises(ValueError, match=r"cannot be read: .* damaged"):
                read_image(path)
    if mode in ("L", "P", "1", "I;16"):
        with pytest.raises(ValueError, match="cannot be read"):
            read_labels(path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_comment_spoils_no_pixel(tmp_path, mode, which):
    data, path = png(mode), tmp_path / "a.png"
    path.write_bytes(data)
    whole = read_image(path)[0]
    at = [data.index(b"tEXt"), data.rindex(b"tEXt")][which]
    path.write_bytes(flipped(data, at + 8))
    with pytest.warns(UserWarning, match=r"1 of its chunks \(.tEXt.\) does not fit"):
        np.testing.assert_array_equal(read_image(path)[0], whole)


@pytest.mark.parametrize(
    "name", [b"iCCP", b"gAMA", b"tRNS", b"eXIf", b"sBIT", b"x\33\nY"]
)
@pytest.mark.parametrize("depth", [8, 16])
def test_other_damaged_metadata_are_left_out(tmp_path, name, depth):
    plain = png("RGB") if depth == 8 else deep()
    path = tmp_path / "a.png"
    path.write_bytes(plain)
    whole = read_image(path)[0]
    at = place(plain, b"IDAT")[0] - 8
    chunk = (6).to_bytes(4) + name + bytes(6)
    wrong = (zlib.crc32(chunk[4:]) ^ 1).to_bytes(4)
    path.write_bytes(plain[:at] + chunk + wrong + plain[at:])
    with pytest.warns(UserWarning, match="does not fit, and they are left out") as told:
        np.testing.assert_array_equal(read_image(path)[0], whole)
    assert not {*"\33\n"} & {*str(told[0].message)}
    assert ways_as_stored(path) == {}


@pytest.mark.parametrize("junk", [b"", b"junk" * 99, bytes(9)])
@pytest.mark.parametrize("mode", MODES)
def test_what_follows_the_pixels_does_not_matter(tmp_path, mode, junk):
    data, path = png(mode), tmp_path / "a.png"
    path.write_bytes(data)
    whole = read_image(path)[0]
    for changed in (data + junk, flipped(data, -1) + junk):
        path.write_bytes(changed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(read_image(path)[0], whole)


def chunk(name, data):
    """Return a chunk, with a check sum that fits."""
    length, told = len(data), zlib.crc32(name + data)
    return length.to_bytes(4) + name + data + told.to_bytes(4)


LONG = zlib.compress(bytes(10**7))


@pytest.mark.parametrize(
    "texts",
    [
        [(b"zTXt", b"Comment\0\0" + LONG)],
        [(b"iTXt", b"Comment\0\1\0\0\0" + LONG)],
        [(b"iCCP", b"profile\0\0" + LONG)],
        [(b"tEXt", b"Comment\0" + b"x" * (65 * 2**20))],
        [(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2**20))] * 70,
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_texts_that_take_too_much_memory_cost_a_warning(tmp_path, texts, behind):
    data = png("RGB")
    at = data.index(b"IEND") - 4 if behind else place(data, b"IHDR")[0] + 17
    bomb = b"".join(chunk(*text) for text in texts)
    (tmp_path / "a.png").write_bytes(data[:at] + bomb + data[at:])
    with pytest.warns(UserWarning, match=texts[0][0].decode()):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], RGB)


@pytest.mark.parametrize("name", [b"tEXt", b"iTXt"])
def test_long_texts_are_no_fault(tmp_path, name):
    """Microscopes write megabytes of notes."""
    data = png("RGB")
    at = place(data, b"IHDR")[0] + 17
    head = b"Comment\0" if name == b"tEXt" else b"Comment\0\0\0\0\0"
    note = chunk(name, head + b"x" * (3 * 2**20))
    (tmp_path / "a.png").write_bytes(data[:at] + note + data[at:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[0], RGB)
