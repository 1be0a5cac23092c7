"""An edit of labels as a value: locked labels and the selection are respected."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.select.components import hard_mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from napari_emseg.engine._types import BoolArray, Box

    Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """New labels for a box of an image.

    Attributes
    ----------
    where : tuple of slice
        The box. The functions of this package return the smallest one that holds all
        changed pixels; it is empty if there are none.
    labels : (…) ndarray of int
        The new labels of the box, read-only, of the type of the labels; of a wider one
        if that cannot hold a new number.
    old : (…) ndarray of int or None
        The labels of the box before, read-only; None if they are not known.

    Examples
    --------
    >>> from napari_emseg.regions import fill
    >>> labels = np.array([[1, 1, 2], [1, 1, 2]], np.uint8)
    >>> edit = fill(labels, labels == 2, 3)
    >>> edit.where
    (slice(0, 2, None), slice(2, 3, None))
    >>> after = edit.apply(labels)
    >>> after
    array([[1, 1, 3],
           [1, 1, 3]], dtype=uint8)
    >>> bool((edit.inverse(labels).apply(after) == labels).all())
    True
    """

    where: Box
    labels: Labels
    old: Labels | None = None

    @classmethod
    def whole(cls, labels: Labels) -> Edit:
        """Return the edit that gives an image these labels everywhere."""
        return cls(tuple(slice(0, size) for size in labels.shape), labels)

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return self.labels.size == 0

    def apply(
        self, labels: ArrayLike, *, at: tuple[int | None, ...] | None = None
    ) -> Labels:
        """Return a copy of the labels with the edit made.

        Parameters
        ----------
        labels : (…) array_like of int
        at : tuple of int or None, optional
            The plane of them that it was made for: for each axis an index, or None for
            the whole axis. All of them by default.

        Returns
        -------
        (…) ndarray of int
            Of the type of the labels, or of a wider one if a new number needs it.

        Raises
        ------
        ValueError
            If the labels have another size or type than those it was made for.
        """
        out = np.array(labels)
        plane = tuple(slice(None) if index is None else index for index in at or ())
        found = out[plane][self.where]
        if found.shape != self.labels.shape:
            raise ValueError(
                f"the edit changes a box that labels of shape {out[plane].shape} do "
                "not have; apply it to the labels that it was made for"
            )
        made_for_it = self.old is not None and self.old.dtype == out.dtype
        if made_for_it and np.can_cast(out.dtype, self.labels.dtype):
            out = out.astype(self.labels.dtype)
        if not _holds(out.dtype, self.labels):
            raise ValueError(
                f"the edit has labels of type {self.labels.dtype}, some of which do "
                f"not fit {out.dtype}; convert the labels to that type first"
            )
        out[plane][self.where] = self.labels
        return out

    def inverse(self, labels: ArrayLike) -> Edit:
        """Return the edit that brings these labels back once this one is made."""
        return Edit(self.where, _read_only(np.asarray(labels)[self.where]), self.labels)


def free_labels(
    labels: ArrayLike, count: int = 1, *, locked: Iterable[int] = ()
) -> list[int]:
    """Return numbers for new classes: after the largest, else unused smaller ones.

    Locked numbers are not free, used or not. If the labels' type has not so many left,
    they are those after the largest, which need a wider type (`wider_type`).

    Parameters
    ----------
    labels : (…) array_like of int
    count : int, optional
        How many are wanted.
    locked : iterable of int, optional
        Labels that are not free.

    Returns
    -------
    list of int
        Ascending.

    Raises
    ------
    ValueError
        If the labels have 64 bits, and not so many are left.

    Examples
    --------
    >>> free_labels([[1, 4]], 2)
    [5, 6]
    >>> free_labels(np.array([[1, 255]], np.uint8), 2)
    [2, 3]
    >>> free_labels(np.arange(256, dtype=np.uint8).reshape(16, 16), 2)
    [256, 257]
    """
    given = as_labels(labels)
    most = int(np.iinfo(given.dtype).max)
    taken = {whole_number("a locked label", n) for n in locked}
    top = max(int(given.max(initial=0)), 0, *taken)
    if top + count <= most:
        return list(range(top + 1, top + 1 + count))
    used = taken.union(present(given))
    found = []
    for number in range(1, min(most, len(used) + count) + 1):
        if number not in used:
            found.append(number)
        if len(found) == count:
            return found
    if holds(wider_type(given.dtype, top + count), top + count):
        return list(range(top + 1, top + 1 + count))
    raise ValueError(
        f"{count} new label(s) are needed, but of type {given.dtype} only {len(found)} "
        "are left; merge or renumber some"
    )


def wider_type(dtype: np.dtype[Any], label: int) -> np.dtype[Any]:
    """Return the type of labels that also holds another one: itself if it does.

    Examples
    --------
    >>> [str(wider_type(np.dtype(t), 300)) for t in ("uint8", "int8", "uint32")]
    ['uint16', 'int16', 'uint32']
    >>> wider_type(np.dtype("uint16"), 70_000)
    dtype('int32')
    """
    if not holds(dtype, label) and label > 0:
        for name in ("uint16", "int16", "int32", "int64"):
            kind = np.dtype(name)
            if np.can_cast(dtype, kind) and holds(kind, label):
                return kind
    return dtype


def holds(dtype: np.dtype[Any], label: int) -> bool:
    """Return whether a type of labels holds a number.

    Examples
    --------
    >>> holds(np.dtype("uint8"), 255), holds(np.dtype("uint8"), -1)
    (True, False)
    """
    bounds = np.iinfo(dtype)
    return bool(bounds.min <= label <= bounds.max)


@dataclass(frozen=True, slots=True, eq=False)
class EditableLabels:
    """The pixels of labels that an edit may change.

    Attributes
    ----------
    whole : (…) ndarray of int
        All labels.
    box : tuple of slice
        The part that is looked at.
    labels : ndarray of int
        The labels of this part.
    free : ndarray of bool
        Pixels of it that may change.
    locked : tuple of int
        Labels that may neither lose nor gain a pixel.
    """

    whole: Labels
    box: Box
    labels: Labels
    free: BoolArray
    locked: tuple[int, ...]

    @classmethod
    def of(
        cls,
        labels: ArrayLike,
        selection: ArrayLike | None,
        locked: Iterable[int],
        reach: int | None = 0,
    ) -> EditableLabels:
        """Return the labels of a box: the selection and `reach` pixels around it."""
        whole = as_labels(labels)
        box = tuple(slice(0, length) for length in whole.shape)
        mask = None
        if selection is not None:
            mask = hard_mask(selection, whole.shape)
            if reach is not None:
                box = bounding_box(mask, reach)
                mask = mask[box]
        part = whole[box]
        fixed = tuple(sorted({whole_number("a locked label", n) for n in locked}))
        free = np.ones(part.shape, bool) if mask is None else mask
        if fixed:
            free = free & ~one_of(part, fixed)
        return cls(whole, box, part, free, fixed)

    def check(self, label: int) -> int:
        """Return a label as int, or reject one that cannot be given."""
        number = whole_number("label", label)
        if number in self.locked:
            raise ValueError(
                f"label {number} is locked, so it can neither lose nor gain a pixel; "
                "unlock it first"
            )
        if not holds(self.whole.dtype, number):
            bounds = np.iinfo(self.whole.dtype)
            raise ValueError(
                f"label {number} does not fit labels of type {self.whole.dtype}, which "
                f"hold {bounds.min} to {bounds.max}; choose another, or give labels of "
                "a wider type"
            )
        return number

    def with_room(self, *numbers: int) -> Labels:
        """Return a copy of the labels, in a type that also holds others."""
        kind = wider_type(self.whole.dtype, max(numbers, default=0))
        return self.labels.astype(kind)

    def edit(self, new: NDArray[Any]) -> Edit:
        """Return the edit that brings `new` to where it is allowed."""
        changed = self.free & (new != self.labels)
        inner = bounding_box(changed)
        old = _read_only(self.labels[inner])
        made = np.where(changed[inner], new[inner], old)
        most = int(made.max(initial=0))
        made = made.astype(wider_type(self.whole.dtype, most))
        made.flags.writeable = False
        if made.size == 0:
            return Edit(inner, made, old)
        box = tuple(
            slice(outer.start + part.start, outer.start + part.stop)
            for outer, part in zip(self.box, inner, strict=True)
        )
        return Edit(box, made, old)


def whole_number(name: str, value: Any) -> int:
    """Return a whole number as int; another one would be rounded silently.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> whole_number("label", np.uint8(3))
    3
    """
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, but a whole number is needed") from None


def as_labels(labels: ArrayLike) -> Labels:
    """Return labels as an array of integers with at least Y and X, or reject them."""
    given = np.asarray(labels)
    if given.dtype.kind not in "ui" or given.ndim < 2:
        raise ValueError(
            f"labels have shape {given.shape} and type {given.dtype}, but integers "
            "with at least Y and X are needed"
        )
    return given


def one_of(labels: Labels, numbers: Iterable[int]) -> BoolArray:
    """Return which pixels have one of some labels.

    Examples
    --------
    >>> one_of(np.array([[2**63 + 5, 2**63 + 6]], np.uint64), [-1, 2**63 + 5])
    array([[ True, False]])
    """
    bounds = np.iinfo(labels.dtype)
    # Python's integers of mixed size would become floats, which round.
    known = [number for number in numbers if bounds.min <= number <= bounds.max]
    return np.isin(labels, np.array(known, labels.dtype))


def _read_only(labels: Labels) -> Labels:
    """Return a copy that cannot be written to."""
    copy = labels.copy()
    copy.flags.writeable = False
    return copy


def _holds(dtype: np.dtype[Any], labels: Labels) -> bool:
    """Whether labels keep their values in another type."""
    return dtype == labels.dtype or bool((labels.astype(dtype) == labels).all())


def present(labels: Labels) -> list[int]:
    """Return the labels that occur, in rising order."""
    return [int(label) for label in np.unique(labels)]
