"""Speed of the color tools on a photograph of 12 million pixels, on one thread.

    python tests/benchmarks/bench_select.py

Run on one core (`taskset -c 0`) with OMP_NUM_THREADS=1. The photograph is "astronaut"
of scikit-image, enlarged and made noisy, so that it has about a million colors. Two
ratios tell whether the tools are live:

* the contiguous wand on a prepared image against `skimage.segmentation.flood` on each
  channel of Lab, the three joined by AND; for a small, a middling and a large piece.
  To both what they need is given. Beside it the wand on the image as it is, against
  `skimage.color.rgb2lab` and flood;
* a color range of a prepared image against one pass of `numpy.take` over an index image
  of 16 bit.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from skimage import data
from skimage.color import rgb2lab
from skimage.segmentation import flood

from napari_emseg import features, select

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Array = NDArray[Any] if TYPE_CHECKING else Any
# Places (y, x) and tolerances whose pieces are small, middling and large.
PLACES = (((200, 300), 12.0), ((2600, 500), 20.0), ((1500, 3900), 40.0))


def photograph() -> Array:
    """Make (3000, 4000, 3) uint8 with about a million colors."""
    large = cv2.resize(data.astronaut(), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, large.shape)
    return np.clip(large + noise, 0, 255).astype(np.uint8)


def best(repeats: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Run a function several times; give the least time in ms, and its result."""
    least = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        least = min(least, time.perf_counter() - start)
    return 1000 * least, result


def flood_lab(lab: Array, point: tuple[int, int], tolerance: float) -> Array:
    """Flood each channel, and keep what all three hold."""
    return np.logical_and.reduce(
        [flood(lab[..., c], point, tolerance=tolerance) for c in range(3)]
    )


def main() -> None:
    """Measure, print, and say whether the limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    image = photograph()
    lab = np.ascontiguousarray(features(image))
    ms, ready = best(1, lambda: select.prepare(image))
    print(f"prepare: {ms:.0f} ms, {len(ready.palette):,} colors")

    making, _ = best(1, lambda: rgb2lab(image))
    worst = np.inf
    for point, tolerance in PLACES:
        peer, _ = best(1, lambda: flood_lab(lab, point, tolerance))
        plain, piece = best(repeats, lambda: select.wand(image, point, tolerance))
        live, same = best(repeats, lambda: select.wand(ready, point, tolerance))
        assert (piece == same).all()
        print(
            f"wand at {point}, {piece.mean():6.1%} of the image: {live:.0f} ms, flood "
            f"{peer:.0f} ms ({peer / live:.1f}x); from RGB {plain:.0f} ms, flood "
            f"{making + peer:.0f} ms ({(making + peer) / plain:.1f}x)"
        )
        worst = min(worst, peer / live, (making + peer) / plain)

    index = np.random.default_rng(0).integers(0, 2**16, image.shape[:2], np.uint16)
    table = np.zeros(2**16, np.uint8)
    once, _ = best(repeats, lambda: np.take(table, index))
    slowest = 0.0
    for points in ([PLACES[0][0]], [place for place, _ in PLACES]):
        for soft in (False, True):
            ms, found = best(
                repeats, lambda: select.color_range(ready, points, 15, soft=soft)
            )
            print(
                f"color range, {len(points)} color(s), soft={soft}: {ms:.0f} ms, "
                f"{ms / once:.2f} of a np.take ({once:.0f} ms), {found.mean():.1%}"
            )
            slowest = max(slowest, ms / once)
    print(f"wand at least 5x faster than flood: {worst >= 5} ({worst:.1f}x)")
    print(f"color range at most 3 np.take: {slowest <= 3} ({slowest:.2f})")


if __name__ == "__main__":
    main()
