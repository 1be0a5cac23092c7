"""Time previews of a photograph of 12 MP, beside passes over its pixels.

Run on one core (`taskset -c 0`) with OMP_NUM_THREADS=1::

    python tests/benchmarks/bench_live.py

The photograph is "coffee" of scikit-image, enlarged, with noise. Times are CPU time of
the best of five, in ms. An update is a change of the number of classes or of the
method; smoothing alone finds the model of before. Next to them stand a look-up of as
many 16-bit codes with `np.take`, and `cv2.kmeans` on 100,000 of the pixels. The last
column is the share of pixels that `segment` labels alike.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from skimage import data

import napari_emseg as emseg
from napari_emseg import Params
from napari_emseg.pipeline.preview import PreviewImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

REPEATS = 5
SAMPLE = 100_000


def best(function: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Run a function several times; give the least CPU time in ms, and its result."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        result = function()
        times.append(1e3 * (time.thread_time() - start))
    return min(times), result


def photograph(megapixels: float) -> NDArray[np.uint8]:
    """Enlarge the photograph, and add noise of a standard deviation of 2."""
    small = data.coffee()
    scale = np.sqrt(megapixels * 1e6 / (small.shape[0] * small.shape[1]))
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, large.shape)
    return (large + noise).round().clip(0, 255).astype(np.uint8)


def main() -> None:
    """Read the command line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 4, 6, 10])
    args = parser.parse_args()
    cv2.setNumThreads(1)
    image = photograph(args.megapixels)
    codes = np.random.default_rng(1).integers(0, 2**16, image.shape[:2], np.uint16)
    table = np.zeros(2**16, np.uint8)
    out = np.empty(codes.shape, np.uint8)
    take, _ = best(lambda: np.take(table, codes, out=out, mode="clip"))
    print(f"np.take of {codes.size / 1e6:.0f} million codes: {take:.1f} ms")
    made, picture = best(lambda: PreviewImage(image), repeats=2)
    first, _ = best(lambda: picture.preview(Params()), repeats=1)
    print(f"colors counted, once: {made:.0f} ms; first use of Lab: {first:.0f} ms")
    flat = image.reshape(-1, 3)[:: image.size // 3 // SAMPLE].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    print("method   K   update   / take   smoothing alone   cv2.kmeans   agree")
    for method in ("em", "kmeans"):
        for k in args.classes:
            params = Params(method=method, n_classes=k, smoothing=0)
            seeds = iter(range(1, REPEATS + 1))
            update, _ = best(
                lambda p=params, s=seeds: picture.preview(p.replace(seed=next(s)))
            )
            picture.preview(params)
            alone, _ = best(lambda p=params: picture.preview(p.replace(smoothing=1)))
            peer, _ = best(
                lambda k=k: cv2.kmeans(flat, k, None, stop, 5, cv2.KMEANS_PP_CENTERS),
                repeats=1,
            )
            exact = emseg.segment(image, **params.model_dump()).labels
            agree = np.mean(picture.preview(params).labels == exact)
            print(
                f"{method:6s} {k:3d} {update:8.1f} {update / take:8.1f} "
                f"{alone:17.1f} {peer:12.0f} {agree:7.3f}"
            )


if __name__ == "__main__":
    main()
