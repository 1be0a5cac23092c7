"""Half steps, and classes that the mouse moves, in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.stats import multivariate_normal

import napari_emseg as emseg
from napari_emseg.layers import fit_record_of, recipe_of
from napari_emseg.widgets.model.hand_steps import E_STEP, M_STEP

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Model")[1]


@pytest.fixture
def small(stripes):
    return np.ascontiguousarray(stripes[::4, ::4])


def settle(qtbot, panel):
    qtbot.waitUntil(lambda: panel.background.idle, timeout=60_000)
    QApplication.processEvents()


def show(qtbot, viewer, panel, picture, **params):
    params = {"n_classes": 3, "smoothing": 0, "init": "random", "n_init": 1} | params
    image = viewer.add_image(picture, name="picture", rgb=picture.ndim == 3)
    layer = emseg.add_to(viewer, emseg.segment(picture, **params), image)
    settle(qtbot, panel)
    QTest.qWait(50)  # the cloud is drawn
    return layer


def press(qtbot, panel, button):
    QTest.mouseClick(button, LEFT)
    settle(qtbot, panel)


class Mouse:
    """Presses and moves over the cloud, in its own units."""

    def __init__(self, panel):
        self.canvas = panel.figures.canvases["Cloud"]
        self.canvas.draw()
        self.view = panel.figures.cloud

    def at(self, point):
        x, y = self.view.axes.transData.transform(point)
        ratio = self.canvas.device_pixel_ratio
        return QPoint(round(x / ratio), round(self.canvas.height() - y / ratio))

    def drag(self, start, stop):
        none = Qt.KeyboardModifier.NoModifier
        QTest.mousePress(self.canvas, LEFT, none, self.at(start))
        for share in (0.5, 1.0):
            between = np.asarray(start) + share * (np.asarray(stop) - start)
            QTest.mouseMove(self.canvas, self.at(between))
            QApplication.processEvents()
        QTest.mouseRelease(self.canvas, LEFT, none, self.at(stop))


def em_step(points, model):
    """Return means and covariances after one step of EM, by the formulas."""
    density = [
        share * multivariate_normal(mean, spread).pdf(points)
        for share, mean, spread in zip(
            model.weights, model.means, model.covariances, strict=True
        )
    ]
    given = np.array(density) / np.sum(density, axis=0)
    mass = given.sum(axis=1)
    means = given @ points / mass[:, np.newaxis]
    away = points - means[:, np.newaxis]
    spread = np.einsum("kn,kni,knj->kij", given, away, away)
    return means, spread / mass[:, np.newaxis, np.newaxis]


def test_half_steps_are_those_of_the_book(qtbot, viewer, panel, small):
    layer = show(qtbot, viewer, panel, small)
    states = fit_record_of(layer).states
    panel.transport.slider.setValue(1)
    settle(qtbot, panel)
    start = states[1].model
    assert panel.hand.half.text() == M_STEP
    press(qtbot, panel, panel.hand.half)
    step, points = panel.hand.step, emseg.features(small).reshape(-1, 3).astype(float)
    means, covariances = em_step(points, start)
    np.testing.assert_allclose(step.model.means, means, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(step.model.covariances, covariances, rtol=1e-2, atol=0.1)
    assert step.labels is start
    # The classes have moved; the pixels have not changed theirs yet.
    drawn = [ellipse.get_center() for ellipse in panel.figures.cloud.ellipses]
    seen = step.model.means @ panel.figures.cloud.projection.matrix.T
    np.testing.assert_allclose(drawn, seen)
    features = emseg.features(small)
    before, after = start.predict(features), step.model.predict(features)
    np.testing.assert_array_equal(panel.iteration.layer.data, before)
    assert f"{states[1].objective:.6g} to" in panel.hand._said.text()
    assert panel.hand.half.text() == E_STEP
    press(qtbot, panel, panel.hand.half)
    np.testing.assert_array_equal(panel.iteration.layer.data, after)
    share = (before != after).mean()
    assert f"{share:.2%} of the pixels change" in panel.hand._said.text()
    assert panel.hand.half.text() == M_STEP
    # The slider shows the run again.
    panel.transport.slider.setValue(0)
    settle(qtbot, panel)
    assert panel.hand.step is None
    np.testing.assert_array_equal(
        panel.iteration.layer.data, states[0].model.predict(features)
    )


def test_half_steps_of_kmeans(qtbot, viewer, panel, small):
    layer = show(qtbot, viewer, panel, small, method="kmeans")
    states = fit_record_of(layer).states
    panel.transport.slider.setValue(0)
    settle(qtbot, panel)
    press(qtbot, panel, panel.hand.half)
    found, expected = panel.hand.step.model, states[1].model
    np.testing.assert_allclose(found.centers, expected.centers, rtol=1e-6)


def test_a_class_is_dragged_and_the_fit_goes_on(qtbot, viewer, panel, small):
    # So that where it starts is seen in the end.
    layer = show(qtbot, viewer, panel, small, max_iter=1)
    labels, old = layer.data.copy(), fit_record_of(layer)
    mouse = Mouse(panel)
    model = old.states[-1].model
    matrix = mouse.view.projection.matrix
    start = matrix @ model.means[0]
    by = matrix @ (model.means[1] - model.means[0]) / 2
    mouse.drag(start, start + by)
    moved = panel.hand.step.model
    pixel = np.abs(np.diff(mouse.view.axes.transData.inverted().transform(np.eye(2))))
    close = 2 * float(pixel.max()) + 1e-9
    np.testing.assert_allclose(matrix @ moved.means[0], start + by, atol=close)
    # Along all other axes it stays where it was; so do the others.
    flat = np.eye(3) - matrix.T @ matrix
    np.testing.assert_allclose(flat @ moved.means[0], flat @ model.means[0], atol=1e-9)
    np.testing.assert_array_equal(moved.means[1:], model.means[1:])
    assert panel.hand.half.text() == E_STEP
    np.testing.assert_array_equal(layer.data, labels)
    press(qtbot, panel, panel.hand.go)
    new = fit_record_of(layer)
    assert new is not old
    np.testing.assert_array_equal(new.start.means, moved.means)
    replayed = recipe_of(viewer, layer).replay(small)
    np.testing.assert_array_equal(layer.data, replayed.labels)
    assert (layer.data != labels).any()
    layer.undo()
    np.testing.assert_array_equal(layer.data, labels)
    assert fit_record_of(layer) is old


def test_an_outline_is_dragged(qtbot, viewer, panel, small):
    show(qtbot, viewer, panel, small)
    mouse = Mouse(panel)
    _, model, _ = panel._get_shown()
    ellipse = mouse.view.ellipses[2]
    middle = np.array(ellipse.get_center())
    angle = np.radians(ellipse.angle)
    edge = np.array([np.cos(angle), np.sin(angle)]) * ellipse.width / 2
    mouse.drag(middle + edge, middle + 3 * edge)
    wide = panel.hand.step.model.covariances
    # The ellipse is a few pixels wide.
    np.testing.assert_allclose(wide[2], 3**2 * model.covariances[2], rtol=0.3)
    np.testing.assert_array_equal(wide[:2], model.covariances[:2])


def test_start_points_are_clicked(qtbot, viewer, panel, small):
    layer = show(qtbot, viewer, panel, small)
    mouse = Mouse(panel)
    matrix = mouse.view.projection.matrix
    places = fit_record_of(layer).states[-1].model.means @ matrix.T
    press(qtbot, panel, panel.hand.place)
    for number, place in enumerate(places, start=1):
        assert f"center {number} of 3" in panel.hand._said.text()
        QTest.mouseClick(mouse.canvas, LEFT, pos=mouse.at(place))
    settle(qtbot, panel)
    start = panel.hand.step.model
    extent = np.ptp(mouse.view.axes.axis()[:2])
    np.testing.assert_allclose(start.means @ matrix.T, places, atol=extent / 50)
    np.testing.assert_allclose(start.weights, 1 / 3)
    points = emseg.features(small).reshape(-1, 3)
    spread = np.einsum("kii->ki", start.covariances)
    np.testing.assert_allclose(spread, np.tile(points.var(axis=0), (3, 1)), rtol=0.02)
    press(qtbot, panel, panel.hand.go)
    found = fit_record_of(layer).states
    np.testing.assert_array_equal(found[0].model.weights, start.weights)


def test_one_channel_has_a_line(qtbot, viewer, panel, small):
    gray = np.ascontiguousarray(small[..., 0])
    layer = show(qtbot, viewer, panel, gray, distribution="gaussian")
    mouse = Mouse(panel)
    model = fit_record_of(layer).states[-1].model
    start = mouse.view.intervals[0].get_xydata().mean(axis=0)
    mouse.drag(start, start + np.array([9.0, 0.0]))
    away = panel.hand.step.model.means - model.means
    np.testing.assert_allclose(away[0], 9, atol=1.5)
    assert not away[1:].any()


def test_without_a_result_nothing_happens(viewer, panel):
    panel.hand.take_half()
    panel.hand.begin()
    panel.hand.finish()
    assert panel.hand.step is None
    assert not panel.hand.half.isVisible()
