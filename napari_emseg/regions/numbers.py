"""Edits that change the numbers of labels, and no boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_emseg.regions.edit import Edit, Target, present, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike


def renumber(
    labels: ArrayLike,
    numbers: Mapping[int, int] | None = None,
    *,
    locked: Iterable[int] = (),
) -> Edit:
    """Give labels other numbers.

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
    target = Target.of(labels, None, locked)
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
    target = Target.of(labels, selection, locked)
    one, two = target.check(a), target.check(b)
    new = target.labels.copy()
    new[target.labels == one] = two
    new[target.labels == two] = one
    return target.edit(new)
