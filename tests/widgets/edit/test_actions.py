"""Actions on labels that napari keeps: "preserve labels", and the lock of a layer."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

import napari_emseg as emseg
from napari_emseg import select
from napari_emseg.layers import PictureLayers, class_colormap, history, recipe_of
from napari_emseg.layers.class_views import OWN, VIVID, show_view
from napari_emseg.layers.classes import class_color, own_colormap, paint_class
from napari_emseg.recipe import Step
from napari_emseg.regions import splitting
from napari_emseg.regions.refit import refit as refit_of
from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.edit.actions import Actions
from napari_emseg.widgets.edit.scribble_tool import ScribbleTool
from napari_emseg.widgets.edit.session import Session

SHAPE = (24, 32)
TRUTH = np.zeros(SHAPE, np.uint8)
TRUTH[2:12, 2:12] = 1
TRUTH[2:12, 16:28] = 2
TRUTH[16:22, 4:10] = 1
HALF = np.zeros(SHAPE, bool)
HALF[:, :20] = True


class Bench:
    """A session without a window."""

    def __init__(self, qtbot, truth=TRUTH):
        self.qtbot, self.errors = qtbot, []
        self.viewer = ViewerModel()
        self.queue = BackgroundQueue(self.errors.append)
        self.session = Session(self.viewer, self.queue)
        colors = np.array([[20, 30, 60], [190, 60, 40], [230, 225, 210]], np.uint8)
        picture = colors[truth % 3]
        self.session.image = self.viewer.add_image(picture, rgb=True)
        self.layer = self.session.labels = self.viewer.add_labels(truth.copy())
        self.actions = Actions(self.session)

    def do(self, call, *args):
        """Call an action, and wait until it is done; return what changed."""
        before = self.layer.data.copy()
        call(*args)
        self.wait()
        return before != self.layer.data

    def wait(self):
        self.qtbot.waitUntil(lambda: self.queue.idle, timeout=60_000)

    def select(self, mask):
        self.do(self.session.choose, self.session.plane(), lambda: mask, "new")

    def draw(self, label, path):
        self.session.options.classes = True
        self.layer.selected_label = label
        tool = self.tool = getattr(self, "tool", None) or ScribbleTool(self.session)
        plane = self.session.plane()
        tool.press(plane, path[0], path[0], "new")
        for point in path[1:]:
            tool.drag(point, point)
        tool.release()
        self.wait()


@pytest.fixture
def bench(qtbot):
    bench = Bench(qtbot)
    yield bench
    bench.wait()
    bench.session.close()


def scribble(bench):
    bench.session.options.brush = 1
    bench.draw(3, [(13.0, 1.0), (13.0, 18.0)])
    bench.draw(4, [(6.0, 3.0), (6.0, 11.0)])


def refit(bench):
    """Fit again, after some pixels were edited by hand: red ones are not class 1."""
    if bench.layer.editable:
        bench.layer.data_setitem((np.array([3, 3]), np.array([3, 4])), 2)
    bench.actions.refit()


# What an action does to labels that are there, if the layer preserves its labels:
# it paints, as napari's bucket does, or it is about these labels.
PAINTS = {
    "fill": lambda bench: bench.actions.fill(3),
    "new class": lambda bench: bench.actions.new_class(),
    "scribbles": scribble,
}
IS_ABOUT_LABELS = {
    "merge": lambda bench: bench.actions.merge([1, 2]),
    "split": lambda bench: bench.actions.split(1, "components"),
    "refit": refit,
}


@pytest.mark.parametrize("preserve", [False, True])
@pytest.mark.parametrize("name", [*PAINTS, *IS_ABOUT_LABELS])
def test_preserve_labels(bench, name, preserve):
    bench.select(HALF)
    bench.layer.preserve_labels = preserve
    changed = bench.do({**PAINTS, **IS_ABOUT_LABELS}[name], bench)
    assert bench.errors == []
    assert changed.any()
    lost = changed & (TRUTH > 0)
    assert lost.any() == (not preserve or name in IS_ABOUT_LABELS)
    recipe = recipe_of(bench.viewer, bench.layer)
    assert name == "refit" or recipe.steps[-1].op != "patch"
    replayed = recipe.replay(bench.session.image.data)
    np.testing.assert_array_equal(replayed.labels, bench.layer.data)
    while bench.session.action_history.undo():
        pass
    np.testing.assert_array_equal(bench.layer.data, TRUTH)


def test_erase_as_napari_does(bench):
    """With label 0, napari erases the class of the brush alone."""
    bench.layer.preserve_labels = True
    bench.layer.selected_label = 2
    bench.layer.selected_label = 0
    bench.select(np.ones(SHAPE, bool))
    changed = bench.do(bench.actions.fill, 0)
    np.testing.assert_array_equal(changed, TRUTH == 2)
    own = bench.viewer.add_labels(TRUTH.copy())
    own.preserve_labels, own.contiguous, own.selected_label = True, False, 2
    own.selected_label = 0
    for point in ((3, 3), (3, 20)):
        own.fill(point, 0)
    np.testing.assert_array_equal(own.data, bench.layer.data)


def test_nothing_left_to_paint_is_told(bench):
    bench.layer.preserve_labels = True
    bench.select(TRUTH > 0)
    for call in (lambda: bench.actions.fill(3), bench.actions.new_class):
        assert not bench.do(call).any()
        assert "untick 'preserve labels'" in bench.errors.pop()


@pytest.mark.parametrize("name", [*PAINTS, *IS_ABOUT_LABELS])
def test_a_layer_that_cannot_be_edited_is_left_alone(bench, name):
    bench.select(HALF)
    bench.layer.editable = False
    assert not bench.do({**PAINTS, **IS_ABOUT_LABELS}[name], bench).any()
    assert "set layer.editable = True" in bench.errors[-1]


@pytest.mark.parametrize("stack", [False, True])
def test_split_into_more_pieces_than_the_type_counts(qtbot, tmp_path, stack):
    truth = (np.indices((40, 40)).sum(0) % 2).astype(np.uint8)
    truth = np.stack([truth, truth, truth]) if stack else truth
    bench = Bench(qtbot, truth)
    if stack:
        bench.viewer.dims.set_current_step(0, 1)
    bench.do(bench.actions.split, 1, "components")
    assert bench.errors == []
    found = bench.layer.data[1] if stack else bench.layer.data
    assert found.max() == 800
    assert bench.layer.data.dtype == np.uint16
    bench.do(bench.actions.merge, [2, 3])
    recipe = recipe_of(bench.viewer, bench.layer)
    assert recipe.steps[-1].op != "patch"
    replayed = recipe.replay(bench.session.image.data)
    np.testing.assert_array_equal(replayed.labels, bench.layer.data)
    source, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(source, bench.session.image.data, photometric="rgb")
    exec(recipe.to_python(source, target), {})
    np.testing.assert_array_equal(emseg.files.read_labels(target), bench.layer.data)
    bench.session.undo()
    bench.session.undo()
    np.testing.assert_array_equal(bench.layer.data, truth)
    bench.session.close()


def test_a_split_that_takes_its_time_is_canceled(qtbot, monkeypatch):
    bench, begun = Bench(qtbot), Event()

    def endless(*_):
        while True:
            begun.set()
            yield

    monkeypatch.setitem(splitting.PARTS, "watershed", endless)
    bench.actions.split(1, "watershed")
    assert begun.wait(60)
    assert bench.queue.cancel()
    bench.wait()
    np.testing.assert_array_equal(bench.layer.data, TRUTH)
    assert bench.do(bench.actions.split, 1, "components").any()
    assert not bench.errors


def blur(bench):
    bench.actions.adjust("Blur", {"radius": 2.0})


ON_THE_IMAGE = {"blur": blur, "cut out": lambda bench: bench.actions.cut_out()}


@pytest.mark.parametrize("how", ["removed", "replaced"])
@pytest.mark.parametrize("name", ON_THE_IMAGE)
def test_a_picture_of_an_image_that_is_gone_does_not_appear(bench, name, how):
    bench.select(HALF)
    image, said = bench.session.image, []
    bench.session.said.connect(said.append)
    ON_THE_IMAGE[name](bench)
    if how == "removed":
        bench.viewer.layers.remove(image)
    else:
        image.data = image.data.copy()
    count = len(bench.viewer.layers)
    bench.wait()
    assert len(bench.viewer.layers) == count
    assert bench.errors == []
    assert said[0].startswith(f"Canceled: {image.name!r}")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("name", ["fill", "new class", "merge", "split", "refit"])
def test_labels_that_are_removed_meanwhile_are_told_once(bench, name, waits):
    bench.select(HALF)
    if name == "refit":
        bench.layer.data_setitem((np.array([3, 3]), np.array([3, 4])), 2)
        assert bench.session.action_history.done[-1].text == "painted on Labels"
    said = []
    bench.session.said.connect(said.append)
    before = bench.layer.data.copy()
    if waits:
        bench.session.choose(bench.session.plane(), lambda: HALF, "new")
    call = {
        "merge": lambda: bench.actions.merge([1, 2]),
        "refit": bench.actions.refit,
        "split": lambda: bench.actions.split(1, "components"),
        "fill": lambda: bench.actions.fill(3),
        "new class": bench.actions.new_class,
    }[name]
    bench.session.do(call)
    bench.viewer.layers.remove(bench.layer)
    bench.wait()
    assert said == [f"Canceled: {bench.layer.name!r} was removed."]
    assert bench.errors == []
    np.testing.assert_array_equal(bench.layer.data, before)


def test_what_is_locked_later_does_not_change_what_was_asked_for(bench):
    """The step in the recipe says the same as the labels."""
    bench.queue.run(lambda: None, lambda _: None)
    bench.session.do(lambda: bench.actions.merge([1, 2]))
    bench.session.locked.add(2)
    bench.wait()
    np.testing.assert_array_equal(bench.layer.data, TRUTH > 0)
    recipe = recipe_of(bench.viewer, bench.layer)
    replayed = recipe.replay(bench.session.image.data)
    np.testing.assert_array_equal(replayed.labels, bench.layer.data)


def test_a_layer_of_others_that_never_rests_keeps_nobody_waiting(bench):
    """Only labels and selections are what edits are made from."""
    other = bench.viewer.add_labels(np.zeros((5, 5), np.uint8))

    def find():
        other.data = other.data + 1
        return HALF

    bench.select(np.zeros(SHAPE, bool))
    bench.session.choose(bench.session.plane(), find, "new")
    bench.wait()
    selected = bench.session.selected(bench.session.plane())
    np.testing.assert_array_equal(selected, HALF)


def test_an_edit_of_hidden_labels_is_told(bench):
    told = []
    bench.session.noted.connect(told.append)
    bench.select(HALF)
    bench.layer.visible = False
    assert bench.do(bench.actions.fill, 3).any()
    assert "is hidden" in told[-1]


def test_a_layer_stays_though_a_listener_of_others_fails(bench, monkeypatch):
    """It is selected in, and undone, as if nobody had failed."""

    def fail(event):
        raise RuntimeError("another program")

    told, layers = [], bench.viewer.layers
    monkeypatch.setattr(history, "show_warning", told.append)
    layers.events.inserted.connect(fail, position="last")
    bench.select(HALF)
    selected = bench.session.selected(bench.session.plane())
    np.testing.assert_array_equal(selected, HALF)
    bench.actions.cut_out()
    bench.wait()
    assert "picture cut out" in layers
    bench.session.undo()
    assert "picture cut out" not in layers
    assert bench.errors == []
    assert len(told) == 2
    assert all("napari or a plugin failed" in text for text in told)
    layers.events.inserted.disconnect(fail)


def test_channels_in_the_middle_of_a_volume(qtbot):
    """Tools see the volume, and a refit all of it."""
    truth = np.zeros((4, 20, 24), np.uint8)
    truth[:3, 3:15, 4:16] = 1
    noise = np.random.default_rng(0).normal(0, 8, (4, 2, 20, 24))
    image = (40 + 90 * np.stack([truth, truth == 0], axis=1) + noise).astype(np.float32)
    bench = Bench(qtbot)
    layer = bench.session.image = bench.viewer.add_image(
        image, name="hyper", scale=(4, 1, 1, 1)
    )
    seg = emseg.segment(image, axes="ZCYX", n_classes=2)
    picture = PictureLayers.of([layer], "ZCYX")
    bench.layer = bench.session.labels = emseg.add_to(bench.viewer, seg, picture)
    assert (bench.layer.data.shape, bench.session.volume().at) == (
        (4, 1, 20, 24),
        (None, 0, None, None),
    )
    bench.session.options.scope = "volume"
    place = bench.session.place()
    wand = Step.of("wand", point=(1, 8, 9), tolerance=40.0)
    bench.do(bench.session.choose, place, lambda: wand, "new")
    assert ((bench.session.selection_in(place).data() > 0) == truth).mean() > 0.9
    bench.do(bench.session.choose, place, lambda: truth == 1, "new")
    bench.do(bench.actions.modify, "grow", 3.0)
    grown = select.grow(truth == 1, 3, spacing=(4, 1, 1))
    assert not (grown == select.grow(truth == 1, 3)).all()
    np.testing.assert_array_equal(bench.session.selection_in(place).data() > 0, grown)
    bench.do(bench.session.choose, place, lambda: truth == 1, "new")
    bench.do(bench.actions.fill, 2)
    bench.do(bench.actions.refit)
    assert not bench.errors
    seen = np.moveaxis(image, 1, -1)
    seeds = np.where(truth == 1, 2, 0)
    again = recipe_of(bench.viewer, bench.layer)
    assert again.steps[-1].args.axes == "ZYXC"
    fitted = {"n_classes": 2, "axes": "ZYXC"}
    expected = refit_of(seen, seg.labels, seeds, **fitted)
    np.testing.assert_array_equal(bench.layer.data[:, 0], expected)
    np.testing.assert_array_equal(again.replay(image).labels, expected)
    bench.session.close()


def test_a_first_class_where_there_are_no_labels(bench):
    bench.viewer.layers.remove(bench.layer)
    bench.session.labels = None
    bench.select(HALF)
    bench.session.do(bench.actions.new_class)
    bench.wait()
    (made,) = (one for one in bench.viewer.layers if one.name == "picture classes")
    np.testing.assert_array_equal(made.data, HALF)
    assert not bench.errors
    history = bench.session.action_history
    assert history.done[-1].text == "made picture classes"
    history.undo()
    assert made not in bench.viewer.layers
    history.redo()
    assert made in bench.viewer.layers
    # What is selected then is a second one.
    bench.session.labels = bench.layer = made
    bench.select(~HALF)
    bench.do(bench.actions.new_class)
    np.testing.assert_array_equal(made.data, np.where(HALF, 1, 2))


@pytest.mark.parametrize("view", [OWN, VIVID])
def test_a_merged_class_has_the_mean_color_of_its_pixels(bench, view):
    layer = bench.layer
    layer.data = TRUTH + 1
    means = np.array([[0.1, 0.1, 0.2], [0.8, 0.2, 0.2], [0.9, 0.9, 0.8]])
    layer.colormap = class_colormap(means)
    show_view(layer, view)
    shown = class_color(layer, 2)
    bench.do(bench.actions.merge, [2, 1])
    merged = means[TRUTH[TRUTH < 2]].mean(axis=0)
    np.testing.assert_allclose(own_color(layer, 2), merged, atol=1e-6)
    bench.do(bench.actions.merge, [2, 3])
    np.testing.assert_allclose(
        own_color(layer, 2), means[TRUTH].mean((0, 1)), atol=1e-6
    )
    if view == VIVID:
        np.testing.assert_allclose(class_color(layer, 2), shown)
    for color in (merged, means[1]):
        bench.session.action_history.undo()
        np.testing.assert_allclose(own_color(layer, 2), color, atol=1e-6)
    bench.session.action_history.redo()
    np.testing.assert_allclose(own_color(layer, 2), merged, atol=1e-6)
    layer.undo()  # as napari does it, without the panel
    assert len(bench.session.action_history.done) == 0
    np.testing.assert_allclose(own_color(layer, 2), means[1], atol=1e-6)


@pytest.mark.parametrize("painted", [1, 2])
def test_a_color_that_was_given_stays_when_classes_are_merged(bench, painted):
    layer = bench.layer
    layer.data = TRUTH + 1
    layer.colormap = class_colormap(np.eye(3))
    paint_class(layer, painted, (0.5, 0.5, 0.5))
    color = class_color(layer, 2)
    bench.do(bench.actions.merge, [2, 1])
    np.testing.assert_array_equal(class_color(layer, 2), color)


def own_color(layer, label):
    """Return the color of a class beneath vivid ones."""
    return own_colormap(layer.colormap).color_of(label)[:3]
