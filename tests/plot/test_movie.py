"""What a fit saw, its labels at each iteration, and both as a movie."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import imageio.v3 as iio
import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.engine.cluster.fit_state import bounded
from napari_emseg.plot import feature_cloud as clouds
from napari_emseg.plot import movie
from napari_emseg.plot.feature_cloud import read_feature_cloud
from napari_emseg.plot.iteration_labels import read_iteration_labels
from napari_emseg.plot.movie import save_movie


def image_of(kind, rng):
    byte = rng.integers(0, 255, (40, 50, 3), np.uint8)
    return {
        "bytes": (byte, {}),
        "few colors": (byte // 64 * 64, {}),
        "alpha": (np.dstack([byte, byte[..., 0] // 128 * 255]), {}),
        "float": (byte / np.float32(255), {}),
        "grey": (byte[..., 0], {}),
        "channels": (np.dstack([byte, byte[..., :2]]), {"channel_axis": 2}),
        "volume": (rng.normal(0, 1, (5, 12, 14)).astype(np.float32), {}),
    }[kind]


KINDS = ["bytes", "few colors", "alpha", "float", "grey", "channels", "volume"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_frames_are_the_labels_of_each_state(rng, kind, method):
    image, ways = image_of(kind, rng)
    seg = emseg.segment(image, method=method, n_classes=3, smoothing=0, **ways)
    frame = read_iteration_labels(seg.source)
    features = emseg.features(image, **ways)
    for state in seg.states:
        expected = state.model.predict(features)
        expected[seg.labels == 0] = 0
        np.testing.assert_array_equal(frame.labels(state.model), expected)
    np.testing.assert_array_equal(frame.labels(seg.model), seg.labels)


def test_frames_of_a_part_and_of_some_pixels(rng):
    image = rng.integers(0, 255, (40, 50, 3), np.uint8)
    seg = emseg.segment(image, n_classes=3, smoothing=0)
    where = (slice(7, 33), slice(4, 44))
    for step in (1, 2, 3, (4, 1)):
        down, across = (step, step) if isinstance(step, int) else step
        found = read_iteration_labels(seg.source, where, step).labels(seg.model)
        part = seg.labels[where][down // 2 :: down, across // 2 :: across]
        np.testing.assert_array_equal(found, part)


def test_frames_keep_mask_and_seeds(rng):
    image = rng.integers(0, 255, (20, 30, 3), np.uint8)
    mask, seeds = np.ones((20, 30), bool), np.zeros((20, 30), np.uint8)
    mask[:5], seeds[8:10] = False, 2
    seg = emseg.segment(
        image, n_classes=3, smoothing=0, mask=mask, seed_labels=seeds, position=0.5
    )
    np.testing.assert_array_equal(
        read_iteration_labels(seg.source).labels(seg.model), seg.labels
    )


@pytest.mark.parametrize("kind", KINDS)
def test_clouds_weigh_what_the_image_does(rng, kind):
    image, ways = image_of(kind, rng)
    seg = emseg.segment(image, n_classes=3, smoothing=0, **ways)
    cloud = read_feature_cloud(seg.source)
    features = emseg.features(image, **ways)[seg.labels > 0]
    assert cloud.cells.total == pytest.approx(len(features))
    np.testing.assert_allclose(cloud.cells.mean(), features.mean(axis=0), atol=1e-3)
    assert len(cloud.names) == cloud.cells.dims == features.shape[-1]


@pytest.mark.parametrize("kind", ["bytes", "float"])
def test_clouds_are_bounded(rng, kind, monkeypatch):
    """Of more cells than are kept, bins or a sample have nearly the same moments."""
    monkeypatch.setattr(clouds, "_PALETTE", 500)
    monkeypatch.setattr(clouds, "_PIXELS", 500)
    image, _ = image_of(kind, rng)
    seg = emseg.segment(image, n_classes=3, smoothing=0)
    cloud = read_feature_cloud(seg.source)
    assert cloud.cells.total == pytest.approx(2000)
    features = emseg.features(image).reshape(-1, 3)
    spread = features.std(axis=0)
    away = np.abs(cloud.cells.mean() - features.mean(axis=0)) / spread
    assert away.max() < (1e-3 if kind == "bytes" else 0.2)


def test_class_colors_while_a_fit_is_under_way(stripes):
    """At the end they are those of the result, but for the sample."""
    seg = emseg.segment(stripes, n_classes=3, smoothing=0)
    for image in (stripes, stripes / np.float32(255)):
        cloud = read_feature_cloud(
            emseg.segment(image, n_classes=3, smoothing=0).source
        )
        found = cloud.class_colors(seg.model)
        np.testing.assert_allclose(found, seg.class_colors, atol=0.01)
    grey = emseg.segment(stripes[..., 0], n_classes=3, smoothing=0)
    found = read_feature_cloud(grey.source).class_colors(grey.model)
    np.testing.assert_allclose(found, grey.class_colors)


def test_names_of_features(stripes):
    seg = emseg.segment(stripes, n_classes=2, texture=1, position=1)
    assert read_feature_cloud(seg.source).names == (
        "L*",
        "a*",
        "b*",
        "fine texture",
        "coarse texture",
        "position y",
        "position x",
    )


def colors_in(picture, colors):
    """Count the pixels of a picture that have each of some colors in [0, 1]."""
    flat = picture.reshape(-1, 3).astype(int)
    wanted = np.rint(np.asarray(colors) * 255).astype(int)
    return [int((np.abs(flat - one).max(axis=1) <= 3).sum()) for one in wanted]


@pytest.mark.parametrize("kind", ["bytes", "grey", "volume"])
def test_a_movie_has_each_iteration(rng, tmp_path, kind):
    image, _ = image_of(kind, rng)
    seg = emseg.segment(image, n_classes=2, smoothing=0, max_iter=4)
    path = tmp_path / "run.gif"
    save_movie(path, seg)
    frames = iio.imread(path)
    # Pillow joins frames that are alike.
    assert len(frames) == len(seg.states)
    assert frames.shape[1:] == (640, 960, 3)
    changes = [int((a != b).sum()) for a, b in pairwise(frames)]
    assert min(changes) > 0


def test_a_movie_shows_the_labels(stripes, tmp_path):
    """The last frame has each class's color on about its share of the picture."""
    seg = emseg.segment(stripes, n_classes=3, smoothing=0, max_iter=4)
    save_movie(tmp_path / "run.gif", seg, theme="dark")
    last = iio.imread(tmp_path / "run.gif")[-1]
    picture = last[: 640 * 5 // 9, 500:]
    count = np.array(colors_in(picture, seg.class_colors))
    np.testing.assert_allclose(count / count.sum(), seg.table()["fraction"], atol=0.02)


def test_long_runs_leave_iterations_out(stripes, tmp_path, monkeypatch):
    seg = emseg.segment(stripes, n_classes=3, smoothing=0, init="random", n_init=1)
    monkeypatch.setattr(movie, "_MOST", 4)
    save_movie(tmp_path / "run.gif", seg)
    assert 1 < len(iio.imread(tmp_path / "run.gif")) <= 4


def test_movies_do_without_models_that_were_not_kept(stripes, tmp_path):
    seg = emseg.segment(stripes, n_classes=3, smoothing=0)
    few = bounded(seg.states, 0)
    object.__setattr__(seg, "states", few)
    save_movie(tmp_path / "run.gif", seg)
    kept = sum(state.model is not None for state in few)
    assert len(np.atleast_1d(iio.imread(tmp_path / "run.gif")[:, 0, 0, 0])) == kept


def test_what_cannot_be_written_is_told_before_any_work(stripes, tmp_path, monkeypatch):
    seg = emseg.segment(stripes, n_classes=2, max_iter=2)
    (tmp_path / "a.gif").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="exists already"):
        save_movie(tmp_path / "a.gif", seg)
    assert (tmp_path / "a.gif").read_bytes() == b"mine"
    monkeypatch.setattr(movie, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install imageio-ffmpeg"):
        save_movie(tmp_path / "a.mp4", seg)
    with pytest.raises(ValueError, match="ending"):
        save_movie(tmp_path / "a.avi", seg)
    for fps in (0, -1, np.nan):
        with pytest.raises(ValueError, match=f"fps={fps}, but each frame"):
            save_movie(tmp_path / "b.gif", seg, fps=fps)
    for width in (239, 1921):
        with pytest.raises(ValueError, match=f"width={width} is out of bounds"):
            save_movie(tmp_path / "b.gif", seg, width=width)
    with pytest.raises(FileNotFoundError, match="no folder"):
        save_movie(tmp_path / "no" / "a.gif", seg)
    other = emseg.segment(stripes, model=seg.model)
    with pytest.raises(ValueError, match="given, not fitted"):
        save_movie(tmp_path / "b.gif", other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif"]
    save_movie(tmp_path / "a.gif", seg, force=True)
    assert (tmp_path / "a.gif").read_bytes()[:4] == b"GIF8"


LIMITED = """
import resource, sys
import numpy as np
import napari_emseg as emseg
from napari_emseg.plot.movie import save_movie
seg = emseg.segment(np.arange(240, dtype=np.uint8).reshape(12, 20), n_classes=2)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    save_movie(sys.argv[1], seg)
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_movie_that_does_not_fit_is_told_once(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "a.gif"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.startswith(f"{tmp_path / 'a.gif'} cannot be written (")
    assert [*tmp_path.iterdir()] == []
