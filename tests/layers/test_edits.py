"""Edits of layers: one undo step each, all of it or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from napari_emseg.layers import ActionHistory, apply_edit, edits, history, history_bytes
from napari_emseg.regions import Edit

WRITERS = {str(Path(module.__file__)) for module in (edits, history)}


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

    @pytest.mark.parametrize("label", [-1, 256])
    def test_label_beyond_the_type(self, label):
        layer = Labels(np.zeros((4, 4), np.uint8))
        with pytest.raises(ValueError, match=f"label {label} does not fit into"):
            apply_edit(layer, Edit.whole(np.full((4, 4), label)))


class Fault(BaseException):
    """Raised where no code expects it."""


def fail_at(line):
    """Return a trace function that raises at the n-th line of the write."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        if frame.f_code.co_filename not in WRITERS:
            return None
        if event == "line":
            count += 1
            if count == line:
                raise Fault
        return trace

    return trace


@pytest.mark.parametrize("labels", ["one", "many"])
def test_a_fault_at_any_line_leaves_all_as_before(path, rng, labels):
    start = rng.integers(0, 3, (40, 300), dtype=np.uint8)
    new = np.full_like(start, 9) if labels == "one" else start[::-1].copy()
    layer = Labels(start.copy())
    layer.paint((3, 3), 5)
    layer.paint((20, 20), 6)
    layer.undo()
    before, faults, view = state(layer), 0, layer._slice.image.view.copy()
    while True:
        previous = sys.gettrace()
        sys.settrace(fail_at(faults + 1))
        try:
            apply_edit(layer, Edit.whole(new), max_bytes=1)
        except Fault:
            faults += 1
        else:
            break
        finally:
            sys.settrace(previous)
        assert state(layer) == before, f"line {faults}"
        np.testing.assert_array_equal(layer._slice.image.view, view)
    assert faults > 20
    np.testing.assert_array_equal(layer.data, new)
    layer.undo()
    assert state(layer)[0] == before[0]


class TestJournal:
    @pytest.fixture
    def viewer(self):
        return ViewerModel()

    @pytest.fixture
    def pair(self, viewer):
        return [viewer.add_labels(np.zeros((6, 6), np.uint8)) for _ in range(2)]

    @pytest.fixture
    def journal(self, viewer, pair):
        journal = ActionHistory(viewer)
        yield journal
        journal.close()

    def test_last_action_first(self, journal, pair):
        one, two = pair
        one.paint((1, 1), 3)
        apply_edit(two, Edit.whole(np.ones((6, 6), int)))
        one.fill((5, 5), 4)
        ends = [layer.data.copy() for layer in pair]
        assert [journal.undo() for _ in range(4)] == [[one], [two], [one], []]
        assert not any(layer.data.any() for layer in pair)
        assert [journal.redo() for _ in range(4)] == [[one], [two], [one], []]
        for layer, end in zip(pair, ends, strict=True):
            np.testing.assert_array_equal(layer.data, end)

    def test_group(self, journal, pair):
        one, two = pair
        with journal.group():
            apply_edit(one, Edit.whole(np.ones((6, 6), int)))
            apply_edit(two, Edit.whole(np.ones((6, 6), int)))
        journal.undo()
        assert not any(layer.data.any() for layer in pair)
        journal.redo()
        assert all(layer.data.all() for layer in pair)

    def test_group_that_fails_is_undone(self, journal, pair):
        one, two = pair
        two.paint((1, 1), 3)
        start = two.data.copy()

        def both() -> None:
            with journal.group():
                apply_edit(one, Edit.whole(np.ones((6, 6), int)))
                apply_edit(two, Edit.whole(np.ones((9, 9), int)))

        with pytest.raises(ValueError, match="does not fit"):
            both()
        assert not one.data.any()
        np.testing.assert_array_equal(two.data, start)

    def test_new_action_ends_redo(self, journal, pair):
        one, two = pair
        one.paint((1, 1), 3)
        journal.undo()
        two.paint((1, 1), 3)
        assert journal.redo() == []

    def test_layers_come_and_go(self, journal, viewer, pair):
        one, two = pair
        one.paint((1, 1), 3)
        two.paint((1, 1), 3)
        late = viewer.add_labels(np.zeros((6, 6), np.uint8))
        late.paint((1, 1), 3)
        viewer.layers.remove(two)
        assert [journal.undo() for _ in range(3)] == [[late], [one], []]

    def test_added_layers_go_and_come_back(self, journal, viewer, pair):
        one, two = pair
        viewer.layers.selection.active = one
        one.paint((1, 1), 3)
        picture = viewer.add_image(np.ones((6, 6)))
        viewer.layers.move(2, 1)
        viewer.layers.selection.active = one
        journal.added(picture)
        two.paint((1, 1), 3)
        assert [journal.undo() for _ in range(2)] == [[two], []]
        assert list(viewer.layers) == [one, two]
        journal.undo()
        assert not one.data.any()
        for _ in range(3):
            journal.redo()
        assert list(viewer.layers) == [one, picture, two]
        assert viewer.layers.selection.active is one
        assert two.data.any()
        viewer.layers.remove(picture)
        journal.undo()
        assert journal.undo() == [one]
        assert list(viewer.layers) == [one, two]

    def test_closed_it_notes_nothing(self, viewer, pair):
        journal = ActionHistory(viewer)
        journal.close()
        pair[0].paint((1, 1), 3)
        assert journal.undo() == []
