"""Keys that are bound for a while, whichever layer is active."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from app_model.types import KeyCode, KeyMod
from napari.layers import Image, Labels
from napari.utils.key_bindings import coerce_keybinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari.components import ViewerModel


UNDO = KeyMod.CtrlCmd | KeyCode.KeyZ
REDO = KeyMod.Shift | UNDO


class Key(NamedTuple):
    """A row of the table of keys.

    Attributes
    ----------
    key : str or int
        As napari takes it, such as "Shift+D".
    title : str
        What it does, for the user.
    call : callable
        Does it. A generator goes on when the key is released.
    """

    key: Any
    title: str
    call: Callable[[], Any]


class Keys:
    """Binds keys to the viewer, and to its active layer where that has them, too.

    The keys of a layer come before those of the viewer. Layers that are neither images
    nor labels keep their own. A key that something else binds meanwhile is left to it.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose canvas gets the keys.
    rows : sequence of Key
        What is bound.
    """

    def __init__(self, viewer: ViewerModel, rows: Sequence[Key]) -> None:
        self._viewer = viewer
        self.rows = tuple(rows)
        self._table = {coerce_keybinding(row.key): row.call for row in self.rows}
        self._of_viewer: list[_Binding] = []
        self._of_layer: list[_Binding] = []

    def bind(self) -> None:
        """Bind the keys, and follow the active layer."""
        if self._of_viewer:
            return
        self._of_viewer = self._bind_to(self._viewer, self._table)
        self._viewer.layers.selection.events.active.connect(self._follow)
        self._follow()

    def release(self) -> None:
        """Give all keys back that are still bound here."""
        if self._of_viewer:
            self._viewer.layers.selection.events.active.disconnect(self._follow)
            _release(self._of_layer)
            _release(self._of_viewer)

    def _follow(self, event: object = None) -> None:
        _release(self._of_layer)
        layer = self._viewer.layers.selection.active
        if isinstance(layer, Image | Labels):
            maps = [layer.keymap]
            maps += [getattr(kind, "class_keymap", {}) for kind in type(layer).__mro__]
            own = [key for key in self._table if any({key, ...} & {*m} for m in maps)]
            self._of_layer = self._bind_to(layer, own)

    def _bind_to(self, owner: Any, keys: Iterable[Any]) -> list[_Binding]:
        return [_Binding(owner, key, self._table[key]) for key in keys]


class _Binding:
    """A key that is bound to a layer or a viewer until it is released."""

    def __init__(self, owner: Any, key: Any, call: Callable[[], Any]) -> None:
        self._owner, self._key = owner, key
        self.call: Any = _for_owner(call)
        # Napari wants a function, so this is how another binding finds this one.
        vars(self.call)["binding"] = self
        before = owner.bind_key(key, self.call, overwrite=True)
        self.before = getattr(before, "binding", before)

    def release(self) -> None:
        """Restore what the key did before, unless something else was bound to it."""
        call, self.call = self.call, None
        if self._owner.keymap.get(self._key) is not call:
            return
        before = self.before
        while isinstance(before, _Binding):
            # One that is released by now is passed over.
            before = before.call or before.before
        self._owner.bind_key(self._key, before, overwrite=True)


def _release(bindings: list[_Binding]) -> None:
    while bindings:
        bindings.pop().release()


def _for_owner(call: Callable[[], Any]) -> Callable[[Any], Any]:
    """Return a key binding that ignores the layer or viewer that napari passes."""
    if inspect.isgeneratorfunction(call):

        def hold(owner: object) -> Iterator[Any]:
            yield from call()

        return hold

    def press(owner: object) -> None:
        call()

    return press
