"""The objects that the panel works on: found, edited, measured, chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal

from napari_emseg.layers import (
    add_objects,
    displayed_plane,
    find_selection,
    image_of,
    objects_of,
    plan_edit,
    remember_objects,
)
from napari_emseg.layers.classes import class_name
from napari_emseg.layers.geometry import spatial_shape
from napari_emseg.layers.history import (
    LayerState,
    StepMark,
    drawing,
    step_keys,
    undo_steps,
)
from napari_emseg.layers.instances.measured_layers import (
    channels_on,
    place_of,
    source_of,
    space_of,
)
from napari_emseg.layers.instances.object_layer import object_features
from napari_emseg.layers.instances.seed_points import seed_points
from napari_emseg.regions import Edit
from napari_emseg.regions.instances import Objects, iter_measure, iter_objects
from napari_emseg.select.label_masks import FULL
from napari_emseg.widgets.common.followed_history import FollowedHistory
from napari_emseg.widgets.common.preferences import preferred
from napari_emseg.widgets.objects.object_record import (
    FindOptions,
    ObjectRecord,
    count_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.regions.instances import ObjectTable
    from napari_emseg.widgets.common.background import BackgroundQueue

    Ids = NDArray[np.int64]
    Range = tuple[float, float]

FIND, TABLE = "find", "table"  # kinds of previews
NONE = "there are no objects yet; choose classes and press Make objects"
CHANGED = (
    "the labels of {!r} were changed while this was worked out, so nothing was "
    "written; do it again"
)


class ObjectSession:
    """The state that the parts of the panel share.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    background : BackgroundQueue
        Where it is worked out.

    Attributes
    ----------
    labels : napari.layers.Labels or None
        Classes that objects are found in.
    seeds : napari.layers.Layer or None
        Points or labels, one for each object, where objects are told apart by them.
    image : napari.layers.Image or None
        What is measured.
    layer : napari.layers.Labels or None
        The objects.
    options : FindOptions
    objects, table
        What was measured last; None before.
    ranges : dict of str to (float, float)
        Smallest and largest value of measures; what lies outside is filtered out.
    chosen : (C,) ndarray of int
        Numbers of objects, rising.
    tissue : int
        Class that densities refer to; 0 is the whole image.
    records : WeakKeyDictionary
        How the objects of layers came about.
    """

    layer_changed = Signal()
    table_changed = Signal()
    filter_changed = Signal()
    chosen_changed = Signal()
    found = Signal(object)
    said = Signal(str)

    def __init__(self, viewer: ViewerModel, background: BackgroundQueue) -> None:
        self.viewer, self.background = viewer, background
        self.history = FollowedHistory(
            viewer, partial(background.cancel, last=True), self.said.emit
        )
        self.labels: Labels | None = None
        self.seeds: Layer | None = None
        self.image: Image | None = None
        self.layer: Labels | None = None
        self.options = FindOptions()
        self.objects: Objects | None = None
        self.table: ObjectTable | None = None
        self.ranges: dict[str, Range] = {}
        self.chosen: Ids = np.zeros(0, np.int64)
        self.tissue = 0
        self.records: WeakKeyDictionary[Labels, ObjectRecord] = WeakKeyDictionary()
        self._closed = False

    def preview(self) -> None:
        """Find the objects of the displayed plane in the background, and tell them."""
        labels, options = self.labels, self.options
        if labels is None or not options.classes:
            self.background.drop(FIND)
            self.found.emit(None)
            return
        flat = space_of(labels, per_plane=options.per_plane) == 2
        try:
            at = displayed_plane(self.viewer, labels)
            options = self._with_seeds(options, at.at if flat else None)
        except ValueError:
            return
        if flat:
            data, where = np.asarray(at.data()), at
        else:
            data, where = np.asarray(labels.data), None
        steps = self._finding(labels, data, replace(options, per_plane=flat))

        def work() -> Generator[Any, None, tuple[Any, Any]]:
            made = yield from steps
            return made, where

        self.background.preview(work, self.found.emit, FIND)

    def make(self) -> None:
        """Find objects, and add a layer of them."""
        labels, options = self.labels, self.options
        if labels is None:
            raise ValueError("there are no labels; segment the image first")
        if not options.classes:
            raise ValueError("no class is chosen; click one in the list")
        per_plane = space_of(labels, per_plane=options.per_plane) == 2
        # Of a plane alone, it is no choice.
        told = replace(options, per_plane=per_plane and labels.ndim > 2)
        told = self._with_seeds(told)
        if told.split == "seeds" and not told.seeds:
            raise ValueError(
                "there is no seed in the labels; add points to a Points layer, one for "
                "each object, and choose it beside Split"
            )
        data = np.asarray(labels.data[0] if labels.multiscale else labels.data)
        steps = self._finding(labels, data, told)

        def then(made: Objects) -> None:
            if labels not in self.viewer.layers:
                self.said.emit(f"Canceled: {labels.name!r} was removed.")
                return
            names = made.class_names.values()
            if not made.n_objects:
                raise ValueError(
                    f"there is no object of {' or '.join(names)}: the class is empty, "
                    "or all of it is cut by the rim; choose another"
                )
            what = " and ".join(names) if len(made.class_names) < 3 else "objects"
            image = image_of(self.viewer, labels)
            name = f"{labels.name if image is None else image.name} {what}"
            layer = add_objects(self.viewer, made, labels, name=name)
            self.records[layer] = ObjectRecord(told.arguments())
            self._added(layer)
            self.viewer.layers.selection.active = layer
            self.said.emit(count_text(made))

        self.background.run(lambda: steps, then, title=f"Objects of {labels.name}")

    def edit(
        self, change: Callable[[Objects], Objects], code: Callable[[Objects], str]
    ) -> None:
        """Change the objects, as one step of undo.

        Parameters
        ----------
        change : callable
            Takes the objects as they are then, and returns others; in a thread.
        code : callable
            Returns the method that does the same, as Python.
        """
        layer = self.need()
        self.background.do(partial(self._edit, layer, change, code))

    def without(self, ids: Iterable[int]) -> None:
        """Remove objects."""
        gone = _listed(ids)
        if not gone:
            raise ValueError("no object is chosen; click some, or rows of the table")
        self.edit(lambda old: old.without(gone), lambda _: f"without({gone})")

    def keep(self, ids: Iterable[int]) -> None:
        """Remove all other objects."""
        kept = {*_listed(ids)}
        if not kept:
            raise ValueError("no object is chosen; click some, or rows of the table")
        gone = [number for number in self.ids() if number not in kept]
        if not gone:
            raise ValueError("all objects are chosen, so none would go")
        self.without(gone)

    def merge(self, ids: Iterable[int]) -> None:
        """Make some objects one."""
        some = _listed(ids)
        if len(some) < 2:
            raise ValueError("choose two objects or more, with Ctrl, to merge them")
        self.edit(lambda old: old.merged(some), lambda _: f"merged({some})")

    def split(self, path: list[list[float]]) -> None:
        """Part the objects that a line through (…) points goes through."""
        rounded = np.round(path, 2).tolist()
        self.edit(
            lambda old: old.split_by_line(rounded),
            lambda _: f"split_by_line({rounded})",
        )

    def by_selection(self, *, keep: bool) -> None:
        """Keep or remove what the selection touches."""
        layer = self.need()
        selection = find_selection(self.viewer, layer)
        if selection is None:
            raise ValueError(
                "nothing is selected here; select a part in Select and edit first"
            )

        def change(old: Objects) -> Objects:
            mask = np.asarray(selection.data) > FULL // 2
            touched = np.unique(old.labels[mask])
            touched = touched[touched > 0].astype(np.int64)
            if not len(touched):
                raise ValueError("the selection touches no object; select some")
            gone[:] = touched.tolist()
            if keep:
                gone[:] = np.setdiff1d(old.ids, touched).tolist()
            return old.without(gone)

        gone: list[int] = []
        self.edit(change, lambda _: f"without({gone})")

    def remove_filtered(self) -> None:
        """Remove the objects that the filter leaves out."""
        inside = self.inside()
        if self.table is None or inside is None:
            raise ValueError(NONE)
        if inside.all():
            raise ValueError("no object lies outside of the ranges; narrow one first")
        self.without(self.table["label"][~inside].tolist())

    def inside(self) -> NDArray[np.bool_] | None:
        """Return which rows of the table the filter leaves (N,); None without one."""
        table = self.table
        if table is None:
            return None
        fine = np.ones(len(table), bool)
        for name, (low, high) in self.ranges.items():
            if name in table:
                fine &= (table[name] >= low) & (table[name] <= high)
        return fine

    def filter(self, ranges: dict[str, Range]) -> None:
        """Leave out of table and figure what lies outside of some ranges."""
        if ranges != self.ranges:
            self.ranges = ranges
            self.filter_changed.emit()

    def choose(self, ids: Iterable[int]) -> None:
        """Choose objects, to highlight them and to work on them."""
        some = np.unique(np.fromiter(ids, np.int64))
        if not np.array_equal(some, self.chosen):
            self.chosen = some
            self.chosen_changed.emit()

    def ids(self) -> list[int]:
        """Return the numbers of all objects that were measured."""
        return [] if self.table is None else _listed(self.table["label"])

    def take(self, layer: Labels | None) -> None:
        """Work on the objects of another layer."""
        if layer is self.layer:
            return
        self.layer, self.objects, self.table = layer, None, None
        self.ranges = {}
        self.chosen = np.zeros(0, np.int64)
        self.background.drop(TABLE)
        self.layer_changed.emit()
        self.table_changed.emit()
        self.measure()

    def measure(self) -> None:
        """Measure the objects in the background."""
        layer = self.layer
        if layer is None or layer not in self.viewer.layers:
            self.background.drop(TABLE)
        else:
            self._measure(layer)

    def _measure(self, layer: Labels) -> None:
        image, tissue = self.image, self.tissue
        source = source_of(self.viewer, layer)
        channels: dict[str, Any] = {}
        told = ""
        if image is not None and image in self.viewer.layers:
            try:
                channels = channels_on(self.viewer, layer, image)
            except ValueError as error:
                told = str(error)

        def work() -> Generator[Any, None, tuple[Objects, ObjectTable]]:
            objects = objects_of(layer)
            arguments = channels | place_of(layer, per_plane=objects.per_plane)
            if tissue and source is not None:
                arguments["tissue"] = np.asarray(source.data) == tissue
            table = yield from iter_measure(objects, **arguments)
            return objects, table

        def then(result: tuple[Objects, ObjectTable]) -> None:
            another = self.layer is not layer
            if another:
                return
            self.objects, self.table = objects, table = result
            layer.features = object_features(objects)
            known = np.isin(self.chosen, table["label"])
            self.chosen = self.chosen[known]
            self.table_changed.emit()
            self.chosen_changed.emit()
            if told:
                self.said.emit(f"{told[0].upper()}{told[1:]}.")

        self.background.preview(work, then, TABLE)

    def need(self) -> Labels:
        """Return the layer of objects; an error if there is none."""
        if self.layer is None or self.layer not in self.viewer.layers:
            raise ValueError(NONE)
        return self.layer

    def edits_of(self, layer: Labels) -> tuple[list[str], bool]:
        """Return the methods that made a layer what it is, and if that is all of it."""
        record = self.records.get(layer)
        if record is None:
            return [], False
        known = {mark.key: code for mark, code in record.edits}
        found = []
        steps = [*(undo_steps(layer) or ())]
        for step in steps:
            found += [known[key] for key in step_keys([step]) if key in known][:1]
        return found, len(found) == len(steps)

    def undo(self) -> None:
        """Undo the last action on any layer; one that waits is canceled."""
        self.history.undo()

    def redo(self) -> None:
        """Redo what was undone last."""
        self.background.do(self.history.redo)

    def open(self) -> None:
        """Follow the viewer again, after `close`."""
        if self._closed:
            self.background.open()
            self.history.open()
            self._closed = False

    def close(self) -> None:
        """Cancel what is under way, and disconnect from the viewer."""
        self._closed = True
        self.background.close()
        self.history.close()
        self.labels = self.image = self.layer = self.table = self.objects = None

    def _with_seeds(
        self, options: FindOptions, at: tuple[int | None, ...] | None = None
    ) -> FindOptions:
        """Return options with the seeds that there are now, of all or of a plane."""
        labels, source = self.labels, self.seeds
        if options.split != "seeds" or labels is None:
            return options
        if source is None or source not in self.viewer.layers:
            return replace(options, seeds=())
        points = seed_points(source, labels)
        if at is not None:
            fixed = [axis for axis, index in enumerate(at) if index is not None]
            here = (points[:, fixed] == [at[axis] for axis in fixed]).all(axis=1)
            points = np.delete(points[here], fixed, axis=1)
        return replace(options, seeds=tuple(map(tuple, points.tolist())))

    def _finding(
        self, labels: Labels, data: NDArray[Any], options: FindOptions
    ) -> Generator[Any, None, Objects]:
        scale = place_of(labels, per_plane=options.per_plane)["scale"]
        n_space = 2 if options.per_plane else min(data.ndim, 3)
        names = {number: class_name(labels, number) for number in options.classes}
        # A plane may lack a class that other planes have.
        here = [number for number in options.classes if (data == number).any()]
        how = {**options.arguments(), "per_plane": options.per_plane, "classes": here}
        if options.split == "seeds":
            how["seeds"] = np.array(options.seeds, float).reshape(-1, data.ndim)
        made = yield from iter_objects(
            data,
            **how,
            scale=scale[-n_space:],
        )
        return replace(made, class_names=names)

    def _edit(
        self,
        layer: Labels,
        change: Callable[[Objects], Objects],
        code: Callable[[Objects], str],
    ) -> None:
        if layer not in self.viewer.layers:
            self.said.emit(f"Canceled: {layer.name!r} was removed.")
            return

        def work() -> tuple[Any, ...]:
            before = LayerState(layer)
            old = objects_of(layer)
            new = change(old)
            edit = Edit.whole(new.labels.reshape(spatial_shape(layer)))
            return before, old, new, plan_edit(layer, edit)

        def then(
            result: tuple[LayerState, Objects, Objects, PlannedEdit | None],
        ) -> None:
            before, old, new, plan = result
            if layer not in self.viewer.layers:
                self.said.emit(f"Canceled: {layer.name!r} was removed.")
                return
            if not before.same(LayerState(layer)) or drawing(layer):
                raise ValueError(CHANGED.format(layer.name))
            if plan is None:
                self.said.emit("This changes no object.")
                return
            self.history.actions.write(
                [(layer, plan)],
                text=f"made {count_text(new)} of {len(old)}",
                max_bytes=preferred().history_bytes,
            )
            remember_objects(layer, new)
            record = self.records.get(layer)
            steps = undo_steps(layer)
            if record is not None and steps:
                record.edits.append((StepMark(layer, steps[-1]), code(new)))
            self.said.emit(f"{count_text(new)}; {len(old)} before.")

        self.background.run(work, then)

    def _added(self, layer: Labels) -> None:
        self.history.actions.added(layer, text=f"found the objects {layer.name}")


def _listed(ids: Iterable[int]) -> list[int]:
    return sorted({int(number) for number in ids})
