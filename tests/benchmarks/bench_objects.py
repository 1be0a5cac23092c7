"""Measures of objects against scikit-image's, and how long objects take to be found.

A picture of 48 megapixels with 20,000 objects; one thread; the ratio of medians of runs
that take turns. ``python tests/benchmarks/bench_objects.py [--side 6928] [--runs 3]``
"""

from __future__ import annotations

import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import resource
import time
from statistics import median

import cv2
import numpy as np
from skimage.measure import regionprops_table

import napari_emseg as emseg

cv2.setNumThreads(1)
# The same measures, by our names and theirs.
OURS = (
    "area perimeter equivalent_diameter axis_major axis_minor eccentricity solidity "
    "centroid_y centroid_x first_y first_x last_y last_x mean min max std"
)
THEIRS = (
    "label area perimeter equivalent_diameter_area axis_major_length axis_minor_length "
    "eccentricity solidity centroid bbox intensity_mean intensity_min intensity_max "
    "intensity_std"
)


def draw(side, count, rng):
    """Return labels of ellipses that lie apart, and an image of noise."""
    labels = np.zeros((side, side), np.int32)
    per = int(np.ceil(np.sqrt(count)))
    step = side / per
    for number in range(count):
        row, column = divmod(number, per)
        middle = np.array([column + 0.5, row + 0.5]) * step
        middle += rng.uniform(-0.08, 0.08, 2) * step
        axes = rng.uniform(0.2, 0.4, 2) * step
        at = tuple(np.rint(middle).astype(int).tolist())
        size = tuple(np.rint(axes).astype(int).tolist())
        cv2.ellipse(labels, at, size, rng.uniform(0, 180), 0, 360, number + 1, -1)
    return labels, rng.integers(0, 4096, (side, side)).astype(np.uint16)


def seconds(function):
    """Return the processor time of a function, as others may use the machine, too."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main():
    """Print a line for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=6928)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    labels, image = draw(given.side, given.count, np.random.default_rng(0))
    ways = {
        "measure": lambda: emseg.measure(labels, image, properties=OURS.split()),
        "regionprops_table": lambda: regionprops_table(
            labels, image, properties=THEIRS.split()
        ),
    }
    taken = {name: [] for name in ways}
    for _ in range(given.runs):
        for name, way in ways.items():
            taken[name].append(seconds(way))
            if name == "measure":
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ours, theirs = (median(taken[name]) for name in ways)
    size = f"{labels.size / 1e6:.0f} MP, {labels.max()} objects"
    print(f"{size}: measure {ours:.2f} s, regionprops_table {theirs:.2f} s,")
    print(f"  ratio {ours / theirs:.3f}; memory of the process {peak:.0f} MB")
    mask = labels > 0
    for split in ("none", "distance"):
        took = seconds(lambda: emseg.objects(mask, split=split))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{size}: objects, split={split!r}: {took:.2f} s; {peak:.0f} MB")
    dots = np.indices((2000, 2000)).sum(axis=0) % 2 == 0
    found = emseg.objects(dots)
    took = seconds(lambda: emseg.objects(dots)), seconds(lambda: emseg.measure(found))
    print(f"{len(found)} objects of a pixel: found {took[0]:.2f} s, ", end="")
    print(f"measured {took[1]:.2f} s")


if __name__ == "__main__":
    main()
