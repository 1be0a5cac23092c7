"""The likelihood of a fit does not fall, from its very first value on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import napari_emseg as emseg


@pytest.mark.filterwarnings("ignore:.*found where")
@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("distribution", ["gaussian", "student"])
@pytest.mark.parametrize(
    "more", [{}, {"texture": 1.0}, {"position": 1.0}, {"outliers": 0.05}], ids=str
)
def test_random_starts(
    covariance: str, distribution: str, more: dict[str, Any]
) -> None:
    rng = np.random.default_rng(1)
    image = rng.gamma(2, 20, (24, 30, 3)) * [1, 0.1, 5]
    image[8:16] += [60, 2, 90]
    seg = emseg.segment(
        image.astype(np.float32),
        channel_axis=-1,
        init="random",
        covariance=covariance,
        distribution=distribution,
        smoothing=0,
        **more,
    )
    for before, after in pairwise(zip(seg.levels, seg.objective, strict=True)):
        if before[0] == after[0]:
            assert after[1] >= before[1] - 1e-9 * abs(before[1])
