"""Make the pictures of the panel "Model" and of the figures, for README and site.

Run in a virtual display::

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/pictures/model_pictures.py

They go beside it: ``model.png``, the panel in the middle of a fit;
``model_histogram.png``, ``model_convergence.png`` and ``model.gif``, the moving picture
of the README, made without a window.
``--theme light`` makes the panel light, and ``--folder`` puts them elsewhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import napari
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

import napari_emseg as emseg
from napari_emseg.io.samples import coffee

FOLDER = Path(__file__).parent
SIZE = (1280, 800)
WIDTH = 380  # of the panel
PARAMS = {"n_classes": 5, "smoothing": 0.0}
ITERATION = 3  # in the middle of the way


def photograph(path: Path, theme: str) -> None:
    """Open the sample, show a result in the panel, and write the window."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    ((data, attributes, _),) = coffee()
    image = viewer.add_image(data, **attributes)
    dock, panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Model")
    viewer.window._qt_window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
    emseg.add_to(viewer, emseg.segment(data, **PARAMS), image)
    QTest.qWait(4000)
    viewer.reset_view()
    panel.transport.slider.setValue(ITERATION)
    QTest.qWait(2000)
    shot = viewer.window.screenshot(flash=False, canvas_only=False)
    write_small(path, shot)
    viewer.close()


def write_small(path: Path, picture: object) -> None:
    """Write a picture with 256 colors, which is a third of the size."""
    iio.imwrite(path, picture[..., :3], plugin="pillow", bits=8, optimize=True)


def draw(folder: Path) -> None:
    """Draw the figures that need no window."""
    ((data, _, _),) = coffee()
    seg = emseg.segment(data, **PARAMS)
    for name, make in (
        ("histogram", emseg.plot.histogram),
        ("convergence", emseg.plot.convergence),
    ):
        path = folder / f"model_{name}.png"
        make(seg).savefig(path, dpi=100)
        write_small(path, iio.imread(path))
    emseg.movie.save_movie(folder / "model.gif", seg, width=720, fps=4, force=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    args = parser.parse_args()
    draw(args.folder)
    photograph(args.folder / "model.png", args.theme)
    for path in sorted(args.folder.glob("model*.[gp][in][fg]")):
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
