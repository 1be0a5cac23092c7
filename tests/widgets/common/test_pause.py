"""What waits until the user pauses."""

from __future__ import annotations

import pytest
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit

from napari_emseg.widgets.common import pause
from napari_emseg.widgets.common.pause import Pause


@pytest.fixture
def field(qtbot, monkeypatch):
    monkeypatch.setattr(pause, "AT_FIRST", 1)
    monkeypatch.setattr(pause, "LENGTH", 250)
    field = QLineEdit()
    qtbot.addWidget(field)
    return field


def test_the_last_that_waits_is_done_once(qtbot, field):
    done, waiting = [], Pause(field)
    waiting.wait(lambda: done.append(1))
    waiting.wait(lambda: done.append(2))
    assert not done
    qtbot.waitUntil(lambda: bool(done))
    qtbot.wait(300)
    assert done == [2]


def test_whoever_types_is_not_disturbed(qtbot, field):
    done, waiting = [], Pause(field)
    waiting.wait(lambda: done.append(field.text()))
    qtbot.wait(30)
    for letter in "writing":
        QTest.keyClick(field, letter)
        qtbot.wait(50)
    assert not done
    qtbot.waitUntil(lambda: bool(done))
    assert done == ["writing"]
