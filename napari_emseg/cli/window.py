"""The napari window that the command line opens, with the panel docked.

napari and Qt are imported inside the functions: whoever needs no window can do
without them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_emseg.io.samples import LayerData

# Names a file: the window segments once, is photographed into it, and closes.
SCREENSHOT = "NAPARI_EMSEG_SCREENSHOT"
SCREENSHOT_SIZE = (1280, 800)
PATIENCE = 120.0  # seconds for the segmentation in front of a screenshot
_PROBE = "from qtpy.QtWidgets import QApplication; QApplication([])"


def why_no_window() -> str:
    """Return why no window can be opened here; empty if one can.

    Returns
    -------
    str
        A reason, in one line, for the user to read.
    """
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display"
    if find_spec("napari") is None:
        return 'napari is not installed; pip install "napari-emseg[all]"'
    # Qt ends the process if it cannot reach the display or misses a library, so
    # another process has to try.
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    if probe.returncode == 0:
        return ""
    said = [line for line in probe.stderr.splitlines() if line.strip()]
    return said[0] if said else f"Qt ended with status {probe.returncode}"


def show(layers: Sequence[LayerData]) -> bool:
    """Open napari with `layers` and the panel "Segment", and wait until it is closed.

    Parameters
    ----------
    layers : sequence of (data, attributes, type) tuples
        What to show, in napari's own form.

    Returns
    -------
    bool
        False if the environment asks for a screenshot and it could not be taken.
    """
    import napari

    _leave_signals_to_the_system()
    viewer = napari.Viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    for data, attributes, kind in layers:
        getattr(viewer, f"add_{kind}")(data, **attributes)
    target = os.environ.get(SCREENSHOT)
    if not target:
        napari.run()
        return True
    return _photograph(viewer, panel.run, lambda: panel.running, Path(target))


def show_points() -> bool:
    """Open napari with the panels "Points" and "Model", and wait until it is closed.

    Returns
    -------
    bool
        False if the environment asks for a screenshot and it could not be taken.
    """
    import napari

    from napari_emseg.widgets.points_panel import open_points

    _leave_signals_to_the_system()
    viewer = napari.Viewer()
    panel = open_points(viewer)
    target = os.environ.get(SCREENSHOT)
    if not target:
        napari.run()
        return True
    return _photograph(viewer, panel.renew, lambda: panel.running, Path(target))


def _leave_signals_to_the_system() -> None:
    """Let the process be ended while Qt waits, when no code of Python would hear it."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _photograph(
    viewer: Any, begin: Callable[[], None], running: Callable[[], bool], target: Path
) -> bool:
    """Begin, wait for the labels, write a picture of the window, and leave."""
    import time

    from napari.layers import Labels
    from qtpy.QtWidgets import QApplication

    def wait(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    viewer.window.resize(*SCREENSHOT_SIZE)
    wait(1)
    viewer.reset_view()
    begin()
    end = time.monotonic() + PATIENCE
    while running() and time.monotonic() < end:
        wait(0.05)
    done = any(isinstance(layer, Labels) for layer in viewer.layers)
    wait(1)  # for the canvas to draw
    if done:
        viewer.screenshot(str(target), canvas_only=False, flash=False)
    viewer.close()
    return done
