"""The strip that shows work, without napari's window."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from napari.components import ViewerModel
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_emseg.widgets.common.background import BackgroundQueue
from napari_emseg.widgets.common.work_strip import PATIENCE, WorkStrip


@pytest.fixture
def work(qtbot):
    viewer, errors = ViewerModel(), []
    queue = BackgroundQueue(errors.append)
    strip = WorkStrip(viewer, queue, QLabel("Ready"))
    qtbot.addWidget(strip)
    strip.show()
    yield SimpleNamespace(viewer=viewer, queue=queue, strip=strip)
    queue.close()
    assert errors == []


def steps(gate, total):
    """Yield once, and go on when the gate is open."""
    yield SimpleNamespace(done=2, total=total)
    assert gate.wait(20)
    yield SimpleNamespace(done=total, total=total)


def test_long_work_is_shown_and_can_be_canceled(work, qtbot):
    strip, gate, done = work.strip, threading.Event(), []
    height = strip.height()
    assert not strip.bar.isVisible()
    keys = dict(work.viewer.keymap)
    work.queue.run(lambda: steps(gate, 7), done.append)
    assert not strip.bar.isVisible()  # It may be over in a moment.
    assert len(work.viewer.keymap) == len(keys) + 1
    qtbot.waitUntil(strip.button.isVisible, timeout=10 * PATIENCE)
    assert strip.height() == height
    assert (strip.bar.value(), strip.bar.maximum()) == (2, 7)
    strip.button.click()
    gate.set()
    assert not strip.bar.isVisible()
    assert dict(work.viewer.keymap) == keys
    qtbot.waitUntil(lambda: work.queue.idle)
    assert done == []


def test_short_work_is_not_shown(work, qtbot):
    done = []
    work.queue.run(lambda: 1, done.append)
    qtbot.waitUntil(lambda: done == [1])
    QTest.qWait(2 * PATIENCE)
    assert not work.strip.bar.isVisible()
    assert not work.viewer.keymap


def test_a_queue_that_is_closed_leaves_no_key(work, qtbot):
    gate = threading.Event()
    work.queue.run(lambda: gate.wait(20), lambda _: None)
    assert work.viewer.keymap
    work.queue.close()
    gate.set()
    assert not work.viewer.keymap
    assert not work.strip.button.isVisible()
