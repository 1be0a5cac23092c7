"""Edits that fill, merge, split and renumber labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.regions.edit import Edit, Target, free_labels, one_of, whole_number
from napari_emseg.regions.parts import PARTS, absorb, majority
from napari_emseg.tiles import bounding_box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Labels = NDArray[np.integer[Any]]


def fill(
    labels: ArrayLike, selection: ArrayLike, label: int, *, locked: Iterable[int] = ()
) -> Edit:
    """Give the selected pixels a label; 0 erases.

    Parameters
    ----------
    labels : (…) array_like of int
    selection : (…) array_like of bool or float
        Of a soft one, pixels of at least half coverage.
    label : int
        The new label.
    locked : iterable of int, optional
        Labels whose pixels stay what they are.

    Returns
    -------
    Edit

    Raises
    ------
    TypeError
        If a label is no whole number.
    ValueError
        If the label is locked or does not fit the labels' type, or shapes differ.

    Examples
    --------
    >>> labels = np.array([[1, 2, 3]])
    >>> fill(labels, labels > 1, 9, locked=[3]).apply(labels)
    array([[1, 9, 3]])
    """
    target = Target.of(labels, selection, locked)
    return target.edit(np.full_like(target.labels, target.check(label)))


def new_class(
    labels: ArrayLike, selection: ArrayLike, *, locked: Iterable[int] = ()
) -> Edit:
    """Make the selected pixels a class of their own, numbered by `free_labels`.

    Parameters
    ----------
    labels, selection, locked
        As for `fill`.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If the labels' type has no number left.

    Examples
    --------
    >>> labels = np.array([[1, 2, 2]])
    >>> new_class(labels, [[0, 0, 1]]).apply(labels)
    array([[1, 2, 3]])
    """
    fixed = tuple(locked)
    return fill(labels, selection, free_labels(labels, locked=fixed)[0], locked=fixed)


def merge(
    labels: ArrayLike,
    members: Iterable[int],
    into: int | None = None,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Join several labels to one.

    Parameters
    ----------
    labels, selection, locked
        As for `fill`; by default everything is selected.
    members : iterable of int
        The labels to join; locked ones stay.
    into : int, optional
        The label that they become; the first member by default.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If there is no member, or `into` is locked.

    Examples
    --------
    >>> labels = np.array([[1, 2, 3]])
    >>> merge(labels, [1, 3]).apply(labels)
    array([[1, 2, 1]])
    """
    wanted = [whole_number("a member", label) for label in members]
    if not wanted:
        raise ValueError("merge got no labels; pass two or more")
    target = Target.of(labels, selection, locked)
    new = target.labels.copy()
    new[one_of(new, wanted)] = target.check(wanted[0] if into is None else into)
    return target.edit(new)


def split(
    labels: ArrayLike,
    label: int,
    method: str = "components",
    *,
    image: ArrayLike | None = None,
    n_parts: int | None = None,
    min_size: int = 1,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
    **options: Any,
) -> Edit:
    """Take a label apart: its largest part keeps the number, others get new ones.

    Parameters
    ----------
    labels, selection, locked
        As for `merge`. Only selected pixels are taken apart.
    label : int
        The label.
    method : {"components", "classes", "watershed"}, optional
        Into connected pieces; into classes of color, found by EM inside the label
        alone; or at its narrow places, by the watershed of the distance to the outline.
    image : (…) or (…, C) array_like, optional
        The image, for "classes".
    n_parts : int, optional
        Number of classes (2 by default), or the most parts of the watershed.
    min_size : int, optional
        Parts of fewer pixels keep the number.
    **options
        For "classes" those of `napari_emseg.segment`; for "watershed" ``depth``, how
        many pixels narrower than both its sides a place must be (1 by default).

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If the label is locked, the image missing, or there are too many parts.

    References
    ----------
    F. Meyer, "Topographic distance and watershed lines", Signal Process. 38, 1994.

    Examples
    --------
    >>> labels = np.array([[1, 1, 2, 1]])
    >>> split(labels, 1).apply(labels)
    array([[1, 1, 2, 3]])
    """
    target = Target.of(labels, selection, locked)
    number = target.check(label)
    inside = target.free & (target.labels == number)
    box = bounding_box(inside)
    if method not in PARTS:
        raise ValueError(
            f"method={method!r} is unknown; pass one of {', '.join(PARTS)}"
        )
    if n_parts is not None and whole_number("n_parts", n_parts) < 1:
        raise ValueError(f"n_parts={n_parts}, but there is one part at least")
    if not inside.any():
        return target.edit(target.labels)
    within = inside[box]
    part = tuple(
        slice(outer.start + inner.start, outer.start + inner.stop)
        for outer, inner in zip(target.box, box, strict=True)
    )
    found = PARTS[method](within, part, target.whole.shape, image, n_parts, options)
    at, size = np.unique(found[within], return_inverse=True, return_counts=True)[1:]
    keeps = size < min_size
    keeps[size.argmax()] = True
    names = np.full(len(size), number, target.whole.dtype)
    more = int(np.count_nonzero(~keeps))
    names[~keeps] = free_labels(target.whole, more, locked=target.locked)
    new = target.labels.copy()
    new[inside] = names[at]
    return target.edit(new)


def absorb_small(
    labels: ArrayLike,
    min_size: int,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Let small connected pieces join the neighbor with the longest common outline.

    Parameters
    ----------
    labels, selection, locked
        As for `merge`. The size of a piece is that of all its pixels, selected or not.
    min_size : int
        Pieces of fewer pixels are absorbed, smallest first. Label 0 is not absorbed,
        and does not absorb; a piece without other neighbors stays.

    Returns
    -------
    Edit

    Examples
    --------
    >>> labels = np.array([[1, 1, 1], [1, 2, 3], [3, 3, 3]])
    >>> absorb_small(labels, 2).apply(labels)
    array([[1, 1, 1],
           [1, 1, 3],
           [3, 3, 3]])
    """
    target = Target.of(labels, selection, locked, reach=None)
    fixed = one_of(target.labels, [0, *target.locked])
    return target.edit(absorb(target.labels, fixed, min_size))


def smooth_boundaries(
    labels: ArrayLike,
    radius: float,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Round the outlines of all labels off: each pixel joins the majority around it.

    Parameters
    ----------
    labels, selection, locked
        As for `merge`. Label 0 takes part unless it is locked.
    radius : float
        Standard deviation in pixels of the Gaussian that weighs the votes: details
        smaller than this vanish.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If the radius is not positive.

    Examples
    --------
    >>> labels = np.full((9, 9), 1)
    >>> labels[:, 5:] = labels[4, 2] = 2
    >>> smooth_boundaries(labels, 1).apply(labels)[4]
    array([1, 1, 1, 1, 1, 2, 2, 2, 2])
    """
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius={radius}, but a positive number of pixels is needed")
    target = Target.of(labels, selection, locked, reach=int(np.ceil(4 * radius)))
    return target.edit(majority(target.labels, radius, target.locked))
