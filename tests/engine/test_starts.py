"""Starts that race side by side go as each would alone."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg.engine.cells import Cells
from napari_emseg.engine.em import Rules, e_step, m_step
from napari_emseg.engine.mixture import MixtureModel
from napari_emseg.engine.starts import race


def some_cells(*, fixed: bool, rng: np.random.Generator) -> Cells:
    points = np.hstack([rng.normal(m, 1 + m / 9, (2, 300)) for m in (0, 4, 9)])
    weights = rng.integers(1, 9, points.shape[1]).astype(float)
    given = rng.integers(0, 4, points.shape[1]) * (rng.random(points.shape[1]) < 0.05)
    return Cells(weights, points, fixed=given if fixed else None)


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    ("student", "outliers", "shrinkage", "fixed"),
    [
        (False, 0.0, 0.0, False),
        (True, 0.0, 0.0, True),
        (False, 0.1, 0.3, True),
        (True, 0.1, 0.0, False),
    ],
)
def test_each_start_goes_as_if_alone(
    covariance: str, *, student: bool, outliers: float, shrinkage: float, fixed: bool
) -> None:
    rng = np.random.default_rng(2)
    cells = some_cells(fixed=fixed, rng=rng)
    rules = Rules(covariance, np.full(2, 0.01), shrinkage)
    models = [
        MixtureModel(
            np.full(3, 1 / 3),
            rng.normal(4, 3, (3, 2)),
            np.repeat(9 * np.eye(2)[np.newaxis], 3, axis=0),
            np.full(3, 10.0) if student else None,
            outliers,
            -5.0,
        )
        for _ in range(4)
    ]
    ranking = race(cells, models, rules, steps=6, level="exact")
    ends = [states[-1].objective for states in ranking]
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) > 1
    data = cells.blocks(cells.mean(), order=rules.order)
    alone = []
    for model in models:
        stats = e_step(model, data)
        path = [stats.objective]
        for _ in range(6):
            model = m_step(stats, model, data.center, rules)
            stats = e_step(model, data)
            path.append(stats.objective)
        alone.append((path, model))
    alone.sort(key=lambda each: -each[0][-1])
    for states, (path, model) in zip(ranking, alone, strict=True):
        np.testing.assert_allclose([s.objective for s in states], path, atol=1e-12)
        found = states[-1].model
        np.testing.assert_allclose(found.weights, model.weights, atol=1e-12)
        np.testing.assert_allclose(found.means, model.means, atol=1e-9)
        np.testing.assert_allclose(found.covariances, model.covariances, atol=1e-9)
        if student:
            np.testing.assert_allclose(found.df, model.df, atol=1e-4)


def test_a_class_without_pixels_leaves_the_others_alone() -> None:
    rng = np.random.default_rng(0)
    cells = some_cells(fixed=False, rng=rng)
    rules = Rules("full", np.full(2, 0.01))
    near, far = rng.normal(4, 3, (2, 2)), np.full((1, 2), 1e4)
    wide = np.repeat(np.eye(2)[np.newaxis], 3, axis=0)
    models = [
        MixtureModel(np.full(3, 1 / 3), np.vstack([near, far]), wide),
        MixtureModel(np.full(3, 1 / 3), rng.normal(4, 3, (3, 2)), wide),
    ]
    for states in race(cells, models, rules, steps=4, level="exact"):
        model = states[-1].model
        assert model.weights.sum() == pytest.approx(1)
        assert np.isfinite(model.means).all()
        objective = [state.objective for state in states]
        assert (np.diff(objective) >= -1e-12).all()
