"""Edits that fill, merge, split and renumber labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.pipeline.progress import finish
from napari_emseg.regions.edit import (
    Edit,
    EditableLabels,
    as_labels,
    free_labels,
    one_of,
    present,
    whole_number,
)
from napari_emseg.regions.splitting import (
    iter_absorb_small,
    iter_smooth_boundaries,
    iter_split,
)
from napari_emseg.select import scribbles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray


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
    target = EditableLabels.of(labels, selection, locked)
    return target.edit(np.full_like(target.labels, target.check(label)))


def new_class(
    labels: ArrayLike, selection: ArrayLike, *, locked: Iterable[int] = ()
) -> Edit:
    """Make the selected pixels a class of their own, numbered by `free_labels`.

    Adds a class.

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
        If no number is left.

    Examples
    --------
    >>> labels = np.array([[1, 2, 2]])
    >>> new_class(labels, [[0, 0, 1]]).apply(labels)
    array([[1, 2, 3]])
    """
    fixed = tuple(locked)
    target = EditableLabels.of(labels, selection, fixed)
    (number,) = free_labels(target.whole, locked=fixed)
    new = target.with_room(number)
    new[...] = number
    return target.edit(new)


def merge(
    labels: ArrayLike,
    members: Iterable[int],
    into: int | None = None,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Join several labels to one.

    Merges classes.

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
    target = EditableLabels.of(labels, selection, locked)
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
    steps = iter_split(
        labels,
        label,
        method,
        image=image,
        n_parts=n_parts,
        min_size=min_size,
        selection=selection,
        locked=locked,
        **options,
    )
    return finish(steps)


def absorb_small(
    labels: ArrayLike,
    min_size: int,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Let small connected pieces join the neighbor with the longest common outline.

    Removes small regions without leaving holes.

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
    return finish(
        iter_absorb_small(labels, min_size, selection=selection, locked=locked)
    )


def smooth_boundaries(
    labels: ArrayLike,
    radius: float,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Round the outlines of all labels off: each pixel joins the majority around it.

    Smooths boundaries, as a majority filter does.

    Parameters
    ----------
    labels, selection, locked
        As for `merge`. Label 0 takes part unless it is locked.
    radius : float
        Standard deviation in pixels of the Gaussian that weighs the neighbors: details
        smaller than this vanish.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If the radius is not positive, or above 10,000.

    Examples
    --------
    >>> labels = np.full((9, 9), 1)
    >>> labels[:, 5:] = labels[4, 2] = 2
    >>> smooth_boundaries(labels, 1).apply(labels)[4]
    array([1, 1, 1, 1, 1, 2, 2, 2, 2])
    """
    return finish(
        iter_smooth_boundaries(labels, radius, selection=selection, locked=locked)
    )


def renumber(
    labels: ArrayLike,
    numbers: Mapping[int, int] | None = None,
    *,
    locked: Iterable[int] = (),
) -> Edit:
    """Give labels other numbers.

    Also known as relabeling.

    Parameters
    ----------
    labels, locked
        As for `fill`.
    numbers : mapping of int to int, optional
        New number of each label; labels that it does not name keep theirs. By default
        1, 2, 3… in the old order, without gaps; locked numbers are left out, and 0
        stays.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If two labels would get one number, or one is locked.

    Examples
    --------
    >>> labels = np.array([[5, 0, 9, 3]])
    >>> renumber(labels).apply(labels)
    array([[2, 0, 3, 1]])
    >>> renumber(labels, {5: 9, 9: 5}).apply(labels)
    array([[9, 0, 5, 3]])
    """
    target = EditableLabels.of(labels, None, locked)
    values = np.unique(target.labels)
    old = present(values)
    if numbers is None:
        moved = [n for n in old if n != 0 and n not in target.locked]
        kept = set(target.locked)
        room = (n for n in range(1, len(moved) + len(kept) + 1) if n not in kept)
        numbers = dict(zip(moved, room, strict=False))
    new = [whole_number("a new number", numbers.get(n, n)) for n in old]
    for before, after in zip(old, new, strict=True):
        if before != after:
            target.check(before)
            target.check(after)
    if len(set(new)) < len(new):
        twice = sorted({n for n in new if new.count(n) > 1})
        raise ValueError(
            f"numbers would give {twice} to several labels at once; use merge for this"
        )
    table = np.array(new, target.labels.dtype)
    return target.edit(table[np.searchsorted(values, target.labels)])


def swap(
    labels: ArrayLike,
    a: int,
    b: int,
    *,
    selection: ArrayLike | None = None,
    locked: Iterable[int] = (),
) -> Edit:
    """Exchange two labels.

    Parameters
    ----------
    labels, selection, locked
        As for `fill`; by default everything is selected.
    a, b : int
        The labels.

    Returns
    -------
    Edit

    Raises
    ------
    ValueError
        If one is locked, or does not fit the labels' type.

    Examples
    --------
    >>> labels = np.array([[1, 2, 3]])
    >>> swap(labels, 1, 3).apply(labels)
    array([[3, 2, 1]])
    """
    target = EditableLabels.of(labels, selection, locked)
    one, two = target.check(a), target.check(b)
    new = target.labels.copy()
    new[target.labels == one] = two
    new[target.labels == two] = one
    return target.edit(new)


def patch(labels: ArrayLike, where: ArrayLike, values: ArrayLike) -> NDArray[Any]:
    """Return labels of which single pixels got other values.

    Unlike the other functions of this module, it returns labels, and not an `Edit`.

    Parameters
    ----------
    labels : (…) array_like of int
    where : (…) array_like of bool
        The pixels that change.
    values : (…) array_like of int
        Their labels; other pixels do not count.

    Returns
    -------
    (…) ndarray of int
        Other labels, of the type of the values.

    Raises
    ------
    ValueError
        If the shapes differ, or labels that stay do not fit the type.

    Examples
    --------
    >>> patch([[1, 1, 2]], [[False, True, False]], [[0, 9, 0]])
    array([[1, 9, 2]])
    """
    old, new, mask = as_labels(labels), as_labels(values), np.asarray(where, bool)
    if not old.shape == new.shape == mask.shape:
        raise ValueError(
            f"the labels have shape {old.shape}, but the patch was made on labels of "
            f"shape {mask.shape}; take the image that it was made on, or leave the "
            "patch out"
        )
    kept = old[~mask]
    bounds = np.iinfo(new.dtype)
    if kept.size and not (kept.min() >= bounds.min and kept.max() <= bounds.max):
        raise ValueError(
            f"labels up to {kept.max()} stay, but the patch is of type {new.dtype}; "
            "give its values in a larger type"
        )
    return np.where(mask, new, old.astype(new.dtype))


def draw(
    labels: ArrayLike,
    image: ArrayLike,
    strokes: ArrayLike,
    selection: ArrayLike | None = None,
    *,
    locked: Iterable[int] = (),
    contiguous: bool = True,
    channel_axis: int | None = None,
    rgb: bool | None = None,
) -> NDArray[Any]:
    """Return labels into which classes were drawn with scribbles.

    Each pixel gets the label of the strokes that it belongs to. Unlike the other
    functions of this module, it returns labels, and not an `Edit`. Interactive
    annotation.

    Parameters
    ----------
    labels : (Y, X) array_like of int
    image, channel_axis, rgb
        As for `napari_emseg.select.scribbles`.
    strokes : (Y, X) array_like of int
        Labels under the strokes; 0 elsewhere.
    selection : (Y, X) array_like of bool or float, optional
        Pixels that may change; of a soft one those of at least half coverage. All by
        default.
    locked : iterable of int, optional
        Labels whose pixels stay what they are.
    contiguous : bool, optional
        Whether each piece of a class has a stroke; else strokes mean everything like
        what is under them.

    Returns
    -------
    (Y, X) ndarray of int
        Other labels, of the same type.

    Raises
    ------
    TypeError, ValueError
        As `napari_emseg.select.scribbles`.

    Examples
    --------
    >>> image = np.zeros((20, 20), np.uint8)
    >>> image[5:15, 5:15] = 200
    >>> strokes = np.zeros((20, 20), np.uint8)
    >>> strokes[1, 2:18], strokes[10, 8:12] = 3, 7
    >>> found = draw(np.ones((20, 20), int), image, strokes)
    >>> bool((found == np.where(image == 200, 7, 3)).all())
    True
    """
    target = EditableLabels.of(labels, selection, locked, reach=None)
    found = scribbles(
        image,
        strokes,
        background=None,
        contiguous=contiguous,
        channel_axis=channel_axis,
        rgb=rgb,
    )
    new = np.where(found > 0, found, target.labels)
    return target.edit(new).apply(target.labels)
