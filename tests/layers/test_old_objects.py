"""Garbage that is collected, and what is passed over, while a panel is open."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emseg.layers import old_objects
from napari_emseg.layers.history import changing_together
from napari_emseg.layers.old_objects import OldObjects


class Ring:
    """Refers to itself, so that only a collection frees it."""

    def __init__(self):
        self.ring = self


def ring():
    """Return a weak reference to a ring that nothing else refers to."""
    return ref(Ring())


@pytest.fixture
def viewer():
    """Return a viewer that collects garbage whenever a layer is removed."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((2, 2)), name="old")
    viewer.layers.events.removed.connect(lambda _: gc.collect())
    return viewer


@pytest.fixture
def pauses():
    """Return what waits for a pause."""
    return []


@pytest.fixture
def old(viewer, pauses):
    gc.collect()
    old = OldObjects(viewer, pauses.append)
    yield old
    old.release()
    gc.freeze()  # else other tests have all tests looked through again and again


def test_what_was_there_is_passed_over_until_release(old):
    gc.disable()
    before = ring()
    old.hold()
    after = ring()
    gc.enable()
    gc.collect()
    assert after() is None
    assert before() is not None
    old.release()
    gc.collect()
    assert before() is None
    assert gc.get_freeze_count() == 0


def test_a_layer_is_removed_without_a_look_at_objects(viewer, old, pauses):
    gc.disable()
    old.hold()
    layer = viewer.add_labels(np.zeros((2, 2), int))
    after = ring()
    viewer.layers.remove(layer)
    gc.enable()
    assert after() is not None
    assert gc.get_freeze_count() > 0
    pauses[0]()
    assert after() is None
    # What is there then is passed over from now on.
    assert gc.get_freeze_count() > 0


def test_all_is_collected_once(viewer, old, pauses):
    """Whatever number of layers were removed, and of panels are open."""
    second = OldObjects(viewer, pauses.append)
    old.hold()
    second.hold()
    viewer.layers.remove("old")
    first, *others = pauses
    first()
    gc.disable()
    after = ring()
    for other in others:
        other()
    gc.enable()
    second.release()
    assert others
    assert after() is not None


def test_layers_that_are_changed_together(pauses):
    viewer = ViewerModel()
    names = [viewer.add_image(np.zeros((2, 2)), name=name).name for name in "ab"]
    if not hasattr(viewer.layers, "batched_update"):
        pytest.skip("this napari removes one after the other")
    # As napari does, which collects for all of them, also if none was removed.
    viewer.layers.events.end_batch.connect(lambda _: gc.collect())
    gc.collect()
    old = OldObjects(viewer, pauses.append)
    old.hold()
    gc.disable()
    before = ring()
    with changing_together(viewer.layers):
        viewer.layers["a"].visible = False
    assert before() is not None
    assert not pauses
    with changing_together(viewer.layers):
        for name in names:
            viewer.layers.remove(name)
    gc.enable()
    assert before() is not None
    pauses[0]()
    assert before() is None
    old.release()


def test_after_release_nothing_is_followed(viewer, old, pauses):
    old.hold()
    old.release()
    viewer.layers.remove("old")
    assert gc.get_freeze_count() == 0
    assert not pauses


def test_one_of_two_that_releases(viewer, old, pauses):
    """As when a second panel is opened and closed again."""
    gc.disable()
    before, second = ring(), OldObjects(viewer, pauses.append)
    old.hold()
    second.hold()
    second.release()
    gc.enable()
    gc.collect()
    assert before() is not None
    old.release()
    gc.collect()
    assert before() is None
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("limits", [(3, 2**28), (100, 3 * 64)])
def test_a_script_that_never_pauses_does_not_fill_memory(
    viewer, old, pauses, limits, monkeypatch
):
    monkeypatch.setattr(old_objects, "_MOST_LAYERS", limits[0])
    monkeypatch.setattr(old_objects, "_MOST_BYTES", limits[1])
    gc.disable()
    old.hold()
    removed = []
    for _ in range(12):
        layer = viewer.add_labels(np.zeros((8, 8), np.uint8))
        layer.ring = layer
        removed.append(ref(layer))
        viewer.layers.remove(layer)
    del layer
    gc.enable()
    assert sum(one() is not None for one in removed) <= 5
