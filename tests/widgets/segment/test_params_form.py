"""The form that is derived from Params."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox
from pydantic import Field, model_validator

from napari_emseg import Params
from napari_emseg.widgets.segment.params_form import ParamsForm


@pytest.fixture
def form(qtbot):
    form = ParamsForm()
    qtbot.addWidget(form.native)
    return form


STAINS = [Params().stains, "1 0 0, 0 1 0.5", "1 0 0, 0 1 0, 0 0 1"]


def some_params():
    """Return a strategy for any Params."""
    schema = Params.model_json_schema()["properties"]
    strategies = {
        "boolean": lambda field: st.booleans(),
        "integer": lambda field: st.integers(field["minimum"], field["maximum"]),
        "number": lambda field: st.decimals(
            field["minimum"], field["maximum"], places=12
        ).map(float),
        "string": lambda field: st.sampled_from(
            field.get("enum", [field["const"]] if "const" in field else STAINS)
        ),
    }

    def strategy(field):
        choices = field.get("anyOf", [field])
        return st.one_of(*(strategies[choice["type"]](choice) for choice in choices))

    return st.builds(Params, **{name: strategy(f) for name, f in schema.items()})


def test_shows_the_defaults(form):
    assert form.params == Params()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=some_params())
def test_reads_what_was_written(form, params):
    form.update(params)
    assert form.params == params


def test_update_of_some_fields_leaves_the_others(form):
    form.update(Params(seed=7))
    form.update(n_classes="auto", tol=1.25e-9)
    assert form.params == Params(seed=7, n_classes="auto", tol=1.25e-9)


def test_one_signal_for_each_change(form):
    seen = []
    form.changed.connect(lambda: seen.append(form.params.n_classes))
    form["n_classes"].value = 9
    form.update(Params(n_classes=3, method="kmeans"))
    assert seen[-1] == 3
    assert len(seen) == 2


def test_each_row_says_what_it_is(form):
    for name, field in Params.model_fields.items():
        assert form[name].label == field.title
        assert form[name].tooltip == field.description


def test_bounds_and_choices_are_those_of_the_fields(form):
    assert isinstance(form["tol"], FloatSpinBox)
    assert (form["smoothing"].min, form["smoothing"].max) == (0, 10)
    assert isinstance(form["seed"], SpinBox)
    assert form["seed"].max == 2**31 - 1
    assert isinstance(form["edges"], CheckBox)
    assert isinstance(form["color"], ComboBox)
    assert form["method"].choices == ("em", "kmeans")


def test_slider_covers_the_usual_numbers(form):
    row, number = form["smoothing"], form["smoothing"]["number"]
    slider = row["slider"]
    assert (slider.min, slider.max) == (0, 4)
    seen = []
    row.changed.connect(seen.append)
    slider.value = 2.5
    assert (form.params.smoothing, number.value, seen) == (2.5, 2.5, [2.5])
    number.value = 9
    assert (form.params.smoothing, slider.value, seen) == (9, 4, [2.5, 9])
    form["n_classes"][0]["slider"].value = 7
    assert form.params.n_classes == 7


def test_auto_disables_the_number(form):
    number, check = form["n_classes"][0], form["n_classes"][1]
    check.value = True
    assert form.params.n_classes == "auto"
    assert not number.enabled
    form["n_classes"].value = 5
    assert (check.value, number.value, number.enabled) == (False, 5, True)


def test_the_number_that_was_found_is_shown_and_nobody_is_told(form):
    told = []
    form["n_classes"].changed.connect(told.append)
    form.show_found(form.params, 7)
    assert form.params.n_classes == 4  # It was asked for.
    form.update(Params(n_classes="auto"))
    told.clear()
    form.show_found(form.params, 7)
    number = form["n_classes"][0]
    assert (number.value, number["slider"].value) == (7, 7)
    assert (form.params.n_classes, told) == ("auto", [])


def test_what_has_no_effect_is_gray_and_says_why(form):
    of_em = {"covariance", "distribution", "outliers", "bias"}

    def gray():
        return {name for name, row in form.rows.items() if not row.enabled}

    assert gray() == set()
    form["method"].value = "kmeans"
    assert gray() == of_em
    assert form["covariance"].tooltip.endswith("No effect while Method is K-means.")
    form["smoothing"].value = 0
    assert gray() == of_em | {"edges"}
    assert "Method is K-means and Smoothing is 0." in form["bias"].tooltip
    form.update(Params())
    assert gray() == set()
    assert "No effect" not in form["bias"].tooltip


def test_more_shows_the_rest(form):
    form.show()
    rest = [
        name
        for name, field in Params.model_fields.items()
        if not {"main", "only", "axes"} & {*(field.json_schema_extra or {})}
    ]
    assert "n_init" in rest
    assert form["n_classes"].visible
    for expected in (True, False):
        form["more"].native.click()
        assert [form[name].visible for name in rest] == [expected] * len(rest)
        assert form["n_classes"].visible


def test_stains_are_asked_for_where_they_matter(form):
    form.show()
    for expanded in (False, True):
        form.expand(expanded)
        for color in ("stains", "lab", "he", "stains", "auto"):
            form["color"].value = color
            assert form["stains"].visible == (color == "stains")
            assert form["n_init"].visible == expanded


class Extended(Params):
    """Parameters with fields of each kind that the form knows."""

    grain: float = Field(
        0.25, gt=0, lt=4, title="Grain", json_schema_extra={"main": True}
    )
    side: Literal["l", "r"] = Field(
        "r", title="Side", json_schema_extra={"names": {"l": "Left", "r": "Right"}}
    )
    weight: float | Literal["free"] = Field("free", title="Weight")

    @model_validator(mode="after")
    def _agree(self):
        if self.grain > 3 and self.side == "l":
            raise ValueError("no coarse grain on the left")
        return self


class TestOtherFields:
    @pytest.fixture
    def extended(self, qtbot):
        form = ParamsForm(Extended)
        qtbot.addWidget(form.native)
        return form

    def test_need_no_other_form(self, extended):
        assert extended.params == Extended()
        changed = Extended(grain=0.125, side="l", weight=0.5)
        extended.update(changed)
        assert extended.params == changed

    def test_choices_have_names_for_people(self, extended):
        box = extended["side"].native
        assert [box.itemText(i) for i in range(box.count())] == ["Left", "Right"]

    def test_values_that_do_not_go_together(self, extended):
        extended.update(grain=3.5, side="l")
        with pytest.raises(ValueError, match=r"Parameters: .*no coarse grain on the"):
            _ = extended.params

    def test_values_on_an_open_bound(self, extended):
        extended.update(grain=0)
        with pytest.raises(ValueError, match=r"Grain: .*greater than 0, got 0"):
            _ = extended.params
