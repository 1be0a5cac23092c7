"""Icons of the tools, in the color of the theme."""

from __future__ import annotations

from importlib.resources import files

from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

SIZE = 64  # pixels, enough for screens of high density


def icon(name: str, color: str) -> QIcon:
    """Draw an icon of this folder.

    Parameters
    ----------
    name : str
        Of the SVG file.
    color : str
        As CSS writes it.
    """
    text = (files(__name__) / f"{name}.svg").read_text()
    picture = QPixmap(SIZE, SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    drawing = text.replace("currentColor", color).encode()
    QSvgRenderer(QByteArray(drawing)).render(painter)
    painter.end()
    return QIcon(picture)
