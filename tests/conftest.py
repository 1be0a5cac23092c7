"""Pictures that several tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2026)


@pytest.fixture
def stripes(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return (60, 80, 3) uint8 RGB: a dark, a red and a bright stripe, with noise."""
    colors = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]])
    picture = np.repeat(colors, [30, 25, 25], axis=0)[None].repeat(60, axis=0)
    noisy = picture + rng.normal(0, 6, picture.shape)
    return noisy.round().clip(0, 255).astype(np.uint8)
