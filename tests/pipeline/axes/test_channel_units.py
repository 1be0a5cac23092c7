"""Channels of any order and any units give the same classes."""

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.io.store.fitted_model import FittedModel
from napari_emseg.pipeline.axes.channel_units import channel_units


@pytest.fixture(scope="module")
def stack():
    """Return (4, 60, 80) float32: three things that each two channels show."""
    rng = np.random.default_rng(5)
    thing = np.indices((60, 80)).sum(axis=0) // 20 % 4
    level = rng.integers(10, 200, (4, 4)).astype(float)
    return (level[:, thing] + rng.normal(0, 12, (4, 60, 80))).astype(np.float32)


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_order_does_not_matter(stack, method, smoothing):
    params = {"method": method, "smoothing": smoothing, "n_classes": 6, "n_init": 1}
    found = emseg.segment(stack, axes="CYX", **params)
    for order in ([3, 2, 1, 0], [2, 0, 3, 1]):
        other = emseg.segment(np.moveaxis(stack[order], 0, -1), axes="YXC", **params)
        np.testing.assert_array_equal(other.labels, found.labels)
        np.testing.assert_array_equal(other.model.means, found.model.means[:, order])


@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_units_do_not_matter(stack, method):
    params = {"method": method, "axes": "CYX", "smoothing": 0, "n_classes": 4}
    found = emseg.segment(stack, **params)
    units = np.array([1, 2**-10, 2**9, 1], np.float32)[:, None, None]
    other = emseg.segment(stack * units, **params)
    np.testing.assert_array_equal(other.labels, found.labels)
    np.testing.assert_allclose(other.model.means, found.model.means * units.ravel())


@pytest.mark.parametrize("method", ["em", "kmeans"])
def test_models_are_in_the_units_of_the_image(stack, method):
    image = stack * np.array([1, 1000, 0.01, 1], np.float32)[:, None, None]
    params = {"method": method, "axes": "CYX", "smoothing": 0, "n_classes": 4}
    seg = emseg.segment(image, **params)
    features = emseg.features(image, axes="CYX")
    np.testing.assert_array_equal(features, np.moveaxis(image, 0, -1))
    np.testing.assert_array_equal(seg.model.predict(features), seg.labels)
    sign = 1 if method == "em" else -1
    assert seg.model.score(features) == pytest.approx(sign * seg.objective[-1])
    inside = seg.labels == 2
    np.testing.assert_allclose(
        seg.table()["mean"][1], image[:, inside].mean(axis=1), rtol=1e-5
    )
    # A part with another spread: the model keeps its own units, in JSON, too.
    part = image[:, :30, :30]
    kept = FittedModel.model_validate_json(FittedModel.of(seg.model).model_dump_json())
    again = emseg.segment(part, model=kept.model(), **params)
    np.testing.assert_array_equal(again.labels, seg.labels[:30, :30])
    start = emseg.segment(image, start=seg.model, **params)
    np.testing.assert_array_equal(start.labels, seg.labels)


def test_what_is_left_alone(stack):
    assert channel_units(as_lazy_image(stack[0])) is None
    assert channel_units(as_lazy_image(np.zeros((40, 40, 3), np.uint8))) is None
    flat = np.stack([stack[0], np.zeros_like(stack[0])])
    assert channel_units(as_lazy_image(flat, channel_axis=0)) is None
    hot = stack[:2] * np.array([1, 1 / 64], np.float32)[:, None, None]
    units = channel_units(as_lazy_image(hot, channel_axis=0))
    hot[1, 3, 3] = 1e6
    assert channel_units(as_lazy_image(hot, channel_axis=0)) == units
