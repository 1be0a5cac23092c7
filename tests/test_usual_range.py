"""Ranges that tools take from an image are those of nearly all its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_emseg as emseg
from napari_emseg import adjust, select
from napari_emseg.pipeline.preview import PreviewImage

TRUTH = np.add.outer(np.arange(64) // 32 * 2, np.arange(60) // 30)
EXTREMES = [
    ("uint16", 65535, 30),
    ("uint16", 65535, 1),
    ("int16", -32768, 1000),
    ("int32", 2**31 - 1, 30),
    ("float32", -9999, 1000),
    ("float32", 1e6, 1),
]


def scene(dtype: str, channels: int) -> NDArray[Any]:
    """Return four classes with noise, each in a quarter."""
    unit = 1.0 if dtype == "float32" else 300.0
    rng = np.random.default_rng(0)
    levels = [np.random.default_rng(c).permutation(4) for c in range(channels)]
    means = unit * (1 + np.stack(levels, axis=1))
    noisy = means[TRUTH] + unit / 15 * rng.normal(0, 1, (*TRUTH.shape, channels))
    return (noisy[..., 0] if channels == 1 else noisy).astype(dtype)


def spoiled(
    dtype: str, value: float, count: int, channels: int
) -> tuple[NDArray[Any], NDArray[np.bool_], dict[str, Any]]:
    """Return the scene with extremes, where they are, and how to read it."""
    image = scene(dtype, channels)
    far = np.zeros(TRUTH.shape, bool)
    if count > 100:
        far[:, : count // 64] = True
    else:
        places = np.random.default_rng(1).permutation(far.size)[:count]
        far.ravel()[places] = True
    image[far] = value
    return image, far, {} if channels == 1 else {"channel_axis": -1}


@pytest.mark.parametrize(("dtype", "value", "count"), EXTREMES)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_the_tolerance_of_the_wand(
    dtype: str, value: float, count: int, channels: int
) -> None:
    image, far, how = spoiled(dtype, value, count, channels)
    clean = select.prepare(scene(dtype, channels), **how).span
    ready = select.prepare(image, **how)
    assert ready.span == pytest.approx(clean, rel=0.1)
    quarter = (TRUTH == 3) & ~far
    for source, options in ((image, how), (ready, {})):
        found = select.wand(source, (50, 50), contiguous=False, **options)
        assert (found == quarter).mean() > 0.95
        found = select.color_range(source, [(50, 50)], **options)
        assert (found == quarter).mean() > 0.95


@pytest.mark.parametrize(("dtype", "value", "count"), EXTREMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_strokes_and_boxes(dtype: str, value: float, count: int, channels: int) -> None:
    image, far, how = spoiled(dtype, value, count, channels)
    strokes = np.zeros(TRUTH.shape, np.uint8)
    strokes[5:25, 22:26], strokes[5:25, 40:45] = 1, 2
    strokes[40:60, 22:26], strokes[40:60, 40:45] = 3, 4
    found = select.scribbles(image, strokes, **how)
    near = ~far & (np.arange(60) > 17)
    assert (found == TRUTH + 1)[near].mean() > 0.95


@pytest.mark.parametrize(("dtype", "value", "count"), EXTREMES)
def test_a_preview(dtype: str, value: float, count: int) -> None:
    image, far, _ = spoiled(dtype, value, count, 1)
    for params in (
        emseg.Params(n_classes=5),
        emseg.Params(n_classes=5, method="kmeans"),
    ):
        labels = PreviewImage(image).preview(params).labels
        counts = np.zeros((6, 4), int)
        np.add.at(counts, (labels[~far], TRUTH[~far]), 1)
        assert counts.max(axis=1).sum() > 0.95 * counts.sum()


@pytest.mark.parametrize(("dtype", "value", "count"), EXTREMES)
@pytest.mark.parametrize("channels", [1, 4])
def test_a_hierarchy(dtype: str, value: float, count: int, channels: int) -> None:
    image, far, how = spoiled(dtype, value, count, channels)
    labels = emseg.hierarchy(image, **how).cut(n_regions=40)
    counts = np.zeros((labels.max() + 1, 4), int)
    np.add.at(counts, (labels[~far], TRUTH[~far]), 1)
    assert counts.max(axis=1).sum() > 0.95 * counts.sum()


@pytest.mark.parametrize(("dtype", "value", "count"), EXTREMES)
def test_adjustments(dtype: str, value: float, count: int) -> None:
    image, far, _ = spoiled(dtype, value, count, 1)
    clean = scene(dtype, 1)
    found = adjust.brightness_contrast(image, brightness=0.1)
    changed = (found.astype(float) - image)[~far]
    assert np.median(changed) == pytest.approx(0.1 * np.ptp(clean), rel=0.15)


def test_a_black_ground_is_no_extreme() -> None:
    image = np.zeros((60, 60), np.uint16)
    noise = np.random.default_rng(0).normal(0, 60, (20, 20))
    image[20:40, 20:40] = 2000 + noise
    assert select.prepare(image).span == image.max()
    assert adjust.brightness_contrast(image, brightness=0.1)[0, 0] == round(
        0.1 * image.max()
    )
