"""Kill runs that write to disk at random moments, and go on: the same bytes."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import zarr

import napari_emseg as emseg
from napari_emseg.io.store.target_plan import LabelsAreWhole

PRELOADED = ["napari_emseg.pipeline.segment", "napari_emseg.io.store", "zarr"]
PARAMS = {"n_classes": 4, "seed": 3}


def _run(folder: str, kind: str, smoothing: float, resume: bool) -> None:
    """Segment the image of a folder, alone or with processes of its own."""
    place = Path(folder)
    image = emseg.store.open_image(place / "in.zarr")
    emseg.segment(image, out=place / kind, smoothing=smoothing, resume=resume, **PARAMS)


def _digest(path: Path) -> str:
    """Return what tells the bytes of a file or a folder, and their names."""
    found = hashlib.sha256()
    for one in sorted([path] if path.is_file() else path.rglob("*")):
        if one.is_file():
            found.update(str(one.relative_to(path)).encode() + one.read_bytes())
    return found.hexdigest()


def main(count: int, seed: int) -> int:
    """Kill `count` runs, some again while they go on; return the number of faults."""
    rng = np.random.default_rng(seed)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    faults = kills = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        colors = np.kron(rng.integers(0, 256, (9, 9, 3)), np.ones((230, 230, 1), int))
        noisy = colors + rng.integers(-15, 16, colors.shape)
        image = noisy.clip(0, 255).astype(np.uint8)
        zarr.create_array(place / "in.zarr", data=image, chunks=(512, 512, 3))
        wanted, seconds = {}, {}
        for kind in ("a.ome.zarr", "a.npy", "a.btf"):
            for smoothing in (0, 1):
                begin = time.monotonic()
                _run(folder, kind, smoothing, resume=False)
                seconds[kind, smoothing] = time.monotonic() - begin
                wanted[kind, smoothing] = _digest(place / kind)
                _remove(place / kind)
        for number in range(count):
            kind, smoothing = [*wanted][rng.integers(len(wanted))]
            resume = False
            while True:
                run = processes.Process(
                    target=_run, args=(folder, kind, smoothing, resume)
                )
                run.start()
                run.join(rng.uniform(0.1, 1.3) * seconds[kind, smoothing])
                if run.exitcode is not None:
                    break
                run.kill()
                run.join()
                kills += 1
                resume = any(place.glob(".*.emseg-run"))
                if _whole(place / kind) and not resume:
                    break
            # All moments are survived, and what is there is what was to be.
            with suppress(LabelsAreWhole):
                _run(folder, kind, smoothing, resume=True)
            if _digest(place / kind) != wanted[kind, smoothing]:
                faults += 1
                print(f"run {number}: {kind}, smoothing={smoothing} has other bytes")
            if any(place.glob(".*.emseg-run")):
                faults += 1
                print(f"run {number}: {kind}, smoothing={smoothing} left its folder")
            _remove(place / kind)
    print(f"{count} runs, {kills} kills")
    return faults


def _whole(path: Path) -> bool:
    return (path / "labels" / "classes").exists() if path.is_dir() else path.exists()


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
