"""Strokes: what they tell of the class of every other pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from skimage.segmentation import watershed

from napari_emseg.engine.cells.cells import Cells
from napari_emseg.engine.cluster.em import CovarianceSpec
from napari_emseg.engine.cluster.multilevel import FitOptions, iter_fit_mixture
from napari_emseg.engine.hierarchy.contours import resize
from napari_emseg.engine.image.opencv_limits import bilateral

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_emseg.engine._types import FloatArray
    from napari_emseg.engine.cluster.mixture import MixtureModel

# How much each kind of evidence counts, in nats per unit: logistic regression on
# the pixels of 57 objects (BSDS500, train) marked by a robot's strokes.
WEIGHTS = {"color": 0.10, "nearest": 3.5, "straight": 2.2, "path": 1.5, "basin": 0.85}
# Log-ratios of densities are tempered, as neighbors are not independent witnesses,
# and no color can count for more than this many nats.
_TEMPER, _CLIP = 0.5, 6.0
# Mixtures of the strokes: as many components, pixels, and least variance.
_COMPONENTS, _SAMPLE, _FLOOR = 6, 3000, 9.0
# The nearest of so many stroke pixels, of which so many must agree; texture and
# position (the longer side is 100) count less than color.
_WITNESSES, _QUORUM, _TEXTURE, _POSITION = 1500, 3, 0.5, 0.2
# So many pixels beside a stroke are as sure as it is if their color is.
_BESIDE = 3
# A path costs this much per pixel where the image is flat.
_FLAT = 0.003


def smooth(features: FloatArray) -> FloatArray:
    """Even out noise and fine texture, but no edges.

    Parameters
    ----------
    features : (Y, X, C) ndarray of float32
        In units where 100 is the whole range.

    Returns
    -------
    (Y, X, C) ndarray of float32
    """
    if features.shape[-1] != 3:
        planes = [bilateral(bilateral(p)) for p in np.moveaxis(features, -1, 0)]
        return np.stack(planes, axis=-1)
    return bilateral(bilateral(features))


def texture(brightness: FloatArray) -> FloatArray:
    """Log of the local standard deviation at two scales, (Y, X, 2)."""
    planes = []
    for sigma in (2, 4):
        detail = brightness - cv2.GaussianBlur(brightness, (0, 0), sigma)
        variance = cv2.GaussianBlur(detail * detail, (0, 0), 2 * sigma)
        planes.append(10 * np.log1p(np.sqrt(np.maximum(variance, 0))))
    return np.stack(planes, axis=-1)


def slope(features: FloatArray, sigma: float) -> FloatArray:
    """Length of the gradient of (Y, X, C) features blurred by sigma, (Y, X)."""
    total = np.zeros(features.shape[:2], np.float32)
    for plane in np.moveaxis(features, -1, 0):
        blurred = cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), sigma)
        for order in ((1, 0), (0, 1)):
            total += cv2.Sobel(blurred, cv2.CV_32F, *order, scale=sigma / 8) ** 2
    return np.sqrt(total)


def shrink_strokes(
    strokes: NDArray[np.uint8], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Shrink strokes so that the thinnest survive; the broadest wins a pixel.

    Parameters
    ----------
    strokes : (Y, X) ndarray of uint8
        Classes 1..K; 0 is none.
    shape : (y, x) tuple of int
        The shape to shrink to.

    Returns
    -------
    (y, x) or (Y, X) ndarray of uint8
        The strokes as they are if a class would get lost.
    """
    if strokes.shape == shape:
        return strokes
    count = int(strokes.max())
    share = np.stack(
        [resize((strokes == k + 1).astype(np.float32), shape) for k in range(count)]
    )
    found = (share.argmax(axis=0) + 1).astype(np.uint8)
    found[share.max(axis=0) <= 0] = 0
    return found if len(np.unique(found[found > 0])) == count else strokes


def widen_strokes(
    strokes: NDArray[np.uint8], features: FloatArray
) -> NDArray[np.uint8]:
    """Add what lies beside strokes and differs from their mean by less than they do.

    Parameters
    ----------
    strokes : (Y, X) ndarray of uint8
        Classes 1..K; 0 is none.
    features : (Y, X, C) ndarray of float32
        Their standard deviation under the strokes of a class is its spread.

    Returns
    -------
    (Y, X) ndarray of uint8
        Nothing is added where two classes would be.
    """
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _BESIDE + 1,) * 2)
    claims, found = np.zeros(strokes.shape, np.uint8), strokes.copy()
    for label in range(1, int(strokes.max()) + 1):
        own = (strokes == label).astype(np.uint8)
        beside = cv2.dilate(own, disk) > 0
        # Sums of many pixels need more digits.
        samples = features[own > 0].astype(np.float64)
        away = np.abs(features[beside] - samples.mean(axis=0))
        beside[beside] = (away <= samples.std(axis=0)).all(axis=-1)
        beside &= strokes == 0
        claims[beside] += 1
        found[beside] = label
    found[claims > 1] = 0
    return found


def compare(distances: FloatArray) -> FloatArray:
    """Turn distances (K, …) into evidence: minus the share of the nearest two.

    With two classes the evidence differs by (d₀ - d₁) / (d₀ + d₁).
    """
    two = np.partition(distances, 1, axis=0)[:2].sum(axis=0)
    share = distances / np.maximum(two, np.finfo(np.float32).eps)
    return -np.minimum(share, 1).astype(np.float32)


def fit_strokes(
    samples: FloatArray, n_classes: int = _COMPONENTS, seed: int = 0
) -> MixtureModel:
    """Fit a mixture to features (N, D), as of one class's strokes."""
    picked = samples[:: 1 + len(samples) // _SAMPLE]
    points = np.ascontiguousarray(picked.T, np.float64)
    options = FitOptions(
        n_classes=min(n_classes, len(picked)),
        rules=CovarianceSpec("full", np.full(len(points), _FLOOR)),
        tol=1e-3,
        max_iter=30,
        seed=seed,
    )
    *_, last = iter_fit_mixture(Cells(np.ones(len(picked)), points), options)
    return last.model


def nearest_distances(samples: FloatArray, features: FloatArray) -> FloatArray:
    """Distance of features (Y, X, D) to the nearest few of samples (N, D)."""
    index = np.linspace(0, len(samples) - 1, min(len(samples), _WITNESSES))
    tree = KDTree(samples[index.astype(np.intp)])
    quorum = min(_QUORUM, tree.n)
    flat = features.reshape(-1, features.shape[-1])
    found = np.asarray(tree.query(flat, k=[quorum], eps=0.5)[0], np.float32)
    return found.reshape(features.shape[:2])


def path_distances(cost: FloatArray, strokes: NDArray[np.uint8]) -> FloatArray:
    """Length of the cheapest path from each class's strokes to each pixel.

    Parameters
    ----------
    cost : (Y, X) ndarray of float32
        Positive cost of a step of one pixel.
    strokes : (Y, X) ndarray of uint8
        Classes 1..K; 0 is none.

    Returns
    -------
    (K, Y, X) ndarray of float32
    """
    shape = cost.shape
    index = np.arange(cost.size, dtype=np.int32).reshape(shape)
    starts, ends, lengths = [], [], []
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        first = (slice(0, shape[0] - dy), slice(max(0, -dx), shape[1] - max(0, dx)))
        second = (slice(dy, None), slice(max(0, dx), shape[1] + min(0, dx)))
        starts.append(index[first].ravel())
        ends.append(index[second].ravel())
        length = np.hypot(dy, dx) / 2 * (cost[first] + cost[second])
        lengths.append(length.ravel())
    graph = coo_array(
        (np.concatenate(lengths), (np.concatenate(starts), np.concatenate(ends))),
        shape=(cost.size, cost.size),
    ).tocsr()
    found = [
        dijkstra(
            graph,
            directed=False,
            indices=np.flatnonzero(strokes == label),
            min_only=True,
        )
        for label in range(1, int(strokes.max()) + 1)
    ]
    return np.stack(found).reshape(-1, *shape).astype(np.float32)


def path_cost(smoothed: FloatArray, grain: FloatArray) -> FloatArray:
    """Cost (Y, X) of a step: high at edges of smoothed colors and of texture."""
    steep = slope(smoothed, 1.0) ** 2 + slope(grain, 1.5) ** 2
    return np.asarray(_FLAT + steep / 100, np.float32)


def straight_distances(strokes: NDArray[np.uint8]) -> FloatArray:
    """Distance in pixels from each class's strokes, (K, Y, X)."""
    return np.stack(
        [
            cv2.distanceTransform(
                (strokes != label).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
            )
            for label in range(1, int(strokes.max()) + 1)
        ]
    )


def gather_evidence(
    features: FloatArray, smoothed: FloatArray, strokes: NDArray[np.uint8]
) -> dict[str, FloatArray]:
    """Gather what speaks for each class at each pixel, by kind.

    Parameters
    ----------
    features, smoothed : (Y, X, C) ndarray of float32
        In units where 100 is the whole range; the first is the brightness.
    strokes : (Y, X) ndarray of uint8
        Classes 1..K, each somewhere; 0 is unknown.

    Returns
    -------
    dict of str to (K, Y, X) ndarray of float32
        Keys as in `WEIGHTS`.
    """
    shape = strokes.shape
    marks = shrink_strokes(strokes, ((shape[0] + 1) // 2, (shape[1] + 1) // 2))
    half = marks.shape
    coarse = resize(smoothed, half)
    fine_texture = texture(np.ascontiguousarray(features[..., 0]))
    coarse_texture = resize(fine_texture, half)
    looks = np.concatenate([smoothed, fine_texture], axis=-1)
    coarse_looks = np.concatenate([coarse, coarse_texture], axis=-1)
    places = with_positions(looks)
    coarse_places = with_positions(coarse_looks)
    cost = path_cost(coarse, coarse_texture)
    likelihood, nearest = [], []
    for label in range(1, int(strokes.max()) + 1):
        own = strokes == label
        likelihood.append(fit_strokes(looks[own]).score_samples(coarse_looks))
        nearest.append(nearest_distances(places[own], coarse_places))
    color = _TEMPER * np.stack(likelihood)
    color = np.maximum(color - color.max(axis=0), -_CLIP).astype(np.float32)
    found = {
        "color": color,
        "nearest": compare(np.stack(nearest)),
        "straight": compare(straight_distances(marks)),
        "path": compare(path_distances(cost, marks)),
    }
    found = {
        kind: np.stack([resize(plane, shape) for plane in planes])
        for kind, planes in found.items()
    }
    return found | {"basin": _basins(features, strokes, marks)}


def _basins(
    features: FloatArray, strokes: NDArray[np.uint8], marks: NDArray[np.uint8]
) -> FloatArray:
    """Return the share (K, Y, X) of two watersheds that each class wins."""
    reliefs = [(features, strokes), (resize(features, marks.shape), marks)]
    classes = range(1, int(strokes.max()) + 1)
    shares = np.zeros((len(classes), *strokes.shape), np.float32)
    for image, markers in reliefs:
        basins = watershed(slope(image, 1.0), markers.astype(np.int32))
        for share, label in zip(shares, classes, strict=True):
            share += resize((basins == label).astype(np.float32), strokes.shape) / 2
    return shares


def with_positions(looks: FloatArray) -> FloatArray:
    """Add scaled positions to colors and texture, (Y, X, C + 4)."""
    shape = looks.shape[:2]
    y, x = np.indices(shape, np.float32)
    scale = np.float32(_POSITION * 100 / max(shape))
    place = np.stack([(y + 0.5) * scale, (x + 0.5) * scale], axis=-1)
    color, grain = looks[..., :-2], looks[..., -2:] * np.float32(_TEXTURE)
    return np.concatenate([color, grain, place], axis=-1)
