"""Photograph the panel after a run, for the README.

Run in a virtual display::

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/pictures/screenshot.py

The picture goes to ``docs/pictures/panel.png``; ``--theme light`` and ``--output`` make
others, and ``--edit`` shows the panel "Select and edit" instead, in
``docs/pictures/panel_edit.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
from qtpy.QtTest import QTest

from napari_emseg.io.samples import coffee
from napari_emseg.recipe import Step

OUTPUT = Path(__file__).parent / "panel.png"
SIZE = (1280, 800)
# What the tool selects: a pixel, and how coarse a region.
CUP, LEVEL = (130, 300), 0.6


def photograph(
    path: Path, theme: str, size: tuple[int, int], *, more: bool, edit: bool
) -> None:
    """Open the sample, segment it through the panel, and write the window."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(*size)
    for data, attributes, _ in coffee():
        viewer.add_image(data, **attributes)
    dock, panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    panel.form.expand(more)
    QTest.qWait(5000)  # as long as a person looks around, and napari compiles colors
    panel.form.update(n_classes=5)  # which Live follows
    QTest.qWait(1000)
    while panel.running:
        QTest.qWait(20)
    if edit:
        viewer.window.remove_dock_widget(dock)
        _, panel = viewer.window.add_plugin_dock_widget(
            "napari-emseg", "Select and edit"
        )
        QTest.qWait(3000)
        panel.toolbox.take("region")
        region = Step.of("region_at", point=CUP, level=LEVEL)
        panel.session.choose(panel.session.plane(), lambda: region)
        while not panel.background.idle:
            QTest.qWait(20)
    viewer.reset_view()
    QTest.qWait(1000)
    viewer.window.screenshot(str(path), flash=False, canvas_only=False)
    viewer.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE)
    parser.add_argument("--more", action="store_true", help="unfold all parameters")
    parser.add_argument("--edit", action="store_true", help="the editing panel")
    args = parser.parse_args()
    output = args.output or OUTPUT.with_stem("panel_edit" if args.edit else "panel")
    photograph(output, args.theme, tuple(args.size), more=args.more, edit=args.edit)
    print(output)


if __name__ == "__main__":
    main()
