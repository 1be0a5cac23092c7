"""Time to write 100,000 objects for other programs: of the processor, one thread.

    python tests/benchmarks/bench_exchange.py

The whole call is measured, from labels to the file that is renamed. The bound is ten
seconds for GeoJSON and COCO together.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import napari_emseg as emseg

PITCH, SIDE = 16, 317  # pixels from disc to disc, discs in a row


def discs() -> np.ndarray:
    """Return labels of 100,489 discs, which have about 36 corners each."""
    y, x = np.mgrid[:PITCH, :PITCH] - (PITCH - 1) / 2
    disc = y**2 + x**2 < 50
    numbers = np.arange(1, SIDE**2 + 1, dtype=np.int32).reshape(SIDE, SIDE)
    return np.kron(numbers, disc.astype(np.int32))


def main() -> None:
    """Print the seconds of each format, the least of three runs."""
    cv2.setNumThreads(1)
    labels = discs()
    classes = np.ones(labels.max() + 1, int)
    print(f"{labels.max():,} objects, {labels.size / 1e6:.0f} MP")
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("geojson", "json", "zip"):
            path = Path(folder, f"objects.{ending}")
            seconds = []
            for _ in range(3):
                start = time.process_time()
                emseg.export(labels, path, classes=classes, force=True)
                seconds.append(time.process_time() - start)
            size = path.stat().st_size / 1e6
            print(f".{ending:<8} {min(seconds):5.1f} s, {size:5.1f} MB")


if __name__ == "__main__":
    main()
