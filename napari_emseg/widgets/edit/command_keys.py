"""The keys of the panel "Select and edit", which are bound and shown from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.key_bindings import coerce_keybinding

from napari_emseg.widgets.common.keys import REDO, UNDO
from napari_emseg.widgets.edit.toolbar import MODE_KEYS, MODE_TIPS
from napari_emseg.widgets.edit.toolbox import WITH_TOOL
from napari_emseg.widgets.edit.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

# Photoshop's keys, where it has them. Those that press a button, by its title:
PRESSED = {
    "Ctrl+A": "All",
    "Ctrl+D": "None",
    "Ctrl+Shift+D": "Reselect",
    "Ctrl+Shift+I": "Invert",
    "G": "Fill",
    "N": "New class",
}
# and others, with what they do, and the method of the panel that does it.
OTHERS = {
    "B": ("Paint the class with napari's brush", "paint_by_hand"),
    "[": ("Narrower brush", "narrow_brush"),
    "]": ("Wider brush", "widen_brush"),
    "Shift+Q": ("Quick mask", "turn_tint"),
    "Delete": ("Take the label from the selection", "erase"),
}
CANCEL = ("Escape", "Cancel what is under way")
ALWAYS = {UNDO: "Undo the last action, on any layer", REDO: "Redo it"}


def key_sections(
    fills: Mapping[int, str] | None = None,
) -> dict[str, list[tuple[str, str]]]:
    """Return the keys as this system writes them, and what they do, under headings.

    Parameters
    ----------
    fills : dict of int to str, optional
        The names of the classes that keys fill with; any classes by default.

    Examples
    --------
    >>> sections = key_sections({1: "sky"})
    >>> ("W", "Magic wand") in sections["While Select and edit is in sight"]
    True
    >>> sections["Fill the selection, while a tool is active"]
    [('1', 'sky')]
    """
    seen = [(tool.key, tool.title) for tool in TOOLS]
    seen += PRESSED.items()
    seen += [(key, title) for key, (title, _) in OTHERS.items()]
    with_tool = [(key, title) for key, title, _ in WITH_TOOL]
    classes = [("1 to 9", "the class of that number, or with that key")]
    if fills is not None:
        classes = [(str(key), name) for key, name in sorted(fills.items())]
    return {
        "While Select and edit is in sight": _written(seen),
        "While a tool is active": _written(with_tool),
        "Held while selecting": [
            (key, MODE_TIPS[mode]) for mode, key in MODE_KEYS.items()
        ],
        "Fill the selection, while a tool is active": classes,
        "While something runs": _written([CANCEL]),
        "While Segment is open": _written([("Ctrl+Enter", "Segment")]),
        "While Pictures is open": _written(
            [("PageDown", "Next picture"), ("PageUp", "Previous picture")]
        ),
        "Always": _written(ALWAYS.items()),
    }


def _written(rows: Iterable[tuple[Any, str]]) -> list[tuple[str, str]]:
    return [(coerce_keybinding(key).to_text(), title) for key, title in rows]
