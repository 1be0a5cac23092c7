"""The last selection by color, which another tolerance may still change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

from napari_emseg import select
from napari_emseg.layers.geometry import Plane
from napari_emseg.layers.recipe_log import logged_layers
from napari_emseg.layers.undo.step_words import words_of
from napari_emseg.recipe.execute import finish_selection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_emseg.layers import Part
    from napari_emseg.layers.undo.action import Action
    from napari_emseg.recipe.step import Step
    from napari_emseg.widgets.edit.context import Find, SelectionResult

# Options that change it, and ms until they do.
OPTIONS = frozenset({"tolerance", "gap"})
REST = 150
KIND = "last pick"


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """A selection by color, and how to make it again.

    Attributes
    ----------
    place : Part
        Where.
    again : callable
        Returns what finds it with the options of now; with ``flat``, in the displayed
        plane alone.
    options : dict
        Of `finish_selection`.
    before : ([Z,] Y, X) ndarray of bool or float32
        What was selected before.
    wrote : bool
        Whether it was another one than before, and so an action.
    owner : object
        The gesture that made it; None is a button.
    """

    place: Part
    again: Callable[..., Find]
    options: dict[str, Any]
    before: NDArray[Any]
    wrote: bool
    owner: object = None


# Qt is untyped here, so a class of it is Any to mypy.
class LastPick(QObject):  # type: ignore[misc]
    """Makes the last selection anew, in its step of the history, until another action.

    Parameters
    ----------
    session : Session
        Whose options are followed. It owns this object, so it is not imported here.
    """

    def __init__(self, session: Any) -> None:
        super().__init__()
        self._session = session
        self._pick: Pick | None = None
        self._action: Action | None = None
        self._count = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._rest)
        self._resting: Pick | None = None  # what the timer is about
        session.option_changed.connect(self._on_option)

    def note(self, picks: Sequence[Pick]) -> None:
        """Take what was just selected, if anything was, for the last selection."""
        if picks:
            self._timer.stop()
            self._pick = picks[-1]
            self._mark()

    def of(self, owner: object, place: Part) -> bool:
        """Return whether the last action is a selection of a gesture, in this place."""
        pick = self._pick
        if pick is None or pick.owner is not owner or not self._is_last():
            return False
        return pick.place.layer is place.layer and pick.place.at == place.at

    def _mark(self) -> None:
        done = self._session.action_history.done
        self._action, self._count = (done[-1] if done else None), len(done)

    def _is_last(self) -> bool:
        done = self._session.action_history.done
        return len(done) == self._count and (not done or done[-1] is self._action)

    def _on_option(self, name: str) -> None:
        """Show what another option gives, and select it when the option rests."""
        pick, session = self._pick, self._session
        if name not in OPTIONS or pick is None:
            return
        if session.background.running or not self._is_last():
            return
        self._resting = pick
        self._timer.start()
        if not isinstance(pick.place, Plane):
            return
        plane: Plane = pick.place
        context = self._context(pick)
        find = pick.again(flat=True)
        session.background.preview(
            lambda: context.find(find()).mask,
            lambda mask: session.preview.area(plane, mask),
            KIND,
        )

    def _context(self, pick: Pick) -> Any:
        return replace(self._session.context(pick.place), known=pick.before)

    def _rest(self) -> None:
        self._session.do(self._replace)

    def _replace(self) -> None:
        """Work the selection out anew, and put it in the place of the last one."""
        pick = self._pick
        if pick is None or pick is not self._resting or not self._is_last():
            return
        context, find = self._context(pick), pick.again()

        def work() -> Generator[Any, None, tuple[SelectionResult, NDArray[np.uint8]]]:
            found = yield from context.iter_find(find())
            after = finish_selection(found.mask, pick.before, **pick.options)
            return found, select.to_bytes(after)

        def then(result: tuple[SelectionResult, NDArray[np.uint8]]) -> None:
            if self._pick is pick and self._is_last():
                self._write(pick, *result)

        self._session.background.run(work, then)

    def _write(
        self, pick: Pick, found: SelectionResult, after: NDArray[np.uint8]
    ) -> None:
        session = self._session
        history = session.action_history
        if pick.wrote:
            history.undo()
            if len(history.done) != self._count - 1:
                return
        before = len(history.done)
        target = session.on_selection(pick.place)
        step: Step | None = found.step
        if step is not None and hasattr(step.args, "mode"):
            step = step.changed(**pick.options)
        made = session.context(pick.place).record(
            step, [(target.layer, target.edit(after))], found.mask, after
        )
        logged = logged_layers(session.viewer, session.labels, session.image)
        text = words_of(step, session.labels)
        session.apply(made.changes, None, made.log(logged), text)
        session.preview.clear()
        self._pick = replace(pick, wrote=len(history.done) > before)
        self._mark()
