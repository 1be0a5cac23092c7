"""Tools, napari, and other plugins share mouse and keys, in any order."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import coerce_keybinding

from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.edit import EditWidget
from napari_emseg.widgets.edit.session import Session
from napari_emseg.widgets.edit.toolbox import Toolbox

LISTS = (
    "mouse_drag_callbacks",
    "mouse_move_callbacks",
    "mouse_wheel_callbacks",
    "mouse_double_click_callbacks",
)


@pytest.fixture
def model(qapp):
    """Return a viewer without a window that has an image and labels."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 30)))
    viewer.add_labels(np.ones((20, 30), np.uint8))
    return viewer


@pytest.fixture
def make_toolbox(model):
    """Return what makes a toolbox for the viewer, as each panel has one."""
    sessions = []

    def make():
        session = Session(model, BackgroundQueue(print))
        session.image, session.labels = model.layers
        sessions.append(session)
        return Toolbox(model, session)

    yield make
    for session in sessions:
        session.close()


def callback(name):
    def call(owner, event):
        pass

    call.__name__ = name
    return call


@pytest.mark.parametrize("of_layer", [False, True])
@pytest.mark.parametrize("name", LISTS)
def test_callbacks_of_others_come_and_go(model, make_toolbox, name, of_layer):
    """Those of before stay, those added meanwhile, too; those removed are gone."""
    owner = model.layers[1] if of_layer else model
    first, early, gone, front, late = map(callback, "abcde")
    callbacks = getattr(owner, name)
    own = list(callbacks)
    callbacks += [early, gone]
    toolbox = make_toolbox()
    toolbox.take("wand")
    callbacks.insert(0, front)
    callbacks.append(late)
    callbacks.remove(gone)
    toolbox.take("lasso")
    assert {*own, front, early, late} <= {*callbacks}
    callbacks.insert(0, first)
    toolbox.take("")
    assert callbacks == [first, front, *own, early, late]


@pytest.mark.parametrize("how", ["wand", "", "lasso"])
def test_callbacks_that_someone_emptied(model, make_toolbox, how):
    toolbox, mine = make_toolbox(), callback("mine")
    toolbox.take("wand")
    for name in LISTS:
        getattr(model, name)[:] = [mine]
    toolbox.take(how)
    toolbox.take("")
    assert [getattr(model, name) for name in LISTS] == [[mine]] * len(LISTS)


def states(model):
    """Return what mouse and keys do."""
    lists = [list(getattr(model, name)) for name in LISTS]
    return [*lists, *(dict(owner.keymap) for owner in (model, *model.layers))]


# Each takes a tool and puts it away again.
@pytest.mark.parametrize("order", sorted({*permutations("aabbcc")})[::7])
def test_tools_of_several_panels_in_any_order(model, make_toolbox, order):
    for owner in (model, *model.layers):
        owner.bind_key("w", callback("theirs"))
        owner.bind_key("Escape", callback("theirs"))
    before = states(model)
    toolboxes = {name: make_toolbox() for name in "abc"}
    for name in order:
        toolboxes[name].take("wand")
        model.layers.selection.active = model.layers["abc".index(name) % 2]
    assert states(model) == before


@pytest.mark.parametrize("key", ["w", "Escape", "Space", "k", "j"])
@pytest.mark.parametrize("owner", ["viewer", "image", "labels"])
class TestKeysOfOthers:
    """Bound to a viewer, to its active layer, or to another one."""

    @pytest.fixture
    def keymap(self, model, owner):
        layers = {"image": model.layers[0], "labels": model.layers[1]}
        return layers.get(owner, model)

    def look(self, model):
        for layer in (*model.layers, *model.layers):
            model.layers.selection.active = layer

    def test_bound_before(self, model, make_toolbox, keymap, key):
        theirs, toolbox = callback("theirs"), make_toolbox()
        keymap.bind_key(key, theirs)
        toolbox.take("wand")
        self.look(model)
        toolbox.take("")
        assert keymap.keymap == {coerce_keybinding(key): theirs}

    def test_bound_meanwhile(self, model, make_toolbox, keymap, key):
        theirs, toolbox = callback("theirs"), make_toolbox()
        keymap.bind_key(key, callback("before"))
        toolbox.take("wand")
        self.look(model)
        keymap.bind_key(key, theirs, overwrite=True)
        if keymap is model:
            assert model.keymap[coerce_keybinding(key)] is theirs
        self.look(model)
        toolbox.take("")
        assert keymap.keymap == {coerce_keybinding(key): theirs}

    def test_taken_away_meanwhile(self, model, make_toolbox, keymap, key):
        toolbox = make_toolbox()
        keymap.bind_key(key, callback("before"))
        model.layers.selection.active = model.layers[1]
        toolbox.take("wand")
        keymap.bind_key(key, None)
        toolbox.take("")
        assert not keymap.keymap


class TestWindow:
    """Real events on the canvas."""

    @pytest.fixture
    def panel(self, viewer, hand, stripes):
        panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")
        viewer.add_image(stripes, name="stripes")
        hand.layer = viewer.add_labels(np.ones(stripes.shape[:2], np.uint8))
        viewer.reset_view()
        return panel[1]

    @pytest.mark.parametrize("keys", [[], ["alt"], ["shift"], ["shift", "alt"]])
    def test_a_drag_is_of_the_tool_and_of_others(
        self, qtbot, viewer, hand, panel, keys
    ):
        """It neither moves the view nor zooms, which it does without the tool."""
        seen = []

        def theirs(viewer, event):
            seen.append(event.type)
            yield
            while event.type == "mouse_move":
                seen.append(event.type)
                yield
            seen.append(event.type)

        viewer.mouse_drag_callbacks.append(theirs)
        before = list(viewer.mouse_drag_callbacks)
        camera = getattr(viewer, "scene", viewer).camera
        view = camera.center, camera.zoom
        panel.toolbox.take("rectangle")
        assert {*before} < {*viewer.mouse_drag_callbacks}
        hand.drag([(2, 2), (5, 5), (8, 9)], keys)
        assert seen[0] == "mouse_press"
        assert seen[-1] == "mouse_release"
        assert "mouse_move" in seen
        assert (camera.center, camera.zoom, camera.mouse_pan) == (*view, True)
        qtbot.waitUntil(lambda: panel.background.idle)
        assert [c for c in viewer.mouse_drag_callbacks if c in before] == before
        panel.toolbox.take("")
        assert viewer.mouse_drag_callbacks == before
        viewer.mouse_drag_callbacks.remove(theirs)

    def test_the_tool_that_was_taken_last_has_the_mouse(
        self, qtbot, viewer, hand, panel
    ):
        second = EditWidget(viewer)
        viewer.window.add_dock_widget(second, name="second")
        # It comes to the front, and the first one goes behind it.
        qtbot.waitUntil(lambda: panel.visibleRegion().isEmpty())
        panel.toolbox.take("rectangle")
        second.toolbox.take("rectangle")
        hand.drag([(2, 2), (5, 5), (8, 9)])
        for each in (panel, second):
            qtbot.waitUntil(lambda each=each: each.background.idle)
        # One action, and not two.
        (action,) = second.session.action_history.done
        assert action.text == "selected (rectangle)"
