"""The selection brush adds and erases, shows what it is about to do, and replays."""

from __future__ import annotations

import numpy as np

import napari_emseg as emseg
from napari_emseg import select
from napari_emseg.widgets.edit.refine.brush_tool import BrushTool
from napari_emseg.widgets.edit.tool_options import ToolOptions

PATH = [(12.0, 12.0), (12.0, 20.004), (12.0, 27.0)]


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def test_it_paints_and_erases_as_steps_that_replay(desk):
    tool, options = BrushTool(desk.session), desk.session.options
    options.brush, options.tolerance = 13, 15.0
    desk.drag(tool, PATH)
    painted = select.brush(desk.image.data, PATH, 6.5, 15)
    same(desk.selected, painted)
    assert painted.sum() > 100
    assert (desk.truth[painted] == 2).all()
    # Another stroke adds, whatever the mode of other tools is.
    desk.drag(tool, [(30.0, 10.0)])
    both = painted | select.brush(desk.image.data, [(30, 10)], 6.5, 15)
    same(desk.selected, both)
    desk.drag(tool, PATH[1:], "subtract")
    same(desk.selected, both & ~select.brush(desk.image.data, PATH[1:], 6.5, 15))
    assert len(desk.done) == 3
    recipe = desk.replayed()
    assert [step.op for step in recipe.steps if step.op == "brush"] == ["brush"] * 3
    for _ in range(3):
        desk.session.undo()
    same(desk.selected, painted)


def test_regions_are_those_of_the_hierarchy(desk):
    tool, options = BrushTool(desk.session), desk.session.options
    options.regions, options.brush, options.level = True, 3, 0.5
    desk.drag(tool, [(12.0, 12.0), (14.0, 15.0)])
    tree = emseg.hierarchy(desk.image.data)
    path = [(12, 12), (14, 15)]
    same(desk.selected, select.brush_regions(tree, path, 1.5, 0.5))
    assert desk.selected[8:20, 10:30].mean() > 0.95
    assert "brush_regions" in [step.op for step in desk.replayed().steps]


def test_what_is_painted_is_shown_before_the_release(desk):
    tool = BrushTool(desk.session)
    desk.session.options.brush = 9
    tool.hover(desk.plane, (20.0, 20.0))
    circle = np.argwhere(desk.session.preview.shown)
    assert abs(np.hypot(*(circle - 20).T) - 4.5).max() < 1.5
    tool.press(desk.plane, PATH[0], (0.0, 0.0), "new")
    desk.wait()
    for point in PATH[1:]:
        tool.drag(point, (0.0, 0.0))
        desk.wait()
    shown = desk.session.preview.shown > 0
    assert desk.layer is None
    tool.release()
    desk.wait()
    same(desk.selected, shown)
    assert not desk.session.preview.shown.any()


def test_escape_selects_nothing(desk):
    tool = BrushTool(desk.session)
    tool.press(desk.plane, PATH[0], (0.0, 0.0), "new")
    tool.cancel()
    tool.release()
    desk.wait()
    assert desk.layer is None
    assert not desk.session.preview.shown.any()


def test_options_without_effect_are_gray_and_say_why(desk, qtbot):
    """Regions know no tolerance, and without them nothing is coarse."""
    form = ToolOptions(desk.session)
    qtbot.addWidget(form)

    def grayed():
        return {name for name, row in form.rows.items() if not row.isEnabled()}

    form.show_of("brush")
    assert grayed() == {"level"}
    assert form.rows["level"].toolTip().endswith("as Regions is not checked.")
    form.rows["regions"].click()
    assert grayed() == {"tolerance", "sample_size"}
    assert form.rows["tolerance"].toolTip().endswith("as Regions is checked.")
    form.show_of("wand")
    assert grayed() == set()
    assert "Not now" not in form.rows["tolerance"].toolTip()
