"""Each tool with mouse and keys on the canvas of a real viewer."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest
from napari import layers
from napari._app_model import get_app_model
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import QEvent, QPointF

import napari_emseg as emseg
from napari_emseg import select
from napari_emseg.layers import Plane, coverage, find_selection
from napari_emseg.layers.selection import outline
from napari_emseg.recipe import execute
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.keys import Key, Keys
from napari_emseg.widgets.edit import context
from napari_emseg.widgets.edit.session import Session
from napari_emseg.widgets.edit.toolbox import Toolbox
from napari_emseg.widgets.edit.tools import TOOLS

COLORS = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]], np.uint8)


@pytest.fixture
def classes():
    """Return (40, 60) labels: a dark ground, a red block, two bright ones."""
    labels = np.ones((40, 60), np.uint8)
    labels[8:20, 10:30] = 2
    labels[26:36, 6:16] = 3
    labels[26:36, 40:54] = 3
    return labels


PLACES = {
    "plain": {},
    "scaled and rotated": {"scale": (2.0, 0.5), "rotate": 30, "translate": (100, -7)},
    "slice 7": {
        "scale": (4.0, 2.0, 1.0),
        "rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
    },
}


class Bench:
    """A picture, its labels, and the tools."""

    def __init__(self, qtbot, viewer, hand, labels, place, rng):
        self.qtbot, self.viewer, self.hand = qtbot, viewer, hand
        picture = COLORS[labels - 1] + rng.integers(0, 4, (*labels.shape, 1)).astype(
            "u1"
        )
        self.picture = picture
        data = labels
        self.at = ()
        if place == "slice 7":
            self.at = (7,)
            stack = np.zeros((9, *picture.shape), np.uint8)
            stack[7] = picture
            data = np.ones((9, *labels.shape), np.uint8)
            data[7] = labels
            picture = stack
        self.image = viewer.add_image(picture, rgb=True, **PLACES[place])
        self.labels = viewer.add_labels(data.copy(), **PLACES[place])
        if self.at:
            viewer.dims.set_current_step(0, 7)
        viewer.reset_view()
        hand.layer, hand.at = self.labels, self.at
        self.errors = []
        self.background = BackgroundQueue(self.errors.append)
        self.session = Session(viewer, self.background)
        self.session.image, self.session.labels = self.image, self.labels
        self.toolbox = Toolbox(viewer, self.session)
        undo, redo = self.session.undo, self.session.redo
        self.undo_keys = Keys(
            viewer, [Key("Ctrl+Z", "Undo", undo), Key("Ctrl+Shift+Z", "Redo", redo)]
        )
        self.undo_keys.bind()

    def wait(self):
        self.qtbot.waitUntil(lambda: self.background.idle, timeout=20_000)

    @property
    def layer(self):
        return find_selection(self.viewer, self.labels)

    @property
    def selected(self):
        """The selection in the displayed plane; nothing anywhere else."""
        layer = self.layer
        if layer is None:
            return np.zeros(self.labels.data.shape[-2:], bool)
        plane = self.session.plane()
        found = coverage(Plane(layer, plane.at))
        assert np.count_nonzero(layer.data) == np.count_nonzero(found)
        return found

    @property
    def previewed(self):
        return self.session.preview.shown

    def close(self):
        self.toolbox.take("")
        self.undo_keys.release()
        self.session.close()


@pytest.fixture
def make_bench(qtbot, viewer, hand, classes, rng):
    benches = []

    def make(place="plain"):
        benches.append(Bench(qtbot, viewer, hand, classes, place, rng))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make_bench):
    return make_bench()


# Whatever holds where a layer is scaled and rotated holds in a plain one.
@pytest.fixture(params=["scaled and rotated", "slice 7"])
def any_bench(make_bench, request):
    return make_bench(request.param)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def test_a_session_with_every_tool(any_bench, hand, classes):
    """Each action selects what it should; undo and redo pass through all states."""
    bench, red, bright = any_bench, classes == 2, classes == 3
    states = [bench.selected]

    def done(expected, least=1.0):
        bench.wait()
        found = bench.selected
        overlap = (found & expected).sum() / (found | expected).sum()
        assert overlap >= least, (overlap, bench.errors)
        assert not np.array_equal(bench.selected, states[-1])
        states.append(bench.selected)

    bench.toolbox.take("wand")
    hand.click((12, 15))
    done(red)
    hand.click((30, 10), ["shift"])
    left = bright & (np.arange(60) < 30)
    done(red | left)
    hand.key("Q")
    hand.click((28, 45), ["shift"])
    done(red | bright)
    hand.click((28, 45), ["alt"])
    done(red)
    hand.key("M")
    hand.drag([(5.5, 5.5), (8, 9), (15.5, 20.5)], ["shift", "alt"])
    done(red & select.rectangle((40, 60), (6, 6), (15, 20)))
    hand.key("J")
    hand.click((30, 45))
    done(bright & ~left)
    hand.key("H")
    hand.click((12, 15))
    done(red, 0.9)
    hand.key("L")
    lasso = [(10.5, 10.5), (10.5, 40.5), (30.5, 40.5), (30.5, 10.5)]
    hand.drag(lasso)
    done(select.lasso((40, 60), lasso))
    hand.key("M", "shift")
    hand.drag([(5, 5), (30, 40)])
    done(select.ellipse((40, 60), (5, 5), (30, 40)), 0.97)
    hand.key("L", "shift")
    corners = [(5.5, 5.5), (5.5, 50.5), (30.5, 30.3)]
    for corner in corners:
        hand.click(corner)
    hand.key("Return")
    done(select.polygon((40, 60), corners), 0.97)
    hand.key("S", "shift")
    points = [(8, 10), (8, 29), (19, 29), (19, 10)]
    for point in points[:-1]:
        hand.click(point)
    hand.double_click(points[-1])
    done(select.scissors(bench.picture, points))
    same(bench.selected, red)
    hand.key("K")
    hand.drag([(22, 2), (39, 22)])
    done(left, 0.95)
    hand.key("D", "shift")
    bench.session.options.brush = 3
    hand.drag([(3, 3), (3, 50)], ["alt"])
    bench.wait()
    same(bench.selected, states[-1])  # a stroke that agrees changes nothing
    states.append(bench.selected)
    hand.drag([(30, 42), (30, 50)])
    done(bright, 0.95)

    assert bench.errors == []
    end = bench.layer.data.copy()
    for state in states[-2::-1]:
        hand.undo()
        same(bench.selected, state)
    assert bench.layer is None
    for state in states[1:]:
        hand.redo()
        same(bench.selected, state)
    same(bench.layer.data, end)
    same(bench.labels.data[bench.at], classes)


class TestWand:
    def test_moving_previews_and_clicking_selects(self, bench, hand, classes):
        bench.toolbox.take("wand")
        hand.move((12, 15))
        bench.wait()
        same(bench.previewed > 0, classes == 2)
        assert bench.layer is None
        hand.move((30, 10))
        bench.wait()
        same(bench.previewed > 0, (classes == 3) & (np.arange(60) < 30))
        hand.click((30, 10))
        bench.wait()
        same(bench.selected, (classes == 3) & (np.arange(60) < 30))

    def test_a_click_takes_what_its_preview_found(self, bench, hand, monkeypatch):
        steps = []

        def find(step, here):
            steps.append(step)
            return execute.iter_find(step, here)

        monkeypatch.setattr(context, "iter_find", find)
        bench.toolbox.take("wand")
        for point in ((12, 15), (30, 10)):
            hand.move(point)
            bench.wait()
            hand.click(point)
            bench.wait()
        assert [step.args.point for step in steps] == [(12, 15), (30, 10)]
        bench.session.options.tolerance = 40
        hand.click((30, 10))
        bench.wait()
        assert len(steps) == 3

    def test_dragging_changes_the_tolerance_live(self, bench, hand, classes):
        told = []
        bench.session.tolerance_changed.connect(told.append)
        bench.toolbox.take("wand")
        hand.press((12, 15))
        hand.move((12, 15), by=(100, 0), buttons=True)
        assert 25 < bench.session.options.tolerance < 40
        hand.move((12, 15), by=(600, 300), buttons=True)
        bench.wait()
        assert told == sorted(told)
        assert (bench.previewed > 0).all()
        hand.release()
        bench.wait()
        assert bench.selected.all()

    def test_escape_cancels(self, bench, hand):
        bench.toolbox.take("wand")
        hand.press((12, 15))
        hand.move((12, 15), by=(100, 0), buttons=True)
        hand.key("Escape")
        hand.release()
        bench.wait()
        assert bench.session.options.tolerance == 12
        assert not bench.selected.any()
        assert bench.toolbox.name == "wand"

    def test_other_pixels_in_the_same_array(self, bench, hand):
        bench.toolbox.take("wand")
        hand.click((30, 10))
        bench.wait()
        bench.image.data[:] = COLORS[0]
        hand.click((30, 10))
        bench.wait()
        assert bench.selected.all()

    def test_outside_of_the_image(self, bench, hand, told):
        bench.toolbox.take("wand")
        hand.click((-3, 5))
        bench.wait()
        assert not bench.selected.any()
        assert "outside" in told[0][1]

    def test_without_an_image(self, bench, hand, told):
        bench.session.image = None
        bench.toolbox.take("wand")
        hand.click((12, 15))
        ((severity, message),) = told
        assert severity == "error"
        assert "no image is chosen" in message

    @pytest.mark.parametrize("kind", ["transparent", "nan"])
    def test_ground_that_has_no_color(self, bench, hand, told, viewer, kind):
        picture = np.dstack([bench.picture, np.full((40, 60), 255, np.uint8)])
        if kind == "nan":
            picture = picture[..., 0].astype(float)
            picture[8:20, 10:30] = np.nan
        else:
            picture[8:20, 10:30, 3] = 0
        bench.session.image = viewer.add_image(picture)
        bench.toolbox.take("wand")
        notes = []
        bench.session.noted.connect(notes.append)
        hand.click((12, 15))
        bench.wait()
        (message,) = notes
        assert told == []  # It is no error.
        assert "Wand found nothing here" in message or "wand" in message.lower()
        assert "transparent" in message

    @pytest.mark.filterwarnings("ignore:invalid value")  # napari's
    def test_image_of_unknown_size(self, bench, hand, told, viewer):
        lazy = dask.array.from_array(bench.picture[..., 0], chunks=20)
        bench.session.labels = None
        bench.session.image = viewer.add_image(lazy[lazy[:, 0] >= 0])
        bench.toolbox.take("wand")
        hand.click((12, 15))
        assert "compute_chunk_sizes" in told[0][1]

    def test_image_that_lies_elsewhere(self, bench, hand, told):
        bench.image.translate = (0, 3)
        bench.toolbox.take("wand")
        hand.click((12, 15))
        assert "does not lie on" in told[0][1]


class TestRegion:
    def test_moving_previews_and_dragging_changes_the_level(self, bench, hand):
        told = []
        bench.session.level_changed.connect(told.append)
        tree = emseg.hierarchy(bench.picture)
        bench.toolbox.take("region")
        hand.move((12, 15))
        bench.wait()
        same(bench.previewed > 0, select.region_at(tree, (12, 15), 0.5))
        assert bench.layer is None
        hand.press((12, 15))
        hand.move((12, 15), by=(-100, 0), buttons=True)
        bench.wait()
        assert bench.session.options.level == pytest.approx(0.3, abs=0.02)
        same(bench.previewed > 0, select.region_at(tree, (12, 15), told[-1]))
        hand.move((12, 15), by=(600, 300), buttons=True)
        bench.wait()
        assert told[-1] == 1
        hand.release()
        bench.wait()
        assert bench.selected.all()

    def test_escape_cancels(self, bench, hand):
        bench.toolbox.take("region")
        hand.press((12, 15))
        hand.move((12, 15), by=(100, 0), buttons=True)
        assert bench.session.options.level > 0.5
        hand.key("Escape")
        hand.release()
        bench.wait()
        assert bench.session.options.level == 0.5
        assert not bench.selected.any()

    def test_one_hierarchy_for_one_image(self, bench, hand, monkeypatch):
        made = []

        def make(image, **options):
            made.append(image)
            return emseg.hierarchy(image, **options)

        monkeypatch.setattr(context, "hierarchy", make)
        for _ in range(2):
            bench.toolbox.take("region")
            for point in ((12, 15), (30, 10)):
                hand.click(point)
                bench.wait()
            bench.toolbox.take("")
        assert len(made) == 1
        bench.image.data = 255 - bench.image.data
        bench.toolbox.take("region")
        hand.move((12, 15))
        bench.wait()
        same(made[1], bench.image.data)
        bench.image.data[:] = 255 - bench.image.data
        hand.move((12, 16))
        bench.wait()
        same(made[2], bench.image.data)
        assert bench.errors == []


class TestPath:
    def test_escape_and_backspace(self, bench, hand):
        bench.toolbox.take("polygon")
        for corner in [(5.5, 5.5), (5.5, 50.5), (9, 9), (30.5, 30.5)]:
            hand.click(corner)
            if corner == (9, 9):
                hand.key("Backspace")
        bench.wait()
        assert bench.previewed.any()
        hand.key("Return")
        bench.wait()
        first = bench.selected
        corners = [(5.5, 5.5), (5.5, 50.5), (30.5, 30.5)]
        assert (first != select.polygon((40, 60), corners)).mean() < 0.02
        hand.click((20, 20))
        hand.click((30, 20))
        hand.key("Escape")
        hand.key("Return")
        bench.wait()
        same(bench.selected, first)
        assert not bench.previewed.any()

    def test_click_with_a_drawing_tool_deselects(self, bench, hand):
        bench.toolbox.take("rectangle")
        hand.drag([(5, 5), (20, 20)])
        bench.wait()
        assert bench.selected.any()
        hand.click((30, 30), ["shift"])
        bench.wait()
        assert bench.selected.any()
        hand.click((30, 30))
        bench.wait()
        assert not bench.selected.any()

    @pytest.mark.parametrize(
        ("tool", "end", "message"),
        [
            ("box", (5.2, 30), "this box holds no pixel"),
            ("box", (-20, 30), "this box holds no pixel"),
            ("lasso", (20, 30), "a line goes around nothing"),
        ],
    )
    def test_that_goes_around_nothing(self, bench, hand, told, tool, end, message):
        bench.toolbox.take(tool)
        hand.drag([(5.2 if end[0] > 0 else -5, 5), end])
        bench.wait()
        assert bench.errors == []
        assert message in told[0][1]
        assert not bench.selected.any()


class TestScribbles:
    def test_classes_into_the_labels(self, bench, hand, classes):
        bench.labels.data[:] = 1
        bench.session.options.classes = True
        bench.toolbox.take("scribbles")
        for label, line in [
            (1, [(3, 3), (3, 50)]),
            (2, [(12, 12), (15, 28)]),
            (3, [(30, 42), (30, 50)]),
        ]:
            bench.labels.selected_label = label
            hand.drag(line)
            bench.wait()
        assert bench.errors == []
        strokes = bench.viewer.layers["strokes"].data
        assert set(np.unique(strokes)) == {0, 1, 2, 3}
        expected = select.scribbles(bench.picture, strokes, background=None)
        same(bench.labels.data, expected)
        assert [bench.labels.data[at] for at in [(3, 3), (14, 20), (30, 45)]] == [
            1,
            2,
            3,
        ]
        for _ in range(3):
            hand.undo()
        assert (bench.labels.data == 1).all()

    def test_a_click_is_a_stroke(self, bench, hand):
        bench.session.options.brush = 3
        bench.toolbox.take("scribbles")
        hand.click((14, 20))
        bench.wait()
        layer = bench.viewer.layers["strokes"]
        strokes = layer.data
        assert strokes[14, 20] == 2
        np.testing.assert_array_equal(layer._slice.image.view > 0, strokes > 0)  # seen
        assert 1 <= np.count_nonzero(strokes) <= 16

    def test_everything_like_it(self, bench, hand):
        bench.session.options.classes = True
        bench.session.options.contiguous = False
        bench.toolbox.take("scribbles")
        for label, line in [(1, [(3, 3), (3, 50)]), (2, [(12, 12), (15, 28)])]:
            bench.labels.selected_label = label
            hand.drag(line)
            bench.wait()
        strokes = bench.viewer.layers["strokes"].data
        same(
            bench.labels.data,
            select.scribbles(bench.picture, strokes, contiguous=False),
        )

    def test_locked_class_stays(self, bench, hand, classes, told):
        bench.session.options.classes = True
        bench.session.locked = {2}
        bench.toolbox.take("scribbles")
        bench.labels.selected_label = 1
        hand.drag([(30, 42), (30, 50)])
        bench.labels.selected_label = 3
        hand.drag([(12, 12), (15, 28)])
        bench.wait()
        same(bench.labels.data == 2, classes == 2)
        bench.labels.selected_label = 2
        hand.drag([(12, 12), (15, 28)])
        assert "label 2 is locked" in told[0][1]

    def test_escape_forgets_the_strokes(self, bench, hand, viewer):
        bench.toolbox.take("scribbles")
        hand.drag([(30, 42), (30, 50)])
        bench.wait()
        assert viewer.layers["strokes"].data.any()
        hand.key("Escape")
        assert not viewer.layers["strokes"].data.any()
        hand.undo()
        assert viewer.layers["strokes"].data.any()
        bench.toolbox.take("")
        assert "strokes" not in viewer.layers

    def test_another_picture_has_its_own(self, bench, hand, viewer):
        bench.toolbox.take("scribbles")
        hand.drag([(30, 42), (30, 50)])
        bench.wait()
        small = viewer.add_image(bench.picture[:30, :50], rgb=True)
        labels = viewer.add_labels(np.ones((30, 50), np.uint8), name="small classes")
        bench.session.image, bench.session.labels = small, labels
        hand.layer = labels
        hand.key("Escape")  # There are no strokes on this one to forget.
        hand.drag([(12, 12), (15, 28)])
        hand.drag([(3, 3), (3, 45)], ["alt"])
        bench.wait()
        assert bench.errors == []
        assert [one.name for one in viewer.layers].count("strokes") == 1
        assert viewer.layers["strokes"].data.shape == (30, 50)
        assert find_selection(viewer, labels).data[14, 20] == 255

    def test_strokes_for_an_object_are_none_of_a_class(self, bench, hand, classes):
        bench.toolbox.take("scribbles")
        hand.drag([(12, 12), (15, 28)])
        bench.session.options.classes = True
        bench.labels.selected_label = 3
        hand.drag([(30, 42), (30, 50)])
        bench.wait()
        same(bench.labels.data, classes)
        assert set(np.unique(bench.viewer.layers["strokes"].data)) == {0, 3}

    def test_strokes_of_one_class_add_no_selection(self, bench, hand, viewer):
        assert find_selection(viewer, bench.labels) is None
        bench.toolbox.take("scribbles")
        hand.drag([(12, 12), (15, 28)])
        bench.wait()
        assert find_selection(viewer, bench.labels) is None
        hand.drag([(3, 3), (3, 45)], ["alt"])
        bench.wait()
        assert find_selection(viewer, bench.labels).data[14, 20] == 255

    def test_strokes_correct_what_is_selected(self, bench, hand, viewer, classes):
        bench.toolbox.take("rectangle")
        hand.drag([(26, 6), (35, 15)])
        bench.wait()
        before = bench.selected > 0
        bench.toolbox.take("scribbles")
        bench.session.options.brush = 3
        hand.drag([(14, 13), (14, 26)])
        bench.wait()
        same(bench.selected > 0, before | (classes == 2))
        hand.drag([(30, 8), (30, 13)], ["ctrl"])
        bench.wait()
        same(bench.selected > 0, classes == 2)
        hand.undo()
        hand.undo()
        same(bench.selected > 0, before)

    def test_without_an_image_nothing_is_added(self, bench, hand, viewer, told):
        bench.session.image = None
        before = set(viewer.layers)
        bench.toolbox.take("scribbles")
        hand.drag([(12, 12), (15, 28)])
        assert "no image is chosen" in told[0][1]
        assert {one.name for one in set(viewer.layers) - before} == {"preview"}


class TestToolbox:
    def test_own_tools_and_those_of_napari_take_turns(self, bench, hand, viewer):
        viewer.layers.selection.active = bench.labels
        bench.labels.mode = "paint"
        bench.toolbox.take("wand")
        assert bench.labels.mode == "pan_zoom"
        hand.click((12, 15))
        bench.wait()
        assert bench.selected.any()
        hand.key("2")
        assert bench.labels.mode == "paint"
        assert bench.toolbox.name == ""
        before = bench.labels.data.copy()
        bench.labels.selected_label = 4
        hand.click((30, 30))
        assert (bench.labels.data == 4).any()
        hand.undo()
        same(bench.labels.data, before)
        assert bench.selected.any()
        hand.undo()
        assert not bench.selected.any()

    def test_brush_of_napari_on_the_selection(self, bench, hand, viewer, classes):
        bench.toolbox.take("wand")
        hand.click((12, 15))
        bench.wait()
        viewer.layers.selection.active = bench.layer
        bench.layer.mode = "paint"
        bench.layer.brush_size = 4
        hand.drag([(30, 30), (30, 50)])
        painted = bench.selected
        assert painted.dtype == bool
        assert painted[classes == 2].all()
        assert painted[30, 30:51].all()
        bench.layer.mode = "erase"
        hand.click((12, 15))
        assert not bench.selected[12, 15]
        hand.undo()
        same(bench.selected, painted)
        hand.undo()
        same(bench.selected, classes == 2)

    def test_view_does_not_move_while_drawing(self, bench, hand, viewer):
        center = viewer.scene.camera.center
        bench.toolbox.take("lasso")
        for keys in ([], ["alt"]):
            hand.drag([(10, 10), (10, 40), (30, 40)], keys)
        viewer.layers.selection.active = bench.image
        hand.drag([(10, 10), (10, 40), (30, 40)])
        hand.look()  # the camera follows when the canvas is drawn
        assert viewer.scene.camera.center == center
        bench.toolbox.take("lasso")
        hand.drag([(10, 10), (10, 40), (30, 40)])
        hand.look()
        assert viewer.scene.camera.center != center

    def test_keys_are_bound_only_while_a_tool_is_in_the_hand(self, bench, viewer):
        owners = [viewer, bench.image, bench.labels]
        before = [set(owner.keymap) for owner in owners]
        bench.toolbox.take("wand")
        viewer.layers.selection.active = bench.image
        viewer.layers.selection.active = bench.labels
        assert set(viewer.keymap) > before[0]
        assert set(bench.labels.keymap) > before[2]
        bench.toolbox.take("wand")
        assert [set(owner.keymap) for owner in owners] == before

    def test_keys_are_none_of_napari(self, bench, viewer):
        """Not with any kind of layer, other than for what napari does with them too."""
        own = [coerce_keybinding(row.key) for row in bench.toolbox.keys.rows]
        assert len(set(own)) == len(own)
        used = {key for keys in default_shortcuts.values() for key in keys}
        for owner in (viewer, *vars(layers).values()):
            used |= set(getattr(owner, "class_keymap", {}))
        menus = {str(rule.keybinding) for rule in get_app_model().keybindings}
        tools = {coerce_keybinding(tool.key) for tool in TOOLS}
        assert len(used) > 40
        # Photoshop's, which napari has for Labels alone.
        assert {str(key) for key in tools & used} == {"L", "M", "Shift+L"}
        assert not {str(key) for key in own} & menus
        shared = {str(key) for key in set(own) & used - tools}
        # Ends or cancels a path, takes something back, moves the view.
        assert shared == {
            "Enter",
            "Escape",
            "Backspace",
            "Space",
        }

    def test_the_other_slice_is_another_plane(self, make_bench, hand, viewer):
        bench = make_bench("slice 7")
        bench.toolbox.take("polygon")
        hand.click((5, 5))
        viewer.dims.set_current_step(0, 2)
        hand.at = (2,)
        for corner in [(5.5, 5.5), (5.5, 50.5), (30.5, 30.5)]:
            hand.click(corner)
        hand.key("Return")
        bench.wait()
        assert bench.layer.data[2].any()
        assert not np.delete(bench.layer.data, 2, axis=0).any()

    def test_three_dimensional_view(self, make_bench, hand, viewer, told):
        bench = make_bench("slice 7")
        bench.toolbox.take("lasso")
        said = []
        bench.session.said.connect(said.append)
        viewer.dims.ndisplay = 3
        hand.spot = QPointF(200, 200)
        hand.send(QEvent.Type.MouseButtonPress, buttons=True)
        hand.release()
        assert bench.toolbox.name == ""
        assert "2D view" in said[0]
        with pytest.raises(ValueError, match="2D view"):
            bench.toolbox.take("wand")
        assert not told


def test_undo_drops_what_is_still_worked_out(bench, hand):
    bench.toolbox.take("rectangle")
    hand.drag([(5, 5), (20, 20)])
    bench.wait()
    first = bench.selected
    bench.session.choose(bench.session.plane(), lambda: np.ones((40, 60), bool), "new")
    bench.session.undo()
    bench.wait()
    same(bench.selected, first)


def test_work_is_done_again_if_a_layer_changed_meanwhile(bench):
    calls = []

    def find():
        calls.append(len(calls))
        return np.ones((40, 60), bool)

    bench.session.choose(bench.session.plane(), find, "new")
    bench.labels.paint((3, 3), 2)
    bench.wait()
    assert len(calls) == 2
    assert bench.selected.all()


def test_feather_makes_it_soft_with_an_outline_at_half(bench, hand, classes):
    bench.session.options.feather = 2.0
    bench.toolbox.take("rectangle")
    hand.drag([(9.5, 9.5), (29.5, 39.5)])
    bench.wait()
    found = bench.selected
    assert found.dtype == np.float32
    expected = select.feather(select.rectangle((40, 60), (10, 10), (29, 39)), 2.0)
    assert np.abs(found - expected).max() <= 0.5 / 255 + 1e-6
    assert bench.layer.contour == 1
    drawn = bench.layer._slice.image.view > 0
    # A line in the middle of the soft edge, and not one for each degree of it.
    np.testing.assert_array_equal(drawn, outline((found > 0.5).astype("u1")) > 0)


def test_tools_share_one_preview(make_bench, hand, viewer, classes):
    """Napari takes a fifth of a second to remove a layer, and to add one."""
    bench = make_bench("slice 7")
    seen = []

    def note(event):
        seen.append((event.type, event.value.name))

    watched = viewer.layers.events.inserted, viewer.layers.events.removed
    for emitter in watched:
        emitter.connect(note)
    bench.toolbox.take("wand")
    hand.move((12, 15))
    bench.wait()
    same(bench.previewed > 0, classes == 2)
    bench.toolbox.take("class")
    assert not bench.previewed.any()
    hand.move((12, 15))
    bench.wait()
    same(bench.previewed > 0, classes == 2)
    viewer.dims.set_current_step(0, 2)
    assert not bench.previewed.any()
    hand.at = (2,)
    hand.move((12, 15))
    bench.wait()
    assert bench.previewed.all()
    preview = viewer.layers["preview"]
    np.testing.assert_allclose(
        preview.data_to_world((0, 5, 6)), bench.labels.data_to_world((2, 5, 6))
    )
    assert seen == [("inserted", "preview")]
    bench.toolbox.take("")
    assert seen[1:] == [("removed", "preview")]
    for emitter in watched:
        emitter.disconnect(note)


def test_tools_have_icons_and_keys_of_their_own():
    keys = [tool.key for tool in TOOLS if tool.key]
    assert len({*keys}) == len(keys)
    icons = Path(context.__file__).parent / "icons"
    assert {tool.name for tool in TOOLS} <= {path.stem for path in icons.glob("*.svg")}
