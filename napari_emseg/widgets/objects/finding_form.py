"""The upper part of the panel: in which classes objects are found, and how."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_emseg.layers.instances.measured_layers import space_of
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import (
    even_rows,
    form_rows,
    number_box,
    push_button,
)
from napari_emseg.widgets.objects.class_choice import ClassChoice
from napari_emseg.widgets.objects.object_record import FindOptions, count_text
from napari_emseg.widgets.objects.object_summary import classes_in
from napari_emseg.widgets.objects.seed_choice import SeedChoice

if TYPE_CHECKING:
    from napari_emseg.layers import Plane
    from napari_emseg.regions.instances import Objects
    from napari_emseg.widgets.objects.object_session import ObjectSession

SPLITS = {"At necks": "distance", "Not at all": "none", "By seeds": "seeds"}
DEPTHS = (0.1, 20.0)


# Qt is untyped here, so a class of it is Any to mypy.
class FindingForm(QWidget):  # type: ignore[misc]
    """Classes, how objects that touch are split, and how many that would be.

    Parameters
    ----------
    session : ObjectSession
    layers : sequence of (str, QWidget)
        Rows above.

    Attributes
    ----------
    classes : ClassChoice
    split : QComboBox
    depth : QDoubleSpinBox
    seeds : SeedChoice
    fill, border, planes : QCheckBox
    count : QLabel
        How many objects there would be.
    make : QPushButton
        Makes a layer of them.
    changed : Signal
        Objects are found in another way.
    """

    changed = Signal()

    def __init__(self, session: ObjectSession, layers: Any) -> None:
        super().__init__()
        self._session = session
        self.classes = ClassChoice()
        self.split = QComboBox()
        self.split.addItems([*SPLITS])
        self.split.setToolTip("How objects that touch are told apart.")
        self.depth = number_box(
            QDoubleSpinBox(),
            DEPTHS,
            1.0,
            "How deep a neck must be to tell two objects apart: more splits less.",
        )
        self.depth.setSingleStep(0.25)
        self.depth.setPrefix("depth ")
        # Napari's theme lets it be narrower than its text.
        self.depth.setStyleSheet("QDoubleSpinBox { min-width: 9em }")
        self.seeds = SeedChoice()
        self.seeds.hide()
        self.fill = QCheckBox("Fill holes")
        self.fill.setChecked(True)
        self.border = QCheckBox("Not at the rim")
        self.border.setToolTip("Leave out what the rim of the image cuts.")
        self.planes = QCheckBox("Each plane by itself")
        self.make = push_button(
            "Make objects", "A Labels layer of them, which is measured.", None
        )
        self.count = plain_label()
        self.count.setWordWrap(True)
        rows = form_rows(layers)
        rows.setColumnStretch(0, 0)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(6)
        page.addLayout(rows)
        page.addWidget(self.classes)
        way = QWidget()
        either = QVBoxLayout(way)  # of which one is seen
        either.setContentsMargins(0, 0, 0, 0)
        either.addWidget(self.depth)
        either.addWidget(self.seeds)
        page.addLayout(form_rows([("Split", self.split, way)]))
        page.addLayout(even_rows([[self.fill, self.border]]))
        page.addWidget(self.planes)
        page.addWidget(self.count)
        page.addWidget(self.make)
        self.classes.changed.connect(self.tell)
        self.split.currentIndexChanged.connect(self.tell)
        self.depth.valueChanged.connect(self.tell)
        self.seeds.moved.connect(self._on_seeds)
        for box in (self.fill, self.border, self.planes):
            box.toggled.connect(self.tell)
        session.found.connect(self._on_found)

    def list_classes(self) -> None:
        """List the classes of the labels, which are sought in the background."""
        labels = self._session.labels
        self.planes.setVisible(labels is not None and space_of(labels) == 3)
        if labels is None:
            self.classes.offer(None, [])
            return

        def then(numbers: list[int]) -> None:
            if labels is self._session.labels:
                self.classes.offer(labels, numbers)
                self.tell()

        self._session.background.preview(
            partial(classes_in, labels.data), then, "classes"
        )

    def tell(self, *_: object) -> None:
        """Tell the session how objects are found."""
        split = SPLITS[self.split.currentText()]
        self.depth.setEnabled(split == "distance")
        self.depth.setVisible(split != "seeds")
        self.seeds.setVisible(split == "seeds")
        self._session.seeds = self.seeds.layer
        self._session.options = FindOptions(
            self.classes.classes,
            split,
            round(self.depth.value(), 3),
            self.border.isChecked(),
            self.fill.isChecked(),
            self.planes.isChecked() and self.planes.isVisibleTo(self),
        )
        self.count.setText("Counting …" if self.classes.classes else "")
        self.changed.emit()

    def list_seeds(self) -> None:
        """List the layers that can be seeds."""
        self.seeds.offer(self._session.viewer, self._session.labels)

    def _on_seeds(self) -> None:
        if SPLITS[self.split.currentText()] == "seeds":
            self.tell()

    def _on_found(self, result: tuple[Objects, Plane | None] | None) -> None:
        if result is None:
            self.count.setText("")
            return
        made, plane = result
        labels = self._session.labels
        several = labels is not None and plane is not None and labels.data.ndim > 2
        text = count_text(made)
        if made.dropped:
            text += f", {made.dropped} left out"
        self.count.setText(f"{text} in this plane" if several else text)
