"""Undo across layers: what is done and undone, by whomever, and what fails."""

from __future__ import annotations

import contextlib
import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
from faults import Fault, with_faults
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

import napari_emseg as emseg
from napari_emseg import layers
from napari_emseg.layers import (
    ActionHistory,
    add_to,
    apply_edit,
    fit_record_of,
    plan_edit,
)
from napari_emseg.layers.history import LayerState, drawing
from napari_emseg.layers.metadata import LogEntry, steps_of
from napari_emseg.layers.undo.undo_follower import follow_undo
from napari_emseg.recipe.step import Step
from napari_emseg.regions import Edit

LAYERS = [Path(layers.__file__).parent]
# Faults of each kind; an attack tries each line.
MOST = int(os.environ.get("FAULT_LINES", 9))  # of each act; the attack takes more


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def pair(viewer):
    return [viewer.add_labels(np.zeros((6, 6), np.uint8)) for _ in range(2)]


@pytest.fixture
def actions(viewer, pair):
    actions = ActionHistory(viewer)
    yield actions
    actions.close()


@pytest.fixture
def told():
    seen = []

    def collect(note):
        seen.append(note.message)

    notification_manager.notification_ready.connect(collect)
    yield seen
    notification_manager.notification_ready.disconnect(collect)


def ones(layer, label=1):
    return layer, plan_edit(layer, Edit.whole(np.full(layer.data.shape, label)))


def entry():
    return LogEntry(Step.of("invert").model_dump(mode="json"))


class TestOrder:
    def test_last_action_first(self, actions, pair):
        one, two = pair
        one.paint((1, 1), 3)
        apply_edit(two, Edit.whole(np.ones((6, 6), int)))
        one.fill((5, 5), 4)
        ends = [layer.data.copy() for layer in pair]
        assert [actions.undo() for _ in range(4)] == [[one], [two], [one], []]
        assert not any(layer.data.any() for layer in pair)
        assert [actions.redo() for _ in range(4)] == [[one], [two], [one], []]
        for layer, end in zip(pair, ends, strict=True):
            np.testing.assert_array_equal(layer.data, end)

    def test_several_edits_are_one_action(self, actions, pair):
        actions.write([ones(layer) for layer in pair])
        assert actions.undo() == pair
        assert not any(layer.data.any() for layer in pair)
        assert actions.redo() == pair
        assert all(layer.data.all() for layer in pair)

    def test_new_action_ends_redo(self, actions, pair):
        one, two = pair
        one.paint((1, 1), 3)
        actions.undo()
        two.paint((1, 1), 3)
        assert actions.redo() == []

    def test_layers_come_and_go(self, actions, viewer, pair):
        one, two = pair
        one.paint((1, 1), 3)
        two.paint((1, 1), 3)
        late = viewer.add_labels(np.zeros((6, 6), np.uint8))
        late.paint((1, 1), 3)
        viewer.layers.remove(two)
        assert [actions.undo() for _ in range(3)] == [[late], [one], []]

    def test_a_layer_that_came_back_is_followed_again(self, actions, viewer, pair):
        one, _ = pair
        one.paint((1, 1), 3)
        viewer.layers.remove(one)
        viewer.layers.append(one)
        assert actions.undo() == [one]
        assert not one.data.any()
        assert actions.redo() == [one]

    def test_strokes_from_before_are_not_followed(self, viewer, pair):
        pair[0].paint((1, 1), 3)
        actions = ActionHistory(viewer)
        assert actions.undo() == []
        pair[0].paint((3, 3), 3)
        assert actions.undo() == [pair[0]]
        assert actions.undo() == []
        assert pair[0].data[1, 1] == 3
        actions.close()

    def test_added_layers_go_and_come_back(self, actions, viewer, pair):
        one, two = pair
        viewer.layers.selection.active = one
        one.paint((1, 1), 3)
        picture = viewer.add_image(np.ones((6, 6)))
        viewer.layers.move(2, 1)
        viewer.layers.selection.active = one
        actions.added(picture)
        two.paint((1, 1), 3)
        assert [actions.undo() for _ in range(2)] == [[two], []]
        assert list(viewer.layers) == [one, two]
        actions.undo()
        assert not one.data.any()
        for _ in range(3):
            actions.redo()
        assert list(viewer.layers) == [one, picture, two]
        assert viewer.layers.selection.active is one
        assert two.data.any()
        viewer.layers.remove(picture)
        actions.undo()
        assert actions.undo() == [one]
        assert list(viewer.layers) == [one, two]

    def test_closed_it_notes_nothing(self, viewer, pair):
        actions = ActionHistory(viewer)
        actions.close()
        pair[0].paint((1, 1), 3)
        assert actions.undo() == []

    def test_more_steps_are_kept_than_napari_keeps(self, actions, pair):
        one, two = pair
        two.paint((5, 5), 9)
        count = one._history_limit + 20
        for step in range(count):
            one.paint((step % 6, 1), 1 + step)
        assert [actions.undo() for _ in range(count + 1)] == [[one]] * count + [[two]]


class TestOthers:
    """What napari, scripts and other plugins do to a layer."""

    def test_undo_of_napari_counts(self, actions, pair):
        one, two = pair
        one.paint((1, 1), 3)
        two.paint((1, 1), 3)
        one.undo()
        assert actions.undo() == [two]
        assert actions.undo() == []
        assert actions.redo() == [two]
        assert actions.redo() == [one]
        assert all(layer.data.any() for layer in pair)

    def test_redo_of_napari_counts(self, actions, pair):
        one, two = pair
        one.paint((1, 1), 3)
        two.paint((1, 1), 3)
        actions.undo()
        actions.undo()
        two.redo()
        assert actions.undo() == [two]
        assert not two.data.any()

    def test_half_of_an_action(self, actions, pair):
        one, two = pair
        log = {layer: [entry()] for layer in pair}
        actions.write([ones(layer) for layer in pair], log)
        two.undo()
        assert actions.undo() == [one]
        assert actions.undo() == []
        assert [steps_of(layer) for layer in pair] == [None, None]
        assert {layer for _ in range(2) for layer in actions.redo()} == {one, two}
        assert all(layer.data.all() for layer in pair)
        assert [len(steps_of(layer)) for layer in pair] == [1, 1]

    def test_recipe_goes_with_undo_of_napari(self, actions, pair):
        one, two = pair
        actions.write([ones(one)], {one: [entry()]})
        assert len(steps_of(one)) == 1
        one.undo()
        two.paint((1, 1), 1)
        assert steps_of(one) is None

    def test_a_stroke_that_a_listener_hid(self, actions, pair):
        """One that fails keeps napari from telling others."""
        one, two = pair
        two.paint((1, 1), 2)

        def fail(event):
            raise RuntimeError("from a plugin")

        one.events.paint.connect(fail)
        with pytest.raises(RuntimeError, match="from a plugin"):
            one.paint((1, 1), 3)
        assert actions.undo() == [one]
        assert not one.data.any()
        assert two.data.any()

    @pytest.mark.parametrize("shape", [(3, 3), (6, 6), (9, 9)])
    @pytest.mark.parametrize("undone", [0, 1, 2])
    def test_other_labels_end_the_history(self, actions, pair, told, shape, undone):
        one, two = pair
        two.paint((2, 2), 7)
        one.paint((5, 5), 1)
        one.paint((0, 0), 2)
        for _ in range(undone):
            actions.undo()
        one.data = np.full(shape, 5, np.uint8)
        if undone:
            assert actions.redo() == []
            assert "cannot be undone or redone any more" in told.pop()
            assert actions.redo() == []
        if undone < 2:
            assert actions.undo() == []
            assert "cannot be undone or redone any more" in told.pop()
        assert actions.undo() == [two]
        assert not told
        assert (one.data == 5).all()
        one.undo()
        one.redo()
        assert (one.data == 5).all()
        one.paint((0, 0), 1)
        assert actions.undo() == [one]
        assert (one.data == 5).all()

    def test_the_same_labels_of_another_type_keep_it(self, actions, pair, told):
        one, _ = pair
        one.paint((5, 5), 1)
        one.data = one.data.astype(np.int32)
        assert actions.undo() == [one]
        assert not one.data.any()
        assert actions.redo() == [one]
        assert one.data[5, 5] == 1
        assert not told

    def test_a_stroke_under_way_is_told(self, actions, pair, told):
        one, two = pair
        one.paint((5, 5), 1)
        plan = plan_edit(one, Edit.whole(np.ones((6, 6), int)))
        with one.block_history():
            one.paint((1, 1), 2)
            before = one.data.copy()
            assert drawing(one)
            assert not drawing(two)
            assert actions.undo() == []
            assert "A stroke is being drawn" in told.pop()
            with pytest.raises(ValueError, match="a stroke is being drawn"):
                actions.write([(one, plan)])
            actions.write([ones(two)])
            np.testing.assert_array_equal(one.data, before)
        assert [actions.undo() for _ in range(4)] == [[one], [two], [one], []]
        assert not one.data.any()


class TestLayerState:
    @pytest.mark.parametrize(
        "change",
        [
            lambda layer: layer.paint((3, 3), 4),
            lambda layer: layer.undo(),
            lambda layer: layer.redo(),
            lambda layer: setattr(layer, "data", layer.data.copy()),
            lambda layer: layer._begin_stroke() or layer.paint((3, 3), 4),
        ],
    )
    def test_sees(self, change, viewer):
        layer = viewer.add_labels(np.zeros((6, 6), np.uint8))
        layer.paint((1, 1), 1)
        layer.paint((2, 2), 2)
        layer.undo()
        before = LayerState(layer)
        assert before.same(LayerState(layer))
        change(layer)
        assert not before.same(LayerState(layer))


def summary(scene):
    """Return all that an action may change, as plain values."""
    viewer, actions, runs = scene
    watched = [layer for layer in viewer.layers if layer in actions._data]
    found = [
        (
            layer.data.dtype.name,
            layer.data.tobytes(),
            [repr(step) for step in layer._undo_history],
            [repr(step) for step in layer._redo_history],
            repr(layer._staged_history),
            layer._block_history,
            repr({**layer.metadata}),
            repr(layer.colormap.map(np.arange(9))),
            layer.features.to_csv(),
            fit_record_of(layer) is runs.get(layer),
        )
        for layer in watched
    ]
    actions._sync()
    return found, [
        [
            ([watched.index(layer) for layer in a.layers], [*a.log.values()])
            for a in part
        ]
        for part in (actions._record.done, actions._record.undone)
    ]


IMAGE = np.random.default_rng(1).integers(0, 99, (12, 12), np.uint8)
SEGS = [emseg.segment(IMAGE, n_classes=n, smoothing=0) for n in (2, 3)]


def scene():
    viewer = ViewerModel()
    layer = add_to(viewer, SEGS[0], viewer.add_image(IMAGE))
    other = viewer.add_labels(np.zeros((6, 6), np.uint8))
    actions = ActionHistory(viewer)
    other.paint((5, 5), 1)
    layer.paint((1, 1), 2)
    actions.write([ones(other, 8)], {layer: [entry()]})
    actions.undo()
    return viewer, actions, {layer: fit_record_of(layer)}


def write(scene):
    """Edit two layers and their recipes."""
    pair = [layer for layer in scene[0].layers if layer in scene[1]._data]
    log = {layer: [entry(), entry()] for layer in pair}
    scene[1].write([ones(layer, 7) for layer in pair], log, max_bytes=1)


def edit(scene):
    """Edit one layer without the history of actions."""
    apply_edit(scene[0].layers[1], Edit.whole(np.full((12, 12), 7)))


def update(scene):
    """Put another result into a layer, as a step of undo."""
    image, layer, _ = scene[0].layers
    add_to(scene[0], SEGS[1], image, replace=layer)


def renew(scene):
    """Put another result into a layer, and end its history."""
    image, layer, _ = scene[0].layers
    add_to(scene[0], SEGS[1], image, replace=layer, undo=False)


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        *((act, Fault) for act in (write, edit, update, renew)),
        (edit, KeyboardInterrupt),
        (update, MemoryError),
    ],
)
def test_a_fault_anywhere_leaves_all_as_before_or_as_after(act, fault):
    now = scene()
    before = summary(now)
    act(now)
    after = summary(now)
    assert before != after
    ends = []
    for line, now in with_faults(scene, act, LAYERS, most=MOST, fault=fault):
        end = summary(now)
        assert end in (before, after), f"line {line}"
        ends.append(end == after)
    assert ends.count(False) > 3
    assert ends == sorted(ends), "what stands is not taken back"


@pytest.mark.parametrize("act", [write, edit, update, renew])
@pytest.mark.parametrize("event", ["paint", "set_data", "colormap", "features"])
def test_a_listener_that_fails_leaves_all_as_before_or_as_after(act, event):
    now = scene()
    before = summary(now)
    act(now)
    after = summary(now)
    now = scene()
    layer = now[0].layers[1]

    def fail(event):
        raise RuntimeError("from a plugin")

    getattr(layer.events, event).connect(fail)
    with contextlib.suppress(RuntimeError):
        act(now)
    getattr(layer.events, event).disconnect(fail)
    assert summary(now) in (before, after)


@pytest.mark.parametrize("failing", [(0,), (1,), (0, 1)])
def test_undo_and_redo_turn_all_of_an_action_though_listeners_fail(
    pair, actions, failing
):
    """An action on two layers that another program listens to never turns by half."""

    def fail(event):
        raise RuntimeError("another program")

    edit = Edit.whole(np.eye(6, dtype=np.uint8))
    actions.write([(layer, plan_edit(layer, edit)) for layer in pair])
    for number in failing:
        pair[number].events.set_data.connect(fail)
    for turn, expected in ((actions.undo, 0), (actions.redo, 6)) * 2:
        with pytest.raises(RuntimeError, match="another program"):
            turn()
        assert [int(layer.data.sum()) for layer in pair] == [expected] * 2


def test_what_goes_with_an_edit_goes_while_its_layer_is_hidden():
    """Napari tells nobody of an undo on a hidden layer."""
    viewer = ViewerModel()
    layer, seen = viewer.add_labels(np.zeros((3, 3), np.uint8)), []
    history = ActionHistory(viewer)
    layer.paint((0, 0), 1)
    follow_undo(layer, lambda: seen.append(int(layer.data[0, 0])))
    layer.visible = False
    assert history.undo() == [layer]
    assert seen == [0]
    assert history.redo() == [layer]
    assert seen == [0, 1]
    layer.visible = True
    assert seen == [0, 1]


def test_layers_that_were_closed_do_not_stay(actions, viewer, pair):
    closed = []
    for name in "abcdef":
        layer = viewer.add_labels(np.zeros((6, 6), np.uint8), name=name)
        actions.added(layer)
        layer.paint((1, 1), 3)
        viewer.layers.remove(layer)
        closed.append(weakref.ref(layer))
    pair[0].paint((2, 2), 5)
    last = layer
    del layer
    gc.collect()
    assert [layer() is None for layer in closed] == [True] * 2 + [False] * 4
    # Those that stay can come back, and what was done on others is still known.
    viewer.layers.append(last)
    assert actions.undo() == [pair[0]]
    assert actions.undo() == [last]
    assert not last.data.any()


def test_a_layer_that_undo_took_out_comes_back_after_others_were_closed(
    actions, viewer, pair
):
    made = viewer.add_labels(np.zeros((6, 6), np.uint8))
    actions.added(made)
    actions.undo()
    for _ in range(6):
        viewer.layers.remove(viewer.add_labels(np.zeros((6, 6), np.uint8)))
    actions.redo()
    assert made in viewer.layers
