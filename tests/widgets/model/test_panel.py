"""The panel "Model" in a real viewer, opened through the manifest."""

from __future__ import annotations

from time import thread_time

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

import napari_emseg as emseg
from napari_emseg.layers import fit_record_of
from napari_emseg.layers.fit_records import _RUNS, FitRequest
from napari_emseg.widgets.model import figure_files, iteration_layer, view_controls
from napari_emseg.widgets.model import panel as model
from napari_emseg.widgets.model.panel import EMPTY

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Model")[1]


@pytest.fixture
def image(viewer, stripes):
    return viewer.add_image(stripes, name="stripes")


def settle(qtbot, panel):
    qtbot.waitUntil(lambda: panel.background.idle, timeout=60_000)
    QApplication.processEvents()


def segment(viewer, image, **params):
    params = {"n_classes": 3, "smoothing": 0} | params
    seg = emseg.segment(image.data, **params)
    return seg, emseg.add_to(viewer, seg, image)


def go(qtbot, panel, index):
    panel.transport.slider.setValue(index)
    settle(qtbot, panel)


def status(panel):
    """Return the objective that the panel tells."""
    return float(panel._status.text().split()[1])


@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_playing_shows_what_each_state_predicts(
    qtbot, viewer, image, panel, method, monkeypatch
):
    """Press Play: every iteration's labels and objective are seen, in order."""
    assert panel._title.text() == EMPTY
    seg, layer = segment(viewer, image, method=method, init="random", n_init=1)
    settle(qtbot, panel)
    features, before = emseg.features(image.data), layer.data.copy()
    panel.transport._timer.setInterval(10)
    seen, marks = [], []
    draw = panel.iteration._draw

    def watch(plane, steps, labels):
        draw(plane, steps, labels)
        seen.append(panel.iteration.layer.data.copy())
        marks.append((panel.transport.index, status(panel)))

    monkeypatch.setattr(panel.iteration, "_draw", watch)
    QTest.mouseClick(panel.transport.button, LEFT)
    qtbot.waitUntil(lambda: not panel.transport.playing, timeout=60_000)
    settle(qtbot, panel)
    assert [index for index, _ in marks] == list(range(len(seg.states) - 1))
    for labels, state in zip(seen, seg.states[:-1], strict=True):
        np.testing.assert_array_equal(labels, state.model.predict(features))
    told = [value for _, value in marks] + [status(panel)]
    np.testing.assert_allclose(told, seg.objective, rtol=1e-5)
    # At the end the result itself is seen, as it was.
    assert panel.iteration.layer is None
    assert list(viewer.layers) == [image, layer]
    np.testing.assert_array_equal(layer.data, before)
    np.testing.assert_array_equal(layer.data, seg.states[-1].model.predict(features))


def test_play_pauses_and_goes_on(qtbot, viewer, image, panel):
    segment(viewer, image)
    settle(qtbot, panel)
    QTest.mouseClick(panel.transport.button, LEFT)
    qtbot.waitUntil(lambda: panel.transport.index == 2, timeout=60_000)
    assert panel.transport.button.text() == view_controls.PAUSE
    QTest.mouseClick(panel.transport.button, LEFT)
    settle(qtbot, panel)
    QTest.qWait(3 * view_controls.BEAT)
    assert panel.transport.index == 2
    assert panel.transport.button.text() == view_controls.PLAY


def test_figures_follow_the_slider(qtbot, viewer, image, panel):
    """Ellipses, curves and cursor stand where the state says, on every tab."""
    seg, _ = segment(viewer, image)
    settle(qtbot, panel)
    for tab in range(3):
        panel.figures.setCurrentIndex(tab)
        go(qtbot, panel, tab + 1)
        page = panel.figures.page
        state = seg.states[tab + 1]
        for view in page.views:
            places = view._badges._discs.get_offsets()
            assert np.isfinite(places).all()
        if page.learning is not None:
            x, y = page.learning._dot.get_data()
            assert (x[0], y[0]) == (tab + 2, state.objective)
    panel.figures.setCurrentIndex(0)
    cloud = panel.figures.page.views[0]
    matrix = panel.drawing.density.projection.matrix
    np.testing.assert_allclose(
        [ellipse.get_center() for ellipse in cloud.ellipses],
        seg.states[3].model.means @ matrix.T,
    )


def test_an_update_is_quick(qtbot, viewer, image, panel):
    segment(viewer, image)
    settle(qtbot, panel)
    panel.on_canvas.setChecked(False)
    for tab in range(3):
        panel.figures.setCurrentIndex(tab)
        QTest.qWait(100)
        took = []
        for index in (1, 2, 3, 2, 1):
            start = thread_time()
            panel.transport.slider.setValue(index)
            took.append(thread_time() - start)
        # Seconds of CPU, since a loaded machine makes others of no meaning.
        assert np.median(took) < 0.05, f"tab {tab}: {took}"


def test_axes_can_be_chosen(qtbot, viewer, image, panel):
    seg, _ = segment(viewer, image)
    settle(qtbot, panel)
    go(qtbot, panel, 2)
    assert panel.axes.across.currentText() == "principal axes"
    panel.axes.across.setCurrentIndex(1)
    panel.axes.across.activated.emit(1)
    panel.axes.up.setCurrentText("b*")
    panel.axes.up.activated.emit(0)
    settle(qtbot, panel)
    assert panel.drawing.density.projection.names == ("L*", "b*")
    cloud = panel.figures.page.views[0]
    centers = [ellipse.get_center() for ellipse in cloud.ellipses]
    np.testing.assert_allclose(centers, seg.states[2].model.means[:, [0, 2]])
    assert panel.transport.index == 2


def test_grey_has_intervals(qtbot, viewer, stripes, panel):
    image = viewer.add_image(stripes[..., 0], name="grey")
    seg, _ = segment(viewer, image)
    settle(qtbot, panel)
    go(qtbot, panel, 0)
    view = panel.figures.page.views[0]
    for line, mean in zip(view.intervals, seg.states[0].model.means, strict=True):
        assert np.mean(line.get_xdata()) == pytest.approx(mean[0])
    assert not panel.axes.isVisible()


def test_the_displayed_slice_of_a_volume_is_shown(qtbot, viewer, stripes, panel):
    volume = np.stack([stripes[..., 0], stripes[..., 1], stripes[..., 2]])
    image = viewer.add_image(volume, rgb=False, scale=(5, 2, 2), name="volume")
    seg, layer = segment(viewer, image)
    settle(qtbot, panel)
    viewer.dims.set_current_step(0, 0)
    go(qtbot, panel, 1)
    expected = seg.states[1].model.predict(emseg.features(volume))
    for z in (0, 2):
        viewer.dims.set_current_step(0, z)
        settle(qtbot, panel)
        shown = panel.iteration.layer
        np.testing.assert_array_equal(shown.data, expected[[z]])
        np.testing.assert_allclose(shown.data_to_world((0, 3, 4)), (5 * z, 6, 8))
    assert layer.data.shape == volume.shape


def test_a_result_of_one_slice_lies_where_it_was_made(qtbot, viewer, stripes, panel):
    volume = np.stack([stripes[..., 0], stripes[..., 1]])
    image = viewer.add_image(volume, rgb=False, name="volume")
    viewer.dims.set_current_step(0, 1)
    seg = emseg.segment(volume[1], n_classes=2, smoothing=0)
    emseg.add_to(viewer, seg, image)
    settle(qtbot, panel)
    go(qtbot, panel, 0)
    shown = panel.iteration.layer
    found = seg.states[0].model.predict(emseg.features(volume[1]))
    np.testing.assert_array_equal(shown.data, found[np.newaxis])
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), (1, 0, 0))


def test_large_pictures_are_labeled_as_they_are_displayed(
    qtbot, viewer, image, panel, monkeypatch
):
    monkeypatch.setattr(iteration_layer, "PIXELS", 600)
    seg, _ = segment(viewer, image)
    settle(qtbot, panel)
    go(qtbot, panel, 1)
    shown = panel.iteration.layer
    found = seg.states[1].model.predict(emseg.features(image.data))
    np.testing.assert_array_equal(shown.data, found[1::3, 1::3])
    # The first pixel stands for 3 x 3 pixels, whose middle is (1, 1).
    np.testing.assert_allclose(shown.data_to_world((0, 0)), (1, 1))
    np.testing.assert_allclose(shown.data_to_world((2, 5)), (7, 16))


@pytest.mark.whole_window
def test_the_canvas_is_left_alone(qtbot, viewer, image, panel, told):
    """Nothing is on the canvas if that is not wanted, or cannot be, or is over."""
    _, layer = segment(viewer, image)
    settle(qtbot, panel)
    go(qtbot, panel, 1)
    assert viewer.layers[-1].name == iteration_layer.NAME
    assert viewer.layers.selection.active is layer
    panel.on_canvas.setChecked(False)
    assert list(viewer.layers) == [image, layer]
    panel.on_canvas.setChecked(True)
    settle(qtbot, panel)
    viewer.layers.remove(panel.iteration.layer)
    go(qtbot, panel, 2)
    assert viewer.layers[-1].name == iteration_layer.NAME
    # Who paints wants to see the result.
    layer.paint((3, 3), 2)
    assert list(viewer.layers) == [image, layer]
    go(qtbot, panel, 1)
    assert viewer.layers[-1].name == iteration_layer.NAME
    panel.parent().hide()
    assert list(viewer.layers) == [image, layer]
    panel.parent().show()
    viewer.dims.ndisplay = 3
    go(qtbot, panel, 2)
    assert not panel.on_canvas.isChecked()
    assert "2D view" in told[-1][1]
    viewer.layers.clear()
    settle(qtbot, panel)
    assert panel._title.text() == EMPTY


def test_results_are_followed(qtbot, viewer, image, panel):
    one, first = segment(viewer, image)
    two, _ = segment(viewer, image, n_classes=2, method="kmeans")
    settle(qtbot, panel)
    assert panel.followed_fit.states == list(two.states)
    assert panel._status.text().startswith("Inertia")
    viewer.layers.selection.active = first
    settle(qtbot, panel)
    assert panel.followed_fit.states == list(one.states)
    viewer.layers.selection.active = image
    settle(qtbot, panel)
    assert panel.followed_fit.layer is first
    more = emseg.segment(image.data, n_classes=4, smoothing=0)
    emseg.add_to(viewer, more, image, replace=first)
    settle(qtbot, panel)
    assert panel.followed_fit.states == list(more.states)
    viewer.layers.remove(first)
    settle(qtbot, panel)
    assert panel.followed_fit.layer is not first


def test_a_result_of_another_session_is_fitted_again(qtbot, viewer, image, panel):
    seg, layer = segment(viewer, image)
    del _RUNS[layer]
    panel.followed_fit.follow()
    settle(qtbot, panel)
    assert fit_record_of(layer) is None
    assert panel.again.isVisible()
    assert not panel.transport.isVisible()
    QTest.mouseClick(panel.again, LEFT)
    qtbot.waitUntil(lambda: bool(panel.followed_fit.run), timeout=60_000)
    settle(qtbot, panel)
    assert [s.objective for s in panel.followed_fit.states] == list(seg.objective)
    assert not panel.again.isVisible()


def test_a_fit_that_fails_is_followed_no_more(
    qtbot, viewer, image, panel, told, monkeypatch
):
    def fail(*args):
        raise ValueError("out of luck")

    monkeypatch.setattr(FitRequest, "iterate", fail)
    _, layer = segment(viewer, image)
    del _RUNS[layer]
    panel.followed_fit.follow()
    settle(qtbot, panel)
    QTest.mouseClick(panel.again, LEFT)
    settle(qtbot, panel)
    assert told == [("error", "out of luck")]
    qtbot.waitUntil(lambda: not panel.followed_fit.live)
    qtbot.waitUntil(panel.again.isVisible)


def test_a_fit_with_seed_labels_and_mask_is_the_same_again(
    qtbot, viewer, image, panel, stripes
):
    mask = np.ones(stripes.shape[:2], bool)
    mask[:, 60:] = False
    seeds = np.zeros(mask.shape, np.uint8)
    seeds[5:9, 5:9], seeds[5:9, 40:44] = 2, 1
    seg = emseg.segment(stripes, n_classes=3, mask=mask, seed_labels=seeds)
    plain = emseg.segment(stripes, n_classes=3)
    assert list(seg.objective) != list(plain.objective)
    layer = emseg.add_to(viewer, seg, image)
    del _RUNS[layer]
    panel.followed_fit.follow()
    settle(qtbot, panel)
    QTest.mouseClick(panel.again, LEFT)
    qtbot.waitUntil(lambda: bool(panel.followed_fit.run), timeout=60_000)
    settle(qtbot, panel)
    assert [s.objective for s in panel.followed_fit.states] == list(seg.objective)
    np.testing.assert_array_equal(
        panel.followed_fit.states[-1].model.means, seg.states[-1].model.means
    )


def test_a_result_of_a_given_model_has_no_fit(qtbot, viewer, image, panel, told):
    model = emseg.segment(image.data, n_classes=3).model
    layer = emseg.add_to(viewer, emseg.segment(image.data, model=model), image)
    viewer.layers.selection.active = layer
    settle(qtbot, panel)
    QTest.mouseClick(panel.again, LEFT)
    assert "by a model that was given" in told[-1][1]


def test_without_its_image_it_cannot_be_fitted_again(qtbot, viewer, image, panel, told):
    _, layer = segment(viewer, image)
    del _RUNS[layer]
    viewer.layers.remove(image)
    panel.followed_fit.follow()
    QTest.mouseClick(panel.again, LEFT)
    assert "'stripes' that 'stripes classes' was made from" in told[-1][1]


def test_a_run_is_watched_while_it_is_under_way(
    qtbot, viewer, image, panel, monkeypatch
):
    """States of the panel "Segment" arrive one by one; at the end there is a result."""
    _, other = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    counts, live = [], []
    panel.followed_fit.grown.connect(
        lambda: counts.append(len(panel.followed_fit.states))
    )
    panel.followed_fit.grown.connect(lambda: live.append(panel.followed_fit.live))
    taken = []
    take = model.read_feature_cloud
    monkeypatch.setattr(
        model, "read_feature_cloud", lambda s: taken.append(s) or take(s)
    )
    other.form.update(n_classes=3, smoothing=0)
    other.run()
    qtbot.waitUntil(lambda: bool(panel.followed_fit.run), timeout=60_000)
    qtbot.waitUntil(lambda: other.runner.idle, timeout=60_000)
    settle(qtbot, panel)
    assert counts[: len(panel.followed_fit.states)] == [
        *range(1, len(panel.followed_fit.states) + 1)
    ]
    assert live[0]
    assert not panel.followed_fit.live
    assert len(taken) == 1, "the image is counted once"
    assert panel._title.text() == "stripes classes"
    assert panel.transport.slider.maximum() == len(panel.followed_fit.states) - 1
    layer = viewer.layers[-1]
    assert panel.followed_fit.run is fit_record_of(layer)


def test_figures_and_movies_are_written(
    qtbot, viewer, image, panel, tmp_path, told, monkeypatch
):
    """A movie has the size and speed that the dialog asks for, and a name."""
    seg, _ = segment(viewer, image)
    settle(qtbot, panel)
    for tab, name in enumerate(("cloud.png", "bars.svg", "curve.svg")):
        panel.figures.setCurrentIndex(tab)
        panel.saver.save_figure(tmp_path / name)
        settle(qtbot, panel)
        start = (tmp_path / name).read_bytes()[:5]
        assert start == (b"\x89PNG\r" if name.endswith("png") else b"<?xml")
        assert name in panel._status.text()
    seen = []

    def choose(dialog):
        dialog.width_box.setValue(250)
        dialog.fps_box.setValue(10)
        seen.append(dialog._told.text())
        return True

    def ask(parent, title, name, kinds):
        seen.append(name)
        return str(tmp_path / name), ""

    monkeypatch.setattr(figure_files.MovieDialog, "exec", choose)
    monkeypatch.setattr(figure_files.QFileDialog, "getSaveFileName", ask)
    QTest.mouseClick(panel.saver.movie, LEFT)
    settle(qtbot, panel)
    count = len(seg.states)
    told_size = f"{count} iterations, {count / 10:.1f} s; 240 x 160 px"
    assert seen == [told_size, "stripes classes.gif"]
    with Image.open(tmp_path / "stripes classes.gif") as movie:
        assert (movie.size, movie.info["duration"]) == ((240, 160), 100)
    assert len(list(tmp_path.iterdir())) == 4
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        panel.saver.save_figure(tmp_path / "cloud.jpg")
    assert not told


def test_a_movie_that_is_canceled_leaves_no_file(qtbot, viewer, image, panel, tmp_path):
    segment(viewer, image)
    settle(qtbot, panel)
    assert panel.saver.movie.isVisible()
    panel.saver.save_movie(tmp_path / "run.gif")
    drawing = panel._status.text
    qtbot.waitUntil(lambda: drawing().startswith("Drawing "), timeout=60_000)
    assert panel.saver.cancel.isVisible()
    QTest.mouseClick(panel.saver.cancel, LEFT)
    settle(qtbot, panel)
    assert list(tmp_path.iterdir()) == []
    assert panel.saver.movie.isVisible()
    assert not panel.saver.cancel.isVisible()


def test_figures_have_the_colors_of_the_theme(qtbot, viewer, image, panel):
    from matplotlib.colors import to_hex
    from napari.utils.theme import get_theme

    segment(viewer, image)
    settle(qtbot, panel)
    for theme in ("light", "dark"):
        viewer.theme = theme
        wanted = get_theme(theme)
        for canvas in panel.figures.canvases.values():
            page = to_hex(canvas.figure.get_facecolor())
            assert page == to_hex(wanted.background.as_hex())
        axes = panel.figures.canvases["Cloud"].figure.axes
        assert len(axes) == 2
        for ax in axes:
            assert to_hex(ax.xaxis.label.get_color()) == to_hex(wanted.text.as_hex())
