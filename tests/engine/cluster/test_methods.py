"""Every method of clustering: what its fits and its models promise."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.methods import METHODS, Method, MethodName
from napari_emseg.engine.cluster.multilevel import FitOptions
from napari_emseg.io.store.fitted_model import FittedModel

OPTIONS = FitOptions(n_classes=3, rules=CovarianceSpec("full", np.full(2, 0.01)))


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method[Any]:
    return METHODS[request.param]


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, 1, (500, 2)) for m in (0, 10, 30)])


def test_the_table_has_all_names() -> None:
    assert get_args(MethodName) == tuple(METHODS)


def test_a_fit_finds_classes_and_improves(
    method: Method[Any], points: np.ndarray
) -> None:
    cells = Cells(np.ones(len(points)), points.T)
    states = list(method.fit(cells, OPTIONS, None))
    steps = np.diff([state.objective for state in states])
    assert ((steps if method.model.has_likelihood else -steps) >= -1e-9).all()
    model = states[-1].model
    assert type(model) is method.model
    labels = model.predict(points).reshape(3, -1)
    assert len({row[0] for row in labels}) == 3
    assert (labels == labels[:, :1]).all()
    again = [*method.iterate(cells, model, OPTIONS)][-1].model
    np.testing.assert_allclose(again.means, model.means, atol=0.1)


def test_a_model_keeps_the_protocol(method: Method[Any], points: np.ndarray) -> None:
    cells = Cells(np.ones(len(points)), points.T)
    model = [*method.fit(cells, OPTIONS, None)][-1].model
    assert (model.n_classes, model.means.shape) == (3, (3, 2))
    assert model.covariances.shape == (3, 2, 2)
    assert model.weights.sum() == pytest.approx(1)
    assert model.within_variance == pytest.approx(2, abs=0.2)
    share = model.predict_proba(points)
    assert share.sum(axis=-1) == pytest.approx(1)
    np.testing.assert_array_equal(share.argmax(axis=-1) + 1, model.predict(points))
    np.testing.assert_array_equal(
        model.log_joint(points).argmax(axis=0) + 1, model.predict(points)
    )
    assert np.isfinite(model.score(points))
    order = np.array([2, 0, 1])
    np.testing.assert_array_equal(model.reorder(order).means, model.means[order])
    text = FittedModel.of(model).model_dump_json(exclude_none=True)
    same = FittedModel.model_validate_json(text).model()
    assert type(same) is type(model)
    np.testing.assert_array_equal(same.log_joint(points), model.log_joint(points))
