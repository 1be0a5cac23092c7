"""Truncated E steps: the sums of whole ones, of fewer classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_emseg.engine.cells.cells import Cells, coarsen
from napari_emseg.engine.cluster.em import CovarianceSpec, e_step
from napari_emseg.engine.cluster.mixture import MixtureModel
from napari_emseg.engine.cluster.squarem import iter_em
from napari_emseg.engine.cluster.truncation import Truncation, e_steps

CLASSES = 30


def colors(seed: int = 0, count: int = 20_000) -> Cells:
    """Make cells around places that are far apart, some of them lone."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 100, (CLASSES, 3))
    points = places[rng.integers(0, CLASSES, count)] + rng.normal(0, 2, (count, 3))
    points[:50] = rng.uniform(-500, 600, (50, 3))
    weights = rng.integers(1, 9, count).astype(float)
    return Cells(weights, points.T.astype(np.float32).copy())


def model_of(cells: Cells, width: float = 4.0, kind: str = "full") -> MixtureModel:
    """Start at some of the cells, with classes of all shapes around a width."""
    rng = np.random.default_rng(1)
    stretch = rng.normal(0, 0.4, (CLASSES, 3, 3)) + np.eye(3)
    shape = width * stretch @ stretch.transpose(0, 2, 1) + 0.1 * np.eye(3)
    if kind == "diag":
        shape = np.einsum("kii->ki", shape)[:, :, np.newaxis] * np.eye(3)
    weights = rng.uniform(0, 1, CLASSES)
    places = cells.points[:, rng.choice(cells.count, CLASSES)].T.astype(np.float64)
    return MixtureModel(weights / weights.sum(), places, shape)


@pytest.mark.parametrize("kind", ["full", "diag"])
@pytest.mark.parametrize("width", [0.3, 4.0, 900.0])
@pytest.mark.parametrize("bits", [0, 4])
def test_sums_are_those_of_the_whole_step(kind: str, width: float, bits: int) -> None:
    """Of points and of boxes; of narrow classes, far from some cells, and wide ones."""
    cells = colors()
    center, order = cells.center(), "full" if kind == "full" else "squares"
    model = model_of(cells, width, kind)
    if bits:
        cells = coarsen(cells, bits)
    whole = e_step(model, cells.blocks(center, order=order))
    found = Truncation(cells, center, order)(model)
    assert found.objective == pytest.approx(whole.objective, rel=1e-12)
    np.testing.assert_allclose(found.mass, whole.mass, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.sums, whole.sums, rtol=1e-9, atol=1e-4)


def test_far_classes_are_left_out() -> None:
    """A class that no cell feels has not even the least share of one."""
    cells = colors().take(np.arange(50, 20_000))
    model = model_of(cells)
    model.means[0] = 300.0
    center = cells.center()
    assert e_step(model, cells.blocks(center)).mass[0] > 0
    found = Truncation(cells, center, "full")(model)
    assert found.mass[0] == 0
    assert (found.mass[1:] > 0).all()


def test_wide_boxes_are_far_from_narrow_classes() -> None:
    """Pixels are not where their mean is: a wide class away from it explains more."""
    rng = np.random.default_rng(0)
    spread = np.zeros((6, 3000))
    spread[[0, 3, 5]] = 400.0
    cells = Cells(np.ones(3000), rng.normal(0, 1, (3, 3000)), spread)
    model = model_of(cells, 0.5)
    model.means[0], model.covariances[0] = 300.0, 900 * np.eye(3)
    center = cells.center()
    whole = e_step(model, cells.blocks(center))
    assert whole.mass[0] > 2000
    found = Truncation(cells, center, "full")(model)
    np.testing.assert_allclose(found.mass, whole.mass, rtol=1e-9, atol=1e-6)


def test_what_truncation_is_for() -> None:
    """Tails reach everywhere, fixed cells have one class, few classes are near."""
    cells = colors()
    center, model = cells.center(), model_of(cells)
    assert isinstance(e_steps(cells, center, "full", model), Truncation)
    fixed = replace(cells, seed_labels=np.zeros(cells.count, np.int64))
    tails = replace(model, df=np.full(CLASSES, 5.0))
    stray = replace(model, outliers=0.1, log_uniform=-20.0)
    few = model.reorder(np.arange(5))
    for data, one in ((fixed, model), (cells, tails), (cells, stray), (cells, few)):
        step = e_steps(data, center, "full", one)
        assert not isinstance(step, Truncation)
        whole = e_step(one, data.blocks(center))
        assert step(one).objective == whole.objective


def test_likelihood_never_falls() -> None:
    cells = colors(count=10_000)
    rules = CovarianceSpec("full", np.full(3, 1e-3))
    states = list(iter_em(cells, model_of(cells), rules, tol=1e-4, max_iter=30))
    found = np.array([state.objective for state in states])
    assert len(found) > 5
    assert (np.diff(found) > -1e-12).all()


@pytest.mark.parametrize(("nats", "counts"), [(30.0, True), (45.0, False)])
def test_what_the_last_digit_of_a_share_feels_is_kept(
    nats: float, counts: bool
) -> None:
    near = np.random.default_rng(0).uniform(-1e-3, 1e-3, (3, 2000))
    cells = Cells(np.ones(2000), near.astype(np.float32))
    means = np.zeros((CLASSES, 3))
    means[0, 0] = np.sqrt(2 * nats)
    unit = np.repeat(np.eye(3)[np.newaxis], CLASSES, axis=0)
    model = MixtureModel(np.full(CLASSES, 1 / CLASSES), means, unit)
    found = Truncation(cells, cells.center(), "full")(model)
    assert (found.mass[0] > 0) == counts
