"""Planes and channels by themselves, series, volumes: which pixels are neighbors."""

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.pipeline.preview import PreviewImage
from napari_emseg.recipe import Recipe, segment_step

K = {"n_classes": 3}


@pytest.fixture(scope="module")
def series():
    """Return (4, 48, 64) float32: a disc and a square that fade and move, noisy."""
    rng = np.random.default_rng(3)
    y, x = np.indices((48, 64))
    out = []
    for t in range(4):
        plane = np.full((48, 64), 20.0)
        plane[np.hypot(y - 20, x - 16 - 2 * t) < 9] = (90, 74, 46, 34)[t]
        plane[24:40, 40 + t : 56 + t] = 60
        out.append(plane + rng.normal(0, 3, plane.shape))
    return np.array(out, np.float32)


def test_time_is_no_neighbor(series):
    found = emseg.segment(series, axes="TYX", **K)
    together = emseg.segment(series, axes="ZYX", planes="together", **K)
    np.testing.assert_array_equal(found.labels, together.labels)
    volume = emseg.segment(series, axes="ZYX", **K)
    np.testing.assert_array_equal(volume.labels, emseg.segment(series, **K).labels)
    assert (volume.labels != found.labels).any()
    # Each plane is smoothed as a picture of its own: the others do not matter.
    params = K | {"model": found.model}
    alone = emseg.segment(series[1], **params)
    stack = emseg.segment(series[1][np.newaxis], axes="TYX", **params)
    np.testing.assert_array_equal(stack.labels[0], alone.labels)
    assert found.table()["n_regions"].sum() > volume.table()["n_regions"].sum()


def test_each_plane_keeps_its_numbers(series):
    found = emseg.segment(series, axes="TYX", planes="each", **K)
    assert found.labels.shape == series.shape
    # The disc is brighter than the square at first, and darker in the end.
    disc = [found.labels[t, 20, 16 + 2 * t] for t in range(4)]
    square = [found.labels[t, 30, 48 + t] for t in range(4)]
    assert (disc, square) == ([3] * 4, [2] * 4)
    assert emseg.segment(series[3], **K).labels[20, 22] == 2
    first = emseg.segment(series[0], **K)
    np.testing.assert_array_equal(found.labels[0], first.labels)
    np.testing.assert_array_equal(found.model.means, first.model.means)
    shares = found.probabilities()
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    assert (shares.argmax(axis=0) + 1 == found.labels).mean() > 0.98
    assert found.uncertainty().shape == series.shape
    assert found.table()["pixels"].sum() == series.size


def test_planes_without_pixels_stay_empty(series):
    mask = np.ones(series.shape, bool)
    mask[1] = False
    found = emseg.segment(series, axes="TYX", planes="each", mask=mask, **K)
    assert not found.labels[1].any()
    assert found.labels[2].all()
    assert found.labels[3, 20, 22] == 3
    with pytest.raises(ValueError, match="no usable pixel"):
        emseg.segment(series, axes="TYX", planes="each", mask=~mask & False)


def test_seeds_number_their_plane(series):
    seeds = np.zeros(series.shape, np.uint8)
    for label, (y, x) in {1: (20, 16), 2: (4, 4), 3: (30, 48)}.items():
        seeds[0, y - 2 : y + 3, x - 2 : x + 3] = label
    found = emseg.segment(series, axes="TYX", planes="each", seed_labels=seeds, **K)
    assert [found.labels[t, 20, 16 + 2 * t] for t in range(4)] == [1] * 4


@pytest.mark.parametrize("planes", ["volume", "together", "each"])
def test_axes_may_stand_in_any_order(series, planes):
    image = np.stack([series, series[:, ::-1] * 40], axis=1)[:, np.newaxis]
    image = np.concatenate([image, image[..., ::-1]], axis=1)
    axes, usual = "TZCYX", None
    for order in ("TZCYX", "CXYZT", "ZTYXC"):
        turned = image.transpose([axes.index(axis) for axis in order])
        seg = emseg.segment(turned, axes=order, planes=planes, min_size=9, **K)
        letters = order.replace("C", "")
        back = [letters.index(axis) for axis in "TZYX"]
        labels = seg.labels.transpose(back)
        usual = labels if usual is None else usual
        np.testing.assert_array_equal(labels, usual)
        assert seg.probabilities().shape == (3, *seg.labels.shape)
        assert seg.regions().shape == seg.labels.shape
    assert labels.shape == (4, 2, 48, 64)


def test_each_channel_by_itself(series):
    image = np.stack([series[0], series[2] * 40])
    found = emseg.segment(image, axes="CYX", channels="each", **K)
    for plane, labels in zip(image, found.labels, strict=True):
        np.testing.assert_array_equal(labels, emseg.segment(plane, **K).labels)
    with pytest.raises(ValueError, match="one color"):
        emseg.segment(np.zeros((9, 9, 3), np.uint8), channels="each")


@pytest.mark.parametrize(
    ("axes", "params"),
    [
        ("TYX", {"planes": "each"}),
        ("CYX", {}),
        ("CYX", {"channels": "each"}),
        ("ZYX", {"planes": "together"}),
    ],
)
def test_recipes_carry_axes(series, axes, params, tmp_path):
    image = series[:3]
    seg = emseg.segment(image, axes=axes, **K, **params)
    recipe = Recipe(steps=(segment_step(seg),))
    recipe.save(tmp_path / "a.json")
    again = Recipe.load(tmp_path / "a.json")
    assert again == recipe
    np.testing.assert_array_equal(again.replay(image).labels, seg.labels)
    # Of the slice of a stack.
    steps = emseg.Step.of(
        "wand", point=(20, 16), at=None if seg.labels.ndim == 2 else (1, None, None)
    )
    done = Recipe(steps=(*again.steps, steps)).replay(image)
    assert done.selection.any()
    script = again.to_python("in.tif", "out.tif")
    assert f'axes="{"YXC" if (axes, params) == ("CYX", {}) else axes}"' in script


def test_preview_is_the_result(series):
    channels = np.stack([series[0], series[1] * 0.01])
    params = emseg.Params(n_classes=3)
    shown = PreviewImage(channels, axes="CYX").preview(params).labels
    found = emseg.segment(channels, axes="CYX", **K).labels
    np.testing.assert_array_equal(shown, found)
    planes = PreviewImage(series, axes="ZYX")
    for mode in ("volume", "together"):
        found = emseg.segment(series, axes="ZYX", planes=mode, **K)
        shown = planes.preview(params.replace(planes=mode)).labels
        np.testing.assert_array_equal(shown, found.labels)
    by_itself = K | {"smoothing": 0.5}
    for image, how in (
        (series[:2], {"axes": "ZYX", "planes": "each"}),
        (channels, {"axes": "CYX", "channels": "each"}),
        (series[0], {"axes": "YX", "planes": "each"}),
    ):
        picture = PreviewImage(image, axes=(options := dict(how)).pop("axes"))
        preview = picture.preview(emseg.Params(**by_itself, **options))
        found = emseg.segment(image, **by_itself, **how).labels
        np.testing.assert_array_equal(preview.labels, found)
        assert len(preview.colors) == found.max()


@pytest.mark.parametrize(
    ("axes", "planes"),
    [("TYX", "volume"), ("ZYX", "together"), ("ZTYX", "volume"), ("TZYX", "each")],
)
def test_features_are_those_that_are_fitted(axes, planes):
    """A model that predicts from them gives the labels, position and all."""
    rng = np.random.default_rng(3)
    shape = (3, *(2,) * (len(axes) - 3), 12, 14)
    image = rng.integers(0, 200, shape).astype(np.float32)
    how = {"axes": axes, "planes": planes, "position": 2.0}
    seg = emseg.segment(image, n_classes=3, smoothing=0, seed=1, **how)
    points = emseg.features(image, **how)
    assert points.shape[-1] == seg.model.means.shape[1]
    if planes == "each":  # the other planes have models of their own
        first = seg.parts[0]
        found = first.seg.model.predict(points[first.where])
        np.testing.assert_array_equal(first.numbers[found], seg.labels[first.where])
        return
    assert (seg.model.predict(points) == seg.labels).mean() > 0.995
    mean = points.reshape(-1, points.shape[-1]).mean(axis=0)
    np.testing.assert_allclose(seg.model.weights @ seg.model.means, mean, atol=0.1)
