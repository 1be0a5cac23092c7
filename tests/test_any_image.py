"""Any image at all: shapes, types, layouts, masks and seeds by chance."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import napari_emseg as emseg
from napari_emseg.engine.image.lazy_image import as_lazy_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBERS = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
DTYPES = st.tuples(st.sampled_from("<>"), st.sampled_from(NUMBERS)).map("".join)
PARAMS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["em", "kmeans"]),
        "n_classes": st.integers(1, 6) | st.just(64),
        "smoothing": st.sampled_from([0, 0.5, 3]),
        "edges": st.booleans(),
        "covariance": st.sampled_from(["full", "tied", "diag", "spherical"]),
        "distribution": st.sampled_from(["gaussian", "student"]),
        "outliers": st.sampled_from([0, 0.1, 0.5]),
        "init": st.sampled_from(["kmeans", "random"]),
        "n_init": st.integers(1, 3),
        "tol": st.sampled_from([0, 1e-5, 1]),
        "max_iter": st.integers(1, 20),
        "min_size": st.sampled_from([0, 3, 1000]),
        "seed": st.integers(0, 2**31 - 1),
    }
)
# Why an image may be refused, in the words of the errors.
REASONS = (
    "at least two axes",
    "looks like RGB",
    "no usable pixel",
    "needs RGB",
    "spatial axis",
    "must lie in [0, 1]",
    "RGB images are",
    "last axis of 3 or 4",
)


def run(image: NDArray[Any], **options: Any) -> emseg.Segmentation | None:
    """Segment, unless the image is refused for a known reason."""
    with warnings.catch_warnings():
        # Fewer colors than classes are common among so small images, and extremes.
        for told in ("class(es)? found", "apart from all others", "values beyond"):
            warnings.filterwarnings("ignore", f".*{told}", UserWarning)
        try:
            return emseg.segment(image, **options)
        except (ValueError, TypeError) as error:
            if not any(reason in str(error) for reason in REASONS):
                raise
            return None


def check(seg: emseg.Segmentation, inside: NDArray[np.bool_]) -> None:
    """Assert what holds for every result."""
    k = seg.n_classes
    assert seg.labels.shape == inside.shape
    np.testing.assert_array_equal(seg.labels > 0, inside)
    assert seg.labels.max(initial=0) <= k
    assert np.isfinite(seg.objective).all()
    p = seg.probabilities()
    assert p.shape == (k, *inside.shape)
    np.testing.assert_allclose(p.sum(axis=0), inside, atol=1e-4)
    u = seg.uncertainty()
    assert ((u >= 0) & (u <= 1)).all()
    table = seg.table()
    assert table["pixels"].sum() == inside.sum()
    assert table["fraction"].sum() == pytest.approx(1)
    regions = seg.regions(3)
    np.testing.assert_array_equal(regions > 0, inside)
    colors = seg.class_colors
    assert colors.shape == (k, 3)
    assert ((colors >= 0) & (colors <= 1)).all()


@settings(max_examples=60)
@given(data=st.data(), dtype=DTYPES, options=PARAMS)
def test_small_images_of_any_kind(
    data: st.DataObject, dtype: str, options: dict[str, Any]
) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=5, max_side=6))
    image = data.draw(hnp.arrays(dtype, shape))
    if data.draw(st.booleans()):
        image = image.T
    if data.draw(st.booleans()):
        image = image[::-1]
    rgb = data.draw(st.sampled_from([None, False, True]))
    axis = None
    if rgb is not True and data.draw(st.booleans()):
        axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    axes = {"rgb": rgb, "channel_axis": axis}
    try:
        picture = as_lazy_image(image, **axes)
    except ValueError:
        assert run(image, **axes) is None
        return
    spatial = picture.shape
    mask = data.draw(st.none() | hnp.arrays(bool, spatial))
    most = min(7, options["n_classes"])
    seeds = data.draw(
        st.none() | hnp.arrays(np.int64, spatial, elements=st.integers(0, most))
    )
    values = picture.read().astype(np.float64)
    inside = (np.abs(values) < 1e18).all(axis=-1)
    if mask is not None:
        inside &= mask
    if picture.rgb and values.shape[-1] == 4:
        inside &= values[..., 3] > 0
    seg = run(image, mask=mask, seed_labels=seeds, **axes, **options)
    assert (seg is None) == (not inside.any())
    if seg is None:
        return
    check(seg, inside)
    if seeds is not None:
        fixed = inside & (seeds > 0)
        np.testing.assert_array_equal(seg.labels[fixed], seeds[fixed])


@settings(max_examples=30)
@given(
    data=st.data(),
    shape=hnp.array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=7),
    color=st.sampled_from(
        [
            *("auto", "lab", "luv", "rgb", "hsv", "hls", "ycrcb", "xyz"),
            *("ab", "hs", "chromaticity", "he", "hed", "hdab", "stains", "od"),
        ]
    ),
    kind=st.sampled_from(["u1", "u2", "f4", "f8"]),
    options=PARAMS,
)
def test_colors_of_any_kind(
    data: st.DataObject,
    shape: tuple[int, ...],
    color: str,
    kind: str,
    options: dict[str, Any],
) -> None:
    channels = data.draw(st.sampled_from([3, 4]))
    seed = data.draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    # Few distinct colors, corners of the cube among them.
    image = rng.integers(0, data.draw(st.sampled_from([2, 5, 256])), (*shape, channels))
    scale = {"u1": 1, "u2": 257, "f4": 1 / 255, "f8": 1 / 255}[kind]
    picture = (image * scale).astype(kind)
    inside = np.ones(shape, bool) if channels == 3 else picture[..., 3] > 0
    seg = run(picture, color=color, rgb=True, **options)
    assert (seg is None) == (not inside.any())
    if seg is not None:
        check(seg, inside)


@pytest.mark.parametrize("channels", [1, 2, 5, 16, 64])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("options", [{}, {"method": "kmeans"}, {"covariance": "diag"}])
def test_up_to_64_channels(
    channels: int, dtype: type, options: dict[str, Any], rng: np.random.Generator
) -> None:
    truth = np.repeat([0, 1, 2], 10)[np.newaxis].repeat(30, axis=0)
    means = rng.permuted(np.tile([40.0, 110, 180], (channels, 1)), axis=1).T
    means[:, 0] = [40, 110, 180]
    image = means[truth] + rng.normal(0, 5, (30, 30, channels))
    seg = emseg.segment(image.astype(dtype), channel_axis=-1, n_classes=3, **options)
    # Which class is the darkest is a matter of all channels.
    assert len({*zip(truth.ravel(), seg.labels.ravel(), strict=True)}) == 3
    features = emseg.features(image.astype(dtype), channel_axis=-1)
    assert features.shape == (30, 30, channels)


@pytest.mark.parametrize(
    "shape", [(24, 36), (6, 12, 36), (2, 3, 12, 36), (2, 2, 2, 8, 36)]
)
@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("smoothing", [0, 1])
def test_stacks_and_series(
    shape: tuple[int, ...], rgb: bool, smoothing: float, rng: np.random.Generator
) -> None:
    truth = np.broadcast_to(np.repeat([0, 1, 2], 12), shape)
    levels = np.array([[30, 20, 60], [120, 140, 90], [240, 220, 200]])[truth]
    noisy = levels + rng.normal(0, 6, (*shape, 3))
    image = noisy.round().clip(0, 255).astype(np.uint8)
    image = image if rgb else image[..., 0]
    seg = emseg.segment(image, n_classes=3, smoothing=smoothing, rgb=rgb)
    np.testing.assert_array_equal(seg.labels, truth + 1)
    check(seg, np.ones(shape, bool))
