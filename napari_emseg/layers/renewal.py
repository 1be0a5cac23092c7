"""Renewal: other labels, and another look, for a layer that exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_emseg.layers.edits import apply_edit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Labels
    from numpy.typing import NDArray


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
    *,
    undo: bool,
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
    undo : bool
        Whether labels of the same shape and type are one step of the undo history,
        if the layer is editable. Otherwise the history ends.
    """
    if undo and layer.editable and alike(layer, labels):
        apply_edit(layer, Whole(labels))
    else:
        _replace(layer, labels)
    for name, value in attributes.items():
        # Each assignment makes napari draw anew, or more than that.
        if not _same(getattr(layer, name), value):
            setattr(layer, name, value)


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


def _same(old: Any, new: Any) -> bool:
    """Compare what places a layer: vectors, matrices, and tuples of units."""
    old = getattr(old, "affine_matrix", old)
    if isinstance(new, tuple):
        return tuple(old) == new
    if not isinstance(new, np.ndarray):
        return False
    return np.shape(old) == new.shape and bool(np.array_equal(old, new))
