"""The value of white, by what files declare of it."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile

from napari_emseg.io.files import read_with_spacing

RNG = np.random.default_rng(0)
TWELVE = RNG.integers(0, 4000, (20, 30), np.uint16)


def tag(code, value, count=1):
    return {"extratags": [(code, "H", count, value, True)]}


DECLARED = {
    "bits of a sample": ({"bitspersample": 12}, 4095),
    "SMaxSampleValue": (tag(341, 4095), 4095),
    "SMaxSampleValue that is none of bits": (tag(341, 4000), 4000),
    "WhiteLevel": (tag(50717, 4050), 4050),
    "MaxSampleValue of bits": (tag(281, 4095), 4095),
    "MaxSampleValue of the data": (tag(281, 3999), None),
    "ImageJ's range of bits": (
        {"imagej": True, "metadata": {"min": 0.0, "max": 4095.0}}, 4095,
    ),
    "ImageJ's range of the data": (
        {"imagej": True, "metadata": {"min": 0.0, "max": 3999.0}}, None,
    ),
    "OME's bits": ({"ome": True, "metadata": {"SignificantBits": 12}}, 4095),
    "darker than a pixel": (tag(341, 1023), None),
    "the type's": (tag(341, 65535), None),
    "none": (tag(341, 0), None),
    "nothing": ({}, None),
}  # fmt: skip


@pytest.mark.parametrize(("how", "white"), DECLARED.values(), ids=DECLARED)
def test_tiff(tmp_path, how, white):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, TWELVE, photometric="minisblack", **how)
    content = read_with_spacing(path)
    assert content.full_scale == white
    np.testing.assert_array_equal(content.pixels, TWELVE)


@pytest.mark.parametrize("planar", [True, False])
def test_colors(tmp_path, planar):
    path = tmp_path / "a.tif"
    colors = RNG.integers(0, 1000, (3, 20, 30), np.uint16)
    options = {"planarconfig": "separate"} if planar else {}
    options |= tag(341, (1023,) * 3, 3)
    pixels = colors if planar else np.moveaxis(colors, 0, -1).copy()
    tifffile.imwrite(path, pixels, photometric="rgb", **options)
    assert read_with_spacing(path).full_scale == 1023


@pytest.mark.parametrize(
    ("shift", "bits", "white"),
    [(0, 12, 4095), (0, 16, None), (4, 12, None), (0, 10, None)],
)
@pytest.mark.parametrize("colored", [True, False])
def test_png(tmp_path, shift, bits, white, colored):
    """By the standard, bits are spread over 16; some programs do not."""
    path = tmp_path / "a.png"
    values = (TWELVE << shift).astype(np.uint16)
    values[0, :2] = (3998 << shift) + bool(not shift), 1 << shift
    cv2.imwrite(str(path), np.dstack([values] * 3) if colored else values)
    whole = path.read_bytes()
    body = b"sBIT" + bytes([bits] * (3 if colored else 1))
    chunk = (
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    )
    path.write_bytes(whole[:33] + chunk + whole[33:])
    assert read_with_spacing(path).full_scale == white
