"""Dialogs of the adjustments, and the table of their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QVBoxLayout,
)

from napari_emseg import adjust
from napari_emseg.adjust.blend import Canvas
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.widgets.common.qt import form_rows
from napari_emseg.widgets.edit.adjust.fields import AdjustedImage, Color, Curve, Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_emseg.widgets.edit.adjust.adjusted_picture import AdjustmentPreview

# How many pixels tell the mean and the histogram of a selection.
SAMPLE = 250_000
# Side of the squares of a checkerboard, in pixels.
CHECK = 8


class Adjustment(NamedTuple):
    """A row of the table of adjustments.

    Attributes
    ----------
    change : callable
        Of `napari_emseg.adjust`.
    fields : dict of str to Number, Color or Curve
        What it asks for, by the label in the dialog.
    edge : str
        Of what is cut out; empty for other adjustments.
    """

    change: Callable[..., NDArray[Any]]
    fields: dict[str, Number | Color | Curve]
    edge: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """Options that are not asked for."""
        return {"edge": self.edge} if self.edge else {}

    def show(self, *args: Any, **options: Any) -> NDArray[Any]:
        """Return what a preview shows: what is cut out lies on a checkerboard."""
        made = self.change(*args, **self.given, **options)
        return on_checkerboard(made) if self.edge else made


ADJUSTMENTS = {
    "Hue and saturation": Adjustment(
        adjust.hue_saturation,
        {
            "Hue": Number("hue", -180, 180, 0),
            "Saturation": Number("saturation", -1, 1, 0),
            "Lightness": Number("lightness", -1, 1, 0),
        },
    ),
    "Brightness and contrast": Adjustment(
        adjust.brightness_contrast,
        {
            "Brightness": Number("brightness", -1, 1, 0),
            "Contrast": Number("contrast", -1, 1, 0),
        },
    ),
    "Curves": Adjustment(adjust.curves, {"": Curve("points")}),
    "Gamma": Adjustment(adjust.levels, {"Gamma": Number("gamma", 0.1, 5, 1)}),
    "Replace color": Adjustment(
        adjust.replace_color,
        {
            "Replace": Color("color"),
            "By": Color("by"),
            "Tolerance": Number("tolerance", 1, 200, 30),
        },
    ),
    "Desaturate": Adjustment(adjust.desaturate, {"Amount": Number("amount", 0, 1, 1)}),
    "Blur": Adjustment(adjust.blur, {"Radius": Number("radius", 0.1, 100, 3)}),
    "Sharpen": Adjustment(
        adjust.sharpen,
        {"Amount": Number("amount", 0, 5, 1), "Radius": Number("radius", 0.1, 20, 2)},
    ),
    "Inpaint": Adjustment(adjust.inpaint, {"Radius": Number("radius", 1, 50, 5)}),
    "Cut out with a soft edge": Adjustment(
        adjust.cut_out, {"Radius": Number("radius", 1, 100, 4, whole=True)}, "soft"
    ),
    "Cut out with hair": Adjustment(
        adjust.cut_out, {"Radius": Number("radius", 1, 100, 16, whole=True)}, "hair"
    ),
}


def on_checkerboard(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an RGBA picture (Y, X, 4) as one without transparency (Y, X, 3).

    Examples
    --------
    >>> clear = np.zeros((1, 12, 4), np.uint8)
    >>> on_checkerboard(clear)[0, ::11, 0].tolist()
    [90, 140]
    """
    scale = 1.0 if picture.dtype.kind == "f" else float(np.iinfo(picture.dtype).max)
    unit = picture.astype(np.float32) / np.float32(scale)
    y, x = np.indices(picture.shape[:2]) // CHECK
    ground = np.where((y + x) % 2, np.float32(140 / 255), np.float32(90 / 255))
    share = unit[..., 3:]
    mixed = share * unit[..., :3] + (1 - share) * ground[..., np.newaxis]
    return np.asarray(np.rint(255 * mixed), np.uint8)


def sample_pixels(
    image: NDArray[Any], selected: NDArray[Any] | None, *, rgb: bool
) -> AdjustedImage:
    """Return a sample of the selected pixels, or of all pixels.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) ndarray
    selected : (Y, X) ndarray of bool or coverage, optional
    rgb : bool
        Whether the last axis is RGB(A).

    Returns
    -------
    AdjustedImage
    """
    canvas = Canvas.of(image, None, channel_axis=None, rgb=rgb)
    inside = np.ones(image.shape[:2], bool) if selected is None else selected > 0
    box = bounding_box(inside)
    inside = inside[box]
    # Of every row and column so many, but of a few pixels all.
    step = max(1, int(np.sqrt(np.count_nonzero(inside) / SAMPLE)))
    thin = inside[::step, ::step]
    if not thin.any():
        step, thin = 1, inside
    values = image[box][::step, ::step][thin].reshape(np.count_nonzero(thin), -1)
    return AdjustedImage(values[:, : canvas.picture.channels], canvas.low, canvas.high)


# Qt is untyped here, so a class of it is Any to mypy.
class Dialog(QDialog):  # type: ignore[misc]
    """Dialog that asks for the options of an adjustment.

    Parameters
    ----------
    title : str
        A key of `ADJUSTMENTS`.
    parent : QWidget
        What it belongs to.
    subject : AdjustedImage
        What is adjusted.

    Attributes
    ----------
    fields : dict of str to Field
        By label.
    preview : QCheckBox
        Whether to show what would come of it.
    """

    changed = Signal()

    def __init__(self, title: str, parent: QWidget, subject: AdjustedImage) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.fields = {
            label: field.make(subject)
            for label, field in ADJUSTMENTS[title].fields.items()
        }
        page = QVBoxLayout(self)
        page.setContentsMargins(12, 12, 12, 12)
        page.setSpacing(10)
        rows = [
            (label, field.widget) if label else (field.widget,)
            for label, field in self.fields.items()
        ]
        page.addLayout(form_rows(rows))
        self.preview = QCheckBox("Preview")
        self.preview.setChecked(True)
        self.preview.toggled.connect(self.changed)
        for field in self.fields.values():
            field.changed.connect(self._on_change)
        choice = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(choice.Ok | choice.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        last = QHBoxLayout()
        last.addWidget(self.preview)
        last.addWidget(buttons)
        page.addLayout(last)

    def _on_change(self, *_: object) -> None:
        self.changed.emit()

    def options(self) -> dict[str, Any]:
        """Return what was entered, by name of the parameter."""
        return {
            name: value
            for field in self.fields.values()
            for name, value in field.options().items()
        }


def ask(
    title: str, parent: QWidget, subject: AdjustedImage, preview: AdjustmentPreview
) -> dict[str, Any] | None:
    """Ask for the options of an adjustment; None if the dialog is canceled.

    Parameters
    ----------
    title : str
        A key of `ADJUSTMENTS`.
    parent : QWidget
        What the dialog belongs to.
    subject : AdjustedImage
        What is adjusted.
    preview : AdjustmentPreview
        Shows what would come of it meanwhile.
    """
    dialog = Dialog(title, parent, subject)

    def show() -> None:
        if dialog.preview.isChecked():
            preview.show(dialog.options())
        else:
            preview.hide()

    dialog.changed.connect(show)
    show()
    try:
        return dialog.options() if dialog.exec() else None
    finally:
        preview.hide()
        dialog.deleteLater()
