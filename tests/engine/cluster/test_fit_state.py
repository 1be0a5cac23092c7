"""What is kept of the iterations of a fit."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.engine.cluster.fit_state import bounded


@pytest.fixture
def states(stripes):
    return emseg.segment(stripes, n_classes=3).states


def test_small_models_are_all_kept(states):
    assert len(states) > 4
    assert bounded(states) == states


@pytest.mark.parametrize("share", [0.9, 0.4, 0.1, 0.0])
def test_models_are_bounded_and_the_last_is_kept(states, share):
    sizes = [s.model.weights.nbytes + s.model.means.nbytes for s in states]
    sizes = [a + s.model.covariances.nbytes for a, s in zip(sizes, states, strict=True)]
    limit = int(share * sum(sizes))
    kept = bounded(states, limit)
    assert [s.objective for s in kept] == [s.objective for s in states]
    assert kept[-1] is states[-1]
    left = [size for size, s in zip(sizes, kept, strict=True) if s.model is not None]
    assert len(left) < len(states)
    assert sum(left) <= max(limit, 2 * sizes[-1])


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_states_are_those_that_were_yielded(stripes, method, smoothing):
    steps = emseg.iter_segment(
        stripes, emseg.Params(method=method, n_classes=3, smoothing=smoothing)
    )
    seen = []
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            seg = stop.value
            break
        if progress.stage == "fit":
            seen.append(progress.state)
    assert seg.states == tuple(seen)
    assert tuple(s.objective for s in seg.states) == seg.objective
    assert tuple(s.level for s in seg.states) == seg.levels
    assert np.array_equal(seg.states[-1].model.means, seg.model.means)
