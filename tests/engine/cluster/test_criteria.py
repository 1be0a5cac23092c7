"""How many classes: criteria against scikit-learn, effective size against theory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter
from sklearn.mixture import GaussianMixture

import napari_emseg as emseg
from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.criteria import (
    coherence,
    criteria_of,
    effective_size,
    iter_criteria,
)
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.pipeline.progress import finish, map_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clouds(count: int, *, dims: int = 3, pixels: int = 6000) -> Cells:
    """Make points in `count` clouds far apart, dims by pixels."""
    rng = np.random.default_rng(count)
    middles = 40.0 * np.arange(count)[:, np.newaxis] * np.ones(dims)
    points = middles[rng.integers(0, count, pixels)] + rng.normal(0, 4, (pixels, dims))
    return Cells(np.ones(pixels), np.ascontiguousarray(points.T, np.float32))


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_bic_is_that_of_scikit_learn(covariance: str) -> None:
    cells = clouds(3, pixels=800)
    x = cells.points.T.astype(np.float64)
    peer = GaussianMixture(3, covariance_type=covariance, random_state=0).fit(x)
    rules = CovarianceSpec(covariance, np.full(3, 1e-3))
    *_, (order, model) = iter_criteria(cells, rules=rules, seed=0, most=3)
    assert order.n_classes == 3
    # Theirs is to be small, ours to be large.
    assert order.bic(800) == pytest.approx(-peer.bic(x), rel=1e-3)
    again = criteria_of(model, cells, rules)
    assert again.log_likelihood == pytest.approx(model.score(x), abs=1e-9)
    p = model.predict_proba(x)
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1).mean()
    assert again.entropy == pytest.approx(entropy, abs=1e-9)
    assert order.icl(800) == pytest.approx(order.bic(800) - 1600 * order.entropy)


def test_each_tail_is_a_parameter() -> None:
    cells = clouds(3, pixels=800)
    rules = CovarianceSpec("full", np.full(3, 1e-3))
    *_, (order, model) = iter_criteria(cells, rules=rules, seed=0, most=3)
    tailed = criteria_of(replace(model, df=np.full(3, 1e6)), cells, rules)
    assert tailed.parameters == order.parameters + 3


@pytest.mark.parametrize("count", [1, 2, 5])
def test_criteria_find_the_number_of_clouds(count: int) -> None:
    orders = [
        order
        for order, _ in iter_criteria(
            clouds(count),
            rules=CovarianceSpec("full", np.full(3, 0.01)),
            seed=0,
            most=8,
        )
    ]
    assert [order.n_classes for order in orders] == list(range(1, 9))
    for name in ("bic", "icl"):
        best = max(orders, key=lambda order: getattr(order, name)(6000.0))
        assert best.n_classes == count
    # With hardly any independent pixel, one class is all that can be told.
    assert max(orders, key=lambda order: order.icl(4)).n_classes <= count


def test_many_pixels_of_many_features_are_no_obstacle() -> None:
    orders = iter_criteria(
        clouds(3, dims=6, pixels=40_000),
        rules=CovarianceSpec("full", np.full(6, 0.01)),
        seed=0,
        most=4,
    )
    best = max((order for order, _ in orders), key=lambda order: order.icl(40_000))
    assert best.n_classes == 3


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_effective_size_falls_with_the_area_of_correlation(sigma: float) -> None:
    rng = np.random.default_rng(7)
    white = rng.normal(size=(1, 256, 256)).astype(np.float32)
    blurred = gaussian_filter(white, (0, sigma, sigma), mode="wrap")
    pixels = white.size
    assert effective_size(white, pixels) == pixels
    small = effective_size(blurred, pixels)
    # The autocorrelation of a blurred field is a Gaussian of area 4πσ².
    ratio = small * 4 * np.pi * sigma**2 / pixels
    assert 6 < ratio < 24
    wider = effective_size(gaussian_filter(blurred, (0, sigma, sigma)), pixels)
    assert wider == pytest.approx(small / 2, rel=0.3)
    assert effective_size(blurred, 10 * pixels) == pytest.approx(10 * small)


def test_effective_size_of_nothing_left_is_small() -> None:
    assert effective_size(np.zeros((3, 20, 20), np.float32), 400) == 2


@given(
    hnp.arrays(
        np.int64,
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=7),
        elements=st.integers(0, 3),
    )
)
def test_coherence_is_a_count_of_neighbors(labels: NDArray[np.int64]) -> None:
    found = coherence(labels, 3)
    same, ends = np.zeros(4), np.zeros(4)
    for at in np.ndindex(labels.shape):
        for axis, step in ((-2, 1), (-2, -1), (-1, 1), (-1, -1)):
            there = np.array(at)
            there[axis] += step
            if not 0 <= there[axis] < labels.shape[axis]:
                continue
            own, other = labels[at], labels[tuple(there)]
            if own and other:
                ends[own] += 1
                same[own] += own == other
    for k in (1, 2, 3):
        share = (labels == k).sum() / max((labels > 0).sum(), 1)
        if ends[k] == 0 or share == 1:
            assert found[k - 1] == 1
        else:
            by_hand = (same[k] / ends[k] - share) / (1 - share)
            assert found[k - 1] == pytest.approx(by_hand)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_coherence_tells_how_wide_a_line_is(width: int) -> None:
    labels = np.ones((400, 400), int)
    labels[200 : 200 + width] = 2
    assert coherence(labels, 2)[1] == pytest.approx(1 - 0.5 / width, abs=0.01)


def test_coherence_of_what_is_strewn_is_zero() -> None:
    labels = np.random.default_rng(1).integers(1, 4, (500, 500))
    assert np.abs(coherence(labels, 3)).max() < 0.01


def scene(count: int, kind: str) -> NDArray[Any]:
    """Draw stripes of `count` levels with white noise, (96, 96) or RGB."""
    rng = np.random.default_rng(count)
    level = (np.arange(96) * count // 96)[np.newaxis].repeat(96, axis=0)
    colors = np.array([[30, 30, 30], [200, 60, 50], [60, 180, 70], [230, 220, 90]])
    picture = colors[level] + rng.normal(0, 5, (96, 96, 3))
    rounded = picture.round().clip(0, 255).astype(np.uint8)
    return {"rgb": rounded, "grey": rounded[..., 0], "float": picture[..., 0]}[kind]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "count"),
    [("rgb", 1), ("rgb", 2), ("rgb", 3), ("rgb", 4), ("grey", 2), ("float", 3)],
)
def test_auto_finds_the_classes_of_a_scene(kind: str, count: int) -> None:
    image = scene(count, kind)
    seg = emseg.segment(image, n_classes="auto")
    assert seg.params.n_classes == "auto"
    assert seg.n_classes == count
    assert emseg.segment(image, n_classes="auto", method="kmeans").n_classes == count


@pytest.mark.slow
def test_auto_tells_of_its_steps_and_repeats_itself() -> None:
    image = scene(3, "rgb")
    params = emseg.Params(n_classes="auto")
    stages: list[str] = []
    steps = emseg.iter_segment(image, params)
    one = finish(map_steps(steps, lambda step: stages.append(step.stage)))
    assert list(dict.fromkeys(stages))[:3] == ["colors", "order", "fit"]
    two = emseg.segment(image, n_classes="auto")
    np.testing.assert_array_equal(one.labels, two.labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"mask": True}, {"seeds": True}, {"channel_axis": -1}, {"color": "gray"}],
)
def test_auto_goes_with_everything_else(options: dict[str, Any]) -> None:
    image = scene(3, "rgb")
    inside = np.zeros((96, 96), bool)
    inside[10:80, :60] = True
    more: dict[str, Any] = dict(options)
    if more.pop("mask", False):
        more["mask"] = inside
        image[~inside] = 255
    if more.pop("seeds", False):
        more["seed_labels"] = np.where(inside & (np.arange(96) > 55), 2, 0)
    seg = emseg.segment(image, n_classes="auto", **more)
    assert seg.n_classes == (2 if "mask" in more else 3)


@pytest.mark.slow
def test_auto_on_hard_images_ends() -> None:
    for image in (
        np.full((9, 9), 3, np.uint8),
        np.array([[1.0]]),
        np.eye(5, dtype=bool),
        np.random.default_rng(0).random((40, 40, 5)),
        # So many colors, so evenly spread, that no bins are fewer.
        np.random.default_rng(0).integers(0, 256, (130, 130, 3), np.uint8),
    ):
        axes = {"channel_axis": -1} if image.shape[2:] == (5,) else {}
        seg = emseg.segment(image, n_classes="auto", **axes)
        assert 1 <= seg.n_classes <= 12
