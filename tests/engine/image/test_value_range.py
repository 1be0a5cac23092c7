"""The range of values: white of pictures that do not fill their type."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.image.value_range import full_scale

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
