"""Edits of Labels layers: the only code that writes into one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.layers.history import (
    HISTORY_BYTES,
    Atom,
    make_atoms,
    paintable,
    write_steps,
)
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.regions import Edit
from napari_emseg.regions.edit import holds, present, wider_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.engine._types import Box


# Pixels that are all looked at to tell whether labels have changed; and places of more.
_COMPARED, _PLACES = 2**24, 2**20


@dataclass(frozen=True, slots=True, eq=False)
class PlannedEdit(Edit):
    """An edit of a layer whose arithmetic is done; made by `plan_edit`.

    Attributes
    ----------
    atoms : list of tuple
        Its step in napari's undo history.
    """

    atoms: list[Atom] = field(default_factory=list)


def apply_edit(layer: Labels, edit: Edit, *, max_bytes: int = HISTORY_BYTES) -> bool:
    """Write an edit into a layer, as one step of its undo history.

    The edit is written as it is: locked labels and the like are the business of who
    made it. The layer, its history and its display are as before if anything fails.
    Labels that the layer's type cannot hold widen it: uint8 to uint16, then int32.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of one scale, whose data are a NumPy array or a writable memory map.
    edit : Edit
        What `napari_emseg.regions` returns.
    max_bytes : int, optional
        What the layer's undo history may hold, newest step excepted. The oldest steps
        beyond it are dropped, and the user is warned.

    Returns
    -------
    bool
        Whether anything changed; if not, there is no undo step either.

    Raises
    ------
    TypeError
        If the layer's data are not in memory or in a memory map.
    ValueError
        If they cannot be written to, or the edit does not fit the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Labels
    >>> from napari_emseg.regions import Edit
    >>> layer = Labels(np.array([[1, 1], [2, 2]], np.uint8))
    >>> apply_edit(layer, Edit((slice(0, 1), slice(None)), np.array([[7, 8]])))
    True
    >>> layer.data.tolist()
    [[7, 8], [2, 2]]
    >>> layer.undo()
    >>> layer.data.tolist()
    [[1, 1], [2, 2]]
    """
    plan = plan_edit(layer, edit)
    return plan is not None and write_plan(layer, plan, max_bytes=max_bytes)


def plan_edit(layer: Labels, edit: Edit) -> PlannedEdit | None:
    """Return an edit with the arithmetic of `apply_edit` done; None if nothing changes.

    Any thread may call it.

    Raises
    ------
    TypeError, ValueError
        As `apply_edit`.
    """
    data = writable(layer)
    where, new = _fit(layer, edit)
    return _planned(data, where, new)


def plan_over(
    old: NDArray[np.integer[Any]], new: NDArray[np.integer[Any]]
) -> PlannedEdit | None:
    """Return the edit that makes labels of others; None if they are the same.

    For a layer that shows something else meanwhile, such as a preview.

    Parameters
    ----------
    old, new : (*S) ndarray of int

    Examples
    --------
    >>> plan_over(np.array([1, 2, 3]), np.array([1, 5, 3])).where
    (slice(1, 2, None),)
    """
    return _planned(old, (slice(None),) * old.ndim, new)


def _planned(data: NDArray[Any], where: Box, new: NDArray[Any]) -> PlannedEdit | None:
    """Return the edit that writes labels into a box, as small as can be."""
    where = tuple(
        slice(*part.indices(size)) for part, size in zip(where, data.shape, strict=True)
    )
    changed = data[where] != new
    if not changed.any():
        return None
    inner = bounding_box(changed)
    new = new[inner]
    where = tuple(
        slice(part.start + box.start, part.start + box.stop)
        for part, box in zip(where, inner, strict=True)
    )
    old = data[where].copy()
    return PlannedEdit(where, new, old, make_atoms(where, old, new))


def write_plan(
    layer: Labels,
    plan: PlannedEdit,
    *,
    max_bytes: int = HISTORY_BYTES,
    commit: Callable[[], None] = lambda: None,
) -> bool:
    """Write what `plan_edit` returned; return True.

    As for `apply_edit`, all is as before if anything fails, `commit` included, which is
    called when all is written and nobody was told. What other programs do when they
    are told comes after it.

    Raises
    ------
    ValueError
        If the labels were changed since the plan was made; none are written then.
    """
    check_fresh(layer, plan)
    write_steps([(layer, plan, plan.atoms)], max_bytes, commit)
    return True


def fresh(layer: Labels, plan: PlannedEdit) -> bool:
    """Return whether the labels that a plan changes are those that it was made from."""
    data = layer.data
    inside = len(plan.where) == data.ndim and all(
        part.stop <= size for part, size in zip(plan.where, data.shape, strict=True)
    )
    if not inside:
        return False
    old = np.asarray(plan.old)
    # The window waits for this, so of a large volume a grid of places must do; who
    # edits through napari is noticed anyway.
    large = old.size > _COMPARED
    step = round((old.size / _PLACES) ** (1 / old.ndim)) if large else 1
    grid = (slice(None, None, step),) * old.ndim
    return np.array_equal(data[plan.where][grid], old[grid])


def check_fresh(layer: Labels, plan: PlannedEdit) -> None:
    """Raise ValueError if a plan would overwrite what was done after it was made."""
    writable(layer)
    if not fresh(layer, plan):
        raise ValueError(
            f"the labels of {layer.name!r} were changed while this was worked out, so "
            "nothing was written; do it again"
        )


def writable(layer: Labels) -> NDArray[Any]:
    """Return the data of a layer that can be edited.

    Raises
    ------
    TypeError
        If they are not in memory or in a memory map.
    ValueError
        If they cannot be written to.
    """
    data = layer.data
    if layer.multiscale:
        raise TypeError(
            f"layer {layer.name!r} has several scales, which napari cannot edit; "
            "make a layer of its finest scale (Result > Store > Edit finest labels)"
        )
    if not isinstance(data, np.ndarray):
        raise TypeError(
            f"the labels of {layer.name!r} are a {type(data).__name__}, but only NumPy "
            "arrays and memory maps can be edited with undo; make a layer of "
            "np.asarray(layer.data), or of np.memmap if it does not fit into memory"
        )
    if not layer.editable:
        raise ValueError(
            f"layer {layer.name!r} cannot be edited now; if it shows a preview, wait "
            "for the result, otherwise set layer.editable = True"
        )
    if not data.flags.writeable:
        raise ValueError(
            f"layer {layer.name!r} is read-only; duplicate it, or open its file for "
            'writing (np.memmap with mode="r+")'
        )
    return data


def preserved(
    layer: Labels, labels: NDArray[np.integer[Any]], label: int | None = None
) -> tuple[int, ...]:
    """Return which labels napari's own bucket would not paint over in a layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        If its "preserve labels" is not ticked, there are none.
    labels : (…) ndarray of int
        What would be painted over.
    label : int, optional
        With what; 0 erases, which napari allows for the class of the brush alone. A new
        class by default.

    Returns
    -------
    tuple of int
        In rising order.

    Examples
    --------
    >>> import numpy as np
    >>> from napari.layers import Labels
    >>> layer = Labels(np.array([[0, 1, 2]]))
    >>> preserved(layer, layer.data)
    ()
    >>> layer.preserve_labels = True
    >>> preserved(layer, layer.data, 3), preserved(layer, layer.data, 0)
    ((1, 2), (2,))
    """
    if not layer.preserve_labels:
        return ()
    free = (label, paintable(layer, 1 if label is None else label))
    return tuple(number for number in present(labels) if number not in free)


def _fit(layer: Labels, edit: Edit) -> tuple[Box, NDArray[Any]]:
    """Return an edit's box with its bounds in numbers, and its labels.

    They are of the layer's type; of a wider one if it cannot hold them.

    Raises
    ------
    ValueError
        If the box lies outside, or the layer's type cannot hold the labels.
    """
    data, new = layer.data, np.asarray(edit.labels)
    bounds = [
        part.indices(size) for part, size in zip(edit.where, data.shape, strict=False)
    ]
    shape = tuple(stop - start for start, stop, _ in bounds)
    stated = tuple(part.stop for part in edit.where)
    outside = any(
        stop is not None and stop > size
        for stop, size in zip(stated, data.shape, strict=False)
    )
    if len(edit.where) != data.ndim or shape != new.shape or outside:
        raise ValueError(
            f"an edit of the box {edit.where} with labels of shape {new.shape} does "
            f"not fit layer {layer.name!r} of shape {data.shape}; make it from the "
            "labels of this layer"
        )
    if new.size:
        least, most = int(new.min()), int(new.max())
        kind = wider_type(data.dtype, most)
        if not (holds(kind, least) and holds(kind, most)):
            raise ValueError(
                f"label {most if least >= 0 else least} does not fit into the type "
                f"{kind} of layer {layer.name!r}; take a number that does"
            )
        if kind != data.dtype and isinstance(data, np.memmap):
            raise ValueError(
                f"label {most} does not fit into the type {data.dtype} of layer "
                f"{layer.name!r}, whose labels are a file; convert the layer to a "
                "larger type (right click in the layer list), which leaves the file"
            )
        new = new.astype(kind, copy=False)
    return tuple(slice(start, stop) for start, stop, _ in bounds), new
