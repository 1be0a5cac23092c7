"""Pictures of several levels and lazy ones: live, then to a store, then edited."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

import napari_emseg as emseg
from napari_emseg.io.store import open_labels, write_back
from napari_emseg.layers import PictureLayers, apply_edit
from napari_emseg.layers.pictures import stored_result
from napari_emseg.pipeline.progress import finish
from napari_emseg.regions import merge
from napari_emseg.widgets import batch_commands
from napari_emseg.widgets.results.inspector import inspector_of
from napari_emseg.widgets.segment import segment_request
from napari_emseg.widgets.segment.panel import SegmentWidget
from napari_emseg.widgets.segment.segment_request import SegmentRequest

COLORS = np.uint8([[40, 30, 90], [190, 120, 160], [90, 180, 120], [240, 235, 240]])


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    found = COLORS.repeat(320, axis=0)[:, None].repeat(64, axis=1)
    return (found - rng.integers(0, 6, found.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def panel(viewer, monkeypatch, tmp_path):
    """A panel for which 10,000 labels are too many for memory."""
    monkeypatch.setattr(segment_request, "MOST_LABELS", 10_000)
    monkeypatch.setattr(segment_request, "FITTED", 6_000)
    path = str(tmp_path / "found.ome.zarr")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (path, ""))
    found = SegmentWidget(viewer)
    viewer.window.add_dock_widget(found)
    return found


def wait(qtbot, panel):
    qtbot.waitUntil(
        lambda: not panel.running and panel.live.idle and panel.runner.idle,
        timeout=30_000,
    )


def test_levels_live_and_to_a_store_and_edited(
    viewer, panel, image, qtbot, tmp_path, monkeypatch, told
):
    levels = [da.from_array(image[::n, ::n], chunks=64) for n in (1, 2, 4)]
    layer = viewer.add_image(levels, name="slide", rgb=True, scale=(0.5, 0.5))
    panel.form.update(panel.form.params.replace(n_classes=3))
    panel.form.update(panel.form.params.replace(n_classes=4))
    wait(qtbot, panel)
    [shown] = [one for one in viewer.layers if one is not layer]
    assert shown.data.shape == (320, 16)
    np.testing.assert_allclose(shown.scale, [2, 2])
    assert "press Segment" in panel.controls.status.value
    panel.run()
    wait(qtbot, panel)
    [made] = [one for one in viewer.layers if one is not layer]
    assert made.multiscale
    np.testing.assert_allclose(made.scale, [0.5, 0.5])
    labels = np.asarray(open_labels(tmp_path / "found.ome.zarr"))
    np.testing.assert_array_equal(labels, [[r // 320 + 1] * 64 for r in range(1280)])
    with pytest.raises(TypeError, match="Edit finest labels"):
        apply_edit(made, merge(labels, [1, 2], 2))
    viewer.layers.selection.active = made
    with monkeypatch.context() as patch:
        patch.setattr(stored_result, "MOST_BYTES", 10)
        batch_commands.edit_stored(viewer)
        qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)
    assert "write_back(where=" in told[-1][1]
    batch_commands.edit_stored(viewer)
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)
    fine = viewer.layers.selection.active
    fine.data_setitem((np.array([3, 4]), np.array([5, 5])), 4)
    batch_commands.save_stored(viewer)
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)
    labels[3:5, 5] = 4
    np.testing.assert_array_equal(open_labels(tmp_path / "found.ome.zarr"), labels)
    assert "Saved 1 chunk" in panel.controls.status.value
    # Another program edits the same chunk.
    write_back(tmp_path / "found.ome.zarr", labels + (labels == 4))
    fine.data_setitem((np.array([5]), np.array([5])), 4)
    batch_commands.save_stored(viewer)
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)
    assert "1 of 1 edited chunks" in told[-1][1]
    assert open_labels(tmp_path / "found.ome.zarr")[3, 5] == 5


def test_dask_goes_to_a_store(viewer, panel, image, qtbot, tmp_path):
    layer = viewer.add_image(da.from_array(image, chunks=(100, 50, 3)), rgb=True)
    panel.form.update(panel.form.params.replace(smoothing=0))
    wait(qtbot, panel)
    panel.run()
    wait(qtbot, panel)
    [made] = [one for one in viewer.layers if one is not layer]
    found = np.asarray(open_labels(tmp_path / "found.ome.zarr"))
    wanted = emseg.segment(image, **panel.form.params.model_dump()).labels
    np.testing.assert_array_equal(found, wanted)
    assert made.data[0].shape == (1280, 64)
    panel.run()
    wait(qtbot, panel)
    np.testing.assert_array_equal(open_labels(tmp_path / "found.ome.zarr"), wanted)


def test_a_store_that_was_interrupted_is_gone_on_with(image, tmp_path):
    layer = Image(da.from_array(image, chunks=(64, 64, 3)), rgb=True)
    out, params = str(tmp_path / "a.zarr"), emseg.Params(n_classes=4, smoothing=0)

    def request(params=params):
        picture = PictureLayers.of([layer])
        data = (layer.data,)
        return SegmentRequest(picture, None, params, None, data, out=out)

    steps = request().iter_segment()
    assert any(step.stage == "label" for step in steps)
    steps.close()
    assert not (tmp_path / "a.zarr").exists()
    with pytest.raises(ValueError, match=r"asked for something else: .*n_classes"):
        finish(request(params.replace(n_classes=3)).iter_segment())
    finish(request().iter_segment())
    wanted = emseg.segment(image, **params.model_dump()).labels
    np.testing.assert_array_equal(open_labels(out), wanted)
    with pytest.raises(FileExistsError, match="is whole already"):
        finish(request().iter_segment())


def test_classes_without_a_pixel_are_told():
    """Each of its regions was too small, so its pixels are of those around them."""
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 200
    image[::10, ::10] = (120, 60, 60)
    layer = Image(image, rgb=True)
    picture = PictureLayers.of([layer])

    def found(min_size):
        params = emseg.Params(n_classes=3, smoothing=0, min_size=min_size)
        request = SegmentRequest(picture, None, params, None, (image,))
        return finish(request.iter_segment())

    assert found(0)[3] == "3 classes"
    seg, *_, words = found(9)
    assert len(np.unique(seg.labels)) == 2
    assert words == "3 classes, 1 of them empty"
