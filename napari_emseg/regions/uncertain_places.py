"""Uncertain places of a segmentation, and an edit that removes their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from napari_emseg.regions.edit import Edit, EditableLabels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

# A place is a region rather than a pixel: planes are reduced to so many blocks along
# their longer side before they are searched.
_BLOCKS = 256
# Two places are at least so many blocks apart along some axis.
_APART = 4
# Standard deviation in blocks of the average that ranks the places.
_SPREAD = 1.5
# Entropy below this, averaged, is no doubt.
_LEAST = 1e-3


class Doubtful(Protocol):
    """A result that has an uncertainty, such as `napari_emseg.Segmentation`."""

    def uncertainty(self) -> NDArray[np.float32]:
        """Entropy in [0, 1], pixel by pixel."""


@dataclass(frozen=True, slots=True)
class UncertainPlace:
    """A part of an image where the classes are in doubt.

    Attributes
    ----------
    point : tuple of float
        Its middle in pixels, one coordinate for each axis.
    size : float
        Height and width in pixels of the surroundings that were averaged.
    uncertainty : float
        Their mean uncertainty, 0 to 1.
    """

    point: tuple[float, ...]
    size: float
    uncertainty: float


def uncertain_places(
    uncertainty: ArrayLike, labels: ArrayLike | None = None, *, limit: int = 100
) -> list[UncertainPlace]:
    """Return the most uncertain places, worst first.

    Places are local maxima of the uncertainty, averaged over a neighborhood. What
    active learning would ask for.

    Parameters
    ----------
    uncertainty : (…, Y, X) array_like of float
        Entropy in [0, 1], as `Segmentation.uncertainty` gives it.
    labels : (…, Y, X) array_like of int, optional
        Pixels of label 0 are nobody's doubt any more.
    limit : int, optional
        The most places that are listed.

    Returns
    -------
    list of UncertainPlace
        None of them in the middle of another's neighborhood.

    Raises
    ------
    ValueError
        If the shapes differ, or there is no Y and X.

    Examples
    --------
    >>> doubt = np.zeros((40, 60), np.float32)
    >>> doubt[10, 20], doubt[30, 50] = 0.5, 1.0
    >>> [place.point for place in uncertain_places(doubt)]
    [(30.0, 50.0), (10.0, 20.0)]
    """
    given = _checked(uncertainty, labels)
    side = max(1, -(-max(given.shape[-2:]) // _BLOCKS))
    lead, (height, width) = given.shape[:-2], given.shape[-2:]
    blocks = np.empty((*lead, -(-height // side), -(-width // side)), np.float32)
    for at in np.ndindex(lead):
        plane = np.asarray(given[at], np.float32)
        if labels is not None:
            plane = np.where(np.asarray(labels)[at] == 0, np.float32(0), plane)
        blocks[at] = _reduced(plane, side)
    spread = (0.0,) * len(lead) + (_SPREAD, _SPREAD)
    smooth = gaussian_filter(blocks, spread, mode="constant")
    around = (3,) * len(lead) + (2 * _APART + 1,) * 2
    peaks = (smooth == maximum_filter(smooth, around)) & (smooth > _LEAST)
    at_peaks = np.argwhere(peaks)
    order = np.argsort(-smooth[peaks], kind="stable")
    found: list[UncertainPlace] = []
    taken = np.zeros(blocks.shape, bool)
    for index in at_peaks[order]:
        if len(found) == limit:
            break
        # Peaks of one plateau are all as high; the first stands for those around.
        if taken[tuple(index)]:
            continue
        taken[_box(index, around)] = True
        point = (*index[:-2], *(index[-2:] * side + (side - 1) / 2))
        found.append(
            UncertainPlace(
                tuple(map(float, point)),
                float(side * (2 * _APART + 1)),
                float(smooth[tuple(index)]),
            )
        )
    return found


def drop_uncertain(
    labels: ArrayLike,
    uncertainty: ArrayLike | Doubtful,
    threshold: float = 0.5,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Take the label from pixels whose class is in doubt: they become 0.

    Rejects uncertain pixels, those of low confidence.

    Parameters
    ----------
    labels, selection, locked
        As for `napari_emseg.regions.merge`.
    uncertainty : (…) array_like of float, or Segmentation
        Entropy in [0, 1]; of a segmentation, its own.
    threshold : float, optional
        Pixels of more uncertainty lose their label; 1 keeps all.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If the threshold is not in [0, 1], or the shapes differ.

    Examples
    --------
    >>> labels = np.array([[1, 2, 2]])
    >>> drop_uncertain(labels, [[0.9, 0.6, 0.1]], 0.5, locked=[2]).apply(labels)
    array([[0, 2, 2]])
    """
    if not 0 <= threshold <= 1:
        raise ValueError(
            f"threshold={threshold}, but the uncertainty lies in 0 to 1; take a "
            "threshold in between"
        )
    target = EditableLabels.of(labels, selection, locked)
    target.check(0)
    found: Any = getattr(uncertainty, "uncertainty", lambda: uncertainty)()
    doubt = _checked(found, target.whole)[target.box]
    return target.edit(np.where(doubt > threshold, 0, target.labels))


def _checked(uncertainty: ArrayLike, labels: ArrayLike | None) -> NDArray[Any]:
    given = np.asarray(uncertainty)
    if given.dtype.kind != "f" or given.ndim < 2:
        raise ValueError(
            f"uncertainty has shape {given.shape} and type {given.dtype}, but floats "
            "with at least Y and X are needed"
        )
    if labels is not None and np.shape(labels) != given.shape:
        raise ValueError(
            f"uncertainty has shape {given.shape}, but the labels {np.shape(labels)}; "
            "take that of the same segmentation"
        )
    return given


def _reduced(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the means of blocks; those at the edges are filled up with 0."""
    height, width = plane.shape
    rows, columns = -height % side, -width % side
    full = cv2.copyMakeBorder(plane, 0, rows, 0, columns, cv2.BORDER_CONSTANT)
    shape = (full.shape[1] // side, full.shape[0] // side)
    found = cv2.resize(full, shape, interpolation=cv2.INTER_AREA)
    return np.asarray(found, np.float32)


def _box(index: NDArray[np.int64], around: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(max(int(i) - n // 2, 0), int(i) + n // 2 + 1)
        for i, n in zip(index, around, strict=True)
    )
