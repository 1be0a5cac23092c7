"""The toolbar: a button for each tool, and for each mode of selecting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.widgets.common.plain_text import as_it_stands, plain_label
from napari_emseg.widgets.common.qt import connect
from napari_emseg.widgets.edit.icons import icon
from napari_emseg.widgets.edit.session import MODES
from napari_emseg.widgets.edit.tools import TOOLS

if TYPE_CHECKING:
    from napari_emseg.widgets.edit.session import Session
    from napari_emseg.widgets.edit.toolbox import Toolbox

IDLE = "Take a tool and select something in the picture, to fill or change it."
IN_VOLUME = "Gray tools work in a plane, not in the volume; their tips say more."
ICON = 20  # pixels
SLIM = "padding: 3px 1px"
PAN, TINT, KEYS = "pan", "tint", "keys"
MODE_KEYS = {
    "add": "Shift",
    "subtract": "Ctrl or Alt",
    "intersect": "Shift+Ctrl or Shift+Alt",
}
MODE_TIPS = {
    "new": "New selection",
    "add": "Add to the selection",
    "subtract": "Subtract from the selection",
    "intersect": "Intersect with the selection",
}


# Qt is untyped here, so a class of it is Any to mypy.
class Toolbar(QWidget):  # type: ignore[misc]
    """Buttons with icons, and a line that tells how the active tool is used.

    Parameters
    ----------
    session : Session
        Gets the mode.
    toolbox : Toolbox
        Activates the tools.

    Attributes
    ----------
    buttons : dict of str to QToolButton
        By name of tool or mode; "pan" for no tool, "tint" for the quick mask, "keys"
        for help.
    modes : QWidget
        Those of modes, quick mask and help, for beside the heading.
    """

    tinted = Signal(bool)
    keys_wanted = Signal()

    def __init__(self, session: Session, toolbox: Toolbox) -> None:
        super().__init__()
        self._session, self._toolbox = session, toolbox
        self.buttons: dict[str, QToolButton] = {}
        self._tips: dict[str, str] = {}
        self._idle = IDLE
        self._help = plain_label(self._idle)
        self._help.setWordWrap(True)
        self._help.setAlignment(Qt.AlignmentFlag.AlignTop)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(4)
        page.addLayout(self._row())
        self.modes = QWidget()
        self.modes.setLayout(self._below())
        page.addWidget(self._help)
        # At once, or the panel is docked as wide as napari's own padding makes it.
        for part in (self, self.modes):
            part.setStyleSheet(f"QToolButton {{ {SLIM} }}")
        toolbox.changed.connect(self._on_tool)

    def apply_theme(self, theme_name: str) -> None:
        """Take the colors of a theme."""
        theme = get_theme(theme_name)
        for name, button in self.buttons.items():
            button.setIcon(icon(name, theme.icon.as_hex()))
        style = (
            f"QToolButton {{ {SLIM}; border-radius: 3px;"
            f" background-color: {theme.foreground.as_hex()} }}"
            f"QToolButton:checked {{ background-color: {theme.current.as_hex()} }}"
        )
        self.setStyleSheet(style)
        self.modes.setStyleSheet(style)
        # Room for help of two lines, so that nothing jumps; longer help grows.
        lines = 2 * self._help.fontMetrics().lineSpacing() + 2
        self._help.setMinimumHeight(lines)

    def refresh(self) -> None:
        """Gray the tools that cannot be used now, and say why."""
        reasons = {tool.name: tool.why_not(self._session) for tool in TOOLS}
        for name, reason in reasons.items():
            self.buttons[name].setEnabled(not reason)
            tip = self._tips[name]
            self.buttons[name].setToolTip(
                as_it_stands(f"{tip}\n{reason}." if reason else tip)
            )
        # One reason for all is told where it is seen.
        first, *others = reasons.values()
        same = first and all(other == first for other in others)
        self._idle = f"{first}." if same else IDLE
        if not same and any(reasons.values()):
            self._idle = f"{IDLE} {IN_VOLUME}"
        self._on_tool(self._toolbox.name)

    def _row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(1)
        pan = self._button(PAN, "No tool: move the view")
        connect(pan.clicked, partial(self._take, ""), pan)
        pan.setChecked(True)
        tools = [pan]
        for tool in TOOLS:
            button = self._button(tool.name, f"{tool.title} ({tool.key})\n{tool.help}")
            connect(button.clicked, partial(self._take, tool.name), button)
            tools.append(button)
        for button in tools:
            row.addWidget(button, 1)
        return row

    def _below(self) -> QHBoxLayout:
        """Return a row of the modes, and apart from them the quick mask and help."""
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        group = QButtonGroup(self)
        for mode in MODES:
            keys = f" (hold {MODE_KEYS[mode]})" if mode in MODE_KEYS else ""
            button = self._button(mode, f"{MODE_TIPS[mode]}{keys}")
            button.setChecked(mode == self._session.options.mode)
            connect(button.clicked, partial(self._set_mode, mode), button)
            group.addButton(button)
            row.addWidget(button, 1)
        row.addSpacing(9)
        tint = self._button(TINT, "Show the selection as a tint (quick mask)")
        tint.toggled.connect(self.tinted)
        row.addWidget(tint, 1)
        row.addSpacing(3)
        keys_button = self._button(KEYS, "Help: how things are done, and all keys")
        keys_button.setCheckable(False)
        keys_button.clicked.connect(self.keys_wanted)
        row.addWidget(keys_button, 1)
        return row

    def _button(self, name: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setToolTip(tip)
        self._tips[name] = tip
        button.setCheckable(True)
        button.setIconSize(QSize(ICON, ICON))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # The canvas keeps the keys.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.buttons[name] = button
        return button

    def _take(self, name: str, *_: object) -> None:
        self._toolbox.take(name)

    def _set_mode(self, mode: str, *_: object) -> None:
        self._session.options.mode = mode

    def _on_tool(self, name: str) -> None:
        self._help.setText(self._idle)
        self.buttons[PAN].setChecked(not name)
        for tool in TOOLS:
            self.buttons[tool.name].setChecked(tool.name == name)
            if tool.name == name:
                self._help.setText(tool.help)
