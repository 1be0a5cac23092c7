"""Palettes: exact counts, and a way back for every value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_emseg.engine.cells import palette
from napari_emseg.engine.cells.palette import (
    Coding,
    coding_for,
    count_codes,
    count_into,
    encoded,
    occupied,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREYS = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"]
RGB = Coding(24, 0, np.dtype("u1"))


def coding_of(values: NDArray[Any]) -> Coding:
    span = None if values.dtype.kind == "b" else (int(values.min()), int(values.max()))
    coding = coding_for(values.dtype, channels=1, rgb=False, span=span)
    assert coding is not None
    return coding


@given(data=st.data(), kind=st.sampled_from(GREYS))
def test_grey_levels_survive_coding(data: st.DataObject, kind: str) -> None:
    dtype = np.dtype(kind)
    elements = None
    if dtype.itemsize > 2:
        limit = min(2**62, np.iinfo(dtype).max) - 2**16
        low = data.draw(st.integers(-limit if dtype.kind == "i" else 0, limit))
        elements = st.integers(low, low + 2**16 - 1)
    values = data.draw(hnp.arrays(dtype, (5, 4, 1), elements=elements))
    coding = coding_of(values)
    codes = coding.encode(values)
    assert codes.shape == (5, 4)
    assert codes.max() < 2**coding.bits
    back = coding.decode(codes.ravel())
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values.reshape(-1, 1))
    # The order of the levels is that of the values.
    np.testing.assert_array_equal(
        np.argsort(codes, axis=None, kind="stable"),
        np.argsort(values, axis=None, kind="stable"),
    )


@given(
    values=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([3, 4])),
    )
)
def test_colors_survive_coding(values: NDArray[np.uint8]) -> None:
    codes = RGB.encode(values)
    wide = values.astype(np.uint32)
    np.testing.assert_array_equal(
        codes, wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    )
    np.testing.assert_array_equal(
        RGB.decode(codes.ravel()), values[..., :3].reshape(-1, 3)
    )


@pytest.mark.parametrize(
    ("dtype", "channels", "rgb", "span", "bits"),
    [
        ("u1", 3, True, None, 24),
        ("u2", 3, True, None, None),
        ("f4", 3, True, None, None),
        ("u1", 3, False, None, None),
        ("f4", 1, False, None, None),
        ("u1", 1, False, None, 8),
        ("?", 1, False, None, 8),
        ("i2", 1, False, None, 16),
        ("i4", 1, False, (-3, 2**16 - 4), 16),
        ("i4", 1, False, (-3, 2**16 - 3), None),
        ("i8", 1, False, None, None),
    ],
)
def test_short_lists_of_values_are_coded(
    dtype: str,
    channels: int,
    rgb: bool,
    span: tuple[int, int] | None,
    bits: int | None,
) -> None:
    coding = coding_for(np.dtype(dtype), channels=channels, rgb=rgb, span=span)
    assert (None if coding is None else coding.bits) == bits


@pytest.fixture(params=["sort", "table", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Count in each of the ways that large images take."""
    if request.param != "sort":
        monkeypatch.setattr(palette, "_SORT_LIMIT", 0)
    if request.param == "many":
        monkeypatch.setattr(palette, "_NARROW", 1000)
        monkeypatch.setattr(palette, "_EXACT_COUNTS", 1000)
    return str(request.param)


@pytest.mark.parametrize("most", [3, 2**24])
def test_counts_are_exact_however_they_are_made(
    way: str, most: int, rng: np.random.Generator
) -> None:
    parts = [
        rng.integers(0, most, n).astype(np.uint32).reshape(-1, 1)
        for n in (700, 1, 1500, 2400)
    ]
    every = np.concatenate(parts)
    expected = np.unique(every, return_counts=True)
    codes, counts = count_codes(iter(parts), bits=24, size=every.size)
    np.testing.assert_array_equal(codes, expected[0])
    np.testing.assert_array_equal(counts, expected[1])
    assert counts.dtype == np.int64


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_levels_are_counted_exactly(
    way: str, bits: int, dtype: type[np.integer[Any]], rng: np.random.Generator
) -> None:
    parts = [rng.integers(0, 2**bits, n).astype(dtype) for n in (1700, 1, 900)]
    codes, counts = count_codes(iter(parts), bits=bits, size=2601)
    expected = np.unique(np.concatenate(parts), return_counts=True)
    np.testing.assert_array_equal(codes, expected[0])
    np.testing.assert_array_equal(counts, expected[1])


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_nothing_is_counted_as_nothing(bits: int, way: str) -> None:
    codes, counts = count_codes(iter([]), bits=bits, size=0)
    assert codes.size == counts.size == 0


@pytest.mark.parametrize("bits", [8, 16, 24])
@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 2**17, 2**17 + 1])
def test_look_up_is_indexing(bits: int, count: int, rng: np.random.Generator) -> None:
    dtype = {8: np.uint8, 16: np.uint16, 24: np.uint32}[bits]
    codes = rng.integers(0, 2**bits, count).astype(dtype).reshape(-1, 1)
    # The corners of the table are where a look-up by picture may slip.
    codes[0] = 2**bits - 1
    coding = Coding(bits, 0, np.dtype(dtype))
    used = np.unique(codes)
    entries = rng.integers(0, 65, used.size).astype(np.uint8)
    found = coding.lookup(codes, coding.table(used, entries))
    assert found.shape == codes.shape
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, entries[np.searchsorted(used, codes)])


@pytest.mark.parametrize("dtype", [np.uint32, np.int64])
@pytest.mark.parametrize("at_once", [64, 2**16])
def test_parts_are_added_to_what_is_counted(
    dtype: type[np.integer[Any]],
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
    rng: np.random.Generator,
) -> None:
    """Of colors that come again in a part, and in parts of 3 and 4 channels."""
    monkeypatch.setattr(palette, "_ADDED", at_once)
    parts = [
        rng.integers(0, 4, (n, channels)).astype(np.uint8) * 85
        for n, channels in [(700, 3), (0, 3), (64, 4), (1, 3)]
    ]
    table = np.zeros(2**24, dtype)
    table[[0, 7]] = 2**31, 5
    assert count_into(table, encoded(parts, RGB)) == 765
    codes, counts = occupied(table)
    every = np.concatenate([RGB.encode(part) for part in parts if len(part)])
    expected = dict(zip(*np.unique(every, return_counts=True), strict=True))
    expected[0] = expected.get(0, 0) + 2**31
    expected[7] = 5
    np.testing.assert_array_equal(codes, sorted(expected))
    np.testing.assert_array_equal(counts, [expected[code] for code in codes])
    assert (codes.dtype, counts.dtype) == (np.uint32, np.int64)
