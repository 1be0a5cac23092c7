"""The round field of view: found where it is, and nowhere else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data

from napari_emseg.engine.image.field_of_view import find_field
from napari_emseg.engine.image.lazy_image import as_lazy_image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scope(
    shape: tuple[int, int] = (96, 128),
    radius: float = 60,
    center: tuple[float, float] = (2, -3),
    blur: float = 2,
) -> NDArray[np.uint8]:
    """Return skin with a dark spot, seen through a round opening with a soft edge."""
    rng = np.random.default_rng(0)
    y, x = np.indices(shape) - (np.array(shape).reshape(2, 1, 1) - 1) / 2
    away = np.hypot(y - center[0], x - center[1])
    light = 1 / (1 + np.exp((away - radius) / blur))
    color = np.where(np.hypot(y, x + 9) < 20, 70, 190)[..., np.newaxis]
    color = color * np.array([1, 0.8, 0.7]) + rng.integers(0, 9, (*shape, 3))
    return np.clip(4 + color * light[..., np.newaxis], 0, 255).astype(np.uint8)


def found(image: NDArray[Any], **options: Any) -> Any:
    """Return the field of an array."""
    return find_field(as_lazy_image(image, **options))


@pytest.mark.parametrize("radius", [52, 60, 68])
@pytest.mark.parametrize("center", [(0, 0), (4, -6)])
@pytest.mark.parametrize("zoom", [1, 5])
def test_the_circle_is_that_of_the_opening(
    radius: float, center: tuple[float, float], zoom: int
) -> None:
    shape = 96 * zoom, 128 * zoom
    middle = [zoom * value for value in center]
    image = scope(shape, radius * zoom, (middle[0], middle[1]), 2 * zoom)
    field = found(image)
    assert field is not None
    expected = (np.array(shape) - 1) / 2 + middle
    np.testing.assert_allclose([field.y, field.x], expected, atol=2.5 * zoom)
    # Inside of it there is light, and beyond its soft edge there is none.
    assert (radius - 9) * zoom < field.radius < (radius + 1) * zoom
    y, x = np.indices(shape)
    away = np.hypot(y - field.y, x - field.x)
    np.testing.assert_array_equal(field.mask(shape), away <= field.radius)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_type_and_channels_do_not_matter(dtype: str, channels: int) -> None:
    image = scope()
    scale = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[dtype]
    values = (image.astype(np.float64) * scale).astype(dtype)
    field = found(values if channels == 3 else values[..., 0], rgb=channels == 3)
    one = found(image)
    assert field.radius == pytest.approx(one.radius, abs=2)
    assert (field.y, field.x) == pytest.approx((one.y, one.x), abs=1)


def test_turned_pictures_have_the_turned_field() -> None:
    image = scope()
    one, other = found(image), found(image[::-1, ::-1])
    assert (other.y, other.x) == pytest.approx((95 - one.y, 127 - one.x), abs=0.5)
    flipped = found(np.ascontiguousarray(image.transpose(1, 0, 2)))
    assert (flipped.y, flipped.x) == pytest.approx((one.x, one.y), abs=0.5)


def vignetted(corners: int) -> NDArray[np.uint8]:
    """Return a picture of which so many corners are dark."""
    image, whole = np.full((96, 128, 3), 180, np.uint8), scope()
    for number in range(corners):
        rows = slice(0, 48) if number % 2 else slice(48, 96)
        columns = slice(0, 64) if number < 2 else slice(64, 128)
        image[rows, columns] = whole[rows, columns]
    return image


def test_all_beyond_the_circle_is_dark() -> None:
    assert found(vignetted(4)) is not None
    assert found(vignetted(3)) is None


@cache
def others() -> dict[str, NDArray[Any]]:
    """Return pictures without a field of view."""
    y, x = np.mgrid[-48:48, -64:64]
    rng = np.random.default_rng(1)
    frame = np.full((96, 128), 200, np.uint8)
    frame[:12], frame[-12:], frame[:, :12], frame[:, -12:] = 5, 5, 5, 5
    diamond = np.where(abs(y) + abs(x) * 0.75 < 60, 200, 5)
    away = np.hypot(y, x)
    lens = 200 * np.cos(np.arctan(away / 80)) ** 4
    lamp = 8 + 240 * np.exp(-((away / 40) ** 2))
    holed = (scope() / 255).astype(np.float32)
    holed[50, 50] = np.nan
    clear = np.concatenate([scope(), np.full((96, 128, 1), 255, np.uint8)], axis=-1)
    clear[:5, :5, 3] = 0
    return {
        "nothing": np.full((96, 128), 90, np.uint8),
        "black": np.zeros((96, 128), np.uint8),
        "noise": rng.integers(0, 256, (96, 128), dtype=np.uint8),
        "a bright disc": np.where(np.hypot(y, x) < 40, 200, 5).astype(np.uint8),
        "a drawn disc": np.where(np.hypot(y, x) < 62, 200, 5).astype(np.uint8),
        "a frame": frame,
        "a diamond": diamond.astype(np.uint8),
        "an ellipse": np.where(np.hypot(y / 50, x / 68) < 1, 200, 5).astype(np.uint8),
        "spots": np.where((y // 8 + x // 8) % 2, 200, 5).astype(np.uint8),
        "light of a lens": lens.astype(np.uint8),
        "light of a lamp": lamp.astype(np.uint8),
        "small": scope((24, 32), 15, (0, 0), 1),
        "a strip": scope((20, 2000), 900, (0, 0)),
        "holed": holed,
        "transparent corners": clear,
        "no light": scope()[..., 0].astype(np.float32) - 60,
        "a stack": np.stack([scope()[..., 0]] * 3),
        "camera": skimage.data.camera(),
        "coins": skimage.data.coins(),
        "moon": skimage.data.moon(),
        "astronaut": skimage.data.astronaut(),
        "cell": skimage.data.cell(),
    }


@pytest.mark.parametrize("name", others())
def test_other_pictures_have_none(name: str) -> None:
    assert found(others()[name]) is None
