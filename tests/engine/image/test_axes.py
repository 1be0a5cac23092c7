"""Letters of axes, and arrays that are seen in another order."""

import itertools

import dask.array
import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.engine.image.axes import (
    AxisOrder,
    ChannelStack,
    axes_choices,
    check_axes,
    guess_axes,
    letters_of,
    view_of,
)
from napari_emseg.engine.image.lazy_image import as_lazy_image


class OnlySlices:
    """An array that can be sliced, and nothing else."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def __getitem__(self, key):
        return self.values[key]


@pytest.mark.parametrize(
    ("axes", "shape", "said"),
    [
        ("ZYX", (4, 5), "names 3 axes.*has 2"),
        ("YYX", (4, 5, 6), "has Y twice"),
        ("ZCX", (4, 5, 6), "no Y or no X"),
        ("Z-YX", (2, 4, 5, 6), "other signs"),
        ("CSYX", (2, 3, 5, 6), "channels.*and colors"),
    ],
)
def test_wrong_axes_are_told(axes, shape, said):
    with pytest.raises(ValueError, match=said):
        check_axes(axes, shape)
    with pytest.raises(ValueError, match=said):
        as_lazy_image(np.zeros(shape), axes=axes)


def test_axes_are_a_text():
    with pytest.raises(TypeError, match="one letter for each axis"):
        check_axes(("Y", "X"), (4, 5))
    with pytest.raises(ValueError, match="pass one of them"):
        as_lazy_image(np.zeros((2, 4, 5)), axes="CYX", channel_axis=0)
    with pytest.raises(ValueError, match="no colors"):
        as_lazy_image(np.zeros((4, 5, 3)), axes="YXZ", rgb=True)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((60, 80), "YX"),
        ((2, 60, 80), "CYX"),
        ((4, 60, 80), "CYX"),
        ((5, 60, 80), "ZYX"),
        ((1, 60, 80), "ZYX"),
        ((3, 9, 9), "ZYX"),
        ((9, 20, 3, 60, 80), "TZCYX"),
        ((9, 3, 20, 60, 80), "TCZYX"),
        ((3, 20, 60, 80), "CZYX"),
        ((20, 3, 60, 80), "ZCYX"),
        ((3, 3, 60, 80), "ZCYX"),
    ],
)
def test_guesses_by_length(shape, axes):
    assert guess_axes(shape) == axes
    assert axes_choices(axes, channels=True)[0] == axes


def test_names_that_tell():
    assert letters_of(("t", "channel", "y", "x")) == "TCYX"
    assert letters_of(("c", "band", "y", "x")) is None
    assert letters_of(("", "y", "x")) is None


@pytest.mark.parametrize(
    "dims",
    [("S", "Y", "X"), ("y", "S", "x"), ("c", "row", "col"), ("band", "lat", "lon"),
     ("height", "width", "ch")],
)  # fmt: skip
@pytest.mark.parametrize("lazily", [False, True])
def test_dims_of_xarray_in_any_order(dims, lazily):
    xarray = pytest.importorskip("xarray")
    axes = letters_of(dims)
    shape = tuple(3 if axis in "CS" else 20 for axis in axes)
    values = np.random.default_rng(4).integers(0, 255, shape, np.uint8)
    data = dask.array.from_array(values) if lazily else values
    found = emseg.segment(xarray.DataArray(data, dims=dims), n_classes=2)
    assert found.labels.shape == (20, 20)
    expected = emseg.segment(values, axes=axes, n_classes=2)
    if "C" not in axes or axes[-1] != "C":  # three channels of bytes at the end are RGB
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_dims_of_xarray_tell():
    xarray = pytest.importorskip("xarray")
    values = np.zeros((2, 5, 20, 30), np.float32)
    named = xarray.DataArray(values, dims=("c", "time", "y", "x"))
    picture = as_lazy_image(named)
    assert (picture.all_axes, picture.channel_axis) == ("CTYX", 0)
    colors = xarray.DataArray(np.zeros((20, 30, 3), np.uint8), dims=("y", "x", "band"))
    assert as_lazy_image(colors).rgb


@pytest.mark.parametrize("axes", ["".join(p) for p in itertools.permutations("TZYX")])
@pytest.mark.parametrize("volume", [True, False])
def test_order_and_back(axes, volume):
    image = np.random.default_rng(0).random((2, 3, 4, 5))
    order = AxisOrder.of(axes, volume=volume)
    there = order.arrange(image)
    sizes = dict(zip(axes, image.shape, strict=True))
    end = "ZYX" if volume else "YX"
    assert there.shape[-len(end) :] == tuple(sizes[axis] for axis in end)
    assert volume or there.shape[-3] == 1
    np.testing.assert_array_equal(order.restore(there), image)
    stacked = np.stack([there, -there])
    np.testing.assert_array_equal(order.restore(stacked, 1)[1], -image)
    lazy = order.view(OnlySlices(image), None)
    part = (slice(1, 2), slice(0, 3))
    np.testing.assert_array_equal(lazy[part], there[part])


def test_views_read_parts_only():
    image = np.random.default_rng(0).random((3, 4, 5, 6))
    view = view_of(OnlySlices(image), (3, None, 1), {0: 2, 2: 4})
    assert view.shape == (6, 1, 4)
    np.testing.assert_array_equal(view[1:3], image[2, :, 4, 1:3].T[:, np.newaxis])


def test_stack_of_channels():
    one, two = np.arange(12, dtype=np.uint8).reshape(3, 4), np.ones((3, 4), np.int16)
    stack = ChannelStack((one, two))
    assert (stack.shape, stack.dtype) == ((3, 4, 2), np.int16)
    np.testing.assert_array_equal(stack[1:, :2], np.stack([one, two], -1)[1:, :2])
    np.testing.assert_array_equal(np.asarray(stack)[..., 0], one)
