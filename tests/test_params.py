"""Every parameter: its bounds, its texts, its round trips."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from napari_emseg import Params
from napari_emseg.engine.cluster.methods import MethodName
from napari_emseg.params import (
    Channels,
    Color,
    Covariance,
    Distribution,
    Init,
    Planes,
)

# Of each number: values that just fit, and values that just do not.
NUMBERS: dict[str, tuple[list[Any], list[Any]]] = {
    "n_classes": ([1, 64, "auto"], [0, -1, 65, 2.5, "many", None]),
    "smoothing": ([0, 10], [-1e-9, 10.001, math.inf]),
    "texture": ([0, 10], [-1e-9, 10.001]),
    "position": ([0, 10], [-1e-9, 10.001]),
    "outliers": ([0, 0.5], [-1e-9, 0.501]),
    "n_init": ([1, 100], [0, 101, 1.5]),
    "tol": ([0, 1], [-1e-9, 1.001]),
    "max_iter": ([1, 10_000], [0, 10_001]),
    "min_size": ([0, 100_000_000], [-1, 100_000_001]),
    "seed": ([0, 2**31 - 1], [-1, 2**31, 0.5]),
}
CHOICES = {
    "method": MethodName,
    "color": Color,
    "covariance": Covariance,
    "distribution": Distribution,
    "init": Init,
    "channels": Channels,
    "planes": Planes,
}


def test_every_parameter_is_tested() -> None:
    tested = {*NUMBERS, *CHOICES, "edges", "bias", "corners", "stains"}
    assert tested <= set(Params.model_fields)
    untested = set(Params.model_fields) - tested
    assert not untested, f"add bounds of {untested} to this module"


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_checked_at_their_bounds(name: str) -> None:
    inside, outside = NUMBERS[name]
    for value in inside:
        assert getattr(Params(**{name: value}), name) == value
    for value in outside:
        with pytest.raises(ValidationError) as caught:
            Params(**{name: value})
        assert isinstance(caught.value, ValueError)
        assert all(error["loc"][0] == name for error in caught.value.errors())
        assert all("input" in error for error in caught.value.errors())


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_the_words_of_the_design(name: str) -> None:
    for word in get_args(CHOICES[name]):
        assert getattr(Params(**{name: word}), name) == word
    for wrong in ("", "EM", "sRGB", None, 3):
        with pytest.raises(ValidationError, match=name):
            Params(**{name: wrong})


def test_edges_and_bias_are_switches() -> None:
    assert Params(edges=False).edges is False
    assert Params(bias=True).bias is True
    with pytest.raises(ValidationError, match="edges"):
        Params(edges="perhaps")


def test_stains_are_vectors() -> None:
    params = Params(color="stains", stains="1 0 0, 0 1 0.5")
    assert params.color_space == "stains:1 0 0, 0 1 0.5"
    assert Params.model_validate_json(params.model_dump_json()) == params
    assert Params(stains="1 0 0, 0 1 0.5").color_space == "auto"
    for wrong in ("", "red, blue", "1 0 0", "1 0, 0 1", "1 0 0, 2 0 0", "0 0 0, 1 1 1"):
        with pytest.raises(ValidationError, match=r"(?s)stains.*pass"):
            Params(stains=wrong)


def test_numbers_that_are_none_are_refused() -> None:
    for name in ("smoothing", "outliers", "tol"):
        with pytest.raises(ValidationError, match="finite"):
            Params(**{name: math.nan})


def test_unknown_names_are_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"'n_clases'; did you mean 'n_classes'\?"
    ):
        Params(n_clases=3)
    with pytest.raises(
        ValidationError, match=r"'mask'; the parameters are method, n_cl"
    ):
        Params(mask=3)


def test_numbers_of_numpy_are_welcome() -> None:
    params = Params(n_classes=np.int64(5), smoothing=np.float32(0.5))
    assert params == Params(n_classes=5, smoothing=0.5)


def test_params_are_values() -> None:
    one, two = Params(n_classes=3), Params(n_classes=3)
    assert one == two
    assert hash(one) == hash(two)
    assert one != Params()
    with pytest.raises(ValidationError, match="frozen"):
        one.n_classes = 4


def test_replace_checks_again() -> None:
    params = Params(n_classes=3, tol=0.1)
    changed = params.replace(n_classes=7)
    assert (changed.n_classes, changed.tol, params.n_classes) == (7, 0.1, 3)
    with pytest.raises(ValidationError, match="n_classes"):
        params.replace(n_classes=0)
    with pytest.raises(ValidationError, match="classes"):
        params.replace(classes=3)


def test_json_round_trip() -> None:
    params = Params(method="kmeans", n_classes="auto", tol=1e-7, edges=False)
    text = params.model_dump_json()
    assert Params.model_validate_json(text) == params
    assert Params(**json.loads(text)) == params


def test_repr_shows_what_was_changed() -> None:
    assert repr(Params()) == "Params()"
    assert repr(Params(n_classes=3, color="hsv")) == "Params(n_classes=3, color='hsv')"


def test_every_parameter_explains_itself() -> None:
    for name, field in Params.model_fields.items():
        assert field.title, name
        assert field.description, name
        assert field.description.endswith("."), name


def test_defaults_are_valid() -> None:
    assert Params(**Params().model_dump()) == Params()


@pytest.mark.parametrize("name", Params.model_fields)
def test_help_explains_each_parameter(name: str) -> None:
    """What the README says of ``help(emseg.Params)``."""
    field = Params.model_fields[name]
    told = inspect.getdoc(Params)
    assert told is not None
    head, _, rest = told.partition(f"\n{name} : ")
    assert "\nParameters\n----------" in head
    first, *about = rest.split("\n    ")
    assert f"default: {field.default!r}" in first
    assert field.description is not None
    assert " ".join(about).startswith(field.description.split("\n")[0])
    for bound in NUMBERS.get(name, ([], []))[0]:
        assert "'auto'" in first if bound == "auto" else f"{bound}" in first
