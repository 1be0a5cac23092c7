"""Illumination, and what is told from it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.mrf.bias_field import multiplies_all


@pytest.mark.parametrize(
    ("slopes", "shares", "expected"),
    [
        ([1.2, 1.0, 1.4], [0.3, 0.3, 0.4], True),
        # As of phantoms of brains.
        ([1.9, 1.8, 1.6], [0.22, 0.32, 0.46], True),
        # One class does not follow, or goes its own way.
        ([1.2, 0.0, 1.4], [0.3, 0.3, 0.4], False),
        ([1.2, -1.0, 1.4], [0.3, 0.3, 0.4], False),
        ([1.2, 5.0, 1.4], [0.3, 0.3, 0.4], False),
        # A class of few pixels tells nothing, and one class alone may be uneven.
        ([1.2, 9.0, 1.4], [0.4, 0.01, 0.59], True),
        ([1.2, 1.1], [0.95, 0.05], False),
        ([1.0], [1.0], False),
    ],
)
def test_light_multiplies_all_classes(
    slopes: list[float], shares: list[float], expected: bool
) -> None:
    assert multiplies_all(np.array(slopes), np.array(shares)) is expected
