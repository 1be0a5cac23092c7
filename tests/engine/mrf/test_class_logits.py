"""Log-probabilities of classes at integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_emseg.engine.cluster.kmeans import KMeansModel
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.mrf import class_logits
from napari_emseg.engine.mrf.class_logits import ClassLogits
from napari_emseg.engine.mrf.fixed_field import FLOOR
from napari_emseg.engine.mrf.fixed_point import Unit

if TYPE_CHECKING:
    from napari_emseg.engine.cluster.model import Model

RNG = np.random.default_rng(0)
MEANS = RNG.normal(50, 20, (4, 3))
SHARES = np.array([0.1, 0.2, 0.3, 0.4])
BALLS = np.repeat(60 * np.eye(3)[np.newaxis], 4, axis=0) + 20
MODELS: dict[str, Model] = {
    "Gaussian": MixtureModel(SHARES, MEANS, BALLS),
    "weights of any sum": MixtureModel(SHARES * 490, MEANS, BALLS),
    "Student-t": MixtureModel(SHARES, MEANS, BALLS, df=np.full(4, 4.0)),
    "outliers": MixtureModel(SHARES, MEANS, BALLS, outliers=0.1, log_uniform=-12.0),
    "K-means": KMeansModel(MEANS, SHARES, 60.0),
    "one class": MixtureModel(np.ones(1), MEANS[:1], BALLS[:1]),
}


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_log_joints(name: str) -> None:
    model, unit = MODELS[name], Unit(np.full(3, 40.0), 0.05)
    features = RNG.normal(50, 30, (20_000, 3)).astype(np.float32)
    codes = unit.encode(features)
    out = np.empty((model.n_classes, len(features)), np.int16)
    ClassLogits(model, unit, 100.0)(codes, out)
    log = 100 * model.log_joint(codes.T * unit.step + unit.center)
    expected = np.maximum(log - log.max(axis=0), FLOOR)
    np.testing.assert_allclose(out, expected, atol=1)
    assert out.max() == 0


def test_texture_has_its_origin_at_nothing() -> None:
    means = np.array([[50.0, 3.0], [60.0, 30.0]])
    model = MixtureModel(np.full(2, 0.5), means, np.repeat(9 * np.eye(2)[None], 2, 0))
    unit = Unit(np.array([55.0]), 0.1)
    codes = np.array([[-50, 50], [30, 300]], np.int16)
    out = np.empty((2, 2), np.int16)
    ClassLogits(model, unit, 10.0)(codes, out)
    assert out.argmax(axis=0).tolist() == [0, 1]
    assert out[1, 0] == pytest.approx(-10 * (100 + 729) / 18, abs=1)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
def test_sums_are_exact_in_any_order(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries for linear algebra add in different orders."""
    model = MixtureModel(SHARES, MEANS * scale, BALLS * scale**2)
    unit = Unit(np.full(3, 50.0 * scale), 0.02 * scale)
    codes = RNG.integers(-8000, 8000, (3, 5000)).astype(np.int16)
    out = np.empty((4, 5000), np.int16)
    logits = ClassLogits(model, unit, 127.5)
    logits(codes, out)

    def backwards(matrix: Any, phi: Any, out: Any) -> Any:
        out[...] = 0
        for row, values in zip(matrix.T[::-1], phi[::-1], strict=True):
            out += row[:, np.newaxis] * values
        return out

    again = np.empty_like(out)
    monkeypatch.setattr(class_logits.np, "matmul", backwards)
    logits(codes, again)
    np.testing.assert_array_equal(again, out)
