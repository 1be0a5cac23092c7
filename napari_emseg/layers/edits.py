"""Edits of Labels layers: the only code that writes into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_emseg.layers.history import (
    _BLOCK,
    _SAVE,
    _STAGED,
    HISTORY_BYTES,
    REDO,
    UNDO,
    Atom,
    Box,
    Values,
    _copied,
    _restore,
    _trim,
    make_atoms,
    masked_atom,
    show,
)
from napari_emseg.pipeline.tiles import bounding_box

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray


class LabelEdit(Protocol):
    """Other labels for a box of a layer; `napari_emseg.regions.Edit` is one."""

    @property
    def where(self) -> tuple[slice, ...]:
        """One slice of pixels for each axis."""

    @property
    def labels(self) -> NDArray[Any]:
        """The labels of the box."""


def apply_edit(
    layer: Labels, edit: LabelEdit, *, max_bytes: int = HISTORY_BYTES
) -> bool:
    """Write an edit into a layer, as one step of its undo history.

    The edit is written as it is: locked labels and the like are the business of who
    made it. The layer, its history and its display are as before if anything fails.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of one scale, whose data are a NumPy array or a writable memory map.
    edit : Edit
        What `napari_emseg.regions` returns.
    max_bytes : int, optional
        What the layer's undo history may hold, newest step excepted. The oldest steps
        beyond it are dropped, and the user is told.

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
    >>> from types import SimpleNamespace
    >>> layer = Labels(np.array([[1, 1], [2, 2]], np.uint8))
    >>> row = SimpleNamespace(where=(slice(0, 1), slice(None)), labels=[[7, 8]])
    >>> apply_edit(layer, row)
    True
    >>> layer.data.tolist()
    [[7, 8], [2, 2]]
    >>> layer.undo()
    >>> layer.data.tolist()
    [[1, 1], [2, 2]]
    """
    plan = plan_edit(layer, edit)
    return plan is not None and write_plan(layer, plan, max_bytes=max_bytes)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is left of an edit when all arithmetic is done; made by `plan_edit`."""

    where: Box
    old: Values
    new: Values
    step: list[Atom]


def plan_edit(layer: Labels, edit: LabelEdit) -> Plan | None:
    """Do the arithmetic of `apply_edit`, in any thread; None if nothing changes.

    Raises
    ------
    TypeError, ValueError
        As `apply_edit`.
    """
    data = writable(layer)
    where, new = _fit(layer, edit)
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
    return Plan(where, old, new, make_atoms(where, old, new))


def write_plan(layer: Labels, plan: Plan, *, max_bytes: int = HISTORY_BYTES) -> bool:
    """Write what `plan_edit` gave, if the layer was not edited since; True: it is done.

    As for `apply_edit`, all is as before if anything fails.
    """
    history = {name: _copied(layer, name) for name in (UNDO, REDO, _STAGED, _BLOCK)}
    try:
        return _write(layer, plan, max_bytes)
    except BaseException:
        layer.data[plan.where] = plan.old
        _restore(layer, history)
        layer.refresh(extent=False)
        raise


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
            "make a layer of its finest scale"
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


def _fit(layer: Labels, edit: LabelEdit) -> tuple[Box, Values]:
    """Return an edit's box with its bounds in numbers, and its labels.

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
    if new.size and data.dtype.kind != "b":
        least, most = int(new.min()), int(new.max())
        limits = np.iinfo(data.dtype)
        if least < limits.min or most > limits.max:
            raise ValueError(
                f"label {most if most > limits.max else least} does not fit into the "
                f"type {data.dtype} of layer {layer.name!r}; convert the layer to a "
                "larger type (right click in the layer list)"
            )
    return tuple(slice(start, stop) for start, stop, _ in bounds), new


def _write(layer: Labels, plan: Plan, max_bytes: int) -> bool:
    """Write a box and add one step to the history; True says that it is done."""
    known = all(hasattr(layer, name) for name in (UNDO, REDO, _SAVE))
    if not known or masked_atom() is None:
        changed = plan.old != plan.new
        index = tuple(
            found + part.start
            for found, part in zip(np.nonzero(changed), plan.where, strict=True)
        )
        with layer.block_history():
            layer.data_setitem(index, plan.new[changed])
    else:
        layer.data[plan.where] = plan.new
        with layer.block_history():
            for atom in plan.step:
                getattr(layer, _SAVE)(atom)
        show(layer, plan.where)
    _trim(layer, max_bytes)
    return True
