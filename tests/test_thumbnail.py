"""Thumbnails: means of pixels, and how many of them are independent."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_emseg as emseg
from napari_emseg.segment import read_source
from napari_emseg.thumbnail import independent_pixels, shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "float32"])
@pytest.mark.parametrize("masked", [False, True])
def test_shrunk_planes_are_means(kind: str, masked: bool) -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 200, (12, 20, 3)).astype(kind)
    within = rng.random((12, 20)) > 0.3 if masked else None
    exact = plane.astype(float)
    if within is not None:
        exact[~within] = exact[within].mean(axis=0)
    exact = exact.reshape(3, 4, 5, 4, 3).mean(axis=(1, 3))
    found = shrunk(plane, (3, 5), within)
    assert found.dtype == plane.dtype
    error = 1e-4 if kind == "float32" else 0.5 + 1e-4
    np.testing.assert_allclose(found.astype(float), exact, atol=error)


def independent(image: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> float:
    """Count the independent pixels of what one class leaves unexplained."""
    params = emseg.Params(n_classes=1, smoothing=0)
    seg = emseg.segment(image, mask=mask, n_classes=1, smoothing=0)
    total = int((seg.labels > 0).sum())
    return independent_pixels(read_source(image, params, mask), seg.model, total)


def field(shape: tuple[int, ...], sigma: float = 2) -> NDArray[np.float64]:
    """Blur white noise along the last two axes."""
    white = np.random.default_rng(3).normal(size=shape)
    return gaussian_filter(white, (*(0,) * (len(shape) - 2), sigma, sigma))


@pytest.mark.parametrize("size", [(60, 90), (400, 300)])
def test_a_mask_is_as_good_as_a_crop(size: tuple[int, int]) -> None:
    inner = field(size)
    image = np.full((900, 700), 7.0)
    part = np.s_[40 : 40 + size[0], 300 : 300 + size[1]]
    image[part] = inner
    mask = image != 7
    assert independent(image, mask) == pytest.approx(independent(inner), rel=1e-6)
    image[~mask] = np.nan
    assert independent(image) == pytest.approx(independent(inner), rel=1e-6)


def test_masks_of_any_shape_leave_the_density_alone() -> None:
    image = field((300, 300), 4)
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    disk = y**2 + x**2 < 0.8
    stripes = np.broadcast_to(np.arange(300) // 60 % 2 == 0, disk.shape)
    dense = independent(image) / image.size
    for mask in (disk, stripes):
        assert independent(image, mask) / mask.sum() == pytest.approx(dense, rel=0.25)
    white = np.random.default_rng(0).normal(size=(200, 200))
    assert independent(white, disk[:200, :200]) == disk[:200, :200].sum()


def test_stacks_are_judged_by_a_plane_that_counts() -> None:
    image = field((9, 80, 100))
    mask = np.zeros(image.shape, bool)
    mask[1] = True
    plane = independent(image[1])
    assert independent(image, mask) == pytest.approx(plane, rel=1e-6)
    image[2:] = np.nan
    image[0] = np.nan
    assert independent(image) == pytest.approx(plane, rel=1e-6)
    one = emseg.segment(image, n_classes="auto", smoothing=0).n_classes
    assert one == emseg.segment(image[1], n_classes="auto", smoothing=0).n_classes


@pytest.mark.parametrize("masked", [False, True])
def test_independent_pixels_are_counted_in_little_room(masked: bool) -> None:
    """Of a photograph, one channel at a time becomes floats."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (600, 800, 3), np.uint8)
    mask = image[..., 0] > 40 if masked else None
    model = emseg.segment(image[:50, :50], n_classes=2, smoothing=0).model
    source = read_source(image, emseg.Params(), mask)
    independent_pixels(source, model, image[..., 0].size)
    tracemalloc.start()
    independent_pixels(source, model, image[..., 0].size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A thumbnail of 192 x 256 pixels and its features take some room as well.
    assert peak < 12 * image[..., 0].size + 2**22
