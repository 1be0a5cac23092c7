"""The table of what is read of TIFF: each cell against another reader's answer."""

from __future__ import annotations

import warnings
from itertools import product

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from napari_emseg import segment
from napari_emseg.io.files import (
    read_image,
    read_labels,
    read_with_spacing,
    ways_as_stored,
)

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (48, 64, 3), np.uint8)
SMOOTH = cv2.GaussianBlur(RGB, (0, 0), 6)
LAYOUTS = {
    "one strip": {},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 32)},
    "BigTIFF": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "LZW": {"compression": "lzw"},
    "LZW, predictor": {"compression": "lzw", "predictor": True},
    "zlib, big-endian": {"compression": "zlib", "byteorder": ">"},
    "zlib, predictor, tiles": {
        "compression": "zlib",
        "predictor": True,
        "tile": (32, 16),
    },
    "zstd": {"compression": "zstd"},
    "LZMA": {"compression": "lzma"},
}
PLAIN = ("one strip", "strips", "tiles", "BigTIFF", "big-endian")


def quiet(path, **how):
    """Read a file, which must not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(path, **how)


def stored(path):
    """Return what tifffile reads."""
    with tifffile.TiffFile(path) as file:
        return file.series[0].asarray()


def shown(path, mode="RGB"):
    """Return what Pillow, and so libtiff, makes of a file."""
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "f2", "f4", "f8"]
)
def test_gray(tmp_path, layout, kind):
    options = LAYOUTS[layout]
    if "predictor" in options and kind in ("u8", "f2"):
        options = options | {"predictor": False}
    path = tmp_path / "a.tif"
    values = RNG.uniform(0, 120, (48, 64)).astype(kind)
    tifffile.imwrite(path, values, photometric="minisblack", **options)
    found, axis = quiet(path)
    assert (axis, found.dtype) == (None, values.dtype)
    np.testing.assert_array_equal(found, stored(path))
    np.testing.assert_array_equal(found, values)
    if values.dtype.kind in "ui":
        np.testing.assert_array_equal(read_labels(path), values)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_colors(tmp_path, layout, planar, kind):
    path = tmp_path / "a.tif"
    colors = RGB / np.float32(255) if kind == "f4" else RGB.astype(kind)
    pixels = np.moveaxis(colors, -1, 0).copy() if planar else colors
    how = {"planarconfig": "separate"} if planar else {}
    tifffile.imwrite(path, pixels, photometric="rgb", **how, **LAYOUTS[layout])
    found, axis = quiet(path)
    assert axis is None
    np.testing.assert_array_equal(found, colors)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14, 24])
@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
def test_bits(tmp_path, bits, white):
    path = tmp_path / "a.tif"
    whole = 1 if bits <= 8 else 2 if bits <= 16 else 4
    values = RNG.integers(0, 2**bits, (48, 64)).astype(f"u{whole}")
    values = values > 0 if bits == 1 else values
    tifffile.imwrite(path, values, photometric=white, bitspersample=bits)
    np.testing.assert_array_equal(stored(path), values)
    content = read_with_spacing(path)
    light = values
    if white == "miniswhite":
        light = ~values if bits == 1 else 2**bits - 1 - values
    assert content.pixels.dtype == values.dtype
    np.testing.assert_array_equal(content.pixels, light)
    assert content.full_scale == (None if bits == 1 else 2**bits - 1)
    if bits in (1, 2, 4):
        top = np.max(255 * (content.pixels / (2**bits - 1)))
        gray = np.rint(content.pixels * (top / max(content.pixels.max(), 1)))
        np.testing.assert_array_equal(shown(path, "L"), gray)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("imagej", [False, True])
def test_floats_that_count_darkness_stay(tmp_path, kind, imagej):
    path = tmp_path / "a.tif"
    values = np.linspace(0, 397, 48 * 64).reshape(48, 64).astype(kind)
    if imagej and kind != "f4":
        kind = "f4"
        values = values.astype(kind)
    tifffile.imwrite(path, values, photometric="miniswhite", imagej=imagej)
    np.testing.assert_array_equal(quiet(path)[0], values)


@pytest.mark.parametrize("kind", ["i1", "i2", "u1", "u2", "u4"])
def test_whole_numbers_that_count_darkness_turn(tmp_path, kind):
    path = tmp_path / "a.tif"
    values = RNG.integers(0, 100, (48, 64)).astype(kind)
    tifffile.imwrite(path, values, photometric="miniswhite")
    ends = np.iinfo(kind)
    light = (ends.max + ends.min - values.astype(np.int64)).astype(kind)
    np.testing.assert_array_equal(quiet(path)[0], light)
    if kind == "u1":
        np.testing.assert_array_equal(light, shown(path, "L"))


@pytest.mark.parametrize("deep", [True, False])
def test_palettes(tmp_path, deep):
    """Old programs write 8 bits of a color where the standard has 16."""
    path = tmp_path / "a.tif"
    numbers = RGB[..., 0]
    colors = RNG.integers(1, 256, (3, 256)).astype(np.uint16)
    options = {"photometric": "palette", "colormap": colors * (257 if deep else 1)}
    tifffile.imwrite(path, numbers, **options)
    np.testing.assert_array_equal(quiet(path)[0], colors.T[numbers])
    np.testing.assert_array_equal(read_labels(path), numbers)
    if deep:
        np.testing.assert_array_equal(quiet(path)[0], shown(path))


def test_a_palette_that_is_too_short(tmp_path):
    path = tmp_path / "a.tif"
    colors = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(path, RGB[..., 0], photometric="palette", colormap=colors)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[320].overwrite(tuple([9] * 30))
    with pytest.raises(ValueError, match="cannot be read"):
        read_image(path)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
def test_ycbcr_of_full_size(tmp_path, compression, planar, kind):
    path = tmp_path / "a.tif"
    white = np.iinfo(kind).max
    rgb = (SMOOTH.astype(kind) * (white // 255)).astype(kind)
    ycc = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    how = {"planarconfig": "separate"} if planar else {}
    tifffile.imwrite(
        path, np.moveaxis(ycc, -1, 0).copy() if planar else np.ascontiguousarray(ycc),
        photometric="ycbcr", compression=compression, subsampling=(1, 1), **how,
    )  # fmt: skip
    found, axis = quiet(path)
    assert (axis, found.dtype) == (None, rgb.dtype)
    assert np.abs(found.astype(int) - rgb).max() <= 2 * (white // 255)


@pytest.mark.parametrize("layout", [{}, {"rowsperstrip": 5}, {"planarconfig": 2}])
def test_ycbcr_of_full_size_that_does_not_say_so(tmp_path, layout):
    """Colors would be coarse by default, but there are too many bytes for that."""
    path = tmp_path / "a.tif"
    ycc = cv2.cvtColor(SMOOTH, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    pixels = np.moveaxis(ycc, -1, 0) if "planarconfig" in layout else ycc
    how = {"photometric": "ycbcr", "subsampling": (1, 1)}
    tifffile.imwrite(path, np.ascontiguousarray(pixels), **how, **layout)
    without_tag(path, 530)
    assert np.abs(quiet(path)[0].astype(int) - SMOOTH).max() <= 2


@pytest.mark.parametrize("reference", [None, (16, 235, 128, 240, 128, 240)])
@pytest.mark.parametrize("weights", [None, (0.2126, 0.7152, 0.0722)])
def test_ycbcr_by_its_tags(tmp_path, reference, weights):
    """As libtiff reads it."""
    path = tmp_path / "a.tif"
    ycc = cv2.GaussianBlur(RNG.integers(60, 200, (48, 64, 3), np.uint8), (0, 0), 3)
    tags = []
    if reference:
        tags.append((532, "2I", 6, sum(((v, 1) for v in reference), ()), True))
    if weights:
        value = sum(((round(v * 10000), 10000) for v in weights), ())
        tags.append((529, "2I", 3, value, True))
    tifffile.imwrite(path, ycc, photometric="ycbcr", subsampling=(1, 1), extratags=tags)
    libtiff = imagecodecs.tiff_decode(path.read_bytes(), asrgb=True)[..., :3]
    assert np.abs(quiet(path)[0].astype(int) - libtiff).max() <= 3


@pytest.mark.parametrize("sampling", [(2, 2), (2, 1), (4, 1)])
def test_ycbcr_with_coarse_colors(tmp_path, sampling):
    """Units of several lights and one color, which tifffile does not decode."""
    path = tmp_path / "a.tif"
    across, down = sampling
    ycc = cv2.cvtColor(SMOOTH, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    light = ycc[..., 0].reshape(48 // down, down, 64 // across, across)
    light = light.swapaxes(1, 2).reshape(48 // down, 64 // across, -1)
    units = np.concatenate([light, ycc[::down, ::across, 1:]], axis=-1)
    one = np.zeros((48, 64), np.uint8)
    tifffile.imwrite(path, one, photometric="minisblack", metadata=None,
                     extratags=[(530, "H", 2, sampling, True)])  # fmt: skip
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages.first.tags
        at = tags[273].value[0]
        tags[258].overwrite((8, 8, 8))
        tags[262].overwrite(6)
        tags[277].overwrite(3)
        tags[279].overwrite(units.size)
    raw = bytearray(path.read_bytes()[:at])
    end = len(path.read_bytes())
    path.write_bytes(bytes(raw) + path.read_bytes()[at:end])
    with path.open("r+b") as file:
        file.seek(0, 2)
        start = file.tell()
        file.write(units.tobytes())
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[273].overwrite(start)
    found = quiet(path)[0]
    np.testing.assert_array_equal(
        found, imagecodecs.tiff_decode(path.read_bytes(), asrgb=True)[..., :3]
    )
    assert np.abs(found.astype(int) - SMOOTH).mean() < 4


@pytest.mark.parametrize("sampling", [(1, 1), (2, 2)])
@pytest.mark.parametrize("layout", ["one strip", "tiles"])
def test_jpeg(tmp_path, sampling, layout):
    path = tmp_path / "a.tif"
    options = LAYOUTS[layout] | {"compressionargs": {"level": 97}}
    tifffile.imwrite(path, SMOOTH, photometric="rgb", compression="jpeg",
                     subsampling=sampling, **options)  # fmt: skip
    assert np.abs(quiet(path)[0].astype(int) - SMOOTH).max() < 16
    assert np.abs(quiet(path)[0].astype(int) - shown(path)).max() < 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LA"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits"])
def test_what_pillow_writes(tmp_path, mode, compression):
    path = tmp_path / "a.tif"
    image = Image.fromarray(SMOOTH)
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    image.save(path, compression=compression)
    found, axis = quiet(path)
    assert axis is None
    wanted = {"1": "1", "L": "L", "RGBA": "RGBA", "LA": "RGBA"}.get(mode, "RGB")
    off = np.abs(found.astype(int) - shown(path, wanted).astype(int)).max()
    assert off <= (2 if mode in ("CMYK", "YCbCr") else 0)


@pytest.mark.parametrize(("kind", "white"), [("u1", 255), ("u2", 65535), ("f4", 1.0)])
@pytest.mark.parametrize("planar", [False, True])
def test_alpha_that_colors_are_multiplied_with(tmp_path, kind, white, planar):
    path = tmp_path / "a.tif"
    rgba = np.dstack([RGB, RGB[::-1, :, 0]]) / 255
    rgba[..., 3] = np.maximum(rgba[..., 3], 0.2)
    rgba[:5, :, 3] = 0
    rgba[5:9, :, 3] = 1
    flat = rgba * white
    flat[..., :3] *= rgba[..., 3:]
    flat = flat.astype(kind) if kind == "f4" else np.rint(flat).astype(kind)
    pixels = np.moveaxis(flat, -1, 0).copy() if planar else flat
    how = {"planarconfig": "separate"} if planar else {}
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["assocalpha"],
                     **how)  # fmt: skip
    found = quiet(path)[0]
    np.testing.assert_array_equal(found[..., 3], flat[..., 3])
    assert not found[:5, :, :3].any()
    off = np.abs(found[5:, :, :3].astype(float) / white - rgba[5:, :, :3])
    assert off.max() < 3 / 255
    np.testing.assert_array_equal(found[5:9], flat[5:9])


def without_tag(path, code=338):
    """Take the tag of extra samples out, or another that some programs do not write."""
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[code].offset
    whole = bytearray(path.read_bytes())
    whole[at : at + 2] = (65000).to_bytes(2, "little")
    path.write_bytes(whole)


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("multiplied", [True, False])
def test_alpha_that_is_not_declared(tmp_path, tagged, multiplied):
    path = tmp_path / "a.tif"
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:9] = 0
    alpha[20, :40] = 128
    rgba = np.dstack([SMOOTH, alpha])
    flat = rgba.copy()
    if multiplied:
        flat[..., :3] = np.rint(rgba[..., :3] * (alpha[..., None] / 255))
    tifffile.imwrite(path, flat, photometric="rgb", metadata=None,
                     extrasamples=["unspecified"])  # fmt: skip
    if not tagged:
        without_tag(path)
    with pytest.warns(UserWarning, match="fourth sample .* is taken for alpha"):
        found = read_image(path)[0]
    clear = alpha == 0
    np.testing.assert_array_equal(found[..., 3], alpha)
    assert np.abs(found[~clear].astype(int) - rgba[~clear]).max() <= 2


@pytest.mark.parametrize("tagged", [True, False])
def test_infrared_is_no_alpha(tmp_path, tagged):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.dstack([RGB, RGB[..., 0]]), photometric="rgb",
                     extrasamples=["unspecified"], metadata=None)  # fmt: skip
    if not tagged:
        without_tag(path)
    with pytest.warns(UserWarning, match="fourth sample .* is left out"):
        np.testing.assert_array_equal(read_image(path)[0], RGB)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("exchanged", [False, True])
def test_inks(tmp_path, kind, planar, exchanged):
    path = tmp_path / "a.tif"
    white = np.iinfo(kind).max
    inks = np.asarray(Image.fromarray(SMOOTH).convert("CMYK")).astype(kind)
    inks *= white // 255
    tags = [(336, "H", 2, (white, 0), True)] if exchanged else []
    pixels = white - inks if exchanged else inks
    how = {"planarconfig": "separate"} if planar else {}
    tifffile.imwrite(path, np.moveaxis(pixels, -1, 0).copy() if planar else pixels,
                     photometric="separated", extratags=tags, **how)  # fmt: skip
    off = np.abs(quiet(path)[0] / (white // 255) - SMOOTH)
    assert off.max() < 1.01


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("layout", ["one strip", "zlib, predictor, tiles"])
@pytest.mark.parametrize("colors", [False, True])
def test_orientation(tmp_path, orientation, layout, colors):
    path = tmp_path / "a.tif"
    pixels = RGB if colors else RGB[..., 0]
    tifffile.imwrite(path, pixels, photometric="rgb" if colors else "minisblack",
                     extratags=[(274, "H", 1, orientation, True)],
                     **LAYOUTS[layout])  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(pixels)
    image.info["exif"] = exif.tobytes()
    upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(quiet(path)[0], upright)


@pytest.mark.parametrize("layout", [*PLAIN, "zlib, big-endian"])
@pytest.mark.parametrize("bits", [1, 8])
def test_bits_from_right_to_left(tmp_path, layout, bits):
    """FillOrder 2, as fax machines write."""
    path = tmp_path / "a.tif"
    values = RGB[..., 0] > 127 if bits == 1 else RGB[..., 0]
    tifffile.imwrite(path, values, photometric="minisblack", metadata=None,
                     extratags=[(266, "H", 1, 2, True)], **LAYOUTS[layout])  # fmt: skip
    np.testing.assert_array_equal(quiet(path)[0], stored(path))


@pytest.mark.parametrize(("samples", "kind"), [*product((2, 5, 8), ("u1", "f4"))])
def test_channels(tmp_path, samples, kind):
    path = tmp_path / "a.tif"
    pixels = RNG.uniform(0, 200, (48, 64, samples)).astype(kind)
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")
    found, axis = quiet(path)
    assert axis == 2
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified"])
def test_samples_beside_inks(tmp_path, extra):
    path = tmp_path / "a.tif"
    inks = np.asarray(Image.fromarray(SMOOTH).convert("CMYK"))
    alpha = np.where(np.arange(64) < 20, 0, 255)[None, :, None] + np.zeros((48, 64, 1))
    pixels = np.concatenate([inks, alpha.astype(np.uint8)], axis=-1)
    tifffile.imwrite(path, pixels, photometric="separated", extrasamples=[extra])
    if extra == "unspecified":
        with pytest.warns(UserWarning, match="1 samples beside its four inks"):
            found = read_image(path)[0]
    else:
        found = quiet(path)[0]
        np.testing.assert_array_equal(found[..., 3], alpha[..., 0])
    assert ways_as_stored(path) == {}
    off = np.abs(found[:, 20:, :3].astype(int) - SMOOTH[:, 20:])
    assert off.max() <= 1


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f4"])
@pytest.mark.parametrize(
    ("photometric", "channels"),
    [("minisblack", 4), ("minisblack", 7), ("rgb", 4), ("rgb", 3)],
)
@pytest.mark.parametrize("opaque", [False, True])
def test_alpha_behind_channels(tmp_path, planar, kind, photometric, channels, opaque):
    if channels == 3 and kind[0] == "u":
        pytest.skip("these are colors")
    pixels = RNG.integers(1, 200, (20, 30, channels + 1)).astype(kind)
    pixels[..., -1] = np.iinfo(kind).max if kind != "f4" else 1
    hidden = np.zeros((20, 30), bool)
    hidden[:4] = not opaque
    pixels[hidden, -1] = 0
    extra = channels + 1 - (3 if photometric == "rgb" else 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.moveaxis(pixels, -1, 0).copy() if planar else pixels,
        photometric=photometric,
        planarconfig="separate" if planar else "contig",
        extrasamples=["unspecified"] * (extra - 1) + ["unassalpha"],
    )
    raw, axis = quiet(path, converted=False)
    np.testing.assert_array_equal(raw, pixels)
    if opaque:
        found, axis = quiet(path)
        assert found.dtype == kind
    else:
        with pytest.warns(UserWarning, match=r"120 pixels of a\.tif \(20\.0%\) are cl"):
            found, axis = read_image(path)
    assert axis == 2
    wanted = np.where(hidden[..., np.newaxis], np.nan, pixels[..., :-1])
    np.testing.assert_array_equal(found, wanted)
    labels = segment(found, channel_axis=axis, n_classes=2, smoothing=0).labels
    np.testing.assert_array_equal(labels == 0, hidden)
    assert ways_as_stored(path).get("converted", True) is (channels == 3)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("planar", [False, True])
def test_alpha_beside_darkness_is_not_turned(tmp_path, kind, planar):
    white = np.iinfo(kind).max
    gray = RNG.integers(0, white, (20, 30), kind)
    alpha = np.where(np.arange(30) < 9, 0, white).astype(kind) + np.zeros_like(gray)
    both = np.stack([gray, alpha], 0 if planar else -1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, both, photometric="miniswhite", extrasamples=["unassalpha"],
                     planarconfig="separate" if planar else "contig")  # fmt: skip
    found, _ = quiet(path)
    np.testing.assert_array_equal(found, np.dstack([white - gray] * 3 + [alpha]))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_palette_with_alpha(tmp_path, compression):
    image = Image.fromarray(RGB).quantize(32)
    alpha = Image.fromarray(RGB[..., 0])
    path = tmp_path / "a.tif"
    both = Image.merge("PA", (image.convert("L"), alpha))
    both.putpalette(image.getpalette())
    both.save(path, compression=compression)
    with Image.open(path) as stored_image:
        wanted = np.asarray(stored_image.convert("RGBA"))
    np.testing.assert_array_equal(quiet(path)[0], wanted)


@pytest.mark.parametrize(
    ("photometric", "channels"), [("logluv", 3), ("logl", 1), ("cielab", 3)]
)
def test_colors_that_are_not_read_are_named(tmp_path, photometric, channels):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.squeeze(RGB[..., :channels]), photometric=photometric)
    with pytest.raises(ValueError, match=r"its colors are L.*; convert it to RGB"):
        read_image(path)


@pytest.mark.parametrize("compression", ["tiff_sgilog", "tiff_sgilog24"])
def test_a_compression_that_is_not_decoded_is_named(tmp_path, compression):
    path = tmp_path / "a.tif"
    light = Image.fromarray(RGB[..., 0].astype(np.float32))
    light.save(path, compression=compression, tiffinfo={262: 32844})
    with pytest.raises(ValueError, match=r"SGILOG.* is not decoded here; write it"):
        read_image(path)


@pytest.mark.parametrize(
    ("names", "told"),
    [(["DAPI", "GFP"], ("DAPI", "GFP")), (["a", "a"], ()), (["a", ""], ()), (None, ())],
)
def test_names_of_channels(tmp_path, names, told):
    path = tmp_path / "a.ome.tif"
    about = {"axes": "CYX"} | ({} if names is None else {"Channel": {"Name": names}})
    image = np.random.default_rng(0).integers(0, 99, (2, 20, 30), np.uint16)
    tifffile.imwrite(path, image, metadata=about, photometric="minisblack")
    assert read_with_spacing(path).channel_names == told
    with pytest.warns(UserWarning, match="its axes are CYX; they are taken for ZYX"):
        assert read_with_spacing(path, axes="ZYX").channel_names == ()
