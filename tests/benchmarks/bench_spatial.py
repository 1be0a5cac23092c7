"""Mean field against alpha-expansion: how much of its energy gain, in what time.

    python tests/benchmarks/bench_spatial.py            # needs: pip install PyMaxflow

PyMaxflow is GPL: it is a peer here and never a dependency. Run on one core
(`taskset -c 0`) with OMP_NUM_THREADS=1. For each image: the Potts energy of the
labels that each pixel would choose by itself, of those of mean field, and of those of
alpha-expansion, which starts from the first and runs until nothing improves.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from napari_emseg import segment
from napari_emseg.engine.mrf.mean_field import edge_scale, free_energy, mean_field
from napari_emseg.engine.mrf.noise_smoother import NoiseSmoother
from napari_emseg.engine.mrf.potts import contrast, neighbors, pairs

Array = NDArray[Any]
# Sweeps of each way; the last is what noisy images get.
SETTINGS = {"5 sweeps": 5, "10 sweeps": 10, "noise": 12}


def expansion(unary: Array, weights: dict[Any, Array], labels: Array) -> Array:
    """Minimize the Potts energy by alpha-expansion [1]_.

    Parameters
    ----------
    unary : (K, Y, X) ndarray
        Log-probabilities.
    weights : dict of offset to ndarray
        Cost of different labels at the pairs of each offset.
    labels : (Y, X) ndarray of int
        Where to start.

    References
    ----------
    .. [1] Y. Boykov, O. Veksler, R. Zabih, "Fast approximate energy minimization via
       graph cuts", IEEE Trans. PAMI 23(11), 1222-1239, 2001.
    """
    import maxflow

    shape = labels.shape

    def energy(found: Array) -> float:
        total = -float(np.take_along_axis(unary, found[np.newaxis], 0).sum())
        for offset, cost in weights.items():
            first, second = pairs(shape, offset)
            total += float(cost[found[first] != found[second]].sum())
        return total

    best, gained = energy(labels), True
    while gained:
        gained = False
        for label in range(len(unary)):
            graph = maxflow.Graph[float]()
            nodes = graph.add_grid_nodes(shape)
            keep = -np.take_along_axis(unary, labels[np.newaxis], 0)[0].astype(float)
            take = -unary[label].astype(float)
            for offset, cost in weights.items():
                first, second = pairs(shape, offset)
                same = cost * (labels[first] != labels[second])
                to_second = cost * (labels[first] != label)
                to_first = cost * (labels[second] != label)
                take[first] += to_first - same
                take[second] -= to_first
                graph.add_edges(
                    nodes[first].ravel(),
                    nodes[second].ravel(),
                    np.maximum(to_second + to_first - same, 0).ravel(),
                    np.zeros(cost.size),
                )
            least = np.minimum(keep, take)
            graph.add_grid_tedges(nodes, take - least, keep - least)
            graph.maxflow()
            trial = np.where(graph.get_grid_segments(nodes), label, labels)
            found = energy(trial)
            if found < best - 1e-6 * abs(best):
                labels, best, gained = trial, found, True
    return labels


def coded(labels: Array, n_classes: int) -> Array:
    """Code labels as posteriors of 0 and 1."""
    return (labels == np.arange(n_classes)[:, np.newaxis, np.newaxis]).astype(float)


def compare(name: str, image: Array, n_classes: int, strength: float) -> None:
    """Print one row: milliseconds and share of the gain."""
    fitted = segment(image, n_classes=n_classes, smoothing=0).model
    # Noise is smoothed as if all classes were as large.
    model = replace(fitted, weights=np.full(fitted.n_classes, 1 / fitted.n_classes))
    features = image[..., np.newaxis].astype(np.float32)
    if image.ndim == 3:
        lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        features = lab
    unary = model.log_joint(features).astype(np.float32)
    scale = edge_scale(features)
    options: dict[str, Any] = {"guide": features, "scale": scale, "strength": strength}
    planes = np.moveaxis(features, -1, 0).copy()
    weights = {
        offset: strength * weight * contrast(planes, offset, scale)
        for offset, weight in neighbors(2).items()
    }
    alone = unary.argmax(axis=0)
    start = time.perf_counter()
    cut = expansion(unary, weights, alone)
    slow = time.perf_counter() - start
    energies = [
        free_energy(unary, coded(x, n_classes), **options) for x in (alone, cut)
    ]
    cells = []
    smoother = NoiseSmoother(strength, scale)
    for way, sweeps in SETTINGS.items():
        times = []
        for _ in range(3):
            start = time.perf_counter()
            if way == "noise":
                found = smoother.labels(model, features, None).astype(int) - 1
            else:
                found = mean_field(unary, sweeps=sweeps, **options).argmax(axis=0)
            times.append(time.perf_counter() - start)
        gain = energies[0] - free_energy(unary, coded(found, n_classes), **options)
        share = 100 * gain / (energies[0] - energies[1])
        fast = min(times)
        each = 1e3 * fast / (image.shape[0] * image.shape[1] / 1e6 * n_classes * sweeps)
        cells.append(
            f"{share:.1f} % | {1e3 * fast:.0f} | {slow / fast:.0f} | {each:.1f}"
        )
    print(f"| {name} | {strength} | {1e3 * slow:.0f} | " + " | ".join(cells) + " |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=5)
    n_classes = parser.parse_args().classes
    cv2.setNumThreads(1)
    columns = " | ".join(
        f"gain, {name} | ms | times faster | ms/MP/class/sweep" for name in SETTINGS
    )
    print(f"| image | bond | expansion ms | {columns} |")
    print("|---" * 15 + "|")
    photos = {
        name: getattr(data, name)() for name in ("astronaut", "chelsea", "coffee")
    }
    noisy = data.camera() + np.random.default_rng(0).normal(0, 25, (512, 512))
    photos["camera, noise 25"] = noisy.astype(np.float32)
    for name, image in photos.items():
        for strength in (1.0, 2.0):
            compare(name, image, n_classes, strength)


if __name__ == "__main__":
    main()
