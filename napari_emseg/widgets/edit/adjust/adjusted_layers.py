"""Adjusted pictures that can be changed: what each was made from, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_emseg.layers.geometry import expand_slice
from napari_emseg.recipe.execute import call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_emseg.layers import Part
    from napari_emseg.layers.metadata import Log
    from napari_emseg.recipe.step import Step


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """How an adjusted picture was made.

    Attributes
    ----------
    title : str
        Of its dialog.
    step : Step
        With its options.
    picture : Part
        Of the layer that it was made from.
    selected : (Y, X) ndarray of bool or float32, or None
        What was adjusted; None is everything.
    log : mapping of napari.layers.Labels to sequence of LogEntry
        What it added to recipes.
    """

    title: str
    step: Step
    picture: Part
    selected: NDArray[Any] | None
    log: Log

    def made_from(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return the pixels of the layer, from those (Y, X[, C]) of its picture."""
        subject = Subject(data, self.selected, self.picture.plain.reading)
        return expand_slice(np.asarray(call(self.step, subject)), self.picture.at)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A picture and what of it is selected, for steps that adjust pictures."""

    image: NDArray[Any]
    area: NDArray[Any] | None
    reader_kwargs: dict[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""
        return self.image.shape[:2]

    @property
    def selection(self) -> NDArray[Any]:
        """What is selected, of steps that need it."""
        return np.zeros(self.shape, bool) if self.area is None else self.area

    @property
    def colors(self) -> Any:
        """Refuse; no such step looks at them."""
        raise TypeError("a step that adjusts a picture sees neither colors nor labels")

    labels = colors


class AdjustedLayers:
    """Knows the adjusted pictures of a viewer, as long as they exist."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Image, Adjusted] = WeakKeyDictionary()

    def note(self, layer: Image, made: Adjusted) -> None:
        """Remember how a layer was made."""
        self._known[layer] = made

    def of(self, layer: Image | None) -> Adjusted | None:
        """Return how a layer was made; None if it was not, or what from is gone."""
        return None if layer is None else self._known.get(layer)

    def above(self, layer: Image, layers: Iterable[Any]) -> list[Image]:
        """Return a layer and those of the layers that were made from it, in order."""
        found = [layer]
        for other in layers:
            made = self._known.get(other) if other is not layer else None
            if made is not None and made.picture.layer in found:
                found.append(other)
        return found

    def uncover(self, viewer: ViewerModel, labels: Labels | None) -> None:
        """Lay labels that were edited on the adjusted pictures which hide them."""
        if labels not in viewer.layers:
            return
        place = viewer.layers.index(labels)
        over = [
            above
            for above, one in enumerate(viewer.layers)
            if above > place and one.visible and one in self._known
        ]
        if over:
            viewer.layers.move(place, over[-1] + 1)

    def changed(
        self, layer: Image, options: dict[str, Any], layers: Iterable[Any]
    ) -> dict[Image, tuple[NDArray[Any], Adjusted]]:
        """Return what becomes of a layer with other options, and of those above it.

        Parameters
        ----------
        layer : napari.layers.Image
            One that is known.
        options : dict
            Of its step.
        layers : iterable of napari.layers.Layer
            In the order in which they lie.
        """
        result: dict[Image, tuple[NDArray[Any], Adjusted]] = {}
        for one in self.above(layer, layers):
            made = self._known[one]
            if one is layer:
                made = replace(made, step=made.step.changed(**options))
            below = made.picture.layer
            data = np.asarray(made.picture.data())
            if below in result:
                fixed = ((slice(None) if at is None else 0) for at in made.picture.at)
                data = result[below][0][tuple(fixed)]
            result[one] = made.made_from(data), made
        return result
