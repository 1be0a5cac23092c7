"""Color range: each click adds a sample, to what is wanted or to what is not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_emseg import select
from napari_emseg.widgets.edit.tools import GESTURES

RED, BRIGHT, GROUND = (12.0, 15.0), (30.0, 10.0), (2.0, 2.0)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


@pytest.fixture
def tool(desk):
    desk.session.options.tolerance = 79.0
    return GESTURES["color_range"](desk.session)


def test_samples_are_collected_in_steps_that_replay(desk, tool):
    points, minus = [(12, 15)], []
    for at, mode in ((RED, "new"), (BRIGHT, "subtract"), (GROUND, "add")):
        desk.drag(tool, [at], mode)
        if mode == "add":
            points.append((2, 2))
        elif mode == "subtract":
            minus.append((30, 10))
        expected = select.color_range(desk.image.data, points, 79, minus=minus)
        same(desk.selected, expected)
    assert len(desk.done) == 3
    same(desk.selected, desk.truth != 3)
    step = [step for step in desk.replayed().steps if step.op == "color_range"][-1]
    assert (step.args.points, step.args.minus) == (((12, 15), (2, 2)), ((30, 10),))
    for _ in range(3):
        desk.session.undo()
    same(desk.selected, select.color_range(desk.image.data, [(12, 15)], 79))


def test_a_new_click_starts_anew(desk, tool):
    desk.drag(tool, [RED])
    desk.drag(tool, [BRIGHT], "add")
    desk.session.options.tolerance = 12.0
    desk.drag(tool, [BRIGHT])
    same(desk.selected, desk.truth == 3)
    desk.drag(tool, [GROUND], "add")
    same(desk.selected, desk.truth != 2)


def test_after_something_else_it_combines_with_what_is_selected(desk, tool):
    desk.session.options.tolerance = 12.0
    desk.drag(tool, [RED])
    desk.session.choose(desk.plane, lambda: desk.truth > 1, "new")
    desk.wait()
    desk.drag(tool, [RED], "subtract")
    same(desk.selected, desk.truth == 3)
    desk.drag(tool, [RED], "add")
    same(desk.selected, desk.truth > 1)


def test_a_press_shows_what_all_samples_select(desk, tool):
    desk.session.options.tolerance = 12.0
    desk.drag(tool, [RED])
    tool.press(desk.plane, BRIGHT, (0.0, 0.0), "add")
    desk.wait()
    same(desk.session.preview.shown > 0, desk.truth > 1)
    tool.cancel()
