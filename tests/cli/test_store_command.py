"""The command on images and labels that are read and written tile by tile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

import napari_emseg as emseg
from napari_emseg.cli import store_command
from napari_emseg.cli.app import main
from napari_emseg.pipeline.run import large_image

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def slide() -> NDArray[np.uint8]:
    """Return (600, 800, 3): two kinds of tissue on glass."""
    rng = np.random.default_rng(1)
    picture = np.full((600, 800, 3), (243, 241, 244), np.uint8)
    picture[100:400, 150:600] = (212, 150, 195)
    picture[180:300, 240:480] = (120, 60, 140)
    noisy = picture + rng.normal(0, 2, (600, 800, 1)).round()
    return noisy.clip(0, 255).astype(np.uint8)


def write_slide(path: Path, slide: NDArray[np.uint8]) -> None:
    """Write a pyramid as slides are: three levels of tiles."""
    how = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib"}
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        tiff.write(slide, subifds=2, metadata={"axes": "YXS"}, **how)
        for step in (2, 4):
            tiff.write(slide[::step, ::step], subfiletype=1, **how)


def test_a_slide_becomes_labels_of_ome_zarr(
    slide: NDArray[np.uint8],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(large_image, "LEVEL", 150_000)
    path, out = tmp_path / "slide.ome.tif", tmp_path / "slide.ome.zarr"
    write_slide(path, slide)
    arguments = ["segment", str(path), "-o", str(out), "-n", "2", "--smoothing", "0"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("slide.ome.tif: 2 classes (")
    labels = np.asarray(emseg.store.open_labels(out))
    # The fit was on the second level; glass has no label, but for its border.
    assert emseg.store.open_labels(out).about["fit_level"] == 1
    assert labels[:92].max() == 0
    assert labels[:, :142].max() == 0
    assert set(np.unique(labels[190:290, 250:470])) == {1}
    assert set(np.unique(labels[320:390, 160:590])) == {2}
    # Done is done, with the same settings only.
    assert main([*arguments, "--resume"]) == 0
    assert "done already" in capsys.readouterr().out
    assert main([*arguments[:-3], "3", "--smoothing", "0", "--resume"]) == 2
    assert "n_classes is 3, but was 2" in capsys.readouterr().err
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    # On the finest level, and with the glass.
    more = ["--fit-level", "0", "--no-tissue", "--force"]
    assert main([*arguments[:4], "-n", "3", "--smoothing", "0", *more]) == 0
    whole = np.asarray(emseg.store.open_labels(out))
    np.testing.assert_array_equal(
        whole, emseg.segment(slide, n_classes=3, smoothing=0).labels
    )


def test_stores_in_a_folder_by_workers(
    slide: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        array = slide[:100] if name == "a" else slide[100:220]
        zarr.create_array(tmp_path / f"{name}.zarr", data=array, chunks=(64, 64, 3))
    (tmp_path / "c.zarr").mkdir()
    names = [str(tmp_path / f"{name}.zarr") for name in "acb"]
    out = tmp_path / "out"
    how = ["-n", "2", "--smoothing", "0", "--workers", "1"]
    assert main(["segment", *names, "-o", str(out), *how]) == 2
    said = capsys.readouterr()
    assert "neither an array nor a group" in said.err
    assert len(said.out.splitlines()) == 2
    for name, part in (("a", slide[:100]), ("b", slide[100:220])):
        labels = emseg.store.open_labels(out / f"{name}_labels.ome.zarr")
        wanted = emseg.segment(part, n_classes=2, smoothing=0).labels
        np.testing.assert_array_equal(labels, wanted)


def test_axes_are_those_that_are_named(
    slide: NDArray[np.uint8], tmp_path: Path
) -> None:
    small = np.ascontiguousarray(slide[170:210, 440:520])
    zarr.create_array(tmp_path / "a.zarr", data=np.moveaxis(small, -1, 0))
    tifffile.imwrite(tmp_path / "b.tif", small, photometric="rgb")
    Image.fromarray(small).save(tmp_path / "c.png")
    how = ["-n", "2", "--n-init", "1", "--smoothing", "0", "--force"]
    for name, axes, as_array in (
        ("a.zarr", "SYX", "YXS"), ("a.zarr", "CYX", "YXC"),
        ("b.tif", "YXC", "YXC"), ("c.png", "YXC", "YXC"), ("c.png", None, "YXS"),
    ):  # fmt: skip
        out = tmp_path / "o.npy"
        told = [] if axes is None else ["--axes", axes]
        assert main(["segment", str(tmp_path / name), "-o", str(out), *how, *told]) == 0
        wanted = emseg.segment(small, n_classes=2, n_init=1, smoothing=0, axes=as_array)
        np.testing.assert_array_equal(np.load(out), wanted.labels)


def test_what_the_command_refuses(
    slide: NDArray[np.uint8],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_command, "_PATIENCE", 0.1)
    np.save(tmp_path / "a.npy", slide[:80])
    tifffile.imwrite(tmp_path / "b.tif", slide[:80], photometric="rgb")
    one, two = str(tmp_path / "a.npy"), str(tmp_path / "b.tif")
    out = str(tmp_path / "o.npy")
    for arguments, reason in (
        ([one, two, "-o", out], "place for the labels of one image"),
        ([two, "-o", str(tmp_path / "o.tif"), "--workers", "2"], "--workers is for"),
        ([one, "-o", out, "--cluster", "tcp://127.0.0.1:9"], "no scheduler of Dask"),
        ([one, "-o", out, "--joint"], "--joint is for pictures"),
        ([one, "-o", str(tmp_path / "o.tif"), "--joint"], "save it as a picture"),
        ([two, "-o", out, "--table", "t.csv"], "such as labels.tif"),
        ([one, "-o", str(tmp_path / "o.png")], "tile by tile"),
        ([one, "-o", one], "is the image itself"),
        ([one, "-o", out, "--axes", "TZYX"], "axes='TZYX'"),
    ):
        assert main(["segment", *arguments]) == 2, arguments
        assert reason in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {"a.npy", "b.tif"}


def test_the_whole_command_killed_and_resumed(tmp_path: Path) -> None:
    """A kill at a moment that nobody chose; the same bytes in the end."""
    rng = np.random.default_rng(2)
    image = np.kron(rng.integers(0, 256, (2, 25, 3)), np.ones((200, 200, 1), int))
    noisy = image + rng.integers(-9, 10, image.shape)
    np.save(tmp_path / "in.npy", noisy.clip(0, 255).astype(np.uint8))
    how = ["-n", "3", "--n-init", "1", "--smoothing", "0"]
    asked = [str(tmp_path / "in.npy"), *how]
    command = [sys.executable, "-m", "napari_emseg", "segment", *asked]
    out, whole = tmp_path / "a.ome.zarr", tmp_path / "whole.ome.zarr"
    run = subprocess.Popen([*command, "-o", str(out)])
    log = out.parent / ".a.ome.zarr.classes.emseg-run" / "tiles.log"
    end = time.monotonic() + 120
    while run.poll() is None and time.monotonic() < end:
        if log.exists() and log.stat().st_size:
            break
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert json.loads(log.read_text().split("\n")[1])[0] == 0
    assert not (out / "labels").exists()
    assert main([*command[3:], "-o", str(out), "--resume"]) == 0
    assert main([*command[3:], "-o", str(whole)]) == 0

    def files(path: Path) -> dict[str, bytes]:
        inside = (p for p in path.rglob("*") if p.is_file())
        return {os.fspath(p.relative_to(path)): p.read_bytes() for p in inside}

    assert files(out) == files(whole)
