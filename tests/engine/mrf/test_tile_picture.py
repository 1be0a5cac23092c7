"""Parts of an image, in pixels and in cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_emseg.engine.image.color_space import convert
from napari_emseg.engine.mrf.fixed_point import Unit
from napari_emseg.engine.mrf.tile_picture import TilePicture

UNIT = Unit(np.array([50.0, 0.0, 0.0]), 0.05)
SHAPE = (23, 34)


def colors(dtype: Any) -> Any:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(0, 2, (*SHAPE, 3)), axis=1) + 120
    values = np.clip(smooth, 0, 255) / 255 * np.iinfo(dtype).max
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("masked", [False, True])
def test_cells_of_channels_are_nearly_those_of_features(
    dtype: Any, masked: bool
) -> None:
    values, white = colors(dtype), float(np.iinfo(dtype).max)
    valid = np.random.default_rng(1).random(SHAPE) < 0.7 if masked else None
    lab = convert(values, "lab", white)
    by_value = TilePicture(values, valid, ("lab", white), halved=True)
    by_feature = TilePicture(lab, valid, None, halved=True)
    (one,), (two,) = by_value.encode([UNIT]), by_feature.encode([UNIT])
    inside = np.ones(one.shape[1:], bool)
    if masked:
        assert by_value.valid_cells is not None
        inside = by_value.valid_cells
        np.testing.assert_array_equal(by_feature.valid_cells, inside)
    assert np.abs(one - two)[:, inside].mean() * UNIT.step < 0.6
    places = np.array([0, 5, 700])
    np.testing.assert_allclose(by_value.pixels(places), lab.reshape(-1, 3)[places])


@pytest.mark.parametrize("by_value", [False, True])
def test_thin_lines_are_detail_and_smooth_steps_are_not(by_value: bool) -> None:
    values = np.full((*SHAPE, 3), 150, np.uint8)
    values[:, 20:] = 90
    values[:, 7] = 60
    valid = np.ones(SHAPE, bool)
    valid[:4] = False
    if not by_value:
        picture = TilePicture(convert(values, "lab"), valid, None, halved=True)
    else:
        picture = TilePicture(values, valid, ("lab", 255.0), halved=True)
    detail = picture.detail(UNIT, 8.0)
    assert detail.shape == (12, 17)
    assert detail[2:, 3].all()
    assert not detail[:2].any()
    assert not np.delete(detail, 3, axis=1).any()


def test_pixels_are_features() -> None:
    lab = convert(colors(np.uint8), "lab")
    picture = TilePicture(lab, None, None, halved=False)
    double = Unit(UNIT.center, 2 * UNIT.step)
    for unit, found in zip((UNIT, double), picture.encode((UNIT, double)), strict=True):
        np.testing.assert_array_equal(found, unit.encode(lab))
    assert picture.valid_cells is None
