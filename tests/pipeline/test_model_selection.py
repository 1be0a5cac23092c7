"""How many classes an image has, as people would count them."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_emseg as emseg
from napari_emseg.engine.cluster.criteria import coherence
from napari_emseg.pipeline import model_selection
from napari_emseg.pipeline.model_selection import (
    independent_pixels,
    iter_choice,
    shrunk,
)
from napari_emseg.pipeline.segment import read_input
from napari_emseg.pipeline.source import count_source

if TYPE_CHECKING:
    from numpy.typing import NDArray

from typing import TYPE_CHECKING

import cv2
import skimage.data

from napari_emseg.pipeline.model_selection import criteria_by_n_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine.cluster.mixture import MixtureModel

    Image = NDArray[Any]


def chosen(image: Image) -> int:
    return emseg.segment(image, n_classes="auto", smoothing=0).n_classes


def drawing(low: float, high: float, noise: float, *, smooth: bool = False) -> Image:
    """Write black on white and add noise, (300, 400) uint8."""
    page = np.full((300, 400), 255, np.uint8)
    kind = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.putText(page, "Hello", (40, 180), cv2.FONT_HERSHEY_SIMPLEX, 4, 0, 12, kind)
    cv2.circle(page, (300, 80), 50, 0, -1, kind)
    values = low + (high - low) * (page / 255)
    values += np.random.default_rng(0).normal(0, noise, page.shape)
    return values.round().clip(0, 255).astype(np.uint8)


def halos() -> Image:
    """Draw blurred spots of stain: halos are as many pixels as some of the spots."""
    rng = np.random.default_rng(1)
    size = 120
    stain = np.zeros((size, size), np.float32)
    for _ in range(8):
        center = tuple(int(v) for v in rng.integers(0, size, 2))
        axes = tuple(int(v) for v in rng.integers(6, 14, 2))
        turn, depth = float(rng.integers(0, 180)), float(rng.uniform(0.5, 1))
        cv2.ellipse(stain, center, axes, turn, 0, 360, depth, -1)
    stain = cv2.GaussianBlur(stain, (0, 0), 2.5)
    ground = cv2.GaussianBlur(rng.normal(0, 1, (size, size)), (0, 0), 3)
    image = [180, 165, 205] + (ground / ground.std())[..., np.newaxis]
    image = image + stain[..., np.newaxis] * [-100, -130, -60]
    image = (image + rng.normal(0, 1, image.shape)).round().clip(0, 255)
    return image.astype(np.uint8)


def test_blurred_outlines_are_no_class_of_the_fit_either() -> None:
    """Four shades are wide, but fitted to all colors, one is the halo of the others."""
    found = emseg.segment(halos(), n_classes="auto", smoothing=0)
    widths = coherence(found.labels, found.n_classes)
    assert found.n_classes == 3
    # A line of 1.8 pixels has .72; one of four classes had .70.
    assert widths.min() > 0.8


def test_a_choice_is_canceled_between_two_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    fit = model_selection._fitted

    def noted(*args: Any) -> MixtureModel:
        done.append("fit")
        return fit(*args)

    monkeypatch.setattr(model_selection, "_fitted", noted)
    source = emseg.segment(halos(), n_classes=2, smoothing=0).source
    done.extend("step" for _ in iter_choice(source, count_source(source)))
    assert done.count("fit") == 2
    assert ("fit", "fit") not in pairwise(done)


@pytest.mark.parametrize(
    ("ends", "noise", "smooth"),
    [
        ((40, 200), 0, True),
        ((40, 200), 0.5, False),
        ((40, 200), 8, True),
        ((0, 255), 0, False),
        ((0, 255), 2, True),
        ((0, 255), 8, False),
    ],
)
def test_ink_and_paper(ends: tuple[int, int], noise: float, smooth: bool) -> None:
    """Neither the gray of outlines nor single levels of the noise are classes."""
    page = drawing(*ends, noise, smooth=smooth)
    assert chosen(page) == 2
    # Without noise and with much, as colors, too: they are those of the gray plane.
    if noise in (0, 8):
        assert chosen(np.dstack([page] * 3)) == 2


def test_the_criteria_are_those_that_chose() -> None:
    page = drawing(40, 200, 8, smooth=True)
    scene = np.ascontiguousarray(skimage.data.coffee()[::8, ::8])
    noise = np.random.default_rng(5).normal(0, 1, (200, 220))
    noisy = shapes(4) + np.random.default_rng(4).normal(0, 0.2, (256, 256))
    for image in (page, scene, noise, noisy, skimage.data.coins()):
        seg = emseg.segment(image, n_classes="auto", smoothing=0)
        assert criteria_by_n_classes(seg.source).best == seg.n_classes


def test_outlines_that_are_wide_are_a_class() -> None:
    page = cv2.GaussianBlur(drawing(40, 200, 0).astype(np.float64), (0, 0), 1.5)
    page += np.random.default_rng(0).normal(0, 2, page.shape)
    assert chosen(page.round().astype(np.uint8)) == 3


@pytest.mark.parametrize(
    ("kind", "draw"),
    [("sharp", 0), ("soft", 1), ("soft", 2), ("JPEG 85", 0), ("JPEG 50", 1)],
)
def test_a_graphic_has_as_many_classes_as_colors(kind: str, draw: int) -> None:
    """Mixed colors on outlines, and what JPEG leaves around them, were classes."""
    rng = np.random.default_rng(draw)
    image = np.full((240, 240, 3), (230, 225, 200), np.uint8)
    colors = [(200, 40, 40), (40, 120, 60), (40, 60, 170), (250, 200, 30)]
    for i, (y, x) in enumerate(rng.integers(20, 220, (12, 2)).tolist()):
        cv2.circle(image, (x, y), int(rng.integers(12, 36)), colors[i % 4], -1)
    if kind == "soft":
        noisy = cv2.GaussianBlur(image.astype(np.float64), (0, 0), 1)
        noisy += rng.normal(0, 2, image.shape)
        image = noisy.round().clip(0, 255).astype(np.uint8)
    elif kind != "sharp":
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(kind.split()[1])]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], 1))
    # Where colors mix over two pixels and more, one class of them is a matter of taste.
    assert chosen(image) in ((5, 6) if kind == "JPEG 50" else (5,))


@pytest.mark.parametrize("contrast", [0.05, 0.3])
def test_dark_pictures_have_classes_too(contrast: float) -> None:
    """What looks the same in a bright picture may be all that there is."""
    gray = contrast * drawing(0, 255, 8).astype(np.float64)
    assert chosen(np.dstack([gray] * 3).round().astype(np.uint8)) == 2


def shapes(count: int) -> NDArray[np.float64]:
    """Draw half planes, a disc and a ring in `count` levels from 0 to 1, (256, 256)."""
    y, x = np.mgrid[:256, :256]
    truth = (x > 128).astype(int)
    truth[np.hypot(y - 90, x - 128) < 50] = 2
    if count == 4:
        ring = np.hypot(y - 190, x - 128)
        truth[(ring > 20) & (ring < 45)] = 3
    return truth / (count - 1)


@pytest.mark.parametrize(
    ("count", "deviation"), [(3, 0.05), (3, 0.3), (4, 0.1), (4, 0.2)]
)
def test_noise_hides_no_classes(count: int, deviation: float) -> None:
    rng = np.random.default_rng(count)
    truth = shapes(count)
    image = truth + rng.normal(0, deviation, truth.shape)
    assert chosen(image) == count
    eight_bit = (60 + 120 * image).round().clip(0, 255).astype(np.uint8)
    assert chosen(eight_bit) == count


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: rng.normal(128, 2, shape).round().astype(np.uint8),
        lambda rng, shape: rng.normal(128, 20, shape).round().astype(np.uint8),
        lambda rng, shape: rng.poisson(3, shape).astype(np.uint16),
        lambda rng, shape: rng.integers(0, 256, shape).astype(np.uint8),
        lambda rng, shape: rng.normal(0, 1, shape),
    ],
    ids=["dim", "strong", "few photons", "uniform", "float"],
)
def test_noise_alone_is_one_class(draw: Any) -> None:
    assert chosen(draw(np.random.default_rng(5), (200, 220))) == 1


@pytest.mark.parametrize("radius", [2, 3, 5, 8])
@pytest.mark.parametrize("noise", [5, 20])
def test_spots_are_a_class(radius: int, noise: float) -> None:
    rng = np.random.default_rng(radius)
    image = np.full((300, 300), 60.0)
    for y, x in rng.integers(10, 290, (30, 2)).tolist():
        cv2.circle(image, (x, y), radius, 160, -1)
    image += rng.normal(0, noise, image.shape)
    assert chosen(image.clip(0, 255).astype(np.uint8)) == 2


@pytest.mark.parametrize("levels", [(40, 210), (40, 120, 210)])
@pytest.mark.parametrize("noise", [0, 6])
def test_clear_colors_are_classes_wherever_they_are(
    levels: tuple[int, ...], noise: float
) -> None:
    rng = np.random.default_rng(9)
    strewn = np.array(levels)[rng.integers(0, len(levels), (100, 120))]
    image = (strewn + rng.normal(0, noise, strewn.shape)).clip(0, 255).astype(np.uint8)
    assert chosen(image) == len(levels)


def test_who_asks_for_classes_wants_two_rather_than_one() -> None:
    # The darker half of the ground may count as a class of its own.
    assert chosen(skimage.data.coins()) in (2, 3)


@pytest.mark.parametrize("seed", range(3))
def test_a_rare_bright_phase_is_found(seed: int) -> None:
    """Grains, pores, cement of a rock, and a mineral of less than a hundredth of it."""
    rng = np.random.default_rng(seed)
    size = (256, 256)
    grain = gaussian_filter(rng.normal(size=size), 8)
    levels = np.where(grain > np.quantile(grain, 0.8), 60.0, 130.0)
    levels[grain < np.quantile(grain, 0.15)] = 160
    for y, x in rng.integers(10, 246, (6, 2)):
        levels[y - 5 : y + 5, x - 5 : x + 5] = 230
    image = gaussian_filter(levels, 0.8) + rng.normal(0, 5, size)
    seg = emseg.segment(image.round().clip(0, 255).astype(np.uint8), n_classes="auto")
    mineral = levels == 230
    found = seg.labels == seg.n_classes
    assert 4 <= seg.n_classes <= 5
    assert (found & mineral).sum() > 0.8 * (found | mineral).sum()


def test_a_plane_of_a_stack_decides_as_the_plane_does() -> None:
    page = drawing(40, 200, 2)[:128, :256]
    assert chosen(np.stack([page] * 4)) == chosen(page) == 2


def test_progress_tells_of_both_passes_over_noise() -> None:
    image = shapes(3) + np.random.default_rng(0).normal(0, 0.3, (256, 256))
    params = emseg.Params(n_classes="auto")
    steps = [s for s in emseg.iter_segment(image, params) if s.stage == "order"]
    assert [step.done for step in steps] == list(range(1, 25))
    assert [step.total for step in steps] == [12] * 12 + [24] * 12


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
    return independent_pixels(read_input(image, params, mask), seg.model, total)


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
    source = read_input(image, emseg.Params(), mask)
    independent_pixels(source, model, image[..., 0].size)
    tracemalloc.start()
    independent_pixels(source, model, image[..., 0].size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A thumbnail of 192 x 256 pixels and its features take some room as well.
    assert peak < 12 * image[..., 0].size + 2**22
