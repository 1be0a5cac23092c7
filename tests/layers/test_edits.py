"""Edits of layers: one undo step each, all of it or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faults import with_faults
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from napari_emseg.layers import (
    ActionHistory,
    apply_edit,
    edits,
    history,
    history_bytes,
    plan_edit,
    write_plan,
)
from napari_emseg.regions import Edit

WRITERS = [Path(module.__file__) for module in (edits, history)]


@pytest.fixture(params=["private", "public"])
def path(request, monkeypatch):
    """Write with napari's masks, and with its public function."""
    if request.param == "public":
        monkeypatch.setattr(history, "masked_atom", lambda: None)
    return request.param


@pytest.fixture
def told():
    seen = []

    def collect(note):
        seen.append(note.message)

    notification_manager.notification_ready.connect(collect)
    yield seen
    notification_manager.notification_ready.disconnect(collect)


def state(layer):
    """Return all that an edit may change, as plain values."""
    queues = (layer._undo_history, layer._redo_history, layer._staged_history)
    return (
        layer.data.tobytes(),
        [[repr(step) for step in queue] for queue in queues],
        layer._block_history,
    )


class TestOneStep:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
    @pytest.mark.parametrize("contour", [0, 1])
    def test_is_undone_and_redone(self, path, rng, dtype, contour):
        layer = Labels(rng.integers(0, 5, (300, 310)).astype(dtype))
        layer.contour = contour
        start = layer.data.copy()
        new = np.where(rng.random((120, 280)) < 0.3, 7, start[50:170, 5:285])
        assert apply_edit(layer, Edit((slice(50, 170), slice(5, 285)), new))
        end = start.copy()
        end[50:170, 5:285] = new
        np.testing.assert_array_equal(layer.data, end)
        assert len(layer._undo_history) == 1
        layer.undo()
        np.testing.assert_array_equal(layer.data, start)
        layer.redo()
        np.testing.assert_array_equal(layer.data, end)

    def test_of_many_labels_in_a_stack(self, path, rng):
        layer = Labels(rng.integers(0, 9, (5, 40, 30), dtype=np.uint16))
        start = layer.data.copy()
        end = rng.integers(0, 900, start.shape, dtype=np.uint16)
        assert apply_edit(layer, Edit.whole(end))
        np.testing.assert_array_equal(layer.data, end)
        layer.undo()
        np.testing.assert_array_equal(layer.data, start)
        layer.redo()
        np.testing.assert_array_equal(layer.data, end)

    def test_without_a_change_there_is_none(self, path):
        layer = Labels(np.ones((4, 4), np.uint8))
        before = state(layer)
        assert not apply_edit(layer, Edit.whole(np.ones((4, 4), np.uint8)))
        assert not apply_edit(layer, Edit((slice(2, 2),) * 2, np.ones((0, 0), int)))
        assert state(layer) == before

    def test_emits_one_event(self, path):
        layer, events = Labels(np.zeros((600, 600), np.uint8)), []
        layer.events.paint.connect(events.append)
        apply_edit(layer, Edit.whole(np.eye(600, dtype=np.uint8)))
        assert len(events) == 1

    def test_does_not_preserve_labels(self, path):
        layer = Labels(np.ones((4, 4), np.uint8))
        layer.preserve_labels = True
        layer.selected_label = 3
        apply_edit(layer, Edit.whole(np.full((4, 4), 2)))
        assert (layer.data == 2).all()

    def test_shares_nothing_with_the_edit(self, path):
        layer = Labels(np.zeros((4, 4), np.uint8))
        labels = np.arange(16, dtype=np.uint8).reshape(4, 4)
        apply_edit(layer, Edit.whole(labels))
        labels[:] = 0
        layer.undo()
        layer.redo()
        assert layer.data.sum() == 120

    def test_is_displayed(self, path, rng):
        """The texture is what a new layer of the same labels has."""
        for dtype in (np.uint8, np.int32):
            for contour in (0, 1):
                layer = Labels(np.zeros((60, 70), dtype))
                layer.contour = contour
                for labels in ([6], [1, 4, 5]):
                    new = rng.choice(labels, (20, 30)) * (rng.random((20, 30)) < 0.8)
                    apply_edit(layer, Edit((slice(9, 29), slice(4, 34)), new))
                    fresh = Labels(layer.data.copy())
                    fresh.contour = contour
                    np.testing.assert_array_equal(
                        layer._slice.image.view, fresh._slice.image.view
                    )

    def test_off_the_displayed_slice(self, path):
        viewer = ViewerModel()
        layer = viewer.add_labels(np.zeros((5, 20, 20), np.uint8))
        viewer.dims.set_current_step(0, 2)
        apply_edit(
            layer,
            Edit(
                (slice(4, 5), slice(3, 9), slice(3, 9)), np.ones((1, 6, 6)).astype(int)
            ),
        )
        assert layer.data.sum() == 36
        assert not layer._slice.image.view.any()
        viewer.dims.set_current_step(0, 4)
        assert layer._slice.image.view.sum() > 0


@given(st.data())
def test_fifty_edits_equal_a_list_of_arrays(data):
    """Edits, undo and redo in any order are those of a plain list."""
    layer = Labels(np.zeros((9, 11), np.uint8))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    states, now = [layer.data.copy()], 0
    for action in data.draw(
        st.lists(st.sampled_from("eeur"), min_size=50, max_size=50)
    ):
        if action == "e":
            y, x = rng.integers(0, 8), rng.integers(0, 10)
            y1, x1 = rng.integers(y + 1, 10), rng.integers(x + 1, 12)
            new = rng.integers(0, 4, (y1 - y, x1 - x))
            new = np.where(rng.random(new.shape) < 0.5, 3, new)
            if apply_edit(layer, Edit((slice(y, y1), slice(x, x1)), new)):
                after = states[now].copy()
                after[y:y1, x:x1] = new
                states[now + 1 :] = [after]
                now += 1
        elif action == "u":
            layer.undo()
            now = max(now - 1, 0)
        else:
            layer.redo()
            now = min(now + 1, len(states) - 1)
        np.testing.assert_array_equal(layer.data, states[now])


class TestCost:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
    @pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
    def test_full_frame_fill_of_one_class(self, rng, dtype, share):
        """At most 4 bytes per changed pixel, whatever the type of the layer."""
        start = np.where(rng.random((700, 900)) < share, 3, 1).astype(dtype)
        layer = Labels(start.copy())
        apply_edit(layer, Edit.whole(np.full(start.shape, 3)))
        changed = (start != 3).sum()
        # One byte of mask per pixel: 5 bytes where only a fifth of them change.
        assert history_bytes(layer) <= (4 if share < 0.8 else 6) * changed
        layer.undo()
        np.testing.assert_array_equal(layer.data, start)

    def test_of_scattered_pixels(self, rng):
        new = (rng.random((1000, 1000)) < 0.001).astype(np.uint8)
        layer = Labels(np.zeros_like(new))
        apply_edit(layer, Edit.whole(new))
        assert history_bytes(layer) <= 6 * new.sum()

    def test_history_is_limited_and_the_user_is_told(self, path, told):
        layer = Labels(np.zeros((100, 100), np.uint8))
        apply_edit(layer, Edit.whole(np.full((100, 100), 1)))
        one = history_bytes(layer)
        for label in range(2, 6):
            new = Edit.whole(np.full((100, 100), label))
            apply_edit(layer, new, max_bytes=3 * one)
        assert len(layer._undo_history) == 3
        assert history_bytes(layer) <= 3 * one
        assert len(told) == 2
        assert "can no longer be undone" in told[0]
        for _ in range(5):
            layer.undo()
        assert (layer.data == 2).all()

    def test_the_newest_step_is_kept(self, path, told):
        layer = Labels(np.zeros((100, 100), np.uint8))
        apply_edit(layer, Edit.whole(np.full((100, 100), 1)), max_bytes=1)
        assert not told
        layer.undo()
        assert not layer.data.any()


class TestData:
    def test_memory_map(self, path, tmp_path):
        data = np.memmap(tmp_path / "a", np.uint8, "w+", shape=(30, 40))
        layer = Labels(data)
        apply_edit(layer, Edit.whole(np.eye(30, 40, dtype=int)))
        data.flush()
        again = np.memmap(tmp_path / "a", np.uint8, "r", shape=(30, 40))
        np.testing.assert_array_equal(again, np.eye(30, 40))
        layer.undo()
        assert not data.any()

    def test_read_only(self, tmp_path):
        np.zeros((4, 4), np.uint8).tofile(tmp_path / "a")
        layer = Labels(np.memmap(tmp_path / "a", np.uint8, "r", shape=(4, 4)))
        with pytest.raises(ValueError, match="read-only; duplicate it"):
            apply_edit(layer, Edit.whole(np.ones((4, 4), int)))
        layer = Labels(np.zeros((4, 4), np.uint8))
        layer.editable = False
        with pytest.raises(ValueError, match="if it shows a preview, wait"):
            apply_edit(layer, Edit.whole(np.ones((4, 4), int)))

    def test_dask(self):
        dask = pytest.importorskip("dask.array")
        layer = Labels(dask.zeros((4, 4), dtype=np.uint8))
        with pytest.raises(TypeError, match=r"only NumPy arrays and memory maps"):
            apply_edit(layer, Edit.whole(np.ones((4, 4), int)))

    def test_several_scales(self):
        scales = [np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8)]
        with pytest.raises(TypeError, match="several scales"):
            apply_edit(Labels(scales), Edit.whole(np.ones((8, 8), int)))

    @pytest.mark.parametrize(
        ("where", "shape"),
        [
            ((slice(0, 3), slice(0, 3)), (2, 3)),
            ((slice(0, 3),), (3,)),
            ((slice(2, 6), slice(0, 3)), (2, 3)),
        ],
    )
    def test_that_does_not_fit(self, where, shape):
        layer = Labels(np.zeros((4, 4), np.uint8))
        with pytest.raises(ValueError, match="does not fit layer 'Labels'"):
            apply_edit(layer, Edit(where, np.ones(shape, int)))

    @pytest.mark.parametrize(
        ("dtype", "label"), [("uint8", -1), ("int8", -129), ("uint64", 2**64)]
    )
    def test_label_beyond_all_types(self, dtype, label):
        layer = Labels(np.zeros((4, 4), dtype))
        with pytest.raises(ValueError, match=f"label {label} does not fit into"):
            apply_edit(layer, Edit.whole(np.full((4, 4), label, object)))


LADDER = [
    ("uint8", 256, "uint16"),
    ("uint8", 70_000, "int32"),
    ("int8", 128, "int16"),
    ("int8", 40_000, "int32"),
    ("uint16", 2**16, "int32"),
    ("int16", 2**15, "int32"),
    ("int32", 2**31, "int64"),
    ("uint32", 2**32, "int64"),
]


class TestWiderType:
    """A layer that cannot hold a label gets a type that does."""

    @pytest.mark.parametrize(("dtype", "label", "wide"), LADDER)
    def test_undo_and_redo_go_through_it(self, path, rng, dtype, label, wide):
        layer = Labels(rng.integers(0, 5, (30, 40)).astype(dtype))
        states = [layer.data.copy()]
        layer.paint((4, 4), 9)
        states.append(layer.data.copy())
        new = np.where(rng.random((10, 12)) < 0.5, label, 3)
        assert apply_edit(layer, Edit((slice(5, 15), slice(8, 20)), new))
        assert layer.data.dtype == wide
        states.append(layer.data.copy())
        layer.paint((20, 20), label)
        states.append(layer.data.copy())
        for turn, order in ((layer.undo, states[-2::-1]), (layer.redo, states[1:])):
            for state in order:
                turn()
                np.testing.assert_array_equal(layer.data, state)
        fresh = Labels(layer.data.copy())
        np.testing.assert_array_equal(layer._slice.image.view, fresh._slice.image.view)

    def test_the_order_of_actions_survives(self):
        viewer = ViewerModel()
        layer, other = (viewer.add_labels(np.zeros((9, 9), np.uint8)) for _ in "12")
        actions = ActionHistory(viewer)
        layer.paint((4, 4), 9)
        other.paint((4, 4), 9)
        apply_edit(layer, Edit.whole(np.arange(300, 381).reshape(9, 9)))
        assert layer.data.max() == 380
        assert [actions.undo() for _ in range(4)] == [[layer], [other], [layer], []]
        assert not layer.data.any()
        assert [actions.redo() for _ in range(3)] == [[layer], [other], [layer]]
        assert layer.data.max() == 380
        actions.close()

    def test_a_fault_leaves_the_type(self):
        def scene():
            layer = Labels(np.zeros((9, 9), np.uint8))
            layer.paint((4, 4), 9)
            return layer

        def act(layer):
            apply_edit(layer, Edit.whole(np.arange(300, 381).reshape(9, 9)))

        layer = scene()
        before = layer.data.dtype, state(layer)
        act(layer)
        after = layer.data.dtype, state(layer)
        for line, layer in with_faults(scene, act, WRITERS, most=60):
            assert (layer.data.dtype, state(layer)) in (before, after), f"line {line}"

    def test_a_memory_map_is_left_to_the_user(self, tmp_path):
        data = np.memmap(tmp_path / "a", np.uint8, "w+", shape=(9, 9))
        with pytest.raises(ValueError, match="whose labels are a file; convert"):
            apply_edit(Labels(data), Edit.whole(np.full((9, 9), 300)))
        assert not data.any()


@pytest.mark.parametrize("labels", ["one", "many"])
def test_a_fault_at_any_line_leaves_all_as_before_or_as_after(path, rng, labels):
    start = rng.integers(0, 3, (40, 300), dtype=np.uint8)
    new = np.full_like(start, 9) if labels == "one" else start[::-1].copy()

    def scene():
        layer = Labels(start.copy())
        layer.paint((3, 3), 5)
        layer.paint((20, 20), 6)
        layer.undo()
        return layer

    def act(layer):
        apply_edit(layer, Edit.whole(new), max_bytes=1)

    def all_of(layer):
        return state(layer), layer._slice.image.view.tobytes()

    layer = scene()
    before = all_of(layer)
    act(layer)
    after = all_of(layer)
    assert before != after
    ends = []
    for line, layer in with_faults(scene, act, WRITERS, most=80):
        end = all_of(layer)
        assert end in (before, after), f"line {line}"
        ends.append(end == after)
    assert len(ends) > 20
    assert ends == sorted(ends), "what stands is not taken back"


def test_a_listener_that_fails_leaves_the_edit(told):
    """It hears of what stands, as with napari's own brush."""
    layer = Labels(np.zeros((4, 4), np.uint8))

    def fail(event):
        raise RuntimeError("from a plugin")

    heard = []
    layer.events.paint.connect(heard.append)
    layer.events.paint.connect(fail)
    with pytest.raises(RuntimeError, match="from a plugin"):
        apply_edit(layer, Edit.whole(np.full((4, 4), 2)))
    assert (layer.data == 2).all()
    layer.undo()
    assert not layer.data.any()


def test_a_plan_of_a_large_volume_is_compared_in_places(monkeypatch):
    """What others do through napari is noticed in any case."""
    monkeypatch.setattr(edits, "_COMPARED", 100)
    monkeypatch.setattr(edits, "_PLACES", 27)
    layer = Labels(np.zeros((9, 9, 9), np.uint8))
    plan = plan_edit(layer, Edit.whole(np.full((9, 9, 9), 2)))
    assert edits.fresh(layer, plan)
    layer.data[3:6] = 1
    assert not edits.fresh(layer, plan)
    layer.data[3:6] = 0
    assert write_plan(layer, plan)
    assert (layer.data == 2).all()


def test_a_plan_that_is_too_old_is_refused():
    layer = Labels(np.zeros((4, 4), np.uint8))
    plan = plan_edit(layer, Edit.whole(np.full((4, 4), 2)))
    layer.paint((0, 0), 3)
    before = state(layer)
    with pytest.raises(ValueError, match="were changed while this was worked out"):
        write_plan(layer, plan)
    assert state(layer) == before
    layer.data = layer.data[:2]
    with pytest.raises(ValueError, match="were changed while this was worked out"):
        write_plan(layer, plan)
