"""One model of many photographs against a mixture of scikit-learn for each of them.

Ours: one joint model of all pixels, and labels of all. Theirs: for each photograph, a
fit of 10,000 of its pixels, and labels of all, whose numbers mean something else each
time.
Processor seconds of one thread; both in the same run, in turns. Prints a table.

    python tests/benchmarks/bench_batch.py
    python tests/benchmarks/bench_batch.py --photographs FOLDER
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from sklearn.mixture import GaussianMixture

import napari_emseg as emseg
from napari_emseg.batch.label_table import SharedLabels
from napari_emseg.pipeline.progress import finish
from napari_emseg.pipeline.segment import read_input

K, COUNT, SUBSAMPLE = 5, 200, 10_000
SHAPE = (321, 481)
NAMES = ("astronaut", "coffee", "rocket", "immunohistochemistry")


def photographs(folder: Path | None) -> list[np.ndarray]:
    """Return photographs as they are, or pieces of some, each as bright as it likes."""
    rng = np.random.default_rng(0)
    if folder is not None:
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".jpg", ".png"))
        return [emseg.files.read_image(path)[0] for path in files[:COUNT]]
    whole = [getattr(skimage.data, name)() for name in NAMES]
    found = []
    for number in range(COUNT):
        photo = whole[number % len(whole)]
        height, width = (min(n, m) for n, m in zip(SHAPE, photo.shape, strict=False))
        y = rng.integers(photo.shape[0] - height + 1)
        x = rng.integers(photo.shape[1] - width + 1)
        lit = photo[y : y + height, x : x + width] * rng.uniform(0.8, 1.0)
        found.append(lit.astype(np.uint8))
    return found


def clock(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor seconds of a call, and what it returns."""
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def ours(images: list[np.ndarray]) -> list[np.ndarray]:
    """Return the labels of all images by one model."""
    joint = emseg.fit(images, n_classes=K, smoothing=0)
    shared = SharedLabels(joint.model, joint.tables)
    labels = []
    for image in images:
        source = read_input(image, joint.params, like=joint.model)
        labels.append(finish(shared.iter_segment(source, joint.params)).labels)
    return labels


def theirs(images: list[np.ndarray]) -> list[np.ndarray]:
    """Return the labels of all images, each by a model of its own."""
    rng = np.random.default_rng(0)
    labels = []
    for image in images:
        points = emseg.features(image, color="lab").reshape(-1, 3)
        some = points[rng.integers(0, len(points), SUBSAMPLE)]
        model = GaussianMixture(K, random_state=0).fit(some)
        labels.append(model.predict(points).reshape(image.shape[:2]))
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="folder of pictures")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    images = photographs(arguments.photographs)
    theirs(images[:2])
    ratios = []
    for number in range(arguments.rounds):
        seconds, labels = clock(lambda: ours(images))
        # A part of them in each round is enough: they do not depend on each other.
        part = images[number :: arguments.rounds]
        other = clock(lambda part=part: theirs(part))[0] * len(images) / len(part)
        ratios.append(other / seconds)
        print(f"ours {seconds:.2f} s, theirs {other:.1f} s, {ratios[-1]:.1f}x")
    joint = emseg.fit(images, n_classes=K, smoothing=0)
    alike = all(
        np.array_equal(found, joint.segment(image).labels)
        for image, found in zip(images, labels, strict=True)
    )
    size = sum(image.shape[0] * image.shape[1] for image in images) / len(images) / 1e6
    print(
        f"| {len(images)} photographs of {size:.2f} MP, one model | 15x | "
        f"{statistics.median(ratios):.0f}x | labels by that model in all: {alike} |"
    )


if __name__ == "__main__":
    main()
