"""The table of the classes of any labels."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.measure import label as connected

import napari_emseg as emseg
from napari_emseg.engine.labels.measures import Measures
from napari_emseg.pipeline.class_table import columns, csv_text

SHAPES = st.sampled_from([(7, 9), (3, 5, 6), (2, 2, 3, 4)])
KINDS = st.sampled_from(["uint8", "uint16", "int32", "float32"])
TYPES = st.sampled_from(["uint8", "uint16", "int64"])


@st.composite
def pictures(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any]]:
    shape = draw(SHAPES)
    few = st.sampled_from([0, 1, 2, 5, 9])
    labels = draw(hnp.arrays(draw(TYPES), shape, elements=few))
    values = st.integers(0, 255)
    image = draw(hnp.arrays(draw(KINDS), (*shape, 2), elements=values))
    return labels, image


@given(pictures())
def test_columns_are_what_numpy_says(pair: tuple[NDArray[Any], NDArray[Any]]) -> None:
    labels, image = pair
    table = emseg.class_table(
        labels, image, spacing=(2, 0.25), rgb=False, channel_axis=-1
    )
    found = [int(label) for label in np.unique(labels) if label]
    assert table["label"].tolist() == found
    for row, label in enumerate(found):
        own = image[labels == label].astype(np.float64)
        assert table["pixels"][row] == len(own)
        assert table["area"][row] == len(own) / 2
        assert table["fraction"][row] == len(own) / np.count_nonzero(labels)
        np.testing.assert_allclose(table["mean"][row], own.mean(axis=0), atol=1e-12)
        # Half of the digits of squares are left in the root of their difference.
        np.testing.assert_allclose(table["std"][row], own.std(axis=0), atol=1e-5)
        frames = labels.reshape(-1, *labels.shape[-3:])
        pieces = [connected(f == label, connectivity=1).max() for f in frames]
        assert table["n_regions"][row] == sum(pieces)


def test_classes_that_are_asked_for_are_there_in_that_order() -> None:
    labels = np.array([[4, 4, 1], [0, 7, 1]])
    table = emseg.class_table(labels, labels * 2.0, classes=[7, 3, 4])
    assert table["label"].tolist() == [7, 3, 4]
    assert table["pixels"].tolist() == [1, 0, 2]
    assert table["n_regions"].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(table["mean"][:, 0], [14, np.nan, 8])
    assert table["fraction"].sum() == 1


def test_no_digits_are_lost_far_from_zero() -> None:
    values = np.array([[1e9, 1e9 + 1, 1e9 + 2, 1e9 + 50]])
    table = emseg.class_table(np.array([[1, 1, 1, 2]]), values)
    assert table["std"][0, 0] == pytest.approx(np.sqrt(2 / 3), rel=1e-6)


def test_pixels_that_are_no_numbers_count_but_have_no_color() -> None:
    values = np.array([[1.0, np.nan, 3.0, np.inf]])
    table = emseg.class_table(np.array([[1, 1, 1, 2]]), values)
    assert table["pixels"].tolist() == [3, 1]
    np.testing.assert_array_equal(table["mean"][:, 0], [2, np.nan])


def test_parts_add_up() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, (60, 7))
    for kind in (np.uint8, np.float32):
        image = rng.integers(0, 255, (60, 7, 3)).astype(kind)
        whole, parts = Measures([1, 2, 3], 3), Measures([1, 2, 3], 3)
        whole.add(labels, image)
        for start in range(0, 60, 13):
            parts.add(labels[start : start + 13], image[start : start + 13])
        np.testing.assert_array_equal(parts.pixels, whole.pixels)
        np.testing.assert_allclose(parts.mean(), whole.mean())
        np.testing.assert_allclose(parts.std(), whole.std())


def test_without_an_image_there_are_no_colors() -> None:
    table = emseg.class_table(np.array([[1, 2, 2]]))
    assert table["mean"].shape == table["std"].shape == (2, 0)
    assert table["pixels"].tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_labels_may_be_negative_and_asked_for_twice(kind: str) -> None:
    labels = np.array([[1, 2, -1], [0, 1, 2]])
    image = np.array([[3, 5, 9], [9, 3, 7]], kind)
    table = emseg.class_table(labels, image, classes=[1, 2, 1])
    assert table["pixels"].tolist() == [2, 2, 2]
    assert table["mean"].ravel().tolist() == [3, 6, 3]
    assert table["n_regions"].tolist() == [2, 2, 2]
    every = emseg.class_table(labels, image)
    assert every["label"].tolist() == [-1, 1, 2]
    assert every["mean"].ravel().tolist() == [9, 3, 6]


def test_alpha_is_no_color(stripes: NDArray[np.uint8]) -> None:
    seg = emseg.segment(stripes, n_classes=3)
    seen = np.concatenate([stripes, np.full((60, 80, 1), 255, np.uint8)], axis=-1)
    table = emseg.class_table(seg.labels, seen)
    np.testing.assert_allclose(table["mean"], seg.table()["mean"])


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (np.zeros((4, 4)), {}, "integers"),
        (np.zeros((0, 4), int), {}, "one pixel"),
        (np.zeros((4, 4), int), {"image": np.zeros((4, 5))}, r"\(4, 4\)"),
        (np.ones((4, 4), int), {"spacing": (1, 0)}, "positive"),
        (np.ones((4, 4), int), {"spacing": (1, np.nan)}, "positive"),
        (np.ones((4, 4), int), {"spacing": 0.5}, "number for each axis"),
        (np.ones((4, 4), int), {"spacing": (0.5,)}, "number for each axis"),
        (np.ones((4, 4), int), {"spacing": (2, 0.5, 0.5)}, "labels have 2 axes"),
    ],
)
def test_wrong_input_is_named(labels: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emseg.class_table(labels, **options)


def test_csv_is_read_back_as_it_was(stripes: NDArray[np.uint8]) -> None:
    seg = emseg.segment(stripes, n_classes=3)
    found = columns(seg.table((0.5, 0.5)), rgb=True, area="area (mm²)")
    found["name"] = ['a "sky", blue', "b\nc", "d"]
    rows = [*csv.reader(csv_text(found).splitlines(keepends=True))]
    assert rows[0] == [
        *("label", "pixels", "area (mm²)", "fraction", "regions"),
        *("mean R", "mean G", "mean B", "std R", "std G", "std B", "name"),
    ]
    for name, column in found.items():
        read = [row[rows[0].index(name)] for row in rows[1:]]
        assert read == column if name == "name" else [*map(float, read)] == column
