"""The buttons of the panel: select, modify, apply, save."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QInputDialog, QMenu, QSpinBox, QVBoxLayout, QWidget

from napari_emseg.layers import saved_selections
from napari_emseg.widgets.common.navigation import jump_to
from napari_emseg.widgets.common.qt import (
    even_rows,
    number_box,
    push_button,
    show_errors,
)
from napari_emseg.widgets.edit.actions import MODIFY
from napari_emseg.widgets.edit.adjust.adjusted_picture import AdjustmentPreview
from napari_emseg.widgets.edit.adjust.dialog import ADJUSTMENTS, ask, look_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QPushButton

    from napari_emseg.widgets.edit.actions import Actions
    from napari_emseg.widgets.edit.class_list import ClassList

SPLITS = {
    "Into connected pieces": "components",
    "By color, into two": "classes",
    "Where it is narrow": "watershed",
}


# Qt is untyped here, so a class of it is Any to mypy.
class Commands(QWidget):  # type: ignore[misc]
    """Buttons that change the selection, and that edit what is selected.

    Parameters
    ----------
    actions : Actions
        What they do.
    classes : ClassList
        Tells which classes are meant.

    Attributes
    ----------
    buttons : dict of str to QPushButton
        By title.
    pixels : QSpinBox
        How far Grow, Shrink and the like go.
    of_classes : QWidget
        Buttons that belong under the list of classes.
    """

    def __init__(self, actions: Actions, classes: ClassList) -> None:
        super().__init__()
        self._actions, self._classes = actions, classes
        self.buttons: dict[str, QPushButton] = {}
        self.pixels = number_box(QSpinBox(), (1, 999), 3, "How far the buttons go.")
        self.pixels.setPrefix("by ")
        self.pixels.setSuffix(" px")
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(8)
        page.addLayout(even_rows(self._of_selection()))
        page.addLayout(even_rows(self._of_contents()))
        classes.dropped.connect(
            lambda members: show_errors(partial(self._merge, members))()
        )
        self.of_classes = QWidget()
        layout = even_rows([self._of_list()])
        layout.setContentsMargins(4, 0, 4, 0)
        self.of_classes.setLayout(layout)

    def apply_style(self) -> None:
        """Make the buttons narrow enough for the panel."""
        style = (
            "QPushButton { padding: 4px 2px }"
            "QPushButton::menu-indicator { image: none; width: 0px }"
        )
        self.setStyleSheet(style)
        self.of_classes.setStyleSheet(style)

    def _of_selection(self) -> list[list[QWidget]]:
        add, actions = self._add, self._actions
        modify = [
            add(title, tip, partial(self._modify, name))
            for name, (title, tip, _) in MODIFY.items()
        ]
        return [
            [
                add("All", "Select everything.", actions.everything),
                add("None", "Select nothing.", actions.nothing),
                add("Invert", "Swap inside and outside.", actions.invert),
                add("Reselect", "Take the selection given up last.", actions.reselect),
            ],
            [self.pixels, *modify[:2]],
            modify[2:],
            [
                add("Fill holes", "Select what is enclosed.", actions.fill_holes),
                add(
                    "Similar",
                    "Select the selected colors everywhere.",
                    actions.similar,
                ),
                add(
                    "Grow similar",
                    "Select the selected colors where they touch the selection.",
                    actions.grow_similar,
                ),
            ],
        ]

    def _of_contents(self) -> list[list[QWidget]]:
        add, actions = self._add, self._actions
        return [
            [
                add(
                    "Fill",
                    "Give the selection the class that is chosen in the list: that of "
                    "the brush, which may be a new one.",
                    self._fill,
                ),
                add(
                    "New class",
                    "Make the selection a class of its own.",
                    actions.new_class,
                ),
                add(
                    "Refit",
                    "Fit all classes anew; what was edited by hand stays as it is.",
                    actions.refit,
                ),
            ],
            [
                add(
                    "Cut out",
                    "Copy the selection to a new image with soft edges.",
                    actions.cut_out,
                ),
                self._menu(
                    "Adjust", "Adjust the selection in a new image.", self._adjust
                ),
                self._menu(
                    "Saved", "Keep the selection, or take a kept one.", self._kept
                ),
            ],
        ]

    def _of_list(self) -> list[QWidget]:
        add, classes = self._add, self._classes
        return [
            add(
                "Merge",
                "Join the chosen classes to the one clicked last. Dragging one onto "
                "another does the same.",
                lambda: self._merge(classes.labels),
            ),
            self._menu("Split", "Take the chosen class apart.", self._splits),
            add("Color", "Change the color of the class.", classes.recolor),
            add("Jump to", "Show the class.", partial(self._with_class, self._jump)),
        ]

    def _add(self, title: str, tip: str, call: Callable[[], Any] | None) -> QPushButton:
        button = self.buttons[title] = push_button(title, tip, call)
        return button

    def _menu(self, title: str, tip: str, fill: Callable[[QMenu], None]) -> QPushButton:
        button = self._add(title, tip, None)
        button.setText(f"{title} ▾")
        menu = QMenu(self)
        menu.aboutToShow.connect(menu.clear)
        menu.aboutToShow.connect(partial(fill, menu))
        button.setMenu(menu)
        return button

    def _splits(self, menu: QMenu) -> None:
        for title, method in SPLITS.items():
            split = partial(self._actions.split, method=method)
            menu.addAction(title, show_errors(partial(self._with_class, split)))

    def _adjust(self, menu: QMenu) -> None:
        for title in ADJUSTMENTS:
            menu.addAction(f"{title}…", show_errors(partial(self._ask, title)))

    def _ask(self, title: str) -> None:
        session = self._actions.session
        plane = session.plane()
        picture = session.picture(plane)
        selected = session.selected(plane)
        subject = look_at(np.asarray(picture.data()), selected, rgb=picture.layer.rgb)
        trial = AdjustmentPreview(session, picture, selected, ADJUSTMENTS[title].change)
        options = ask(title, self, subject, trial)
        if options is not None:
            self._actions.adjust(title, options)

    def _kept(self, menu: QMenu) -> None:
        menu.addAction("Save as…", show_errors(self._save))
        menu.addSeparator()
        session = self._actions.session
        try:
            like = session.plane().layer
        except ValueError:
            return
        for layer in saved_selections(session.viewer, like):
            menu.addAction(
                layer.name, show_errors(partial(self._actions.load, layer.name))
            )

    def _save(self) -> None:
        self._actions.need()
        name, fine = QInputDialog.getText(self, "Save selection", "Name:")
        if fine and name:
            self._actions.save(name)

    def _merge(self, members: list[int]) -> None:
        others = set(members[1:])
        if others and others <= self._actions.session.locked:
            raise ValueError(
                f"{', '.join(map(str, sorted(others)))} is locked, so its pixels stay; "
                "unlock it in the list of classes to merge it"
            )
        self._actions.merge(members)
        # The others are no more when the list is shown again.
        if self._actions.session.labels is not None:
            self._actions.session.labels.selected_label = members[0]

    def _modify(self, name: str) -> None:
        self._actions.modify(name, self.pixels.value())

    def _fill(self) -> None:
        labels = self._actions.session.labels
        # Without labels there is a word about that.
        self._actions.fill(0 if labels is None else int(labels.selected_label))

    def _with_class(self, call: Callable[[int], None]) -> None:
        if not self._classes.labels:
            raise ValueError("no class is chosen; click one in the list of classes")
        call(self._classes.labels[0])

    def _jump(self, label: int) -> None:
        session = self._actions.session
        if session.labels is not None:
            jump_to(session.viewer, session.labels, label)
