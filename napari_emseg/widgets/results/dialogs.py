"""Dialogs that ask for classes, thresholds and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
)

from napari_emseg.io.store.target_plan import is_target
from napari_emseg.widgets.common.plain_text import plain_label
from napari_emseg.widgets.common.qt import form_rows, number_box, pluralize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

BINS = 1000  # of the uncertainty, so that the threshold has as many steps
STORES = "OME-Zarr (*.ome.zarr);;Zarr (*.zarr);;NumPy (*.npy);;BigTIFF (*.btf)"
CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


# Qt is untyped here, so a class of it is Any to mypy.
class ClassesDialog(QDialog):  # type: ignore[misc]
    """Dialog that asks for classes whose probabilities become layers.

    Parameters
    ----------
    classes : sequence of (int, str)
        Labels and names.
    pixels : int
        Of the image; tells how much memory a layer takes.
    parent : QWidget or None
        The window.

    Attributes
    ----------
    chosen : Signal
        With the labels, a list of int.
    list : QListWidget
        The classes, none of them checked.
    """

    chosen = Signal(list)

    def __init__(
        self, classes: Sequence[tuple[int, str]], pixels: int, parent: QWidget | None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Probability maps")
        self._bytes = 4 * pixels
        self.list = QListWidget()
        for label, name in classes:
            item = QListWidgetItem(name, self.list)
            item.setData(Qt.ItemDataRole.UserRole, label)
            item.setCheckState(UNCHECKED)
        self.list.itemChanged.connect(self._on_check)
        self._summary = plain_label()
        self.buttons = _buttons(self, "Show")
        page = QVBoxLayout(self)
        page.addWidget(plain_label("A layer for each of these classes:"))
        page.addWidget(self.list)
        page.addWidget(self._summary)
        page.addWidget(self.buttons)
        self.accepted.connect(self._on_accept)
        self._on_check()

    @property
    def labels(self) -> list[int]:
        """Labels of the classes that are checked."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return [
            item.data(Qt.ItemDataRole.UserRole)
            for item in items
            if item.checkState() == CHECKED
        ]

    def _on_accept(self) -> None:
        self.chosen.emit(self.labels)

    def _on_check(self, *_: object) -> None:
        count = len(self.labels)
        size = count * self._bytes / 1e6
        self._summary.setText(
            f"{pluralize(count, 'layer')}, {size:,.3g} MB of memory."
            if count
            else "Check the classes that you want to see."
        )
        _ok(self.buttons).setEnabled(count > 0)


class ThresholdDialog(QDialog):  # type: ignore[misc]
    """Dialog that asks for a threshold of uncertainty, and counts the pixels above it.

    Parameters
    ----------
    uncertainty : (…) ndarray of float32
        Entropy in [0, 1].
    labels : (…) ndarray of int
        Pixels of label 0 do not count.
    parent : QWidget or None
        The window.

    Attributes
    ----------
    chosen : Signal
        With the threshold, a float.
    threshold : QDoubleSpinBox
        The threshold.
    """

    chosen = Signal(float)

    def __init__(
        self, counts: NDArray[np.int64], start: float, parent: QWidget | None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Uncertain pixels to 0")
        self._counts = counts
        self._above = counts[::-1].cumsum()[::-1]
        self.threshold = number_box(
            QDoubleSpinBox(), (0.0, 1.0), start, "0: certain, 1: all classes alike."
        )
        self.threshold.setKeyboardTracking(True)
        self.threshold.setSingleStep(0.05)
        self.threshold.valueChanged.connect(self._on_value)
        self.news = plain_label()
        self.news.setMinimumWidth(280)
        self.buttons = _buttons(self, "Set to 0")
        page = QVBoxLayout(self)
        page.addLayout(form_rows([("Uncertainty above", self.threshold)]))
        page.addWidget(self.news)
        page.addWidget(self.buttons)
        self.accepted.connect(self._on_accept)
        self._on_value()

    def _on_accept(self) -> None:
        self.chosen.emit(self.threshold.value())

    def _on_value(self, *_: object) -> None:
        place = round(self.threshold.value() * BINS)
        count = int(self._above[place + 1]) if place < BINS else 0
        share = count / max(int(self._above[0]), 1)
        self.news.setText(f"{count:,} pixels ({share:.2%}) lose their label.")
        _ok(self.buttons).setEnabled(count > 0)


def count_uncertain(
    uncertainty: NDArray[np.float32], labels: NDArray[Any]
) -> NDArray[np.int64]:
    """Return the number of labeled pixels of each uncertainty, rounded up to 1/1000.

    Returns
    -------
    (1001,) ndarray of int
        Entry i counts those above (i − 1)/1000, up to i/1000.

    Examples
    --------
    >>> found = count_uncertain(np.float32([0, 0.5, 0.5004, 1]), np.array([1, 1, 1, 0]))
    >>> np.flatnonzero(found).tolist()
    [0, 500, 501]
    """
    counts = np.zeros(BINS + 1, np.int64)
    # Row by row, for little memory.
    rows = uncertainty.reshape(-1, uncertainty.shape[-1])
    names = labels.reshape(rows.shape)
    step = max(1, 2**20 // rows.shape[1])
    for start in range(0, len(rows), step):
        part = rows[start : start + step].astype(np.float64)
        # What is equal to a threshold is not above it.
        place = np.ceil(part * BINS - 1e-4).astype(np.intp).clip(0, BINS)
        inside = names[start : start + step] != 0
        counts += np.bincount(place[inside], minlength=BINS + 1)
    return counts


def ask_store(parent: QWidget | None, image: Image) -> str | None:
    """Ask where the labels of an image go that are too many for memory.

    Returns
    -------
    str or None
        None if canceled. What is there is never replaced.
    """
    source, name = image.source.path, f"{image.name}_classes.ome.zarr"
    start = Path(source).parent / name if source else Path(name)
    title = "Labels larger than memory"
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(start), STORES)
    if not chosen:
        return None
    return chosen if is_target(chosen) else f"{chosen}.ome.zarr"


def _buttons(dialog: QDialog, title: str) -> QDialogButtonBox:
    kind = QDialogButtonBox.StandardButton
    buttons = QDialogButtonBox(kind.Ok | kind.Cancel)
    buttons.button(kind.Ok).setText(title)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons


def _ok(buttons: QDialogButtonBox) -> Any:
    return buttons.button(QDialogButtonBox.StandardButton.Ok)
