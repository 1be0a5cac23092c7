"""Selections from labels: a class under a point, and coverage stored in 255ths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.select.checks import check_points
from napari_emseg.select.color_selection import wand
from napari_emseg.select.components import as_selection

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, FloatArray

__all__ = ["by_label", "from_bytes", "rounded", "to_bytes"]

FULL = 255  # the byte of a pixel that is all selected


def by_label(
    labels: ArrayLike, point: tuple[float, ...], contiguous: bool = True
) -> BoolArray:
    """Select the pixels that have the same label as a point.

    The connected component, if contiguous.

    Parameters
    ----------
    labels : (…) array_like of int
    point : (…, y, x)
        Where to look, in pixels.
    contiguous : bool, optional
        Only the piece that holds the point; otherwise everywhere.

    Returns
    -------
    (…) ndarray of bool

    Raises
    ------
    ValueError
        If the point is outside.

    Examples
    --------
    >>> by_label([[1, 2, 1], [1, 2, 2]], (0, 0)).astype(int)
    array([[1, 0, 0],
           [1, 0, 0]])
    """
    given = np.asarray(labels)
    at = tuple(int(p) for p in check_points([point], given.shape)[0])
    same = given == given[at]
    if not contiguous:
        return same
    return np.asarray(wand(same.view(np.uint8), at, 0, rgb=False), bool)


def to_bytes(selection: ArrayLike) -> NDArray[np.uint8]:
    """Return a mask or a coverage in 255ths, as the labels of a selection layer.

    Parameters
    ----------
    selection : (…) array_like of bool or float

    Returns
    -------
    (…) ndarray of uint8

    Examples
    --------
    >>> to_bytes([[True, False]]).tolist(), to_bytes([[0.5, 1.0]]).tolist()
    ([[255, 0]], [[128, 255]])
    """
    found = as_selection(selection)
    if found.dtype == bool:
        return found.view(np.uint8) * np.uint8(FULL)
    return np.rint(found * FULL).astype(np.uint8)


def from_bytes(values: NDArray[np.uint8]) -> BoolArray | FloatArray:
    """Return a selection that is stored in 255ths.

    The uint8 mask of a selection layer becomes bool or float.

    Parameters
    ----------
    values : (…) ndarray of uint8
        What `to_bytes` gave.

    Returns
    -------
    (…) ndarray of bool, or of float32 if some of it is soft
        An own copy.

    Examples
    --------
    >>> from_bytes(np.array([[0, 255]], np.uint8))
    array([[False,  True]])
    """
    if bool(((values == 0) | (values == FULL)).all()):
        return values == FULL
    return values * np.float32(1 / FULL)


def rounded(selection: ArrayLike) -> BoolArray | FloatArray:
    """Return coverage rounded to 255ths, as a selection layer stores it.

    Recipes do so after each step, so that they give what was seen. Quantized, in
    other words.

    Parameters
    ----------
    selection : (…) array_like of bool or float

    Returns
    -------
    (…) ndarray of bool or float32

    Examples
    --------
    >>> (rounded([[0.5, 1.0]]) * 255).tolist(), rounded([[0.001, 1.0]])
    ([[128.0, 255.0]], array([[False,  True]]))
    """
    found = as_selection(selection)
    return found if found.dtype == bool else from_bytes(to_bytes(found))
