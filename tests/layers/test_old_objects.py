"""Garbage that is collected, and what is passed over, while a panel is open."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emseg.layers.history import removing_together
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
def old(viewer):
    gc.collect()
    old = OldObjects(viewer)
    yield old
    gc.unfreeze()
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


def test_new_layers_are_removed_without_a_look_at_old_objects(viewer, old):
    gc.disable()
    before = ring()
    old.hold()
    layer = viewer.add_labels(np.zeros((2, 2), int))
    after = ring()
    gc.enable()
    viewer.layers.remove(layer)
    assert after() is None
    assert before() is not None
    assert gc.get_freeze_count() > 0


def test_with_an_old_layer_all_is_collected(viewer, old):
    gc.disable()
    before = ring()
    old.hold()
    gc.enable()
    viewer.layers.remove("old")
    assert before() is None
    # What is there then is old from now on.
    assert gc.get_freeze_count() > 0


def test_old_layers_that_are_removed_together():
    viewer = ViewerModel()
    names = [viewer.add_image(np.zeros((2, 2)), name=name).name for name in "ab"]
    if not hasattr(viewer.layers, "batched_update"):
        pytest.skip("this napari removes one after the other")
    # As napari does, which collects for all of them.
    viewer.layers.events.end_batch.connect(lambda _: gc.collect())
    gc.collect()
    gc.disable()
    before, old = ring(), OldObjects(viewer)
    old.hold()
    with removing_together(viewer.layers):
        for name in names:
            viewer.layers.remove(name)
        assert before() is not None
    gc.enable()
    assert before() is None
    assert gc.get_freeze_count() > 0
    old.release()


def test_after_release_nothing_is_followed(viewer, old):
    old.hold()
    old.release()
    viewer.layers.remove("old")
    assert gc.get_freeze_count() == 0


def test_one_of_two_that_releases(viewer, old):
    """As when a second panel is opened and closed again."""
    gc.disable()
    before, second = ring(), OldObjects(viewer)
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
