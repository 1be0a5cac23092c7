"""Keys that are bound for a while, whichever layer is active."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari.components import ViewerModel


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
    """Binds keys to the viewer and its active layer.

    The layer itself has to have them, since its class comes before the viewer.

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
        self._table = {
            coerce_keybinding(row.key): _for_owner(row.call) for row in self.rows
        }
        self._before: list[tuple[Any, dict[Any, Any]]] = []

    def bind(self) -> None:
        """Bind the keys, and follow the active layer."""
        self._viewer.layers.selection.events.active.connect(self._follow)
        self._follow()

    def release(self) -> None:
        """Restore all keys."""
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
    """Return a key binding that ignores the layer or viewer that napari passes."""
    if inspect.isgeneratorfunction(call):

        def hold(owner: object) -> Iterator[Any]:
            yield from call()

        return hold

    def press(owner: object) -> None:
        call()

    return press


# Qt is untyped here, so a class of it is Any to mypy.
class KeyTable(QDialog):  # type: ignore[misc]
    """Window with a table of the keys.

    Parameters
    ----------
    parent : QWidget
        Gives the look.
    sections : dict of str to sequence of (str, str)
        Heading, and keys with what they do.
    """

    def __init__(
        self, parent: QWidget, sections: Mapping[str, Sequence[tuple[str, str]]]
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 16)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for heading, rows in sections.items():
            place = grid.rowCount()
            grid.setRowMinimumHeight(place, 8)
            grid.addWidget(QLabel(f"<b>{heading}</b>"), place + 1, 0, 1, 2)
            for line, (key, title) in enumerate(rows, start=place + 2):
                name = QLabel(key)
                name.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(name, line, 0)
                grid.addWidget(QLabel(title), line, 1)


def shown(rows: Sequence[Key]) -> list[tuple[str, str]]:
    """Return keys as this system writes them, and what they do."""
    return [(coerce_keybinding(row.key).to_text(), row.title) for row in rows]
