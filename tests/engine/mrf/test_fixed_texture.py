"""Local texture in integers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.mrf.edge_preserving import EdgePreservingFilter
from napari_emseg.engine.mrf.fixed_point import Unit
from napari_emseg.engine.mrf.fixed_texture import (
    FULL,
    HALF,
    Windows,
    texture_power,
    texture_table,
)


def rough(shape: tuple[int, ...], deviation: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, (1, *shape))
    return noise.astype(np.int16)


@pytest.mark.parametrize("windows", [FULL, HALF])
def test_power_is_half_the_variance(windows: Windows) -> None:
    power = texture_power(rough((200, 200), 40), None, windows)
    # The means that are taken away know a part of it; the calmest place is less.
    assert 0.5 * 800 < np.median(power) < 800
    again = texture_power(rough((200, 200), 80), None, windows)
    assert np.median(again) == pytest.approx(4 * np.median(power), rel=0.05)


def test_steps_are_less_than_texture() -> None:
    step = np.repeat([0, 300], 40).astype(np.int16)[np.newaxis, np.newaxis]
    step = step.repeat(50, axis=1)
    power = texture_power(step, None, FULL)
    assert power[:, :25].max() == 0
    assert power.max() < np.iinfo(np.int16).max


@pytest.mark.parametrize("windows", [FULL, HALF])
def test_only_what_counts_is_seen(windows: Windows) -> None:
    planes = rough((60, 80), 40)
    valid = np.ones((60, 80), bool)
    valid[:, 40:] = False
    valid[20:24, 10:14] = False
    found = texture_power(planes, valid, windows)
    other = planes.copy()
    other[:, ~valid] = 8000
    np.testing.assert_array_equal(
        texture_power(other, valid, windows)[valid], found[valid]
    )
    # And what is outside the image does not count either.
    part = texture_power(
        np.ascontiguousarray(planes[:, :, :40]), valid[:, :40].copy(), windows
    )
    np.testing.assert_array_equal(part[valid[:, :40]], found[:, :40][valid[:, :40]])


@pytest.mark.parametrize("shape", [(60, 80), (5, 40), (3, 3), (1, 30), (9, 8)])
@pytest.mark.parametrize("windows", [FULL, HALF])
def test_a_mask_of_all_changes_nothing(
    shape: tuple[int, int], windows: Windows
) -> None:
    planes = rough(shape, 900)
    found = texture_power(planes, None, windows)
    masked = texture_power(planes, np.ones(shape, bool), windows)
    np.testing.assert_array_equal(masked, found)


@pytest.mark.parametrize("windows", [FULL, HALF])
def test_parts_give_the_whole(windows: Windows) -> None:
    planes = rough((90, 100), 700)
    whole = texture_power(planes, None, windows)
    reach = windows.reach
    for top, left in ((0, 0), (20, 10), (31, 17)):
        part = np.ascontiguousarray(planes[:, top : top + 59, left : left + 71])
        inner = np.s_[reach:-reach, reach:-reach]
        np.testing.assert_array_equal(
            texture_power(part, None, windows)[inner],
            whole[top : top + 59, left : left + 71][inner],
        )


def test_table_is_a_logarithm_and_a_line() -> None:
    soft = EdgePreservingFilter(64.0, 6.0, 0.3)
    unit = Unit(np.zeros(1), 0.1)
    table = texture_table(soft, unit)
    # A deviation of 10 has a power of 100, which is 5000 squared units of half.
    assert table[5000] * 0.1 == pytest.approx(10 * np.log(11), abs=0.1)
    assert table[0] == 0
    assert (np.diff(table) >= 0).all()
    line = texture_table(soft, unit, (4.0, 0.5))
    assert line[5000] * 0.1 == pytest.approx(4 + 5 * np.log(11), abs=0.1)
