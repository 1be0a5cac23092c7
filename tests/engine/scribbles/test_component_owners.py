"""Components of mixtures belong to the classes of the strokes that they explain."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.scribbles.component_owners import share_components


def mixture(*means: float, variance: float = 1.0) -> MixtureModel:
    count = len(means)
    return MixtureModel(
        np.full(count, 1 / count),
        np.array(means)[:, np.newaxis],
        np.full((count, 1, 1), variance),
    )


def test_length_of_strokes_does_not_matter() -> None:
    model = mixture(0, 20)
    samples = np.repeat([0.0, 20.0, 0.5], [5, 5, 2000])[:, np.newaxis]
    classes = np.repeat([1, 2, 2], [5, 5, 2000])
    share = share_components(model, samples, classes)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    # All of the first class, but nearly all of the second, too, is in the first one.
    assert share[0, 0] == pytest.approx(0.5, abs=0.01)
    assert share[1, 1] > 0.99
    again = share_components(
        model, np.repeat(samples, 3, axis=0), np.repeat(classes, 3)
    )
    np.testing.assert_allclose(again, share)


def test_components_without_strokes_follow_the_nearest() -> None:
    model = mixture(0, 3, 50, 53, 1000)
    share = share_components(model, np.array([[0.0], [50.0]]), np.array([1, 2]))
    assert np.isfinite(share).all()
    assert share.argmax(axis=1).tolist() == [0, 0, 1, 1, 1]


def test_wide_components_are_near_to_more() -> None:
    means = np.array([[0.0], [10.0], [16.0]])
    model = MixtureModel(
        np.full(3, 1 / 3), means, np.array([[[36.0]], [[1.0]], [[1.0]]])
    )
    share = share_components(model, means[[0, 2]], np.array([1, 2]))
    assert share[1, 0] > 0.6
