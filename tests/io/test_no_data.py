"""What a file declares as no data is left out, and nothing else is."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile

from napari_emseg import segment
from napari_emseg.io.files import read_image, read_labels, ways_as_stored

RNG = np.random.default_rng(0)


def written(path, pixels, flag, **options):
    tifffile.imwrite(path, pixels, metadata=options.pop("metadata", None),
                     extratags=[(42113, "s", 0, flag, True)], **options)  # fmt: skip
    return path


def quiet(path, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(path, **how)[0]


FLOATS = {
    "f4": ("-9999", "-9999.0", "-9.999e3", "-3.4028234663852886e+38", "-3.40282e+38",
           "0", "0.1", "1e20"),
    "f8": ("-9999", "-1.7976931348623157e+308", "0.1"),
    "f2": ("-9999", "-65504"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "flag"), [(kind, flag) for kind in FLOATS for flag in FLOATS[kind]]
)
@pytest.mark.parametrize("bands", [1, 2, 5])
def test_floats(tmp_path, kind, flag, bands):
    pixels = RNG.uniform(0.3, 0.6, (bands, 20, 30)).astype(kind)
    hole = np.zeros(pixels.shape, bool)
    hole[0, :5] = hole[-1, 8] = True
    pixels[hole] = np.array(float(flag)).astype(kind)
    if "e+38" in flag:
        pixels[hole] = np.finfo(np.float32).min
    path = written(tmp_path / "a.tif", pixels, flag, photometric="minisblack",
                   planarconfig="separate" if bands > 1 else None)  # fmt: skip
    with pytest.warns(UserWarning, match=rf"{hole.sum()} values of a\.tif \("):
        found = read_image(path)[0]
    hole, pixels = np.moveaxis(hole, 0, -1), np.moveaxis(pixels, 0, -1)
    wanted = np.where(hole, np.array(np.nan, kind), pixels)
    np.testing.assert_array_equal(found, wanted if bands > 1 else wanted[..., 0])
    assert found.dtype == kind
    raw = quiet(path, converted=False)
    np.testing.assert_array_equal(raw, pixels if bands > 1 else pixels[..., 0])
    assert ways_as_stored(path)["converted"] is False


@pytest.mark.parametrize(
    ("kind", "wide"),
    [("u1", "f4"), ("i1", "f4"), ("u2", "f4"), ("i2", "f4"), ("u4", "f8"),
     ("i4", "f8")],
)  # fmt: skip
@pytest.mark.parametrize("occurs", [True, False])
def test_whole_numbers(tmp_path, kind, wide, occurs):
    """They become floats that hold them exactly, but only if they have to."""
    ends = np.iinfo(kind)
    pixels = RNG.integers(0, ends.max, (20, 30), kind)
    pixels[0, 0] = ends.max
    pixels[pixels == 7] = 8
    if occurs:
        pixels[3:5] = 7
    path = written(tmp_path / "a.tif", pixels, "7", photometric="minisblack")
    if not occurs:
        assert quiet(path).dtype == kind
        np.testing.assert_array_equal(quiet(path), pixels)
        return
    with pytest.warns(UserWarning, match=r"60 values of a\.tif \(10\.0%\) are 7, "):
        found = read_image(path)[0]
    assert found.dtype == wide
    np.testing.assert_array_equal(found, np.where(pixels == 7, np.nan, pixels))
    np.testing.assert_array_equal(read_labels(path), pixels)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("planar", [True, False])
@pytest.mark.parametrize("alpha", [True, False])
def test_colors_become_clear(tmp_path, kind, planar, alpha):
    """Where all bands are the value; where one is, it is a color."""
    ends = np.iinfo(kind)
    pixels = RNG.integers(1, ends.max, (20, 30, 3 + alpha), kind)
    pixels[:4, :, :3] = 0
    pixels[8, 8, 0] = 0
    if alpha:
        pixels[..., 3] = np.where(np.arange(20)[:, None] < 4, 0, ends.max)
    options = {"extrasamples": ["unassalpha"]} if alpha else {}
    if planar:
        options["planarconfig"] = "separate"
    path = written(tmp_path / "a.tif",
                   np.moveaxis(pixels, -1, 0).copy() if planar else pixels, "0",
                   photometric="rgb", **options)  # fmt: skip
    with pytest.warns(UserWarning, match="are 0, which the file declares as no data"):
        found = read_image(path)[0]
    assert (found.dtype, found.shape) == (np.dtype(kind), (20, 30, 4))
    np.testing.assert_array_equal(found[..., :3], pixels[..., :3])
    clear = np.broadcast_to(np.arange(20)[:, None] < 4, (20, 30))
    np.testing.assert_array_equal(found[..., 3] == 0, clear)
    assert (found[~clear, 3] == ends.max).all()
    assert not segment(found, n_classes=2, smoothing=0).labels[:4].any()


def test_palettes_become_clear(tmp_path):
    numbers = RNG.integers(0, 9, (20, 30), np.uint8)
    colors = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
    path = written(tmp_path / "a.tif", numbers, "3", photometric="palette",
                   colormap=colors)  # fmt: skip
    with pytest.warns(UserWarning, match="are 3, which"):
        found = read_image(path)[0]
    np.testing.assert_array_equal(found[..., :3], colors.T[numbers] >> 8)
    np.testing.assert_array_equal(found[..., 3] == 0, numbers == 3)


def test_light_that_is_float_stays_a_color(tmp_path):
    pixels = RNG.uniform(0, 1, (40, 50, 3)).astype(np.float32)
    pixels[:4] = -9999
    path = written(tmp_path / "a.tif", pixels, "-9999", photometric="rgb")
    with pytest.warns(UserWarning, match="are -9999, which"):
        found, axis = read_image(path)
    assert axis is None
    assert np.isnan(found[:4]).all()
    np.testing.assert_array_equal(found[4:], pixels[4:])


@pytest.mark.parametrize("flag", ["nan", "NaN ", "-inf", "300", "-1", "0.5", "7"])
def test_what_does_not_occur_changes_nothing(tmp_path, flag):
    pixels = RNG.integers(10, 250, (20, 30), np.uint8)
    for values in (pixels, pixels / np.float32(255)):
        path = written(tmp_path / "a.tif", values, flag, photometric="minisblack")
        found = quiet(path)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("flag", ["none", "0 0 0", "1,5", "x" * 200])
def test_nonsense_is_told(tmp_path, flag):
    pixels = RNG.uniform(0, 1, (20, 30)).astype(np.float32)
    path = written(tmp_path / "a.tif", pixels, flag, photometric="minisblack")
    with pytest.warns(UserWarning, match=r"no-data value of a\.tif is .* no number"):
        np.testing.assert_array_equal(read_image(path)[0], pixels)


def test_slices_of_a_stack(tmp_path):
    """Channels that stay where they are lose the same values."""
    pixels = RNG.uniform(0, 1, (3, 20, 30)).astype(np.float32)
    pixels[1, :4] = -9999
    path = tmp_path / "a.tif"
    written(path, pixels, "-9999", photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.warns(UserWarning, match="120 values"):
        found = read_image(path, stack=True)[0]
    np.testing.assert_array_equal(np.isnan(found), pixels == -9999)


@pytest.mark.parametrize(
    ("kind", "flag"),
    [("u8", 2**64 - 1), ("i8", 2**63 - 1), ("i8", -(2**63)), ("u8", 2**53 + 1)],
)
def test_numbers_that_floats_cannot_tell(tmp_path, kind, flag):
    pixels = RNG.integers(1, 9, (20, 30)).astype(kind)
    pixels[:2] = flag
    pixels[2] = flag - 1 if flag > 0 else flag + 1
    path = written(tmp_path / "a.tif", pixels, str(flag), photometric="minisblack")
    with pytest.warns(UserWarning, match=r"60 values of a\.tif \(10\.0%\)"):
        found = read_image(path)[0]
    np.testing.assert_array_equal(np.isnan(found), pixels == flag)


@pytest.mark.parametrize("photometric", ["rgb", "separated"])
def test_what_is_told_is_what_is_left_out(tmp_path, photometric):
    """Of colors, pixels whose bands all have the value; nothing if there is none."""
    pixels = RNG.integers(1, 255, (20, 30, 3 + (photometric != "rgb")), np.uint8)
    pixels[:4, :, 0] = 0
    path = written(tmp_path / "a.tif", pixels, "0", photometric=photometric)
    assert quiet(path).shape == (20, 30, 3)
    pixels[:2] = 0
    written(path, pixels, "0", photometric=photometric)
    with pytest.warns(UserWarning, match=r"60 pixels of a\.tif \(10\.0%\) are 0"):
        found = read_image(path)[0]
    assert np.count_nonzero(found[..., 3] == 0) == 60


@pytest.mark.parametrize("flag", ["0", "1"])
def test_black_in_one_band_of_floats_is_a_color(tmp_path, flag):
    pixels = RNG.uniform(0.2, 0.8, (20, 30, 3)).astype(np.float32)
    pixels[:6, :, 0] = pixels[:2] = float(flag)
    path = written(tmp_path / "a.tif", pixels, flag, photometric="rgb")
    with pytest.warns(UserWarning, match=r"180 values of a\.tif \(10\.0%\)"):
        found = read_image(path)[0]
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2:], pixels[2:])


@pytest.mark.parametrize(
    ("kind", "bits"), [("f4", 0x7F800001), ("f8", 0x7FF0 << 48 | 1)]
)
def test_floats_that_are_no_numbers_raise_no_flag(tmp_path, kind, bits):
    """Else numpy warns in the midst of arithmetic that the user did not ask for."""
    values = np.ones((8, 9), kind)
    values.view(kind.replace("f", "u"))[2, 3] = bits
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_image(tmp_path / "a.tif")[0] * 2
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))


def test_each_page_has_its_own_flag(tmp_path):
    values = np.arange(72, dtype=np.float32).reshape(8, 9)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        for flag in ("5", "7"):
            tags = [(42113, "s", 0, flag, True)]
            file.write(values, metadata=None, extratags=tags)
    with (
        pytest.warns(UserWarning, match=r"1 values of a\.tif .* are 5"),
        pytest.warns(UserWarning, match=r"1 values of a\.tif .* are 7"),
    ):
        found = read_image(path)[0]
    np.testing.assert_array_equal(np.isnan(found), [values == 5, values == 7])
