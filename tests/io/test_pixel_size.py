"""The size of pixels goes from the files of microscopes into those of labels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from napari.layers import Layer

from napari_emseg.cli import window
from napari_emseg.cli.app import main
from napari_emseg.io.files import (
    read_labels,
    read_with_spacing,
    write_labels,
    write_picture,
)
from napari_emseg.io.pixel_size import read_spacing
from napari_emseg.layers.label_files import labels_reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLANE = (np.indices((20, 30)).sum(axis=0) * 5).astype(np.uint8)
OME = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
IMAGEJ = {
    "imagej": True,
    "resolution": (4.0, 2.0),
    "metadata": {"unit": "um", "axes": "ZYX", "spacing": 3.0},
}
MICRO = {"scale": [0.5, 0.25], "units": ["µm", "µm"]}


def written(folder: Path, pixels: NDArray[Any], **how: Any) -> Path:
    path = folder / ("a.ome.tif" if how.pop("ome", False) else "a.tif")
    tifffile.imwrite(path, pixels, **how)
    return path


def close(found: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> bool:
    return found["units"] == wanted["units"] and found["scale"] == pytest.approx(
        wanted["scale"]
    )


def test_ome_tells_it(tmp_path: Path) -> None:
    about = OME | {"axes": "YX"}
    found = read_spacing(written(tmp_path, PLANE, ome=True, metadata=about))
    assert found is not None
    assert close(found.place(2), MICRO)
    about = OME | {"axes": "TZCYX", "PhysicalSizeZ": 2.0}
    stack = np.stack([PLANE] * 24).reshape(2, 4, 3, *PLANE.shape)
    found = read_spacing(written(tmp_path, stack, ome=True, metadata=about))
    assert found is not None
    wanted = {"scale": [1, 2, 0.5, 0.25], "units": ["pixel", "µm", "µm", "µm"]}
    assert close(found.place(4), wanted)
    # As napari's own reader has it, and of an image that is another.
    assert found.place(5)["units"] == ["pixel", "µm", "pixel", "µm", "µm"]
    assert found.place(3) == {}


@pytest.mark.parametrize("unit", ["um", "micron", r"\u00B5m"])
def test_imagej_tells_it(tmp_path: Path, unit: str) -> None:
    how = IMAGEJ | {"metadata": IMAGEJ["metadata"] | {"unit": unit}}
    found = read_spacing(written(tmp_path, np.stack([PLANE] * 5), **how))
    assert found is not None
    assert close(found.place(3), {"scale": [3, 0.5, 0.25], "units": ["µm"] * 3})
    how = IMAGEJ | {"metadata": IMAGEJ["metadata"] | {"unit": "furlong"}}
    assert read_spacing(written(tmp_path, np.stack([PLANE] * 5), **how)) is None


def test_prints_and_nonsense_tell_nothing(tmp_path: Path) -> None:
    assert read_spacing(written(tmp_path, PLANE)) is None
    for unit, resolution in (("INCH", (300, 300)), ("CENTIMETER", (0, 5))):
        how: dict[str, Any] = {"resolution": resolution, "resolutionunit": unit}
        assert read_spacing(written(tmp_path, PLANE, **how)) is None
    for word in ("PhysicalSizeX", "PhysicalSizeY"):
        about = OME | {"axes": "YX", word: 0.0}
        assert read_spacing(written(tmp_path, PLANE, ome=True, metadata=about)) is None
    text = "<?xml version='1.0'?><OME xmlns='OME'><Image></OME>"
    assert read_spacing(written(tmp_path, PLANE, description=text)) is None
    write_picture(tmp_path / "a.png", np.stack([PLANE] * 3, -1))
    assert read_spacing(tmp_path / "a.png") is None


def test_a_picture_on_its_side_has_its_axes_exchanged(tmp_path: Path) -> None:
    how: dict[str, Any] = {"resolution": (40000, 20000), "resolutionunit": "CENTIMETER"}
    tags = [(274, "H", 1, 6, True)]
    found = read_spacing(written(tmp_path, PLANE, extratags=tags, **how))
    assert found is not None
    assert close(found.place(2), MICRO | {"scale": [0.25, 0.5]})


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_labels_from_the_command_line_have_it(tmp_path: Path, suffix: str) -> None:
    source = written(tmp_path, PLANE, ome=True, metadata=OME | {"axes": "YX"})
    target = tmp_path / f"labels{suffix}"
    what = [str(source), "-o", str(target)]
    assert main(["segment", *what, "-n", "2", "--smoothing", "0"]) == 0
    found = read_spacing(target)
    if suffix == ".png":
        assert found is None
        return
    assert found is not None
    assert close(found.place(2), MICRO)
    read = labels_reader(str(target))
    assert read is not None
    ((labels, attributes, _),) = read(str(target))
    np.testing.assert_array_equal(labels, read_labels(target))
    assert close(attributes, MICRO)
    again = tmp_path / "again.tif"
    assert main(["replay", str(target), str(source), "-o", str(again)]) == 0
    assert read_spacing(again) == found


def test_labels_without_it_have_no_tags(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", PLANE)
    assert read_spacing(tmp_path / "a.tif") is None


@pytest.mark.parametrize("colors", [False, True])
def test_pictures_that_are_opened_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colors: bool
) -> None:
    pixels = np.stack([PLANE] * 3, -1) if colors else PLANE
    about = OME | {"axes": "YXS" if colors else "YX"}
    photometric = "rgb" if colors else "minisblack"
    source = written(
        tmp_path, pixels, ome=True, metadata=about, photometric=photometric
    )
    opened: list[Any] = []
    monkeypatch.setattr(window, "why_no_window", lambda: None)
    monkeypatch.setattr(
        window, "show", lambda layers, *_: opened.extend(layers) or True
    )
    assert main(["open", str(source)]) == 0
    layer = Layer.create(*opened[0])
    assert layer.scale == pytest.approx([0.5, 0.25])
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2


NONSENSE: dict[str, dict[str, Any]] = {
    "OME, comma": {"ome": True, "metadata": OME | {"PhysicalSizeX": "0,25"}},
    "OME, word": {"ome": True, "metadata": OME | {"PhysicalSizeY": "wide"}},
    "ImageJ, comma": {
        "imagej": True,
        "resolution": (4, 2),
        "metadata": {"unit": "um", "spacing": "0,25"},
    },
    "tag of one number": {"resolutionunit": 3, "extratags": [(282, "I", 1, 7, True)]},
    "tag of text": {"resolutionunit": 3, "extratags": [(282, "s", 0, "7", True)]},
    "Aperio, comma": {"description": "Aperio Image Library\r\n|MPP = 0,25|Left = 1"},
}


@pytest.mark.parametrize("how", NONSENSE.values(), ids=NONSENSE)
def test_no_pixel_size_refuses_a_picture(tmp_path: Path, how: dict[str, Any]) -> None:
    path = written(tmp_path, PLANE, **how)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        content = read_with_spacing(path)
    np.testing.assert_array_equal(content.pixels, PLANE)
    if "extratags" not in how:  # some of which are numbers after all
        assert any("is no number, and is left out" in str(one.message) for one in told)


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_aperio_tells_it(tmp_path: Path, tile: tuple[int, int] | None) -> None:
    about = "Aperio Image Library v12\r\n20x30 |AppMag = 40|MPP = 0.2520|Left = 5.1"
    colors = np.stack([PLANE] * 3, -1)
    how: dict[str, Any] = {"photometric": "rgb", "metadata": None, "tile": tile}
    found = read_spacing(written(tmp_path, colors, description=about, **how))
    assert found is not None
    assert close(found.place(2), {"scale": [0.252, 0.252], "units": ["µm", "µm"]})


def test_resolution_tags_of_slides(tmp_path: Path) -> None:
    how: dict[str, Any] = {"resolution": (44051.8, 44051.8), "resolutionunit": 3}
    found = read_spacing(written(tmp_path, PLANE, **how))
    assert found is not None
    assert found.micrometers["X"] == pytest.approx(0.227, abs=1e-3)


@pytest.mark.parametrize("quote", ['"', "&quot;"])
def test_philips_tells_it(tmp_path: Path, quote: str) -> None:
    about = (
        '<DataObject ObjectType="DPUfsImport"><Attribute Name="DICOM_PIXEL_SPACING" '
        f'Group="0x0028" PMSVR="IDoubleArray">{quote}0.0005{quote} '
        f"{quote}0.00025{quote}</Attribute></DataObject>"
    )
    found = read_spacing(written(tmp_path, PLANE, description=about, metadata=None))
    assert found is not None
    assert close(found.place(2), MICRO)
