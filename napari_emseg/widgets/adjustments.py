"""Adjustments of the picture: which there are, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, FloatSlider, FloatSpinBox, Widget
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout

from napari_emseg import adjust

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

# Title: the function, and its parameters as (name, least, most, start).
ADJUSTMENTS: dict[
    str, tuple[Callable[..., Any], tuple[tuple[str, float, float, float], ...]]
] = {
    "Hue and saturation": (
        adjust.hue_saturation,
        (("hue", -180, 180, 0), ("saturation", -1, 1, 0), ("lightness", -1, 1, 0)),
    ),
    "Brightness and contrast": (
        adjust.brightness_contrast,
        (("brightness", -1, 1, 0), ("contrast", -1, 1, 0)),
    ),
    "Gamma": (adjust.levels, (("gamma", 0.1, 5, 1),)),
    "Desaturate": (adjust.desaturate, (("amount", 0, 1, 1),)),
    "Blur": (adjust.blur, (("radius", 0.1, 100, 3),)),
    "Sharpen": (adjust.sharpen, (("amount", 0, 5, 1), ("radius", 0.1, 20, 2))),
    "Inpaint": (adjust.inpaint, (("radius", 1, 50, 5),)),
}


def ask(title: str, parent: QWidget) -> dict[str, float] | None:
    """Ask for the parameters of an adjustment; None if the user changed their mind."""
    rows = [_row(*parameter) for parameter in ADJUSTMENTS[title][1]]
    form = Container[Widget](widgets=rows)
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    page = QVBoxLayout(dialog)
    page.addWidget(form.native)
    choice = QDialogButtonBox.StandardButton
    buttons = QDialogButtonBox(choice.Ok | choice.Cancel)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    page.addWidget(buttons)
    if not dialog.exec():
        return None
    return {row.name: float(row.value) for row in rows}


def _row(name: str, least: float, most: float, start: float) -> Any:
    kind = FloatSlider if most <= 5 or least < 0 else FloatSpinBox
    return kind(name=name, label=name.capitalize(), min=least, max=most, value=start)
