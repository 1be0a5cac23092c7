"""The buttons of the panel: select, modify, apply, save."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.layers import saved_selections
from napari_emseg.layers.classes import class_keys
from napari_emseg.widgets.common.navigation import jump_to
from napari_emseg.widgets.common.plain_text import as_it_stands
from napari_emseg.widgets.common.qt import (
    add_row,
    connect,
    even_rows,
    number_box,
    push_button,
    show_errors,
)
from napari_emseg.widgets.common.sections import SPACE, Section
from napari_emseg.widgets.edit.adjust.dialog import ADJUSTMENTS
from napari_emseg.widgets.edit.adjust.picture_export import KINDS
from napari_emseg.widgets.edit.adjust.picture_forms import PictureForms
from napari_emseg.widgets.edit.context import MODIFY, PLANE
from napari_emseg.widgets.edit.refine.modify_preview import ModifyPreview
from napari_emseg.widgets.edit.scope import NO_PICTURE, NOT_IN_VOLUMES, why_no_edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QPushButton

    from napari_emseg.widgets.edit.actions import Actions
    from napari_emseg.widgets.edit.class_list import ClassList

# Buttons that work on pictures of a plane, and those that no scope matters to.
OF_PLANES = frozenset({"Cut out", "Adjust", "Export", "Refine edge"})
OF_ALL = frozenset({"Reselect", "Refit"})
NARROW = (
    "QPushButton { padding: 4px 2px }"
    "QPushButton::menu-indicator { image: none; width: 0px }"
)
SPLITS = {
    "By color, into two": "classes",
    "Where it is narrow": "watershed",
}


# Qt is untyped here, so a class of it is Any to mypy.
class EditButtons(QWidget):  # type: ignore[misc]
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
    modify_preview : ModifyPreview
        Shows what these would select.
    forms : PictureForms
        What is asked about pictures and edges.
    between : QPushButton
        Interpolation, for volumes alone.
    modify : Section
        The buttons that go so far, which fold.
    undo : QPushButton
        For beside the history.
    class_buttons, picture_buttons : QWidget
        Buttons that belong under the list of classes, and those of pictures.
    selection_buttons, class_tools : QWidget
        For beside the headings of selection and classes.
    """

    def __init__(self, actions: Actions, classes: ClassList) -> None:
        super().__init__()
        self._actions, self._classes = actions, classes
        self.buttons: dict[str, QPushButton] = {}
        self.forms = PictureForms(actions, self)
        self.pixels = number_box(
            QSpinBox(),
            (1, 999),
            3,
            "How far the buttons go. While it is changed, "
            "the outline that would be is shown: Enter applies it, Escape does not.",
        )
        self.pixels.setPrefix("by ")
        self.pixels.setSuffix(" px")
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(SPACE)
        self.selection_buttons = _row(self._of_selection())
        self.modify = Section(
            "Modify", _rows(self._of_modifying()), beside=self.pixels, folded=True
        )
        page.addWidget(self.modify)
        self.modify_preview = ModifyPreview(
            actions.session,
            self.pixels,
            {
                name: (self.buttons[title], number)
                for name, (title, _, number) in MODIFY.items()
            },
        )
        edits, tools = self._of_classes()
        self.class_buttons, self.class_tools = _row(edits), _row(tools)
        self.picture_buttons = _row(self._of_pictures())
        self.undo = push_button(
            "Undo", "Undo the last action, on any layer (Ctrl+Z).", actions.session.undo
        )
        self._tips = {title: one.toolTip() for title, one in self.buttons.items()}
        self.between = self._menu(
            "Interpolate",
            "Fill what lies between planes in which something was drawn.",
            self._between,
        )
        self.between.setText("Interpolate between planes ▾")
        page.addWidget(self.between)
        # At once, or the panel is docked as wide as napari's own padding makes it.
        for part in (
            self,
            self.selection_buttons,
            self.class_tools,
            self.class_buttons,
            self.picture_buttons,
        ):
            part.setStyleSheet(NARROW)
        classes.dropped.connect(self._on_drop)

    def apply_theme(self, theme_name: str) -> None:
        """Take the colors of a theme."""
        self.modify.apply_theme(theme_name)

    def refresh(self, *, volume: bool) -> None:
        """Gray the buttons that cannot do anything now, and say why.

        Parameters
        ----------
        volume : bool
            Whether there is a volume.
        """
        session = self._actions.session
        reason = why_no_edit(session)
        flat = NO_PICTURE if session.viewer.dims.ndisplay != 2 else ""
        for title, tip in self._tips.items():
            why = flat if title in OF_PLANES else "" if title in OF_ALL else reason
            if title == "Refine edge" and session.options.scope != PLANE:
                why = NOT_IN_VOLUMES
            self.buttons[title].setEnabled(not why)
            self.buttons[title].setToolTip(
                as_it_stands(f"{tip}\nNot now: {why}." if why else tip)
            )
        self.between.setVisible(volume)

    def _of_selection(self) -> list[QWidget]:
        act, actions = self._act, self._actions
        return [
            act("All", "Select everything.", actions.everything),
            act("None", "Select nothing.", actions.nothing),
            act("Invert", "Swap inside and outside.", actions.invert),
            act("Reselect", "Take the selection given up last.", actions.reselect),
            self._menu("Saved", "Keep the selection, or take a kept one.", self._kept),
        ]

    def _of_modifying(self) -> list[list[QWidget]]:
        act, actions = self._act, self._actions
        modify = [
            self._add(title, tip, partial(self._modify, name))
            for name, (title, tip, _) in MODIFY.items()
        ]
        return [
            modify[:3],
            [
                *modify[3:],
                act("Fill holes", "Select what is enclosed.", actions.fill_holes),
            ],
            [
                act(
                    "Similar", "Select the selected colors everywhere.", actions.similar
                ),
                act(
                    "Grow similar",
                    "Select the selected colors where they touch the selection.",
                    actions.grow_similar,
                ),
                self._add(
                    "Refine edge",
                    "Make the edge soft where that of the picture is: hair, fur, blur.",
                    partial(self._do, self.forms.refine),
                ),
            ],
        ]

    def _of_classes(self) -> list[list[QWidget]]:
        add, act, actions = self._add, self._act, self._actions
        classes = self._classes
        return [
            [
                add(
                    "Fill",
                    "Give the selection the class that is chosen in the list: that of "
                    "the brush, which may be a new one.",
                    self._fill,
                ),
                act(
                    "New class",
                    "Make the selection a class of its own.",
                    actions.new_class,
                ),
                add(
                    "Merge",
                    "Join the chosen classes to the one clicked last. Dragging one "
                    "onto another does the same.",
                    lambda: self._merge(classes.labels),
                ),
                self._menu("Split", "Take the chosen class apart.", self._splits),
            ],
            [
                add(
                    "Color",
                    "Change the color of the class.",
                    partial(self._with_class, lambda _: classes.recolor()),
                ),
                add(
                    "Jump to", "Show the class.", partial(self._with_class, self._jump)
                ),
                act(
                    "Refit",
                    "Fit all classes anew; what was edited by hand stays as it is.",
                    actions.refit,
                ),
            ],
        ]

    def _of_pictures(self) -> list[QWidget]:
        return [
            self._act(
                "Cut out",
                "Copy the selection to a new image with a crisp edge; for soft edges "
                "and hair there is Adjust.",
                self._actions.cut_out,
            ),
            self._menu("Adjust", "Adjust the selection in a new image.", self._adjust),
            self._menu(
                "Export",
                "Write the selection as a PNG file, cut out or as a mask.",
                self._exports,
            ),
        ]

    def _add(self, title: str, tip: str, call: Callable[[], Any] | None) -> QPushButton:
        button = self.buttons[title] = push_button(title, tip, call)
        return button

    def _act(self, title: str, tip: str, action: Callable[[], Any]) -> QPushButton:
        return self._add(title, tip, partial(self._do, action))

    def _do(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call an action when what the user did before it is done."""
        self._actions.session.do(partial(action, *args, **kwargs))

    def _menu(self, title: str, tip: str, fill: Callable[[QMenu], None]) -> QPushButton:
        button = self._add(title, tip, None)
        button.setText(f"{title} ▾")
        menu = QMenu(self)
        menu.aboutToShow.connect(menu.clear)
        connect(menu.aboutToShow, partial(fill, menu), menu)
        button.setMenu(menu)
        return button

    def _splits(self, menu: QMenu) -> None:
        viewer = self._actions.session.viewer
        # By its name, as that module imports the panel which this menu is in.
        commands = "napari_emseg.widgets.manifest_commands"
        add_row(
            menu, "Into objects…", lambda: import_module(commands).open_objects(viewer)
        )
        for title, method in SPLITS.items():
            split = partial(self._do, self._actions.split, method=method)
            add_row(menu, title, partial(self._with_class, split))

    def _between(self, menu: QMenu) -> None:
        actions = self._actions
        call = partial(self._do, actions.interpolate)
        add_row(
            menu,
            "Class between the planes that have it",
            partial(self._with_class, call),
        )
        add_row(
            menu,
            "Selection between its planes",
            partial(self._do, actions.interpolate_selection),
        )

    def _adjust(self, menu: QMenu) -> None:
        image = self._actions.session.image
        made = self._actions.session.adjusted.of(image)
        if made is not None and made.title in ADJUSTMENTS:
            again = partial(self._do, self.forms.change, image)
            add_row(menu, f"Change: {made.title}…", again)
            menu.addSeparator()
        cuts = False
        for title, row in ADJUSTMENTS.items():
            if row.edge and not cuts:
                menu.addSeparator()
                cuts = True
            call = partial(self._do, self.forms.ask, title)
            add_row(menu, f"{title}…", call)

    def _exports(self, menu: QMenu) -> None:
        for kind in KINDS:
            call = partial(self._do, self.forms.export, kind)
            add_row(menu, f"{kind} as PNG…", call)

    def _kept(self, menu: QMenu) -> None:
        add_row(menu, "Save as…", partial(self._do, self._save))
        menu.addSeparator()
        session = self._actions.session
        try:
            like = session.plane().layer
        except ValueError:
            return
        for layer in saved_selections(session.viewer, like):
            call = partial(self._do, self._actions.load, layer.name)
            add_row(menu, layer.name, call)

    def _save(self) -> None:
        self._actions.need()
        name, fine = QInputDialog.getText(self, "Save selection", "Name:")
        if fine and name:
            self._actions.save(name)

    def _on_drop(self, members: list[int]) -> None:
        show_errors(partial(self._merge, members))()

    def _merge(self, members: list[int]) -> None:
        others = set(members[1:])
        if others and others <= self._actions.session.locked:
            raise ValueError(
                f"{', '.join(map(str, sorted(others)))} is locked, so its pixels stay; "
                "unlock it in the list of classes to merge it"
            )
        self._do(self._actions.merge, members)
        # The others are no more when the list is shown again.
        if members and self._actions.session.labels is not None:
            self._actions.session.labels.selected_label = members[0]

    def _modify(self, name: str) -> None:
        self.modify_preview.clear()
        self._do(self._actions.modify, name, self.pixels.value())

    def press(self, title: str) -> None:
        """Press a button, or say why that cannot be done now."""
        button = self.buttons[title]
        if button.isEnabled():
            button.click()
        else:
            self._actions.session.say(button.toolTip().replace("\n", " "))

    def erase(self) -> None:
        """Take the label from what is selected."""
        self._do(self._actions.fill, 0)

    def fill_by_key(self, key: int) -> None:
        """Fill the selection with the class of a key, 1 to 9."""
        session = self._actions.session
        layer = session.labels
        keys = {} if layer is None else class_keys(layer)
        if key not in keys:
            session.say(f"No class has the key {key}.")
            return
        self._do(self._actions.fill, keys[key])

    def _fill(self) -> None:
        labels = self._actions.session.labels
        # Without labels there is a word about that.
        label = 0 if labels is None else int(labels.selected_label)
        self._do(self._actions.fill, label)

    def _with_class(self, call: Callable[[int], None]) -> None:
        if not self._classes.labels:
            raise ValueError("no class is chosen; click one in the list of classes")
        call(self._classes.labels[0])

    def _jump(self, label: int) -> None:
        session = self._actions.session
        if session.labels is not None:
            jump_to(session.viewer, session.labels, label)


def _rows(rows: list[list[QWidget]]) -> QWidget:
    """Return rows of widgets as a widget."""
    holder = QWidget()
    layout = even_rows(rows)
    layout.setContentsMargins(0, 0, 0, 0)
    holder.setLayout(layout)
    return holder


def _row(widgets: list[QWidget]) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(SPACE)
    for widget in widgets:
        row.addWidget(widget, 1)
    return holder
