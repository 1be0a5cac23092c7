"""The state that tools and panel share: image, labels, selection, settings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_emseg import select
from napari_emseg.layers import (
    Part,
    Plane,
    coverage,
    displayed_plane,
    displayed_volume,
    find_selection,
    is_selection,
    line_width,
    plan_edit,
    selects,
    style_selection,
    volume_on,
)
from napari_emseg.layers.edits import fresh
from napari_emseg.layers.history import LayerState, drawing
from napari_emseg.layers.metadata import with_channels
from napari_emseg.layers.recipe_log import RecordedEdit, logged_layers
from napari_emseg.layers.selection import NewSelections
from napari_emseg.layers.undo.step_words import words_of
from napari_emseg.recipe.execute import finish_selection
from napari_emseg.select.label_masks import FULL
from napari_emseg.widgets.common.followed_history import FollowedHistory
from napari_emseg.widgets.common.plain_text import as_it_stands
from napari_emseg.widgets.common.preferences import preferred
from napari_emseg.widgets.edit.adjust.adjusted_layers import AdjustedLayers
from napari_emseg.widgets.edit.context import (
    PLANE,
    AskedFor,
    EditContext,
    ImageCache,
    ToolSettings,
    given_up_by,
    note_on,
    view_of,
)
from napari_emseg.widgets.edit.overlay import Overlay
from napari_emseg.widgets.edit.refine.last_pick import LastPick, Pick

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_emseg.layers import ActionHistory
    from napari_emseg.layers.edits import PlannedEdit
    from napari_emseg.layers.metadata import Log
    from napari_emseg.layers.recipe_log import LoggedLayer
    from napari_emseg.layers.undo.action import Action, Change
    from napari_emseg.regions import Edit
    from napari_emseg.widgets.common.background import BackgroundQueue
    from napari_emseg.widgets.edit.context import Find

    # Labels layers and their edits, that are one action together.
    Changes = list[tuple[Labels, Edit]]
    Steps = Generator[Any, None, RecordedEdit]
    # The states that edits were made from, the edits, their plans, what recipes get.
    Work = tuple[list[LayerState], RecordedEdit, list[PlannedEdit | None], Log]

MODES = ("new", "add", "subtract", "intersect")
GONE = "Canceled: {!r} was removed."
PAUSE = 0.01  # s between two looks whether a stroke has ended


class Session:
    """The state that tools and panel share.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where everything is.
    background : BackgroundQueue
        Where it is worked out.

    Attributes
    ----------
    image : napari.layers.Image or None
        Where colors come from.
    labels : napari.layers.Labels or None
        What is edited.
    locked : set of int
        Labels that no action changes.
    """

    tolerance_changed = Signal(float)
    level_changed = Signal(float)
    option_changed = Signal(str)
    selection_changed = Signal()
    labels_changed = Signal()
    said = Signal(str)
    noted = Signal(str)  # what is to be read until there is something else to do

    def __init__(self, viewer: ViewerModel, background: BackgroundQueue) -> None:
        self.viewer = viewer
        self.background = background
        self.history = FollowedHistory(
            viewer, partial(background.cancel, last=True), self.say, self._on_change
        )
        self._selections = NewSelections(viewer)
        self.preview = Overlay(viewer)
        self.options = ToolSettings()
        self.image: Image | None = None
        self.labels: Labels | None = None
        self.locked: set[int] = set()
        self.tinted = False
        self.previous: tuple[Labels, Edit] | None = None
        self.cache = ImageCache()
        self._closed = False
        self._asked: AskedFor | None = None
        self.last_pick = LastPick(self)
        self.adjusted = AdjustedLayers()

    def plane(self) -> Plane:
        """Return the plane that the user sees: of the labels, or else of the image.

        Raises
        ------
        ValueError
            If there is none.
        """
        return displayed_plane(self._view, self._layer())

    def volume(self) -> Part:
        """Return the volume that the user sees, or a plane of.

        Raises
        ------
        ValueError
            If there is none.
        """
        return displayed_volume(self._view, self._layer())

    def place(self) -> Part:
        """Return the scope of the next edit: the plane or the volume.

        Raises
        ------
        ValueError
            If there is none.
        """
        return self.plane() if self.options.scope == PLANE else self.volume()

    def around(self, plane: Plane) -> Part:
        """Return the scope of what is pointed at in a plane."""
        return plane if self.options.scope == PLANE else self.volume()

    def shown(self) -> Plane | None:
        """Return the plane that the user sees; None if there is none."""
        try:
            return self.plane()
        except ValueError:
            return None

    def picture(self, place: Part) -> Part:
        """Return the part of the image that lies on a plane or a volume.

        Raises
        ------
        ValueError
            If there is no image, or it does not lie there pixel by pixel.
        """
        if self.image is None or self.image not in self.viewer.layers:
            raise ValueError(
                "this tool looks at colors, but no image is chosen that lies on "
                f"{place.layer.name!r} pixel by pixel; open one, and choose it in the "
                "panel"
            )
        flat, shown = isinstance(place, Plane), (self._view, self.image)
        found = displayed_plane(*shown) if flat else volume_on(*shown, place)
        if not found.lies_on(place):
            raise ValueError(
                f"image {self.image.name!r} does not lie on {place.layer.name!r} pixel "
                "by pixel; choose the image that the labels were made from"
            )
        return with_channels(self.viewer, found, self.labels)

    def context(self, place: Part) -> EditContext:
        """Return what operations work on in a scope, as far as it is there."""
        picture: Part | str
        try:
            picture = self.picture(place)
        except ValueError as error:
            picture = str(error)
        target = self.selection_in(place)
        return EditContext(place, picture, target, self.labels, self.cache)

    def on_selection(self, place: Part) -> Part:
        """Return the same part of the selection, which may have no layer yet."""
        return Part(self._selections.of(place.layer), place.at)

    def selection_in(self, place: Part) -> Part | None:
        """Return the same part of the selection; None if there is none."""
        layer = self._selections.find(place.layer)
        return None if layer is None else Part(layer, place.at)

    def selected(self, plane: Plane) -> NDArray[Any] | None:
        """Return mask or coverage (Y, X) of the selection; None if it is empty."""
        part = self.selection_in(plane)
        if part is None or not selects(part):
            return None
        return coverage(part)

    def do(self, command: Callable[[], Any]) -> None:
        """Call a command when what the user did before it is done.

        It finds the selection and the labels as they are then, but in the layers and
        the slice that were displayed when it was given, and with the settings of then.
        """
        asked = AskedFor(
            self.image,
            self.labels,
            replace(self.options),
            set(self.locked),
            self.labels if self.labels in self.viewer.layers else self.image,
            view_of(self.viewer),
        )
        self.background.do(lambda: self._call(command, asked))

    def say(self, text: str) -> None:
        """Tell the user something in the status lines."""
        self.viewer.status = as_it_stands(text)
        self.said.emit(text)

    def _call(self, command: Callable[[], Any], asked: AskedFor) -> None:
        """Call a command as if the panel still were as it was when it was given."""
        if asked.layer is not None and asked.layer not in self.viewer.layers:
            self.say(GONE.format(asked.layer.name))
            return
        now = self.image, self.labels, self.options, self.locked
        self.image, self.labels = asked.image, asked.labels
        self.options, self.locked = asked.options, asked.locked
        self._asked = asked
        try:
            command()
        finally:
            self.image, self.labels, self.options, self.locked = now
            self._asked = None

    @property
    def _view(self) -> Any:
        """What is displayed; in a command, what was when it was given."""
        return self.viewer if self._asked is None else self._asked.view

    def _layer(self) -> Image | Labels:
        layer = self.labels if self.labels in self.viewer.layers else self.image
        if layer is None or layer not in self.viewer.layers:
            raise ValueError(
                "there is nothing to select in; open an image or a Labels layer, and "
                "choose it in the panel"
            )
        return layer

    def choose(
        self,
        place: Part,
        find: Find,
        mode: str | None = None,
        *,
        feather: bool = True,
        again: Callable[..., Find] | None = None,
        owner: object = None,
    ) -> None:
        """Find a mask in the background and select it, as one action.

        Parameters
        ----------
        place : Part
            Where.
        find : callable
            Returns a step that finds the mask; or mask or coverage ([Z,] Y, X).
        mode : str, optional
            As in the panel by default.
        feather : bool, optional
            Whether the panel's softness applies.
        again, owner : optional
            As of a `Pick`, which this selection is if there is the first.
        """
        target, context = self.on_selection(place), self.context(place)
        options: dict[str, Any] = {
            "mode": mode or self.options.mode,
            "feather": self.options.feather if feather else 0.0,
        }

        def make() -> Steps:
            mask, step = yield from context.iter_find(find())
            after = select.to_bytes(
                finish_selection(mask, context.selection, **options)
            )
            if step is not None and hasattr(step.args, "mode"):
                step = step.changed(**options)
            changes: Changes = [(target.layer, target.edit(after))]
            if again is not None:
                old = context.selection
                wrote = bool((select.to_bytes(old) != after).any())
                picks.append(Pick(place, again, options, old, wrote, owner))
            return context.record(step, changes, mask, after)

        picks: list[Pick] = []
        self.change(make, after=lambda: self.last_pick.note(picks))

    def change(
        self,
        make: Callable[[], RecordedEdit | Steps],
        after: Callable[[], None] | None = None,
    ) -> None:
        """Work out edits in the background and apply them as one action.

        Parameters
        ----------
        make : callable
            Returns the edits, or a generator that returns them, which can be canceled
            between its steps. It is called again, on the labels as they are then, if
            they or a selection were edited meanwhile; a stroke that is being drawn on
            them is waited for.
        after : callable, optional
            Called when they are applied.
        """
        logged = [
            (layer, image, selection or self._selections.find(layer))
            for layer, image, selection in logged_layers(
                self.viewer, self.labels, self.image
            )
        ]
        # What edits are made from. What others do on other layers does not matter, or
        # one that is never at rest would keep them from being made.
        watched = [
            one for one in self.viewer.layers if one is self.labels or is_selection(one)
        ]
        self._change(make, after, logged, watched)

    def _change(
        self,
        make: Callable[[], RecordedEdit | Steps],
        after: Callable[[], None] | None,
        logged: list[LoggedLayer],
        watched: list[Labels],
    ) -> None:
        def work() -> Generator[Any, None, Work]:
            while any(map(drawing, watched)):
                sleep(PAUSE)
                yield None
            before = [LayerState(layer) for layer in watched]
            made = make()
            if not isinstance(made, RecordedEdit):
                made = yield from made
            plans = [plan_edit(layer, edit) for layer, edit in made.changes]
            return before, made, plans, made.log(logged)

        def then(result: Work) -> None:
            before, made, plans, log = result
            same = all(
                state.same(LayerState(layer)) and not drawing(layer)
                for layer, state in zip(watched, before, strict=True)
            )
            known = [
                (layer, plan)
                for (layer, _), plan in zip(made.changes, plans, strict=True)
                if plan is not None and self._selections.known(layer)
            ]
            if not (same and all(fresh(layer, plan) for layer, plan in known)):
                self._change(make, after, logged, watched)
                return
            if not known and any(plan is not None for plan in plans):
                self.say(GONE.format(made.changes[-1][0].name))
                return
            text = made.text or words_of(made.step, made.labels or self.labels)
            self.apply(made.changes, plans, log, text, made.looks)
            if after is not None:
                after()
            if note := note_on(made, plans, [layer for layer, _ in known]):
                self.noted.emit(note)

        self.background.run(work, then)

    def apply(
        self,
        changes: Changes,
        plans: list[PlannedEdit | None] | None = None,
        log: Log | None = None,
        text: str = "",
        looks: Sequence[Change] = (),
    ) -> None:
        """Apply edits as one action: all of them, or none if one fails.

        Parameters
        ----------
        changes : list of (layer, edit)
        plans : list of PlannedEdit or None, optional
            What `plan_edit` gave for each of them, if that was called beforehand.
        log : mapping of napari.layers.Labels to sequence of LogEntry, optional
            What it adds to recipes.
        text : str, optional
            What is done, in words.
        looks : sequence of Change, optional

        Raises
        ------
        ValueError
            If the labels were changed since, or a stroke is being drawn on them.
        """
        if plans is None:
            plans = [plan_edit(layer, edit) for layer, edit in changes]
        edits = [
            (layer, plan)
            for (layer, _), plan in zip(changes, plans, strict=True)
            if plan is not None and self._selections.known(layer)
        ]
        given_up = given_up_by(self.viewer, changes, edits)
        try:
            with self._selections.added(layer for layer, _ in edits) as made:
                self.action_history.write(
                    edits,
                    log,
                    text=text,
                    made=made,
                    changes=looks,
                    max_bytes=preferred().history_bytes,
                )
        finally:
            # Also after an error of somebody who heard of edits that stand.
            self._tell([layer for layer, _ in edits])
        self.previous = given_up or self.previous

    @property
    def action_history(self) -> ActionHistory:
        """All that was done in the viewer."""
        return self.history.actions

    def make(self, change: Change, text: str) -> None:
        """Make a change that is no edit, as an action, when its turn comes."""
        self.do(partial(self._make, change, text))

    def _make(self, change: Change, text: str) -> None:
        if change.layer in self.viewer.layers:
            self.action_history.do(change, text)

    def undo(self) -> None:
        """Undo the last action; one that waits, or is being computed, is canceled."""
        self.history.undo()

    def redo(self) -> None:
        """Redo the last, when all that waits is done."""
        self.background.do(self.history.redo)

    def go_to(self, count: int) -> None:
        """Undo or redo until so many actions are done, when all that waits is done."""
        self.background.do(partial(self.history.go_to, count))

    def restyle(self) -> None:
        """Draw the selection as an outline; as a tint if it is faint in this plane."""
        plane = self.shown()
        if plane is None:
            return
        layer = find_selection(self.viewer, plane.layer)
        if layer is not None:
            most = int(Plane(layer, plane.at).data().max(initial=0))
            width = line_width(self.viewer, layer)
            faint = 0 < most <= FULL // 2
            style_selection(layer, faint=faint, tinted=self.tinted, width=width)

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
        self.image = self.labels = self.previous = None
        self.cache.forget()

    def _on_change(self, action: Action) -> None:
        """Show labels, selections, names, colors and locks that an action changed."""
        self._tell([*action.concerned])

    def _tell(self, layers: Sequence[Any]) -> None:
        if self.labels in layers:
            self.adjusted.uncover(self.viewer, self.labels)
            self.labels_changed.emit()
        if any(layer is not self.labels for layer in layers):
            self.restyle()
            self.selection_changed.emit()
