"""A slide that is larger than memory should be: time and memory of each smoothing.

    python tests/benchmarks/bench_large.py [SIDE] [FOLDER]

Makes a store of SIDE x SIDE RGB pixels tile by tile, and segments it into its own store
on one core, each run in a process of its own. The unit of time is what nobody can do
without: to read all pixels twice, and to write the labels once, in the same run.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

for _name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"
# The core that the work has; Zarr, too, would take others.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})

import cv2
import numpy as np
import zarr

import napari_emseg as emseg

CHUNK, CLASSES = 1024, 4
# Of the core alone: others who take it meanwhile do not count.
_clock = time.process_time
# What is to be met: memory in GiB, and times the unit.
GOALS = {0: (1.0, 4.0), 1: (1.5, None)}


def make(path: Path, side: int) -> None:
    """Write tissue on glass: soft fields of color with noise, chunk by chunk."""
    group = zarr.open_group(path, mode="w")
    image = group.create_array(
        "0", shape=(3, side, side), chunks=(3, CHUNK, CHUNK), dtype="uint8"
    )
    axes = [{"name": "c", "type": "channel"}] + [
        {"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"
    ]
    steps = [{"type": "scale", "scale": [1.0, 0.25, 0.25]}]
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    scales = [{"name": "slide", "axes": axes, "datasets": datasets}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
    rng = np.random.default_rng(0)
    colors = np.array([[242, 240, 243], [214, 160, 200], [150, 80, 150], [90, 50, 120]])
    for y in range(0, side, CHUNK):
        for x in range(0, side, CHUNK):
            few = rng.normal(0, 1, (10, 10)).astype(np.float32)
            soft = cv2.resize(few, (CHUNK, CHUNK), interpolation=cv2.INTER_CUBIC)
            which = np.clip((soft + 1.2) * 1.6, 0, 3).astype(int)
            part = colors[which] + rng.normal(0, 4, (CHUNK, CHUNK, 1)).round()
            part = part.clip(0, 255).astype(np.uint8)[: side - y, : side - x]
            image[:, y : y + CHUNK, x : x + CHUNK] = np.moveaxis(part, -1, 0)


def boxes(side: int) -> list[tuple[slice, slice]]:
    return [
        (slice(y, y + CHUNK), slice(x, min(x + 4 * CHUNK, side)))
        for y in range(0, side, CHUNK)
        for x in range(0, side, 4 * CHUNK)
    ]


def unit(path: Path, side: int) -> float:
    """Return the seconds that it takes to read twice and to write labels once."""
    image = zarr.open_array(path / "0", mode="r")
    labels = zarr.open_array(path / "labels" / "classes" / "0", mode="r")
    out = path.parent / "copy.zarr"
    copy = zarr.create_array(
        out, shape=(side, side), chunks=labels.chunks, dtype="uint8", overwrite=True
    )
    start = _clock()
    for _ in range(2):
        for where in boxes(side):
            image[(slice(None), *where)]
    read = _clock() - start
    spent = read
    for where in boxes(side):
        part = labels[where]
        start = _clock()
        copy[where] = part
        spent += _clock() - start
    shutil.rmtree(out)
    return spent


def run(path: Path, smoothing: int) -> dict[str, float]:
    """Segment in this process, and return seconds, GiB, and seconds of the unit."""
    cv2.setNumThreads(1)
    image = emseg.store.open_image(path)
    start = _clock()
    steps = emseg.iter_segment(
        image,
        emseg.Params(n_classes=CLASSES, smoothing=smoothing),
        out=path,
        force=True,
    )
    stages: dict[str, float] = {}
    last, before = start, ""
    for step in steps:
        now = _clock()
        stages[step.stage] = stages.get(step.stage, 0) + now - last
        last, before = now, step.stage
    seconds = _clock() - start
    assert before == "pyramid"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    side = image.shape[0]
    return {"seconds": seconds, "GiB": peak, "unit": unit(path, side), **stages}


def main() -> None:
    if sys.argv[1] == "run":
        print(json.dumps(run(Path(sys.argv[2]), int(sys.argv[3]))))
        return
    side, folder = int(sys.argv[1]), Path(sys.argv[2])
    path = folder / f"slide{side}.ome.zarr"
    if not path.exists():
        start = _clock()
        make(path, side)
        print(f"made in {_clock() - start:.0f} s")
    size = sum(one.stat().st_size for one in (path / "0").rglob("*") if one.is_file())
    print(f"{side} x {side} RGB, {size / 2**30:.2f} GiB in {CHUNK} x {CHUNK} chunks")
    for smoothing, (memory, times) in GOALS.items():
        done = subprocess.run(
            [sys.executable, __file__, "run", str(path), str(smoothing)],
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout)
        ratio = found["seconds"] / found["unit"]
        goal = f" (goal {times:g})" if times else ""
        spent = ", ".join(
            f"{name} {value:.0f} s"
            for name, value in found.items()
            if name not in ("seconds", "GiB", "unit")
        )
        print(
            f"smoothing={smoothing}: {found['GiB']:.2f} GiB (goal {memory:g}), "
            f"{found['seconds']:.0f} s = {ratio:.2f} times reading twice and writing "
            f"once ({found['unit']:.0f} s){goal}; {spent}"
        )


if __name__ == "__main__":
    sys.argv += ["30000", "."][len(sys.argv) - 1 :] if len(sys.argv) < 3 else []
    main()
