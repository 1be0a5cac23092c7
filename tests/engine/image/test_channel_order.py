"""Channels that stand first are noticed; planes of a volume are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

import napari_emseg as emseg
from napari_emseg.engine.image.channel_order import looks_channels_first
from napari_emseg.engine.image.lazy_image import as_lazy_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHOTOS = ["astronaut", "chelsea", "coffee", "rocket"]


def first(name: str) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.moveaxis(getattr(data, name)(), -1, 0))


@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_with_channels_first_are_noticed(name: str) -> None:
    image = first(name)
    assert looks_channels_first(as_lazy_image(image))
    assert looks_channels_first(as_lazy_image(image / np.float32(255)))


@pytest.mark.parametrize("depth", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("noise", [0, 0.3, 1])
def test_planes_of_volumes_are_not(
    depth: float, noise: float, rng: np.random.Generator
) -> None:
    volume = ndimage.gaussian_filter(rng.random((12, 160, 160)), (2 * depth, 2, 2))
    volume = volume / volume.std() + noise * rng.normal(size=volume.shape)
    volume += 0.02 * np.arange(12)[:, np.newaxis, np.newaxis]
    for z in range(0, 9, 3):
        assert not looks_channels_first(as_lazy_image(volume[z : z + 3]))


def test_nor_are_pictures_at_three_times() -> None:
    plane = first("coffee")[1]
    assert not looks_channels_first(as_lazy_image(np.stack([plane] * 3)))


def test_only_three_large_planes_of_bytes_or_floats_can_be_channels() -> None:
    image = first("coffee")
    for other in (image[:2], image[:, :30], image.astype(np.uint16), image[0]):
        assert not looks_channels_first(as_lazy_image(other))
    assert not looks_channels_first(as_lazy_image(image, channel_axis=0))


def test_they_are_told_of_unless_somebody_said_what_they_are() -> None:
    image = first("coffee")[:, ::4, ::4].copy()
    with pytest.warns(UserWarning, match="pass channel_axis=0 .* rgb=False"):
        told = emseg.segment(image, smoothing=0)
    quiet = emseg.segment(image, rgb=False, smoothing=0)
    np.testing.assert_array_equal(told.labels, quiet.labels)
    emseg.segment(image, channel_axis=0, smoothing=0)
    with pytest.warns(UserWarning, match="channels of one picture"):
        emseg.features(image)


def test_nor_are_pictures_of_different_things(rng: np.random.Generator) -> None:
    planes = ndimage.gaussian_filter(rng.random((3, 128, 128)), (0, 2, 2))
    planes = planes / planes.std() + np.arange(3)[:, np.newaxis, np.newaxis]
    assert not looks_channels_first(as_lazy_image(planes))


def test_nor_are_smooth_volumes_that_darken_with_depth(
    rng: np.random.Generator,
) -> None:
    volume = ndimage.gaussian_filter(rng.random((12, 160, 160)), 3)[4:7]
    volume = volume / volume.std() + 0.5 * np.arange(3)[:, np.newaxis, np.newaxis]
    assert not looks_channels_first(as_lazy_image(volume))
