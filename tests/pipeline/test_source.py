"""Sources: parts, slabs and pieces of images of any number of axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import coffee

import napari_emseg as emseg
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.engine.mrf.smoother import CELL
from napari_emseg.pipeline import source as module
from napari_emseg.pipeline.smoothing import impulses_in, noise_in
from napari_emseg.pipeline.source import SegmentationInput, as_source, find_space
from napari_emseg.pipeline.tiles import choose_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPES = st.lists(st.integers(1, 40), min_size=2, max_size=5).map(tuple)


def source_of(
    values: NDArray[Any], mask: NDArray[np.bool_] | None = None
) -> SegmentationInput:
    picture = as_lazy_image(values, rgb=False)
    return as_source(picture, mask, None, find_space(picture, "none", 0, 0))


def numbered(shape: tuple[int, ...]) -> NDArray[np.int32]:
    return np.arange(prod(shape), dtype=np.int32).reshape(shape)


@given(shape=SHAPES, limit=st.sampled_from([1, 100, 5000, 2**18]))
def test_pieces_are_different_and_within(shape: tuple[int, ...], limit: int) -> None:
    found = choose_blocks(shape, limit)
    starts = [tuple(part.start for part in where) for where in found]
    assert len({*starts}) == len(starts) >= 1
    sizes = set()
    for where in found:
        assert all(
            0 <= p.start < p.stop <= n for p, n in zip(where, shape, strict=True)
        )
        sizes.add(tuple(part.stop - part.start for part in where))
    (size,) = sizes
    assert all(n == 1 for n in size[:-3])
    # Little more than asked for: one piece at least.
    assert len(found) * prod(size) <= max(limit, prod(size))
    if prod(shape) <= limit:
        assert len(found) * prod(size) == prod(shape)


@pytest.mark.parametrize("shape", [(9, 11), (5, 9, 11), (4, 5, 9, 11), (2, 3, 4, 5, 6)])
def test_small_images_are_read_as_a_whole(shape: tuple[int, ...]) -> None:
    features, valid, fixed = source_of(numbered(shape)).sample_blocks(10**6)
    assert fixed is None
    assert features.shape[:-1] == valid.shape
    values = np.sort(features[valid].ravel())
    np.testing.assert_array_equal(values, np.arange(prod(shape)))
    # Volumes at different times lie side by side, with a gap between them.
    volumes = prod(shape[:-3])
    if volumes > 1:
        assert valid.size == volumes * (shape[-3] + 1) * shape[-2] * shape[-1]


@pytest.mark.parametrize("shape", [(700, 900), (3, 40, 400, 500)])
@pytest.mark.parametrize("hidden", ["mask", "nan"])
def test_excerpts_look_where_pixels_count(shape: tuple[int, ...], hidden: str) -> None:
    inside = np.zeros(shape, bool)
    inside.reshape(-1, *shape[-2:])[-30:, 20:90, 380:450] = True
    values = numbered(shape).astype(float)
    if hidden == "nan":
        values[~inside] = np.nan
    source = source_of(values, inside if hidden == "mask" else None)
    features, valid, _ = source.sample_blocks(2**16)
    assert valid.any()
    if hidden == "mask":
        # Nothing but the box of the mask is read, apart from the gap behind pieces.
        assert np.count_nonzero(valid) > 0.9 * valid.size
        assert np.isin(features[valid], values[inside].astype(np.float32)).all()


@pytest.mark.parametrize("method", ["em", "kmeans"])
@pytest.mark.parametrize("hidden", ["mask", "nan"])
def test_few_pixels_of_a_large_image(method: str, hidden: str) -> None:
    """The pieces that tell how to smooth had missed them all."""
    image = np.full((1400, 1500), 50.0)
    inside = np.zeros(image.shape, bool)
    inside[2:18, 1470:1490] = True
    image[2:18, 1480:1490] = 90
    if hidden == "nan":
        image[~inside] = np.nan
    mask = inside if hidden == "mask" else None
    seg = emseg.segment(image, n_classes=2, mask=mask, method=method)
    expected = np.where(inside, np.where(image == 90, 2, 1), 0)
    np.testing.assert_array_equal(seg.labels, expected)


def test_what_is_outside_of_the_mask_does_not_matter() -> None:
    photo = coffee()[::2, ::2]
    inside = np.zeros(photo.shape[:2], bool)
    inside[50:150, 60:220] = True
    whole = emseg.segment(photo, mask=inside)
    part = emseg.segment(photo[50:150, 60:220])
    np.testing.assert_array_equal(whole.labels[50:150, 60:220], part.labels)


@given(shape=SHAPES, halo=st.integers(0, 8))
def test_parts_cover_each_pixel_once(shape: tuple[int, ...], halo: int) -> None:
    source = source_of(numbered(shape))
    seen = np.zeros(shape, int)
    for tile in source.tiles(halo):
        seen[tile.write] += 1
    np.testing.assert_array_equal(seen, 1)
    values = np.concatenate([part.ravel() for part, _ in source.parts(raw=True)])
    np.testing.assert_array_equal(np.sort(values), np.arange(prod(shape)))


@given(shape=SHAPES, halo=st.integers(0, 8), data=st.data())
def test_parts_of_a_mask_are_those_with_pixels_inside(
    shape: tuple[int, ...], halo: int, data: st.DataObject
) -> None:
    mask = np.zeros(shape, bool)
    for _ in range(data.draw(st.integers(1, 3))):
        corner = [data.draw(st.integers(0, n - 1)) for n in shape]
        mask[tuple(slice(c, c + data.draw(st.integers(1, 9))) for c in corner)] = True
    seen = np.zeros(shape, int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TILE", {2: 16, 3: 8})
        patch.setattr(module, "_SLAB", 100)
        grid = source_of(numbered(shape), mask).tiles(halo)
    for tile in grid:
        seen[tile.write] += 1
        assert mask[tile.write].any()
        if halo:
            # Smoothing would tell apart tiles that begin within a cell.
            assert not any(part.start % CELL for part in tile.write[-2:])
    assert (seen[mask] == 1).all()
    assert seen.max() == 1


def test_outside_of_a_mask_nothing_is_worked_out() -> None:
    image = np.zeros((3000, 3000), np.uint8)
    mask = np.zeros(image.shape, bool)
    mask[1001:1040, 2001:2050] = True
    (tile,) = source_of(image, mask).tiles(30)
    assert prod(part.stop - part.start for part in tile.read) < 120**2


@pytest.mark.parametrize(
    ("shape", "texture", "position"),
    [
        ((40, 50), 0, 0),
        ((40, 50), 1, 1),
        ((6, 40, 50), 1, 0),
        ((2, 6, 40, 50), 0, 1),
    ],
)
def test_auto_order_goes_with_all_features(
    shape: tuple[int, ...], texture: float, position: float, rng: np.random.Generator
) -> None:
    image = np.zeros(shape)
    image[..., 25:] = 90
    noisy = image + rng.normal(0, 5, shape)
    seg = emseg.segment(
        noisy, n_classes="auto", texture=texture, position=position, smoothing=0
    )
    assert seg.n_classes >= 2
    # However many classes there are, none of them lies on both sides.
    sides = [np.unique(part) for part in np.split(seg.labels, [25], axis=-1)]
    assert not np.intersect1d(*sides).size


def test_masks_are_selections():
    """A soft one counts from half coverage, and what is no mask is refused."""
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    hard = np.zeros(image.shape, bool)
    hard[1:4, 2:6] = True
    soft = emseg.select.feather(hard, 0.8)
    soft[0, 0] = 0.4
    wanted = emseg.segment(image, n_classes=2, mask=soft >= 0.5).labels
    assert wanted[0, 0] == 0
    for mask in (soft, np.where(soft >= 0.5, 1.0, np.nan), (soft >= 0.5) * 255):
        found = emseg.segment(image, n_classes=2, mask=mask).labels
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(TypeError, match="mask has values of type <U1; pass bool"):
        emseg.segment(image, mask=np.full(image.shape, "a"))


def test_what_an_image_is_like_is_read_once() -> None:
    """By all that look whether it is noisy, and how soft it is."""
    reads: list[int] = []

    class Slow:
        shape, dtype = (300, 400), np.dtype(np.float32)

        def __getitem__(self, key: Any) -> NDArray[Any]:
            reads.append(1)
            return np.random.default_rng(0).random(self.shape, np.float32)[key]

    picture = as_lazy_image(Slow(), rgb=False)
    source = as_source(picture, None, None, find_space(picture, "none", 0, 0))
    model = emseg.segment(np.eye(9), n_classes=2, smoothing=0).model
    reads.clear()
    assert impulses_in(source) == 0
    first = len(reads)
    assert first > 0
    noise_in(source, model)
    assert len(reads) == first
    with pytest.raises(ValueError, match="read-only"):
        source.sample[0][0] = 0


def test_array_of_unknown_size() -> None:
    lazy = dask.array.from_array(np.ones((40, 60), np.uint8), chunks=20)
    with pytest.raises(ValueError, match=r"axis 0, .* compute_chunk_sizes\(\)"):
        emseg.segment(lazy[lazy[:, 0] > 0])
