"""PNG and JPEG: all frames, no row less than declared, whatever EXIF says."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_emseg.io.files import read_image, read_labels

RGB = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 2
)


def png_of(rows, depth, kind, chunks):
    """Return a PNG of bytes of rows, with other chunks."""
    width = rows.shape[1] * 8 // depth // (3 if kind == 2 else 1)
    header = struct.pack(">2I5B", width, len(rows), depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body
        + zlib.crc32(name + body).to_bytes(4)
        for name, body in parts
    )  # fmt: skip


def quiet(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(path)[0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("hidden", [False, True])
def test_all_frames_of_an_animation(tmp_path, mode, hidden):
    path = tmp_path / "a.png"
    frames = [Image.fromarray(np.roll(RGB, n, axis=0)).convert(mode) for n in range(4)]
    if mode == "P":
        frames = [frame.convert("RGB").quantize(16) for frame in frames]
        frames = [frame.convert("RGB") for frame in frames]
    frames[0].save(path, save_all=True, append_images=frames[1:], default_image=hidden)
    found = quiet(path)
    wanted = np.stack([np.asarray(frame) for frame in frames[hidden:]])
    np.testing.assert_array_equal(found, wanted)


def test_frames_that_are_left_out_are_told(tmp_path):
    """OpenCV and libpng read deep colors, one frame of them."""
    path = tmp_path / "a.png"
    whole = imagecodecs.png_encode(RGB.astype(np.uint16) * 257)
    parts = b""
    for name, data in (
        (b"acTL", struct.pack(">2I", 2, 0)),
        (b"fcTL", struct.pack(">5I2H2B", 0, 64, 48, 0, 0, 1, 10, 0, 0)),
    ):
        parts += struct.pack(">I", len(data)) + name + data
        parts += struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(whole[:33] + parts + whole[33:])
    with pytest.warns(UserWarning, match=r"of 2 frames in a\.png the first is read"):
        np.testing.assert_array_equal(read_image(path)[0], RGB.astype(np.uint16) * 257)


def taller_png(data, height):
    """Change the height in the header, with the right check sum."""
    whole = bytearray(data)
    whole[20:24] = struct.pack(">I", height)
    whole[29:33] = struct.pack(">I", zlib.crc32(whole[12:29]))
    return bytes(whole)


PNGS = {
    "gray": RGB[..., 0],
    "RGB": RGB,
    "RGBA": np.dstack([RGB, RGB[..., 0]]),
    "bits": RGB[..., 0] > 127,
    "16 bits": RGB[..., 0].astype(np.uint16) * 257,
    "16 bits, RGB": RGB.astype(np.uint16) * 257,
    "black at the end": np.where(np.arange(48)[:, None, None] > 40, 0, RGB),
}


@pytest.mark.parametrize("pixels", PNGS.values(), ids=PNGS)
@pytest.mark.parametrize("height", [49, 60, 500, 4_000, 10_000_000])
def test_png_with_fewer_rows_than_declared(tmp_path, pixels, height):
    path = tmp_path / "a.png"
    if pixels.dtype == np.uint16:
        path.write_bytes(imagecodecs.png_encode(pixels))
    else:
        Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(quiet(path), pixels)
    path.write_bytes(taller_png(path.read_bytes(), height))
    for read in (read_image, read_labels):
        with pytest.raises(ValueError, match="cannot be read: "):
            read(path)


def taller_jpeg(data, height):
    whole = bytearray(data)
    at = max(whole.find(b"\xff\xc0"), whole.find(b"\xff\xc2"))
    whole[at + 5 : at + 7] = struct.pack(">H", height)
    return bytes(whole)


def jpeg(image, **how):
    stream = io.BytesIO()
    image.save(stream, "jpeg", **how)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("height", [112, 200, 3000])
def test_jpeg_with_fewer_rows_than_declared(tmp_path, mode, progressive, height):
    path = tmp_path / "a.jpg"
    data = jpeg(Image.fromarray(RGB).convert(mode), progressive=progressive)
    path.write_bytes(data)
    whole = quiet(path)
    path.write_bytes(taller_jpeg(data, height))
    with pytest.warns(UserWarning, match=rf"of its {height} rows are missing"):
        found = read_image(path)[0]
    assert np.abs(found[:32].astype(int) - whole[:32]).max() < 3


@pytest.mark.parametrize("colors", [0, 2, 5, 6])
@pytest.mark.parametrize("depth", [4, 8])
def test_numbers_that_a_palette_has_not(tmp_path, colors, depth):
    path = tmp_path / "a.png"
    numbers = np.full((4, 8), 5, np.uint8)
    rows = numbers if depth == 8 else numbers[:, ::2] * 17
    palette = [(b"PLTE", RGB.tobytes()[: 3 * colors])] if colors else []
    path.write_bytes(png_of(rows, depth, 3, palette))
    if colors > 5:
        np.testing.assert_array_equal(quiet(path), np.full((4, 8, 3), RGB[0, 5]))
        return
    with pytest.raises(ValueError, match=f"number 5 in a palette of {colors} colors"):
        read_image(path)


def test_primaries_that_cannot_be_spoil_no_pixel(tmp_path):
    path = tmp_path / "a.png"
    rows = RGB.reshape(len(RGB), -1)
    chunks = [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(32))]
    path.write_bytes(png_of(rows, 8, 2, chunks))
    with pytest.warns(UserWarning, match="primaries or a gamma that cannot be"):
        np.testing.assert_array_equal(read_image(path)[0], RGB)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("share", [0.2, 0.3, 1])
def test_progressive_jpeg_that_lacks_its_last_scans(tmp_path, mode, share):
    path = tmp_path / "a.jpg"
    data = jpeg(Image.fromarray(RGB).convert(mode), progressive=True, quality=95)
    path.write_bytes(data)
    quiet(path)
    # The last scan alone is the lowest bit of details.
    end = min(int(share * len(data)), data.rindex(b"\xff\xda"))
    path.write_bytes(data[:end] + b"\xff\xd9")
    with pytest.warns(UserWarning, match="ends before its last scan"):
        assert read_image(path)[0].shape[:2] == RGB.shape[:2]


@pytest.mark.parametrize("value", [127, 128])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("rows", [1, 16, 40, 48])
def test_jpeg_that_is_gray_by_itself(tmp_path, value, progressive, rows):
    path = tmp_path / "a.jpg"
    pixels = RGB.copy()
    pixels[-rows:] = value
    path.write_bytes(jpeg(Image.fromarray(pixels), progressive=progressive))
    assert quiet(path).shape == RGB.shape


def test_jpeg_of_impossible_size(tmp_path):
    path = tmp_path / "a.jpg"
    data = bytearray(jpeg(Image.fromarray(RGB)))
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">2H", 65500, 16000)
    path.write_bytes(data)
    with pytest.raises(ValueError, match="declares 16000 x 65500 pixels, more than"):
        read_image(path)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_damaged_exif_spoils_no_pixel(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(RGB).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    stored = tmp_path / f"b.{ending}"
    Image.fromarray(RGB).save(stored)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(read_image(path)[0], quiet(stored))


@pytest.mark.parametrize("share", [1, 2])
def test_pictures_behind_the_first_in_a_jpeg(tmp_path, share):
    """Stereo pairs are told; gains and depths of phones, which are smaller, are not."""
    path = tmp_path / "a.jpg"
    other = Image.fromarray(255 - RGB[::share, ::share])
    first = Image.fromarray(RGB)
    first.save(path, "MPO", save_all=True, append_images=[other], quality=95)
    if share == 1:
        with pytest.warns(UserWarning, match=r"of 2 pictures in a\.jpg the first"):
            found = read_image(path)[0]
    else:
        found = quiet(path)
    assert np.abs(found.astype(int) - RGB).mean() < 3


def test_an_index_of_pictures_that_are_gone(tmp_path):
    """Programs that change a photograph of a phone leave such files."""
    path = tmp_path / "a.jpg"
    first, other = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    first.save(path, "MPO", save_all=True, append_images=[other], quality=95)
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"\xff\xd9\xff\xd8") + 2])
    assert np.abs(quiet(path).astype(int) - RGB).mean() < 3


def png(depth, rows, *, clear=None):
    """Return a gray PNG file of (Y, X) samples that have so many bits."""
    bits = np.unpackbits(rows.astype(">u2").view(np.uint8).reshape(*rows.shape, 2), -1)
    lines = np.packbits(bits[..., 16 - depth :].reshape(len(rows), -1), axis=1)
    data = np.pad(lines, ((0, 0), (1, 0))).tobytes()
    size = rows.shape[::-1]
    chunks = [(b"IHDR", struct.pack(">2I5B", *size, depth, 0, 0, 0, 0))]
    if clear is not None:
        chunks.append((b"tRNS", struct.pack(">H", clear)))
    chunks += [(b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body
        + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_labels_are_the_numbers_that_are_stored(tmp_path, depth):
    rows = np.random.default_rng(0).integers(0, 2**depth, (9, 13))
    path = tmp_path / "a.png"
    path.write_bytes(png(depth, rows))
    np.testing.assert_array_equal(read_labels(path), rows)
    if depth > 1:
        whole = 2 ** max(8, depth) - 1
        picture = read_image(path)[0]
        np.testing.assert_array_equal(picture, rows * (whole // (2**depth - 1)))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_gray_with_a_clear_value(tmp_path, depth):
    rows = np.random.default_rng(0).integers(0, 2**depth, (9, 13))
    path = tmp_path / "a.png"
    path.write_bytes(png(depth, rows, clear=int(rows[3, 3])))
    found = read_image(path)[0]
    whole = 2 ** max(8, depth) - 1
    assert (found.shape, found.max()) == ((9, 13, 4), whole)
    gray = np.where(
        rows[..., None] >= 0, rows[..., None] * (whole // (2**depth - 1)), 0
    )
    np.testing.assert_array_equal(found[..., :3], np.repeat(gray, 3, axis=-1))
    np.testing.assert_array_equal(found[..., 3] == 0, rows == rows[3, 3])


@pytest.mark.parametrize(("bits", "kind"), [(12, False), (16, True)])
def test_jpeg_of_more_bits_is_named(tmp_path, bits, kind):
    pixels = np.zeros((16, 16), np.uint16)
    path = tmp_path / "a.jpg"
    path.write_bytes(
        imagecodecs.jpeg8_encode(pixels, bitspersample=bits, lossless=kind)
    )
    with pytest.raises(ValueError, match=f"have {bits} bits, and 8 are read; convert"):
        read_image(path)
