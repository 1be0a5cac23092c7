"""Counts and colors of labels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.labels import measures
from napari_emseg.engine.labels.connected_components import components
from napari_emseg.engine.labels.measures import Measures, count_pieces


@pytest.mark.parametrize("channels", [1, 4, 128, 129, 600])
def test_bytes_of_any_number_of_channels(channels: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 500)
    values = rng.integers(0, 256, (500, channels), dtype=np.uint8)
    found = Measures([1, 2], channels)
    found.add(labels, values)
    expected = [values[labels == label].mean(axis=0) for label in (1, 2)]
    np.testing.assert_allclose(found.mean(), expected)


@pytest.mark.parametrize("shape", [(40, 30), (9, 12, 10), (3, 6, 8, 7)])
def test_pieces_are_joined_over_the_seams_of_slabs(shape, monkeypatch):
    labels = np.random.default_rng(1).integers(0, 4, shape).astype(np.uint8)
    regions = components(labels)
    whole = [len(np.unique(regions[labels == label])) for label in (1, 2, 3)]
    assert count_pieces(labels, [1, 2, 3]).tolist() == whole
    monkeypatch.setattr(measures, "_SLAB", 2 * labels[0].size)
    assert count_pieces(labels, [1, 2, 3, 9]).tolist() == [*whole, 0]
