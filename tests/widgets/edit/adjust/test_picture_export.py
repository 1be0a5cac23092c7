"""Exported files hold what is selected, in 8 bit, and replace nothing unasked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_emseg import adjust, select
from napari_emseg.widgets.edit.adjust.picture_export import (
    cut_out,
    in_eight_bit,
    mask_of,
    write_png,
)


@pytest.fixture
def picture():
    rng = np.random.default_rng(8)
    return rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)


MASK = select.rectangle((30, 40), (5, 6), (20, 30))


def test_a_cut_out_is_that_of_the_panel(tmp_path, picture):
    path = tmp_path / "cut.png"
    write_png(path, cut_out(picture, MASK, rgb=True), force=False)
    found = np.asarray(Image.open(path))
    np.testing.assert_array_equal(found, adjust.cut_out(picture, MASK, rgb=True))


@pytest.mark.parametrize("kind", ["16 bit", "float", "gray", "alpha"])
def test_other_types_are_scaled_to_eight_bit(picture, kind):
    if kind == "16 bit":
        found = cut_out(picture.astype(np.uint16) * 257, MASK, rgb=True)
    elif kind == "float":
        found = cut_out(picture / np.float32(255), MASK, rgb=True)
    elif kind == "alpha":
        clear = np.dstack([picture, np.full((30, 40), 100, np.uint8)])
        found = cut_out(clear.astype(np.uint16) * 257, MASK, rgb=True)
        assert found[10, 10, 3] == 100
    else:
        gray = picture[..., 0] * 3.0 - 200
        found = cut_out(gray, MASK, rgb=False)
        plain = in_eight_bit(gray, rgb=False)
        assert (plain.min(), plain.max()) == (0, 255)
        np.testing.assert_array_equal(found[10, 10], [*[plain[10, 10]] * 3, 255])
        return
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[10, 10, :3], picture[10, 10])


def test_a_mask_keeps_its_coverage(tmp_path):
    soft, path = select.feather(MASK, 2), tmp_path / "mask.png"
    write_png(path, mask_of(soft), force=False)
    found = Image.open(path)
    assert found.mode == "L"
    np.testing.assert_array_equal(np.asarray(found), select.to_bytes(soft))


def test_nothing_is_replaced_unasked(tmp_path):
    path = tmp_path / "mask.png"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_png(path, mask_of(MASK), force=False)
    assert path.read_bytes() == b"mine"
    write_png(path, mask_of(MASK), force=True)
    with Image.open(path) as found:
        assert found.size == (40, 30)
    with pytest.raises(ValueError, match=r"end it in \.png"):
        write_png(tmp_path / "mask.jpg", mask_of(MASK), force=False)
