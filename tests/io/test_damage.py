"""Damaged files of each format: a sentence, a warning, or all pixels; nothing else."""

from __future__ import annotations

import io
import random
import warnings

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_emseg.io.color_profile import ADOBE_RGB, rgb_profile
from napari_emseg.io.files import (
    read_image,
    read_labels,
    read_with_spacing,
    ways_as_stored,
)

RGB = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), (0, 0), 2
)
GRAY = RGB[..., 0].copy()
CHANNELS = np.moveaxis(RGB, -1, 0).copy()
PROFILE = rgb_profile(ADOBE_RGB, gamma=2.2)


def tiff(pixels, **how):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **how)
    return stream.getvalue()


def saved(pixels, kind, **how):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **how)
    return stream.getvalue()


OME = {"axes": "CYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
FILES = {
    "plain": tiff(RGB, photometric="rgb"),
    "strips": tiff(RGB, photometric="rgb", rowsperstrip=9),
    "tiles": tiff(RGB, photometric="rgb", tile=(16, 32)),
    "zlib": tiff(RGB, photometric="rgb", compression="zlib", rowsperstrip=9),
    "lzw": tiff(RGB, photometric="rgb", compression="lzw", tile=(32, 32)),
    "JPEG in TIFF": tiff(RGB, photometric="rgb", compression="jpeg"),
    "BigTIFF": tiff(RGB, photometric="rgb", bigtiff=True, byteorder=">"),
    "planar": tiff(CHANNELS, photometric="rgb", planarconfig="separate"),
    "OME": tiff(CHANNELS, ome=True, metadata=OME),
    "ImageJ": tiff(CHANNELS, imagej=True, metadata={"axes": "ZYX", "unit": "um"}),
    "no data": tiff(GRAY, extratags=[(42113, "s", 0, "7", True)]),
    "PNG": saved(RGB, "png", icc_profile=PROFILE),
    "1-bit PNG": saved(GRAY > 127, "png"),
    "deep PNG": imagecodecs.png_encode(RGB.astype(np.uint16) * 257),
    "animated PNG": saved(
        RGB, "png", save_all=True, append_images=[Image.fromarray(255 - RGB)]
    ),
    "JPEG": saved(RGB, "jpeg", icc_profile=PROFILE),
    "progressive JPEG": saved(RGB, "jpeg", progressive=True),
}
READERS = (read_image, read_with_spacing, read_labels, ways_as_stored)


def outcome(path, reader):
    """Return what is read and what is told of it; None if it is refused."""
    error = None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            return reader(path), [str(one.message) for one in told]
        except (OSError, ValueError) as refused:
            error = str(refused)
    assert len(error) > 20
    assert "\n" not in error
    return None, [error]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_ends_too_early_is_never_read_as_if_whole(tmp_path, name):
    path = tmp_path / "a"
    path.write_bytes(FILES[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no data
        whole, axis = read_image(path)
    for share in np.arange(0.03, 1, 0.06):
        path.write_bytes(FILES[name][: int(len(FILES[name]) * share)])
        found, told = outcome(path, read_image)
        if not told:  # what is lost is none of its pixels
            np.testing.assert_array_equal(found[0], whole)
            assert found[1] == axis


def mutant(data, luck):
    """Return data with one kind of damage."""
    found = bytearray(data)
    at = luck.randrange(len(found) if luck.random() < 0.5 else min(len(found), 400))
    kind = luck.randrange(3)
    if kind == 0:
        found[at] ^= 1 << luck.randrange(8)
    elif kind == 1:
        noise = bytes(luck.randrange(256) for _ in range(luck.choice((2, 8, 60))))
        found[at : at + len(noise)] = noise
    else:
        del found[at : at + luck.choice((1, 12, 200))]
    return bytes(found)


@pytest.mark.parametrize("name", FILES)
def test_damage_of_any_kind_ends_in_words(tmp_path, name):
    luck, path = random.Random(name), tmp_path / "a"
    for _ in range(25):
        path.write_bytes(mutant(FILES[name], luck))
        for reader in READERS:
            outcome(path, reader)
