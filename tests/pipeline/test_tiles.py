"""Tiles cover everything once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_emseg.pipeline.tiles import tiles

SHAPES = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 7)), min_size=1, max_size=4
)


@given(axes=SHAPES, halo=st.integers(0, 4))
def test_tiles_cover_each_pixel_once(axes: list[tuple[int, int]], halo: int) -> None:
    shape, size = zip(*axes, strict=True)
    whole = np.arange(np.prod(shape)).reshape(shape)
    seen = np.zeros(shape, int)
    for tile in tiles(shape, size, halo):
        seen[tile.write] += 1
        assert all(
            n <= most for n, most in zip(seen[tile.write].shape, size, strict=False)
        )
        np.testing.assert_array_equal(whole[tile.read][tile.inner], whole[tile.write])
        for length, step, write, read in zip(
            shape, size, tile.write, tile.read, strict=True
        ):
            margin = halo if step > 1 else 0
            assert read.start == max(write.start - margin, 0)
            assert read.stop == min(write.stop + margin, length)
    np.testing.assert_array_equal(seen, 1)


def test_tiles_come_in_the_order_of_memory() -> None:
    found = [tile.write for tile in tiles((4, 6), (2, 3))]
    starts = [tuple(part.start for part in write) for write in found]
    assert starts == [(0, 0), (0, 3), (2, 0), (2, 3)]
