"""Colors of other profiles than sRGB, from each format, as Pillow converts them."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from napari_emseg.cli.app import main
from napari_emseg.io.color_profile import ADOBE_RGB, PRIMARIES, rgb_profile
from napari_emseg.io.files import read_image, read_labels, ways_as_stored
from napari_emseg.recipe import Recipe
from napari_emseg.recipe.step import Step

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ADOBE = rgb_profile(ADOBE_RGB, gamma=563 / 256)
P3 = rgb_profile(PRIMARIES[12])
GRAY = bytes(imagecodecs.cms_profile("gray", gamma=1.0))
COLORS = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8), (0, 0), 3
)


def cmyk_profile():
    """Make an ICC profile of inks, by a table of 9 steps of each."""
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 4, indexing="ij"), -1)
    light = ((1 - grid[..., :3] * 0.9) * (1 - grid[..., 3:] * 0.95)).reshape(-1, 1, 3)
    lab = cv2.cvtColor(light.astype(np.float32), cv2.COLOR_RGB2LAB)[:, 0]
    coded = np.stack(
        [lab[:, 0] / 100, (lab[:, 1] + 128) / 255, (lab[:, 2] + 128) / 255]
    )
    table = np.rint(coded.T.clip(0, 1) * 255).astype(np.uint8).tobytes()
    line = bytes(range(256))
    unit = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    a2b = b"mft1\0\0\0\0" + bytes([4, 3, 9, 0]) + unit + line * 4 + table + line * 3
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = [(b"desc", text), (b"wtpt", white), (b"A2B0", a2b)]
    at, index, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, body in tags:
        body += bytes(-len(body) % 4)
        index += name + struct.pack(">II", at + len(data), len(body))
        data += body
    head = struct.pack(">I", 128 + len(index) + len(data)) + bytes(4)
    head += b"\x02\x10\0\0prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    return head + white[8:] + bytes(48) + index + data


CMYK = cmyk_profile()


def by_pillow(image, profile):
    """Return sRGB as Pillow's Little CMS has it."""
    found = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"), outputMode="RGB",
    )  # fmt: skip
    return np.asarray(found).astype(int)


def quiet(path, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(path, **how)[0]


@pytest.mark.parametrize("profile", [ADOBE, P3, SRGB], ids=["Adobe", "P3", "sRGB"])
@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colors(tmp_path, profile, ending, mode):
    path = tmp_path / f"a.{ending}"
    image = Image.fromarray(COLORS)
    image = image.quantize(32) if mode == "P" else image.convert(mode)
    if ending == "jpg":
        image = image.convert("RGB")
    image.save(path, icc_profile=profile)
    stored = quiet(path, converted=False)
    found = quiet(path)
    assert (found.dtype, found.shape) == (stored.dtype, stored.shape)
    wanted = by_pillow(Image.fromarray(stored[..., :3]), profile)
    assert np.abs(found[..., :3] - wanted).max() <= 1
    np.testing.assert_array_equal(found[..., 3:], stored[..., 3:])
    if profile is SRGB:
        np.testing.assert_array_equal(found, stored)
    ways = {} if profile is SRGB else {"converted": False}
    assert ways_as_stored(path) == ways


def test_each_page_has_its_own_profile(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for profile in (P3, ADOBE):
            file.write(COLORS, photometric="rgb", iccprofile=profile, metadata=None)
    wanted = [by_pillow(Image.fromarray(COLORS), profile) for profile in (P3, ADOBE)]
    assert np.abs(quiet(path) - wanted).max() <= 1


def deep_png(path, pixels, profile):
    """Write 16 bits with a profile, which few libraries do."""
    whole = imagecodecs.png_encode(pixels)
    body = b"iCCPx\0\0" + zlib.compress(profile)
    chunk = (
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    )
    path.write_bytes(whole[:33] + chunk + whole[33:])


def save_deep(path, pixels, profile):
    if path.suffix == ".png":
        deep_png(path, pixels, profile)
    else:
        photometric = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(path, pixels, photometric=photometric, iccprofile=profile)


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_deep_colors(tmp_path, ending, alpha):
    """Finer than 8 bits, and as exact."""
    path = tmp_path / f"a.{ending}"
    colors = np.dstack([COLORS, COLORS[..., 0]]) if alpha else COLORS
    deep = colors.astype(np.uint16) * 257
    deep[..., 0] += 60
    save_deep(path, deep, ADOBE)
    found = quiet(path)
    assert found.dtype == np.uint16
    wanted = by_pillow(Image.fromarray(COLORS), ADOBE)
    assert np.abs(found[..., :3] / 257 - wanted).max() < 1.5
    assert len(np.unique(found[..., 0] % 257)) > 20
    np.testing.assert_array_equal(found[..., 3:], deep[..., 3:])


def test_floats(tmp_path):
    path = tmp_path / "a.tif"
    save_deep(path, COLORS / np.float32(255), P3)
    found = quiet(path)
    assert found.dtype == np.float32
    assert np.abs(found * 255 - by_pillow(Image.fromarray(COLORS), P3)).max() < 1.5


def test_twelve_bits_of_sixteen(tmp_path):
    path = tmp_path / "a.tif"
    twelve = COLORS.astype(np.uint16) * 16
    tifffile.imwrite(path, twelve, photometric="rgb", iccprofile=ADOBE,
                     extratags=[(341, "H", 3, (4080,) * 3, True)])  # fmt: skip
    wanted = by_pillow(Image.fromarray(COLORS), ADOBE)
    assert np.abs(quiet(path) / 16 - wanted).max() < 1.5


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("png", "u1"), ("jpg", "u1"), ("tif", "u1"), ("png", "u2"), ("tif", "u2"),
     ("tif", "f4")],
)  # fmt: skip
def test_grays(tmp_path, ending, kind):
    path = tmp_path / f"a.{ending}"
    gray = COLORS[..., 0]
    if kind == "u1":
        Image.fromarray(gray).save(path, icc_profile=GRAY)
    else:
        deep = gray / np.float32(255) if kind == "f4" else gray.astype("u2") * 257
        save_deep(path, deep, GRAY)
    stored, found = quiet(path, converted=False), quiet(path)
    top = {"u1": 1, "u2": 257, "f4": 1 / 255}[kind]
    light = np.rint(stored / top).astype(np.uint8)
    wanted = by_pillow(Image.fromarray(light), GRAY)[..., 0]
    assert (found.dtype, found.shape) == (np.dtype(kind), gray.shape)
    assert np.abs(found / top - wanted).max() < 2.5
    assert np.abs(found / top - light).max() > 40


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_inks(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    image = Image.fromarray(COLORS).convert("CMYK")
    image.save(path, icc_profile=CMYK)
    with Image.open(path) as stored:
        wanted = by_pillow(stored, CMYK)
        simple = np.asarray(stored.convert("RGB")).astype(int)
    assert np.abs(quiet(path) - wanted).max() <= 1
    assert np.abs(quiet(path, converted=False) - simple).max() <= 1
    assert np.abs(wanted - simple).max() > 9


BROKEN = {
    "noise": b"no profile" * 20,
    "cut": ADOBE[:200],
    "empty tags": ADOBE[:128] + bytes(400),
    "of gray": GRAY,
    "of inks": CMYK,
}


@pytest.mark.parametrize("profile", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_profiles_that_do_not_fit_are_left_out(tmp_path, profile, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(COLORS).save(path, icc_profile=profile)
    stored = quiet(path, converted=False)
    with pytest.warns(UserWarning, match=rf"color profile of a\.{ending} is left out"):
        found = read_image(path)[0]
    np.testing.assert_array_equal(found, stored)


def with_chunk(path, name, data):
    """Put a chunk behind the header of a PNG."""
    whole, body = path.read_bytes(), name + data
    chunk = struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(whole[:33] + chunk + whole[33:])


@pytest.mark.parametrize(
    ("code", "profile"),
    [
        (bytes([12, 13, 0, 1]), P3),
        (bytes([9, 1, 0, 1]), rgb_profile(PRIMARIES[9])),
        (bytes([1, 8, 0, 1]), rgb_profile(PRIMARIES[1], gamma=1.0)),
        (bytes([1, 13, 0, 1]), None),
    ],
)
def test_png_by_numbers(tmp_path, code, profile):
    path = tmp_path / "a.png"
    Image.fromarray(COLORS).save(path)
    with_chunk(path, b"cICP", code)
    wanted = COLORS if profile is None else by_pillow(Image.fromarray(COLORS), profile)
    assert np.abs(quiet(path).astype(int) - wanted).max() <= 1


def test_png_of_a_kind_that_is_not_converted(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(COLORS).save(path)
    with_chunk(path, b"cICP", bytes([9, 16, 0, 1]))
    with pytest.warns(UserWarning, match=r"kind 9, 16 \(cICP\), which are taken for"):
        np.testing.assert_array_equal(read_image(path)[0], COLORS)


@pytest.mark.parametrize(
    ("gamma", "corners"), [(45455, PRIMARIES[12]), (100000, PRIMARIES[1])]
)
def test_png_by_gamma_and_primaries(tmp_path, gamma, corners):
    path = tmp_path / "a.png"
    Image.fromarray(COLORS).save(path)
    points = (0.3127, 0.329, *corners[0:2], *corners[3:5], *corners[6:8])
    with_chunk(path, b"gAMA", struct.pack(">I", gamma))
    np.testing.assert_array_equal(quiet(path), COLORS)
    with_chunk(path, b"cHRM", struct.pack(">8I", *(round(p * 100000) for p in points)))
    curve = None if gamma == 45455 else 100000 / gamma
    wanted = by_pillow(Image.fromarray(COLORS), rgb_profile(corners, gamma=curve))
    assert np.abs(quiet(path) - wanted).max() <= 1


def test_cameras_name_adobe_rgb_in_exif(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 2
    Image.fromarray(COLORS).save(path, exif=exif, quality=95)
    stored = Image.fromarray(quiet(path, converted=False))
    assert np.abs(quiet(path) - by_pillow(stored, ADOBE)).max() <= 1
    assert ways_as_stored(path) == {"converted": False}


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_labels_are_never_converted(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(labels).save(path, icc_profile=GRAY)
    np.testing.assert_array_equal(read_labels(path), labels)


def test_the_command_says_so(tmp_path, capsys):
    path = tmp_path / "a.png"
    Image.fromarray(COLORS).save(path, icc_profile=ADOBE)
    target = str(tmp_path / "labels.tif")
    assert main(["segment", str(path), "-o", target, "-n", "2"]) == 0
    told = capsys.readouterr().err
    assert "a.png: colors are converted from RGB built-in to sRGB" in told


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_scripts_of_a_layer_have_the_colors_that_it_had(tmp_path, ending):
    """Who opens a file with napari's own reader has pixels that are not converted."""
    path = tmp_path / f"a.{ending}"
    Image.fromarray(COLORS).save(path, icc_profile=ADOBE)
    recipe = Recipe(steps=(Step.of("segment", params={"n_classes": 2}),))
    script = recipe.to_python(str(path), "labels.tif", as_stored=True)
    assert "converted=False" in script
    assert "converted" not in recipe.to_python(str(path), "labels.tif")


@pytest.mark.parametrize("gamma", [45455, 100000])
@pytest.mark.parametrize("alpha", [True, False])
def test_gray_png_by_gamma(tmp_path, gamma, alpha):
    path = tmp_path / "a.png"
    gray = Image.fromarray(COLORS[..., 0])
    gray.convert("LA" if alpha else "L").save(path)
    points = (
        0.3127,
        0.329,
        *(n for at in (0, 3, 6) for n in PRIMARIES[1][at : at + 2]),
    )
    with_chunk(path, b"gAMA", struct.pack(">I", gamma))
    with_chunk(path, b"cHRM", struct.pack(">8I", *(round(p * 100000) for p in points)))
    with_chunk(path, b"cICP", bytes([12, 13, 0, 1]))
    wanted = COLORS[..., 0] if gamma == 45455 else by_pillow(gray, GRAY)[..., 0]
    found = quiet(path)[..., 0] if alpha else quiet(path)
    assert np.abs(found.astype(int) - wanted).max() <= 1
