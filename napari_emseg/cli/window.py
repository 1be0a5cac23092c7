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
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_emseg.cli.terminal import tell
from napari_emseg.engine.image.axes import without_channels
from napari_emseg.engine.image.lazy_image import as_lazy_image
from napari_emseg.io import files
from napari_emseg.io.image_content import ImageContent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_emseg.io.samples import LayerData

# Where it stands, napari's console takes no names over from the module that opens it.
NAPARI_EMBED = True
# Names a file: the window segments once, is photographed into it, and closes.
SCREENSHOT = "NAPARI_EMSEG_SCREENSHOT"
SCREENSHOT_SIZE = (1280, 800)
SETTLED = 200  # ms until a window that opens has its size
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


def show(layers: Sequence[LayerData], paths: Sequence[Path | None] = ()) -> bool:
    """Open napari with `layers` and the panel "Segment", and wait until it is closed.

    Parameters
    ----------
    layers : sequence of (data, attributes, type) tuples
        What to show, in napari's own form.
    paths : sequence of Path or None, optional
        The file that each layer is from, if it has one.

    Returns
    -------
    bool
        False if the environment asks for a screenshot and it could not be taken.
    """
    import napari

    from napari_emseg.layers.history import opened_from
    from napari_emseg.widgets.common.docks import open_panel
    from napari_emseg.widgets.segment.panel import SegmentWidget

    _leave_signals_to_the_system()
    viewer = napari.Viewer()
    panel = open_panel(viewer, SegmentWidget, "Segment")
    for (data, attributes, kind), path in zip_longest(layers, paths):
        with nullcontext() if path is None else opened_from(path):
            getattr(viewer, f"add_{kind}")(data, **attributes)
    _fit_when_docked(viewer, panel.native)
    target = os.environ.get(SCREENSHOT)
    if not target:
        napari.run()
        return True
    return _photograph(viewer, panel.run, lambda: panel.running, Path(target))


def read_saved(
    path: Path, read: Callable[[Path], ImageContent], given: Sequence[Path] = ()
) -> tuple[list[LayerData], list[Path | None]]:
    """Return labels that were saved, and under them their picture if it is found.

    Parameters
    ----------
    path : Path
        Of the labels.
    read : callable
        Reads the file of a picture.
    given : sequence of Path, optional
        Pictures that are opened in any case.

    Returns
    -------
    layers : list of (data, attributes, type) tuples
    paths : list of Path
        Their files.
    """
    from napari_emseg.layers.label_files import find_picture, read_layers
    from napari_emseg.layers.label_look import PLACE, WORDS

    found = read_layers(path)
    [(labels, about, _)] = found
    picture, note = find_picture(path)
    if picture is None:
        if name := note.get("name"):
            tell(
                f"{path.name}: its picture {note.get('path', name)} is not there; open "
                "it, and give its layer the name " + repr(name)
            )
        return found, [path]
    if picture.resolve() in [one.resolve() for one in given]:
        return found, [path]
    if note.get("as_stored") and (ways := files.ways_as_stored(picture)):
        pixels, channel_axis = files.read_image(picture, **ways)
        content = ImageContent(pixels, channel_axis, None)
    else:
        content = read(picture)
    [image] = picture_layers(content, str(note.get("name") or picture.stem))
    shape = as_lazy_image(content.pixels, channel_axis=content.channel_axis).shape
    if len(shape) != labels.ndim or not all(
        own in (1, size) for own, size in zip(labels.shape, shape, strict=True)
    ):
        tell(
            f"{path.name}: its picture {picture} has the shape {shape}, but the labels "
            f"{labels.shape}; it was changed, or is another one, so it stays closed"
        )
        return found, [path]
    if labels.shape == shape:  # it lies where they do
        image[1].update(
            {name: about[name] for name in (*PLACE, *WORDS) if name in about}
        )
    return [image, *found], [picture, path]


def picture_layers(
    image: ImageContent, name: str, path: Path | None = None
) -> list[LayerData]:
    """Return a picture as napari adds it; its channels know that they belong together.

    Parameters
    ----------
    image : ImageContent
    name : str
        Of the layer, or of the first channel.
    path : Path, optional
        Its file.
    """
    from napari_emseg.layers.pictures.picture_layers import OF_ONE_FILE

    attributes: dict[str, Any] = {"name": name}
    picture = as_lazy_image(
        image.pixels, channel_axis=image.channel_axis, full_scale=image.full_scale
    )
    if image.channel_axis is not None:
        attributes["channel_axis"] = image.channel_axis
        if image.channel_names:
            attributes["name"] = [f"{name} {one}" for one in image.channel_names]
    else:
        attributes["rgb"] = picture.rgb
    if image.channel_axis is not None:
        attributes["metadata"] = {OF_ONE_FILE: str(path or name)}
    letters = without_channels(image.axes or "")
    if len(letters) == len(picture.shape):
        attributes["axis_labels"] = tuple(letters.lower())
    if image.spacing is not None:
        attributes |= image.spacing.place(len(picture.shape))
    return [(image.pixels, attributes, "image")]


def _fit_when_docked(viewer: Any, panel: Any) -> None:
    """Show the whole picture when the window has its size, with the panel in it."""
    from qtpy.QtCore import QTimer

    # Window managers may give it another size; the timer goes with the panel.
    timer = QTimer(panel)
    timer.setSingleShot(True)
    timer.timeout.connect(viewer.reset_view)
    timer.start(SETTLED)


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
