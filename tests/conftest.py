"""Pictures that several tests share."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


# What makes wrong input is shared by tests and attacks.
sys.path.insert(0, str(Path(__file__).parent / "attack"))
# The same examples each time, so that a failure is never a matter of luck.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("fast", settings.get_profile("suite"), max_examples=8)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for garbage once all tests are found: until then, there is hardly any."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Spare collections of garbage the thousands of tests, which are none."""
    gc.collect()
    gc.freeze()
