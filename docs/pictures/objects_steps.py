"""Photograph the steps from a picture of tissue to a table of nuclei, for the README.

Run in a virtual display::

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/pictures/objects_steps.py

The picture goes to ``docs/pictures/objects.png``; ``--theme light`` and ``--output``
make others.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QTabBar, QWidget

from napari_emseg.io.samples import tissue

if TYPE_CHECKING:
    from napari_emseg.widgets.objects import ObjectsWidget

OUTPUT = Path(__file__).parent / "objects.png"
SIZE = (1280, 800)
NUCLEI = 3  # the blue class
SMALLEST = 60  # pixels
RADIUS, COLOR = 12, "#d55e00"


def wait(panel: ObjectsWidget) -> None:
    """Wait until all is found, measured and drawn."""
    for _ in range(3):
        while not panel.background.idle:
            QTest.qWait(20)
        QTest.qWait(400)


def work(viewer: Any) -> dict[int, tuple[QWidget, QPoint]]:
    """Do the steps, and return what is clicked in each, and where."""
    _, segment = viewer.window.add_plugin_dock_widget("napari-emseg", "Segment")
    QTest.qWait(3000)  # as long as a person looks around
    segment.run()
    while segment.running:
        QTest.qWait(20)
    _, panel = viewer.window.add_plugin_dock_widget("napari-emseg", "Objects")
    wait(panel)
    classes = panel.finding.classes
    classes.choose([NUCLEI])
    wait(panel)
    panel.finding.make.click()
    wait(panel)
    panel.show_measures()
    slider = panel.filters.sliders[0]
    slider.place(SMALLEST, slider.high)
    slider.moved.emit()
    table = panel.session.table
    panel.session.choose(table["label"][table["circularity"] > 0.95].tolist())
    wait(panel)
    viewer.reset_view()
    QTest.qWait(1000)
    row = classes.visualItemRect(classes.item(NUCLEI - 1))
    tabs = next(
        bar
        for bar in viewer.window._qt_window.findChildren(QTabBar)
        if bar.count() > 1 and bar.tabText(0) == "Segment"
    )

    def beside(widget: QWidget) -> tuple[QWidget, QPoint]:
        return widget, QPoint(widget.width() - RADIUS - 4, widget.height() // 2)

    def corner(widget: QWidget) -> tuple[QWidget, QPoint]:
        return widget, QPoint(widget.width(), widget.height())

    return {
        1: (tabs, tabs.tabRect(0).center() - QPoint(0, 22)),
        2: (tabs, tabs.tabRect(1).center() - QPoint(0, 22)),
        3: (classes.viewport(), QPoint(row.width() - 40, row.center().y())),
        4: beside(panel.finding.make),
        5: corner(panel.buttons.show_table),
        6: corner(panel.buttons.csv),
    }


def photograph(path: Path, theme: str) -> None:
    """Write the window after all steps, with their numbers."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    for data, attributes, _ in tissue():
        viewer.add_image(data, **attributes)
    places = {
        number: widget.mapTo(viewer.window._qt_window, spot)
        for number, (widget, spot) in work(viewer).items()
    }
    viewer.window.screenshot(str(path), flash=False, canvas_only=False)
    viewer.close()
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    for number, spot in places.items():
        x, y = spot.x(), spot.y()
        ring = (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)
        draw.ellipse(ring, fill=COLOR, outline="white", width=2)
        draw.text((x, y), str(number), fill="white", anchor="mm", font=font)
    picture.save(path, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    photograph(given.output, given.theme)
