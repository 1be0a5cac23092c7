"""Objects divided by hand: along lines, or by a seed for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from napari_emseg.engine.labels.connected_components import components
from napari_emseg.regions.edit import wider_type

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

    IntArray = NDArray[np.integer[Any]]


def cut_object(
    labels: IntArray, n_space: int, path: ArrayLike, after: int
) -> tuple[IntArray, NDArray[np.int64]]:
    """Divide the objects that a line parts.

    Parameters
    ----------
    labels : (…) ndarray of unsigned int
        Objects; 0 is none.
    n_space : {2, 3}
        Number of axes of space, the last ones.
    path : (P, 2), (P, n_space) or (P, ndim) array_like of float
        As for `Objects.split_by_line`.
    after : int
        First number of new objects.

    Returns
    -------
    labels : (…) ndarray of unsigned int
        Of a wider type if they need it.
    parents : (Q,) ndarray of int64
        Of each new object, where it was.
    """
    plane, line = _line(labels.shape, n_space, path)
    out = labels.copy()
    here = out[plane]
    most, parents = after - 1, []
    touched = np.unique(here[line])
    boxes = ndi.find_objects(np.where(np.isin(here, touched), here, 0).astype(np.int64))
    for number in touched[touched > 0].tolist():
        box = boxes[number - 1]
        inside = here[box] == number
        parts = components((inside & ~line[box]).astype(np.uint8))
        sizes = np.bincount(parts.ravel())[1:]
        if len(sizes) < 2:
            continue
        parts = watershed(np.zeros(parts.shape), parts, mask=inside)
        new = most + 1 + np.arange(len(sizes))
        new[sizes.argmax()] = number
        new[sizes.argmax() + 1 :] -= 1
        most += len(sizes) - 1
        parents += [number] * (len(sizes) - 1)
        kind = wider_type(out.dtype, most)
        if kind != out.dtype:
            out = out.astype(kind)
            here = out[plane]
        here[box][inside] = new[parts[inside] - 1]
    return out, np.array(parents, np.int64)


def cut(mask: BoolArray, lines: list[BoolArray]) -> NDArray[np.int32]:
    """Return the connected pieces of a mask that lines part, 1..N.

    Pixels of lines go to the nearest piece; a piece that a line covers wholly stays.
    """
    line = np.logical_or.reduce(lines)
    parts = components((mask & ~line).astype(np.uint8))
    parts = watershed(np.zeros(mask.shape), parts, mask=mask).astype(np.int32)
    left = components((mask & (parts == 0)).astype(np.uint8))
    return np.where(left > 0, left + parts.max(), parts)


def line_mask(shape: tuple[int, ...], n_space: int, path: ArrayLike) -> BoolArray:
    """Return where a line of `Objects.split_by_line` is, (…) ndarray of bool."""
    out = np.zeros(shape, bool)
    plane, line = _line(shape, n_space, path)
    out[plane] = line
    return out


def grow_seeds(
    mask: BoolArray, seeds: IntArray, distance: FloatArray
) -> NDArray[np.int32]:
    """Return the pieces of a mask with one part for each seed in them, 1..N.

    Parameters
    ----------
    mask : (…) ndarray of bool
    seeds : (…) ndarray of int
        0 is no seed. Those of one number in one piece are one seed.
    distance : (…) ndarray of float32
        To the outline: parts meet where the mask is narrow.

    Notes
    -----
    Depths beyond that of the shallowest seed of a piece are one plain, on which all
    seeds spread alike: else one that is off the middle would be flooded by the others
    before it has grown.

    References
    ----------
    .. [1] F. Meyer, S. Beucher, "Morphological segmentation", Journal of Visual
       Communication and Image Representation 1(1), 21-46, 1990.
    """
    pieces = components(mask.astype(np.uint8))
    inside = np.where(mask, seeds, 0)
    numbers, markers = np.unique(inside, return_inverse=True)
    markers = markers.reshape(mask.shape)
    empty = np.ones(int(pieces.max(initial=0)) + 1, bool)
    empty[pieces[markers > 0]] = False
    # Pieces without a seed are objects as they are.
    own = np.where(empty[pieces] & mask, pieces + len(numbers), 0)
    deepest = np.zeros(len(empty))
    at = np.flatnonzero(markers)
    if len(at):
        where, seed = pieces.ravel()[at].astype(np.int64), markers.ravel()[at]
        pairs, which = np.unique(where * len(numbers) + seed, return_inverse=True)
        depth = np.zeros(len(pairs), np.float32)
        np.maximum.at(depth, which, distance.ravel()[at])
        deepest[:] = np.inf
        np.minimum.at(deepest, pairs // len(numbers), depth)
    plain = np.minimum(distance, deepest.astype(np.float32)[pieces])
    found = watershed(-plain, np.where(own > 0, own, markers), mask=mask)
    # What one number marks in two pieces are two objects.
    return components(found)


def seed_map(
    seeds: ArrayLike, shape: tuple[int, ...], n_space: int
) -> NDArray[np.int64]:
    """Return seeds as numbers in an image, or reject them.

    Parameters
    ----------
    seeds : (…) array_like of int or bool, or (P, ndim) array_like of float
        A map of the shape of the labels, or points in pixels.
    shape : tuple of int
        Of the labels.
    n_space : {2, 3}
        Number of axes of space.

    Raises
    ------
    ValueError
        If they are neither, or a point lies outside.
    """
    given = np.asarray(seeds)
    if given.shape == shape and given.dtype.kind in "bui":
        if given.dtype == bool:
            return components(given.astype(np.uint8)).astype(np.int64)
        return given.astype(np.int64)
    if given.ndim != 2 or given.shape[1] != len(shape) or given.dtype.kind not in "uif":
        raise ValueError(
            f"seeds have shape {given.shape} and type {given.dtype}, but labels of "
            f"shape {shape} need a map of that shape, of whole numbers, or points "
            f"(P, {len(shape)}) in pixels"
        )
    at = np.rint(given.astype(float))
    outside = ~((at >= 0) & (at < shape)).all(axis=1)
    if outside.any():
        raise ValueError(
            f"the seed {given[outside][0].tolist()} lies outside of labels of shape "
            f"{shape}; pass points in pixels, one number for each axis"
        )
    out = np.zeros(shape, np.int64)
    out[tuple(at.astype(int).T)] = np.arange(1, len(at) + 1)
    return out


def _line(
    shape: tuple[int, ...], n_space: int, path: ArrayLike
) -> tuple[tuple[int, ...], BoolArray]:
    """Return the plane that a line is in, and a mask of it with the line."""
    points = np.asarray(path, float)
    ndim, lead = len(shape), len(shape) - n_space
    remedy = f"pass (P, {ndim}) numbers in pixels, or (P, 2) for Y and X"
    if (
        points.ndim != 2
        or len(points) < 2
        or not np.isfinite(points).all()
        or points.shape[1] not in {2, ndim}
    ):
        raise ValueError(
            f"a line of points of shape {points.shape} does not fit labels of shape "
            f"{shape}; {remedy}"
        )
    if points.shape[1] == 2 and lead:
        raise ValueError(
            f"the points (y, x) of the line do not tell which plane of labels of shape "
            f"{shape} it is in; pass (P, {ndim}) numbers"
        )
    where = np.rint(points[0, :lead]).astype(int)
    if lead and not (
        (np.rint(points[:, :lead]) == where).all()
        and ((where >= 0) & (where < shape[:lead])).all()
    ):
        raise ValueError(
            f"the line from {points[0].tolist()} to {points[-1].tolist()} does not lie "
            f"in one plane of labels of shape {shape}; {remedy}"
        )
    space, drawn = shape[lead:], points[:, -n_space:]
    across = 0
    if drawn.shape[1] == 3:
        still = np.flatnonzero(np.ptp(np.rint(drawn), axis=0) == 0)
        if not len(still):
            raise ValueError(
                "a line through a volume cuts a plane straight across, but its points "
                "change along all three axes; draw it in one plane"
            )
        across = int(still[0])
        drawn = np.delete(drawn, across, axis=1)
    size = np.delete(space, across) if n_space == 3 else np.array(space)
    canvas = np.zeros(size, np.uint8)
    # OpenCV takes 16 bits, and draws what lies outside as far as the rim.
    corners = np.rint(np.clip(drawn, -(2**14), 2**15 - 2))[:, ::-1].astype(np.int32)
    cv2.polylines(canvas, [corners[:, np.newaxis]], False, 1, 1, cv2.LINE_8)
    line = canvas.astype(bool)
    if n_space == 3:
        line = np.broadcast_to(np.expand_dims(line, across), space)
    return tuple(where.tolist()), line
