"""Where a fit starts: centers among the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_emseg.engine._types import Float64Array
    from napari_emseg.engine.cells.cells import Cells

# Candidates tried for each new center, of which the best is kept (greedy k-means++).
_CANDIDATES = 4


def seed_centers(
    cells: Cells,
    n_classes: int,
    *,
    init: str,
    rng: np.random.Generator,
    centers_before: Float64Array | None = None,
) -> Float64Array:
    """Choose starting centers among the cells.

    Parameters
    ----------
    cells : Cells
        M weighted points.
    n_classes : int
        How many centers are wanted; fewer are given if fewer points are distinct.
    init : {"kmeans", "random"}
        Greedy k-means++ [1]_ (several candidates a step, the best kept), or distinct
        cells drawn by weight.
    rng : numpy.random.Generator
        Source of chance.
    centers_before : (G, D) ndarray, optional
        Centers that exist already: the new ones keep away from them.

    Returns
    -------
    (K, D) ndarray of float64
        The new centers.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful
       seeding", SODA 2007, 1027-1035.
    """
    points = np.asarray(cells.points, np.float64)
    if init == "random":
        return _draw(cells, points, n_classes, rng)
    centers: list[Float64Array] = []
    distance = np.full(cells.count, np.inf)
    for center in [] if centers_before is None else centers_before:
        distance = np.minimum(distance, _distance(points, center[np.newaxis])[0])
    while len(centers) < n_classes:
        odds = cells.weights * np.where(np.isinf(distance), 1, distance)
        total = odds.sum()
        if total <= 0:
            break
        draws = np.searchsorted(np.cumsum(odds), rng.random(_CANDIDATES) * total)
        draws = np.minimum(draws, cells.count - 1)
        closer = np.minimum(_distance(points, points[:, draws].T), distance)
        best = int((closer @ cells.weights).argmin())
        if distance[draws[best]] <= 0:
            break
        centers.append(points[:, draws[best]])
        distance = closer[best]
    return np.array(centers).reshape(-1, cells.dims)


def _draw(
    cells: Cells, points: Float64Array, n_classes: int, rng: np.random.Generator
) -> Float64Array:
    """Draw distinct centers by weight; all there are if these are fewer."""
    size = min(n_classes, int(np.count_nonzero(cells.weights)))
    pick = rng.choice(cells.count, size, replace=False, p=cells.weights / cells.total)
    centers = np.unique(points[:, pick].T, axis=0)
    if len(centers) == size:
        return centers
    # Several cells may look alike: draw on from those that look like none so far.
    odds = cells.weights.copy()
    for center in centers:
        odds[(center == points.T).all(axis=1)] = 0
    while len(centers) < size and odds.any():
        center = points[:, rng.choice(cells.count, p=odds / odds.sum())]
        odds[(center == points.T).all(axis=1)] = 0
        centers = np.concatenate([centers, center[np.newaxis]])
    return np.unique(centers, axis=0)


def _distance(points: Float64Array, centers: Float64Array) -> Float64Array:
    """Squared distances, exactly 0 where a point is a center."""
    out = np.zeros((len(centers), points.shape[1]))
    for total, center in zip(out, centers, strict=True):
        # Row after row in the cache takes a third of the time.
        for row, place in zip(points, center, strict=True):
            away = row - place
            away *= away
            total += away
    return out


def start_centers(
    cells: Cells, n_classes: int, *, init: str, rng: np.random.Generator
) -> Float64Array:
    """Seed centers; classes with fixed cells start at the mean of these."""
    if cells.seed_labels is None:
        return seed_centers(cells, n_classes, init=init, rng=rng)
    centers = np.tile(cells.center(), (n_classes, 1))
    seeded = np.unique(cells.seed_labels[cells.seed_labels > 0])
    for label in seeded:
        own = cells.take(np.flatnonzero(cells.seed_labels == label))
        centers[label - 1] = own.mean()
    free = np.setdiff1d(np.arange(n_classes), seeded - 1)
    found = seed_centers(
        cells, len(free), init=init, rng=rng, centers_before=centers[seeded - 1]
    )
    centers[free[: len(found)]] = found
    return centers
