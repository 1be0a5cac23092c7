"""Dialogs of the adjustments, and the table of their fields."""

from __future__ import annotations

from functools import partial
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

from napari_emseg import adjust, select
from napari_emseg.adjust.blend import Canvas
from napari_emseg.pipeline.tiles import bounding_box
from napari_emseg.widgets.common.qt import form_rows, show_errors
from napari_emseg.widgets.edit.adjust.docked_form import show_beside
from napari_emseg.widgets.edit.adjust.fields import AdjustedImage, Color, Curve, Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
            "Hue": Number("hue", -180, 180, 0, unit="°"),
            "Saturation": Number("saturation", -1, 1, 0, unit="%"),
            "Lightness": Number("lightness", -1, 1, 0, unit="%"),
        },
    ),
    "Brightness and contrast": Adjustment(
        adjust.brightness_contrast,
        {
            "Brightness": Number("brightness", -1, 1, 0, unit="%"),
            "Contrast": Number("contrast", -1, 1, 0, unit="%"),
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
    "Desaturate": Adjustment(
        adjust.desaturate, {"Amount": Number("amount", 0, 1, 1, unit="%")}
    ),
    "Blur": Adjustment(
        adjust.blur, {"Radius": Number("radius", 0.1, 100, 3, unit="px")}
    ),
    "Sharpen": Adjustment(
        adjust.sharpen,
        {
            "Amount": Number("amount", 0, 5, 1, unit="%"),
            "Radius": Number("radius", 0.1, 20, 2, unit="px"),
        },
    ),
    "Inpaint": Adjustment(
        adjust.inpaint, {"Radius": Number("radius", 1, 50, 5, unit="px")}
    ),
    "Cut out with a soft edge": Adjustment(
        adjust.cut_out,
        {"Radius": Number("radius", 1, 100, 4, whole=True, unit="px")},
        "soft",
    ),
    "Cut out with hair": Adjustment(
        adjust.cut_out,
        {"Radius": Number("radius", 1, 100, 16, whole=True, unit="px")},
        "hair",
    ),
}

# What refining an edge asks for.
EDGE = {
    "Radius": Number("radius", 0, 200, 8, whole=True, unit="px"),
    "Smooth": Number("smooth", 0, 50, 0, unit="px"),
    "Feather": Number("feather", 0, 50, 0, unit="px"),
    "Contrast": Number("contrast", 0, 1, 0, unit="%"),
}


def refined(
    image: NDArray[Any],
    selected: NDArray[Any],
    *,
    rgb: bool | None = None,
    **options: Any,
) -> NDArray[np.uint8]:
    """Return what a refined selection would cut out, on a checkerboard."""
    soft = select.refine_edge(image, selected, rgb=rgb, **options)
    return on_checkerboard(adjust.cut_out(image, soft, rgb=rgb))


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
        A key of `ADJUSTMENTS`, or of something else with `rows`.
    parent : QWidget
        What it belongs to.
    subject : AdjustedImage
        What is adjusted.
    rows : dict of str to Number, Color or Curve, optional
        What it asks for, by label.

    Attributes
    ----------
    fields : dict of str to Field
        By label.
    preview : QCheckBox
        Whether to show what would come of it.
    """

    changed = Signal()

    def __init__(
        self,
        title: str,
        parent: QWidget,
        subject: AdjustedImage,
        rows: Mapping[str, Number | Color | Curve] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        asked = ADJUSTMENTS[title].fields if rows is None else rows
        self.fields = {label: field.make(subject) for label, field in asked.items()}
        page = QVBoxLayout(self)
        page.setContentsMargins(12, 12, 12, 12)
        page.setSpacing(10)
        lines = [
            (label, field.widget) if label else (field.widget,)
            for label, field in self.fields.items()
        ]
        page.addLayout(form_rows(lines))
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

    def put(self, options: Mapping[str, Any]) -> None:
        """Show other options, by name of the parameter."""
        for field in self.fields.values():
            field.put(options)

    def options(self) -> dict[str, Any]:
        """Return what was entered, by name of the parameter."""
        return {
            name: value
            for field in self.fields.values()
            for name, value in field.options().items()
        }


def ask(
    dialog: Dialog,
    panel: QWidget,
    preview: AdjustmentPreview,
    then: Callable[[dict[str, Any]], None],
) -> None:
    """Show a dialog beside the picture, and what would come of it meanwhile.

    Parameters
    ----------
    dialog : Dialog
        Before it is shown.
    panel : QWidget
        Whose place it takes.
    preview : AdjustmentPreview
        Shows what would come of it.
    then : callable
        Takes the options, unless the dialog is canceled.
    """

    def show() -> None:
        if dialog.preview.isChecked():
            preview.show(dialog.options())
        else:
            preview.hide()

    def finish(answer: int) -> None:
        preview.hide()
        dialog.deleteLater()
        if answer == QDialog.DialogCode.Accepted:
            show_errors(partial(then, dialog.options()))()

    dialog.changed.connect(show)
    dialog.finished.connect(finish)
    show()
    show_beside(panel, dialog)
