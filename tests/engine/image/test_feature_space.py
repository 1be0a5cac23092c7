"""Texture and position beside color."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg

RNG = np.random.default_rng(3)


def halves(shape=(96, 128)):
    """Two halves of the same mean, the right one rough."""
    image = np.full(shape, 120.0)
    image[:, shape[1] // 2 :] += RNG.normal(0, 30, (shape[0], shape[1] - shape[1] // 2))
    return np.clip(image, 0, 255).astype(np.uint8)


def truth(shape=(96, 128)):
    return np.broadcast_to(np.arange(shape[1]) >= shape[1] // 2, shape) + 1


@pytest.mark.parametrize("unit", [1, 200])
def test_texture_tells_rough_from_smooth_in_any_units(unit):
    image = halves().astype(np.uint16) * unit
    found = emseg.segment(image, n_classes=2, texture=2, method="kmeans").labels
    away = np.abs(np.arange(128) - 64) > 12
    agree = (found == truth())[:, away].mean()
    assert max(agree, 1 - agree) > 0.97


def test_position_parts_what_looks_alike():
    image = np.full((60, 80, 3), 90, np.uint8)
    seg = emseg.segment(image, n_classes=2, position=1, smoothing=0)
    assert seg.n_classes == 2
    assert len(np.unique(seg.regions())) == 2


@pytest.mark.parametrize("shape", [(70, 90), (3, 70, 90), (2, 3, 40, 50)])
@pytest.mark.parametrize("weights", [(1, 0), (0, 1), (0.5, 0.25)])
def test_model_scores_the_features(shape, weights):
    image = RNG.integers(0, 255, shape).astype(np.uint8)
    how = {"texture": weights[0], "position": weights[1]}
    seg = emseg.segment(image, n_classes=2, smoothing=0, **how)
    x = emseg.features(image, **how)
    d = 1 + 2 * (weights[0] > 0) + min(len(shape), 3) * (weights[1] > 0)
    assert x.shape == (*shape, d)
    assert seg.model.score(x) == pytest.approx(seg.objective[-1], abs=1e-6)
    np.testing.assert_array_equal(seg.model.predict(x), seg.labels)


def test_features_do_not_depend_on_tiles(monkeypatch):
    image = RNG.integers(0, 255, (90, 110, 3)).astype(np.uint8)
    how = {"n_classes": 3, "texture": 1.0, "position": 0.5}
    whole = emseg.segment(image, **how).labels
    monkeypatch.setattr("napari_emseg.pipeline.source._SLAB", 1000)
    monkeypatch.setattr("napari_emseg.pipeline.source._TILE", {2: 48, 3: 48})
    np.testing.assert_array_equal(emseg.segment(image, **how).labels, whole)


def test_what_a_mask_hides_leaves_no_texture():
    image = halves().astype(np.float32)
    mask = np.ones(image.shape, bool)
    mask[:, :20] = False
    other = image.copy()
    other[:, :20] = np.nan
    how = {"n_classes": 2, "texture": 1.0, "smoothing": 0}
    one = emseg.segment(image, mask=mask, **how).labels
    two = emseg.segment(other, **how).labels
    assert not one[:, :20].any()
    assert not two[:, :20].any()
    assert (one == two)[:, 20:].mean() > 0.99


@pytest.mark.filterwarnings("ignore:.*values beyond")
@pytest.mark.parametrize("mark", [np.nan, np.inf, 3e38])
def test_marks_for_missing_data_leave_the_units_alone(mark):
    image = halves().astype(np.float32)
    image[5:9, 20:30] = mark
    how = {"n_classes": 2, "texture": 1.0, "position": 1.0}
    seg = emseg.segment(image, **how)
    missing = ~np.isfinite(image) | (image > 1e18)
    np.testing.assert_array_equal(seg.labels == 0, missing)
    found = emseg.features(image, texture=1.0, position=1.0)
    without = emseg.features(halves().astype(np.float32), position=1.0)
    # Position is in units of the contrast of what is there.
    ratio = found[-1, -1, -1] / without[-1, -1, -1]
    assert ratio == pytest.approx(1, abs=0.02)


def test_units_are_found_far_from_zero():
    image = halves().astype(np.float64)
    near, far = (
        emseg.features(image + away, position=1.0)[-1, -1, -1] for away in (0, 1e8)
    )
    assert far == pytest.approx(near, rel=0.05)


def test_bias_with_texture_is_refused():
    with pytest.raises(ValueError, match="set both to 0"):
        emseg.segment(halves(), bias=True, texture=1)
