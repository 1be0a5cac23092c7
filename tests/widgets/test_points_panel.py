"""The panel "Points" in a real viewer, with the panel "Model" that plays its fits."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.pipeline.blobs import SIDE, blobs
from napari_emseg.widgets.common.navigation import sees_all
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


def test_points_are_there_before_their_classes(viewer, qtbot):
    panel = open_points(viewer)
    assert panel.points in viewer.layers
    assert len(panel.points.data) == 1000
    assert "Fitting" in panel._status.text()
    settle(panel, qtbot)
    assert "4 classes" in panel._status.text()


@pytest.mark.styled
def test_points_are_seen_whole_beside_the_panels(viewer, qtbot):
    main = viewer.window._qt_window
    before = main.size()
    main.resize(1024, 700)
    settle(open_points(viewer), qtbot)
    qtbot.waitUntil(lambda: sees_all(viewer))
    main.resize(before)


@pytest.mark.styled
def test_points_are_added_moved_and_removed(panel, qtbot, hand):
    """By napari's tools; what is fitted are the points as they are."""
    before, truth = panel.blobs.points.copy(), panel.blobs.classes.copy()
    panel.points.add([(50, 50), (51, 52)])
    settle(panel, qtbot)
    made, seg = panel.result.blobs, panel.result.seg
    assert seg.labels.shape == (1, 1002)
    np.testing.assert_allclose(made.points[-2:], [(50, SIDE - 50), (52, SIDE - 51)])
    np.testing.assert_array_equal(made.classes, [*truth, 0, 0])
    np.testing.assert_array_equal(colors_of(panel), seg.labels[0])
    hand.layer, far = panel.points, (3, 97)
    panel.points.add([far])
    settle(panel, qtbot)
    panel.points.mode = "select"
    hand.drag([far, (4, 95), (5, 90)])
    settle(panel, qtbot)
    assert panel.result.blobs.points[1002] == pytest.approx((90, SIDE - 5), abs=1)
    panel.points.selected_data = {1, 1000, 1002}
    panel.points.remove_selected()
    settle(panel, qtbot)
    assert len(panel.result.blobs.points) == 1000
    expected = [*np.delete(truth, 1), 0]
    np.testing.assert_array_equal(panel.result.blobs.classes, expected)
    found = panel.result.blobs.points[1:-1]
    np.testing.assert_allclose(found, before[2:], atol=1e-4)


def test_an_ellipse_that_is_moved_is_where_the_fit_goes_on(panel, qtbot, hand):
    model, steps = panel._followed, panel._followed.hand
    fitted = panel.result.seg.states[-1].model
    shape = panel.ellipses.data[0].copy()
    middle = shape.mean(axis=0)
    hand.layer, panel.ellipses.mode = panel.ellipses, "select"
    panel._viewer.layers.selection.active = panel.ellipses
    hand.drag([middle + share * np.array([-20, 30]) for share in (0, 0.5, 1)])
    moved = steps.step.model
    by = moved.means - fitted.means
    np.testing.assert_allclose(by[0], (30, 20), atol=1)
    np.testing.assert_allclose(by[1:], 0, atol=1e-2)
    np.testing.assert_allclose(moved.covariances, fitted.covariances, atol=1e-2)
    assert not np.allclose(panel.ellipses.data[0], shape)
    # Points change their color in the E step, and not before.
    np.testing.assert_array_equal(colors_of(panel), panel.result.seg.labels[0])
    steps.half.click()
    qtbot.waitUntil(lambda: model.background.idle, timeout=20_000)
    points = panel.result.blobs.points
    np.testing.assert_array_equal(colors_of(panel), moved.predict(points))
    steps.go.click()
    qtbot.waitUntil(lambda: model.background.idle, timeout=20_000)
    qtbot.waitUntil(lambda: not model.followed_fit.live, timeout=20_000)
    run = model.followed_fit.run
    np.testing.assert_array_equal(run.start.means, moved.means)
    final = run.states[-1].model
    np.testing.assert_array_equal(colors_of(panel), final.predict(points))
