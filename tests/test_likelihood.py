"""Same likelihood, same labels, same inertia as scikit-learn on all pixels."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage import data
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

import napari_emseg as emseg
from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cells.counting import count_cells, find_coding
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_mixture
from napari_emseg.engine.cluster.squarem import iter_em
from napari_emseg.engine.image.lazy_image import as_lazy_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.mixture import MixtureModel

PHOTOGRAPHS = ["astronaut", "coffee", "chelsea", "rocket", "immunohistochemistry"]


@cache
def photograph(name: str, step: int = 1) -> NDArray[np.uint8]:
    """Load a picture from scikit-image's wheel, perhaps every `step`-th pixel."""
    return np.ascontiguousarray(getattr(data, name)()[::step, ::step])


def as_scikit_learn(model: MixtureModel, covariance: str = "full") -> GaussianMixture:
    """Give scikit-learn our weights, means and covariances."""
    peer = GaussianMixture(model.n_classes, covariance_type=covariance)
    peer.weights_, peer.means_ = model.weights, model.means
    diagonal = np.einsum("kii->ki", model.covariances)
    peer.covariances_ = {
        "full": model.covariances,
        "tied": model.covariances[0],
        "diag": diagonal,
        "spherical": diagonal[:, 0],
    }[covariance]
    # Their factor U with U Uᵀ = Σ⁻¹ is the inverse of the Cholesky factor, turned.
    root = np.linalg.inv(np.linalg.cholesky(model.covariances)).transpose(0, 2, 1)
    peer.precisions_cholesky_ = {
        "full": root,
        "tied": root[0],
        "diag": diagonal**-0.5,
        "spherical": diagonal[:, 0] ** -0.5,
    }[covariance]
    return peer


def assert_same_labels(
    found: NDArray[np.uint8], peer: GaussianMixture, x: NDArray[np.float32]
) -> None:
    """Compare labels with scikit-learn's; they may differ where classes tie."""
    posterior = peer.predict_proba(x)
    differ = np.flatnonzero(found.ravel() != posterior.argmax(axis=1) + 1)
    best = np.sort(posterior[differ], axis=1)
    np.testing.assert_allclose(best[:, -1], best[:, -2], rtol=1e-4)
    assert differ.size <= 1e-4 * len(x)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_score_alike(name: str) -> None:
    image = photograph(name)
    seg = emseg.segment(image, n_classes=5, smoothing=0)
    features = emseg.features(image)
    x = features.reshape(-1, 3)
    peer = as_scikit_learn(seg.model)
    theirs = peer.score(x)
    assert seg.model.score(features) == pytest.approx(theirs, abs=1e-6)
    assert seg.objective[-1] == pytest.approx(theirs, abs=1e-6)
    assert_same_labels(seg.labels, peer, x)


@pytest.mark.parametrize("covariance", ["tied", "diag", "spherical"])
def test_other_covariances_score_alike(covariance: str) -> None:
    image = photograph("coffee", 2)
    seg = emseg.segment(image, n_classes=4, smoothing=0, covariance=covariance)
    x = emseg.features(image).reshape(-1, 3)
    peer = as_scikit_learn(seg.model, covariance)
    assert seg.objective[-1] == pytest.approx(peer.score(x), abs=1e-6)
    assert_same_labels(seg.labels, peer, x)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (data.camera(), {}),
        (data.camera().astype(np.uint16) * 257, {}),
        (data.coins() / 255, {}),
        (photograph("chelsea", 2) / 255, {}),
        (photograph("chelsea", 2), {"channel_axis": -1}),
        (photograph("coffee", 3).transpose(2, 0, 1) * 1.5, {"channel_axis": 0}),
    ],
    ids=["8 bit", "16 bit", "float", "float RGB", "3 channels", "channels first"],
)
def test_images_of_all_kinds_score_alike(
    image: NDArray, options: dict[str, int]
) -> None:
    how = {"smoothing": 0, "distribution": "gaussian"}
    seg = emseg.segment(image, n_classes=4, **how, **options)
    features = emseg.features(image, **options)
    x = features.reshape(-1, features.shape[-1])
    peer = as_scikit_learn(seg.model)
    assert seg.objective[-1] == pytest.approx(peer.score(x), abs=1e-6)
    assert_same_labels(seg.labels, peer, x)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_inertia_is_that_of_scikit_learn(name: str) -> None:
    image = photograph(name, 3)
    seg = emseg.segment(
        image, method="kmeans", n_classes=6, n_init=3, smoothing=0, tol=0
    )
    x = emseg.features(image).reshape(-1, 3)
    peer = KMeans(6, n_init=3, random_state=0).fit(x)
    theirs = peer.inertia_ / len(x)
    assert seg.objective[-1] <= 1.01 * theirs
    # Ours is the true inertia of our own labels and centers.
    gap = x - seg.model.centers[seg.labels.ravel() - 1]
    assert seg.objective[-1] == pytest.approx((gap**2).sum(axis=1).mean(), rel=1e-6)
    assert -seg.model.score(x) == pytest.approx(seg.objective[-1], rel=1e-9)


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_fit_is_as_likely_as_scikit_learn_s(name: str) -> None:
    image = photograph(name, 3)
    seg = emseg.segment(image, n_classes=5, smoothing=0)
    x = emseg.features(image).reshape(-1, 3)
    peer = GaussianMixture(5, random_state=0).fit(x)
    assert seg.objective[-1] >= peer.score(x) - 1e-3


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("student", [False, True])
def test_palette_and_plain_pixels_lead_to_the_same_place(
    name: str, student: bool
) -> None:
    image = photograph(name, 4)
    picture = as_lazy_image(image)
    pixels = picture.read().reshape(-1, 3)
    coding = find_coding(picture, "lab")
    census = count_cells(picture, iter([(pixels, None)]), color="lab", coding=coding)
    features = emseg.features(image).reshape(-1, 3)
    dense = Cells(np.ones(len(pixels)), np.ascontiguousarray(features.T))
    assert census.cells.count < dense.count
    rules = CovarianceSpec("full", census.floor)
    *_, start = iter_fit_mixture(
        census.cells,
        FitOptions(n_classes=4, rules=rules, student=student, tol=1.0, max_iter=5),
    )
    ends = [
        list(iter_em(cells, start.model, rules, tol=1e-5, max_iter=30))
        for cells in (census.cells, dense)
    ]
    assert [len(end) for end in ends] == [len(ends[0])] * 2
    of_palette, of_pixels = ends[0][-1], ends[1][-1]
    assert len(ends[0]) > 5
    assert abs(of_palette.objective - of_pixels.objective) < 1e-9
    np.testing.assert_array_equal(
        of_palette.model.predict(features), of_pixels.model.predict(features)
    )
