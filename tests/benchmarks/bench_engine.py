"""The engine against what users would pick instead: speed, likelihood, memory.

One process, one thread, medians; every peer sees the same pixels in the same run, and
one scorer judges all models in float64. Prints a table and writes it to engine.md
beside this file.

    make bench                       # everything, some ten minutes
    python tests/benchmarks/bench_engine.py --only small large
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import platform
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
import sklearn
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

import napari_emseg as emseg

K = 5
# Lab in 0..1, where scikit-learn's reg_covar of 1e-6 means what it was made for.
UNIT = 100.0


class Table:
    """Rows of the report, printed as they come."""

    def __init__(self) -> None:
        self.lines = ["| work | at least | measured | remark |", "|---|---|---|---|"]

    def row(self, work: str, goal: str, measured: str, remark: str = "") -> None:
        line = f"| {work} | {goal} | {measured} | {remark} |"
        print(line, flush=True)
        self.lines.append(line)


def clock(call: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Median processor seconds of some calls, and the last result.

    Of one thread these are the seconds on a clock, less what other programs took.
    """
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
    return float(np.median(times)), result


def photographs() -> Iterator[tuple[str, np.ndarray]]:
    """Ten photographs of 481 x 321: parts of those inside scikit-image's wheel."""
    for name, shrink in (("astronaut", 1.0), ("coffee", 0.8), ("chelsea", 0.93)):
        image = getattr(skimage.data, name)()
        size = (round(image.shape[1] / shrink), round(image.shape[0] / shrink))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        height, width = image.shape[:2]
        for y, x in ((0, 0), (height - 321, 0), (height - 321, width - 481)):
            yield name, np.ascontiguousarray(image[y : y + 321, x : x + 481])
    rocket = skimage.data.rocket()
    yield "rocket", np.ascontiguousarray(rocket[-321:, :481])


def enlarged(name: str, megapixels: float) -> np.ndarray:
    """Enlarge a photograph and add sensor noise of 2 grey levels."""
    image = getattr(skimage.data, name)()
    scale = (megapixels * 1e6 / (image.shape[0] * image.shape[1])) ** 0.5
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    large = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)
    for rows in np.array_split(large, max(1, large.shape[0] // 512)):
        noisy = rows + rng.normal(0, 2, rows.shape).astype(np.float32)
        rows[:] = np.clip(np.rint(noisy), 0, 255)
    return large


def colors(image: np.ndarray) -> int:
    packed = image.reshape(-1, 3).astype(np.uint32)
    return np.unique(packed[:, 0] << 16 | packed[:, 1] << 8 | packed[:, 2]).size


def rows_of(image: np.ndarray, **how: Any) -> np.ndarray:
    features = emseg.features(image, **how)
    return features.reshape(-1, features.shape[-1]).astype(np.float64)


def score(model: GaussianMixture, x: np.ndarray, unit: float) -> float:
    """Mean log-likelihood of scikit-learn's model in our units, by our own scorer."""
    ours = emseg.segment(np.arange(4.0).reshape(2, 2), n_classes=1).model
    scorer = type(ours)(
        model.weights_, model.means_ * unit, model.covariances_ * unit**2
    )
    return scorer.score(x)


def sample(x: np.ndarray, size: int) -> np.ndarray:
    return x[np.random.default_rng(0).choice(len(x), size, replace=False)]


def subsampled(x: np.ndarray, size: int, unit: float) -> tuple[float, GaussianMixture]:
    """Fit scikit-learn on a sample of pixels and predict all."""

    def work() -> GaussianMixture:
        model = GaussianMixture(K, random_state=0).fit(sample(x, size) / unit)
        model.predict(x / unit)
        return model

    return clock(work)


def peak_memory(call: Callable[[], Any]) -> float:
    """Bytes of resident memory above the start, sampled each millisecond."""
    page = os.sysconf("SC_PAGE_SIZE")
    statm = Path("/proc/self/statm")

    def resident() -> int:
        return int(statm.read_text().split()[1]) * page

    done = threading.Event()
    base = top = resident()

    def watch() -> None:
        nonlocal top
        while not done.wait(0.001):
            top = max(top, resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return top - base


def small(table: Table) -> None:
    speed = []
    for k in (3, 5, 8):
        wins, ratios = 0, []
        for _, image in photographs():
            x = rows_of(image)
            ours, seg = clock(
                lambda image=image: emseg.segment(image, n_classes=k, smoothing=0), 3
            )
            theirs, full = clock(
                lambda x=x: GaussianMixture(k, random_state=0).fit(x / UNIT)
            )
            wins += seg.objective[-1] >= score(full, x, UNIT) - 1e-3
            ratios.append(theirs / ours)
        speed += ratios
        table.row(
            f"ten photographs 481x321, K = {k}: likelihood ≥ full fit − 0.001",
            "9 of 10",
            f"{wins} of 10",
            f"speed against it, median: {np.median(ratios):.0f}x",
        )
    table.row(
        "the same, all K: speed against the full fit, median",
        "25x",
        f"{np.median(speed):.0f}x",
    )


def large(table: Table, megapixels: float = 12, *, full: bool = True) -> None:
    image = enlarged("coffee", megapixels)
    size = f"{megapixels:g} MP"
    emseg.segment(image[:64], n_classes=2)
    ours, seg = clock(lambda: emseg.segment(image, n_classes=K, smoothing=0), 5)
    note = f"ours {1e3 * ours:.0f} ms, {colors(image)} colors"
    x = rows_of(image)
    note += f", likelihood {seg.model.score(x):.4f}"
    goals = {12: 30, 48: 40}
    for count, goal in ((10_000, goals.get(megapixels, 0)), (100_000, 0)):
        theirs, model = subsampled(x, count, UNIT)
        table.row(
            f"{size}: EM against scikit-learn on {count} pixels, predict all",
            f"{goal}x" if goal else "",
            f"{theirs / ours:.0f}x",
            f"{note}; theirs {score(model, x, UNIT):.4f}",
        )
    if not full:
        return
    theirs, model = clock(lambda: GaussianMixture(K, random_state=0).fit(x / UNIT))
    table.row(
        f"{size}: EM against scikit-learn on all pixels",
        "300x" if megapixels == 12 else "",
        f"{theirs / ours:.0f}x",
        f"theirs {score(model, x, UNIT):.4f}",
    )
    theirs, model = clock(lambda: KMeans(K, n_init=1, random_state=0).fit(x))
    again, means = clock(
        lambda: emseg.segment(image, n_classes=K, method="kmeans", smoothing=0), 3
    )
    known = megapixels == 12
    inertia = f"inertia {means.objective[-1]:.2f}, theirs {model.inertia_ / len(x):.2f}"
    table.row(
        f"{size}: EM against scikit-learn KMeans",
        "25x" if known else "",
        f"{theirs / ours:.0f}x",
    )
    table.row(
        f"{size}: K-means against scikit-learn KMeans",
        "50x" if known else "",
        f"{theirs / again:.0f}x",
        f"ours {1e3 * again:.0f} ms, {inertia}",
    )
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 0.1)
    flat = x.astype(np.float32)
    theirs, _ = clock(
        lambda: cv2.kmeans(flat, K, None, criteria, 1, cv2.KMEANS_PP_CENTERS)
    )
    table.row(f"{size}: K-means against cv2.kmeans", "", f"{theirs / again:.0f}x")
    theirs, _ = clock(
        lambda: cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), 3
    )
    table.row(
        f"{size}: EM against cv2.cvtColor of all pixels to float Lab",
        "1x" if known else "",
        f"{theirs / ours:.1f}x",
    )


def memory(table: Table) -> None:
    for megapixels, goal in ((12, 12), (48, 6)):
        image = enlarged("coffee", megapixels)
        emseg.segment(image[:64], n_classes=2)
        used = peak_memory(lambda im=image: emseg.segment(im, n_classes=K, smoothing=0))
        table.row(
            f"{megapixels} MP: peak extra memory, bytes per pixel",
            f"at most {goal}",
            f"{used / image[..., 0].size:.1f}",
        )


def stack(table: Table) -> None:
    rng = np.random.default_rng(0)
    levels = np.array([3000, 9000, 16000, 24000, 36000])
    shape = (64, 1024, 1024)
    smooth = cv2.GaussianBlur(rng.normal(0, 1, shape[1:]).astype("f4"), (0, 0), 20)
    bins = np.quantile(smooth, [0.2, 0.4, 0.6, 0.8])
    image = np.empty(shape, np.uint16)
    for plane in image:
        noisy = levels[np.digitize(smooth, bins)] + rng.normal(0, 1500, shape[1:])
        plane[:] = np.clip(noisy, 0, 65535)
        smooth = np.roll(smooth, 16, axis=0)
    ours, seg = clock(lambda: emseg.segment(image, n_classes=K, smoothing=0), 3)
    x = image.reshape(-1, 1)
    unit = 65535.0

    def work() -> GaussianMixture:
        part = sample(x, 100_000) / unit
        model = GaussianMixture(K, random_state=0).fit(part)
        for plane in image:
            model.predict(plane.reshape(-1, 1) / unit)
        return model

    theirs, model = clock(work)
    few = sample(x, 1_000_000).astype(np.float64)
    table.row(
        "16-bit stack 64x1024x1024 against 100000 voxels + predict",
        "50x",
        f"{theirs / ours:.0f}x",
        f"ours {1e3 * ours:.0f} ms, likelihood {seg.model.score(few):.4f}, "
        f"theirs {score(model, few, unit):.4f}",
    )


def channels(table: Table) -> None:
    color = enlarged("coffee", 2).astype(np.float32)
    fourth = cv2.GaussianBlur(color[..., 1], (0, 0), 3) - 0.3 * color[..., 2]
    noise = np.random.default_rng(1).normal(0, 2, (*fourth.shape, 4))
    image = (np.dstack([color, fourth]) + noise).astype(np.float32)
    how: dict[str, Any] = {"channel_axis": -1}
    ours, seg = clock(lambda: emseg.segment(image, n_classes=K, smoothing=0, **how), 5)
    x = rows_of(image, **how)
    theirs, model = subsampled(x, 10_000, UNIT)
    table.row(
        "4 channels of float32, 2 MP, against 10000 pixels + predict",
        "1.5x, likelihood better",
        f"{theirs / ours:.1f}x",
        f"ours {1e3 * ours:.0f} ms, {seg.model.score(x):.4f}, "
        f"theirs {score(model, x, UNIT):.4f}",
    )


def grey(table: Table) -> None:
    image = np.ascontiguousarray(enlarged("coffee", 12)[..., 1])
    ours, seg = clock(lambda: emseg.segment(image, n_classes=K, smoothing=0), 5)
    x = image.reshape(-1, 1).astype(np.float64)
    theirs, model = subsampled(x, 10_000, 255.0)
    table.row(
        "8-bit grey, 12 MP, against 10000 pixels + predict",
        "",
        f"{theirs / ours:.0f}x",
        f"ours {1e3 * ours:.0f} ms, {seg.model.score(x):.4f}, "
        f"theirs {score(model, x, 255.0):.4f}",
    )


PARTS: dict[str, Callable[[Table], None]] = {
    "small": small,
    "medium": lambda table: large(table, 2),
    "large": large,
    "huge": lambda table: large(table, 48, full=False),
    "memory": memory,
    "stack": stack,
    "channels": channels,
    "grey": grey,
}


def main() -> None:
    """Run the parts that are asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    chosen = parser.parse_args().only
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    versions = (
        f"Python {platform.python_version()}, numpy {np.__version__}, OpenCV "
        f"{cv2.__version__}, scikit-learn {sklearn.__version__}; threads: BLAS and "
        f"OpenMP {os.environ['OMP_NUM_THREADS']}, OpenCV {cv2.getNumThreads()}"
    )
    print(versions, flush=True)
    table = Table()
    for name in chosen:
        PARTS[name](table)
    report = "\n".join([versions, "", *table.lines, ""])
    path = Path(__file__).with_name("engine.md")
    # What follows is of bench_memory.py.
    _, title, rest = path.read_text().partition("\n## Memory")
    path.write_text(report + title + rest)


if __name__ == "__main__":
    main()
