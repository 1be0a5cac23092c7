"""The classes of the panel's result: a list, and how they are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QWidget

from napari_emseg.layers import history_of, line_width
from napari_emseg.layers.class_views import (
    OUTLINES,
    OWN,
    VIVID,
    colormap_in,
    show_view,
    view_of,
)
from napari_emseg.layers.undo.class_changes import locks_of
from napari_emseg.widgets.common.qt import push_button
from napari_emseg.widgets.common.sections import SPACE, Section
from napari_emseg.widgets.edit.class_list import ClassList

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_emseg.layers import ActionHistory
    from napari_emseg.layers.undo.action import Action, Change
    from napari_emseg.widgets.common.background import BackgroundQueue

TITLES = {OWN: "own colors", VIVID: "vivid colors", OUTLINES: "outlines"}


class ListedLabels:
    """What the list shows: labels, their locks, and the history that changes go to.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    background : BackgroundQueue
        Where pixels are counted.
    """

    def __init__(self, viewer: ViewerModel, background: BackgroundQueue) -> None:
        self._viewer, self.background = viewer, background
        self.labels: Labels | None = None

    @property
    def locked(self) -> set[int]:
        """Classes that no action changes."""
        return set() if self.labels is None else locks_of(self.labels)

    @property
    def action_history(self) -> ActionHistory:
        """All that was done in the viewer."""
        return history_of(self._viewer)

    def make(self, change: Change, text: str) -> None:
        """Make a change that is no edit, as an action."""
        if change.layer in self._viewer.layers:
            self.action_history.do(change, text)


class ResultClasses(Section):
    """The classes of a result, as napari shows them, and as the user wants to see them.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    listed : ListedLabels
    edit : callable
        Opens the panel in which classes are edited.

    Attributes
    ----------
    list : ClassList
    view : QComboBox
        Own colors, vivid ones or outlines.
    solo : QCheckBox
        Whether the chosen class is seen alone.
    """

    def __init__(
        self, viewer: ViewerModel, listed: ListedLabels, edit: Callable[[], None]
    ) -> None:
        self._viewer, self._listed = viewer, listed
        self.list = ClassList(listed, share=True)
        self.view = QComboBox()
        for name, title in TITLES.items():
            self.view.addItem(title, name)
        self.view.setToolTip(
            "How classes are seen: in the picture's own colors, in colors that differ "
            "much, or as outlines. Files keep their own colors."
        )
        self.solo = QCheckBox("Only the chosen class")
        self.solo.setToolTip("Hide all other classes, as long as this is checked.")
        below = QWidget()
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE)
        row.addWidget(self.solo, 1)
        tip = "Merge, split and paint classes, select, cut out and adjust."
        row.addWidget(push_button("Select and edit…", tip, edit))
        super().__init__("Classes", self.list, below, beside=self.view)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.view.currentIndexChanged.connect(self._on_view)
        self.solo.toggled.connect(self._on_solo)
        self.hide()

    def apply_theme(self, theme_name: str) -> None:
        """Take the colors of a theme."""
        super().apply_theme(theme_name)
        self.list.apply_theme(theme_name)

    def follow(self, layer: Labels | None, *, settled: bool = True) -> None:
        """List the classes of a layer, seen as those before.

        Parameters
        ----------
        layer : napari.layers.Labels or None
        settled : bool, optional
            Whether it may be changed; a preview may not.
        """
        old, self._listed.labels = self._listed.labels, layer
        if layer is not None:
            if old is not layer or view_of(layer) == OWN:
                self._on_view()
            if old is not layer:
                self.solo.setChecked(False)
        self.setVisible(layer is not None)
        self.list.setEnabled(settled)
        self.list.reload()

    def refresh(self, *, settled: bool | None = None) -> None:
        """List nothing if the layer is gone; and let it be changed if it is settled."""
        layer = self._listed.labels
        if layer is not None and layer not in self._viewer.layers:
            self.follow(None)
        elif settled is not None and settled != self.list.isEnabled():
            self.follow(layer, settled=settled)

    def colormap(self, own: Any) -> Any:
        """Return how colors look in the chosen view."""
        return colormap_in(self.view.currentData(), own)

    def on_action(self, action: Action) -> None:
        """List classes again that an action changed."""
        layer = self._listed.labels
        if layer is not None and any(one is layer for one in action.concerned):
            self.view.blockSignals(True)
            self.view.setCurrentIndex(self.view.findData(view_of(layer)))
            self.view.blockSignals(False)
            self.list.reload()

    def _on_view(self, *_: object) -> None:
        layer = self._listed.labels
        if layer is not None and layer in self._viewer.layers:
            width = line_width(self._viewer, layer)
            show_view(layer, self.view.currentData(), width)
            self.list.reload()

    def _on_solo(self, alone: bool) -> None:
        layer = self._listed.labels
        if layer is not None:
            layer.show_selected_label = alone
