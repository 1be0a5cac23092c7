"""Forms take the panel's place; pictures are changed, edges refined, files written."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Picture
from qtpy.QtWidgets import QDockWidget, QDoubleSpinBox, QFileDialog

from napari_emseg import adjust, select
from napari_emseg.layers import coverage, find_selection
from napari_emseg.layers.geometry import Plane
from napari_emseg.widgets.edit.adjust.adjusted_picture import NAME


@pytest.fixture
def panel(viewer):
    return viewer.window.add_plugin_dock_widget("napari-emseg", "Select and edit")[1]


@pytest.fixture
def wait(qtbot, panel):
    return lambda: qtbot.waitUntil(lambda: panel.background.idle, timeout=20_000)


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)


MASK = select.rectangle((30, 40), (5, 6), (20, 30))


def same(found, expected):
    np.testing.assert_array_equal(found, expected)


def choose(panel, wait, mask):
    panel.session.choose(panel.session.plane(), lambda: mask, "new")
    wait()


def menu(panel, title):
    menu = panel.commands.buttons[title].menu()
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions()}


def test_stack_change_and_history(qtbot, viewer, panel, wait, picture):
    """Two adjustments on each other; the lower one is changed, and undone."""
    base = viewer.add_image(picture, rgb=True, name="noise")
    holder = panel.parentWidget()
    dialog = panel.commands.forms.ask("Desaturate")
    wait()
    # It lies over the panel, beside the picture.
    dock = next(
        d
        for d in viewer.window._qt_window.findChildren(QDockWidget)
        if d.isAncestorOf(dialog)
    )
    assert dock in viewer.window._qt_window.tabifiedDockWidgets(
        next(
            d
            for d in viewer.window._qt_window.findChildren(QDockWidget)
            if d.isAncestorOf(panel)
        )
    )
    assert not dock.isFloating()
    box = dialog.fields["Amount"].widget.findChild(QDoubleSpinBox)
    assert box.suffix() == " %"
    dialog.put({"amount": 0.5})
    dialog.accept()
    wait()
    assert NAME not in viewer.layers
    gray = viewer.layers["noise desaturate"]
    same(gray.data, adjust.desaturate(picture, amount=0.5, rgb=True))
    panel.commands._actions.adjust("Gamma", {"gamma": 2.0})
    wait()
    dark = viewer.layers["noise desaturate gamma"]
    same(dark.data, adjust.levels(gray.data, gamma=2.0, rgb=True))
    assert (
        viewer.layers.index(base)
        < viewer.layers.index(gray)
        < viewer.layers.index(dark)
    )
    assert holder is panel.parentWidget()
    before = gray.data.copy(), dark.data.copy()

    panel.session.image = gray
    actions = menu(panel, "Adjust")
    assert "Change: Desaturate…" in actions
    dialog = panel.commands.forms.change(gray)
    wait()
    assert dialog.options() == {"amount": 0.5}
    dialog.put({"amount": 1.0})
    dialog.accept()
    wait()
    count = len(viewer.layers)
    same(gray.data, adjust.desaturate(picture, amount=1.0, rgb=True))
    same(dark.data, adjust.levels(gray.data, gamma=2.0, rgb=True))
    history = panel.session.action_history
    assert history.done[-1].text == "changed noise desaturate"
    assert panel.session.adjusted.of(gray).step.args.amount == 1.0
    panel.session.undo()
    same(gray.data, before[0])
    same(dark.data, before[1])
    assert panel.session.adjusted.of(gray).step.args.amount == 0.5
    panel.session.redo()
    same(gray.data, adjust.desaturate(picture, amount=1.0, rgb=True))
    assert len(viewer.layers) == count
    viewer.layers.remove(base)
    with pytest.raises(ValueError, match="cannot be made anew"):
        panel.commands.forms.change(gray)


def test_refined_edges_are_selected_as_a_step(viewer, panel, wait, picture):
    layer = viewer.add_image(picture, rgb=True, name="noise")
    choose(panel, wait, MASK)
    dialog = panel.commands.forms.refine()
    wait()
    shown = viewer.layers[NAME].data.copy()
    # A second form takes the place of the first, and what is selected is followed.
    dialog = panel.commands.forms.refine()
    dialog.fields["Radius"].widget.setValue(4)
    wait()
    assert (viewer.layers[NAME].data != shown).any()
    larger = select.grow(MASK, 3)
    choose(panel, wait, larger)
    dialog.accept()
    wait()
    selection = find_selection(viewer, layer)
    found = coverage(Plane(selection, (None, None)))
    expected = select.refine_edge(picture, larger, radius=4)
    same(found, select.rounded(expected))
    assert "refined the edge within 4 px" in panel.session.action_history.done[-1].text
    panel.session.undo()
    same(coverage(Plane(selection, (None, None))), larger)


def test_exports(viewer, panel, wait, picture, tmp_path, monkeypatch, told):
    viewer.add_image(picture, rgb=True, name="noise")
    choose(panel, wait, MASK)
    path = tmp_path / "out"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    texts = list(menu(panel, "Export"))
    assert texts == ["Cut-out as PNG…", "Mask as PNG…"]
    menu(panel, "Export")["Cut-out as PNG…"].trigger()
    wait()
    found = np.asarray(Picture.open(tmp_path / "out.png"))
    same(found, adjust.cut_out(picture, MASK, rgb=True))
    # The dialog asked about another name: what is there stays.
    menu(panel, "Export")["Mask as PNG…"].trigger()
    wait()
    same(np.asarray(Picture.open(tmp_path / "out.png")), found)
    assert "exists" in told[-1][1]
