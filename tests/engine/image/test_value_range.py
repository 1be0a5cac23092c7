"""The range of values: white of pictures that do not fill their type."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.image.value_range import find_core, full_scale

UINT16 = np.dtype("uint16")


@pytest.mark.parametrize("bits", range(8, 17))
def test_white_is_that_of_the_fewest_bits(rng: np.random.Generator, bits: int) -> None:
    values = rng.integers(0, 2**bits, (50, 40, 3)).astype(np.uint16)
    assert full_scale([values], UINT16) == 2**bits - 1
    # In whatever parts, and in whatever order of bytes.
    assert full_scale(np.split(values.astype(">u2"), 5), UINT16) == 2**bits - 1


@pytest.mark.parametrize("hot", [1, 5])
def test_hot_pixels_are_not_white(rng: np.random.Generator, hot: int) -> None:
    values = rng.integers(0, 4096, (50, 40, 3)).astype(np.uint16)
    values[:hot, 0, 0] = 65535
    assert full_scale([values], UINT16) == 4095


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("float32", 1)])
def test_other_types_are_not_looked_at(dtype: str, white: float) -> None:
    def never() -> None:
        raise AssertionError

    assert full_scale((never() for _ in range(1)), np.dtype(dtype)) == white  # type: ignore[misc]


def test_a_black_picture_has_a_white() -> None:
    assert full_scale([np.zeros((3, 3, 3), np.uint16)], UINT16) == 255


@pytest.mark.parametrize("share", [1 / 40_000, 1e-3, 0.3, 0.6])
@pytest.mark.parametrize("value", [-9999.0, 65535.0, 1e17])
def test_extremes_have_no_part_in_the_core(
    rng: np.random.Generator, share: float, value: float
) -> None:
    values = rng.normal(0.3, 0.1, (2, 40_000))
    far = rng.permutation(40_000) < share * 40_000
    low, high = values[:, ~far].min(axis=1), values[:, ~far].max(axis=1)
    values[:, far] = value
    core = find_core(values)
    assert core is not None
    np.testing.assert_array_equal([core.low, core.high], [low, high])
    np.testing.assert_array_equal(core.holds(values.T), ~far)
    near = core.clip(values.T)
    np.testing.assert_array_equal(near[~far], values.T[~far])
    # Still outside, and no farther than the range is wide.
    assert (
        np.abs(near[far] - np.where(value < 0, low, high)) <= high - low + 1e-9
    ).all()
    assert not core.holds(near[far]).any()


def test_several_marks_are_extreme(rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, (1, 9000))
    values[0, ::3], values[0, 1::3] = -9999, 65535
    core = find_core(values)
    assert core is not None
    assert core.holds(values.T).sum() == 3000


@pytest.mark.parametrize(
    "values",
    [
        np.arange(1000.0),
        np.zeros(1000),
        np.repeat([0, 255], 500),
        np.random.default_rng(0).normal(0, 1, 100_000),
        np.random.default_rng(0).gamma(2, 1, 100_000),
        np.append(np.zeros(200), 1000),  # too few to tell
    ],
    ids=["even", "constant", "two", "normal", "skewed", "few"],
)
def test_ordinary_values_have_no_extremes(values: np.ndarray) -> None:
    assert find_core(values[np.newaxis]) is None
