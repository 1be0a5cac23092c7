"""The census of many images: exact, whatever their order and the memory there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data

from napari_emseg.batch import joint_counts
from napari_emseg.batch.joint_counts import JointCounts
from napari_emseg.engine.cells import palette
from napari_emseg.params import Params
from napari_emseg.pipeline import source
from napari_emseg.pipeline.segment import read_input

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Photographs of several sizes; one is twice there, one has transparent pixels."""
    coffee, cat = skimage.data.coffee(), skimage.data.chelsea()
    cut = np.dstack([cat[:60, :70], np.full((60, 70), 255, np.uint8)])
    cut[:20, :, 3] = 0
    return [coffee[:50, :60], cat[100:180, 100:190], coffee[:50, :60], cut]


def counted(images: Iterable[Any]) -> JointCounts:
    counts = JointCounts()
    for image in images:
        counts.add(read_input(image, Params()))
    return counts


@pytest.fixture(params=["held", "by itself", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Count in each of the ways that depend on sizes, in parts of some rows."""
    monkeypatch.setattr(source, "_COUNT", 1000)
    if request.param == "by itself":
        monkeypatch.setattr(joint_counts, "_HELD", 4000)
    if request.param == "many":
        monkeypatch.setattr(palette, "_NARROW", 5000)
    return str(request.param)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_counts_depend_neither_on_order_nor_on_memory(
    pictures: list[NDArray[np.uint8]], way: str, order: list[int]
) -> None:
    counts = counted(pictures[number] for number in order)
    census = counts.census()
    pixels = [im[..., :3].reshape(-1, 3) for im in (*pictures[:3], pictures[3][20:])]
    wide = np.concatenate(pixels).astype(np.uint32)
    codes, weights = np.unique(
        wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2], return_counts=True
    )
    assert (counts.images, counts.pixels) == (4, len(wide))
    np.testing.assert_array_equal(census.codes, codes)
    np.testing.assert_array_equal(census.cells.weights, weights)


class Damaged:
    """A picture whose last rows cannot be read."""

    def __init__(self, image: NDArray[Any]) -> None:
        self.image = image
        self.shape, self.dtype, self.ndim = image.shape, image.dtype, image.ndim

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows = range(self.shape[0])[key[0] if isinstance(key, tuple) else key]
        if isinstance(rows, int) or rows[-1] > self.shape[0] - 5:
            raise OSError("the last rows are gone")
        found: NDArray[Any] = self.image[key]
        return found


@pytest.mark.parametrize("gray", [False, True])
def test_an_image_that_cannot_be_read_leaves_no_count(
    pictures: list[NDArray[np.uint8]], way: str, gray: bool
) -> None:
    whole, broken = pictures[:2]
    if gray:
        whole, broken = whole[..., 0], broken[..., 0]
    counts = counted([whole])
    # Nobody looks for dark corners, so that only the count reads.
    damaged = read_input(Damaged(broken), Params(corners=True), rgb=not gray)
    with pytest.raises(OSError, match="gone"):
        counts.add(damaged)
    counts.add(read_input(whole, Params()))
    expected = counted([whole, whole]).census()
    assert counts.pixels == 2 * whole.shape[0] * whole.shape[1]
    found = counts.census()
    np.testing.assert_array_equal(found.codes, expected.codes)
    np.testing.assert_array_equal(found.cells.weights, expected.cells.weights)
