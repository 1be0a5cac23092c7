"""No small file takes all memory, and no honest one is refused for its size."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_emseg.cli.app import main
from napari_emseg.io.byte_budget import ByteBudget
from napari_emseg.io.files import read_image, read_labels, read_with_spacing

SIDE = 1200


def png(mode, colors, depth=8, rows=None):
    """Write a blank PNG of SIDE x SIDE, with as many rows of data as wished."""
    kind = {"L": 0, "RGB": 2, "RGBA": 6}[mode]
    line = bytes(1 + SIDE * colors * depth // 8)
    parts = (
        (b"IHDR", struct.pack(">2I5B", SIDE, SIDE, depth, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(line * (SIDE if rows is None else rows))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )  # fmt: skip


def saved(image, **how):
    stream = io.BytesIO()
    image.save(stream, **how)
    return stream.getvalue()


def tiff(pixels, **how):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **how)
    return stream.getvalue()


BLANK = np.zeros((SIDE, SIDE, 3), np.uint8)
SMALL = {
    "gray PNG": (png("L", 1), 1),
    "1-bit PNG": (png("L", 1, 1), 1),
    "RGB PNG": (png("RGB", 3), 3),
    "RGBA PNG": (png("RGBA", 4), 4),
    "16-bit PNG": (png("RGB", 3, 16), 6),
    "animated PNG": (
        saved(Image.fromarray(BLANK), format="png", save_all=True,
              append_images=[Image.fromarray(BLANK + n) for n in (1, 2)]), 9,
    ),
    "JPEG": (saved(Image.fromarray(BLANK), format="jpeg", quality=10), 3),
    "zlib TIFF": (tiff(BLANK, photometric="rgb", compression="zlib"), 3),
    "tiled TIFF": (
        tiff(BLANK, photometric="rgb", compression="lzma", tile=(256, 256)), 3,
    ),
    "palette TIFF": (
        tiff(BLANK[..., 0], photometric="palette", compression="zlib",
             colormap=np.zeros((3, 256), np.uint16)), 3,
    ),
}  # fmt: skip


@contextmanager
def peak():
    """Measure the most that Python and numpy hold."""
    used = []
    tracemalloc.start()
    try:
        yield used
        used.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("data", "per_pixel"), SMALL.values(), ids=SMALL)
def test_what_unfolds_too_far_is_refused_before_it_does(tmp_path, data, per_pixel):
    path = tmp_path / "a"
    path.write_bytes(data)
    refused = pytest.raises(ValueError, match=r"unfold to .*\(--max-bytes")
    with peak() as used, refused as raised:
        read_image(path, max_bytes=SIDE * SIDE * per_pixel // 2)
    assert used[0] < SIDE * SIDE // 2
    need = int(str(raised.value).partition("max_bytes=")[2].partition(",")[0])
    with peak() as used:
        found = read_image(path, max_bytes=need)[0]
    assert used[0] <= 1.2 * need + 2.5 * 2**20
    assert found.nbytes == SIDE * SIDE * per_pixel


@pytest.mark.parametrize("planar", [True, False])
def test_pixels_that_are_all_there_are_never_refused(tmp_path, planar):
    path = tmp_path / "a.tif"
    pixels = np.moveaxis(BLANK, -1, 0).copy() if planar else BLANK
    how = {"planarconfig": "separate"} if planar else {}
    tifffile.imwrite(path, pixels, photometric="rgb", **how)
    np.testing.assert_array_equal(read_image(path, max_bytes=1)[0], BLANK)


def test_large_honest_files_are_read():
    """What a photograph of 3 gigapixels, or a slide, unfolds to."""
    ByteBudget.of(400_000_000).check(7 * 3_000_000_000)


@pytest.mark.parametrize("number", [0, -1, "many"])
def test_budgets_that_are_none(tmp_path, monkeypatch, number):
    path = tmp_path / "a.png"
    path.write_bytes(png("L", 1))
    if number != "many":
        with pytest.raises(ValueError, match=r"max_bytes is .* whole number of bytes"):
            read_image(path, max_bytes=number)
    monkeypatch.setenv("NAPARI_EMSEG_MAX_BYTES", str(number))
    with pytest.raises(ValueError, match=r"NAPARI_EMSEG_MAX_BYTES is .* whole number"):
        read_image(path)


def test_labels_and_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(png("L", 1))
    monkeypatch.setenv("NAPARI_EMSEG_MAX_BYTES", "9999")
    for read in (read_image, read_labels, read_with_spacing):
        with pytest.raises(ValueError, match="unfold to"):
            read(path)
        assert read(path, max_bytes=10**8) is not None


def test_the_command(tmp_path, capsys):
    path = tmp_path / "a.png"
    path.write_bytes(png("L", 1))
    what = [str(path), "-o", str(tmp_path / "b.tif"), "-n", "1", "--smoothing", "0"]
    assert main(["segment", *what, "--max-bytes", "9999"]) == 2
    assert "2.9 MB in memory, and 10.0 kB are allowed" in capsys.readouterr().err
    assert main(["segment", *what, "--max-bytes", "100000000"]) == 0
