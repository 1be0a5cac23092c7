"""Widgets that panels share."""

import gc
from weakref import ref

from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QMenu

from napari_emseg.widgets.common.qt import add_row, clear_menu


class Counter:
    """Counts its calls."""

    number = 0

    def __call__(self):
        """Count one."""
        self.number += 1


def test_menus_that_are_filled_anew_keep_nothing(qtbot):
    menu, call = QMenu(), Counter()
    qtbot.addWidget(menu)
    inner = menu.addMenu("more")
    for one in (menu, inner):
        add_row(one, "count", call)
        one.actions()[-1].trigger()
    assert call.number == 2
    known = ref(call)
    del call, inner, one
    clear_menu(menu)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert known() is None
    assert not menu.findChildren(QMenu)
