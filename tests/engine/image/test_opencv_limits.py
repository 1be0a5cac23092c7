"""OpenCV on images of a few columns or a single line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from napari_emseg.engine.image.opencv_limits import bilateral, inpaint


@pytest.mark.parametrize("width", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_parts_of_a_tall_image_are_smoothed_as_by_themselves(
    width: int, channels: tuple[int, ...]
) -> None:
    shape = (20_000, width, *channels)
    image = np.random.default_rng(0).random(shape, dtype=np.float32) * 100
    found = bilateral(image)
    assert found.shape == image.shape
    for start in (0, 4_000, 8_100, 19_000):
        part = image[max(start - 4, 0) : start + 204]
        alone = cv2.bilateralFilter(part, 9, 8, 4).reshape(part.shape)
        inner = alone[min(start, 4) :][:200]
        np.testing.assert_array_equal(found[start : start + 200], inner)


@pytest.mark.parametrize("shape", [(1, 60), (60, 1), (2, 60), (60, 60)])
@pytest.mark.parametrize("method", [cv2.INPAINT_TELEA, cv2.INPAINT_NS])
def test_holes_get_what_is_around_them(shape: tuple[int, int], method: int) -> None:
    plane = np.full(shape, 40, np.float32)
    holes = np.zeros(shape, np.uint8)
    middle = tuple(slice(n // 2, n // 2 + 2) for n in shape)
    plane[middle], holes[middle] = 250, 1
    found = inpaint(plane, holes, 3, method)
    assert found.shape == shape
    np.testing.assert_allclose(found, 40, atol=2)
