"""The scope of selections and edits: a plane or a volume, and what a volume shows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_emseg.layers import depth_axis, displayed_volume, has_volume, spatial_shape
from napari_emseg.layers.classes import class_shown, outer_class, paint_class
from napari_emseg.widgets.common.qt import connect
from napari_emseg.widgets.edit.context import PLANE, VOLUME

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_emseg.engine._types import SliceIndex
    from napari_emseg.widgets.edit.session import Session

TIPS = {
    PLANE: "Select and edit in the plane that is displayed.",
    VOLUME: "Select and edit in all planes at once. The wand and its like find what "
    "hangs together in space, the lasso and its like cut through all planes.",
}
NO_PLANE = (
    "the 3D view shows no plane to edit: choose Volume, or go back to the 2D view, "
    "with Ctrl+Y on the canvas"
)
NOT_IN_VOLUMES = "the edge is refined in a plane; set Edit in to Plane"
NO_PICTURE = "the 3D view shows no plane: go back to the 2D view, with Ctrl+Y"


# Qt is untyped here, so a class of it is Any to mypy.
class ScopeRow(QWidget):  # type: ignore[misc]
    """Two buttons, of which one is down: the displayed plane, or its volume.

    Parameters
    ----------
    session : Session
        Whose options are set.

    Attributes
    ----------
    buttons : dict of str to QToolButton
        By scope.
    changed : Signal
        Another scope is chosen.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        group = QButtonGroup(self)
        for scope, tip in TIPS.items():
            button = self.buttons[scope] = QToolButton()
            button.setCheckable(True)
            button.setChecked(scope == session.options.scope)
            button.setToolTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            connect(button.clicked, partial(self._choose, scope), button)
            group.addButton(button)
            row.addWidget(button)

    def apply_theme(self, theme_name: str) -> None:
        """Take the colors of a theme."""
        theme = get_theme(theme_name)
        self.setStyleSheet(
            "QToolButton { padding: 3px; border-radius: 3px;"
            f" color: {theme.text.as_hex()};"
            f" background-color: {theme.foreground.as_hex()} }}"
            f"QToolButton:checked {{ background-color: {theme.current.as_hex()} }}"
        )

    def refresh(self) -> bool:
        """Tell which plane and which volume is meant; return whether there is one.

        Where there is no volume, planes are edited.
        """
        session = self._session
        layer = session.labels or session.image
        offered = layer is not None and has_volume(layer)
        if not offered and session.options.scope == VOLUME:
            self._choose(PLANE)
        if offered:
            self.buttons[PLANE].setText(f"Plane{_index_of(session)}")
            self.buttons[VOLUME].setText(f"Volume of {_depth_of(session)} planes")
        return offered

    def _choose(self, scope: str, *_: object) -> None:
        self.buttons[scope].setChecked(True)
        if self._session.options.scope != scope:
            self._session.options.scope = scope
            self.changed.emit()


def _index_of(session: Session) -> str:
    """Return the number of the displayed plane in its volume, if one is displayed."""
    shown = session.shown()
    if shown is None:
        return ""
    known = [i for a, i in _along_volume(shown.layer, shown.at) if i is not None]
    return f" {known[0]}" if len(known) == 1 else ""


def _depth_of(session: Session) -> int:
    """Return how many planes the volume has along the axis that is not displayed."""
    layer, shown = session.labels or session.image, session.shown()
    shape = spatial_shape(layer)
    if shown is not None:
        for axis, index in _along_volume(layer, shown.at):
            if index is not None:
                return shape[axis]
    return shape[depth_axis(layer) or 0]


def _along_volume(
    layer: Image | Labels, at: SliceIndex
) -> list[tuple[int, int | None]]:
    """Return the axes of a layer's volume, and where a plane is along each."""
    depth = depth_axis(layer)
    axes = [len(at) - 2, len(at) - 1]
    return [(axis, at[axis]) for axis in ([] if depth is None else [depth]) + axes]


def why_no_edit(session: Session) -> str:
    """Return why what is displayed cannot be edited now; empty if it can."""
    flat = session.viewer.dims.ndisplay == 2
    return "" if flat or session.options.scope == VOLUME else NO_PLANE


class ClearSurroundings:
    """Hides the class that surrounds all others while a volume is seen in 3D.

    Where each pixel has a class, nothing else would be seen. It is shown again in the
    2D view, and the user can show it in the list of classes.

    Parameters
    ----------
    session : Session
        Whose labels are cleared.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cleared: tuple[Labels, int] | None = None

    def update(self) -> bool:
        """Hide or show as the view demands; return whether anything changed."""
        session = self._session
        labels, cleared = session.labels, self._cleared
        spatial = session.viewer.dims.ndisplay == 3
        if spatial and cleared is not None and cleared[0] is labels:
            return False
        changed = self.restore()
        if spatial and labels is not None and labels.visible:
            changed |= self._clear(labels)
        return changed

    def restore(self) -> bool:
        """Show what was hidden; return whether anything was."""
        cleared, self._cleared = self._cleared, None
        if cleared is None or class_shown(*cleared):
            return False
        paint_class(*cleared, shown=True)
        return True

    def _clear(self, labels: Labels) -> bool:
        if not isinstance(labels.data, np.ndarray) or not has_volume(labels):
            return False
        try:
            volume = displayed_volume(self._session.viewer, labels)
        except ValueError:  # of axes that are no volume
            return False
        label = outer_class(volume.data())
        if not label or not class_shown(labels, label):
            return False
        paint_class(labels, label, shown=False)
        self._cleared = labels, label
        return True
