"""Values far outside, few or many: classes of all other pixels stay right."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pairs import all_pairs

import napari_emseg as emseg

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*apart from all others", "ignore:.*values beyond"
)
K = 5
TRUTH = np.repeat(np.arange(K), 18)[:, np.newaxis] + np.zeros((90, 80), int)
# How far classes lie apart in images of each type.
GAP = {"uint16": 150.0, "int16": 150.0, "int32": 150.0, "float32": 1.0}
EXTREMES = {
    "uint16": [65535, 10_000],
    "int16": [-32768, -9999],
    "int32": [-(2**31), 2**31 - 1],
    "float32": [1e6, -9999.0, 1e12],
}
PLACES = ["one pixel", "30 pixels", "a third"]


def scene(dtype: str, channels: int) -> NDArray[Any]:
    """Return five classes in bands, with noise."""
    rng = np.random.default_rng(0)
    gap = GAP[dtype]
    levels = [np.random.default_rng(3 + c).permutation(K) for c in range(channels)]
    means = gap * (1 + np.stack(levels, axis=1))
    noisy = means[TRUTH] + rng.normal(0, gap / 12, (*TRUTH.shape, channels))
    return noisy.astype(dtype)


def place(name: str) -> NDArray[np.bool_]:
    """Return where the extremes are."""
    rng = np.random.default_rng(1)
    found = np.zeros(TRUTH.shape, bool)
    if name == "a third":
        found[:, :27] = True
    else:
        count = 1 if name == "one pixel" else 30
        found.ravel()[rng.choice(found.size, count, replace=False)] = True
    return found


def segment(image: NDArray[Any], **params: Any) -> emseg.Segmentation:
    """Segment an image whose channels come last."""
    if image.shape[-1] == 1:
        return emseg.segment(image[..., 0], **params)
    return emseg.segment(image, channel_axis=-1, **params)


def purity(labels: NDArray[np.integer], at: NDArray[np.bool_]) -> float:
    """Return the share of the pixels that have the main class of their label."""
    counts = np.zeros((int(labels.max()) + 1, K), int)
    np.add.at(counts, (labels[at], TRUTH[at]), 1)
    return float(counts[1:].max(axis=1).sum() / at.sum())


@pytest.mark.parametrize(
    ("extreme", "channels", "where"),
    all_pairs(
        [(d, v) for d, values in EXTREMES.items() for v in values],
        [1, 2, 3, 4, 8],
        PLACES,
    ),
    ids=str,
)
def test_em(extreme: tuple[str, float], channels: int, where: str) -> None:
    dtype, value = extreme
    image, far = scene(dtype, channels), place(where)
    image[far] = value
    seg = segment(image, n_classes=K + 1, smoothing=0)
    assert purity(seg.labels, ~far) > 0.95
    exact = [
        value
        for value, level in zip(seg.objective, seg.levels, strict=True)
        if level == "exact"
    ]
    # Squares of what is far away are rounded.
    assert (np.diff(exact) >= -1e-4).all()


OTHERS = [
    {"smoothing": 1},
    {"smoothing": 1, "edges": False},
    {"method": "kmeans", "smoothing": 0},
    {"method": "kmeans", "smoothing": 1},
    {"distribution": "student", "smoothing": 0},
    {"covariance": "diag", "smoothing": 0},
    {"covariance": "spherical", "smoothing": 0},
    {"outliers": 0.02, "smoothing": 0},
    {"n_init": 1, "smoothing": 0},
]


@pytest.mark.parametrize(
    ("channels", "where", "params"), all_pairs([1, 3, 4, 8], PLACES, OTHERS), ids=str
)
def test_other_parameters(channels: int, where: str, params: dict[str, Any]) -> None:
    image, far = scene("uint16", channels), place(where)
    image[far] = 65535
    seg = segment(image, n_classes=K + 1, **params)
    assert purity(seg.labels, ~far) > 0.95


@pytest.mark.parametrize(
    ("dtype", "channels", "method", "smoothing"),
    all_pairs(["uint16", "float32"], [1, 2, 4], ["em", "kmeans"], [0, 1]),
)
def test_hot_pixels_of_all_values(
    dtype: str, channels: int, method: str, smoothing: float
) -> None:
    image, far = scene(dtype, channels), place("30 pixels")
    hot = np.random.default_rng(2).uniform(20, 400, (30, channels))
    image[far] = hot * GAP[dtype]
    seg = segment(image, n_classes=K + 1, method=method, smoothing=smoothing)
    assert purity(seg.labels, ~far) > 0.95


@pytest.mark.parametrize("dtype", GAP)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_zero_that_is_apart(dtype: str, channels: int) -> None:
    image = scene(dtype, channels)
    if dtype != "float32":
        image += np.asarray(3000, dtype)
    far = place("a third")
    image[far] = 0 if dtype != "float32" else -500
    seg = segment(image, n_classes=K + 1, smoothing=0)
    assert purity(seg.labels, ~far) > 0.95
    assert np.unique(seg.labels[far]).size == 1


@cache
def masked_labels(channels: int, method: str, smoothing: float) -> NDArray[np.integer]:
    """Return the labels where a mask leaves a third out, whatever is there."""
    image, far = scene("float32", channels), place("a third")
    image[far] = 7
    params = {"n_classes": K, "method": method, "smoothing": smoothing}
    return segment(image, mask=~far, **params).labels


@pytest.mark.parametrize(
    ("channels", "method", "smoothing", "missing"),
    all_pairs(
        [1, 2, 3, 4, 8], ["em", "kmeans"], [0, 1], [np.nan, np.inf, -3.4e38, 1e20]
    ),
)
def test_no_data_is_no_class(
    channels: int, method: str, smoothing: float, missing: float
) -> None:
    image, far = scene("float32", channels), place("a third")
    params = {"n_classes": K, "method": method, "smoothing": smoothing}
    image[far] = missing
    seg = segment(image, **params)
    np.testing.assert_array_equal(seg.labels == 0, far)
    expected = masked_labels(channels, method, smoothing)
    np.testing.assert_array_equal(seg.labels, expected)
    assert purity(seg.labels, ~far) > 0.95


@pytest.mark.parametrize("value", [-9999, 65535])
def test_a_mask_leaves_extremes_out(value: float) -> None:
    image, far = scene("float32", 3), place("a third")
    expected = emseg.segment(image, n_classes=K, mask=~far, channel_axis=-1)
    image[far] = value
    found = emseg.segment(image, n_classes=K, mask=~far, channel_axis=-1)
    np.testing.assert_array_equal(found.labels, expected.labels)


@cache
def number_of_classes(channels: int) -> int:
    """Return the number that is found where nothing is far away."""
    return segment(scene("uint16", channels), n_classes="auto", smoothing=0).n_classes


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("where", PLACES)
def test_the_number_of_classes(where: str, channels: int) -> None:
    image, far = scene("uint16", channels), place(where)
    clean = number_of_classes(channels)
    image[far] = 65535
    seg = segment(image, n_classes="auto", smoothing=0)
    assert seg.n_classes == clean + 1 == K + 1
    assert purity(seg.labels, ~far) > 0.95


@pytest.mark.parametrize("where", PLACES)
def test_models_apply_to_what_they_were_fitted_to(where: str) -> None:
    image, far = scene("float32", 3), place(where)
    image[far] = -9999
    seg = segment(image, n_classes=K + 1, smoothing=0)
    features = emseg.features(image, channel_axis=-1)
    np.testing.assert_array_equal(seg.model.predict(features), seg.labels)
    np.testing.assert_array_equal(
        segment(image, model=seg.model, smoothing=0).labels, seg.labels
    )
    shares = seg.model.predict_proba(features)
    np.testing.assert_allclose(shares.sum(axis=-1), 1)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value", [-9999.0, 1e6])
def test_texture_and_position(where: str, channels: int, value: float) -> None:
    image, far = scene("float32", channels), place(where)
    how: dict[str, Any] = {"texture": 0.3, "position": 0.3}
    axes = {} if channels == 1 else {"channel_axis": -1}
    clean = image[..., 0] if channels == 1 else image
    expected = emseg.features(clean, **how, **axes)
    spoiled = image.copy()
    spoiled[far] = value
    spoiled = spoiled[..., 0] if channels == 1 else spoiled
    found = emseg.features(spoiled, **how, **axes)
    # In units that are nearly those of the image without extremes.
    ratio = found[-1, -1, -2:] / expected[-1, -1, -2:]
    np.testing.assert_allclose(ratio, 1, atol=0.1)
    seg = segment(image=spoiled.reshape(*TRUTH.shape, -1), n_classes=K + 1, **how)
    if where != "a third":
        assert purity(seg.labels, ~far) > 0.8
