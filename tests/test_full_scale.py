"""Pictures of few bits in a type of more: all parts know the same white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg import adjust, files, select
from napari_emseg.pipeline.preview import PreviewImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLORS = np.array([(180, 60, 60), (60, 160, 70), (60, 80, 190), (210, 200, 90)])
BITS = [8, 10, 12, 14, 16]


@pytest.fixture(scope="module")
def truth() -> NDArray[np.intp]:
    """Return (64, 60) classes 0 to 3."""
    return np.add.outer(np.arange(64) // 32 * 2, np.arange(60) // 30)


def scene(truth: NDArray[np.intp], bits: int) -> NDArray[np.uint16]:
    """Return the classes in noisy colors of some bits."""
    noise = np.random.default_rng(0).normal(0, 5, (*truth.shape, 3))
    full = 2**bits - 1
    return np.rint(np.clip(COLORS[truth] + noise, 0, 255) * (full / 255)).astype("u2")


def same(found: NDArray[Any], truth: NDArray[np.intp]) -> bool:
    """Whether labels part the pixels as the truth does, all but a few."""
    pairs = np.unique(
        np.stack([found.ravel(), truth.ravel()]), axis=1, return_counts=True
    )
    return bool((pairs[1] > 5).sum() == len(COLORS))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("color", ["lab", "rgb", "hsv", "none"])
def test_classes_and_their_colors(
    truth: NDArray[np.intp], bits: int, color: str
) -> None:
    seg = emseg.segment(scene(truth, bits), n_classes=4, color=color, smoothing=0)
    assert same(seg.labels, truth)
    seen = files.paint(seg.labels, seg.class_colors)
    assert np.abs(seen[..., :3] - COLORS[truth]).mean() < 3


@pytest.mark.parametrize("bits", BITS)
def test_selections(truth: NDArray[np.intp], bits: int) -> None:
    image = scene(truth, bits)
    red = truth == 0
    unit = (2**bits - 1) / 255
    found = {
        "wand": select.wand(image, (5, 5), 25),
        "prepared": select.wand(select.prepare(image), (5, 5), 25),
        "color range": select.color_range(image, colors=COLORS[0] * unit, tolerance=25),
        "box": select.box(image, (0, 0, 40, 38)),
    }
    for name, mask in found.items():
        assert (mask == red).mean() > 0.97, name
    corners = [(0, 0), (0, 29), (31, 29), (31, 0)]
    bytes_ = np.rint(image / unit).astype(np.uint8)
    cut, expected = (select.scissors(im, corners) for im in (image, bytes_))
    assert (cut == expected).mean() > 0.92
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[5:25, 10], strokes[40:60, 10], strokes[5:25, 50] = 1, 2, 3
    strokes[40:60, 50] = 4
    assert (select.scribbles(image, strokes) == truth_labels(truth)).mean() > 0.97


def truth_labels(truth: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the classes as the strokes number them."""
    return np.array([1, 3, 2, 4])[truth]


@pytest.mark.parametrize("bits", BITS)
def test_a_preview(truth: NDArray[np.intp], bits: int) -> None:
    found = PreviewImage(scene(truth, bits)).preview(emseg.Params(n_classes=4))
    assert same(found.labels, truth)
    assert 0.7 < found.colors.max() < 0.9


@pytest.mark.parametrize("bits", BITS)
def test_adjustments_stay_in_the_scale(truth: NDArray[np.intp], bits: int) -> None:
    image = scene(truth, bits)
    full = 2**bits - 1
    brighter = adjust.brightness_contrast(image, brightness=0.5)
    assert brighter.max() == full
    unit = image / full
    np.testing.assert_allclose(
        brighter / full, np.minimum(unit + 0.5, 1), atol=1 / full
    )
    assert (adjust.levels(image) == image).all()
    grays = adjust.desaturate(image)
    assert np.ptp(grays / full, axis=-1).max() < 0.02
    cut = adjust.cut_out(image, truth == 0, radius=4)
    assert (cut[5, 5, 3], cut[60, 50, 3]) == (65535, 0)


@pytest.mark.parametrize("bits", [10, 12])
def test_hot_pixels_do_not_darken_a_picture(truth: NDArray[np.intp], bits: int) -> None:
    image = scene(truth, bits)
    image[3, 3] = image[50, 40] = 65535
    seg = emseg.segment(image, n_classes=4, smoothing=0)
    assert same(seg.labels, truth)
    seen = files.paint(seg.labels, seg.class_colors)
    assert np.abs(seen[..., :3] - COLORS[truth]).mean() < 15


def test_what_the_caller_says_counts(truth: NDArray[np.intp]) -> None:
    image = scene(truth, 12)
    dark = image // 20  # of a night: the numbers alone would say 8 bit
    told = emseg.features(dark, full_scale=4095)
    np.testing.assert_array_equal(told, emseg.features(dark / np.float32(4095)))
    assert told[..., 0].max() < 0.2 * emseg.features(image)[..., 0].max()
    floats = image.astype(np.float32)
    with pytest.raises(ValueError, match="full_scale"):
        emseg.segment(floats, rgb=True)
    by_number = emseg.segment(floats, n_classes=4, rgb=True, full_scale=4095)
    assert by_number.source.picture.rgb
    assert same(by_number.labels, truth)
    for wrong in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="above 0"):
            emseg.segment(image, full_scale=wrong)


def test_stacks_tiles_and_dask_have_one_white(truth: NDArray[np.intp]) -> None:
    bright = scene(truth, 12)
    stack = np.stack([bright // 64, bright])
    whole = emseg.features(stack)
    np.testing.assert_array_equal(whole[1], emseg.features(bright))
    np.testing.assert_array_equal(
        whole[0], emseg.features(bright // 64, full_scale=4095)
    )
    lazy = da.from_array(stack, chunks=(1, 16, 60, 3))
    np.testing.assert_array_equal(emseg.features(lazy), whole)
    seg = emseg.segment(lazy, n_classes=4)
    np.testing.assert_array_equal(emseg.segment(stack, n_classes=4).labels, seg.labels)
