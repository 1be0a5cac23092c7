"""The panel "Select and edit"."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_emseg.layers import (
    is_selection,
    line_width,
    warm_up_selection,
)
from napari_emseg.layers.classes import class_keys, class_name
from napari_emseg.layers.undo.class_changes import locks_of
from napari_emseg.select.label_masks import FULL
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import Docking, find_panel, share_dock
from napari_emseg.widgets.common.history_button import HistoryButton
from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.common.pause import collect_in_pauses
from napari_emseg.widgets.common.plain_text import as_it_stands, plain_label
from napari_emseg.widgets.common.qt import (
    ScrollArea,
    focus_ring,
    form_rows,
    order_tabs,
    pluralize,
    show_errors,
)
from napari_emseg.widgets.common.sections import SPACE, Section
from napari_emseg.widgets.common.status_line import tell_error
from napari_emseg.widgets.common.work_strip import WorkStrip
from napari_emseg.widgets.edit.actions import Actions
from napari_emseg.widgets.edit.buttons import EditButtons
from napari_emseg.widgets.edit.class_list import ClassList
from napari_emseg.widgets.edit.command_keys import ALWAYS, OTHERS, PRESSED, key_sections
from napari_emseg.widgets.edit.context import PLANE
from napari_emseg.widgets.edit.layer_pair import LayerPair
from napari_emseg.widgets.edit.scope import ClearSurroundings, ScopeRow
from napari_emseg.widgets.edit.session import Session
from napari_emseg.widgets.edit.tool_options import ToolOptions
from napari_emseg.widgets.edit.toolbar import TINT, Toolbar
from napari_emseg.widgets.edit.toolbox import Toolbox
from napari_emseg.widgets.guide.help_window import show_help

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_emseg.layers import Part

BUSY = "Working … (Escape cancels)"
WAITING = "Working …, {} waiting; Ctrl+Z cancels the last, Escape all."
READY = "Drag a class onto another to merge; Ctrl+Z undoes."
NO_IMAGE = "Open a picture, or a sample from the File menu."
NO_LABELS = "Select something to cut out or adjust; New class makes labels of it."
SELECTED = "{:,} px selected"
IN_VOLUME = "{:,} px selected in the volume"
COUNT = "selected pixels"
FILL = "{}; Fill makes them {}."


# Qt is untyped here, so a class of it is Any to mypy.
class EditWidget(QWidget):  # type: ignore[misc]
    """Panel to select parts of an image and to edit its labels.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where everything is.

    Attributes
    ----------
    session : Session
        Image, labels, selection and options.
    toolbox : Toolbox
        The tools on the canvas.
    toolbar, scope, tool_options, commands, classes
        The parts of the panel.
    image, labels : QComboBox
        The layers that are worked on.
    strip : WorkStrip
        Cancels what is under way.
    keys, tool_keys, fill_keys : Keys
        Undo and redo; tools and commands, bound while the panel is in sight; and what
        fills the selection with a class, bound while a tool is active.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        viewer = self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(
            tell_error, self._on_busy, on_warning=self.say
        )
        session = self.session = Session(viewer, self.background)
        self.toolbox = Toolbox(viewer, session)
        self.classes = ClassList(session)
        self.toolbar = Toolbar(session, self.toolbox)
        self.scope = ScopeRow(session)
        self._surroundings = ClearSurroundings(session)
        self.tool_options = ToolOptions(session)
        self.commands = EditButtons(Actions(session), self.classes)
        self._layer_pair = LayerPair(viewer)
        self.image, self.labels = self._layer_pair.image, self._layer_pair.labels
        self._selected = 0  # pixels
        self._note = ""  # that stays in the line below until the next action
        self._ready = READY
        self.history_button = HistoryButton(session.go_to)
        self._status = plain_label(READY)
        self._status.setIndent(4)
        cancel = self.toolbox.escape
        self.strip = WorkStrip(viewer, self.background, self._status, cancel)
        self._lay_out()
        share_dock(self, "Select and edit", self._on_sight)
        self.keys = Keys(
            viewer,
            [
                Key(key, title, call)
                for (key, title), call in zip(
                    ALWAYS.items(), (session.undo, session.redo), strict=True
                )
            ],
        )
        self.tool_keys = Keys(viewer, [*self.toolbox.tool_keys, *self._commands()])
        self.fill_keys = Keys(
            viewer,
            [
                Key(
                    str(n), "Fill with its class", partial(self.commands.fill_by_key, n)
                )
                for n in range(1, 10)
            ],
        )
        self.toolbox.changed.connect(self._on_tool)
        self._layer_pair.changed.connect(self._on_choice)
        self.scope.changed.connect(self._on_scope)
        session.labels_changed.connect(self.classes.reload)
        session.selection_changed.connect(self._on_selection)
        session.said.connect(self._on_said)
        session.noted.connect(self.say)
        self.classes.itemSelectionChanged.connect(self._say)
        self.toolbar.tinted.connect(self._on_tint)
        self.toolbar.keys_wanted.connect(self.show_help)
        # Its buttons are no more by then.
        self.destroyed.connect(self.toolbox.silence)
        self._old_objects = collect_in_pauses(viewer, self)
        reactions = self._reactions()
        self._docking = Docking(self, viewer, reactions, self._on_open, self._on_close)
        # Now rather than at the first click, which would have to wait.
        self.background.preview(warm_up_selection, lambda _: None, "warm up")

    def show_help(self) -> None:
        """Show help, with the keys of the classes that are listed."""
        layer = self.session.labels
        keys = {} if layer is None else class_keys(layer)
        fills = {key: class_name(layer, n) for key, n in keys.items()}
        show_help(self, key_sections(fills))

    def hideEvent(self, event: QHideEvent) -> None:
        """Put tool and keys away."""
        self._on_sight(False)
        super().hideEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Bind the keys of tools again."""
        super().showEvent(event)
        self._on_sight(True)

    def _on_sight(self, seen: bool) -> None:
        """Put tool and keys away while the panel is hidden, or behind another tab."""
        if not seen:
            self.toolbox.take("")
            self.tool_keys.release()
        elif self._docking.opened:
            self.tool_keys.bind()

    def _commands(self) -> list[Key]:
        """Return the keys of what is no tool."""
        press = self.commands.press
        return [
            *(Key(key, title, partial(press, title)) for key, title in PRESSED.items()),
            *(
                Key(key, title, show_errors(getattr(self, name)))
                for key, (title, name) in OTHERS.items()
            ),
        ]

    def paint_by_hand(self) -> None:
        """Take napari's brush for the labels."""
        layer = self.session.labels
        if layer is None or layer not in self._viewer.layers:
            self.session.say("There are no labels to paint on.")
            return
        self.toolbox.take("")
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"

    def narrow_brush(self) -> None:
        """Make the brush in the hand narrower."""
        self._resize_brush(-1)

    def widen_brush(self) -> None:
        """Make the brush in the hand wider."""
        self._resize_brush(1)

    def turn_tint(self) -> None:
        """Show the selection as a tint, or no more."""
        self.toolbar.buttons[TINT].click()

    def erase(self) -> None:
        """Take the label from the selection."""
        self.commands.erase()

    def _resize_brush(self, steps: int) -> None:
        """Change the brush in the hand: that of scribbles, or else napari's."""
        layer = self._viewer.layers.selection.active
        if self.toolbox.name or not isinstance(layer, Labels):
            self.tool_options.resize_brush(steps)
        else:
            layer.brush_size = max(1, layer.brush_size + steps)

    def _lay_out(self) -> None:
        # Shown where there is a volume.
        self._scope_title = plain_label("Edit in")
        layers = form_rows([("Image", self.image, "Labels", self.labels)])
        # Names of labels are those of images, and more.
        layers.setColumnStretch(1, 3)
        layers.setColumnStretch(3, 4)
        scope = form_rows([(self._scope_title, self.scope)])
        scope.setColumnStretch(0, 0)
        commands = self.commands
        bar = self.toolbar
        tools = Section("Tools", bar, self.tool_options, beside=bar.modes)
        selection = Section("Selection", commands, beside=commands.selection_buttons)
        classes = Section(
            "Classes",
            self.classes,
            commands.class_buttons,
            beside=commands.class_tools,
        )
        picture = Section("Picture", beside=commands.picture_buttons)
        classes.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding
        )
        self._sections = [tools, selection, classes, picture]
        inner = QWidget()
        page = QVBoxLayout(inner)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(tools)
        page.addWidget(selection)
        bottom = QHBoxLayout()
        bottom.setSpacing(SPACE)
        bottom.addWidget(commands.undo)
        bottom.addWidget(self.history_button, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 4, 4, 2)
        outer.setSpacing(4)
        outer.addLayout(layers)
        outer.addLayout(scope)
        # What is used all the time stays in sight on a small screen; the rest scrolls.
        outer.addWidget(ScrollArea(inner))
        outer.addWidget(classes, 1)
        outer.addWidget(picture)
        outer.addLayout(bottom)
        outer.addWidget(self.strip)
        order_tabs(outer)

    def _on_open(self) -> None:
        self._old_objects.hold()
        self.session.open()
        self.history_button.follow(self.session.action_history)
        self.keys.bind()
        self._on_layers()
        self._on_theme()

    def _on_close(self) -> None:
        self._surroundings.restore()
        self.toolbox.take("")
        self.tool_keys.release()
        self.fill_keys.release()
        self.keys.release()
        for layer in filter(is_selection, self._viewer.layers):
            layer.events.paint.disconnect(self._on_selection_painted)
        self._listen(self.session.labels, None)
        self.history_button.leave()
        self.session.close()
        self._old_objects.release()

    def _on_tool(self, name: str) -> None:
        """Bind the keys of classes; without a tool, they are napari's."""
        (self.fill_keys.bind if name else self.fill_keys.release)()
        self.tool_options.show_of(name)

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._note = ""
        waiting = self.background.waiting
        text = BUSY if busy else self._ready
        if waiting:
            text = WAITING.format(pluralize(waiting, "action"))
        self._status.setText(text)

    def _on_selection(self, event: object = None) -> None:
        """Count what is selected in the plane or the volume."""
        try:
            part = self.session.selection_in(self.session.place())
        except ValueError:  # of what is not displayed
            part = None
        if part is None:
            self.background.drop(COUNT)
            self._show_selected(0)
        elif self.session.options.scope == PLANE:
            self.background.drop(COUNT)
            self._show_selected(_count(part))
        else:
            self.background.preview(partial(_count, part), self._show_selected, COUNT)

    def _show_selected(self, pixels: int) -> None:
        self._selected = pixels
        self._say()

    def _on_scope(self) -> None:
        """Offer what works in the scope that is chosen."""
        self.toolbox.check()
        self._offer()
        self._on_selection()

    def _offer(self, event: object = None) -> None:
        """Show which scopes there are, and gray what cannot be done."""
        volume = self.scope.refresh()
        self._scope_title.setVisible(volume)
        self.scope.setVisible(volume)
        self.toolbar.refresh()
        self.commands.refresh(volume=volume)

    def _on_dimensions(self, event: object = None) -> None:
        """Turn to the 2D or the 3D view."""
        self._on_view()
        if self._surroundings.update():
            self.classes.reload()

    def _say(self) -> None:
        """Update the line that says what can be done next."""
        text = SELECTED if self.session.options.scope == PLANE else IN_VOLUME
        layer = self.session.labels
        empty = READY if layer is not None else NO_LABELS
        if layer is None and self.session.image is None:
            empty = NO_IMAGE
        self._ready = text.format(self._selected) if self._selected else empty
        self._ready = self._note or self._ready
        if self._selected and layer is not None and not self._note:
            name = class_name(layer, int(layer.selected_label))
            self._ready = FILL.format(self._ready, name)
        self._on_busy(self.background.running)

    def _on_said(self, text: str) -> None:
        self._status.setText(text)

    def say(self, text: str) -> None:
        """Show a note until something else is done."""
        text = text.rstrip(".")
        self._note = f"{text[:1].upper()}{text[1:]}."
        self._viewer.status = as_it_stands(self._note)
        self._say()

    def _on_tint(self, on: bool) -> None:
        self.session.tinted = on
        self.session.restyle()

    def _on_view(self, event: object = None) -> None:
        """Draw and count the selection of the plane that is displayed now."""
        self.session.restyle()
        self._offer()
        self._on_selection()

    def _on_zoom(self, event: object = None) -> None:
        """Keep the selection's outline one screen pixel wide."""
        for layer in self._viewer.layers:
            if is_selection(layer) and layer.contour:
                width = line_width(self._viewer, layer)
                if layer.contour != width:
                    layer.contour = width

    def _on_layers(self, event: object = None) -> None:
        self._layer_pair.offer()
        for layer in filter(is_selection, self._viewer.layers):
            layer.events.paint.connect(self._on_selection_painted)
        self._on_selection()
        if getattr(event, "type", "") == "inserted":
            self._on_active()

    def _on_choice(self) -> None:
        image, labels = self.image.currentData(), self.labels.currentData()
        if image is not self.session.image:
            self.session.image = image
            self.session.cache.forget()
            self.toolbox.drop()
            if self._status.text() in (NO_IMAGE, NO_LABELS):
                self._say()
        if labels is not self.session.labels:
            self.toolbox.drop()
            self._listen(self.session.labels, labels)
            self.session.labels = labels
            self.session.locked = set() if labels is None else locks_of(labels)
            self._surroundings.update()
            self.classes.reload()
            self._on_selection()
        self._offer()

    def _listen(self, old: Labels | None, new: Labels | None) -> None:
        """Follow napari's brush: its strokes, its class; and count after a new fit."""
        if old is not None:
            old.events.paint.disconnect(self._on_paint)
            old.events.data.disconnect(self._on_paint)
            old.events.selected_label.disconnect(self._on_brush)
        if new is not None:
            new.events.paint.connect(self._on_paint)
            new.events.data.connect(self._on_paint)
            new.events.selected_label.connect(self._on_brush)

    def _on_paint(self, event: object = None) -> None:
        # Napari tells of some edits just before it writes them.
        QTimer.singleShot(0, self.classes.reload)

    def _on_selection_painted(self, event: object = None) -> None:
        QTimer.singleShot(0, self._on_selection)

    def _on_brush(self, event: object = None) -> None:
        self.classes.follow_brush()
        self._say()

    def _on_active(self, event: object = None) -> None:
        self._layer_pair.turn_to(self._viewer.layers.selection.active)

    def _on_theme(self, event: object = None) -> None:
        self.setStyleSheet(focus_ring(self._viewer.theme))
        self.toolbar.apply_theme(self._viewer.theme)
        self.scope.apply_theme(self._viewer.theme)
        self.commands.apply_theme(self._viewer.theme)
        self.strip.apply_theme(self._viewer.theme)
        for section in self._sections:
            section.apply_theme(self._viewer.theme)
        self.classes.apply_theme(self._viewer.theme)

    def _reactions(self) -> list[tuple[Any, Callable[..., None]]]:
        """Return the viewer's events that concern the panel, and what they do."""
        layers = self._viewer.layers
        camera = getattr(self._viewer, "scene", self._viewer).camera
        return [
            (layers.events.inserted, self._on_layers),
            (layers.events.removed, self._on_layers),
            (layers.events.reordered, self._on_layers),
            (layers.events.renamed, self._on_layers),
            (layers.selection.events.active, self._on_active),
            (self._viewer.events.theme, self._on_theme),
            (camera.events.zoom, self._on_zoom),
            (self._viewer.dims.events.current_step, self._on_view),
            (self._viewer.dims.events.ndisplay, self._on_dimensions),
            (self._viewer.dims.events.order, self._on_view),
        ]


def after_edits(
    viewer: napari.components.ViewerModel, call: Callable[[], None]
) -> None:
    """Call a function when the edits that were asked for before it are done."""
    panel = find_panel(viewer, EditWidget)
    if panel is None:
        call()
    else:
        panel.background.do(call)


def _count(part: Part) -> int:
    """Return how many pixels Fill would take: those selected by half or more."""
    data = part.data()
    planes = (data[index] for index in np.ndindex(data.shape[:-2]))
    return sum(int(np.count_nonzero(plane > FULL // 2)) for plane in planes)
