"""Memory and time of what once took too much of either, each in a process of its own.

Memory is the peak above what stands before the call, by ``ru_maxrss``; time is that of
the processor, so that a busy machine hardly matters. Figures are kept in engine.md.

    python tests/benchmarks/bench_memory.py               # everything, two minutes
    python tests/benchmarks/bench_memory.py bias absorb   # rows whose name has a word
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Side of a square of so many megapixels.
SIDES = {1: 1024, 2: 1448, 4: 2048}


def noise(megapixels: int, labels: int = 7) -> np.ndarray:
    """Return labels 1 to `labels`, each pixel by itself."""
    import numpy as np

    side, rng = SIDES[megapixels], np.random.default_rng(0)
    return rng.integers(1, labels + 1, (side, side), dtype=np.uint8)


def gray(megapixels: int) -> np.ndarray:
    """Return four gray levels in uneven light, with noise."""
    import numpy as np

    side, rng = SIDES[megapixels], np.random.default_rng(0)
    image = np.empty((side, side), np.uint8)
    x = np.arange(side) / side
    # Row by row: what is in use here would be missing from the peak above it.
    for y, row in enumerate(image):
        level = 40 + 45 * ((8 * x).astype(int) + 8 * y // side) % 180
        row[:] = np.clip((0.75 + 0.5 * x) * level + rng.normal(0, 12, side), 0, 255)
    return image


def photograph(megapixels: int) -> np.ndarray:
    """Return a photograph of that size."""
    import cv2
    import skimage.data

    side = SIDES[megapixels]
    return cv2.resize(skimage.data.astronaut(), (side, side), interpolation=2)


def absorb(megapixels: int, labels: int) -> Callable[[], Any]:
    """Absorb small pieces of noise."""
    from napari_emseg import regions

    image = noise(megapixels, labels)
    return lambda: regions.absorb_small(image, 50)


def min_size(megapixels: int, channels: int) -> Callable[[], Any]:
    """Segment noise, and let small regions join those of similar color."""
    import numpy as np

    import napari_emseg as emseg

    side = SIDES[megapixels]
    shape = (side, side, 3)[: channels + 1 if channels == 1 else 3]
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    options = {"n_classes": 7, "smoothing": 0, "min_size": 50}
    return lambda: emseg.segment(image, **options)


def segment(
    make: Callable[[int], np.ndarray], megapixels: int, **options: Any
) -> Callable[[], Any]:
    """Segment an image."""
    import napari_emseg as emseg

    image = make(megapixels)
    return lambda: emseg.segment(image, **options)


def adjust(name: str, **options: Any) -> Callable[[], Any]:
    """Change a photograph of two megapixels."""
    from napari_emseg import adjust as functions

    image = photograph(2)
    return lambda: getattr(functions, name)(image, **options)


# What, megapixels, and what makes the call. Each is tried on little first, so that
# modules and tables are not counted.
ROWS: dict[str, tuple[int, Callable[[], Callable[[], Any]]]] = {
    "absorb_small(noise of 7, 50), 1 MP": (1, lambda: absorb(1, 7)),
    "absorb_small(noise of 7, 50), 4 MP": (4, lambda: absorb(4, 7)),
    "absorb_small(noise of 64, 50), 4 MP": (4, lambda: absorb(4, 64)),
    "min_size=50 on gray noise, 1 MP": (1, lambda: min_size(1, 1)),
    "min_size=50 on color noise, 1 MP": (1, lambda: min_size(1, 3)),
    "bias=True, 4 classes, gray, 2 MP": (
        2,
        lambda: segment(gray, 2, n_classes=4, bias=True),
    ),
    "64 classes, smoothing 1, 2 MP": (2, lambda: segment(photograph, 2, n_classes=64)),
    "blur, 2 MP": (2, lambda: adjust("blur", radius=3.0)),
    "sharpen, 2 MP": (2, lambda: adjust("sharpen", radius=3.0)),
}


def peak() -> int:
    """Return the most memory of this process so far, in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used * (1 if sys.platform == "darwin" else 1024)


def warm_up() -> None:
    """Load what any call loads."""
    import numpy as np

    import napari_emseg as emseg

    image = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    emseg.segment(image, n_classes=2, min_size=4)
    emseg.segment(image[..., 0], n_classes=2, bias=True)
    emseg.adjust.sharpen(image)
    emseg.regions.absorb_small(image[..., 0] % 3 + 1, 9)


def measure(name: str) -> None:
    """Print the row of one call, made in this process."""
    megapixels, make = ROWS[name]
    warm_up()
    call = make()
    before, start = peak(), time.process_time()
    call()
    used, seconds = peak() - before, time.process_time() - start
    pixels = SIDES[megapixels] ** 2
    print(
        f"| {name} | {used / pixels:.0f} B/px | {used / 1e6:.0f} MB "
        f"| {seconds / pixels * 1e6:.2f} s/MP |"
    )


def main() -> None:
    """Measure each row whose name has one of the words, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="parts of names of rows")
    parser.add_argument("--here", help="measure one row in this process")
    given = parser.parse_args()
    if given.here:
        measure(given.here)
        return
    print("| what | memory | in all | time |\n|---|---|---|---|", flush=True)
    for name in ROWS:
        if not given.words or any(word in name for word in given.words):
            command = [sys.executable, __file__, "--here", name]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
