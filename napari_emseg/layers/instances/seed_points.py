"""Seeds of objects: points, or one pixel of each label of another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Points
from scipy import ndimage as ndi

from napari_emseg.layers.geometry import spatial_shape
from napari_emseg.layers.metadata import MARK

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray


def may_be_seeds(layer: Layer, labels: Labels | None) -> bool:
    """Return whether a layer can hold the seeds of objects in labels."""
    if isinstance(layer, Points):
        return True
    return (
        isinstance(layer, Labels) and layer is not labels and MARK not in layer.metadata
    )


def seed_points(source: Layer, labels: Labels) -> NDArray[np.int64]:
    """Return a pixel of labels for each seed of a layer.

    Parameters
    ----------
    source : napari.layers.Points or napari.layers.Labels
        Points, or labels, of each of which the pixel that is nearest to its middle is
        the seed.
    labels : napari.layers.Labels
        Where objects are found.

    Returns
    -------
    (P, ndim) ndarray of int64
        Those inside of the labels.

    Examples
    --------
    >>> labels = Labels(np.ones((4, 6), int), scale=(2, 2))
    >>> seed_points(Points([[2, 4], [90, 0]]), labels).tolist()
    [[1, 2]]
    >>> marks = np.zeros((4, 6), int)
    >>> marks[1, 1:4] = 7
    >>> seed_points(Labels(marks, scale=(2, 2)), labels).tolist()
    [[1, 2]]
    """
    own = np.asarray(source.data if isinstance(source, Points) else _middles(source))
    if not len(own):
        return np.zeros((0, labels.ndim), np.int64)
    world = np.array([source.data_to_world(point) for point in own])
    lacking = max(labels.ndim - world.shape[1], 0)
    world = np.pad(world, ((0, 0), (lacking, 0)))
    found = np.array([labels.world_to_data(point) for point in world])
    found = np.rint(found[:, -labels.ndim :]).astype(np.int64)
    inside = ((found >= 0) & (found < spatial_shape(labels))).all(axis=1)
    points: NDArray[np.int64] = np.unique(found[inside], axis=0)
    return points


def _middles(layer: Any) -> NDArray[np.int64]:
    """Return a pixel of each label: the nearest to the middle of its box."""
    data = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    numbers, where = np.unique(data, return_inverse=True)
    boxes = ndi.find_objects(where.reshape(data.shape) + 1)
    found = []
    for number, box in zip(numbers.tolist(), boxes, strict=True):
        if number == 0:
            continue
        inside = np.argwhere(data[box] == number)
        middle = (np.array(data[box].shape) - 1) / 2
        nearest = inside[((inside - middle) ** 2).sum(axis=1).argmin()]
        found.append(nearest + [part.start for part in box])
    return np.array(found, np.int64).reshape(-1, data.ndim)
