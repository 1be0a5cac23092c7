"""The panel "Objects"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.layers import is_objects
from napari_emseg.layers.history import LayerState
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.docks import SETTLING, Docking, share_dock
from napari_emseg.widgets.common.keys import REDO, UNDO, Key, Keys
from napari_emseg.widgets.common.name_box import show_both_ends
from napari_emseg.widgets.common.navigation import KeptWhole
from napari_emseg.widgets.common.plain_text import as_it_stands, plain_label
from napari_emseg.widgets.common.qt import (
    ScrollArea,
    form_rows,
    order_tabs,
)
from napari_emseg.widgets.common.work_strip import WorkStrip
from napari_emseg.widgets.edit.layer_pair import LayerPair
from napari_emseg.widgets.objects.filter_rows import FilterRows
from napari_emseg.widgets.objects.finding_form import FindingForm
from napari_emseg.widgets.objects.measures_panel import MEASURES, MeasuresWidget
from napari_emseg.widgets.objects.object_buttons import ObjectButtons
from napari_emseg.widgets.objects.object_marks import ObjectMarks
from napari_emseg.widgets.objects.object_pointer import MERGE, SPLIT, ObjectPointer
from napari_emseg.widgets.objects.object_record import count_text
from napari_emseg.widgets.objects.object_session import ObjectSession

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.components


REST = 250  # ms without an edit until objects are measured anew
TABLE_HEIGHT = 260  # pixels
NO_LABELS = "Segment a picture first, or open labels: their classes are listed here."
READY = "Click a class, then Make objects."
CHOSEN = "Press Make objects to measure and correct them."
HINTS = (NO_LABELS, READY, CHOSEN)
BUSY = "Working …"


# Qt is untyped here, so a class of it is Any to mypy.
class ObjectsWidget(QWidget):  # type: ignore[misc]
    """Panel to find objects in classes, to correct, filter and measure them.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where everything is.

    Attributes
    ----------
    session : ObjectSession
        Classes, objects and their measures.
    image, labels, objects : QComboBox
        The layers that are worked on.
    finding : FindingForm
        How objects are found.
    filters : FilterRows
    buttons : ObjectButtons
    measures : MeasuresWidget
        The panel below the canvas.
    pointer : ObjectPointer
    status : QLabel
        The line of the panel.
    """

    def __init__(self, viewer: napari.components.ViewerModel) -> None:
        super().__init__()
        # Napari passes a proxy, of which a layer is another object each time.
        viewer = self._viewer = getattr(viewer, "__wrapped__", viewer)
        self.background = BackgroundQueue(
            self._on_error, self._on_busy, on_warning=self.say
        )
        session = self.session = ObjectSession(viewer, self.background)
        self._pair = LayerPair(viewer)
        self.image, self.labels = self._pair.image, self._pair.labels
        self._states: dict[Labels, LayerState] = {}
        self._changed: set[Labels] = set()
        self._make()
        self.marks = ObjectMarks(session)
        self.pointer = ObjectPointer(session, self.marks, self._in_front)
        self.filters = FilterRows(session)
        self.measures = MeasuresWidget(session, self._call)
        self.finding = FindingForm(
            session, [("Image", self.image), ("Labels", self.labels)]
        )
        self.buttons = ObjectButtons(session, self.pointer, self._call)
        self._lay_out()
        self.buttons.show_table.clicked.connect(self.show_measures)
        self.buttons.csv.clicked.connect(self._call(self.measures.export))
        self.measures.table.picked.connect(self.marks.go_to)
        share_dock(self, "Objects")
        self.keys = Keys(
            viewer,
            [
                Key(UNDO, "Undo the last action, on any layer", session.undo),
                Key(REDO, "Redo it", session.redo),
            ],
        )
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._on_rest)
        self._whole: KeptWhole | None = None
        self._docked = QTimer(self)
        self._docked.setSingleShot(True)
        self._docked.timeout.connect(self._fit)
        self._pair.changed.connect(self._on_pair)
        self.objects.currentIndexChanged.connect(self._on_objects)
        self.finding.changed.connect(self._call(session.preview))
        self.finding.changed.connect(self._offer)
        self.finding.make.clicked.connect(self._call(session.make))
        self.pointer.changed.connect(self._on_mode)
        session.said.connect(self.say)
        session.table_changed.connect(self._on_table)
        session.chosen_changed.connect(self._offer)
        layers = viewer.layers
        reactions: list[tuple[Any, Callable[..., None]]] = [
            (layers.events.inserted, self._on_layers),
            (layers.events.removed, self._on_layers),
            (layers.events.renamed, self._on_layers),
            (layers.selection.events.active, self._on_active),
            (viewer.events.theme, self._on_theme),
            (viewer.dims.events.current_step, self._on_step),
        ]
        self._docking = Docking(self, viewer, reactions, self._on_open, self._on_close)

    def show_measures(self) -> None:
        """Show table, plot and summary below the canvas."""
        window = getattr(self._viewer, "window", None)
        if window is None:
            return
        dock = self.measures.parentWidget()
        docked = self.measures in window.dock_widgets.values()
        if not docked:
            main = self.window()
            # A third of a large window, rather than of a small one.
            tall = max(TABLE_HEIGHT, main.height() // 3)
            self._whole = KeptWhole(self._viewer)
            self._docked.start(SETTLING)
            room = main.height() - main.minimumSizeHint().height()
            dock = window.add_dock_widget(
                self.measures, name=MEASURES, area="bottom", tabify=False
            )
            if room < dock.minimumSizeHint().height():
                # A small window would grow, beyond a small screen.
                dock.setFloating(True)
                dock.resize(main.width() * 3 // 4, TABLE_HEIGHT)
                free = main.screen().availableGeometry().bottom() - TABLE_HEIGHT
                dock.move(main.x(), min(main.geometry().bottom(), free))
            # The panel keeps its height beside it.
            corner, side = Qt.Corner.BottomRightCorner, Qt.DockWidgetArea
            main.setCorner(corner, side.RightDockWidgetArea)
            main.resizeDocks([dock], [tall], Qt.Orientation.Vertical)
        if dock is not None:
            dock.show()
            dock.raise_()

    def _fit(self) -> None:
        if self._whole is not None:
            self._whole.fit()

    def _make(self) -> None:
        self.objects = QComboBox()
        show_both_ends(self.objects, "The objects that are corrected and measured.")
        self.objects.setMinimumContentsLength(12)
        self.objects.setPlaceholderText("none yet")
        self.status = plain_label(READY)
        self.status.setIndent(4)
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
        )
        self.status.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding
        )

    def _lay_out(self) -> None:
        inner = QWidget()
        page = QVBoxLayout(inner)
        page.setContentsMargins(4, 4, 4, 4)
        page.setSpacing(6)
        page.addWidget(self.finding)
        page.addWidget(_line())
        chosen = form_rows([("Objects", self.objects)])
        chosen.setColumnStretch(0, 0)
        page.addLayout(chosen)
        page.addWidget(self.filters)

        page.addWidget(self.buttons)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(ScrollArea(inner))
        self.strip = WorkStrip(self._viewer, self.background, self.status)
        outer.addWidget(self.strip)
        outer.addStretch(1)
        order_tabs(outer)
        self._offer()

    def _call(self, work: Callable[[], Any]) -> Callable[[], None]:
        """Return what says errors in the line of the panel."""

        def run() -> None:
            try:
                work()
            except (ValueError, TypeError, OSError) as error:
                self._on_error(str(error))

        return run

    def _in_front(self) -> bool:
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def say(self, text: str) -> None:
        """Say something in the line of the panel."""
        self._viewer.status = as_it_stands(text)
        self.status.setText(text)

    def _on_error(self, text: str) -> None:
        self.say(f"{text[:1].upper()}{text[1:]}.")

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self.status.setText(BUSY)
        elif self.status.text() == BUSY:
            self.status.setText("")
        self.finding.make.setEnabled(not busy)

    def _on_mode(self, mode: str) -> None:
        self.buttons.follow(mode)
        if mode == MERGE:
            self.say("Click an object, then the one to merge it with.")
        elif mode == SPLIT:
            self.say("Draw a line through an object.")

    def _on_open(self) -> None:
        self.session.open()
        self.keys.bind()
        self.pointer.start()
        self._on_layers()
        self._on_active()

    def _on_close(self) -> None:
        self.keys.release()
        self.pointer.stop()
        for layer in list(self._states):
            self._leave(layer)
        self.marks.hide()
        self.finding.seeds.release()
        self.session.close()
        try:
            dock = self.measures.parentWidget()
            if dock is not None:
                dock.hide()
        except RuntimeError:  # the window is gone, and all that was in it
            return

    def _on_layers(self, event: object = None) -> None:
        self._pair.offer()
        self.finding.list_seeds()
        found = [layer for layer in self._viewer.layers if is_objects(layer)]
        chosen = self.objects.currentData()
        self.objects.blockSignals(True)
        self.objects.clear()
        for layer in found:
            self.objects.addItem(layer.name, layer)
        place = found.index(chosen) if chosen in found else len(found) - 1
        self.objects.setCurrentIndex(place)
        self.objects.blockSignals(False)
        self._on_objects()
        layers = [one for one in self._viewer.layers if isinstance(one, Labels)]
        for layer in set(self._states).difference(layers):
            self._leave(layer)

    def _on_active(self, event: object = None) -> None:
        active = self._viewer.layers.selection.active
        self._pair.turn_to(active)
        if is_objects(active):
            for place in range(self.objects.count()):
                if self.objects.itemData(place) is active:
                    self.objects.setCurrentIndex(place)

    def _on_pair(self) -> None:
        image, labels = self.image.currentData(), self.labels.currentData()
        session = self.session
        if image is not session.image:
            session.image = image
            session.measure()
        if labels is not session.labels:
            session.labels = labels
            self._watch(labels)
            self.finding.list_seeds()
            self.finding.list_classes()
            self._offer()

    def _on_objects(self, *_: object) -> None:
        layer = self.objects.currentData()
        if layer is None and self.session.layer is not None:
            self.status.setText(READY)  # it told of objects that are gone
        self._watch(layer)
        self.session.take(layer)
        self._offer()

    def _on_table(self) -> None:
        layer = self.session.layer
        if layer is not None and layer in self._viewer.layers:
            self.marks.forget_outlines()
        self._offer()
        objects = self.session.objects
        if objects is not None and self.status.text() in (BUSY, *HINTS, ""):
            self.status.setText(count_text(objects))

    def _offer(self) -> None:
        """Show what can be done with the objects, if there are any."""
        there = self.session.layer is not None
        self.filters.setVisible(there)
        self.buttons.setVisible(there)
        self.buttons.offer()
        if self.status.text() in HINTS:
            chosen = CHOSEN if self.session.options.classes else READY
            self.status.setText(NO_LABELS if self.session.labels is None else chosen)

    def _on_step(self, event: object = None) -> None:
        """Draw and count in the plane that is displayed now."""
        self.marks.refresh()
        labels = self.session.labels
        if self.session.options.classes and labels is not None and labels.ndim > 2:
            self._call(self.session.preview)()

    def _on_theme(self, event: object = None) -> None:
        self.strip.apply_theme(self._viewer.theme)
        self.measures.apply_theme()

    def _watch(self, layer: Labels | None) -> None:
        """Follow the edits of a layer, by whomever."""
        if layer is None or layer in self._states:
            return
        self._states[layer] = LayerState(layer)
        for emitter in (layer.events.paint, layer.events.set_data, layer.events.data):
            emitter.connect(self._on_data)

    def _leave(self, layer: Labels) -> None:
        del self._states[layer]
        for emitter in (layer.events.paint, layer.events.set_data, layer.events.data):
            emitter.disconnect(self._on_data)

    def _on_data(self, event: Any) -> None:
        layer = event.source
        now = LayerState(layer)
        if layer in self._states and not self._states[layer].same(now):
            self._states[layer] = now
            self._changed.add(layer)
            self._rest.start()

    def _on_rest(self) -> None:
        """Measure what was edited, when no other edit follows for a moment."""
        changed, self._changed = self._changed, set()
        if self.session.layer in changed:
            self.session.measure()
        if self.session.labels in changed:
            self.finding.list_classes()


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    line.setEnabled(False)
    return line
