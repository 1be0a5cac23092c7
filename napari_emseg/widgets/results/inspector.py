"""Tables, uncertainty and recipes of results, computed in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer

from napari_emseg.layers import is_result, recipe_of
from napari_emseg.layers.fit_records import fit_record_of
from napari_emseg.layers.history import redo_steps, undo_steps
from napari_emseg.layers.layer_features import reading, write_features
from napari_emseg.layers.metadata import (
    image_of,
    picture_of_result,
    slice_of_result,
)
from napari_emseg.layers.uncertainty import (
    add_probability,
    add_uncertainty,
    iter_posteriors,
    shown_uncertainty,
)
from napari_emseg.regions.uncertain_places import uncertain_places
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.navigation import show_point
from napari_emseg.widgets.common.qt import connect, show_errors
from napari_emseg.widgets.common.status_line import tell, tell_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_emseg.layers.fit_records import FitRecord
    from napari_emseg.pipeline.class_table import Table
    from napari_emseg.recipe import Recipe
    from napari_emseg.regions.uncertain_places import UncertainPlace

    Values = NDArray[np.float32]

REST = 400  # ms without an edit until the table is made anew


# Qt is untyped here, so a class of it is Any to mypy.
class Inspector(QObject):  # type: ignore[misc]
    """Computes tables, uncertainty and recipes of the results in one viewer.

    The table of a result follows its edits, once they rest.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Not a proxy of it.

    Attributes
    ----------
    background : BackgroundQueue
        Where it is computed.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        # Inspectors live as long as their viewers, so they must not keep them alive.
        self._viewer = ref(viewer)
        self.background = BackgroundQueue(tell_error, on_warning=self._warn)
        self._rest = QTimer()
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        connect(self._rest.timeout, show_errors(self._on_rest), self._rest)
        self._edited: list[Labels] = []
        # The latest one alone, which is often asked for more than once.
        self._uncertainty: tuple[FitRecord | None, Any] = (None, None)
        self._followed: WeakKeyDictionary[Labels, tuple[Any, ...]] = WeakKeyDictionary()
        self._places: WeakKeyDictionary[Labels, _Tour] = WeakKeyDictionary()
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._follow)
        self._follow()

    @property
    def viewer(self) -> ViewerModel:
        """The viewer.

        Raises
        ------
        ValueError
            If it was closed meanwhile.
        """
        found = self._viewer()
        if found is None:
            raise ValueError("the viewer is closed, so nothing can be shown in it")
        return found

    @property
    def idle(self) -> bool:
        """Whether nothing is being computed, and no table waits."""
        return self.background.idle and not self._rest.isActive()

    def with_uncertainty(self, layer: Labels, then: Callable[[Values], None]) -> None:
        """Compute the uncertainty of a result, and call a function with it.

        Raises
        ------
        ValueError
            If the layer is no result.
        """
        self.background.do(partial(self._with_uncertainty, layer, then))

    def _with_uncertainty(self, layer: Labels, then: Callable[[Values], None]) -> None:
        shown = shown_uncertainty(self.viewer, layer)
        if shown is not None:
            then(shown)
            return
        run = fit_record_of(layer)
        if run is not None and run is self._uncertainty[0]:
            then(self._uncertainty[1])
            return
        origin = iter_posteriors(self.viewer, layer)

        def steps() -> Generator[Any, None, Values]:
            posteriors = yield from origin
            found = yield from posteriors.iter_uncertainty()
            return found.reshape(layer.data.shape)

        def keep(values: Values) -> None:
            # What it is of may have been removed.
            if layer in self.viewer.layers:
                self._uncertainty = run, values
                then(values)

        self.background.run(steps, keep, title=f"Uncertainty of {layer.name}")

    def show_uncertainty(self, layer: Labels) -> None:
        """Show the uncertainty of a result as a layer."""
        self.with_uncertainty(layer, partial(self._add_uncertainty, layer))

    def show_probabilities(self, layer: Labels, labels: Sequence[int]) -> None:
        """Show the probabilities of some classes of a result, a layer for each.

        Raises
        ------
        ValueError
            If the layer is no result, or there is no such class.
        """
        origin = iter_posteriors(self.viewer, layer)

        def steps() -> Generator[Any, None, Values]:
            posteriors = yield from origin
            return (yield from posteriors.iter_probabilities(labels))

        def then(found: Values) -> None:
            # What they are of may have been removed.
            there = layer in self.viewer.layers
            for label, values in zip(labels if there else (), found, strict=there):
                add_probability(self.viewer, layer, label, values)

        self.background.run(steps, then, title=f"Probabilities of {layer.name}")

    def show_next_place(self, layer: Labels) -> None:
        """Center the canvas on the next most uncertain place of a result."""
        # A place that is asked for meanwhile is the one after it.
        self.background.do(partial(self._show_next_place, layer))

    def _show_next_place(self, layer: Labels) -> None:
        tour = self._places.get(layer)
        if tour is not None and tour.run is fit_record_of(layer):
            self._visit(layer, tour)
            return

        def begin(values: Values) -> None:
            labels = layer.data

            def then(places: list[UncertainPlace]) -> None:
                tour = self._places[layer] = _Tour(places, fit_record_of(layer))
                self._visit(layer, tour)

            self.background.run(lambda: uncertain_places(values, labels), then)

        self._with_uncertainty(layer, begin)

    def with_table(self, layer: Labels, then: Callable[[Table, bool], None]) -> None:
        """Make the table of a layer, and call a function with it and whether it is RGB.

        Raises
        ------
        ValueError
            If the layer is not in the viewer any more.
        """

        def make() -> None:
            work, rgb = self._reading(layer)
            self.background.run(work, lambda table: then(table, rgb))

        self.background.do(make)

    def with_recipe(self, layer: Labels, then: Callable[[Recipe], None]) -> None:
        """Find the recipe of a layer as it is now, and call a function with it."""
        work = partial(recipe_of, self.viewer, layer)
        self.background.do(lambda: self.background.run(work, then))

    def image_of(self, layer: Labels) -> Image | None:
        """Return the image that a result was made from."""
        return image_of(self.viewer, layer)

    def _reading(self, layer: Labels) -> tuple[Callable[[], Table], bool]:
        picture = picture_of_result(self.viewer, layer)
        if picture is None:
            return reading(layer), False
        at = slice_of_result(layer)
        source, kwargs = picture.data(at), picture.reading(at)
        if picture.each:
            source, kwargs = None, {}
        return reading(layer, source, **kwargs), bool(picture.lead.rgb)

    def _add_uncertainty(self, layer: Labels, values: Values) -> None:
        add_uncertainty(self.viewer, layer, values)

    def _visit(self, layer: Labels, tour: _Tour) -> None:
        number, place = tour.next(layer)
        show_point(self.viewer, layer, place.point, place.size)
        text = (
            f"Uncertain place {number} of {len(tour.places)}, "
            f"{place.uncertainty:.2g} on average"
        )
        last = number == len(tour.places)
        if last:
            text = f"{text}: the last; the next is the first again"
        tell(self.viewer, f"{text}.", notify=last)

    def _warn(self, text: str) -> None:
        tell(self.viewer, text)

    def _follow(self, event: object = None) -> None:
        """Connect to the events of all results, to update their tables after edits."""
        viewer = self._viewer()
        for layer in [] if viewer is None else viewer.layers:
            if isinstance(layer, Labels) and layer not in self._followed:
                self._followed[layer] = _state(layer), fit_record_of(layer)
                callback = _ChangeCallback(self, layer)
                for emitter in (layer.events.paint, layer.events.set_data):
                    emitter.connect(callback)

    def on_change(self, layer: Labels) -> None:
        """Update the table after an edit, when no other follows for a moment."""
        state, run = _state(layer), fit_record_of(layer)
        before = self._followed.get(layer)
        self._followed[layer] = state, run
        if before is not None and (before[1] is not run or not layer.editable):
            # A new fit brings its own table, and previews have none.
            return
        if before != (state, run) and is_result(layer):
            if layer not in self._edited:
                self._edited.append(layer)
            self._rest.start()

    def _on_rest(self) -> None:
        viewer = self._viewer()
        edited, self._edited = self._edited, []
        for layer in edited:
            if viewer is not None and layer in viewer.layers:
                work, rgb = self._reading(layer)
                then = partial(self._on_table, layer, _state(layer), rgb)
                self.background.preview(work, then, f"table {id(layer)}")

    def _on_table(self, layer: Labels, state: Any, rgb: bool, table: Table) -> None:
        # A later edit has a table of its own on the way.
        if _state(layer) == state:
            write_features(layer, table, rgb=rgb)


class _Tour:
    """The uncertain places of a result, one after another."""

    def __init__(self, places: list[UncertainPlace], run: Any) -> None:
        self.places, self.run = places, run
        self._at = -1

    def next(self, layer: Labels) -> tuple[int, UncertainPlace]:
        """Return the next place and its number; those without a label are left out."""
        data = layer.data
        for _ in self.places:
            self._at = (self._at + 1) % len(self.places)
            place = self.places[self._at]
            if data[tuple(round(value) for value in place.point)] != 0:
                return self._at + 1, place
        raise ValueError(
            f"there is no uncertain place in {layer.name!r}; every pixel's class is as "
            "good as certain, or its label was taken"
        )


class _ChangeCallback:
    """Callback that reports changes of a layer, and keeps no object alive."""

    def __init__(self, inspector: Inspector, layer: Labels) -> None:
        self._inspector, self._layer = ref(inspector), ref(layer)

    def __call__(self, event: Any) -> None:
        inspector, layer = self._inspector(), self._layer()
        if inspector is not None and layer is not None:
            inspector.on_change(layer)


def _state(layer: Labels) -> tuple[Any, ...]:
    """Return a value that changes with every edit of a layer, undo included."""
    steps = undo_steps(layer) or (), redo_steps(layer) or ()
    # A history that is full keeps its length, but not its last step.
    last = (id(part[-1]) if part else 0 for part in steps)
    return (id(layer.data), *map(len, steps), *last)


_INSPECTORS: WeakKeyDictionary[ViewerModel, Inspector] = WeakKeyDictionary()


def inspector_of(viewer: ViewerModel) -> Inspector:
    """Return the one inspector of a viewer."""
    # Napari passes a proxy to panels and commands.
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _INSPECTORS:
        _INSPECTORS[viewer] = Inspector(viewer)
    return _INSPECTORS[viewer]
