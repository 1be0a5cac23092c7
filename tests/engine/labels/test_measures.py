"""Counts and colors of labels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.labels.measures import Measures


@pytest.mark.parametrize("channels", [1, 4, 128, 129, 600])
def test_bytes_of_any_number_of_channels(channels: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    values = rng.integers(0, 256, (500, channels), dtype=np.uint8)
    found = Measures([1, 2], channels)
    found.add(labels, values)
    expected = [values[labels == label].mean(axis=0) for label in (1, 2)]
    np.testing.assert_allclose(found.mean(), expected)
