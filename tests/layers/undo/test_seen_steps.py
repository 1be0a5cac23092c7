"""Whether anything was done on layers since the last look."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_emseg.layers import ActionHistory
from napari_emseg.layers.history import end_history, undo_steps
from napari_emseg.layers.undo import action_history
from napari_emseg.layers.undo.seen_steps import SeenSteps


def replace_data(layer):
    layer.data = layer.data.copy()


CHANGES = {
    "paint": lambda layer: layer.paint((1, 1), 4),
    "undo": lambda layer: layer.undo(),
    "undo and paint": lambda layer: (layer.undo(), layer.paint((1, 1), 4)),
    "undo and redo": lambda layer: (layer.undo(), layer.redo()),
    "forget": end_history,
    "forget the oldest": lambda layer: undo_steps(layer).popleft(),
    "replace": replace_data,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_is_seen(change):
    layer, record = Labels(np.zeros((3, 3), int)), object()
    for label in (1, 2, 3):
        layer.paint((0, 0), label)
    seen = SeenSteps(record, [layer])
    assert seen.same(record, [layer])
    assert not seen.same(object(), [layer])
    assert not seen.same(record, [])
    change(layer)
    assert not seen.same(record, [layer])


def test_what_is_known_is_not_looked_through_again(monkeypatch):
    """Else each stroke takes longer than the one before it, many times over."""
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((3, 3), int))
    history = ActionHistory(viewer)
    looks, find = [], action_history.find_turned

    def count(*args):
        looks.append(args)
        return find(*args)

    monkeypatch.setattr(action_history, "find_turned", count)
    layer.paint((0, 0), 1)
    once = len(looks)
    assert once
    for _ in range(5):
        assert len(history.done) == 1
    assert len(looks) == once
