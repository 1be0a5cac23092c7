"""The part of a panel in the history of its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_emseg.layers import history_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel

    from napari_emseg.layers import Action, ActionHistory


class FollowedHistory:
    """Follows the history that the panels of a viewer share, while a panel is open.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose history it is.
    cancel : callable
        Cancels the last thing that the panel is at; returns whether it was at any.
    say : callable
        Takes what there is to say, a str.
    on_change : callable
        Takes an `Action` that was done, undone or redone.

    Attributes
    ----------
    actions : ActionHistory
        The history; that of the last time while the panel is closed.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        cancel: Callable[[], bool],
        say: Callable[[str], None],
        on_change: Callable[[Action], None] = lambda action: None,
    ) -> None:
        self._viewer, self._cancel, self._say = viewer, cancel, say
        self._on_change = on_change
        self._open = False
        self.actions: ActionHistory
        self.open()

    def open(self) -> None:
        """Follow the history of the viewer, unless that is done already."""
        if self._open:
            return
        self._open = True
        self.actions = history_of(self._viewer)
        self.actions.cancels.append(self._cancel)
        self.actions.acted.connect(self._on_action)
        self.actions.turned.connect(self._on_turn)

    def close(self) -> None:
        """Follow it no more."""
        if not self._open:
            return
        self._open = False
        self.actions.acted.disconnect(self._on_action)
        self.actions.turned.disconnect(self._on_turn)
        self.actions.cancels.remove(self._cancel)
        self.actions.close()

    def undo(self) -> None:
        """Cancel what is under way in any panel, or else undo the last action."""
        self._move(self.actions.take_back, "undone")

    def redo(self) -> None:
        """Redo what was undone last."""
        self._move(self.actions.redo, "redone")

    def go_to(self, count: int) -> None:
        """Undo or redo until so many actions are done."""
        self.actions.go_to(count)

    def _move(self, move: Callable[[], Any], done: str) -> None:
        before = self.actions.done
        if not move() and before == self.actions.done:
            self._say(f"There is nothing that can be {done}.")

    def _on_action(self, action: Action) -> None:
        self._say(f"{action.text[:1].upper()}{action.text[1:]}.")
        self._on_change(action)

    def _on_turn(self, action: Action, undone: bool) -> None:
        self._on_change(action)
        self._say(f"{'Undone' if undone else 'Redone'}: {action.text}.")
