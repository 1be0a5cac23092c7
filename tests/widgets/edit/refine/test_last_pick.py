"""Another tolerance changes the last selection, in its own step."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from napari_emseg import select
from napari_emseg.recipe.operations import OPERATIONS
from napari_emseg.widgets.edit.actions import Actions
from napari_emseg.widgets.edit.gestures import Picking
from napari_emseg.widgets.edit.tool_options import ToolOptions
from napari_emseg.widgets.edit.tools import _pick

RED = (12.0, 15.0)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


@pytest.fixture
def form(qtbot, desk):
    form = ToolOptions(desk.session)
    qtbot.addWidget(form)
    return form


@pytest.fixture
def wand(desk):
    return Picking(desk.session, partial(_pick, OPERATIONS["wand"]))


def turn(desk, form, value, name="tolerance"):
    form.rows[name].setValue(value)
    pick = desk.session.last_pick
    desk.qtbot.waitUntil(lambda: not pick._timer.isActive(), timeout=5000)
    desk.wait()


def test_the_last_step_is_replaced_and_the_recipe_knows_one(desk, form, wand):
    desk.drag(wand, [(30.0, 10.0)])
    desk.drag(wand, [RED], "add")
    before = desk.done
    for tolerance in (400.0, 30.0):
        turn(desk, form, tolerance)
        first = select.wand(desk.image.data, (30, 10), 12)
        same(desk.selected, first | select.wand(desk.image.data, (12, 15), tolerance))
        assert desk.done == before
    assert not desk.session.preview.shown.any()
    turn(desk, form, 0.0)
    some = desk.selected
    assert 0 < some.sum() < 300
    desk.session.undo()
    same(desk.selected, first)
    desk.session.redo()
    same(desk.selected, some)
    steps = [step for step in desk.replayed().steps if step.op == "wand"]
    assert [step.args.tolerance for step in steps] == [12.0, 0.0]
    assert len(desk.done) == 3


def test_the_very_first_selection_may_vanish_and_come_back(desk, form, wand):
    desk.drag(wand, [RED])
    turn(desk, form, 300.0)
    assert desk.selected.all()
    turn(desk, form, 12.0)
    same(desk.selected, desk.truth == 2)
    assert len(desk.done) == 1
    # What selects nothing more than there is already is no step at all.
    desk.drag(wand, [RED], "add")
    assert len(desk.done) == 1
    turn(desk, form, 300.0)
    assert desk.selected.all()
    assert len(desk.done) == 2
    turn(desk, form, 12.0)
    same(desk.selected, desk.truth == 2)
    assert len(desk.done) == 1


def test_after_another_action_it_stays(desk, form, wand):
    desk.drag(wand, [RED])
    Actions(desk.session).modify("grow", 2)
    desk.wait()
    grown = desk.selected
    turn(desk, form, 300.0)
    same(desk.selected, grown)
    desk.session.undo()
    turn(desk, form, 200.0)
    # It is the last one again.
    assert desk.selected.all()


def test_gaps_are_closed_after_the_click(desk, form, wand):
    desk.image.data[19:24, 12:15] = desk.image.data[12, 12]
    desk.drag(wand, [RED])
    turn(desk, form, 3, "gap")
    same(desk.selected, select.wand(desk.image.data, (12, 15), 12, gap=3))
    assert desk.selected[24:].sum() == 0
    assert len(desk.done) == 1


@pytest.mark.parametrize("name", ["similar", "grow_similar"])
def test_similar_follows_from_what_was_selected_before(desk, form, wand, name):
    desk.drag(wand, [RED])
    start = desk.selected
    getattr(Actions(desk.session), name)()
    desk.wait()
    same(desk.selected, getattr(select, name)(desk.image.data, start))
    for tolerance in (20.0, 400.0, 360.0):
        turn(desk, form, tolerance)
        expected = getattr(select, name)(desk.image.data, start, tolerance / 4)
        same(desk.selected, expected)
        assert len(desk.done) == 1 + (desk.selected != start).any()
    assert name in [step.op for step in desk.replayed().steps]


def test_it_is_shown_before_it_is_selected(desk, form, wand):
    desk.drag(wand, [RED])
    shown = []
    desk.session.preview.area = lambda plane, mask: shown.append(mask.copy())
    turn(desk, form, 300.0)
    assert [mask.all() for mask in shown] == [True]
