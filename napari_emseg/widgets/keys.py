"""Keys that are bound for a while, whichever layer is active."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from napari.utils.key_bindings import coerce_keybinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari.components import ViewerModel


class Keys:
    """Binds keys to the viewer and its active layer.

    The layer itself has to have them, since its class comes before the viewer.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose canvas gets the keys.
    table : dict
        Key, as napari takes it, and what it does. A generator goes on when the key is
        released.
    """

    def __init__(
        self, viewer: ViewerModel, table: Mapping[Any, Callable[[], Any]]
    ) -> None:
        self._viewer = viewer
        self._table = {
            coerce_keybinding(key): _for_owner(call) for key, call in table.items()
        }
        self._before: list[tuple[Any, dict[Any, Any]]] = []

    def bind(self) -> None:
        """Bind the keys, and follow the active layer."""
        self._viewer.layers.selection.events.active.connect(self._follow)
        self._follow()

    def release(self) -> None:
        """Give all keys back."""
        self._viewer.layers.selection.events.active.disconnect(self._follow)
        self._unbind()

    def _follow(self, event: object = None) -> None:
        self._unbind()
        for owner in (self._viewer, self._viewer.layers.selection.active):
            if owner is not None:
                before = {key: owner.keymap.get(key) for key in self._table}
                for key, call in self._table.items():
                    owner.bind_key(key, call, overwrite=True)
                self._before.append((owner, before))

    def _unbind(self) -> None:
        for owner, before in self._before:
            for key, call in before.items():
                owner.bind_key(key, call, overwrite=True)
        self._before.clear()


def _for_owner(call: Callable[[], Any]) -> Callable[[Any], Any]:
    """Napari passes the layer or viewer, which the tools have no use for."""
    if inspect.isgeneratorfunction(call):

        def hold(owner: object) -> Iterator[Any]:
            yield from call()

        return hold

    def press(owner: object) -> None:
        call()

    return press
