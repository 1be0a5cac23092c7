"""The actions of the buttons: changes of the selection and of the labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_emseg import regions
from napari_emseg.layers import (
    Part,
    add_selection,
    coverage,
    placement,
    saved_selections,
    selects,
    spatial_shape,
)
from napari_emseg.layers.edits import preserved, writable
from napari_emseg.layers.history import insert_layer
from napari_emseg.layers.metadata import (
    KEY,
    append,
    picture_of_result,
    remove,
    with_channels,
)
from napari_emseg.layers.recipe_log import RecordedEdit, logged_layers
from napari_emseg.layers.undo.action import Change
from napari_emseg.layers.undo.class_changes import blending
from napari_emseg.layers.undo.step_words import words_of
from napari_emseg.params import Params
from napari_emseg.recipe.execute import call, iter_call
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.step import Step
from napari_emseg.regions.refit import iter_refit
from napari_emseg.select.label_masks import FULL
from napari_emseg.widgets.edit.adjust.adjusted_layers import Adjusted
from napari_emseg.widgets.edit.adjust.adjusted_picture import tell_of_top, top_place
from napari_emseg.widgets.edit.adjust.dialog import ADJUSTMENTS
from napari_emseg.widgets.edit.adjust.picture_export import (
    cut_out,
    mask_of,
    write_png,
)
from napari_emseg.widgets.edit.context import (
    MODIFY,
    SIMILAR,
    SelectionResult,
    begin_labels,
    modify_step,
)
from napari_emseg.widgets.edit.session import GONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_emseg.layers.metadata import Log
    from napari_emseg.layers.recipe_log import LoggedLayer
    from napari_emseg.widgets.edit.context import Find
    from napari_emseg.widgets.edit.session import Session, Steps


@dataclass(frozen=True, slots=True, eq=False)
class Actions:
    """The actions of the buttons; each is one undo step.

    What paints (fill, new class) leaves what napari's "preserve labels" keeps. What is
    about labels that exist (merge, split, refit) changes those that it names.

    Attributes
    ----------
    session : Session
        Image, labels and selection.
    """

    session: Session

    def modify(self, name: str, pixels: float) -> None:
        """Change the selection by a number of pixels; a row of `MODIFY`."""
        self._reshape(modify_step(name, MODIFY[name][2], pixels, self.session.place()))

    def fill_holes(self) -> None:
        """Select what the selection encloses."""
        self._reshape(Step.of("fill_holes"))

    def invert(self) -> None:
        """Select what is not selected."""
        self._choose(Step.of("invert"))

    def everything(self) -> None:
        """Select all pixels of the scope."""
        self._choose(Step.of("all"))

    def nothing(self) -> None:
        """Select nothing."""
        part = self.session.selection_in(self.session.place())
        if part is None or not selects(part):
            raise ValueError("nothing is selected here, so there is nothing to give up")
        self._choose(Step.of("none"))

    def reselect(self) -> None:
        """Bring back the last selection that was given up."""
        previous = self.session.previous
        if previous is None or previous[0] not in self.session.viewer.layers:
            raise ValueError(
                "there is no selection that was given up, so none can come back"
            )
        text = "selected again what was given up"
        self.session.change(lambda: RecordedEdit(changes=[previous], text=text))

    def similar(self) -> None:
        """Select all pixels whose color is near to a selected one."""
        self._by_color("similar")

    def grow_similar(self) -> None:
        """Select adjacent pixels whose color is near to a selected one."""
        self._by_color("grow_similar")

    def save(self, name: str) -> None:
        """Save the selection as a layer."""
        place = self.session.place()
        part = self._need(place)
        data = np.zeros(spatial_shape(place.layer), np.uint8)
        data[place.where] = part.layer.data[place.where]
        layer = add_selection(
            self.session.viewer, place.layer, name=name, kind="saved", data=data
        )
        step = Step.of("save", name=layer.name)
        log = self.session.context(place).record(step, []).log(self._logged)
        text = words_of(step, None)
        self.session.action_history.added(layer, log, text=text)

    def load(self, name: str) -> None:
        """Select what was saved."""
        place = self.session.place()
        kept = {
            layer.name: Part(layer, place.at)
            for layer in saved_selections(self.session.viewer, place.layer)
        }
        if name not in kept:
            raise ValueError(f"there is no selection {name!r} that lies on this layer")
        step = Step.of("load", name=name)
        self.session.choose(
            place, lambda: SelectionResult(coverage(kept[name]), step), feather=False
        )

    def fill(self, label: int) -> None:
        """Give the selected pixels a label."""
        self._paint(Step.of("fill", label=label, locked=self._locked), label)

    def new_class(self) -> None:
        """Make the selected pixels a class of their own, if need be the first."""
        session = self.session
        if session.labels in session.viewer.layers:
            self._paint(Step.of("new_class", locked=self._locked))
            return
        self._need_half(place := session.place())
        part, then = self._need(place), partial(begin_labels, session.viewer, place)
        session.background.run(lambda: np.asarray(part.data()) > FULL // 2, then)

    def merge(self, members: Sequence[int]) -> None:
        """Join classes to the first of them, in the whole layer."""
        if len(members) < 2:
            raise ValueError(
                "choose two classes or more to merge, with Ctrl or Shift in the list, "
                "or drag one onto another"
            )
        labels = self._labels()
        # As of now, whatever is locked when its turn comes.
        locked = self._locked
        step = Step.of("merge", members=members, locked=locked)

        def make() -> RecordedEdit:
            edit = regions.merge(labels.data, members, locked=locked)
            looks = blending(labels, members, locked)
            return RecordedEdit(step, [(labels, edit)], labels=labels, looks=looks)

        self.session.change(make)

    def split(self, label: int, method: str) -> None:
        """Split a class in the plane or the volume.

        Parameters
        ----------
        label : int
            The class.
        method : {"components", "classes", "watershed"}
            Into pieces, by color, or where it is narrow.
        """
        place = self._place()
        parts = {"n_parts": 2} if method == "classes" else {}
        if method == "classes":
            self.session.picture(place)
        self._edit(
            place,
            Step.of("split", label=label, method=method, locked=self._locked, **parts),
        )

    def interpolate(self, label: int) -> None:
        """Fill a class in between the planes of the volume that have it."""
        self._labels()
        step = Step.of("interpolate_label", label=label, locked=self._locked)
        self._edit(self.session.volume(), step)

    def interpolate_selection(self) -> None:
        """Select what lies between the planes of the volume that were drawn in."""
        place = self.session.volume()
        self._need(place)
        step = Step.of("interpolate")
        self.session.choose(place, lambda: step, "new", feather=False)

    def refit(self) -> None:
        """Fit all classes again, and keep manual edits."""
        labels, image = self._labels(), self.session.image
        plane, axes, shape = None, None, labels.data.shape
        source = picture_of_result(self.session.viewer, labels)
        if source is not None and not (
            image in source.layers and shape == source.labels_shape(None)
        ):
            source = None
        if image is None or (source is None and spatial_shape(image) != shape):
            plane = self.session.plane()
            picture = self.session.picture(plane)
        else:
            if source is not None:
                axes, shape = source.last_axes, source.shape
            whole = Part(image, (None,) * image.ndim)
            picture = with_channels(self.session.viewer, whole, labels)
        data, reading = picture.data(), picture.reading
        if axes is not None:
            reading = {"axes": axes}
        fitted_with = labels.metadata.get(KEY, {}).get("params", {})
        locked = self._locked

        def make() -> Steps:
            writable(labels)
            edited = self.session.action_history.manual_edits.edited(labels)
            old = labels.data.reshape(shape)
            if plane is not None:
                edited = edited[plane.where].reshape(plane.shape)
                old = np.asarray(plane.data())
            edited = edited.reshape(old.shape)
            options = {
                "seed_labels": np.where(edited, old, 0),
                "erased": edited & (old == 0),
                "locked": locked,
            }
            params = Params(**fitted_with)
            new = yield from iter_refit(
                np.asarray(data), old, params=params, **reading, **options
            )
            packed = {name: pack(options[name]) for name in ("seed_labels", "erased")}
            if plane is None:
                edit = regions.Edit.whole(new.reshape(labels.data.shape))
            else:
                edit = plane.edit(new)
            return RecordedEdit(
                Step.of("refit", params=params, locked=locked, axes=axes, **packed),
                [(labels, edit)],
                at=None if plane is None else plane.at,
                labels=labels,
                image=picture.layer,
            )

        fits = self.session.action_history.manual_edits
        self.session.change(make, after=partial(fits.add_fit, labels))

    def adjust(self, title: str, options: Mapping[str, Any]) -> None:
        """Adjust what is selected, or everything, in a new image layer."""
        plain = {name: np.asarray(value).tolist() for name, value in options.items()}
        row = ADJUSTMENTS[title]
        if row.edge:
            self._need(self.session.plane())
        step = Step.of(row.change.__name__, **row.given, **plain)
        self._add_image(title, step)

    def change_adjustment(self, image: Image, options: Mapping[str, Any]) -> None:
        """Make an adjusted picture, and those that were made from it, anew."""
        session, layers = self.session, [*self.session.viewer.layers]
        plain = {name: np.asarray(value).tolist() for name, value in options.items()}
        known = session.adjusted
        old = known.of(image)
        assert old is not None
        logged = self._logged

        def make() -> tuple[dict[Image, tuple[NDArray[Any], Adjusted]], Log]:
            made = known.changed(image, plain, layers)
            edit = RecordedEdit(made[image][1].step, at=old.picture.at)
            return made, edit.log(logged) if old.log else {}

        def then(
            result: tuple[dict[Image, tuple[NDArray[Any], Adjusted]], Log],
        ) -> None:
            made, log = result
            if not all(layer in session.viewer.layers for layer in made):
                session.say(GONE.format(image.name))
                return
            new = {
                layer: (data, replace(how, log=log if layer is image else how.log))
                for layer, (data, how) in made.items()
            }
            before = {layer: (layer.data, known.of(layer)) for layer in made}

            def put(state: Mapping[Image, Any], gone: Log, come: Log) -> None:
                remove(gone)
                append(come)
                for layer, (data, how) in state.items():
                    layer.data = data
                    known.note(layer, how)

            change = Change(
                partial(put, before, log, old.log),
                partial(put, new, old.log, log),
                image,
            )
            session.action_history.do(change, f"changed {image.name}")
            session.say(f"Changed {image.name!r}")

        session.background.run(make, then)

    def refine_edge(self, options: Mapping[str, Any]) -> None:
        """Make the edge of the selection follow the picture."""
        self.session.picture(self.session.plane())
        self._reshape(Step.of("refine_edge", **options))

    def export(self, kind: str, path: Path, *, force: bool) -> None:
        """Write what is selected as a PNG file, cut out or as a mask."""
        session, plane = self.session, self.session.plane()
        self._need(plane)
        selected = session.selected(plane)
        assert selected is not None
        picture = session.picture(plane).plain if kind == "Cut-out" else None

        def write() -> None:
            pixels = mask_of(selected)
            if picture is not None:
                seen = np.asarray(picture.data())
                pixels = cut_out(seen, selected, rgb=picture.layer.rgb)
            write_png(path, pixels, force=force)

        session.background.run(write, lambda _: session.say(f"Wrote {path.name}"))

    def cut_out(self) -> None:
        """Copy what is selected to a new image layer, with a crisp edge."""
        self._need(self.session.plane())
        self._add_image("Cut out", Step.of("cut_out"))

    def need(self) -> None:
        """Raise ValueError if nothing is selected."""
        self._need(self.session.place())

    def _add_image(self, title: str, step: Step) -> None:
        """Make a picture in the background, and add it over the one it was made of."""
        selected = self.session.selected(self.session.plane())
        plane, viewer = self.session.plane(), self.session.viewer
        picture = self.session.picture(plane).plain
        context = replace(self.session.context(plane), picture=picture)
        layer, layers, data = picture.layer, self._logged, picture.layer.data

        def make() -> tuple[NDArray[Any], Log]:
            made = np.asarray(call(step, context))
            return made, context.record(step, []).log(layers)

        def then(result: tuple[NDArray[Any], Log]) -> None:
            made, log = result
            if layer not in viewer.layers:
                self.session.say(GONE.format(layer.name))
                return
            if layer.data is not data:
                self.session.say(f"Canceled: {layer.name!r} has other pixels now.")
                return
            rgb = made.ndim == 3 and made.shape[-1] in (3, 4)
            across = [axis for axis, at in enumerate(picture.at) if at is not None]
            look = {} if rgb else {"contrast_limits": layer.contrast_limits}
            image = Image(
                np.expand_dims(made, across),
                name=f"{layer.name} {title.lower()}",
                rgb=rgb,
                **look,
                **placement(layer, picture.at),
            )
            active = viewer.layers.selection.active
            # It becomes active, so that panels turn to it and go on from there.
            insert_layer(viewer.layers, top_place(viewer), image)
            if not isinstance(active, Image):
                viewer.layers.selection.active = active
            text = tell_of_top(viewer, image, cut=made.shape[-1:] == (4,))
            history = self.session.action_history
            history.added(image, log, text=words_of(step, None))
            made_so = Adjusted(title, step, picture, selected, log)
            self.session.adjusted.note(image, made_so)
            self.session.say(text)

        self.session.background.run(make, then)

    def _choose(self, step: Step) -> None:
        place = self.session.place()
        self.session.choose(place, lambda: step, "new", feather=False)

    def _reshape(self, step: Step) -> None:
        self.need()
        self._choose(step)

    def _by_color(self, name: str) -> None:
        """Select colors like those that are selected, which have a range already."""
        session, place = self.session, self.session.place()
        self._need_half(place)
        picture = session.picture(place)

        def again(*, flat: bool = False) -> Find:
            limit = SIMILAR * session.options.tolerance
            return lambda: Step.of(name, tolerance=session.cache.scaled(picture, limit))

        session.choose(place, again(), "new", again=again)

    def _paint(self, step: Step, label: int | None = None) -> None:
        """Paint the selected pixels, as napari's bucket does, with a step's label.

        It leaves those of other labels if the layer preserves its labels.
        """
        place = self._place()
        self._need_half(place)
        labels, context = self._labels(), self.session.context(place)

        def make() -> RecordedEdit:
            kept: tuple[int, ...] = ()
            if labels.preserve_labels:
                under = context.labels[context.selection >= 0.5]
                kept = preserved(labels, under, label)
            locked = {*getattr(step.args, "locked", ()), *kept}
            done = step.changed(locked=sorted(locked))
            edit = call(done, context)
            if edit.empty and kept:
                raise ValueError(
                    f"all that is selected has a label, and {labels.name!r} preserves "
                    "its labels; untick 'preserve labels' in its controls to paint "
                    "over them"
                )
            changed = place.edit(edit.labels, edit.where)
            return context.record(done, [(labels, changed)])

        self.session.change(make)

    def _edit(self, place: Part, step: Step) -> None:
        """Edit the labels of a plane or a volume."""
        labels, context = self._labels(), self.session.context(place)

        def make() -> Steps:
            edit = yield from iter_call(step, context)
            changed = place.edit(edit.labels, edit.where)
            return context.record(step, [(labels, changed)])

        self.session.change(make)

    @property
    def _logged(self) -> list[LoggedLayer]:
        session = self.session
        return logged_layers(session.viewer, session.labels, session.image)

    @property
    def _locked(self) -> tuple[int, ...]:
        return tuple(sorted(self.session.locked))

    def _labels(self) -> Labels:
        labels = self.session.labels
        if labels is None or labels not in self.session.viewer.layers:
            raise ValueError(
                "there are no labels yet: New class makes them of the selection, "
                "Segment of the whole image"
            )
        return labels

    def _place(self) -> Part:
        self._labels()
        return self.session.place()

    def _need(self, place: Part) -> Part:
        """Return the same part of the selection; an error if nothing is selected."""
        part = self.session.selection_in(place)
        if part is None or not selects(part):
            raise ValueError(
                "nothing is selected here; take a tool and select something first"
            )
        return part

    def _need_half(self, place: Part) -> None:
        """Raise ValueError if no pixel is selected by half or more."""
        if not selects(self._need(place), FULL // 2 + 1):
            raise ValueError(
                "no pixel is selected by half or more, so none would change; the "
                "selection is too soft for its size, so undo Feather, or grow it"
            )
