"""Files that are not read are told by what they are."""

from __future__ import annotations

import pytest

from napari_emseg.io.decoders import OTHERS, kind_of


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_named(tmp_path, name):
    at, magic = OTHERS[name]
    path = tmp_path / "a.png"
    path.write_bytes(bytes(at) + magic + bytes(600))
    with pytest.raises(ValueError, match="convert it to PNG, JPEG or TIFF") as error:
        kind_of(path)
    assert f" {name} file, which is not read here" in str(error.value)


@pytest.mark.parametrize("start", [b"", b"text", bytes(600), b"\x89PN"])
def test_what_is_no_image_is_refused(tmp_path, start):
    path = tmp_path / "a.png"
    path.write_bytes(start)
    with pytest.raises(ValueError, match="give a PNG, JPEG or TIFF file"):
        kind_of(path)
