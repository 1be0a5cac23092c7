"""Adjustments of the picture: which there are, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout

from napari_emseg import adjust
from napari_emseg.blend import Canvas
from napari_emseg.select.pieces import bounding_box
from napari_emseg.widgets.fields import Color, Curve, Number, Subject
from napari_emseg.widgets.parts import form_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

# How many pixels tell the mean and the histogram of a selection.
SAMPLE = 250_000


class Adjustment(NamedTuple):
    """A row of the table of adjustments.

    Attributes
    ----------
    change : callable
        Of `napari_emseg.adjust`.
    fields : dict of str to Number, Color or Curve
        What it asks for, by the label in the dialog.
    """

    change: Callable[..., NDArray[Any]]
    fields: dict[str, Number | Color | Curve]


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
        {
            "Amount": Number("amount", 0, 5, 1),
            "Radius": Number("radius", 0.1, 20, 2),
        },
    ),
    "Inpaint": Adjustment(adjust.inpaint, {"Radius": Number("radius", 1, 50, 5)}),
}


def look_at(
    image: NDArray[Any], selected: NDArray[Any] | None, *, rgb: bool
) -> Subject:
    """Take some pixels of what is selected, or of everything.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3|4) ndarray
    selected : (Y, X) ndarray of bool or coverage, optional
    rgb : bool
        Whether the last axis is RGB(A).

    Returns
    -------
    Subject
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
    return Subject(values[:, : canvas.picture.channels], canvas.low, canvas.high)


# Qt is untyped here, so a class of it is Any to mypy.
class Dialog(QDialog):  # type: ignore[misc]
    """Asks for the options of an adjustment.

    Parameters
    ----------
    title : str
        A key of `ADJUSTMENTS`.
    parent : QWidget
        What it belongs to.
    subject : Subject
        What is adjusted.

    Attributes
    ----------
    fields : dict of str to Field
        By label.
    """

    def __init__(self, title: str, parent: QWidget, subject: Subject) -> None:
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
        choice = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(choice.Ok | choice.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        page.addWidget(buttons)

    def options(self) -> dict[str, Any]:
        """Return what was entered, by name of the parameter."""
        return {
            name: value
            for field in self.fields.values()
            for name, value in field.options().items()
        }


def ask(title: str, parent: QWidget, subject: Subject) -> dict[str, Any] | None:
    """Ask for the options of an adjustment; None if the user changed their mind."""
    dialog = Dialog(title, parent, subject)
    return dialog.options() if dialog.exec() else None
