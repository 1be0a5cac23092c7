"""Images that are read part by part: formats, axes, levels, and what is refused."""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_emseg.io.store import open_image
from napari_emseg.io.store.stored_array import StoredArray, as_reference

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RNG = np.random.default_rng(3)


def write_ome(
    path: Path,
    image: NDArray[Any],
    axes: str,
    version: str = "0.5",
    *,
    colors: tuple[str, ...] = (),
    levels: int = 2,
) -> None:
    """Write an image as other programs do."""
    plain = version == "0.4"
    group = zarr.open_group(path, mode="w", zarr_format=2 if plain else 3)
    steps = [{"type": "scale", "scale": [0.5] * len(axes)}]
    datasets = []
    for level in range(levels):
        part = image[
            tuple(slice(None, None, 2**level if a in "yx" else 1) for a in axes)
        ]
        group.create_array(
            str(level), data=part, chunks=tuple(min(40, n) for n in part.shape)
        )
        datasets.append({"path": str(level), "coordinateTransformations": steps})
        steps = [{"type": "scale", "scale": [1.0 if a in "yx" else 0.5 for a in axes]}]
    names = [
        {"name": a, "type": {"c": "channel", "t": "time"}.get(a, "space")} for a in axes
    ]
    scales: dict[str, Any] = {"datasets": datasets}
    if version == "0.6":
        scales["coordinateSystems"] = [{"name": "physical", "axes": names}]
    else:
        scales["axes"] = names
    found: dict[str, Any] = {"multiscales": [scales]}
    if colors:
        found["omero"] = {"channels": [{"color": color} for color in colors]}
    if plain:
        scales["version"] = version
        group.attrs.update(found)
    else:
        group.attrs.update({"ome": {"version": version, **found}})


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_ome_zarr_of_all_versions(version: str, tmp_path: Path) -> None:
    color = RNG.integers(0, 256, (1, 3, 1, 60, 80), np.uint8)
    write_ome(tmp_path / "a.zarr", color, "tczyx", version)
    image = open_image(tmp_path / "a.zarr")
    assert image.rgb
    assert [one.shape for one in image.levels] == [(60, 80, 3), (30, 40, 3)]
    wanted = np.moveaxis(color[0, :, 0], 0, -1)
    np.testing.assert_array_equal(image[5:50, 7], wanted[5:50, 7])
    np.testing.assert_array_equal(image.levels[1][...], wanted[::2, ::2])
    assert image.multiscales.version == version
    assert image.multiscales.scale[-1] == 0.5


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_a_level_has_the_axes_of_its_image(version: str, tmp_path: Path) -> None:
    color = RNG.integers(0, 256, (3, 60, 80), np.uint16)
    rgb = ("FF0000", "00FF00", "0000FF")
    write_ome(tmp_path / "a.ome.zarr", color, "cyx", version, colors=rgb)
    whole, level = (open_image(tmp_path / "a.ome.zarr" / n) for n in (".", "1"))
    assert level.rgb
    assert (level.letters, level.multiscales.version) == ("YXS", version)
    assert level.multiscales.scale == (0.5, 1.0, 1.0)
    np.testing.assert_array_equal(level[...], whole.levels[1][...])
    # Channels that are no colors; what somebody says goes before.
    write_ome(tmp_path / "b.ome.zarr", color, "cyx", version, colors=rgb[:1] * 3)
    level = open_image(tmp_path / "b.ome.zarr" / "1")
    assert (level.letters, level.channel_axis, level.rgb) == ("CYX", 0, False)
    assert open_image(tmp_path / "b.ome.zarr" / "1", "SYX").rgb
    for name in ("a.ome.zarr", "a.ome.zarr/1"):
        assert open_image(tmp_path / name, "ZYX").shape[0] == 3
        assert open_image(tmp_path / name, "cyx").channel_axis == 0
    with pytest.raises(ValueError, match="axes='TZYX'"):
        open_image(tmp_path / "a.ome.zarr" / "1", "TZYX")


def test_a_level_of_an_image_that_is_not_described(tmp_path: Path) -> None:
    color = RNG.integers(0, 256, (2, 60, 80), np.uint8)
    write_ome(tmp_path / "a.zarr", color, "cyx")
    group = zarr.open_group(tmp_path / "a.zarr")
    described = dict(group.attrs)
    # A level that lies deeper than others.
    group.create_array("deep/0", data=color)
    described["ome"]["multiscales"][0]["datasets"][0]["path"] = "deep/0"
    group.attrs.update(described)
    assert open_image(tmp_path / "a.zarr" / "deep" / "0").letters == "CYX"
    assert open_image(tmp_path / "a.zarr" / "0").letters is None
    described["ome"]["multiscales"][0]["axes"] = 7
    group.attrs.update(described)
    assert open_image(tmp_path / "a.zarr" / "1").shape == (2, 30, 40)


def test_what_channels_are(tmp_path: Path) -> None:
    three = RNG.integers(0, 256, (3, 40, 50), np.uint8)
    write_ome(tmp_path / "a.zarr", three, "cyx", colors=("00FFFF", "FF00FF", "FFFF00"))
    image = open_image(tmp_path / "a.zarr")
    assert (image.rgb, image.channel_axis, image.shape) == (False, 0, (3, 40, 50))
    write_ome(tmp_path / "b.zarr", three, "cyx", colors=("FF0000", "00FF00", "0000FF"))
    assert open_image(tmp_path / "b.zarr").rgb
    write_ome(tmp_path / "c.zarr", three[:, None].repeat(2, 1), "czyx")
    assert open_image(tmp_path / "c.zarr").shape == (2, 40, 50, 3)
    write_ome(tmp_path / "d.zarr", three[:2].astype(np.uint16), "cyx")
    assert open_image(tmp_path / "d.zarr").channel_axis == 0


@pytest.mark.parametrize("version", [2, 3])
def test_plain_zarr(version: int, tmp_path: Path) -> None:
    stack = RNG.integers(0, 256, (4, 40, 50), np.uint16)
    zarr.create_array(
        tmp_path / "a", data=stack, chunks=(1, 9, 50), zarr_format=version
    )
    image = open_image(tmp_path / "a")
    np.testing.assert_array_equal(image[1:3], stack[1:3])
    assert image.levels[0].chunks == (1, 9, 50)
    group = zarr.open_group(tmp_path / "g", mode="w", zarr_format=version)
    group.create_array("only", data=stack)
    assert open_image(tmp_path / "g").shape == stack.shape
    group.create_array("other", data=stack)
    with pytest.raises(ValueError, match="only, other"):
        open_image(tmp_path / "g")


def test_tiles_of_tiff_and_their_levels(tmp_path: Path) -> None:
    color = RNG.integers(0, 256, (300, 200, 3), np.uint8)
    how = {"tile": (64, 64), "photometric": "rgb", "compression": "zlib"}
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        about = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm",
                 "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}  # fmt: skip
        tiff.write(color, subifds=1, metadata=about, **how)
        tiff.write(color[::2, ::2], subfiletype=1, **how)
    image = open_image(path)
    assert [one.shape for one in image.levels] == [(300, 200, 3), (150, 100, 3)]
    assert image.levels[0].chunks == (64, 64, 3)
    np.testing.assert_array_equal(image[100:200, 3:99], color[100:200, 3:99])
    np.testing.assert_array_equal(image.levels[1][:], color[::2, ::2])
    assert image.multiscales.scale == (0.5, 0.25, 1.0)
    colors = np.zeros((3, 256), "u2")
    path = tmp_path / "p.tif"
    tifffile.imwrite(path, color[..., 0], colormap=colors, photometric="palette")
    with pytest.raises(ValueError, match=r"PALETTE.*read_image"):
        open_image(tmp_path / "p.tif")


def test_slides_of_openslide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mrxs"
    path.touch()
    with pytest.raises(ImportError, match=r"napari-emseg\[slides\]"):
        open_image(path)
    color = RNG.integers(0, 256, (64, 96, 4), np.uint8)

    class Slide:
        level_count, level_downsamples = 2, (1.0, 2.0)
        level_dimensions = (96, 64), (48, 32)
        properties = {"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.5"}  # noqa: RUF012

        def __init__(self, _: str) -> None: ...
        def __enter__(self) -> Slide:
            return self

        def __exit__(self, *_: object) -> None: ...
        def read_region(self, at: Any, level: int, size: Any) -> NDArray[Any]:
            (x, y), n = at, 2**level
            return color[y : y + n * size[1] : n, x : x + n * size[0] : n]

    from napari_emseg.io.store import stored_array

    monkeypatch.setitem(sys.modules, "openslide", SimpleNamespace(OpenSlide=Slide))
    stored_array.needed.cache_clear()
    image = open_image(path)
    assert image.rgb
    np.testing.assert_array_equal(image[10:20, 5:9], color[10:20, 5:9])
    np.testing.assert_array_equal(image.levels[1][3:9, 5:11], color[6:18:2, 10:22:2])
    assert image.multiscales.scale == (0.5, 0.25, 1.0)
    stored_array.needed.cache_clear()


def test_names_are_sent_and_not_values(tmp_path: Path) -> None:
    values = RNG.integers(0, 256, (1000, 1000), np.uint8)
    np.save(tmp_path / "a.npy", values)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    name = as_reference(mapped)
    assert len(pickle.dumps(name)) < 1000
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(name))[3:7], values[3:7])
    # Of a part of a memory map, nobody knows where it is.
    part = as_reference(mapped[100:])
    assert not isinstance(part, StoredArray)
    np.testing.assert_array_equal(part, values[100:])


def test_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="check the name"):
        open_image(tmp_path / "a.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ValueError, match="neither an array nor a group"):
        open_image(tmp_path / "empty.zarr")
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match="read it whole"):
        open_image(tmp_path / "a.png")
    group = zarr.open_group(tmp_path / "bad.zarr", mode="w")
    group.attrs["multiscales"] = [{"datasets": [{"path": "0"}]}]
    with pytest.raises(ValueError, match="metadata do not describe"):
        open_image(tmp_path / "bad.zarr")
    group.attrs["multiscales"] = [{"axes": ["y", "y"], "datasets": [{"path": "0"}]}]
    with pytest.raises(ValueError, match="Y and X"):
        open_image(tmp_path / "bad.zarr")
    np.save(tmp_path / "line.npy", np.zeros(9))
    with pytest.raises(ValueError, match="2 to 4 are needed"):
        open_image(tmp_path / "line.npy")
