"""Renewal: other labels, and another look, for a layer that exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.layers.edits import HISTORY_BYTES, apply_edit, carry_out
from napari_emseg.layers.runs import note_run, run_of
from napari_emseg.layers.undoing import follow_undo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.layers.edits import Plan
    from napari_emseg.layers.runs import Run


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """An edit of a whole layer.

    Attributes
    ----------
    labels : (*S) ndarray of unsigned int
        All its labels.
    """

    labels: NDArray[np.unsignedinteger]

    @property
    def where(self) -> tuple[slice, ...]:
        """The box that holds everything."""
        return tuple(slice(0, size) for size in self.labels.shape)


def renew(
    layer: Labels,
    labels: NDArray[np.unsignedinteger],
    attributes: Mapping[str, Any],
    run: Run,
    *,
    undo: bool,
    plan: Plan | None = None,
    max_bytes: int = HISTORY_BYTES,
) -> None:
    """Put other labels into a layer, and set some of its attributes.

    Parameters
    ----------
    layer : napari.layers.Labels
        What is renewed.
    labels : (*S) ndarray of unsigned int
        Become the layer's own array if they cannot be written into that.
    attributes : mapping of str to Any
        Those that are different are assigned.
    run : Run
        That the labels come from.
    undo : bool
        Whether labels of the same shape and type are one step of the undo history,
        if the layer is editable; attributes and run go and come with it. Otherwise
        the history ends.
    plan : Plan, optional
        What `plan_edit` gave for these labels, if that was called beforehand.
    max_bytes : int, optional
        As for `apply_edit`.
    """
    before = _read(layer, attributes), run_of(layer)
    note_run(layer, run)
    done = False
    if undo and layer.editable and alike(layer, labels):
        # It may have been edited since the plan was made.
        if plan is not None and np.array_equal(layer.data[plan.where], plan.old):
            done = carry_out(layer, plan, max_bytes=max_bytes)
        done |= apply_edit(layer, Whole(labels), max_bytes=max_bytes)
    else:
        _replace(layer, labels)
    _assign(layer, attributes)
    if done:
        _turn_with_undo(layer, *before)


def alike(layer: Labels, labels: NDArray[np.unsignedinteger]) -> bool:
    """Tell whether labels of this shape and type can be written into a layer."""
    data = layer.data
    if layer.multiscale or not isinstance(data, np.ndarray):
        return False
    same = data.shape == labels.shape and data.dtype == labels.dtype
    return same and data.flags.writeable


def forget_history(layer: Labels) -> None:
    """End the undo history of a layer."""
    editable, mode = layer.editable, layer.mode
    # A layer forgets its steps when it ceases to be editable.
    layer.editable = True
    layer.editable = False
    layer.editable = editable
    layer.mode = mode


def _replace(layer: Labels, labels: NDArray[np.unsignedinteger]) -> None:
    """Put other labels in, and end the history of the old ones."""
    if alike(layer, labels):
        # A texture that is filled again is much faster than a new one.
        np.copyto(layer.data, labels)
        layer.events.data(value=layer.data)
        layer.refresh(extent=False)
    else:
        layer.data = labels
    # Otherwise the old steps would be written into the new labels.
    forget_history(layer)


def _read(layer: Labels, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(layer, name) for name in names}
    # Metadata are assigned by changing the one dictionary of the layer.
    return {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in values.items()
    }


def _assign(layer: Labels, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        # Each assignment makes napari draw anew, or more than that.
        if not _same(getattr(layer, name), value):
            setattr(layer, name, value)


def _turn_with_undo(
    layer: Labels, attributes: Mapping[str, Any], run: Run | None
) -> None:
    """Give a layer these attributes and this run while its latest edit is undone."""
    other = attributes, run

    def turn() -> None:
        nonlocal other
        attributes, run = other
        other = _read(layer, attributes), run_of(layer)
        note_run(layer, run)
        _assign(layer, attributes)

    follow_undo(layer, turn)


def _same(old: Any, new: Any) -> bool:
    """Compare what places a layer: vectors, matrices, and tuples of units."""
    old = getattr(old, "affine_matrix", old)
    if isinstance(new, tuple):
        return tuple(old) == new
    if not isinstance(new, np.ndarray):
        return False
    return np.shape(old) == new.shape and bool(np.array_equal(old, new))
