"""The box that chooses where the seeds of objects are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Points
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox

from napari_emseg.layers.instances.seed_points import may_be_seeds

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer


# Qt is untyped here, so a class of it is Any to mypy.
class SeedChoice(QComboBox):  # type: ignore[misc]
    """Layers of points, or of labels, of which each is a seed.

    Attributes
    ----------
    moved : Signal
        Another layer is chosen, or its points are others.
    """

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._points: Points | None = None
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.setSizeAdjustPolicy(policy)
        self.setMinimumContentsLength(8)
        self.setPlaceholderText("add a Points layer")
        self.setToolTip("Points, or labels such as nuclei: an object for each of them.")
        self.currentIndexChanged.connect(self._on_choice)

    @property
    def layer(self) -> Layer | None:
        """The layer that is chosen."""
        found: Layer | None = self.currentData()
        return found

    def offer(self, viewer: ViewerModel, labels: Labels | None) -> None:
        """Offer the layers of a viewer; that which is chosen stays so."""
        known = [layer for layer in viewer.layers if may_be_seeds(layer, labels)]
        chosen = self.currentData()
        self.blockSignals(True)
        self.clear()
        for layer in known:
            self.addItem(layer.name, layer)
        points = [place for place, one in enumerate(known) if isinstance(one, Points)]
        first = points[-1] if points else len(known) - 1
        self.setCurrentIndex(known.index(chosen) if chosen in known else first)
        self.blockSignals(False)
        if self.currentData() is not chosen:
            self._on_choice()

    def release(self) -> None:
        """Follow no layer any more."""
        if self._points is not None:
            self._points.events.data.disconnect(self._on_points)
        self._points = None

    def _on_choice(self, *_: object) -> None:
        self.release()
        if isinstance(self.layer, Points):
            self._points = self.layer
            self._points.events.data.connect(self._on_points)
        self.moved.emit()

    def _on_points(self, event: object = None) -> None:
        self.moved.emit()
