"""Time previews of a photograph of 12 MP, and compare them with the exact results.

Run on one core (`taskset -c 0`) with OMP_NUM_THREADS=1::

    python tests/benchmarks/bench_live.py [more photographs]

The photograph is "coffee" of scikit-image, enlarged, with noise. Times are CPU time of
the best of five, in ms: of another number of classes or method, of another strength of
smoothing, which finds the model of before, and of parameters that were there before.
Next to them stand a look-up of as many 16-bit codes with `np.take`, and `cv2.kmeans` on
100,000 of the pixels. The last column is the share of pixels that `segment` labels
otherwise.

A second table has that share for photographs of scikit-image and the given ones, as
they are and enlarged with noise: of the pixels that a canvas of 1000 x 800 shows of the
whole picture.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import imageio.v3 as iio
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
CANVAS = 800, 1000
NAMES = ("astronaut", "camera", "cat", "coffee", "coins", "hubble_deep_field", "rocket")


def best(function: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Run a function several times; give the least CPU time in ms, and its result."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        result = function()
        times.append(1e3 * (time.thread_time() - start))
    return min(times), result


def enlarge(small: NDArray[np.uint8], megapixels: float) -> NDArray[np.uint8]:
    """Enlarge a photograph, and add noise of a standard deviation of 2."""
    scale = np.sqrt(megapixels * 1e6 / (small.shape[0] * small.shape[1]))
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, large.shape)
    return (large + noise).round().clip(0, 255).astype(np.uint8)


def on_canvas(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels that a canvas shows of labels: the nearest ones."""
    zoom = max(1.0, *(n / most for n, most in zip(labels.shape, CANVAS, strict=True)))
    places = [
        ((np.arange(int(n / zoom)) + 0.5) * zoom).astype(int) for n in labels.shape
    ]
    return labels[np.ix_(*places)]


def compare(paths: list[Path], megapixels: list[float], classes: list[int]) -> None:
    """Print which share of the pixels on a canvas changes when the result follows."""
    pictures = {name: getattr(data, name)() for name in NAMES}
    pictures |= {path.stem: iio.imread(path)[..., :3] for path in paths}
    print("\nshare of the canvas that changes when the result follows, %")
    print("photograph           MP " + "".join(f"   K = {k}" for k in classes))
    for size in (None, *megapixels):
        rows = []
        for name, small in pictures.items():
            image = small if size is None else enlarge(small, size)
            picture = PreviewImage(image)
            row = []
            for k in classes:
                shown = on_canvas(picture.preview(Params(n_classes=k)).labels)
                exact = on_canvas(emseg.segment(image, n_classes=k).labels)
                row.append(100 * np.mean(shown != exact))
            rows.append(row)
            area = image.shape[0] * image.shape[1] / 1e6
            print(f"{name:20s} {area:5.2f}" + "".join(f"{x:8.2f}" for x in row))
        for title, row in (("mean", np.mean(rows, 0)), ("most", np.max(rows, 0))):
            print(f"{title:26s}" + "".join(f"{x:8.2f}" for x in row))


def main() -> None:
    """Read the command line, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, nargs="*")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12.0])
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 5, 8])
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for megapixels in args.megapixels:
        measure(enlarge(data.coffee(), megapixels), args.classes)
    compare(args.photographs, args.megapixels, args.classes)


def measure(image: NDArray[np.uint8], classes: list[int]) -> None:
    """Print how long previews of an image take."""
    codes = np.random.default_rng(1).integers(0, 2**16, image.shape[:2], np.uint16)
    table = np.zeros(2**16, np.uint8)
    out = np.empty(codes.shape, np.uint8)
    take, _ = best(lambda: np.take(table, codes, out=out, mode="clip"))
    print(f"np.take of {codes.size / 1e6:.0f} million codes: {take:.1f} ms")
    made, picture = best(lambda: PreviewImage(image), repeats=2)
    first, _ = best(lambda: picture.preview(Params()), repeats=1)
    print(f"means of pixels, once: {made:.0f} ms; first preview: {first:.0f} ms")
    flat = image.reshape(-1, 3)[:: image.size // 3 // SAMPLE].astype(np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    print("method   K smoothing  update  strength  again  cv2.kmeans  differ")
    for method in ("em", "kmeans"):
        for k in classes:
            peer, _ = best(
                lambda k=k: cv2.kmeans(flat, k, None, stop, 5, cv2.KMEANS_PP_CENTERS),
                repeats=1,
            )
            for smoothing in (0.0, 1.0):
                params = Params(method=method, n_classes=k, smoothing=smoothing)
                seeds = iter(range(1, REPEATS + 1))
                update, _ = best(
                    lambda p=params, s=seeds: picture.preview(p.replace(seed=next(s)))
                )
                picture.preview(params)
                factors = iter(np.linspace(1.1, 1.5, REPEATS))
                strength, _ = best(
                    lambda p=params, f=factors: picture.preview(
                        p.replace(smoothing=p.smoothing * next(f))
                    )
                )
                again, found = best(lambda p=params: picture.preview(p))
                exact = emseg.segment(image, **params.model_dump()).labels
                print(
                    f"{method:6s} {k:3d} {smoothing:9.1f} {update:7.0f} {strength:9.0f}"
                    f" {again:6.0f} {peer:11.0f} {np.mean(found.labels != exact):7.4f}"
                )


if __name__ == "__main__":
    main()
