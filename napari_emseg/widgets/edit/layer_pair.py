"""The pair of image and labels that is edited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal
from qtpy.QtWidgets import QComboBox

from napari_emseg.layers import displayed_plane, is_objects, is_selection
from napari_emseg.layers.metadata import MARK
from napari_emseg.widgets.common.name_box import show_both_ends
from napari_emseg.widgets.common.qt import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel


class LayerPair:
    """Two boxes that choose an image and labels which cover each other.

    As long as no layer does, nothing is chosen there: tools would look at colors of
    one picture and edit another.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are offered.

    Attributes
    ----------
    image, labels : QComboBox
        Rows for a panel; the data of their items are layers.
    changed : psygnal.Signal
        Another layer may be chosen, or a chosen one have another name.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.image = _layer_box("Where tools look at colors.", "none")
        self.labels = _layer_box("The labels that are edited.", "none yet")
        self._boxes = ((self.image, self.labels), (self.labels, self.image))
        for box, other in self._boxes:
            connect(box.currentIndexChanged, partial(self._on_choice, box, other), box)

    def offer(self) -> None:
        """Follow the layer list; the chosen layers stay chosen if they are there."""
        layers = list(self._viewer.layers)
        _offer(self.image, [layer for layer in layers if _is_picture(layer)])
        _offer(self.labels, [layer for layer in layers if _has_classes(layer)])
        for box, other in self._boxes:
            self._match(box, other.currentData())
        self.changed.emit()

    def turn_to(self, layer: object) -> None:
        """Choose a layer, if it is offered."""
        for box, _ in self._boxes:
            place = _find(box, layer)
            if place >= 0:
                box.setCurrentIndex(place)

    def _on_choice(self, box: QComboBox, other: QComboBox, index: int) -> None:
        self._match(other, box.currentData())
        self.changed.emit()

    def _match(self, box: QComboBox, layer: Any) -> None:
        """Choose a layer that covers another: the chosen one, or the uppermost."""
        chosen = box.currentData()
        if chosen is not None and not self._apart(chosen, layer):
            return
        fit = [
            place
            for place in range(box.count())
            if not self._apart(box.itemData(place), layer)
        ]
        box.blockSignals(True)
        box.setCurrentIndex(fit[-1] if fit else -1)
        box.blockSignals(False)

    def _apart(self, one: Any, other: Any) -> bool:
        """Return whether two displayed layers do not cover each other."""
        if one is None or other is None:
            return False
        try:
            plane = displayed_plane(self._viewer, one)
            return not plane.lies_on(displayed_plane(self._viewer, other))
        except ValueError:
            # One of them is not displayed, so nobody sees.
            return False


def _is_picture(layer: object) -> bool:
    return isinstance(layer, Image) and MARK not in layer.metadata


def _has_classes(layer: object) -> bool:
    # Thousands of objects are no classes: they have a panel of their own.
    return isinstance(layer, Labels) and not (is_selection(layer) or is_objects(layer))


def _layer_box(tip: str, empty: str) -> QComboBox:
    """Return a box that cuts long names rather than widening the panel."""
    box = QComboBox()
    show_both_ends(box, tip)
    box.setMinimumContentsLength(6)
    box.setPlaceholderText(empty)
    return box


def _find(box: QComboBox, layer: object) -> int:
    """Return the index of a layer in a box; -1 if it is not there."""
    places = (place for place in range(box.count()) if box.itemData(place) is layer)
    return next(places, -1)


def _offer(box: QComboBox, layers: Sequence[Any]) -> None:
    """Offer layers; the chosen one stays chosen if it is there."""
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for layer in layers:
        box.addItem(layer.name, layer)
    box.setCurrentIndex(_find(box, chosen))
    box.blockSignals(False)
