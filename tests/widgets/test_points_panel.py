"""The panel "Points" in a real viewer, with the panel "Model" that plays its fits."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.pipeline.blobs import SIDE, blobs
from napari_emseg.widgets.points_panel import open_points


@pytest.fixture
def panel(viewer, qtbot):
    panel = open_points(viewer)
    qtbot.waitUntil(lambda: not panel.running, timeout=60_000)
    return panel


def settle(panel, qtbot):
    qtbot.waitUntil(lambda: not panel.running, timeout=20_000)


def colors_of(panel):
    """Return which class the color of each point stands for."""
    colors, found = np.unique(panel.points.face_color, axis=0, return_inverse=True)
    shown = panel.ellipses.edge_color
    match = [int(np.abs(shown - color).sum(axis=1).argmin()) + 1 for color in colors]
    return np.array(match)[found.ravel()]


def test_points_and_ellipses_follow_the_iterations(panel, qtbot, told):
    made, seg = panel.result.blobs, panel.result.seg
    expected = blobs(1000, 4, spread=8, anisotropy=3, seed=1)
    np.testing.assert_array_equal(made.points, expected.points)
    down, right = panel.points.data.T
    shown = np.stack([right, SIDE - down], axis=1)
    np.testing.assert_allclose(shown, made.points, atol=1e-4)
    np.testing.assert_array_equal(colors_of(panel), seg.labels[0])
    model = panel._followed
    assert model.followed_fit.run.states == seg.states
    index = 2
    assert (seg.states[index].model.predict(made.points) != seg.labels[0]).any()
    model.transport.slider.setValue(index)
    early = seg.states[index].model
    np.testing.assert_array_equal(colors_of(panel), early.predict(made.points))
    # Axes of the ellipses are two standard deviations long.
    for shape, mean, spread in zip(
        panel.ellipses.data, early.means, early.covariances, strict=True
    ):
        corners = np.stack([shape[:, 1], SIDE - shape[:, 0]], axis=1)
        np.testing.assert_allclose(corners.mean(axis=0), mean, atol=1e-3)
        sides = np.linalg.norm(np.diff(corners, axis=0)[:2], axis=1)
        axes = np.sqrt(np.linalg.eigvalsh(spread))
        np.testing.assert_allclose(sorted(sides), 4 * axes, rtol=1e-3)
    assert told == []


def test_a_change_draws_and_fits_again(viewer, panel, qtbot):
    layers = list(viewer.layers)
    panel.drawn["n_points"].value = 500
    panel.fit["n_classes"].value = 6
    panel.fit["method"].value = "kmeans"
    settle(panel, qtbot)
    seg = panel.result.seg
    assert (seg.n_classes, seg.params.method) == (6, "kmeans")
    assert (len(panel.points.data), len(panel.ellipses.data)) == (500, 6)
    np.testing.assert_array_equal(colors_of(panel), seg.labels[0])
    assert panel._followed.followed_fit.run.states == seg.states
    panel.automatic.value = True
    settle(panel, qtbot)
    assert panel.result.seg.n_classes == 4
    assert not panel.fit["n_classes"].enabled
    assert list(viewer.layers) == layers
    # What the user removes comes back with the next points.
    viewer.layers.remove(panel.ellipses)
    panel.drawn["seed"].value = 2
    settle(panel, qtbot)
    assert len(viewer.layers) == 3
    assert len(panel.ellipses.data) == panel.result.seg.n_classes


def test_layers_that_are_removed_during_a_change_do_not_come_back(
    viewer, panel, qtbot, told
):
    panel.drawn["n_points"].value = 500
    viewer.layers.clear()
    qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)
    assert not viewer.layers
    assert told == []
    panel.drawn["n_points"].value = 700
    settle(panel, qtbot)
    assert len(panel.points.data) == 700
