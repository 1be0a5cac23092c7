"""Mixture models against the densities of scipy and scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, multivariate_t
from sklearn.mixture import GaussianMixture

from napari_emseg.engine.cluster.mixture import MixtureModel

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array


def random_model(
    rng: np.random.Generator,
    *,
    dims: int = 3,
    classes: int = 4,
    student: bool = False,
    outliers: float = 0.0,
) -> MixtureModel:
    root = rng.normal(0, 3, (classes, dims, dims))
    return MixtureModel(
        rng.dirichlet(np.ones(classes)),
        rng.normal(0, 10, (classes, dims)),
        root @ root.transpose(0, 2, 1) + np.eye(dims),
        df=rng.uniform(1.5, 30, classes) if student else None,
        outliers=outliers,
        log_uniform=-dims * np.log(60),
    )


def reference_log_joint(model: MixtureModel, x: Float64Array) -> Float64Array:
    """Log of weight times density by scipy, without outliers, (K, N)."""
    rows = []
    for k, weight in enumerate(model.weights):
        if model.df is None:
            law = multivariate_normal(model.means[k], model.covariances[k])
        else:
            law = multivariate_t(model.means[k], model.covariances[k], model.df[k])
        rows.append(np.log(weight) + law.logpdf(x))
    return np.array(rows)


@pytest.mark.parametrize("ratio", [1e4, 1e8, 1e10])
def test_narrow_classes_keep_their_digits(ratio: float) -> None:
    """Channels that are nearly the same, as those of a gray picture stored as RGB."""
    along, across = ratio / 12, 1 / 12
    axes = np.array([[1.0, 2.0, 2.0], [2.0, 1.0, -2.0], [2.0, -2.0, 1.0]]) / 3
    covariance = axes.T @ np.diag([along, across, across]) @ axes
    model = MixtureModel(np.ones(1), np.zeros((1, 3)), covariance[np.newaxis])
    steps = np.linspace(-3, 3, 41)
    x = np.sqrt(along) * steps[:, np.newaxis] * axes[0] + 0.25 * axes[1]
    expected = -0.5 * (steps**2 + 0.0625 / across)
    expected -= 1.5 * np.log(2 * np.pi) + 0.5 * np.log(along * across**2)
    np.testing.assert_allclose(model.score_samples(x), expected, atol=1e-3)


@pytest.mark.parametrize("dims", [1, 3, 8])
@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_densities_agree_with_scipy(
    rng: np.random.Generator, dims: int, student: bool, outliers: float
) -> None:
    model = random_model(rng, dims=dims, student=student, outliers=outliers)
    x = rng.normal(0, 12, (500, dims))
    log = reference_log_joint(model, x)
    likelihood = logsumexp(log, axis=0)
    if outliers:
        likelihood = np.logaddexp(
            likelihood + np.log1p(-outliers), np.log(outliers) + model.log_uniform
        )
    else:
        np.testing.assert_allclose(model.log_joint(x), log, rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(x), likelihood, rtol=1e-9)
    assert model.score(x) == pytest.approx(likelihood.mean(), rel=1e-9)


def test_scores_and_labels_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    model = random_model(rng)
    x = rng.normal(0, 12, (9000, 3))
    peer = GaussianMixture(4)
    peer.weights_, peer.means_ = model.weights, model.means
    peer.covariances_ = model.covariances
    peer.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(model.covariances))
    assert model.score(x) == pytest.approx(peer.score(x), abs=1e-9)
    np.testing.assert_array_equal(model.predict(x), peer.predict(x) + 1)
    np.testing.assert_allclose(
        model.predict_proba(x), peer.predict_proba(x), atol=1e-12
    )


@pytest.mark.parametrize("outliers", [0.0, 0.2])
@pytest.mark.parametrize("student", [False, True])
def test_probabilities_sum_to_one_and_point_at_the_label(
    rng: np.random.Generator, student: bool, outliers: float
) -> None:
    model = random_model(rng, student=student, outliers=outliers)
    # Far away, all densities underflow; the posterior must not.
    x = rng.normal(0, 1, (30, 40, 3)) * 10.0 ** rng.integers(0, 6, (30, 40, 1))
    p = model.predict_proba(x)
    assert p.shape == (30, 40, 4)
    assert np.isfinite(p).all()
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    np.testing.assert_array_equal(p.argmax(axis=-1) + 1, model.predict(x))


def test_results_do_not_depend_on_where_the_data_are_cut(
    rng: np.random.Generator,
) -> None:
    model = random_model(rng, student=True, outliers=0.1)
    x = rng.normal(0, 12, (20_000, 3)).astype(np.float32)
    whole = model.log_joint(x)
    parts = [model.log_joint(part) for part in np.array_split(x, 7)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)


def test_outliers_take_no_class_s_side(rng: np.random.Generator) -> None:
    model = random_model(rng, outliers=0.2)
    far = np.full((1, 3), 1e4)
    np.testing.assert_allclose(model.predict_proba(far)[0], model.weights)
    plain = random_model(np.random.default_rng(2026), outliers=0.0)
    assert model.score(far) > plain.score(far) + 100


def test_classes_can_be_renumbered_and_dropped(rng: np.random.Generator) -> None:
    model = random_model(rng, student=True)
    x = rng.normal(0, 12, (400, 3))
    order = np.array([2, 0, 3, 1])
    turned = model.reorder(order)
    np.testing.assert_array_equal(order[turned.predict(x) - 1] + 1, model.predict(x))
    assert turned.score(x) == pytest.approx(model.score(x))
    fewer = model.reorder(np.array([0, 2]))
    assert fewer.n_classes == 2
    assert fewer.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("student", [False, True])
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_a_class_without_weight_takes_nothing(
    rng: np.random.Generator, student: bool, outliers: float
) -> None:
    model = random_model(rng, student=student, outliers=outliers)
    weights = np.array([0.5, 0.0, 0.25, 0.25])
    dead = MixtureModel(
        weights,
        model.means,
        model.covariances,
        model.df,
        outliers,
        model.log_uniform,
    )
    x = rng.normal(0, 12, (300, 3))
    alive = dead.reorder(np.array([0, 2, 3]))
    assert dead.score(x) == pytest.approx(alive.score(x))
    p = dead.predict_proba(x)
    assert p[:, 1].max() < 1e-100
    np.testing.assert_allclose(p[:, [0, 2, 3]], alive.predict_proba(x))
    assert not (dead.predict(x) == 2).any()
