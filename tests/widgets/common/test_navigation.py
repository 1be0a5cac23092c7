"""The ring around a place on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage import data

import napari_emseg as emseg
from napari_emseg.layers import add_to
from napari_emseg.widgets.common import navigation as module
from napari_emseg.widgets.common.navigation import Marker, jump_to, marker_of
from napari_emseg.widgets.manifest_commands import next_uncertain_place
from napari_emseg.widgets.results.inspector import inspector_of

LEFT = Qt.MouseButton.LeftButton


PHOTO = np.ascontiguousarray(data.coffee()[::5, ::5])


@pytest.fixture
def ring(viewer, qtbot):
    """Return the ring around the first uncertain place of a result."""
    image = viewer.add_image(PHOTO)
    layer = add_to(viewer, emseg.segment(PHOTO, n_classes=3), image)
    viewer.layers.selection.active = layer
    next_uncertain_place(viewer)
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)
    return marker_of(viewer)


def test_it_goes_around_the_place_and_leaves_by_itself(ring, viewer, qtbot):
    assert ring.isVisible()
    canvas = ring.parentWidget()
    middle = ring.geometry().center() - canvas.rect().center()
    assert max(abs(middle.x()), abs(middle.y())) <= 1
    qtbot.waitUntil(lambda: not ring.isVisible(), timeout=10 * module.DURATION)
    assert len(viewer.layers) == 2


def test_the_next_place_has_the_same_ring(ring, viewer, qtbot):
    next_uncertain_place(viewer)
    qtbot.waitUntil(lambda: inspector_of(viewer).idle, timeout=20_000)
    assert ring.isVisible()
    assert marker_of(viewer) is ring
    assert len(ring.parentWidget().findChildren(Marker)) == 1


def test_it_lets_the_mouse_through_and_goes(ring, hand, viewer):
    viewer.layers.selection.active.mode = "paint"
    hand.layer = viewer.layers.selection.active
    hand.layer.selected_label = 9
    center = getattr(viewer, "scene", viewer).camera.center[-2:]
    at = tuple(round(value) for value in center)
    assert QApplication.widgetAt(ring.mapToGlobal(ring.rect().center())) is not ring
    hand.click(at)
    assert hand.layer.data[at] == 9
    assert not ring.isVisible()


def test_it_goes_when_the_canvas_is_zoomed(ring, qtbot):
    canvas = ring.parentWidget()
    spot = QPointF(canvas.rect().center())
    turn = QWheelEvent(
        spot,
        canvas.mapToGlobal(spot),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, turn)
    assert not ring.isVisible()


def test_it_is_a_light_ring_around_a_free_middle(ring):
    ring.flash(80)
    QTest.qWait(int(1.5 * module.CLOSING * module.DURATION))
    picture = ring.grab().toImage()
    middle = picture.width() // 2
    across = [picture.pixelColor(x, middle) for x in range(picture.width())]
    light = [x - middle for x, color in enumerate(across) if color.lightness() > 200]
    assert 39 <= min(map(abs, light)) <= max(map(abs, light)) <= 40 + module.RIM
    assert min(light) < 0 < max(light)


def test_it_fits_the_canvas(viewer):
    ring = marker_of(viewer)
    canvas = ring.parentWidget()
    for diameter in (0, 50, 1e6):
        ring.flash(diameter)
        assert canvas.rect().contains(ring.geometry())


def test_a_jump_to_a_class_is_marked(viewer, stripes):
    layer = viewer.add_labels(np.repeat([[1], [2]], 20, axis=0).repeat(40, axis=1))
    jump_to(viewer, layer, 2)
    assert marker_of(viewer).isVisible()
