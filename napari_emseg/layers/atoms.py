"""What an undo step of napari holds, written as small as can be."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from napari.layers.labels import labels as napari_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Box: TypeAlias = tuple[slice, ...]
Values: TypeAlias = "NDArray[np.integer[Any]]"
# napari's kinds of atoms: bounding box, mask, old values and new label (since 0.8),
# or index, old values and new values.
Atom: TypeAlias = tuple[Any, ...]

# An atom covers at most this many pixels of the last axes, and single planes of the
# axes before, so that its box fits tightly and its kind suits what changed there.
_TILE = (8, 256, 256)


def masked_atom() -> type[Any] | None:
    """The kind of atom that napari has for masks; None where it has none."""
    return getattr(napari_labels, "_MaskedPaintAtom", None)


def make_atoms(where: Box, old: Values, new: Values) -> list[Atom]:
    """Describe a change for napari's undo history.

    Parameters
    ----------
    where : tuple of slice
        The box that changes, in the pixels of the layer.
    old, new : ndarray of int
        Its labels before and after, both of the shape of the box.

    Returns
    -------
    list of tuple
        Atoms that do not overlap. They own their arrays, of the narrowest type that
        holds the labels: 1 to 3 bytes per changed pixel if one label up to 255
        replaces others, at most twice that if many labels do.

    Examples
    --------
    >>> old = np.zeros((2, 4), int)
    >>> box = (slice(10, 12), slice(0, 4))
    >>> atoms = make_atoms(box, old, np.eye(2, 4, dtype=int))
    >>> atoms_bytes(atoms) <= 12
    True
    """
    masked = masked_atom()
    atoms = (
        _make_atom(
            tuple(
                slice(part.start + box.start, part.start + box.stop)
                for part, box in zip(where, tile, strict=True)
            ),
            old[tile],
            new[tile],
            masked,
        )
        for tile in _tiles(old, new)
    )
    return list(atoms)


def atoms_bytes(atoms: list[Atom]) -> int:
    """Bytes of the arrays in an undo step, whoever made it."""
    return sum(_bytes(part) for atom in atoms for part in atom)


def _bytes(part: Any) -> int:
    if isinstance(part, np.ndarray):
        return part.nbytes
    return sum(map(_bytes, part)) if isinstance(part, tuple) else 0


def _tiles(old: Values, new: Values) -> Iterator[Box]:
    """Yield boxes, relative to the whole, that hold all changes."""
    ahead = old.ndim - len(_TILE)
    sides = (1,) * ahead + _TILE[max(-ahead, 0) :]
    steps = (
        [slice(i, min(i + side, size)) for i in range(0, size, side)]
        for side, size in zip(sides, old.shape, strict=True)
    )
    for tile in product(*steps):
        changed = old[tile] != new[tile]
        if not changed.any():
            continue
        yield tuple(
            slice(part.start + box.start, part.start + box.stop)
            for part, box in zip(tile, tight_box(changed), strict=True)
        )


def tight_box(changed: NDArray[np.bool_]) -> Box:
    """Smallest box around the pixels that are True; there must be one."""
    box = []
    for axis in range(changed.ndim):
        others = tuple(other for other in range(changed.ndim) if other != axis)
        used = np.flatnonzero(changed.any(axis=others))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)


def _make_atom(where: Box, old: Values, new: Values, masked: type[Any] | None) -> Atom:
    """Choose the smallest of the kinds of atoms."""
    changed = old != new
    before, after = narrow(old[changed]), narrow(new[changed])
    label = int(after[0])
    same = bool((after == label).all())
    if len(before) == old.size and same and masked is not None:
        return masked(where, None, narrow(old), label)
    # An axis of one pixel is an integer of the index, the others an array each.
    axes = [axis for axis, size in enumerate(old.shape) if size > 1]
    kind = np.min_scalar_type(max(part.stop for part in where))
    listed = len(before) * (len(axes) * kind.itemsize + before.itemsize)
    listed += 0 if same else len(after) * after.itemsize
    under_mask = old.size + before.nbytes
    dense = old.size * (before.itemsize + after.itemsize)
    if same and masked is not None and under_mask <= min(listed, dense):
        return masked(where, changed, before, label)
    if dense <= listed:
        return where, narrow(old), narrow(new)
    found = np.nonzero(changed)
    index = tuple(
        (found[axis] + part.start).astype(kind) if axis in axes else part.start
        for axis, part in enumerate(where)
    )
    return index, before, label if same else after


def narrow(values: Values) -> Values:
    """Copy integers into the narrowest type that holds them all."""
    low, high = int(values.min()), int(values.max())
    kind = np.result_type(np.min_scalar_type(low), np.min_scalar_type(high))
    fits = kind.itemsize < values.dtype.itemsize and kind.kind in "iu"
    return values.astype(kind if fits else values.dtype)
