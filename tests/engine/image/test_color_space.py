"""Features against scikit-image, the colour module and formulas of the spaces."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from napari.layers import Image
from skimage import color as skcolor
from skimage import data as pictures

import napari_emseg as emseg
from napari_emseg.engine.image.color_space import (
    DARK,
    convert,
    resolve_color,
    usable,
    variance_floor,
)
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.pipeline.source import as_source, count_source, find_space

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def rgb(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (40, 50, 3) random RGB in [0, 1]."""
    return rng.random((40, 50, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("space", "reference", "within"),
    [
        # OpenCV interpolates between the nodes of a table.
        ("lab", skcolor.rgb2lab, 0.6),
        ("luv", skcolor.rgb2luv, 0.3),
        ("xyz", lambda x: 100 * skcolor.rgb2xyz(skcolor_gamma(x)), 0.1),
        ("rgb", lambda x: 100 * x, 1e-4),
        ("gray", lambda x: 100 * (x @ [0.299, 0.587, 0.114])[..., None], 1e-3),
    ],
)
def test_color_space_agrees_with_reference(
    rgb: NDArray[np.float32], space: str, reference: Any, within: float
) -> None:
    np.testing.assert_allclose(convert(rgb, space), reference(rgb), atol=within)


def skcolor_gamma(linear: NDArray[np.float32]) -> NDArray[np.float64]:
    """Encode with the sRGB curve: OpenCV's XYZ takes its input as linear."""
    low = linear <= 0.0031308
    return np.where(low, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_ycrcb_is_luma_and_two_differences(rgb: NDArray[np.float32]) -> None:
    found = convert(rgb, "ycrcb")
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    expected = [
        luma,
        0.713 * (rgb[..., 0] - luma) + 0.5,
        0.564 * (rgb[..., 2] - luma) + 0.5,
    ]
    np.testing.assert_allclose(found, 100 * np.stack(expected, -1), atol=0.1)


@pytest.mark.parametrize(("space", "light"), [("hsv", 2), ("hls", 1)])
def test_hue_becomes_a_direction(
    rgb: NDArray[np.float32], space: str, light: int
) -> None:
    found = convert(rgb, space)
    of_pixel = getattr(colorsys, f"rgb_to_{space}")
    cylinder = np.array([of_pixel(*map(float, p)) for p in rgb.reshape(-1, 3)])
    cylinder = cylinder.reshape(rgb.shape)
    np.testing.assert_allclose(found[..., 0], 100 * cylinder[..., light], atol=1e-3)
    radius = np.hypot(found[..., 1], found[..., 2])
    np.testing.assert_allclose(radius, 100 * cylinder[..., 3 - light], atol=1e-2)
    hue = np.arctan2(found[..., 2], found[..., 1]) / (2 * np.pi)
    turn = (hue - cylinder[..., 0] + 0.5) % 1 - 0.5
    assert np.abs(turn[radius > 1]).max() < 1e-3


def test_reds_on_both_sides_of_hue_zero_are_neighbors() -> None:
    reds = np.array([[[255, 0, 5], [255, 5, 0]]], np.uint8)
    for space in ("hsv", "hls"):
        a, b = convert(reds, space)[0]
        assert np.linalg.norm(a - b) < 5


@pytest.mark.parametrize("space", ["lab", "luv", "rgb", "hsv", "ycrcb", "gray"])
def test_types_of_rgb_scale_alike(space: str, rng: np.random.Generator) -> None:
    bytes_ = rng.integers(0, 256, (20, 20, 3), np.uint8)
    found = convert(bytes_, space)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        convert(bytes_.astype(np.uint16) * 257, space), found, atol=1e-3
    )
    for kind in (np.float32, np.float64):
        scaled = (bytes_ / 255).astype(kind)
        np.testing.assert_allclose(convert(scaled, space), found, atol=1e-3)


@pytest.mark.parametrize("space", ["lab", "hsv", "rgb", "gray"])
def test_alpha_does_not_count(space: str, rng: np.random.Generator) -> None:
    rgba = rng.integers(0, 256, (20, 20, 4), np.uint8)
    np.testing.assert_array_equal(
        convert(rgba, space), convert(rgba[..., :3].copy(), space)
    )


def test_no_conversion_keeps_values(rng: np.random.Generator) -> None:
    values = rng.integers(-999, 999, (5, 6, 7), np.int32)
    found = convert(values, "none")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "spatial", "channels", "is_rgb"),
    [
        ((8, 9), "u1", {}, (8, 9), 1, False),
        ((8, 9, 3), "u1", {}, (8, 9), 3, True),
        ((8, 9, 4), "u2", {}, (8, 9), 3, True),
        ((8, 9, 3), ">u2", {}, (8, 9), 3, True),
        ((8, 9, 3), "f4", {}, (8, 9), 3, True),
        ((8, 9, 3), "u1", {"rgb": False}, (8, 9, 3), 1, False),
        ((8, 9, 3), "u1", {"channel_axis": -1}, (8, 9), 3, False),
        ((5, 8, 9), "u1", {"channel_axis": 0}, (8, 9), 5, False),
        ((8, 5, 9), "u1", {"channel_axis": 1}, (8, 9), 5, False),
        ((7, 8, 9), "f8", {}, (7, 8, 9), 1, False),
        ((7, 8, 9, 3), "u1", {}, (7, 8, 9), 3, True),
        ((2, 7, 8, 9), "i2", {}, (2, 7, 8, 9), 1, False),
        ((8, 9, 3), "?", {}, (8, 9, 3), 1, False),
        ((8, 9, 3), "i4", {}, (8, 9, 3), 1, False),
    ],
)
def test_axes_are_understood(
    shape: tuple[int, ...],
    dtype: str,
    options: dict[str, Any],
    spatial: tuple[int, ...],
    channels: int,
    is_rgb: bool,
) -> None:
    picture = as_lazy_image(np.zeros(shape, dtype), **options)
    assert picture.shape == spatial
    assert picture.channels == channels
    assert picture.rgb == is_rgb
    assert picture.size == np.prod(spatial)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_parts_are_read_with_channels_last(axis: int) -> None:
    image = np.arange(4 * 5 * 6, dtype=">i4").reshape(4, 5, 6)
    picture = as_lazy_image(image, channel_axis=axis)
    whole = np.moveaxis(image, axis, -1)
    where = (slice(1, 3), slice(2, 4))
    part = picture.read(where)
    np.testing.assert_array_equal(part, whole[where])
    assert part.flags.c_contiguous
    assert part.dtype.isnative
    np.testing.assert_array_equal(picture.read(), whole)


@pytest.mark.parametrize(
    ("image", "options", "error", "words"),
    [
        (np.zeros((4, 4), complex), {}, TypeError, "complex128"),
        ("photo.png", {}, TypeError, "name 'photo.png'; read the file first"),
        (Path("photo.png"), {}, TypeError, "name 'photo.png'; read the file first"),
        (None, {}, TypeError, "NoneType, which is no array"),
        ({"0": np.zeros((4, 4))}, {}, TypeError, "dict, which is no array"),
        ([np.zeros((4, 4)), np.zeros((2, 2))], {}, ValueError, r"pass .* image\[0\]"),
        (np.zeros((4, 4), object), {}, TypeError, "values of type object"),
        (np.ma.masked_equal(np.eye(4), 1), {}, ValueError, "not masked as mask="),
        (np.zeros((4, 4), "M8[s]"), {}, TypeError, "datetime"),
        (np.zeros(4), {}, ValueError, r"\(4,\)"),
        (np.zeros((0, 4)), {}, ValueError, r"\(0, 4\)"),
        (np.zeros((4, 4, 0)), {"channel_axis": 2}, ValueError, "one pixel"),
        (np.zeros((4, 4)), {"channel_axis": 2}, ValueError, "channel_axis=2"),
        (np.zeros((4, 4)), {"channel_axis": 0}, ValueError, "spatial"),
        (np.zeros((4, 3)), {"rgb": True}, ValueError, "last axis of 3 or 4"),
        (np.zeros((4, 4, 5)), {"rgb": True}, ValueError, "last axis of 3 or 4"),
        (np.zeros((4, 4, 3), "i4"), {"rgb": True}, ValueError, "int32"),
        (np.full((4, 4, 3), 255.0), {"rgb": True}, ValueError, "255"),
        (np.full((40, 40, 3), 255.0), {}, ValueError, "looks like RGB"),
        (np.zeros((4, 4, 3)), {"rgb": True, "channel_axis": 2}, ValueError, "not both"),
    ],
)
def test_impossible_images_are_refused(
    image: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        as_lazy_image(image, **options)


def test_what_holds_arrays_is_no_image_itself() -> None:
    whole = np.zeros((40, 50), np.uint8)
    levels = Image([whole, whole[::2, ::2]], multiscale=True)
    with pytest.raises(
        ValueError, match=r"MultiScaleData .* as a pyramid .*image\[0\]"
    ):
        as_lazy_image(levels.data)
    group = zarr.group()
    group.create_array("0", data=whole)
    for owner in (levels, Image(whole), group):
        with pytest.raises(
            TypeError, match=r"no array of numbers; pass one: of a napari"
        ):
            as_lazy_image(owner)
    assert as_lazy_image([whole, whole]).shape == (2, 40, 50)
    assert as_lazy_image(np.ma.masked_equal(whole, 1)).shape == (40, 50)


def test_auto_color_is_lab_for_rgb_alone() -> None:
    rgb, grey = as_lazy_image(np.zeros((4, 4, 3))), as_lazy_image(np.zeros((4, 4)))
    assert resolve_color(rgb, "auto") == "lab"
    assert resolve_color(grey, "auto") == "none"
    assert resolve_color(grey, "gray") == "none"
    assert resolve_color(rgb, "hsv") == "hsv"
    five = as_lazy_image(np.zeros((4, 4, 5)), channel_axis=2)
    with pytest.raises(ValueError, match=r"5 channel.*color='lab' needs RGB"):
        resolve_color(five, "lab")


def test_floor_is_the_variance_that_rounding_leaves(rng: np.random.Generator) -> None:
    exact = rng.uniform(0, 1000, 200_000)
    measured = np.var(exact - exact.round())
    assert variance_floor(np.uint8, "none") == pytest.approx(measured, rel=0.02)
    coarse = np.var(exact - (exact / 16).round() * 16)
    assert variance_floor(np.uint16, "none", 16) == pytest.approx(coarse, rel=0.02)
    assert variance_floor(np.float32, "none") is None


@given(
    values=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        hnp.array_shapes(min_dims=3, max_dims=4, max_side=6),
    ),
    data=st.data(),
)
def test_pixels_that_count(values: NDArray[Any], data: st.DataObject) -> None:
    masks = hnp.arrays(bool, values.shape[:-1])
    mask = data.draw(st.none() | masks)
    rgb = values.shape[-1] in (3, 4) and data.draw(st.booleans())
    expected = (np.abs(values.astype(np.float64)) < 1e18).all(axis=-1)
    if mask is not None:
        expected &= mask
    if rgb and values.shape[-1] == 4:
        expected &= values[..., 3] > 0
    found = usable(values, rgb=rgb, mask=mask)
    if found is None:
        assert expected.all()
    else:
        np.testing.assert_array_equal(found, expected)


def test_all_pixels_count_without_a_copy() -> None:
    assert usable(np.ones((3, 3, 4)), rgb=True) is None
    assert usable(np.ones((3, 3, 4), np.uint8), rgb=True) is None


LIGHTLESS = ["ab", "hs", "chromaticity"]


@pytest.mark.parametrize("space", ["hs", "chromaticity"])
def test_light_does_not_change_what_has_no_lightness(
    rgb: NDArray[np.float32], space: str
) -> None:
    # Bright enough that none is taken for black.
    rgb = np.float32(0.15) + np.float32(0.85) * rgb
    light = np.linspace(0.5, 1, rgb.shape[1], dtype=np.float32)[:, np.newaxis]
    np.testing.assert_allclose(
        convert(rgb * light, space), convert(rgb, space), atol=1e-3
    )


def test_ab_is_lab_without_lightness(rgb: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(convert(rgb, "ab"), convert(rgb, "lab")[..., 1:])


def test_hs_is_hsv_without_value(rgb: NDArray[np.float32]) -> None:
    bright = np.maximum(rgb, DARK)
    np.testing.assert_allclose(
        convert(bright, "hs"), convert(bright, "hsv")[..., 1:], rtol=1e-5, atol=1e-4
    )


def test_chromaticity_is_the_share_in_the_sum(rgb: NDArray[np.float32]) -> None:
    bright = np.maximum(rgb, DARK)
    share = bright / bright.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        convert(bright, "chromaticity"), 100 * share[..., :2], atol=1e-3
    )


@pytest.mark.parametrize("space", LIGHTLESS)
def test_black_is_gray_whatever_its_noise(space: str, rng: np.random.Generator) -> None:
    gray = convert(np.full((1, 3), 0.5, np.float32), space)
    black = convert(np.zeros((1, 3), np.uint8), space)
    np.testing.assert_allclose(black, gray, atol=0.1)
    noise = rng.integers(0, 3, (500, 3), np.uint8)
    assert np.abs(convert(noise, space) - gray).max() < 17
    # Colors fade steadily.
    ramp = np.linspace(0, 0.3, 200, dtype=np.float32)[:, np.newaxis] * [1, 0.3, 0.1]
    away = np.linalg.norm(convert(ramp.astype(np.float32), space) - gray, axis=1)
    assert (np.diff(away) > -0.2).all()


@pytest.mark.parametrize("space", ["hs", "chromaticity"])
@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_a_gradient_of_light_leaves_labels(
    space: str, method: str, rng: np.random.Generator
) -> None:
    truth = np.indices((96, 120)).sum(axis=0) // 36 % 3
    colors = np.array([[190, 120, 90], [110, 170, 100], [120, 120, 200]])
    light = np.linspace(0.5, 1, 120)[:, np.newaxis]
    noisy = colors[truth] + rng.normal(0, 4, (96, 120, 3))
    plain, lit = (
        np.rint(x).clip(0, 255).astype(np.uint8) for x in (noisy, noisy * light)
    )
    one, two = (
        emseg.segment(x, color=space, method=method, n_classes=3).labels
        for x in (plain, lit)
    )
    assert (one == two).mean() > 0.995
    with pytest.raises(ValueError, match=f"bias=True.*color='{space}'.*leave one"):
        emseg.segment(lit, color=space, bias=True)


@pytest.mark.parametrize(
    "color", [*LIGHTLESS, "he", "hed", "od", "stains:1 0 0, 0 1 0"]
)
def test_colors_that_are_counted_are_the_colors_of_pixels(color: str) -> None:
    photo = np.ascontiguousarray(pictures.astronaut()[::6, ::6])
    picture = as_lazy_image(photo)
    source = as_source(picture, None, None, find_space(picture, color, 0, 0))
    counted = count_source(source).cells
    pixels = source.features(())[0].reshape(-1, counted.dims)
    mean = pixels.mean(axis=0, dtype=float)
    np.testing.assert_allclose(counted.mean(), mean, atol=1e-4)
    known = {tuple(point) for point in counted.points.T.tolist()}
    assert {tuple(pixel) for pixel in pixels.tolist()} == known
