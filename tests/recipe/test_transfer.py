"""Steps for any picture are kept; what names a place is left out, and told."""

from __future__ import annotations

import numpy as np
import pytest

import napari_emseg as emseg
from napari_emseg.recipe.operations import OPERATIONS
from napari_emseg.recipe.packed_array import pack
from napari_emseg.recipe.transfer import divide

Step, Recipe = emseg.Step, emseg.Recipe
START = Step.of("segment", params={"n_classes": 3, "smoothing": 0})
MASK = pack(np.ones((4, 4), bool))
PLACED = {
    "wand": {"point": (0, 0)},
    "by_label": {"point": (0, 0)},
    "region_at": {"point": (0, 0)},
    "polygon": {"points": ((0, 0), (0, 1), (1, 1))},
    "rectangle": {"corner": (0, 0), "opposite": (1, 1)},
    "ellipse": {"corner": (0, 0), "opposite": (1, 1)},
    "scissors": {"points": ((0, 0), (0, 1), (1, 1))},
    "box": {"box": (0, 0, 2, 2)},
    "scribbles": {"strokes": MASK, "label": 1},
    "lasso": {"path": ((0, 0), (0, 1), (1, 1))},
    "selection": {"values": MASK},
    "draw": {"strokes": MASK},
    "brush": {"path": ((0, 0), (0, 1)), "radius": 2.0},
    "brush_regions": {"path": ((0, 0), (0, 1)), "radius": 2.0},
}


def divided(*steps):
    kept, left_out = divide((START, *steps))
    assert kept[0] == START
    return [step.op for step in kept[1:]], [(one.number, one.op) for one in left_out]


def test_classes_are_the_same_in_any_picture():
    steps = [
        Step.of("merge", members=(1, 2)),
        Step.of("swap", a=1, b=3),
        Step.of("absorb_small", min_size=9),
        Step.of("by_class", k=1),
        Step.of("grow", pixels=2),
        Step.of("fill", label=4),
        Step.of("color_range", colors=((9, 9, 9),), mode="new"),
        Step.of("new_class"),
    ]
    assert divided(*steps) == ([step.op for step in steps], [])


def test_places_are_left_out_and_all_that_depends_on_them():
    steps = [
        Step.of("lasso", path=((0, 0), (0, 3), (3, 3))),  # 2
        Step.of("grow", pixels=2),  # 3
        Step.of("save", name="a"),  # 4
        Step.of("fill", label=1),  # 5
        Step.of("merge", members=(1, 2), inside=True),  # 6
        Step.of("by_class", k=2, mode="add"),  # 7
        Step.of("by_class", k=2),
        Step.of("load", name="a"),  # 9
        Step.of("fill", label=2),  # 10
        Step.of("merge", members=(1, 2)),
        Step.of("color_range", points=((1, 1),)),  # 12
        Step.of("patch", where=MASK, values=MASK),  # 13
        Step.of("desaturate", amount=1.0),  # 14
    ]
    kept, left_out = divided(*steps)
    assert kept == ["by_class", "merge"]
    assert [number for number, _ in left_out] == [2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 14]


def test_reasons_are_told_in_words():
    steps = (
        START.changed(mask=MASK),
        Step.of("wand", point=(1, 1)),
        Step.of("fill", label=2),
        Step.of("merge", members=(1, 2), at=None),
        Step.of("swap", a=1, b=2).model_copy(update={"at": (0, None, None)}),
    )
    kept, left_out = Recipe(steps=steps).transferable()
    assert kept == Recipe(steps=(START, steps[3]))
    assert [str(one) for one in left_out] == [
        "step 1 (segment): its mask fits one picture",
        "step 2 (wand): a click is a place in one picture",
        "step 3 (fill): it works on a selection that is left out",
        "step 5 (swap): it was done in one plane of a stack",
    ]


def test_what_does_not_begin_with_a_fit_is_refused():
    blank = Step.of("blank", shape=(4, 4), dtype="uint8")
    for steps, words in (((), "is empty"), ((blank,), "begins with 'blank'")):
        with pytest.raises(ValueError, match=words):
            Recipe(steps=steps).transferable()


@pytest.mark.parametrize("name", PLACED)
def test_what_takes_a_place_is_left_out(name):
    assert divided(Step.of(name, **PLACED[name])) == ([], [(2, name)])


def test_no_operation_with_a_place_is_forgotten():
    words = {"point", "points", "path", "corner", "box", "strokes", "values"}
    takes = {
        name
        for name, row in OPERATIONS.items()
        if row.group in ("select", "labels") and words & {*row.args.model_fields}
    }
    assert takes <= {*PLACED, "color_range", "refit", "patch"}
