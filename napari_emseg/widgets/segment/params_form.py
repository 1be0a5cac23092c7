"""The parameters as a form, derived from their declaration."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    FloatSpinBox,
    LineEdit,
    PushButton,
    Slider,
    SpinBox,
    Widget,
)
from magicgui.widgets.bases import ValuedContainerWidget
from pydantic import ValidationError
from qtpy.QtWidgets import QLabel

from napari_emseg.params import Params

if TYPE_CHECKING:
    from collections.abc import Mapping

    Field: TypeAlias = Mapping[str, Any]
    Number: TypeAlias = "SpinBox | DecimalSpinBox | SliderBox"
    Row: TypeAlias = "CheckBox | ComboBox | LineEdit | NumberOrWord | Number"

MORE = "▸ More"
LESS = "▾ Less"
NUMBER_WIDTH = 84  # pixels of a number beside a slider


class ParamsForm(Container[Widget]):
    """A row for each field of `Params`: title, help, bounds and choices are its own.

    Fields that are declared with ``{"main": True}`` are in sight, the others wait
    under a "More" button; one with ``{"only": {"color": "stains"}}`` is in sight while
    that other field has this value, and those with ``{"axes": True}`` while the panel
    shows them. One with ``{"without": {"smoothing": 0}}`` is gray, and says why, while
    the other has that value. The values live in the rows and nowhere else;
    ``form.update(params)`` shows others.

    Parameters
    ----------
    model : type of Params
        The class whose fields are shown. A field's ``json_schema_extra`` may give
        its choices ``"names"`` to be read by people.
    """

    def __init__(self, model: type[Params] = Params) -> None:
        self._model = model
        # pydantic's own schema resolves annotations, aliases and bounds to plain data.
        fields: dict[str, Field] = model.model_json_schema()["properties"]
        main = [name for name, field in fields.items() if field.get("main")]
        axes = [name for name, field in fields.items() if field.get("axes")]
        rest = [name for name in fields if name not in main + axes]
        self._rows = {name: _row(name, fields[name]) for name in axes + main + rest}
        self._rest = [self._rows[name] for name in rest]
        self._more = PushButton(
            name="more", text=MORE, tooltip="Show or hide the other parameters."
        )
        super().__init__(
            widgets=[
                *(self._rows[name] for name in axes + main),
                self._more,
                *self._rest,
            ]
        )
        for name in axes:
            self._rows[name].visible = False
        self._more.native.setStyleSheet(
            "text-align: left; padding: 4px 5px; background: transparent; border: 0px"
        )
        self._more.changed.connect(lambda: self.expand(self._more.text == MORE))
        # Rows that matter for one value of another, and what that is.
        self._only = {
            name: next(iter(field["only"].items()))
            for name, field in fields.items()
            if "only" in field
        }
        for other, _ in self._only.values():
            self._rows[other].changed.connect(self._show_rows)
        self._idle = {
            name: field["without"]
            for name, field in fields.items()
            if "without" in field
        }
        self._tips = {name: self._rows[name].tooltip for name in self._idle}
        for other in {other for pairs in self._idle.values() for other in pairs}:
            self._rows[other].changed.connect(self._gray_rows)
        self._gray_rows()
        self.expand(False)

    @property
    def rows(self) -> Mapping[str, Row]:
        """The rows of the parameters by the names of the fields."""
        return dict(self._rows)

    @property
    def params(self) -> Params:
        """Read the form.

        Raises
        ------
        ValueError
            If the values do not go together; the message names the rows.
        """
        try:
            return self._model(**{name: row.value for name, row in self._rows.items()})
        except ValidationError as error:
            raise ValueError(self._in_words(error)) from error

    def expand(self, more: bool) -> None:
        """Show or hide the parameters under "More"."""
        self._more.text = LESS if more else MORE
        self._show_rows()
        # Measured again, because napari's theme has changed the font since.
        labels = self.native.findChildren(QLabel)
        widest = max(label.sizeHint().width() for label in labels)
        for label in labels:
            label.setMinimumWidth(widest)

    def _show_rows(self) -> None:
        """Show what is not under "More", or that if it is open, as far as it matters.

        What another row asks for is in sight in any case.
        """
        for row in self._rest:
            row.visible = self._more.text == LESS
        for name, (other, value) in self._only.items():
            self._rows[name].visible = self._rows[other].value == value

    def show_found(self, params: Params, n_classes: int) -> None:
        """Show the number of classes that was found where it was to be chosen."""
        row = self._rows["n_classes"]
        if params.n_classes == "auto" and isinstance(row, NumberOrWord):
            row.show_number(n_classes)

    def _gray_rows(self) -> None:
        """Gray what has no effect now, and say why."""
        for name, others in self._idle.items():
            row = self._rows[name]
            reasons = [
                f"{self._rows[other].label} is {_read(self._rows[other], value)}"
                for other, value in others.items()
                if self._rows[other].value == value
            ]
            row.enabled = not reasons
            why = f"\n\nNo effect while {' and '.join(reasons)}." if reasons else ""
            row.tooltip = f"{self._tips[name]}{why}"

    def _in_words(self, error: ValidationError) -> str:
        """Say in one line which rows are wrong and why."""
        lines = []
        for problem in error.errors():
            row = self._rows.get(str(next(iter(problem["loc"]), "")))
            title = "Parameters" if row is None else row.label
            lines.append(f"{title}: {problem['msg']}, got {problem['input']!r}")
        return "; ".join(lines)


class DecimalSpinBox(FloatSpinBox):
    """A spin box that keeps all digits of the number that it is given."""

    def set_value(self, value: float) -> None:
        """Show a number with the decimals of itself or of a step, if that has more."""
        decimals = max(_decimals(value), _decimals(self.step or 1))
        self.native.setDecimals(decimals)
        super().set_value(value)


class SliderBox(ValuedContainerWidget["float"]):
    """A slider for the usual range of a number, and a spin box for all of it.

    Parameters
    ----------
    number : SpinBox or DecimalSpinBox
        Shows the number.
    low, high : float
        Ends of the slider.
    name, label, tooltip : str
        As those of any magicgui widget.
    """

    def __init__(
        self,
        number: SpinBox | DecimalSpinBox,
        low: float,
        high: float,
        *,
        name: str,
        label: str = "",
        tooltip: str = "",
    ) -> None:
        self._number = number
        kind = Slider if isinstance(number, SpinBox) else FloatSlider
        self._slider = kind(
            name="slider",
            min=low,
            max=high,
            step=number.step,
            readout=False,
            tooltip=tooltip,
        )
        super().__init__(
            layout="horizontal",
            labels=False,
            widgets=[self._slider, number],
            name=name,
            label=label,
            tooltip=tooltip,
        )
        self.margins = (0, 0, 0, 0)
        self.native.layout().setStretch(0, 1)
        number.max_width = NUMBER_WIDTH
        self._slider.changed.connect(self._on_slide)
        number.changed.connect(self._on_number)

    @property
    def min(self) -> float:
        """Smallest number."""
        return self._number.min

    @property
    def max(self) -> float:
        """Largest number."""
        return self._number.max

    def get_value(self) -> float:
        """Return the number."""
        return self._number.value

    def set_value(self, value: float) -> None:
        """Show a number."""
        self._number.value = value

    def _on_slide(self, value: float) -> None:
        self._number.value = value

    def _on_number(self, value: float) -> None:
        low, high = self._slider.min, self._slider.max
        with self._slider.changed.blocked():
            self._slider.value = min(max(value, low), high)
        self.changed.emit(value)


class NumberOrWord(ValuedContainerWidget["float | str"]):
    """A number, or a word instead of it: a spin box and a check box.

    Parameters
    ----------
    number : SpinBox, DecimalSpinBox or SliderBox
        Shows the number.
    word : str
        The value while the box is checked.
    name, label, tooltip : str
        As those of any magicgui widget.
    """

    def __init__(
        self, number: Number, word: str, *, name: str, label: str, tooltip: str
    ) -> None:
        self._word = word
        self._number = number
        self._check = CheckBox(name="check", text=word, tooltip=tooltip)
        super().__init__(
            layout="horizontal",
            labels=False,
            widgets=[number, self._check],
            name=name,
            label=label,
            tooltip=tooltip,
        )
        self.margins = (0, 0, 0, 0)
        self._check.changed.connect(self._on_check)
        for part in (number, self._check):
            part.changed.connect(lambda: self.changed.emit(self.value))

    def get_value(self) -> float | str:
        """Return the number, or the word."""
        return self._word if self._check.value else self._number.value

    def set_value(self, value: float | str) -> None:
        """Show a number, or the word."""
        self._check.value = value == self._word
        if not isinstance(value, str):
            self._number.value = value

    def show_number(self, number: float) -> None:
        """Show a number beside the word that stands for it; nobody is told."""
        if self._check.value:
            with self.changed.blocked():
                self._number.value = number

    def _on_check(self, checked: bool) -> None:
        self._number.enabled = not checked


def _row(name: str, field: Field) -> Row:
    """Return the widget for one field of a JSON schema, with its default."""
    look = {
        "name": name,
        "label": field.get("title", name),
        "tooltip": field.get("description", ""),
    }
    row: Row
    if "enum" in field:
        row = ComboBox(choices=_choices(field), **look)
    elif "anyOf" in field:
        number, word = field["anyOf"]
        number = number | {key: field[key] for key in ("usual",) if key in field}
        row = NumberOrWord(_number_box(number, name="number"), word["const"], **look)
    elif field["type"] == "boolean":
        row = CheckBox(**look)
    elif field["type"] == "string":
        row = LineEdit(**look)
    else:
        row = _number_box(field, **look)
    row.value = field["default"]
    return row


def _number_box(field: Field, **look: Any) -> Number:
    """Return a spin box, with a slider if the field tells its usual range."""
    if "usual" not in field:
        return _spin_box(field, **look)
    return SliderBox(_spin_box(field, name="number"), *field["usual"], **look)


def _spin_box(field: Field, **look: Any) -> SpinBox | DecimalSpinBox:
    """Return a spin box with the bounds of a number."""
    keys = {
        "min": ("minimum", "exclusiveMinimum"),
        "max": ("maximum", "exclusiveMaximum"),
    }
    bounds = {
        side: field[key]
        for side, names in keys.items()
        for key in names
        if key in field
    }
    if field["type"] == "integer":
        return SpinBox(**bounds, **look)
    # A tenth of the usual size, as a power of ten.
    size = field.get("default") or bounds.get("max") or 1
    step = 10.0 ** math.floor(math.log10(size) - 1)
    return DecimalSpinBox(step=step, **bounds, **look)


def _choices(field: Field) -> list[tuple[str, str]]:
    """Return pairs of what is read and what it stands for."""
    names = field.get("names", {})
    return [(names.get(choice, choice), choice) for choice in field["enum"]]


def _read(row: Row, value: Any) -> str:
    """Return how a row shows a value."""
    choices = getattr(row.native, "itemText", None)
    if isinstance(row, ComboBox) and choices is not None:
        return str(choices(row.choices.index(value)))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _decimals(value: float) -> int:
    """Return how many digits a number has behind the point."""
    exponent = Decimal(repr(float(value))).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
